# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Tests against a real store, that of AWS_HOST etc. Skipped if AWS_BUCKETNAME is not set."""

import os
import time

from odoo.addons.base_attachment_object_storage.models.ir_attachment import StoreError
from odoo.addons.base_attachment_object_storage.tests.common import (
    LOGGERS,
    DownloadTests,
    StoreCase,
    StoreTests,
)
from odoo.tests.common import HttpCase, tagged
from odoo.tools import mute_logger
from odoo_cloud_runtime.store import s3 as store

LOGGER = LOGGERS[0]


@tagged("post_install", "-at_install")
class TestS3(StoreTests, StoreCase):
    allow_inherited_tests_method = True
    storage = "s3"

    def setUp(self):
        if not os.environ.get("AWS_BUCKETNAME"):
            self.skipTest("AWS_BUCKETNAME is not set")
        super().setUp()

    def _environ(self, **values):
        for name, value in values.items():
            before = os.environ.get(name)
            if before is None:
                self.addCleanup(os.environ.pop, name, None)
            else:
                self.addCleanup(os.environ.__setitem__, name, before)
            os.environ[name] = value

    def objects(self, bucket=None):
        bucket = bucket or self.env["ir.attachment"]._store_bucket("s3")
        pages = store.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def test_database_in_the_bucket_name(self):
        self._environ(AWS_BUCKETNAME="w-{db}-own")
        with self.transaction() as env:
            attachment = self.make(env, self.content())
            bucket = f"w-{env.cr.dbname.replace('_', '-').lower()}-own"
            self.assertTrue(self.fname(attachment)[0].startswith(f"s3://{bucket}/"))
            key, number = attachment.checksum, attachment.id
        self.assertIn(key, self.objects(bucket))
        with self.transaction() as env:
            env["ir.attachment"].browse(number).unlink()
        self.assertEqual(self.objects(bucket), [])
        store.client().delete_bucket(Bucket=bucket)

    def test_bucket_of_somebody_else_is_only_read(self):
        data = self.content()
        with self.transaction() as env:
            attachment = self.make(env, data)
            key, number = attachment.checksum, attachment.id
            production = env["ir.attachment"]._store_bucket("s3")
        self._environ(AWS_BUCKETNAME=production + "-copy")
        with self.transaction() as env:
            attachment = env["ir.attachment"].browse(number)
            self.assertEqual(attachment.raw, data)
            self.assertNotIn(number, [row[0] for row in env["ir.attachment"]._rows_to_move("s3")])
            attachment.unlink()
            self.make(env, data)
        self.assertIn(key, self.objects(production))
        self.assertIn(key, self.objects(production + "-copy"))
        self._remove()
        self.assertEqual(self.objects(production + "-copy"), [])
        store.client().delete_bucket(Bucket=production + "-copy")
        os.environ["AWS_BUCKETNAME"] = production
        self.discard(key)

    def test_store_is_away(self):
        with self.transaction() as env:
            number = self.make(env, self.content()).id
        self._environ(AWS_HOST="http://127.0.0.1:1", AWS_CONNECT_TIMEOUT="1")
        begin = time.monotonic()
        with mute_logger(*LOGGERS):
            with self.transaction() as env, self.assertRaises(StoreError):
                env["ir.attachment"].browse(number).raw  # noqa: B018
            with self.transaction() as env, self.assertRaises(StoreError), env.cr.savepoint():
                self.make(env, self.content())
        self.assertLess(time.monotonic() - begin, 30)

    def test_refused_key_is_told(self):
        self._environ(AWS_SECRET_ACCESS_KEY="wrong-wrong-wrong")
        with (
            self.assertLogs(LOGGER, "ERROR"),
            mute_logger(LOGGERS[1]),
            self.transaction() as env,
            self.assertRaises(StoreError),
            env.cr.savepoint(),
        ):
            self.make(env, self.content())

    def test_readiness(self):
        self.env["ir.attachment"]._store_check("s3")
        self._environ(AWS_BUCKETNAME="there-is-no-such-bucket")
        with self.assertRaises(StoreError):
            self.env["ir.attachment"]._store_check("s3")


@tagged("post_install", "-at_install")
class TestS3Download(DownloadTests, HttpCase):
    storage = "s3"

    def setUp(self):
        if not os.environ.get("AWS_BUCKETNAME"):
            self.skipTest("AWS_BUCKETNAME is not set")
        super().setUp()
