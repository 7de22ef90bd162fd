# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import shutil

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime import addons, config, core, errors


@dataclasses.dataclass(frozen=True)
class Wish:
    """What make_plan() looks at of the settings."""

    mode: str = "UpdateOnly"
    modules: tuple[str, ...] = ("base",)
    update: tuple[str, ...] = ("changed",)
    install_missing: bool = False
    version: int = 19
    odoo_rc: str = "/etc/odoo/odoo.conf"
    installing = property(lambda self: self.mode in config.INSTALL_MODES)
    updating = property(lambda self: self.mode in config.UPDATE_MODES)


NAMES = ("base", "web", "sale", "shop")


@pytest.fixture
def folders(tmp_path):
    for name in (*NAMES, "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__manifest__.py").write_text(f"{{'name': '{name}', 'version': '1.0'}}")
    return [str(tmp_path)]


@pytest.fixture
def recorded(folders):
    """All installed and recorded as they are."""
    known = {
        name: core.Known(name, addons.checksum(addons.read(name, folders), ["en_US"]), "en_US", "19.0.1.0")
        for name in NAMES
    }
    return core.Modules(dict.fromkeys(NAMES, "installed"), dict.fromkeys(NAMES, "19.0.1.0"), known, ("en_US",))


def changed(modules, **values):
    """The same with other states, or known rows."""
    return dataclasses.replace(
        modules,
        states={**modules.states, **values.get("states", {})},
        known={**modules.known, **values.get("known", {})},
        languages=values.get("languages", modules.languages),
    )


def test_nothing_to_do(recorded, folders):
    for mode in ("UpdateOnly", "UpdateAndRun", "InstallAndRun", "InstallOnly", "RunOnly"):
        assert core.make_plan(recorded, Wish(mode), folders).empty


def test_only_what_changed(recorded, folders, tmp_path):
    (tmp_path / "shop" / "models.py").write_text("x")
    plan = core.make_plan(recorded, Wish(), folders)
    assert plan.update == ("shop",)
    assert plan.reasons["shop"] == "its content changed"
    assert core.make_plan(recorded, Wish("InstallAndRun"), folders).empty, "install modes do not update"
    assert core.make_plan(recorded, Wish(update=("none",)), folders).empty


def test_one_look_reads_an_addon_once_and_the_next_one_again(recorded, folders, tmp_path):
    look = addons.Look()
    assert core.make_plan(recorded, Wish(), folders, look=look).empty
    assert look.names(folders) == sorted([*NAMES, "new"])
    (tmp_path / "shop" / "models.py").write_text("x")
    shutil.rmtree(tmp_path / "new")
    assert core.make_plan(recorded, Wish(), folders, look=look).empty
    assert look.names(folders) == sorted([*NAMES, "new"])
    assert core.make_plan(recorded, Wish(), folders, look=addons.Look()).update == ("shop",)
    assert addons.Look().names(folders) == sorted(NAMES)


def test_another_language_changes_nothing_by_itself(recorded, folders):
    assert core.make_plan(changed(recorded, languages=("en_US", "nl_NL")), Wish(), folders).empty


def test_never_recorded_means_update(recorded, folders):
    plan = core.make_plan(dataclasses.replace(recorded, known={}), Wish(), folders)
    assert plan.update == tuple(sorted(NAMES))
    assert set(plan.reasons.values()) == {"its content was never recorded"}


def test_code_that_went_back_is_noticed_by_its_version(recorded, folders):
    modules = dataclasses.replace(recorded, versions={**recorded.versions, "shop": "19.0.2.0"})
    assert core.make_plan(modules, Wish(), folders).update == ("shop",)


def test_update_all_is_the_readmes_meaning(recorded, folders):
    assert core.make_plan(recorded, Wish(update=("all",)), folders).update == ("base",)
    wish = Wish("UpdateAndRun", modules=("base", "sale", "new"), update=("all",))
    assert core.make_plan(recorded, wish, folders).update == ("sale",), "base is in every list"


def test_named_modules(recorded, folders):
    assert core.make_plan(recorded, Wish(update=("sale",)), folders).update == ("sale",)
    with pytest.raises(errors.ConfigError, match="module 'sael' is not installed; did you mean 'sale'"):
        core.make_plan(recorded, Wish(update=("sael",)), folders)


def test_missing_modules_are_installed_by_who_was_told_to(recorded, folders):
    modules = ("base", "new")
    assert core.make_plan(recorded, Wish("InstallAndRun", modules), folders).install == ("new",)
    assert core.make_plan(recorded, Wish("UpdateOnly", modules), folders).install == ()
    assert core.make_plan(recorded, Wish("UpdateOnly", modules, install_missing=True), folders).install == ("new",)
    with pytest.raises(errors.ConfigError, match="typo is in none of the addons folders"):
        core.make_plan(recorded, Wish("InstallAndRun", ("base", "typo")), folders)


def test_what_an_interrupted_run_left_is_finished(recorded, folders):
    modules = changed(
        recorded,
        states={"sale": "to upgrade", "new": "uninstalled"},
        known={
            "sale": dataclasses.replace(recorded.known["sale"], pending="update"),
            "web": dataclasses.replace(recorded.known["web"], pending="update"),
            "shop": dataclasses.replace(recorded.known["shop"], end_pending=True, from_version="19.0.0.9"),
            "new": core.Known("new", pending="install"),
        },
    )
    for mode in ("RunOnly", "InstallAndRun", "UpdateOnly"):
        plan = core.make_plan(modules, Wish(mode), folders, resume=True)
        assert set(plan.update) == {"sale", "web"}
        assert plan.install == ("new",)
        assert set(plan.finish) == {"sale", "shop"}
    assert core.make_plan(modules, Wish("RunOnly"), folders).empty, (
        "without being asked to resume, a start changes nothing"
    )


def test_a_module_without_code_is_left_alone(recorded, folders):
    modules = changed(recorded, states={"studio_customization": "installed"})
    plan = core.make_plan(modules, Wish(), folders)
    assert plan.empty
    assert plan.missing == ("studio_customization",)


def test_the_result_is_not_believed(recorded, folders):
    plan = core.Plan(install=("new",), update=("sale",))
    fine = dataclasses.replace(
        changed(recorded, states={"new": "installed"}), versions={**recorded.versions, "new": "19.0.1.0"}
    )
    assert core.problems(fine, plan, Wish(), folders) == []
    modules = changed(
        recorded,
        states={"sale": "to upgrade"},
        known={"sale": dataclasses.replace(recorded.known["sale"], pending="update", end_pending=True)},
    )
    modules = dataclasses.replace(modules, versions={**modules.versions, "sale": "19.0.0.5"})
    assert core.problems(modules, plan, Wish(), folders) == [
        "not installed: new",
        "left half done: sale",
        "not updated: sale",
        "sale has version 19.0.0.5, not 19.0.1.0",
        "end- migration scripts did not run: sale",
    ]
