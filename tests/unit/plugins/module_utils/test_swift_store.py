# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the entrypoint of the Swift container refuses, without Swift."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import pathlib

import pytest

SCRIPT = pathlib.Path(__file__).parents[4] / "roles/image/files/swift/swift-store"
PREFIX, SUFFIX = "p" * 32, "s" * 32


@pytest.fixture(scope="module")
def store():
    loader = importlib.machinery.SourceFileLoader("swift_store", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("swift_store", loader))
    loader.exec_module(module)
    return module


def test_the_first_hash_secrets_are_kept_and_others_refused(store, tmp_path):
    volume = str(tmp_path)
    assert store.check_identity(volume, PREFIX, SUFFIX)["part_power"] == 8
    assert os.stat(tmp_path / "identity.json").st_mode & 0o777 == 0o400
    assert store.check_identity(volume, PREFIX, SUFFIX)["hash_prefix"] == PREFIX
    with pytest.raises(store.StoreError, match="swift_hash_path_prefix.*not the value this volume was made with"):
        store.check_identity(volume, "q" * 32, SUFFIX)
    with pytest.raises(store.StoreError, match="swift_hash_path_suffix"):
        store.check_identity(volume, PREFIX, "t" * 32)
    assert json.loads((tmp_path / "identity.json").read_text())["hash_prefix"] == PREFIX


def test_data_without_identity_is_refused(store, tmp_path):
    (tmp_path / "node/d1/objects").mkdir(parents=True)
    with pytest.raises(store.StoreError, match="holds objects, but"):
        store.check_identity(str(tmp_path), PREFIX, SUFFIX)
    assert not (tmp_path / "identity.json").exists()


def test_an_interrupted_first_start_is_finished(store, tmp_path):
    (tmp_path / "identity.json.new").write_text("{")
    (tmp_path / "node/d1").mkdir(parents=True)
    store.check_identity(str(tmp_path), PREFIX, SUFFIX)
    assert store.missing_rings(str(tmp_path)) == ["account", "container", "object"]


def test_one_container_on_a_volume(store, tmp_path):
    held = store.lock_volume(str(tmp_path))
    with pytest.raises(store.StoreError, match="another container already runs"):
        store.lock_volume(str(tmp_path))
    os.close(held)
    os.close(store.lock_volume(str(tmp_path)))


@pytest.mark.parametrize(
    "text", ["", "[swift-hash]\n", f"[swift-hash]\nswift_hash_path_prefix={PREFIX}\nswift_hash_path_suffix=x\n", "x"]
)
def test_hash_secrets_must_be_there_and_long(store, tmp_path, text):
    conf = tmp_path / "swift.conf"
    conf.write_text(text)
    with pytest.raises(store.StoreError):
        store.read_hash_secrets(str(conf))


def test_hash_secrets(store, tmp_path):
    conf = tmp_path / "swift.conf"
    conf.write_text(f"[swift-hash]\nswift_hash_path_prefix = {PREFIX}\nswift_hash_path_suffix = {SUFFIX}\n")
    assert store.read_hash_secrets(str(conf)) == [PREFIX, SUFFIX]
    with pytest.raises(store.StoreError, match="must be mounted"):
        store.read_hash_secrets(str(tmp_path / "none"))
