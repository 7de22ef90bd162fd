# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""The first statement of a transaction finds another connection when the server has ended the one that the cursor has."""

import functools
import logging
import select

import psycopg2
from odoo import sql_db
from odoo.addons.odoo_cloud_compat import compat, settings
from psycopg2.extensions import STATUS_READY

_logger = logging.getLogger(__name__)

BROKEN = 2  # psycopg2's `connection.closed`: 1 is closed by ourselves


def was_heard(connection):
    """Whether the server has said something that nobody asked for; between two transactions that is its farewell."""
    poll = select.poll()  # no limit on the number of a file, as select() has
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def is_ended(connection):
    """Whether the server has ended the connection, as far as can be known without asking it."""
    return connection.closed == BROKEN or (not connection.closed and was_heard(connection))


def renew(cursor):
    """Give the cursor a connection of another one of its kind; the pool drops the broken one by itself."""
    _logger.info("The connection to database %s was ended between two transactions; another is taken", cursor.dbname)
    if not cursor._cnx.closed:
        cursor._cnx.close()
    other = compat.cursor_like(cursor)
    cursor._cnx, cursor._obj = other._cnx, other._obj
    other._closed = True  # nothing is left of it to be given back


def post_load():
    """Called once in each process that loads the addon, before it serves anything.

    The runtime says no in processes that hold the database's lock: who ends a session of theirs takes the lock from them.
    """
    if not settings.is_true("DATABASE_RECONNECT"):
        return
    original = sql_db.Cursor.execute
    if getattr(original, "reconnects", False):
        return

    @functools.wraps(original)
    def execute(self, *args, **kwargs):
        connection = self._cnx
        # In a transaction, what was done in it is lost: that is for whoever began it to do again, as Odoo does.
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
        # It was ended in this moment, with its first statement under way: the server has taken that back.
        renew(self)
        return original(self, *args, **kwargs)

    execute.reconnects = True
    sql_db.Cursor.execute = execute
