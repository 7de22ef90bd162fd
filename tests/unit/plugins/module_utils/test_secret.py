# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
import threading

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._secret import SecretError, read_or_create


def test_made_once_and_kept_private(tmp_path):
    folder = str(tmp_path / "secrets")
    first = read_or_create(folder, "demo/password")
    assert len(first) == 40
    assert read_or_create(folder, "demo/password") == first
    assert stat.S_IMODE(os.stat(f"{folder}/demo/password").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(f"{folder}/demo").st_mode) == 0o700
    assert os.listdir(f"{folder}/demo") == ["password"]


def test_check_mode_writes_nothing(tmp_path):
    assert len(read_or_create(str(tmp_path / "s"), "a", create=False)) == 40
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../b", "", ".hidden"])
def test_a_name_never_leaves_the_folder(tmp_path, name):
    with pytest.raises(SecretError):
        read_or_create(str(tmp_path), name)


def test_an_empty_file_is_an_error(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(SecretError, match="is empty"):
        read_or_create(str(tmp_path), "a")


def test_many_at_the_same_moment_agree(tmp_path):
    results = []
    barrier = threading.Barrier(8)

    def one():
        barrier.wait()
        results.append(read_or_create(str(tmp_path), "a"))

    threads = [threading.Thread(target=one) for dummy in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert len(set(results)) == 1
