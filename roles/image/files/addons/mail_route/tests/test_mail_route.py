# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import inspect

from odoo.addons.base.models import ir_mail_server
from odoo.tests.common import TransactionCase, tagged

from .. import route


@tagged("post_install", "-at_install")
class TestMailRoute(TransactionCase):
    def test_odoo_still_has_what_is_changed(self):
        """The replaced method exists in Odoo with the arguments that are replaced."""
        owner, name = route.mail_server_class(ir_mail_server)
        self.assertTrue(getattr(getattr(owner, name), "odoo_cloud_route", False))
        names = inspect.signature(getattr(owner, name)).parameters
        for argument in ("host", "port", "encryption", "user", "password", "mail_server_id"):
            self.assertIn(argument, names)

    def test_a_server_of_the_database_is_not_used(self):
        given = {}

        def connect(self, host=None, port=None, user=None, password=None, encryption=None, mail_server_id=None):
            given.update(
                host=host, port=port, user=user, password=password, encryption=encryption, server=mail_server_id
            )

        route.catching(connect, ("catcher", 1025))(self, user="me", password="secret", mail_server_id=7)
        self.assertEqual((given["host"], given["port"], given["encryption"]), ("catcher", 1025, "none"))
        self.assertEqual((given["user"], given["password"], given["server"]), (None, None, None))
