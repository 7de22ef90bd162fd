# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Puts the store of this addon in the place of Odoo's, when the environment says so."""

import logging

from odoo.addons.odoo_cloud_compat import compat, settings

from . import connection
from .store import RedisSessionStore, SessionStoreUnavailable

_logger = logging.getLogger(__name__)

# A start must not take longer the more old files there are; what is left over is taken when its owner comes.
IMPORT_SECONDS = 20


def make_store(file_store, where=None, client=None):
    """A store in Redis that makes the same sessions as Odoo's own store, and takes over what that one has."""
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


def post_load():
    """Called once in each process that loads the addon, before it serves anything."""
    if not settings.is_true("ODOO_SESSION_REDIS"):
        return
    where = connection.load()
    file_store = compat.session_store()
    if isinstance(file_store, RedisSessionStore):
        return
    store = make_store(file_store, where)
    compat.set_session_store(store)
    compat.answer_with(SessionStoreUnavailable)
    _logger.info("HTTP sessions are stored in Redis: %s", where)
    if where.import_files:
        store.import_files(IMPORT_SECONDS)
