# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import importlib
from types import SimpleNamespace
from unittest.mock import patch

from odoo.addons.odoo_cloud_compat.testing import environ
from odoo.tests.common import TransactionCase, tagged
from odoo.tools import mute_logger
from odoo_cloud_runtime.rules.environment import CloudPlatformError

LOGGER = "odoo.addons.cloud_platform.models.cloud_platform"
REDIS = {
    "ODOO_SESSION_REDIS": "1",
    "ODOO_SESSION_REDIS_HOST": "redis",
    "ODOO_SESSION_REDIS_PREFIX": "acme-odoo-test",
}
NOTHING = dict.fromkeys(("RUNNING_ENV", "ODOO_STAGE", "ODOO_CLOUD_PLATFORM_UNSAFE", "ODOO_CLOUD_PROJECT"))


@tagged("post_install", "-at_install")
class TestCloudPlatform(TransactionCase):
    def setUp(self):
        super().setUp()
        self.platform = self.env["cloud.platform"]
        self.kinds = self.platform._platform_kinds()
        self._set("cloud.platform.kind", False)

    def _set(self, name, value):
        self.env["ir.config_parameter"].set_param(name, value)

    def _get(self, name):
        return self.env["ir.config_parameter"].get_param(name)

    def _environ(self, **values):
        return environ(**dict(NOTHING, **values))

    def test_not_set_up_is_only_told(self):
        with self._environ(), self.assertLogs(LOGGER, "WARNING"):
            self.platform.check()

    @mute_logger(LOGGER)
    def test_not_set_up_but_in_production_is_checked(self):
        with (
            self._environ(RUNNING_ENV="prod", ODOO_SESSION_REDIS=None),
            self.assertRaises(CloudPlatformError) as caught,
        ):
            self.platform.check()
        self.assertIn("ODOO_SESSION_REDIS is not 1: in prod sessions must be in Redis", caught.exception.problems)

    def test_unsafe(self):
        unsafe = self._environ(RUNNING_ENV="prod", ODOO_CLOUD_PLATFORM_UNSAFE="1", ODOO_SESSION_REDIS=None)
        with unsafe, self.assertLogs(LOGGER, "WARNING"):
            self.platform.check()

    def test_install_needs_a_provider(self):
        with self._environ(RUNNING_ENV="test", **REDIS), self.assertRaises(CloudPlatformError):
            self.platform.install("there-is-none")
        if len(self.kinds) != 1:
            with self._environ(RUNNING_ENV="test", **REDIS), self.assertRaises(CloudPlatformError):
                self.platform.install()

    def test_install_needs_an_environment(self):
        for kind in self.kinds:
            with self._environ(RUNNING_ENV="production", **REDIS), self.assertRaises(CloudPlatformError):
                self.platform.install(kind)

    def test_install_in_test(self):
        for kind in self.kinds:
            self._set("ir_attachment.location", "file")
            with self._environ(RUNNING_ENV="test", **REDIS):
                self.platform.install(kind)
                self.platform.check()
            self.assertEqual(self._get("cloud.platform.kind"), kind)
            self.assertEqual(self._get("ir_attachment.location"), "db")

    def test_install_in_production(self):
        redis = dict(REDIS, ODOO_SESSION_REDIS_PREFIX="acme-odoo-prod")
        for kind in self.kinds:
            location = {"exoscale": "s3", "ovh": "swift"}[kind]
            with patch.object(type(self.env["ir.attachment"]), "force_storage") as moved:
                good = {"AWS_BUCKETNAME": "acme-odoo-prod", "SWIFT_WRITE_CONTAINER": "acme-odoo-prod"}
                with self._environ(**{"RUNNING_ENV": "prod", **redis, **good}):
                    getattr(self.platform, f"install_{kind}")()
                self.assertEqual(self._get("ir_attachment.location"), location)
                moved.assert_called_once_with()
                bad = {"AWS_BUCKETNAME": "acme-odoo-test", "SWIFT_WRITE_CONTAINER": "acme-odoo-test"}
                with self._environ(**{"RUNNING_ENV": "prod", **redis, **bad}), self.assertRaises(CloudPlatformError):
                    self.platform.check()

    def test_wrong_set_up_is_not_served(self):
        for kind in self.kinds:
            self._set("cloud.platform.kind", kind)
            self._set("ir_attachment.location", "file")
            with self._environ(RUNNING_ENV="test", **REDIS), self.assertRaises(CloudPlatformError) as caught:
                self.platform._register_hook()
            self.assertEqual(
                str(caught.exception),
                "ir_attachment.location is 'file': in test attachments must be in the database ('db');"
                " env['cloud.platform'].install() sets this",
            )

    def test_songs_under_both_paths(self):
        songs = importlib.import_module("odoo.addons.cloud_platform.songs")
        old = importlib.import_module("openerp.addons.cloud_platform.songs")
        called = []
        platform = SimpleNamespace(**{f"install{kind}": lambda: called.append(1) for kind in ("", "_exoscale", "_ovh")})
        context = SimpleNamespace(env={"cloud.platform": platform})
        for module in (songs, old):
            for kind in ("", "_exoscale", "_ovh"):
                getattr(module, f"install{kind}")(context)
        self.assertEqual(len(called), 6)
        self.assertIs(songs, old)
        self.assertEqual(songs.__spec__.name, "odoo.addons.cloud_platform.songs")
