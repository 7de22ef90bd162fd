# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""If the server has ended the connection of a cursor, the first statement of the next transaction
takes another one."""

import functools
import logging
import select

import psycopg2
from odoo import sql_db
from odoo.addons.odoo_cloud_compat import compat, settings
from psycopg2.extensions import STATUS_READY

_logger = logging.getLogger(__name__)

BROKEN = 2  # value of psycopg2's `connection.closed`; 1 means closed by ourselves


def was_heard(connection):
    """Whether the server has sent something unrequested; between two transactions that means it has
    ended the session."""
    poll = select.poll()  # unlike select(), it accepts any file descriptor number
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def is_ended(connection):
    """Whether the server has ended the connection, as far as can be known without a query."""
    return connection.closed == BROKEN or (not connection.closed and was_heard(connection))


def renew(cursor):
    """Give the cursor the connection of a new cursor of the same kind; the pool drops the broken
    one itself."""
    _logger.info("The connection to database %s was ended between two transactions; another is taken", cursor.dbname)
    if not cursor._cnx.closed:
        cursor._cnx.close()
    other = compat.cursor_like(cursor)
    cursor._cnx, cursor._obj = other._cnx, other._obj
    other._closed = True  # its connection was taken, so there is nothing to give back


def post_load():
    """Called once in each process that loads the addon, before it serves requests.

    The runtime switches this off in processes that hold the database's lock, because ending one of
    their sessions takes the lock from them.
    """
    if not settings.is_true("DATABASE_RECONNECT"):
        return
    original = sql_db.Cursor.execute
    if getattr(original, "reconnects", False):
        return

    @functools.wraps(original)
    def execute(self, *args, **kwargs):
        connection = self._cnx
        # Within a transaction its earlier work is lost, so the caller that began it has to repeat
        # it, as Odoo does.
        if self._closed or connection.status != STATUS_READY or connection.autocommit:
            return original(self, *args, **kwargs)
        if is_ended(connection):
            renew(self)
            return original(self, *args, **kwargs)
        try:
            return original(self, *args, **kwargs)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            if connection.closed != BROKEN:
                raise
        # It was ended during the first statement, which the server has rolled back.
        renew(self)
        return original(self, *args, **kwargs)

    execute.reconnects = True
    sql_db.Cursor.execute = execute
