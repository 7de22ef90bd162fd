# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import contextlib
import time
from unittest.mock import patch

import psycopg2
from odoo import sql_db
from odoo.tests.common import TransactionCase, tagged
from odoo.tools import mute_logger

from .. import cursor as addon


@tagged("post_install", "-at_install")
class TestReconnect(TransactionCase):
    def setUp(self):
        super().setUp()
        addon.post_load()  # a second time changes nothing
        # Odoo's own cursors: those of tests share one transaction.
        self.cursor = self._cursor()
        self.ender = self._cursor()

    def _cursor(self):
        cursor = sql_db.db_connect(self.env.cr.dbname).cursor()
        self.addCleanup(self._close, cursor)
        return cursor

    def _close(self, cursor):
        with contextlib.suppress(psycopg2.Error, sql_db.PoolError), mute_logger("odoo.sql_db"):
            cursor.close()

    def _process(self, cursor):
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]

    def _end(self, process):
        self.ender.execute("SELECT pg_terminate_backend(%s)", [process])
        for _number in range(100):
            self.ender.commit()
            self.ender.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [process])
            if not self.ender.fetchone():
                self.ender.commit()
                return
            time.sleep(0.05)
        self.fail("the session did not end")

    def test_ended_between_transactions(self):
        for finish in (self.cursor.commit, self.cursor.rollback):
            process = self._process(self.cursor)
            finish()
            self._end(process)
            self.assertNotEqual(self._process(self.cursor), process)
            self.cursor.execute("SHOW transaction_isolation")
            self.assertEqual(self.cursor.fetchone()[0], "repeatable read")
            finish()

    def test_ended_in_the_moment_of_the_first_statement(self):
        process = self._process(self.cursor)
        self.cursor.commit()
        self._end(process)
        with patch.object(addon, "was_heard", lambda connection: False), mute_logger("odoo.sql_db"):
            self.assertNotEqual(self._process(self.cursor), process)

    def test_ended_before_anything_was_asked(self):
        process = self.cursor._cnx.get_backend_pid()
        self._end(process)
        self.assertNotEqual(self._process(self.cursor), process)

    def test_in_a_transaction_it_fails(self):
        self._end(self._process(self.cursor))
        with self.assertRaises(psycopg2.Error), mute_logger("odoo.sql_db"):
            self.cursor.execute("SELECT 1")

    def test_given_back(self):
        process = self._process(self.cursor)
        self.cursor.commit()
        self._end(process)
        self._process(self.cursor)
        connection = self.cursor._cnx
        self.cursor.close()
        self.assertFalse(connection.closed)
        self.assertIn(connection, [one[0] if isinstance(one, tuple) else one for one in sql_db._Pool._connections])

    def test_a_closed_cursor_stays_closed(self):
        self.cursor.close()
        with self.assertRaises(psycopg2.Error):
            self.cursor.execute("SELECT 1")
