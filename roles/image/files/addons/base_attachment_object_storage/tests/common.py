# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Tests for every store. The addon of a store runs them against a real one (see its README).

Most of them concern the end of a transaction, so they use separate cursors that really commit.
"""

import contextlib
import os
import urllib.parse
import urllib.request
import uuid

from odoo import SUPERUSER_ID, api
from odoo.addons.odoo_cloud_compat import compat
from odoo.tests.common import TransactionCase
from odoo.tools import mute_logger

LOGGERS = (
    "odoo.addons.base_attachment_object_storage.models.ir_attachment",
    "odoo.addons.base_attachment_object_storage.transaction",
)


def fname_of(attachment):
    """Return (store_fname, whether the content is in the database), read from the database, not from Odoo's cache."""
    compat.flush(attachment)
    attachment.env.cr.execute(
        "SELECT store_fname, db_datas IS NOT NULL FROM ir_attachment WHERE id = %s", (attachment.id,)
    )
    return attachment.env.cr.fetchone()


class Undo(Exception):
    """Ends a transaction with a rollback."""


class StoreCase(TransactionCase):
    """Base class. Subclasses define `storage` and `objects()`, and skip in setUp if there is no store."""

    storage = None

    def objects(self):
        """Return the keys of all objects in the own bucket."""
        raise NotImplementedError

    def setUp(self):
        super().setUp()
        self.names = []
        with self.transaction() as env:
            self.location_before = env["ir.config_parameter"].get_param("ir_attachment.location")
        self.addCleanup(self._remove)
        self._location(self.storage)

    def _location(self, value):
        with self.transaction() as env:
            env["ir.config_parameter"].set_param("ir_attachment.location", value)
        compat.clear_caches(self.env)

    def _remove(self):
        with mute_logger(*LOGGERS), self.transaction() as env:
            env["ir.attachment"].search([("name", "in", self.names)]).unlink()
            # A value that is False removes the parameter.
            env["ir.config_parameter"].set_param("ir_attachment.location", self.location_before)
        compat.clear_caches(self.env)

    @contextlib.contextmanager
    def transaction(self):
        """Yield an environment in a separate transaction, committed at the end; `Undo` rolls it back."""
        with contextlib.suppress(Undo), compat.new_cursor(self.env.cr.dbname) as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            yield env
            compat.flush(env["ir.attachment"])
            cr.commit()  # pylint: disable=unknown-option-value,invalid-commit

    def content(self, size=100):
        return (uuid.uuid4().bytes * (size // 16 + 1))[:size]

    def image(self, size=1000):
        """A small image of its own with so many bytes: Odoo opens images, and noise after their end is no part of them."""
        start = compat.png(4, 3)
        return start + self.content(size - len(start))

    def make(self, env, data, **values):
        name = uuid.uuid4().hex
        self.names.append(name)
        return env["ir.attachment"].create(
            dict({"name": name, "raw": data, "mimetype": "application/octet-stream"}, **values)
        )

    def fname(self, attachment):
        return fname_of(attachment)


class StoreTests:
    """The tests of storing, reading and deleting."""

    def test_written_and_read(self):
        data = self.content()
        with self.transaction() as env:
            attachment = self.make(env, data)
            fname, in_database = self.fname(attachment)
            self.assertTrue(fname.startswith(f"{self.storage}://"))
            self.assertTrue(fname.endswith("/" + attachment.checksum))
            self.assertFalse(in_database)
            number, key = attachment.id, attachment.checksum
        with self.transaction() as env:
            self.assertEqual(env["ir.attachment"].browse(number).raw, data)
        self.assertIn(key, self.objects())

    def test_same_content_is_one_object(self):
        data = self.content()
        with self.transaction() as env:
            first, second = self.make(env, data), self.make(env, data)
            key = first.checksum
            self.assertEqual(self.fname(first), self.fname(second))
        with self.transaction() as env:
            env["ir.attachment"].browse(first.id).unlink()
        self.assertIn(key, self.objects())
        with self.transaction() as env:
            env["ir.attachment"].browse(second.id).unlink()
        self.assertNotIn(key, self.objects())

    def test_small_images_and_assets_stay_in_the_database(self):
        with self.transaction() as env:
            for mimetype, size, in_database in (
                ("image/png", 51200, True),
                ("image/png", 51201, False),
                ("text/css", 90000, True),
                ("application/javascript", 90000, True),
                ("text/plain", 10, False),
            ):
                data = self.image(size) if mimetype == "image/png" else self.content(size)
                attachment = self.make(env, data, mimetype=mimetype)
                self.assertEqual(self.fname(attachment)[1], in_database, (mimetype, size))
                self.assertEqual(bool(self.fname(attachment)[0]), not in_database, (mimetype, size))
                self.assertEqual(attachment.checksum in self.objects(), not in_database, (mimetype, size))

    def test_upload_is_undone_by_a_rollback(self):
        keys = []
        with self.transaction() as env:
            keys = [self.make(env, self.content()).checksum for _turn in range(3)]
            self.assertEqual(set(keys) - set(self.objects()), set())
            raise Undo
        self.assertEqual(set(keys) & set(self.objects()), set())

    def test_upload_is_undone_by_a_savepoint(self):
        with self.transaction() as env:
            with contextlib.suppress(Undo), env.cr.savepoint():
                key = self.make(env, self.content()).checksum
                raise Undo
            self.assertIn(key, self.objects())
            compat.invalidate(env["ir.attachment"])
        self.assertNotIn(key, self.objects())

    def test_rollback_keeps_what_others_name(self):
        data = self.content()
        with self.transaction() as env:
            key = self.make(env, data).checksum
        with self.transaction() as env:
            self.make(env, data)
            raise Undo
        self.assertIn(key, self.objects())

    def test_deletion_waits_for_the_commit(self):
        with self.transaction() as env:
            attachment = self.make(env, self.content())
            key, number = attachment.checksum, attachment.id
        with self.transaction() as env:
            env["ir.attachment"].browse(number).unlink()
            self.assertIn(key, self.objects())
            raise Undo
        self.assertIn(key, self.objects())
        with self.transaction() as env:
            self.assertTrue(env["ir.attachment"].browse(number).raw)
            env["ir.attachment"].browse(number).unlink()
        self.assertNotIn(key, self.objects())

    def test_new_content_replaces_the_old(self):
        with self.transaction() as env:
            attachment = self.make(env, self.content())
            old, number = attachment.checksum, attachment.id
        with self.transaction() as env:
            attachment = env["ir.attachment"].browse(number)
            attachment.write({"raw": self.content()})
            new = attachment.checksum
            self.assertEqual({old, new} - set(self.objects()), set())
        self.assertNotIn(old, self.objects())
        self.assertIn(new, self.objects())
        with self.transaction() as env:  # into the database: 19 itself forgets the old object in this case
            env["ir.attachment"].browse(number).write({"raw": self.content(), "mimetype": "text/css"})
        self.assertNotIn(new, self.objects())

    def test_upload_protects_from_a_deletion_at_the_same_time(self):
        data = self.content()
        with self.transaction() as env:
            attachment = self.make(env, data)
            key, number = attachment.checksum, attachment.id
        with self.transaction() as env:
            compat.flush(self.make(env, data))  # not committed yet ...
            with self.transaction() as other:
                other["ir.attachment"].browse(number).unlink()  # ... when the last committed row is deleted
            self.assertIn(key, self.objects())
        self.assertIn(key, self.objects())

    def test_upload_that_protected_and_failed(self):
        data = self.content()
        with self.transaction() as env:
            attachment = self.make(env, data)
            key, number = attachment.checksum, attachment.id
        with self.transaction() as env:
            compat.flush(self.make(env, data))
            with self.transaction() as other:
                other["ir.attachment"].browse(number).unlink()
            raise Undo
        self.assertNotIn(key, self.objects())

    def test_switched_off(self):
        with self.transaction() as env:
            attachment = self.make(env, self.content())
            key, number = attachment.checksum, attachment.id
        os.environ["DISABLE_ATTACHMENT_STORAGE"] = "1"
        self.addCleanup(os.environ.pop, "DISABLE_ATTACHMENT_STORAGE", None)
        with mute_logger(*LOGGERS), self.transaction() as env:
            self.assertFalse(env["ir.attachment"].browse(number).raw)
            other = self.make(env, b"x" * 60000)
            self.assertEqual(self.fname(other), (None, True))
            env["ir.attachment"].browse(number).unlink()
        self.assertIn(key, self.objects())
        del os.environ["DISABLE_ATTACHMENT_STORAGE"]
        self.discard(key)

    def discard(self, key):
        """Delete an object that the test left behind on purpose."""
        with self.transaction() as env:
            prefix = env["ir.attachment"]._store_own_prefix(self.storage)
            env["ir.attachment"]._store_deleter()([prefix + key])

    def test_missing_object_is_told(self):
        with self.transaction() as env:
            attachment = self.make(env, self.content())
            number, key = attachment.id, attachment.checksum
        self.discard(key)
        with self.transaction() as env, self.assertLogs(LOGGERS[0], "ERROR") as log:
            self.assertEqual(env["ir.attachment"].browse(number).raw, b"")
        self.assertIn(f"/{key}", log.output[0])

    def test_moving_there_and_back(self):
        self._location("file")
        data = [self.content() for _turn in range(5)]
        with self.transaction() as env:
            attachments = [self.make(env, one) for one in data]
            keys = {attachment.checksum for attachment in attachments}
            small = self.make(env, self.image(), mimetype="image/png")
            paths = [attachment._full_path(self.fname(attachment)[0]) for attachment in attachments]
        self.assertTrue(all(map(os.path.exists, paths)))
        self._location(self.storage)
        with self.transaction() as env:
            left = env["ir.attachment"]._move(
                [row for row in env["ir.attachment"]._rows_to_move(self.storage) if row[0] >= attachments[0].id]
            )
            self.assertEqual(left, 0)
            # Nothing is lost before the commit.
            self.assertTrue(all(map(os.path.exists, paths)))
        self.assertFalse(any(map(os.path.exists, paths)))
        self.assertEqual(keys - set(self.objects()), set())
        with self.transaction() as env:
            for attachment, one in zip(attachments, data):
                self.assertEqual(env["ir.attachment"].browse(attachment.id).raw, one)
            self.assertEqual(self.fname(env["ir.attachment"].browse(small.id)), (None, True))
            rows = env["ir.attachment"]._rows_to_move(self.storage)
            self.assertEqual([row for row in rows if row[0] >= attachments[0].id], [])
        self._location("file")
        with self.transaction() as env:
            rows = env["ir.attachment"]._rows_to_move("file")
            self.assertEqual(env["ir.attachment"]._move([row for row in rows if row[0] >= attachments[0].id]), 0)
        self.assertEqual(keys & set(self.objects()), set())
        with self.transaction() as env:
            for attachment, one in zip(attachments, data):
                self.assertEqual(env["ir.attachment"].browse(attachment.id).raw, one)


class DownloadTests:
    """Base class, used together with HttpCase. Subclasses define `storage`. Everything happens in the test's transaction."""

    allow_inherited_tests_method = True
    storage = None

    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].set_param("ir_attachment.location", self.storage)

    def _create(self, data, mimetype):
        attachment = self.env["ir.attachment"].create(
            {"name": "download", "raw": data, "mimetype": mimetype, "public": True}
        )
        self.assertTrue(fname_of(attachment)[0].startswith(f"{self.storage}://"))
        return attachment

    def test_download(self):
        data = uuid.uuid4().bytes * 50000
        attachment = self._create(data, "application/octet-stream")
        url = f"/web/content/{attachment.id}"
        answer = self.url_open(url)
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer.content, data)
        if compat.Stream is None:
            return
        self.assertEqual(answer.headers["Content-Length"], str(len(data)))
        part = self.url_open(url, headers={"Range": "bytes=1000-1999"})
        self.assertEqual((part.status_code, part.content), (206, data[1000:2000]))
        self.assertEqual(part.headers["Content-Range"], f"bytes 1000-1999/{len(data)}")
        self.assertEqual(self.url_open(url, headers={"Range": "bytes=900000-"}).status_code, 416)
        same = self.url_open(url, headers={"If-None-Match": answer.headers["ETag"]})
        self.assertEqual((same.status_code, same.content), (304, b""))
        head = self.opener.head(compat.base_url() + url)
        self.assertEqual((head.status_code, head.headers["Content-Length"]), (200, str(len(data))))

    def _store(self, attachment):
        """The address of the store, as nginx sends it."""
        address = urllib.parse.urlsplit(attachment._store_link(attachment.store_fname, 60))
        return f"{address.scheme}://{address.netloc}"

    def test_past_odoo(self):
        data = uuid.uuid4().bytes * 70000
        attachment = self._create(data, "application/pdf")
        url, store = f"/web/content/{attachment.id}?download=true", self._store(attachment)
        answer = self.url_open(url, headers={"X-Odoo-Store": store})
        self.assertEqual((answer.status_code, answer.content), (200, b""))
        self.assertEqual(answer.headers["X-Accel-Redirect"], "/.odoo-store")
        self.assertEqual(answer.headers["Content-Type"], "application/pdf")
        self.assertIn("attachment", answer.headers["Content-Disposition"])
        self.assertEqual(answer.headers["X-Odoo-Range"], "")
        with urllib.request.urlopen(store + answer.headers["X-Odoo-Target"], timeout=20) as given:
            self.assertEqual(given.read(), data)
        part = self.url_open(url, headers={"X-Odoo-Store": store, "Range": "bytes=5-9"})
        self.assertEqual((part.status_code, part.headers["X-Odoo-Range"]), (200, "bytes=5-9"))
        other = self.url_open(url, headers={"X-Odoo-Store": store, "Range": "bytes=5-9", "If-Range": '"of before"'})
        self.assertEqual((other.status_code, other.headers["X-Odoo-Range"]), (200, ""))
        same = self.url_open(url, headers={"X-Odoo-Store": store, "If-None-Match": answer.headers["ETag"]})
        self.assertEqual((same.status_code, same.content), (304, b""))
        self.assertNotIn("X-Accel-Redirect", same.headers)

    def test_not_past_odoo(self):
        """Another store than nginx's, no nginx, a small file, a file of another bucket."""
        data = uuid.uuid4().bytes * 70000
        attachment, small = self._create(data, "application/pdf"), self._create(data[:999999], "text/plain")
        store = self._store(attachment)
        for one, headers in (
            (attachment, {"X-Odoo-Store": "http://elsewhere:8080"}),
            (attachment, {}),
            (small, {"X-Odoo-Store": store}),
        ):
            answer = self.url_open(f"/web/content/{one.id}", headers=headers)
            self.assertEqual((answer.status_code, answer.content), (200, data[: one.file_size]))
            self.assertNotIn("X-Accel-Redirect", answer.headers)
        self.assertEqual(attachment._store_link(f"{self.storage}://production/{attachment.checksum}", 60), "")

    def test_image_is_scaled(self):
        image = compat.png(400, 300)
        attachment = self._create(image, "image/png")
        os.environ["ODOO_DIRECT_DOWNLOAD_BYTES"] = "1"
        self.addCleanup(os.environ.pop, "ODOO_DIRECT_DOWNLOAD_BYTES")
        answer = self.url_open(f"/web/image/{attachment.id}/40x30", headers={"X-Odoo-Store": self._store(attachment)})
        self.assertEqual(answer.status_code, 200)
        self.assertTrue(answer.content.startswith(b"\x89PNG"))
        self.assertLess(len(answer.content), len(image))
