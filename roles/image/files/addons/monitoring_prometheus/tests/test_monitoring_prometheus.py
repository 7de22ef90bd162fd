# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import re

from odoo.addons.odoo_cloud_compat import compat
from odoo.addons.odoo_cloud_compat.testing import environ
from odoo.tests.common import HttpCase, tagged

from .. import metrics


@tagged("post_install", "-at_install")
class TestPrometheus(HttpCase):
    def _metrics(self, **headers):
        return self.opener.get(compat.base_url() + "/metrics", headers=headers)

    def _count(self, kind):
        found = re.search(rf'request_latency_sec_count{{query_type="{kind}"}} ([0-9.]+)', self._metrics().text)
        return float(found.group(1)) if found else 0

    def test_every_request_counts_once(self):
        before = {kind: self._count(kind) for kind in ("client", "filestore", "assets")}
        for _turn in range(3):
            self.url_open("/web/login")
        self.url_open("/web/content/999999")
        self.url_open("/web/static/img/favicon.ico")
        for kind, more in (("client", 3), ("filestore", 1), ("assets", 1)):
            self.assertEqual(self._count(kind), before[kind] + more, kind)

    def test_not_public(self):
        self.assertEqual(self._metrics().status_code, 200)
        self.assertEqual(self._metrics(**{"X-Forwarded-For": "10.0.0.1"}).status_code, 403)
        with environ(ODOO_METRICS_TOKEN="let-me-in"):
            self.assertEqual(self._metrics().status_code, 403)
            self.assertEqual(self._metrics(Authorization="Bearer wrong").status_code, 403)
            answer = self._metrics(**{"Authorization": "Bearer let-me-in", "X-Forwarded-For": "10.0.0.1"})
            self.assertEqual(answer.status_code, 200)

    def test_who_may_read(self):
        self.assertTrue(metrics.may_read({"REMOTE_ADDR": "172.17.0.3"}))
        self.assertFalse(metrics.may_read({"REMOTE_ADDR": "8.8.8.8"}))
        self.assertFalse(metrics.may_read({}))

    def test_labels_are_bounded(self):
        for path, kind in (
            ("/anything/static/x.js", "assets"),
            ("/web/assets/1/x.js", "assets"),
            ("/web/content/1", "filestore"),
            ("/web/image/1", "filestore"),
            ("/shop/whatever", "client"),
        ):
            self.assertEqual(metrics.query_type(path), kind)
