# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Tests against a real store, that of SWIFT_AUTH_URL etc. Skipped if SWIFT_WRITE_CONTAINER is not set."""

import os

from odoo.addons.base_attachment_object_storage.models.ir_attachment import StoreError
from odoo.addons.base_attachment_object_storage.tests.common import (
    LOGGERS,
    DownloadTests,
    StoreCase,
    StoreTests,
)
from odoo.tests import common
from odoo.tests.common import BaseCase, HttpCase, tagged
from odoo.tools import mute_logger
from odoo_cloud_runtime.store import swift as store
from odoo_cloud_runtime.store.objects import parse

LOGGER = LOGGERS[0]


class NeedsStore:
    def setUp(self):
        if not os.environ.get("SWIFT_WRITE_CONTAINER"):
            self.skipTest("SWIFT_WRITE_CONTAINER is not set")
        super().setUp()

    @classmethod
    def _request_handler(cls, session, request, **kwargs):
        """16 and later allow tests to send requests to Odoo only; these send some to the store."""
        return common._super_send(session, request, **kwargs)


@tagged("post_install", "-at_install")
class TestSwift(NeedsStore, StoreTests, StoreCase):
    allow_inherited_tests_method = True
    storage = "swift"

    def objects(self):
        container = self.env["ir.attachment"]._store_bucket("swift")
        return [item["name"] for item in store.connection().get_container(container, full_listing=True)[1]]

    def test_container_of_somebody_else_is_only_read(self):
        data = self.content()
        with self.transaction() as env:
            attachment = self.make(env, data)
            key, number = attachment.checksum, attachment.id
        before = os.environ["SWIFT_WRITE_CONTAINER"]
        os.environ["SWIFT_WRITE_CONTAINER"] = "copy-of-it"
        self.addCleanup(os.environ.__setitem__, "SWIFT_WRITE_CONTAINER", before)
        with self.transaction() as env:
            attachment = env["ir.attachment"].browse(number)
            self.assertEqual(attachment.raw, data)
            attachment.unlink()
            other = self.make(env, self.content())
            self.assertTrue(self.fname(other)[0].startswith("swift://copy-of-it/"))
        self._remove()
        os.environ["SWIFT_WRITE_CONTAINER"] = before
        self.assertIn(key, self.objects())
        self.discard(key)

    def test_refused_password_is_told(self):
        before = os.environ["SWIFT_PASSWORD"]
        self.addCleanup(os.environ.__setitem__, "SWIFT_PASSWORD", before)
        os.environ["SWIFT_PASSWORD"] = "wrong-wrong-wrong"
        with (
            self.assertLogs(LOGGER, "ERROR"),
            mute_logger(LOGGERS[1]),
            self.transaction() as env,
            self.assertRaises(StoreError),
            env.cr.savepoint(),
        ):
            self.make(env, self.content())

    def test_readiness(self):
        with self.transaction() as env:
            self.make(env, self.content())
        self.env["ir.attachment"]._store_check("swift")


@tagged("post_install", "-at_install")
class TestSwiftDownload(NeedsStore, DownloadTests, HttpCase):
    storage = "swift"


@tagged("post_install", "-at_install")
class TestSwiftSettings(BaseCase):
    def test_version(self):
        env = {"SWIFT_AUTH_URL": "https://auth/v3", "SWIFT_ACCOUNT": "a", "SWIFT_PASSWORD": "b"}
        self.assertEqual(store.load(env).version, "3")
        self.assertEqual(store.load(dict(env, SWIFT_AUTH_URL="http://swift/auth/v1.0")).version, "1")
        with self.assertRaises(store.SettingsError):
            store.load({"SWIFT_AUTH_URL": "https://auth/v3"})

    def test_uri(self):
        self.assertEqual(parse("swift://container/key"), ("swift", "container", "key"))
        with self.assertRaises(ValueError):
            parse("swift://container")
