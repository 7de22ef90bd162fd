# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.odoo_cloud.platform.plugins.modules import files


def entry(path, **values):
    return {
        "path": str(path),
        "state": "file",
        "content": None,
        "secret_content": None,
        "mode": None,
        "owner": str(os.getuid()),
        "group": str(os.getgid()),
        **values,
    }


def test_writes_then_changes_nothing(tmp_path):
    one = entry(tmp_path / "a", content="x\n", mode="0640")
    assert files.apply_entry(one, check_mode=False) is not None
    assert (tmp_path / "a").read_text() == "x\n"
    assert stat.S_IMODE(os.stat(tmp_path / "a").st_mode) == 0o640
    assert files.apply_entry(one, check_mode=False) is None
    assert os.listdir(tmp_path) == ["a"]


def test_check_mode_touches_nothing_but_tells(tmp_path):
    before, after = files.apply_entry(entry(tmp_path / "a", content="x\n"), check_mode=True)
    assert before["state"] == "absent"
    assert after["content"] == "x\n"
    assert not os.listdir(tmp_path)


def test_a_wrong_mode_alone_keeps_the_content(tmp_path):
    path = tmp_path / "a"
    path.write_text("kept")
    path.chmod(0o644)
    inode = path.stat().st_ino
    assert files.apply_entry(entry(path, content="kept", mode="0600"), check_mode=False) is not None
    assert path.stat().st_ino == inode
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_secret_is_not_in_the_difference(tmp_path):
    (tmp_path / "a").write_text("old secret")
    before, after = files.apply_entry(entry(tmp_path / "a", secret_content="new secret"), check_mode=True)
    assert "old secret" not in str(before)
    assert "new secret" not in str(after)


def test_a_folder_where_a_file_should_be_is_never_removed(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(files.FilesError, match="a folder is there where a file should be"):
        files.apply_entry(entry(tmp_path / "a", content="x"), check_mode=False)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"mode": "rw"}, "mode='rw'"),
        ({"owner": "nobody-of-that-name"}, "no such owner"),
        ({"path": "relative"}, "must be absolute"),
    ],
)
def test_wrong_values(tmp_path, values, text):
    with pytest.raises(files.FilesError, match=text):
        files.apply_entry({**entry(tmp_path / "a", content="x"), **values}, check_mode=True)


def test_a_file_that_nobody_reads_any_more_is_removed(tmp_path):
    path = tmp_path / "folder" / "secret"
    path.parent.mkdir()
    path.write_text("secret")
    os.utime(path.parent, ns=(5 * 10**9, 7 * 10**9))
    one = entry(path, state="absent")
    before, after = files.apply_entry(one, check_mode=True)
    assert (before["state"], after["state"]) == ("file", "absent")
    assert path.exists()
    files.apply_entry(one, check_mode=False)
    assert not path.exists()
    assert path.parent.stat().st_mtime_ns == 7 * 10**9  # or the containers that have it mounted would be restarted
    assert files.apply_entry(one, check_mode=False) is None
    assert files.apply_entry(entry(tmp_path / "gone" / "file", state="absent"), check_mode=False) is None


def test_a_link_is_removed_and_not_what_it_names(tmp_path):
    (tmp_path / "target").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    files.apply_entry(entry(tmp_path / "link", state="absent"), check_mode=False)
    assert os.listdir(tmp_path) == ["target"]


def test_a_folder_is_never_removed(tmp_path):
    with pytest.raises(files.FilesError, match="a folder is there, and state=absent removes files only"):
        files.apply_entry(entry(tmp_path, state="absent"), check_mode=False)
