# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import re
import shutil

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.addons import tree as addon_tree
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.addons import update_plan
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import config, errors


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
        name: update_plan.Known(
            name, addon_tree.checksum(addon_tree.read(name, folders), ["en_US"]), "en_US", "19.0.1.0"
        )
        for name in NAMES
    }
    return update_plan.Modules(dict.fromkeys(NAMES, "installed"), dict.fromkeys(NAMES, "19.0.1.0"), known, ("en_US",))


def changed(modules, **values):
    """The same with other states, or known rows."""
    return dataclasses.replace(
        modules,
        states={**modules.states, **values.get("states", {})},
        known={**modules.known, **values.get("known", {})},
        languages=values.get("languages", modules.languages),
    )


def refused(plan, pattern):
    """The plan's only refusal is like that, and check() raises it."""
    assert len(plan.refusals) == 1
    assert re.search(pattern, plan.refusals[0]), plan.refusals[0]
    with pytest.raises(errors.ConfigError) as caught:
        plan.check()
    assert str(caught.value) == plan.refusals[0]


def test_nothing_to_do(recorded, folders):
    for mode in ("UpdateOnly", "UpdateAndRun", "InstallAndRun", "InstallOnly", "RunOnly"):
        assert update_plan.make_plan(recorded, Wish(mode), folders).empty


def test_only_what_changed(recorded, folders, tmp_path):
    (tmp_path / "shop" / "models.py").write_text("x")
    plan = update_plan.make_plan(recorded, Wish(), folders)
    assert plan.update == ("shop",)
    assert plan.reasons["shop"] == "its content changed"
    assert update_plan.make_plan(recorded, Wish("InstallAndRun"), folders).empty, "install modes do not update"
    assert update_plan.make_plan(recorded, Wish(update=("none",)), folders).empty


def test_one_look_reads_an_addon_once_and_the_next_one_again(recorded, folders, tmp_path):
    snapshot = addon_tree.Snapshot()
    assert update_plan.make_plan(recorded, Wish(), folders, snapshot=snapshot).empty
    assert snapshot.names(folders) == sorted([*NAMES, "new"])
    (tmp_path / "shop" / "models.py").write_text("x")
    shutil.rmtree(tmp_path / "new")
    assert update_plan.make_plan(recorded, Wish(), folders, snapshot=snapshot).empty
    assert snapshot.names(folders) == sorted([*NAMES, "new"])
    assert update_plan.make_plan(recorded, Wish(), folders, snapshot=addon_tree.Snapshot()).update == ("shop",)
    assert addon_tree.Snapshot().names(folders) == sorted(NAMES)


def test_another_language_changes_nothing_by_itself(recorded, folders):
    assert update_plan.make_plan(changed(recorded, languages=("en_US", "nl_NL")), Wish(), folders).empty


def test_never_recorded_means_update(recorded, folders):
    plan = update_plan.make_plan(dataclasses.replace(recorded, known={}), Wish(), folders)
    assert plan.update == tuple(sorted(NAMES))
    assert set(plan.reasons.values()) == {"its content was never recorded"}


def test_code_that_went_back_is_noticed_by_its_version(recorded, folders):
    modules = dataclasses.replace(recorded, versions={**recorded.versions, "shop": "19.0.2.0"})
    assert update_plan.make_plan(modules, Wish(), folders).update == ("shop",)


def test_update_all_is_the_readmes_meaning(recorded, folders):
    assert update_plan.make_plan(recorded, Wish(update=("all",)), folders).update == ("base",)
    wish = Wish("UpdateAndRun", modules=("base", "sale", "new"), update=("all",))
    assert update_plan.make_plan(recorded, wish, folders).update == ("sale",), "base is in every list"


def test_named_modules(recorded, folders):
    assert update_plan.make_plan(recorded, Wish(update=("sale",)), folders).update == ("sale",)
    refused(
        update_plan.make_plan(recorded, Wish(update=("sael",)), folders),
        "module 'sael' is not installed; did you mean 'sale'",
    )
    refused(
        update_plan.make_plan(recorded, Wish(update=("sael", "sale", "wbe")), folders),
        "UPDATE is 'sael,sale,wbe': modules 'sael', 'wbe' are not installed",
    )


def test_missing_modules_are_installed_by_who_was_told_to(recorded, folders):
    modules = ("base", "new")
    assert update_plan.make_plan(recorded, Wish("InstallAndRun", modules), folders).install == ("new",)
    assert update_plan.make_plan(recorded, Wish("UpdateOnly", modules), folders).install == ()
    assert update_plan.make_plan(recorded, Wish("UpdateOnly", modules, install_missing=True), folders).install == (
        "new",
    )
    refused(
        update_plan.make_plan(recorded, Wish("InstallAndRun", ("base", "typo")), folders),
        "typo is in none of the addons folders",
    )


