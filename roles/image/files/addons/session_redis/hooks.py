# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Replaces Odoo's session store by the one of this addon, if the environment says so."""

import logging

from odoo.addons.odoo_cloud_compat import compat, settings

_logger = logging.getLogger(__name__)

# Limits the time of a start with many old files; the rest is imported when their owners return.
IMPORT_SECONDS = 20
EXIT_CONFIG = 78  # the same as the runtime's


def post_load():
    """Called once in each process that loads the addon, before it serves requests. Ends the process
    if Redis can't be used."""
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
        # Odoo would continue with files, so a user logged in at one replica would be unknown to the
        # next.
        _logger.critical("Sessions can't be kept in Redis: %s", error)
        raise SystemExit(EXIT_CONFIG) from error
    compat.set_session_store(redis_store)
    compat.answer_with(store.SessionStoreUnavailable)
    _logger.info("HTTP sessions are stored in Redis: %s", where)
    if where.import_files:
        redis_store.import_files(IMPORT_SECONDS)
