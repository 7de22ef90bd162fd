# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
from odoo.tests.common import TransactionCase, tagged
from odoo.tools import mute_logger


@tagged("post_install", "-at_install")
class TestRules(TransactionCase):
    def _stays(self, mimetype, size):
        return self.env["ir.attachment"]._stays_in_database(mimetype, size)

    def _set(self, value):
        self.env["ir.config_parameter"].set_param("ir_attachment.storage.force.database", value)

    def test_default(self):
        self.assertTrue(self._stays("image/png", 51200))
        self.assertFalse(self._stays("image/png", 51201))
        self.assertTrue(self._stays("text/css", 10**7))
        self.assertFalse(self._stays("application/pdf", 1))
        self.assertFalse(self._stays(False, 1))

    def test_own_rules(self):
        self._set("{'application/pdf': 10}")
        self.assertTrue(self._stays("application/pdf", 10))
        self.assertFalse(self._stays("image/png", 1))

    def test_broken_rules_are_told(self):
        self._set("{'image/':")
        with self.assertLogs("odoo.addons.base_attachment_object_storage.models.ir_attachment", "ERROR"):
            self.assertTrue(self._stays("image/png", 1))

    @mute_logger("odoo.addons.base_attachment_object_storage.models.ir_attachment")
    def test_no_dictionary(self):
        self._set("[1]")
        self.assertTrue(self._stays("image/png", 1))