def test_what_an_interrupted_run_left_is_finished(recorded, folders):
    modules = changed(
        recorded,
        states={"sale": "to upgrade", "new": "uninstalled"},
        known={
            "sale": dataclasses.replace(recorded.known["sale"], pending="update"),
            "web": dataclasses.replace(recorded.known["web"], pending="update"),
            "shop": dataclasses.replace(recorded.known["shop"], end_pending=True, from_version="19.0.0.9"),
            "new": update_plan.Known("new", pending="install"),
        },
    )
    for mode in ("RunOnly", "InstallAndRun", "UpdateOnly"):
        plan = update_plan.make_plan(modules, Wish(mode), folders, resume=True)
        assert set(plan.update) == {"sale", "web"}
        assert plan.install == ("new",)
        assert set(plan.finish) == {"sale", "shop"}
    assert update_plan.make_plan(modules, Wish("RunOnly"), folders).empty, (
        "without being asked to resume, a start changes nothing"
    )


def test_a_module_without_code_is_left_alone(recorded, folders):
    modules = changed(recorded, states={"studio_customization": "installed"})
    plan = update_plan.make_plan(modules, Wish(), folders)
    assert plan.empty
    assert plan.missing == ("studio_customization",)


def test_the_result_is_not_believed(recorded, folders):
    plan = update_plan.ModulePlan(install=("new",), update=("sale",))
    fine = dataclasses.replace(
        changed(recorded, states={"new": "installed"}), versions={**recorded.versions, "new": "19.0.1.0"}
    )
    assert update_plan.problems(fine, plan, Wish(), folders) == []
    modules = changed(
        recorded,
        states={"sale": "to upgrade"},
        known={"sale": dataclasses.replace(recorded.known["sale"], pending="update", end_pending=True)},
    )
    modules = dataclasses.replace(modules, versions={**modules.versions, "sale": "19.0.0.5"})
    assert update_plan.problems(modules, plan, Wish(), folders) == [
        "not installed: new",
        "left half done: sale",
        "not updated: sale",
        "sale has version 19.0.0.5, not 19.0.1.0",
        "end- migration scripts did not run: sale",
    ]


@pytest.fixture
def chain(tmp_path, folders):
    """sale <- report <- dashboard, all installed and recorded; and what they are without the code of `report`."""

    def write(name, depends):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "__manifest__.py").write_text(f"{{'version': '1.0', 'depends': {depends!r}}}")

    write("report", ["sale"])
    write("dashboard", ["report"])
    names = (*NAMES, "report", "dashboard")
    known = {
        name: update_plan.Known(
            name, addon_tree.checksum(addon_tree.read(name, folders), ["en_US"]), "en_US", "19.0.1.0"
        )
        for name in names
    }
    shutil.rmtree(tmp_path / "report")
    return update_plan.Modules(dict.fromkeys(names, "installed"), dict.fromkeys(names, "19.0.1.0"), known, ("en_US",))


def test_what_odoo_cannot_load(chain, folders, tmp_path):
    assert update_plan.broken(chain.states, folders) == {"dashboard": ("report",), "report": ("report",)}
    (tmp_path / "sale" / "__manifest__.py").write_text("{'installable': False}")
    assert update_plan.broken(["dashboard", "sale", "web"], folders) == {"dashboard": ("report",), "sale": ("sale",)}
    (tmp_path / "web" / "__manifest__.py").write_text("{'depends': ['shop']}")
    (tmp_path / "shop" / "__manifest__.py").write_text("{'depends': ['web']}")
    assert update_plan.broken(["web", "shop"], folders) == {"shop": ("shop",), "web": ("web",)}
    assert update_plan.lacking("web", ("web",), folders) == (
        "module 'web' can't be loaded: it needs itself, by way of shop, web"
    )


@pytest.mark.parametrize("update", [("all",), ("changed",), ("sale",), ("none",)])
@pytest.mark.parametrize("mode", ["UpdateOnly", "UpdateAndRun", "ForceUpdateOnly"])
def test_what_was_not_asked_for_is_left_alone(chain, folders, update, mode):
    plan = update_plan.make_plan(chain, Wish(mode, update=update), folders)
    assert plan.missing == ("dashboard", "report")
    assert plan.broken == {"dashboard": ("report",), "report": ("report",)}
    assert plan.update == {"all": ("base",), "sale": ("sale",)}.get(update[0], ())
    assert (plan.finish, plan.stuck) == ((), ())


