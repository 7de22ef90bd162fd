# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases of before are copied into an account of their own, and what an intruder wrote there is not."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import types

import pytest
from delivery_tools import FolderObjects, make_addon

from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.bucket import Places, Sync
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.host import Host
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.release import (
    DeliveryError,
    Manifest,
    read_packed,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.sources import Filter, Sources
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.takeover import Takeover
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_client import S3Error
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_keys import S3Failure

PLACES = Places("", "demo")


class Store(FolderObjects):
    """A bucket of one account."""

    names = FolderObjects.keys

    def __init__(self, folder, access):
        super().__init__(folder, threads=1)
        folder.mkdir(exist_ok=True)
        self.client = types.SimpleNamespace(keys=types.SimpleNamespace(access=access))

    def get(self, key, most=0):
        data = super().get(key)
        return data[:most] if data is not None and most else data

    def list(self, prefix, delimiter="", all_pages=True):
        return super().list(prefix, delimiter)


@pytest.fixture
def old(tmp_path):
    return Store(tmp_path / "old", "demo:odoo")


@pytest.fixture
def new(tmp_path):
    return Store(tmp_path / "new", "demo-code:odoo")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "machine" / "code"


def deliver(objects, folder, text, channel="demo"):
    """Publishes a release whose addon has this text. Returns its name."""
    make_addon(folder, "ours", files={"text": text})
    sources = Sources("19", Filter())
    sources.add_addons(str(folder))
    packages = sources.finish(["base"])
    manifest = Manifest("19", [one.entry() for one in packages])
    Sync(objects, Places("", channel)).run(manifest, packages)
    return manifest.release


def pull(path, objects, keep=3):
    host = Host(str(path), keep)
    with host.lock():
        release = host.wanted(objects, PLACES)
        host.switch(host.pull(objects, PLACES, host.fetch_manifest(objects, PLACES, release)))
        host.prune()
    return release


def take_over(path, old, new, check=False, pinned=""):
    host = Host(str(path), check_mode=check)
    with host.lock():
        done = Takeover(host, old, new, PLACES, pinned)
        return done.run(), done


def channel(objects, name="demo"):
    return json.loads(objects.get(f"channels/{name}.json"))["release"]


def test_everything_that_was_delivered_here_is_copied_and_nothing_is_deleted(tmp_path, path, old, new):
    releases = [pull(path, old) for text in ("one", "two") if deliver(old, tmp_path / "src", text)]
    deliver(old, tmp_path / "src", "one", channel="also")
    before = old.names()
    changed, done = take_over(path, old, new)
    assert changed and sorted(done.releases) == sorted(releases) and sorted(done.channels) == ["also", "demo"]
    assert new.names() == before == old.names()
    assert channel(new) == releases[1] and channel(new, "also") == releases[0]
    assert not done.left and not done.pending
    for key in before:  # as another machine would get it
        assert key.startswith("releases/") or new.get(key) == old.get(key)
    other = Host(str(tmp_path / "other"))
    with other.lock():
        other.pull(new, PLACES, other.fetch_manifest(new, PLACES, releases[0]))


def test_a_release_that_is_no_longer_on_the_machine_is_known_from_its_record(tmp_path, path, old, new):
    releases = [pull(path, old, keep=1) for text in "abc" if deliver(old, tmp_path / "src", text)]
    assert Host(str(path)).releases() == releases[2:]
    assert sorted(take_over(path, old, new)[1].releases) == sorted(releases)


def test_afterwards_the_old_account_is_never_read_again(tmp_path, path, old, new):
    deliver(old, tmp_path / "src", "one")
    pull(path, old)
    take_over(path, old, new)
    old.log.clear(), new.log.clear()
    (tmp_path / "planted").mkdir()
    deliver(old, tmp_path / "planted", "planted")
    old.log.clear()
    assert take_over(path, old, new)[0] is False
    assert old.log == new.log == []


def test_a_machine_without_a_release_believes_nothing(tmp_path, path, old, new):
    deliver(old, tmp_path / "src", "planted")
    old.log.clear()
    changed, done = take_over(path, old, new)
    assert changed and old.log == [] and new.names() == []
    assert done.actions == ["record that the releases are in the account of demo-code:odoo"]
    assert json.loads((path / "account.json").read_text()) == {"access_key": "demo-code:odoo", "bucket": "folder"}
    assert take_over(path, old, new)[0] is False


def test_what_the_machine_never_had_stays_behind_and_is_named(tmp_path, path, old, new):
    ours = deliver(old, tmp_path / "src", "ours")
    pull(path, old)
    theirs = deliver(old, tmp_path / "planted", "planted")  # and its channel demo
    deliver(old, tmp_path / "src", "ours", channel="also")
    dummy, done = take_over(path, old, new)
    assert done.releases == [ours] and done.channels == ["also"]
    assert done.left == [f"channel demo: names release {theirs}, which this machine never had"]
    assert not [key for key in new.names() if theirs in key]


def test_a_release_that_the_inventory_names_is_copied(tmp_path, path, old, new):
    ours = deliver(old, tmp_path / "src", "ours")
    assert take_over(path, old, new, pinned=ours)[1].releases == [ours]


@pytest.mark.parametrize("kill_at", range(1, 16))
def test_a_copy_that_was_killed_is_finished_by_the_next_run(tmp_path, path, old, new, kill_at):
    for text in ("one", "two"):
        deliver(old, tmp_path / "src", text)
        pull(path, old)
    new.break_after = kill_at
    try:
        take_over(path, old, new)
    except OSError:
        assert not (path / "account.json").exists()
        for key in new.names():  # whatever is there is complete
            if key.startswith("channels/"):
                assert f"releases/{channel(new)}.json" in new.names()
            elif key.startswith("releases/") and key.count(".") == 1:
                packs = json.loads((new.folder / key).read_text())["packages"]
                assert all(f"packs/{one['digest']}.tar.gz" in new.names() for one in packs)
    new.break_after = -1
    take_over(path, old, new)
    assert new.names() == old.names()


def test_a_channel_that_is_there_already_stays(tmp_path, path, old, new):
    deliver(old, tmp_path / "src", "one")
    pull(path, old)
    later = deliver(new, tmp_path / "src", "two")
    take_over(path, old, new)
    assert channel(new) == later


def test_check_mode_tells_it_and_changes_nothing(tmp_path, path, old, new):
    release = deliver(old, tmp_path / "src", "one")
    pull(path, old)
    changed, done = take_over(path, old, new, check=True)
    assert changed and done.pending and new.names() == [] and not (path / "account.json").exists()
    assert done.actions[:2] == [f"copy release {release}", f"set channel demo to {release}"]
    take_over(path, old, new)
    changed, done = take_over(path, old, new, check=True)
    assert not changed and not done.pending


def test_without_an_old_bucket_there_is_nothing_to_copy(tmp_path, path, old, new):
    deliver(old, tmp_path / "src", "one")
    pull(path, old)

    def none(*dummy, **more):
        raise S3Failure("no bucket") from S3Error(404, "NoSuchBucket", "", {})

    old.list = none
    assert take_over(path, old, new)[1].releases == [] and (path / "account.json").exists()


# An archive, manifest or channel that an intruder replaced


def archive(members) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as made:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def forge(old, kind, content):
    for key in old.names():
        if key.startswith(kind) and not key.endswith(".gz" if kind == "releases/" else "\0"):
            old._write(key, content(json.loads((old.folder / key).read_text())) if callable(content) else content)


def inflated(manifest) -> bytes:
    manifest["packages"][0]["size"] = float("inf")
    return json.dumps(manifest).encode()


@pytest.mark.parametrize(
    ("kind", "content", "keep"),
    [
        ("packs/", archive([("ours/__init__.py", b"import os")]), 3),
        ("packs/", archive([("../ours", b"")]), 3),
        ("packs/", gzip.compress(b"\0" * 50_000_000), 3),
        ("packs/", b"", 3),
        ("packs/", b"no archive", 3),
        ("releases/", b"[" * 200_000, 1),
        ("releases/", b"{}", 1),
        ("releases/", inflated, 1),
    ],
    # what an archive holds differs with each second, and so would the test's name
    ids=["other", "outside", "inflated", "empty", "none", "nested", "no keys", "inflated manifest"],
)
def test_a_forged_object_is_not_copied_and_stops_nothing(tmp_path, path, old, new, kind, content, keep):
    first = deliver(old, tmp_path / "src", "one")
    pull(path, old, keep)
    deliver(old, tmp_path / "src", "two")
    pull(path, old, keep)  # with keep=1 the first one is only recorded
    forge(old, kind, content)
    dummy, done = take_over(path, old, new)
    assert any(line.startswith(f"release {first}: ") for line in done.left)
    assert f"releases/{first}.json" not in new.names()
    assert all(line.isprintable() and len(line) <= 300 for line in done.left)
    assert (path / "account.json").exists()


@pytest.mark.parametrize(
    "content", [b"[" * 60_000, b"{}", b"\x1b[2J", b"", json.dumps({"format": 1, "release": "../x"}).encode()]
)
def test_a_forged_channel_is_left(tmp_path, path, old, new, content):
    deliver(old, tmp_path / "src", "one")
    pull(path, old)
    forge(old, "channels/", content)
    dummy, done = take_over(path, old, new)
    assert done.channels == [] and len(done.left) == 1 and len(done.releases) == 1


def test_what_is_not_hashed_of_a_forged_manifest_is_dropped(tmp_path, path, old, new):
    release = deliver(old, tmp_path / "src", "one")
    pull(path, old, keep=1)
    deliver(old, tmp_path / "src", "two")
    pull(path, old, keep=1)

    def forged(manifest):
        manifest["about"] = {"repositories": ["\x1b[2J"]}
        manifest["packages"][0]["version"] = "\x1b[2J"
        return json.dumps(manifest).encode()

    forge(old, "releases/", forged)
    take_over(path, old, new)
    assert b"u001b" not in new.get(f"releases/{release}.json") and b"\x1b" not in new.get(f"releases/{release}.json")


@pytest.mark.parametrize(("rest", "why"), [(30_000_000, "holds more than"), (0, "is damaged")])
def test_the_header_of_an_archive_cannot_claim_gigabytes(rest, why):
    block = tarfile.TarInfo("pax")
    block.type, block.size = tarfile.XHDTYPE, (1 << 33) - 1
    data = gzip.compress(block.tobuf(tarfile.USTAR_FORMAT) + b"\0" * rest)
    with pytest.raises(DeliveryError, match=why):
        read_packed(data, {"name": "ours", "size": 5, "files": 1, "digest": "0" * 64}, "here")
