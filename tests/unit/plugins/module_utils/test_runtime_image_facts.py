# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import image_facts
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import ConfigError


def addon(folder, name="acme"):
    (folder / name).mkdir(parents=True)
    for file in ("__init__.py", "__manifest__.py"):
        (folder / name / file).write_text("{}")
    return str(folder)


def test_an_image_of_before_has_no_record(tmp_path):
    assert image_facts.own_addons(str(tmp_path / "image.json")) == ()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"addons": 1}'])
def test_a_broken_record_is_said(tmp_path, text):
    (tmp_path / "image.json").write_text(text)
    with pytest.raises(ConfigError, match="build the image again"):
        image_facts.own_addons(str(tmp_path / "image.json"))


def test_the_addons_of_the_image_come_last():
    assert image_facts.joined("/opt/ours, /mnt/release/addons,", ["/mnt/extra-addons", "/opt/ours"]) == (
        "/opt/ours,/mnt/release/addons,/mnt/extra-addons"
    )


def test_odoo_gets_no_folder_that_it_would_refuse(tmp_path):
    good, empty = addon(tmp_path / "good"), tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "half/acme").mkdir(parents=True)
    (tmp_path / "half/acme/__manifest__.py").write_text("{}")
    value = ",".join([good, str(empty), str(tmp_path / "half"), str(tmp_path / "none")])
    assert image_facts.addons_path_option(value) == [f"--addons-path={good}"]
    assert image_facts.addons_path_option(str(empty)) == []


def test_settings_and_arguments_have_them(tmp_path, monkeypatch):
    from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import config

    ours, extra = addon(tmp_path / "ours"), addon(tmp_path / "extra", "other")
    (tmp_path / "odoo.conf").write_text(f"[options]\naddons_path = {ours}\n")
    (tmp_path / "image.json").write_text(json.dumps({"addons": [extra]}))
    env = {
        "MODE": "RunOnly", "ODOO_VERSION": "16", "ODOO_RC": str(tmp_path / "odoo.conf"), "DB_NAME": "acme", "DB_HOST": "pg",
        "DB_USER": "acme", "DB_PASSWORD": "s", "LIST_DB": "False",
    }  # fmt: skip
    (tmp_path / "odoo.conf").write_text(f"[options]\naddons_path = {ours}\nlist_db = False\n")
    monkeypatch.setattr(image_facts, "FILE", str(tmp_path / "none.json"))
    assert not any(one.startswith("--addons-path") for one in config.load(env).odoo_args())
    monkeypatch.setattr(image_facts, "FILE", str(tmp_path / "image.json"))
    settings = config.load(env)
    assert settings.conf["addons_path"] == f"{ours},{extra}"
    assert f"--addons-path={ours},{extra}" in settings.odoo_args()
