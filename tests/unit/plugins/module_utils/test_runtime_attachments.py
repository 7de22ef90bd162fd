# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mover of attachments without a database: which row goes where, what the places do, what stores are told."""

from __future__ import annotations

import hashlib
import io
import types

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.attachments import mover, places
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.attachments.options import CommandOptions
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.attachments.session import Row
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import variables
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.store import objects as object_store


class OwnBucket:
    prefix = "s3://own/"

    def owns(self, fname):
        return (fname or "").startswith(self.prefix)


def mover_to(target, rules=None, **options):
    session = types.SimpleNamespace(
        options=CommandOptions(action="move", **options),
        rules=object_store.STAYS_IN_DATABASE if rules is None else rules,
        place=lambda name: OwnBucket(),
    )
    return mover.Mover(session, target)


def row(fname=None, size=100, mimetype="application/pdf", db_size=0):
    return Row(1, fname, "a" * 40, size, mimetype, db_size)


@pytest.mark.parametrize(
    ("target", "given", "expected"),
    [
        ("s3", row("ab/abc"), "s3"),
        ("s3", row(db_size=100), "s3"),
        ("s3", row("swift://x/y"), "s3"),
        ("s3", row("s3://own/y"), None),
        ("s3", row("s3://production/y"), None),
        ("s3", row("azure://x/y"), None),
        ("s3", row("ab/abc", mimetype="image/png"), "db"),
        ("s3", row("ab/abc", 51201, "image/png"), "s3"),
        ("s3", row(db_size=51200, mimetype="image/png"), None),
        ("s3", row(mimetype="text/css", db_size=10**7), None),
        ("s3", row("swift://x/y", mimetype="image/png"), "db"),
        ("s3", row(size=0, db_size=0), None),
        ("file", row(db_size=10, mimetype="image/png"), "file"),
        ("file", row("ab/abc"), None),
        ("db", row("s3://own/y"), "db"),
        ("db", row(db_size=10), None),
    ],
)
def test_where_a_row_goes(target, given, expected):
    assert mover_to(target).target_of(given) == expected


def test_options_that_say_which_rows():
    assert mover_to("s3", foreign=True).target_of(row("s3://production/y")) == "s3"
    assert mover_to("s3", foreign=True).target_of(row("s3://own/y")) is None
    assert mover_to("s3", sources=("db",)).target_of(row("ab/abc")) is None
    assert mover_to("s3", rules={"application/pdf": 10}).target_of(row("ab/abc", 10)) == "db"


def test_rules_of_the_database():
    assert object_store.database_rules(None) == object_store.STAYS_IN_DATABASE
    assert object_store.database_rules("{'a/': '5'}") == {"a/": 5}
    for wrong in ("{'a/':", "[1]", "{'a/': 'x'}"):
        with pytest.raises(ValueError, match="must be like"):
            object_store.database_rules(wrong)


def test_names():
    assert object_store.parse("s3://bucket/a/b") == ("s3", "bucket", "a/b")
    for wrong in ("s3://bucket", "s3://", "ab/abc"):
        with pytest.raises(ValueError, match="not of the form"):
            object_store.parse(wrong)
    assert [places.place_name(name) for name in (None, "", "ab/abc", "s3://b/k", "Swift://b/k")] == [
        "db", "db", "file", "s3", "swift",
    ]  # fmt: skip
    assert object_store.by_bucket(["s3://a/1", "swift://a/2", "s3://a/3"]) == {
        ("s3", "a"): ["1", "3"], ("swift", "a"): ["2"],
    }  # fmt: skip
    assert 0 < object_store.lock_number("s3://a/1") < 2**31


def test_md5_is_what_a_store_checks_and_leaves_a_file_where_it_was():
    data = b"x" * 700000
    file = io.BytesIO(data)
    assert object_store.md5_of(file).hexdigest() == object_store.md5_of(data).hexdigest()
    assert file.tell() == 0
    assert object_store.looks_like_md5('"D41D8CD98F00B204E9800998ECF8427E"') == "d41d8cd98f00b204e9800998ecf8427e"
    assert object_store.looks_like_md5('"d41d8cd98f00b204e9800998ecf8427e-3"') == ""