def test_what_an_earlier_run_left_half_done_is_taken_back(chain, folders):
    modules = changed(chain, states={"report": "to upgrade", "dashboard": "to upgrade", "sale": "to upgrade"})
    modules = changed(
        modules, known={"report": dataclasses.replace(modules.known["report"], pending="update", end_pending=True)}
    )
    plan = update_plan.make_plan(modules, Wish(update=("none",)), folders)
    assert (plan.finish, plan.stuck, plan.update) == (("sale",), ("dashboard", "report"), ())
    modules = changed(chain, states={"dashboard": "to install"})
    plan = update_plan.make_plan(modules, Wish("InstallOnly"), folders)
    assert plan.empty
    assert plan.stuck == ("dashboard",)


@pytest.mark.parametrize("name", ["report", "dashboard"])
def test_what_was_asked_for_fails_before_anything_is_changed(chain, folders, name):
    refused(
        update_plan.make_plan(chain, Wish(update=(name,)), folders),
        f"UPDATE is '{name}': .*'report'.*in none of the addons folders",
    )


def test_code_that_was_brought_without_what_it_needs_is_refused(chain, folders, tmp_path):
    (tmp_path / "dashboard" / "models.py").write_text("x")
    refused(
        update_plan.make_plan(chain, Wish(), folders), "content of module 'dashboard' changed, but .* needs 'report'"
    )
    unknown = {name: item for name, item in chain.known.items() if name != "dashboard"}
    assert update_plan.make_plan(dataclasses.replace(chain, known=unknown), Wish(), folders).update == (), (
        "it was never recorded"
    )


def test_an_installation_of_what_needs_missing_code_is_refused(recorded, folders, tmp_path):
    (tmp_path / "new" / "__manifest__.py").write_text("{'depends': ['absent']}")
    refused(
        update_plan.make_plan(recorded, Wish("InstallOnly", ("base", "new")), folders),
        "MODULES is 'base,new': module 'new' needs 'absent'",
    )


def test_a_first_installation_also_updates_what_changed_since_an_earlier_attempt(recorded, folders, tmp_path):
    (tmp_path / "shop" / "models.py").write_text("x")
    (tmp_path / "auto").mkdir()
    (tmp_path / "auto" / "__manifest__.py").write_text("{'depends': ['absent'], 'auto_install': True}")
    modules = changed(recorded, states={"new": "uninstalled", "auto": "to install", "sale": "to upgrade"})
    plan = update_plan.first_plan(modules, Wish("InstallOnly", ("base", "new")), folders, ["auto"])
    assert plan.install == ("new",)
    assert plan.update == ("sale", "shop")
    assert (plan.finish, plan.stuck) == (("sale",), ("auto",))


def test_what_is_lacking_in_words(folders):
    place = f"in none of the addons folders ({folders[0]}), or is not installable"
    assert update_plan.lacking("x", ("x",), folders) == f"the code of module 'x' is {place}"
    assert update_plan.lacking("sale", ("x", "y"), folders) == f"module 'sale' needs 'x', 'y', whose code is {place}"
    assert update_plan.lacking("sale", ("web",), folders) == "module 'sale' needs 'web', which is not installed"


def test_new_code_that_needs_what_nobody_installed(recorded, folders, tmp_path):
    (tmp_path / "sale" / "__manifest__.py").write_text("{'version': '1.0', 'depends': ['new']}")
    (tmp_path / "shop" / "__manifest__.py").write_text("{'version': '1.0', 'depends': ['sale']}")
    assert update_plan.unloadable(recorded, folders) == {"sale": ("new",), "shop": ("sale",)}


def test_a_module_that_was_asked_for_and_cannot_be_loaded_is_named(chain, folders):
    wrong = update_plan.problems(chain, update_plan.ModulePlan(update=("dashboard",)), Wish(), folders)
    assert wrong[0].startswith("module 'dashboard' needs 'report', whose code is in none of")


def test_a_manifest_that_cannot_be_read_fails_who_asks_for_it(recorded, folders, tmp_path):
    (tmp_path / "shop" / "__manifest__.py").write_text("{")
    assert update_plan.broken(["shop", "web"], folders) == {"shop": ("shop",)}
    assert update_plan.make_plan(recorded, Wish(update=("web",)), folders).update == ("web",)
    pattern = r"shop/__manifest__.py, line 1: is not a manifest"
    refused(update_plan.make_plan(recorded, Wish(update=("shop",)), folders), pattern)
    refused(update_plan.make_plan(recorded, Wish(), folders), pattern)
    modules = changed(recorded, states={"shop": "uninstalled"})
    refused(update_plan.make_plan(modules, Wish("InstallOnly", ("base", "shop")), folders), pattern)
