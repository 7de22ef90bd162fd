# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Puts the store of this addon in the place of Odoo's, when the environment says so."""

import logging

from odoo.addons.odoo_cloud_compat import compat, settings

_logger = logging.getLogger(__name__)

# A start must not take longer the more old files there are; what is left over is taken when its owner comes.
IMPORT_SECONDS = 20
EXIT_CONFIG = 78  # as the runtime's


def post_load():
    """Called once in each process that loads the addon, before it serves anything."""
    try:
        if not settings.is_true("ODOO_SESSION_REDIS"):
            return
        from . import connection, factory, store

        file_store = compat.session_store()
        if isinstance(file_store, store.RedisSessionStore):
            return
        where = connection.load()
        redis_store = factory.make_store(file_store, where)
    except (ImportError, ValueError) as error:
        # Odoo would go on with files: a user of one replica would be a stranger to the next.
        _logger.critical("Sessions can't be kept in Redis: %s", error)
        raise SystemExit(EXIT_CONFIG) from error
    compat.set_session_store(redis_store)
    compat.answer_with(store.SessionStoreUnavailable)
    _logger.info("HTTP sessions are stored in Redis: %s", where)
    if where.import_files:
        redis_store.import_files(IMPORT_SECONDS)
