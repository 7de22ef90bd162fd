# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import json

from odoo.addons.odoo_cloud_compat.testing import log_in, log_lines
from odoo.tests.common import HttpCase, tagged

LOGGER = "monitoring.http.requests"


@tagged("post_install", "-at_install")
class TestLogRequests(HttpCase):
    def test_page(self):
        with log_lines(LOGGER) as lines:
            answer = self.url_open("/web/login?token=secret-1", headers={"User-Agent": "test"})
        self.assertEqual(answer.status_code, 200)
        (info,) = [info for info in map(json.loads, lines) if info["path"] == "/web/login"]
        self.assertEqual((info["method"], info["status"], info["user_agent"]), ("GET", 200, "test"))
        self.assertEqual(info["db"], self.env.cr.dbname)
        self.assertGreater(info["duration"], 0)
        self.assertIn("token=***", info["url"])
        self.assertNotIn("secret-1", json.dumps(info))

    def test_call(self):
        log_in(self)
        body = {
            "jsonrpc": "2.0",
            "method": "call",
            "params": {"model": "res.users", "method": "read", "args": [[self.env.uid], ["login"]], "kwargs": {}},
        }
        with log_lines(LOGGER) as lines:
            self.url_open("/web/dataset/call_kw", data=json.dumps(body), headers={"Content-Type": "application/json"})
        (info,) = map(json.loads, lines)
        self.assertEqual((info["model"], info["model_method"], info["login"]), ("res.users", "read", "admin"))
        self.assertTrue(info["uid"])
