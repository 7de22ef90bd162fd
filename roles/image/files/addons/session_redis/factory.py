# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Creates the store: this addon's, mixed into the class of Odoo's own."""

from odoo.addons.odoo_cloud_compat import compat

from . import connection
from .store import RedisSessionStore


def make_store(file_store, where=None, client=None):
    """Return a store in Redis that creates the same sessions as Odoo's own store `file_store`, and
    imports its sessions."""
    where = where or connection.load()
    store_class = type("RedisSessionStore", (RedisSessionStore, type(file_store)), {})
    store = store_class(file_store.path, session_class=file_store.session_class, renew_missing=True)
    store.configure(
        client or connection.connect(where),
        prefix=where.prefix,
        expiration=where.expiration,
        expiration_anonymous=where.expiration_anonymous,
        file_store=file_store if where.import_files else None,
        devices=compat.DEVICE_SESSIONS,
        repair=compat.repair_session,
        deletion_timer=compat.SESSION_DELETION_TIMER,
    )
    return store
