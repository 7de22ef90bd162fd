# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of an instance, what the role documents of them, and the model agree."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import settings
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.model import Instance, described
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.settings import SETTINGS


@pytest.fixture(scope="module")
def options(collection_root):
    text = (collection_root / "roles/odoo/meta/argument_specs.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["argument_specs"]["main"]["options"]


@pytest.fixture(scope="module")
def defaults(collection_root):
    return yaml.safe_load((collection_root / "roles/odoo/defaults/main.yml").read_text(encoding="utf-8"))


def test_every_setting_becomes_a_field_and_every_variable_of_a_field_is_a_setting():
    used = {variable for about in described(Instance) for variable in about.variables}
    used |= {"odoo_metrics"}  # without it metrics_token is empty
    assert used - {"odoo_cloud_https_port"} == set(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_role_documents_each_setting_with_its_default(name, options, defaults):
    default = SETTINGS[name].default
    same = (default,) if default is not None else ("", [])
    assert defaults[name] in same
    assert options[name]["default"] in same
    assert type(options[name]["default"]) in {type(one) for one in same}  # False is no 0


@pytest.mark.parametrize("name", SETTINGS)
def test_defaults_and_documented_choices_keep_the_rules(name, options):
    setting = SETTINGS[name]
    given = [] if setting.default is None else [setting.default]
    # empty is the default, which is read before any rule
    for value in [*given, *filter(None, options[name].get("choices", []))]:
        assert setting.rule is None or setting.rule(value) == ""


def test_what_the_role_hides_is_a_secret(options):
    hidden = {name for name in SETTINGS if options[name].get("no_log")}
    assert hidden == settings.SECRETS - {"odoo_git_sources"}  # only a part of it may be one


def test_a_value_that_is_not_there_or_empty_is_the_default():
    read = settings.read({"odoo_version": "", "odoo_language": None, "odoo_workers": 0, "odoo_stateless": False})
    assert (read["odoo_version"], read["odoo_language"]) == ("19", None)
    assert (read["odoo_workers"], read["odoo_stateless"]) == (0, False)
    assert list(read) == list(SETTINGS)


def test_a_language_is_one_of_odoo():
    for value, wrong in (("nl_NL", False), ("es_419", False), ("en_US:en", True), ("Dutch", True)):
        found = settings.problems(settings.read({"odoo_language": value}))
        assert [name for name, *_rest in found] == (["odoo_language"] if wrong else []), value


def test_options_that_the_platform_relies_on_are_not_the_users():
    for value, wrong in (
        ({"log_level": "debug"}, ""),
        (
            {"http_port": 80, "db_name": "x"},
            "leave out db_name (set odoo_db_name), http_port, which the platform sets itself",
        ),
        ("x", "give a dictionary of odoo.conf options"),
    ):
        assert SETTINGS["odoo_conf"].rule(value) == wrong
    assert {one for one in settings.PLATFORM_OPTIONS.values() if one.startswith("odoo_") and one not in SETTINGS} == {
        "odoo_db_host", "odoo_db_port",  # of the role
    }  # fmt: skip


def test_each_default_is_one_of_the_choices(collection_root):
    wrong = [
        f"{path.parts[-3]}: {name}"
        for path in sorted(collection_root.glob("roles/*/meta/argument_specs.yml"))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values()
        for name, option in (entry.get("options") or {}).items()
        if "default" in option and "choices" in option and option["default"] not in option["choices"]
    ]
    assert wrong == []