class Cursor:
    """Answers as PostgreSQL would: locks that others hold (number to shared or not), and names in committed rows."""

    def __init__(self, taken=None, named=()):
        self.taken, self.named, self.rows = dict(taken or {}), set(named), []

    def execute(self, statement, parameters):
        if "LIMIT 1" in statement:
            self.rows = [(number,) for number in parameters[0] if number not in self.taken][:1]
        elif "pg_try_advisory" in statement:
            self.rows = [(number, number not in self.taken) for number in parameters[1]]
        elif "pg_locks" in statement:
            self.rows = [(number % 2**32,) for number, shared in self.taken.items() if shared]
        else:
            self.rows = [(name,) for name in parameters[0] if name in self.named]

    def fetchall(self):
        return self.rows


def test_only_what_is_free_and_named_by_nobody_goes():
    gone = []
    taken = {object_store.lock_number("s3://b/busy"): True, object_store.lock_number("s3://b/again"): False}
    found = object_store.settle(
        Cursor(taken, ["s3://b/named"]), ["s3://b/busy", "s3://b/named", "s3://b/old", "s3://b/again"], gone.extend
    )
    assert gone == ["s3://b/old"]
    assert found == object_store.Settled(("s3://b/old",), ("s3://b/named",), ("s3://b/busy",), ("s3://b/again",))


@pytest.mark.parametrize("shared", [True, False])
def test_nothing_goes_while_somebody_uploads_very_much(shared):
    taken = dict.fromkeys(object_store.LOCK_ALL, shared)
    found = object_store.settle(Cursor(taken), ["s3://b/old"], pytest.fail)
    assert (found.kept, found.again, found.busy) == ((("s3://b/old",), (), ()) if shared else ((), ("s3://b/old",), ()))


def test_several_delete_at_once():
    gone = []
    taken = dict.fromkeys(object_store.LOCK_ALL[:-1], False)
    assert object_store.settle(Cursor(taken), ["s3://b/old"], gone.extend).deleted == ("s3://b/old",)


def test_filestore(tmp_path):
    settings = types.SimpleNamespace(data_dir=str(tmp_path), db_name="acme")
    files = places.Files(settings)
    content = places.Content(str(tmp_path))
    for piece in (b"some ", b"content"):
        content.write(piece)
    checksum = hashlib.sha1(b"some content").hexdigest()
    assert (content.checksum, content.size, content.data()) == (checksum, 12, b"some content")
    assert files.write(content) is False
    fname = files.fname(checksum)
    assert (tmp_path / "filestore" / "acme" / fname).read_bytes() == b"some content"
    again = places.Content(str(tmp_path))
    assert files.read(fname, again)
    assert again.checksum == checksum
    (tmp_path / "filestore" / "acme" / "checklist" / checksum[:2]).mkdir(parents=True)
    (tmp_path / "filestore" / "acme" / "checklist" / fname).touch()
    (tmp_path / "filestore" / "acme" / checksum[:2] / "notes.txt").touch()
    assert [(found.key, found.size) for found in files.listing()] == [(fname, 12)]
    assert files.path("../../../etc/passwd").startswith(f"{tmp_path}/filestore/acme/")
    assert files.delete([fname, fname]) == {}
    assert files.head(fname) is None
    assert not files.read(fname, again)


def test_variables(tmp_path):
    name = "DISABLE_ATTACHMENT_STORAGE"
    assert variables.is_true(name, env={name: "True"})
    with pytest.raises(variables.SettingsError, match=f"{name} is 'maybe': say 1 or 0"):
        variables.is_true(name, env={name: "maybe"})
    missing = tmp_path / "none"
    with pytest.raises(variables.SettingsError, match="SWIFT_PASSWORD_FILE"):
        variables.secret("SWIFT_PASSWORD", env={"SWIFT_PASSWORD_FILE": str(missing)})
