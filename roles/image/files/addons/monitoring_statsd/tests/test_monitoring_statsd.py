# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import json
import socket

from odoo.addons.odoo_cloud_compat.testing import environ, log_in
from odoo.tests.common import HttpCase, tagged
from odoo.tools import mute_logger

from .. import client


@tagged("post_install", "-at_install")
class TestStatsd(HttpCase):
    def setUp(self):
        super().setUp()
        self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.server.close)
        self.server.bind(("127.0.0.1", 0))
        self.server.settimeout(2)
        self.settings = {
            "ODOO_STATSD": "1",
            "STATSD_CUSTOMER": "acme.ch",
            "STATSD_ENVIRONMENT": "prod",
            "STATSD_HOST": "127.0.0.1",
            "STATSD_PORT": str(self.server.getsockname()[1]),
        }

    def _received(self):
        return self.server.recv(65536).decode().splitlines()

    def _call(self, model, method):
        body = {
            "jsonrpc": "2.0",
            "method": "call",
            "params": {"model": model, "method": method, "args": [[self.env.uid], ["login"]], "kwargs": {}},
        }
        self.url_open("/web/dataset/call_kw", data=json.dumps(body), headers={"Content-Type": "application/json"})

    def test_page(self):
        with environ(**self.settings):
            self.url_open("/web/login")
            (line,) = self._received()
        self.assertRegex(line, r"\Aodoo\.http\.request\.acme_ch\.prod:[0-9.]+\|ms\Z")

    def test_call(self):
        log_in(self)
        with environ(**self.settings):
            self._call("res.users", "read")
            lines = self._received()
            self.assertEqual(len(lines), 2)
            self.assertTrue(lines[1].startswith("odoo.http.button.acme_ch.prod.res_users.read:"))

    def test_names_are_bounded(self):
        log_in(self)
        with environ(**self.settings), mute_logger("odoo.http"):
            self._call("invented.model", "read")  # 19 refuses it before it is dispatched
            self._call("res.users", "invented_method")
            self.url_open("/web/login")
            lines = self._received()
            while len(lines) == 1 and "undefined" not in str(lines):
                lines = self._received()
        self.assertNotIn("invented", str(lines))

    def test_off_and_incomplete(self):
        self.assertIsNone(client.load({}))
        with self.assertRaises(client.SettingsError):
            client.load({"ODOO_STATSD": "1"})

    def test_nobody_listens(self):
        with environ(**dict(self.settings, STATSD_HOST="there.is.no.such.host.invalid")):
            self.assertEqual(self.url_open("/web/login").status_code, 200)
