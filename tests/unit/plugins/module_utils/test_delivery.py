# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import json
import os
import tarfile

import pytest
from delivery_tools import make_addon

from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery import release as delivery
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.sources import Sources


def read(parent, version="19"):
    sources = Sources(version)
    sources.add_addons(str(parent))
    return sources.finish()


@pytest.fixture
def package(tmp_path):
    make_addon(
        tmp_path / "a",
        "acme",
        files={"x.sh": "#!/bin/sh", "static/ümlaut.bin": os.urandom(3_000_000), "d/" * 40 + "deep.txt": "x"},
    )
    (tmp_path / "a/acme/x.sh").chmod(0o755)
    (package,) = read(tmp_path / "a")
    return package


def test_an_archive_is_deterministic_and_comes_back_whole(package, tmp_path):
    data = delivery.pack(package)
    os.utime(tmp_path / "a/acme/x.sh", (5, 5))
    assert delivery.pack(read(tmp_path / "a")[0]) == data
    (tmp_path / "out").mkdir()
    assert delivery.unpack(data, package.entry(), str(tmp_path / "out"), "archive") == len(package.files)
    files = delivery.read_unpacked(str(tmp_path / "out"), "acme")
    assert delivery.digest_of(files) == package.digest
    assert os.access(tmp_path / "out/acme/x.sh", os.X_OK) and not os.access(tmp_path / "out/acme/__init__.py", os.X_OK)
    for level in (1, 9):  # other bytes, the same content and name
        (tmp_path / f"out{level}").mkdir()
        delivery.unpack(delivery.pack(package, level), package.entry(), str(tmp_path / f"out{level}"), "archive")


def test_files_of_other_content_have_another_time(tmp_path):
    # Python believes a compiled file when time and size of the source are the same.
    times = set()
    for number in range(50):
        digest, dummy = delivery.write_file(str(tmp_path / f"{number}"), [f"{number:04}".encode()])
        times.add(os.stat(tmp_path / f"{number}").st_mtime)
        assert os.stat(tmp_path / f"{number}").st_mtime == delivery.mtime_of(digest)
    assert len(times) == 50


def test_a_file_that_changes_meanwhile_is_refused(package, tmp_path):
    (tmp_path / "a/acme/x.sh").write_text("other")
    with pytest.raises(delivery.DeliveryError, match="changed while"):
        delivery.pack(package)
    (tmp_path / "a/acme/x.sh").unlink()
    with pytest.raises(delivery.DeliveryError, match="a moment ago"):
        delivery.pack(package)


def archive_of(*members) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.size = kind, len(content)
            member.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([("../evil", tarfile.REGTYPE, b"x")], "is no file of"),
        ([("acme/../../evil", tarfile.REGTYPE, b"x")], "is no file of"),
        ([("/evil", tarfile.REGTYPE, b"x")], "is no file of"),
        ([("other/x", tarfile.REGTYPE, b"x")], "is no file of"),
        ([("acme/l", tarfile.SYMTYPE, b"")], "is no file of"),
        ([("acme/l", tarfile.LNKTYPE, b"")], "is no file of"),
        ([("acme/p", tarfile.FIFOTYPE, b"")], "is no file of"),
        ([("acme/x", tarfile.REGTYPE, b"x" * 2000)], "holds more than"),
        ([("acme/x", tarfile.REGTYPE, b"x")], "not that of"),
        ([], "not that of"),
    ],
)
def test_an_archive_that_is_something_else_is_refused(tmp_path, members, said):
    make_addon(tmp_path / "a", "acme")
    entry = read(tmp_path / "a")[0].entry()
    (tmp_path / "in/out").mkdir(parents=True)
    with pytest.raises(delivery.DeliveryError, match=said):
        delivery.unpack(archive_of(*members), entry, str(tmp_path / "in/out"), "archive")
    assert not (tmp_path / "in/evil").exists() and not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "damage",
    [lambda d: d[: len(d) // 2], lambda d: b"", lambda d: b"no archive", lambda d: d[:500] + b"\0\0\0\0" + d[504:]],
)
def test_a_damaged_archive_is_refused(package, tmp_path, damage):
    (tmp_path / "out").mkdir()
    with pytest.raises(delivery.DeliveryError, match="nothing of it is used"):
        delivery.unpack(damage(delivery.pack(package)), package.entry(), str(tmp_path / "out"), "archive")


def manifest_of(packages, **options):
    return delivery.Manifest("19.0", [one.entry() for one in packages], **options)


def test_the_name_of_a_release_follows_from_its_content(package):
    one = manifest_of([package], requirements="a\n", about={"x": 1})
    assert delivery.is_release(one.release)
    assert manifest_of([package], requirements="a\n", about={"x": 2}).release == one.release
    others = [
        manifest_of([package]), manifest_of([], requirements="a\n"), manifest_of([package], requirements="a\n", constraints="b\n"),
        manifest_of([package], requirements="a\n", system_packages=["git"]), delivery.Manifest("18.0", one.packages, "a\n"),
    ]  # fmt: skip
    assert len({one.release, *(other.release for other in others)}) == 6
    again = delivery.Manifest.load(one.dump(), "here", one.release)
    assert again.dump() == one.dump() and again.release == one.release


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(requirements="evil\n"), lambda d: d["packages"][0].update(digest="0" * 64), lambda d: d.update(format=2),
        lambda d: d["packages"][0].update(name="../x"), lambda d: d["packages"][0].update(kind="other"), lambda d: d.pop("digest"),
        lambda d: d["packages"][0].pop("size"), lambda d: d.update(packages=3), lambda d: d.update(digest="0" * 64),
    ],
)  # fmt: skip
def test_a_manifest_that_was_changed_is_refused(package, change):
    document = json.loads(manifest_of([package]).dump())
    change(document)
    with pytest.raises(delivery.DeliveryError, match="^here: "):
        delivery.Manifest.load(json.dumps(document).encode(), "here")


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b'{"format": 1}'])
def test_what_is_no_manifest(data):
    with pytest.raises(delivery.DeliveryError):
        delivery.Manifest.load(data, "here")
    with pytest.raises(delivery.DeliveryError):
        delivery.load_files(data, "here")


def test_difference_of_two_releases(tmp_path):
    for name in ("a", "b", "c"):
        make_addon(tmp_path / "one", name)
    for name in ("b", "c", "d"):
        make_addon(tmp_path / "two", name, files={"new": "x"} if name == "c" else {})
    one, two = (manifest_of(read(tmp_path / name)) for name in ("one", "two"))
    found = delivery.package_difference(one, two, "addon")
    assert found == (["d"], ["c"], ["a"]) and found
    assert not delivery.package_difference(one, one, "addon")
    assert delivery.package_difference(None, one, "addon").added == ["a", "b", "c"]
    packages = read(tmp_path / "two")
    files = delivery.load_files(delivery.dump_files(packages), "here")
    assert {name: delivery.digest_of(found) for name, found in files.items()} == {
        one.id: one.digest for one in packages
    }
    text = delivery.describe(two, files, ["addon/c"])
    assert "addon/c 19.0.1.0.0" in text and "  c/new " in text and "  d/" not in text and delivery.describe(None) == ""
