# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
import threading

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.secret import (
    FORMER_ROOT,
    SecretError,
    begin_set,
    default_root,
    generated_digests,
    read_or_create,
    read_set,
)


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


def test_a_fresh_platform_has_a_root_by_its_name(tmp_path):
    folder = str(tmp_path / "s")
    assert default_root(folder, "shop") == "/srv/shop"
    assert not (tmp_path / "s").exists()
    made = begin_set(folder, "shop")
    assert (made.name, made.root, len(made.identity)) == ("shop", "", 40)
    read_or_create(folder, "demo/password")
    assert default_root(folder, "shop") == "/srv/shop"
    assert begin_set(folder, "shop") == made == read_set(folder)
    assert stat.S_IMODE(os.stat(f"{folder}/platform.json").st_mode) == 0o600


@pytest.mark.parametrize("name", ["odoo-cloud", "shop"])
def test_a_platform_from_before_keeps_its_root(tmp_path, name):
    folder = str(tmp_path)
    read_or_create(folder, "demo/password")  # no identity: what older versions made
    assert default_root(folder, name) == FORMER_ROOT == "/srv/odoo-cloud"
    begin_set(folder, name)
    assert default_root(folder, name) == FORMER_ROOT


def test_what_is_no_secret_does_not_make_a_set_old(tmp_path):
    (tmp_path / "images-refreshed").write_text("2026")
    (tmp_path / "tls").mkdir()
    assert default_root(str(tmp_path), "shop") == "/srv/shop"


def test_lost_secrets_make_a_fresh_platform(tmp_path):
    folder = tmp_path / "s"
    read_or_create(str(folder), "demo/password")
    begin_set(str(folder), "shop")
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert default_root(str(folder), "shop") == "/srv/shop"


def test_a_fingerprint_is_of_the_identity_and_does_not_show_it(tmp_path):
    made = begin_set(str(tmp_path), "shop")
    assert len(made.fingerprint) == 64 and made.identity not in made.fingerprint
    assert begin_set(str(tmp_path / "other"), "shop").fingerprint != made.fingerprint
    assert read_set(str(tmp_path / "none")).fingerprint == ""


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_an_identity_that_cannot_be_read_is_an_error(tmp_path, text):
    (tmp_path / "platform.json").write_text(text)
    with pytest.raises(SecretError, match="from the backup"):
        begin_set(str(tmp_path), "shop")


def test_only_what_looks_generated_gets_a_digest(tmp_path):
    value = read_or_create(str(tmp_path), "demo/password")
    assert len(generated_digests(f"x = {value}\ny = summer2026\n")) == 1
    assert generated_digests("0" * 64) == set()
