# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import os
import pathlib
import tarfile
import zipfile

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import plan as image_plan
from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import python_archive

HASH = "--hash=sha256:" + "a" * 64
ODOO_FILES = pathlib.Path(__file__).parents[4] / "roles/image/files/odoo"


def wheel(folder, name="hello_oc", version="1.0", script=False):
    """A small wheel, made by hand; returns its requirement with its hash."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}/__init__.py": "WORDS = 'hello'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if script:
        members[f"{info}/entry_points.txt"] = f"[console_scripts]\n{name} = {name}:WORDS\n"
    record = []
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record.append(f"{member},sha256={digest},{len(text)}")
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,"]) + "\n")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_requirements_are_joined_and_comments_left_out():
    text = f"# MIT\na==1.0 \\\n    {HASH} \\\n    {HASH}  # why\n\nb.c_d==2.0rc1+x {HASH}\n"
    assert python_archive.requirements(text) == [f"a==1.0 {HASH} {HASH}", f"b.c_d==2.0rc1+x {HASH}"]
    assert python_archive.requirements("") == []


@pytest.mark.parametrize(
    "line", ["a", "a==1.0", f"a>=1.0 {HASH}", "-r other.txt", f"a[x]==1.0 {HASH}", f"a==1.0 {HASH[:-1]}"]
)
def test_requirements_that_are_not_pinned_are_refused(line):
    with pytest.raises(python_archive.ArchiveError, match=r"requirements:2: .* is not pinned; right is name==version"):
        python_archive.requirements(f"# first\n{line}\n")


@pytest.mark.parametrize("version", image_plan.PYTHONS)
def test_each_python_has_its_requirements(version):
    lines = python_archive.requirements((ODOO_FILES / f"requirements-{version}.txt").read_text(encoding="utf-8"))
    names = [line.split("==")[0].lower() for line in lines]
    assert {"pyyaml", "anthem"} <= set(names)
    assert len(names) == len(set(names))


def test_archive_has_the_packages_without_programs(tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    line = wheel(wheels, script=True)
    path = tmp_path / "made" / "a.tar"
    path.parent.mkdir()
    old = os.umask(0o077)
    try:
        python_archive.make(str(path), [line], "3.9", "x86_64", str(wheels))
    finally:
        os.umask(old)
    with tarfile.open(path) as archive:
        entries = {entry.name: entry for entry in archive.getmembers()}
    assert "python/hello_oc/__init__.py" in entries
    assert not [name for name in entries if name.startswith("python/bin")]
    assert {(entry.uid, entry.gid, entry.mode & 0o077) for entry in entries.values()} == {(0, 0, 0o44), (0, 0, 0o55)}
    assert [one.name for one in path.parent.iterdir()] == ["a.tar"]


def test_a_wheel_with_another_content_is_refused(tmp_path):
    wheel(tmp_path)
    with pytest.raises(python_archive.ArchiveError, match="pip: .*HASHES"):
        python_archive.make(str(tmp_path / "a.tar"), [f"hello_oc==1.0 {HASH}"], "3.9", "x86_64", str(tmp_path))
    assert not (tmp_path / "a.tar").exists()


def test_reason_is_one_line():
    stderr = "WARNING: x\nERROR: Could not find a version\nERROR: No matching distribution found for a==1.0\n"
    assert python_archive.reason(stderr) == "No matching distribution found for a==1.0"
    assert python_archive.reason("") == "no reason given"
