# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import contextlib
import io
import json
from unittest.mock import patch

import psycopg2
from odoo import sql_db
from odoo.addons.odoo_cloud_compat import compat
from odoo.service import server
from odoo.tests.common import TransactionCase, tagged
from odoo.tools import mute_logger

from .. import outage


@tagged("post_install", "-at_install")
class TestOutage(TransactionCase):
    def setUp(self):
        super().setUp()
        outage.post_load()  # a second time changes nothing
        self.addCleanup(outage._told.update, outage._told.copy())

    @contextlib.contextmanager
    def _answering(self, **environ):
        outage._serving.environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/web", **environ}
        try:
            yield
        finally:
            outage._serving.environ = outage._serving.error = None

    def _away(self):
        return patch.object(psycopg2, "connect", side_effect=psycopg2.OperationalError("connection refused"))

    def _connect(self, name="oc-away"):
        cursor = sql_db.db_connect(name).cursor()
        self.addCleanup(self._close, cursor)
        return cursor

    def _close(self, cursor):
        with contextlib.suppress(psycopg2.Error, sql_db.PoolError), mute_logger("odoo.sql_db"):
            cursor.close()

    def test_a_server_that_is_away(self):
        with self._away(), mute_logger("odoo.sql_db"):
            with self._answering(), self.assertRaises(outage.DatabaseUnavailable), self.assertLogs(outage.__name__):
                outage._told["away"] = False
                self._connect()
            with self.assertRaises(psycopg2.OperationalError):  # not for a request
                self._connect()

    def test_a_database_that_does_not_exist(self):
        with self._answering(), mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.OperationalError):
            self._connect("oc-no-such-database")

    def test_a_connection_that_ends_in_a_transaction(self):
        cursor, ender = self._connect(self.env.cr.dbname), self._connect(self.env.cr.dbname)
        cursor.execute("SELECT pg_backend_pid()")
        ender.execute("SELECT pg_terminate_backend(%s)", cursor.fetchone())
        with (
            self._answering(),
            mute_logger("odoo.sql_db", outage.__name__),
            self.assertRaises(outage.DatabaseUnavailable),
        ):
            for _number in range(200):
                cursor.execute("SELECT pg_sleep(0.05)")

    def test_what_the_caller_is_told(self):
        def told(**environ):
            answer = outage.DatabaseUnavailable(environ).error_response
            self.assertEqual((answer.status_code, answer.headers["Retry-After"]), (503, "2"))
            return answer.get_data()

        self.assertIn(b"<h1>", told(PATH_INFO="/web"))
        body = json.dumps({"jsonrpc": "2.0", "id": 5}).encode()
        rpc = told(CONTENT_TYPE="application/json", CONTENT_LENGTH=str(len(body)), **{"wsgi.input": io.BytesIO(body)})
        self.assertEqual((json.loads(rpc)["id"], json.loads(rpc)["error"]["code"]), (5, 503))
        two = told(CONTENT_TYPE="application/json", PATH_INFO="/json/2/res.users/read")
        self.assertEqual(json.loads(two)["name"], "werkzeug.exceptions.ServiceUnavailable")

    def test_odoo_still_has_what_is_changed(self):
        """Every replaced name exists in Odoo, so that a change in Odoo is noticed."""
        self.assertTrue(getattr(sql_db.ConnectionPool, "_odoo_cloud_outage", False))
        for owner, name in (
            (sql_db.ConnectionPool, "borrow"),
            (sql_db.Cursor, "execute"),
            (sql_db.Cursor, "commit"),
            (sql_db.Cursor, "rollback"),
            (server.ThreadedServer, "cron_thread"),
            (server.PreforkServer, "process_spawn"),
        ):
            self.assertTrue(hasattr(getattr(owner, name), "__wrapped__"), name)
        self.assertEqual(compat.configured_database(), self.env.cr.dbname)
