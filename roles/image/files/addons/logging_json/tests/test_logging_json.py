# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import json
import logging
import sys

from odoo.tests.common import HttpCase, tagged

from ..formatter import OdooJsonFormatter
from ..hooks import with_request_id


class Odd:
    def __str__(self):
        raise ValueError("no text")

    __repr__ = __str__


@tagged("post_install", "-at_install")
class TestLoggingJson(HttpCase):
    def _line(self, message, *args, **extra):
        record = logging.getLogger("x").makeRecord("x", logging.INFO, "f", 1, message, args, None, extra=extra)
        line = OdooJsonFormatter().format(record)
        self.assertNotIn("\n", line)
        return json.loads(line)

    def test_fields(self):
        data = self._line("hello %s", "you")
        self.assertEqual(data["message"], "hello you")
        for name in ("asctime", "pid", "levelname", "dbname", "name", "message", "request_id", "uid"):
            self.assertIn(name, data)
        self.assertEqual(data["levelname"], "INFO")

    def test_records_and_odd_objects(self):
        self.assertEqual(self._line("%s", self.env.user)["message"], str(self.env.user))
        self.assertIn("res.users", str(self._line("x", user=self.env.user)["user"]))
        self._line("%s", Odd())
        self._line("%d", "not a number")
        self._line(Odd())
        self.assertEqual(self._line("x", odd=Odd())["message"], "x")
        endless = []
        for _turn in range(5000):
            endless = [endless]
        self._line("%s", endless)
        self._line("x", endless=endless)
        circle = {}
        circle["self"] = circle
        self._line("x", circle=circle)
        self._line(b"bytes \xff")

    def test_one_line_with_a_traceback(self):
        record = None
        try:
            raise ValueError("two\nlines")
        except ValueError:
            record = logging.LogRecord("x", logging.ERROR, "f", 1, "m", (), sys.exc_info())
        line = OdooJsonFormatter().format(record)
        self.assertNotIn("\n", line)
        self.assertIn("ValueError: two\nlines", json.loads(line)["exc_info"])

    def test_tokens_are_masked(self):
        message = self._line('"GET /web/content/1?access_token=abc123&x=1 HTTP/1.1" 200')["message"]
        self.assertEqual(message, '"GET /web/content/1?access_token=***&x=1 HTTP/1.1" 200')

    def _call(self, **environ):
        seen = {}

        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            seen["inside"] = self._line("x")["request_id"]
            return [b"answer"]

        def start_response(status, headers, exc_info=None):
            seen["header"] = dict(headers)["X-Request-ID"]

        answer = with_request_id(application, environ, start_response)
        self.assertEqual(b"".join(answer), b"answer")
        seen["sent"] = self._line("x")["request_id"]
        answer.close()
        seen["after"] = self._line("x")["request_id"]
        return seen

    def test_request_id(self):
        seen = self._call(HTTP_X_REQUEST_ID="abc-123")
        self.assertEqual(seen, {"inside": "abc-123", "header": "abc-123", "sent": "abc-123", "after": None})
        seen = self._call(HTTP_X_REQUEST_ID='bad" value')
        self.assertRegex(seen["inside"], r"\A[0-9a-f-]{36}\Z")
        self.assertNotEqual(self._call()["inside"], self._call()["inside"])

    def test_request_id_over_http(self):
        answer = self.url_open("/web/login", headers={"X-Request-ID": "over-http-1"})
        self.assertEqual(answer.headers["X-Request-ID"], "over-http-1")
