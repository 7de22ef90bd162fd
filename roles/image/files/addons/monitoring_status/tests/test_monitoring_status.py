# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
from unittest.mock import patch

from odoo.addons.odoo_cloud_compat.testing import log_lines
from odoo.tests.common import HttpCase, tagged
from odoo.tools import mute_logger

from ..controllers import main


@tagged("post_install", "-at_install")
class TestStatus(HttpCase):
    def setUp(self):
        super().setUp()
        main._last.clear()
        self.addCleanup(main._last.clear)

    def _ready(self):
        answer = self.url_open(main.READINESS)
        return answer.status_code, answer.json()

    def test_status(self):
        answer = self.url_open(main.STATUS)
        self.assertEqual((answer.status_code, answer.json()), (200, {"status": 1}))

    def test_ready(self):
        checks = dict.fromkeys(("database", "state", "sessions", "storage"), True)
        self.assertEqual(self._ready(), (200, {"status": 1, "checks": checks}))

    def test_strangers_see_no_checks(self):
        """Through the proxy, which says who asks, only the addresses that it lets see them do."""
        forwarded = {"X-Forwarded-For": "203.0.113.7"}
        answer = self.url_open(main.READINESS, headers=forwarded)
        self.assertEqual((answer.status_code, answer.json()), (200, {"status": 1}))
        answer = self.url_open(main.READINESS, headers={**forwarded, "X-Odoo-Details": "1"})
        self.assertIn("checks", answer.json())

    def test_not_ready(self):
        def broken():
            raise RuntimeError("secret detail")

        for name in ("database", "state", "sessions", "storage"):
            main._last.clear()
            with patch.object(main, f"check_{name}", broken), mute_logger(main.__name__):
                status, data = self._ready()
            self.assertEqual(status, 503, name)
            self.assertFalse(data["checks"][name])
            self.assertNotIn("secret", str(data))

    def test_state(self):
        self.env.cr.execute("DROP TABLE IF EXISTS public.curq_state_history")
        self.env.cr.execute("CREATE TABLE public.curq_state_history (id serial, state varchar)")
        for state, status in (("Ready", 200), ("Upgrading", 503), ("Force Ready", 200), ("Failed", 503)):
            self.env.cr.execute("INSERT INTO public.curq_state_history (state) VALUES (%s)", (state,))
            with mute_logger(main.__name__):
                self.assertEqual(self._ready()[0], status, state)

    def test_filter(self):
        with log_lines("werkzeug") as lines:
            self.url_open(main.STATUS)
            self.url_open("/web/login")
        self.assertEqual(len(lines), 1)
        self.assertIn("/web/login", lines[0])
