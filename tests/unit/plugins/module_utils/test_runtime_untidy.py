# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Untidy addons, commands and variables: what is told before anything is closed."""

from __future__ import annotations

import types

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.addons import tree, update_plan
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.boot import steps
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import (
    errors,
    lists,
    unknown_variables,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import extensions
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import file as migration_file
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import hidden_errors, songs
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import plan as migration_plan
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import work as migration_work
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.run.planning import Planner


def addon(tmp_path, name, text, manifest="__manifest__.py"):
    (tmp_path / name).mkdir(parents=True, exist_ok=True)
    (tmp_path / name / manifest).write_text(text)


def faults(tmp_path, series):
    return tree.fatal_manifests(tree.Folders([str(tmp_path)], series), tree.Snapshot())


# Manifests


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("my-addon", "{}", "only letters, digits and '_'"),
        ("x", "{'version': '1.x'}", "version '1.x'"),
        ("x", "{'version': '1'}", "version '1'"),
        ("x", "{'version': '1.2.3.4.5.6'}", "version"),
        ("x", "{'auto_install': ['sale']}", "'auto_install' in its manifest names 'sale'"),
        ("x", "['x']", "must be one dictionary"),
    ],
)
def test_a_manifest_at_which_odoo_19_ends(tmp_path, name, text, words):
    addon(tmp_path, name, text)
    (line,) = faults(tmp_path, 19)
    assert words in line
    assert str(tmp_path / name) in line
    assert faults(tmp_path, 14) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("2fa", "{}"),
        ("x", "{'version': '16.0.1.0.0'}"),
        ("x", "{'version': '1.x', 'installable': False}"),
        ("x", "{'depends': ['sale'], 'auto_install': ['sale']}"),
        ("x", "{'auto_install': True}"),
        ("x", "{'name': }"),
        ("x", "{'version': 1.0}"),
    ],
)
def test_a_manifest_that_odoo_19_takes_or_leaves(tmp_path, name, text):
    addon(tmp_path, name, text)
    assert faults(tmp_path, 19) == []


def test_odoos_own_addons_are_not_read(tmp_path):
    addon(tmp_path, "my-addon", "{}")
    assert tree.fatal_manifests(tree.Folders([str(tmp_path)], 19, [str(tmp_path)]), tree.Snapshot()) == []


@pytest.mark.parametrize(
    ("series", "version", "right"),
    [
        (14, "1.x", True),
        (16, "1", True),
        (17, "1.0", True),
        (17, "17.0.1.0.0", True),
        (17, "1", False),
        (18, "17.0.1.0.0", False),
        (19, "19.0.1.0.0", True),
        (19, "1.0.0", True),
        (19, "19.0", False),
        (19, "1.0.0.1", False),
        (19, "18.0.1.0.0", False),
    ],
)
def test_versions_that_each_odoo_takes(tmp_path, series, version, right):
    addon(tmp_path, "x", repr({"version": version}))
    found = tree.read("x", tree.Folders([str(tmp_path)], series))
    assert found.installable is right
    assert bool(found.fault) is not right


def test_the_old_name_of_a_manifest_until_16(tmp_path):
    addon(tmp_path, "x", "{}", "__openerp__.py")
    for series, there in ((14, True), (16, True), (17, False), (19, False)):
        folders = tree.Folders([str(tmp_path)], series)
        assert (tree.find("x", folders) is not None) is there
        assert tree.Snapshot().names(folders) == (["x"] if there else [])


def test_a_name_of_the_database_is_no_path(tmp_path):
    addon(tmp_path, "x", "{}")
    folders = [str(tmp_path / "below")]
    (tmp_path / "below").mkdir()
    assert tree.find("../x", folders) is None
    assert tree.find("", [str(tmp_path / "x")]) is None


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ({"python": ["pytest", "yaml"]}, ""),
        ({"python": ["nix_da"]}, "Python package nix_da"),
        ({"python": ["pytest>=99"]}, "Python package pytest>=99"),
        ({"python": ["nix_da; python_version < '3'"]}, ""),
        ({"python": ["nix da =="]}, "Python package nix da =="),
        ({"bin": ["sh", "nix-da"]}, "program nix-da"),
        ({}, ""),
        (None, ""),
    ],
)
def test_programs_that_a_manifest_requires(tmp_path, needs, words):
    addon(tmp_path, "x", repr({"external_dependencies": needs}))
    found = update_plan.incomplete(tree.read("x", [str(tmp_path)]))
    assert found.startswith(words)
    assert bool(found) is bool(words)


def test_files_that_a_manifest_names(tmp_path):
    addon(tmp_path, "x", repr({"data": ["a.xml", "b.xml"], "demo": ["c.xml"]}))
    (tmp_path / "x" / "a.xml").write_text("")
    found = tree.read("x", [str(tmp_path)])
    assert (found.lacking_files(), found.lacking_files(demo=True)) == (["b.xml"], ["b.xml", "c.xml"])


def test_modules_that_install_themselves_need_everything(tmp_path):
    addon(tmp_path, "x", repr({"external_dependencies": {"python": ["nix_da"]}}))
    folders = [str(tmp_path)]
    assert update_plan.broken(["x"], folders) == {}, "it is installed: it can be loaded"
    assert update_plan.broken(["x"], folders, whole=True) == {"x": ("x",)}
    assert "nix_da" in update_plan.lacking("x", ("x",), folders)


WISH = types.SimpleNamespace(version=19, demo=False)


def test_all_that_an_update_touches_is_looked_at(tmp_path):
    addon(tmp_path, "base", "{}")
    addon(tmp_path, "sale", "{'depends': ['new']}")
    addon(tmp_path, "new", "{'depends': ['base'], 'external_dependencies': {'bin': ['nix-da']}}")
    addon(tmp_path, "other", "{'data': ['nix.xml']}")
    modules = update_plan.Modules(dict.fromkeys(("base", "sale", "other"), "installed"))
    folders = tree.Folders([str(tmp_path)], 19)
    found = update_plan.to_be_done([], ["sale"], modules, WISH, folders, tree.Snapshot())
    assert len(found) == 1
    assert found[0].startswith("Odoo would fail to install module 'new': program nix-da")
    assert update_plan.to_be_done([], ["base"], modules, WISH, folders, tree.Snapshot()) == []


# Commands


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["psql", "-f", "x.sql"], ["ON_ERROR_STOP"]),
        (["psql", "-1f", "x.sql"], ["ON_ERROR_STOP"]),
        (["psql", "--file=x.sql"], ["ON_ERROR_STOP"]),
        (["psql", "-v", "ON_ERROR_STOP=1", "-f", "x.sql"], []),
        (["psql", "-c", "a", "-c", "b"], ["ON_ERROR_STOP"]),
        (["psql", "-c", "a"], []),
        (["sh", "-c", "psql < x.sql"], ["ON_ERROR_STOP"]),
        (["sh", "-c", "cat x.sql | psql"], ["left of |", "ON_ERROR_STOP"]),
        (["bash", "-c", "set -o pipefail; cat x.sql | psql -v ON_ERROR_STOP=1"], []),
        (["bash", "-o", "pipefail", "-c", "a | b"], []),
        (["sh", "-c", "a || b"], []),
        (["sh", "-c", "a && b"], []),
        (["sh", "-c", "a 'x | y; z'"], []),
        (["sh", "-c", "a; b"], ["before ;"]),
        (["sh", "-ec", "a; b"], []),
        (["sh", "-c", "set -e; a; b"], []),
        (["sh", "-c", "cd /x; a"], []),
        (["sh", "-c", "if a; then b; fi"], []),
        (["sh", "script.sh"], []),
        (["ls", "|"], []),
    ],
)
def test_commands_that_hide_errors(argv, expected):
    found = hidden_errors.of_command(argv)
    assert len(found) == len(expected), found
    assert all(words in line for words, line in zip(expected, found))


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("CREATE EXTENSION pg_trgm", "CREATE EXTENSION IF NOT EXISTS pg_trgm"),
        ('create  extension "pg_trgm" schema public', 'create  extension IF NOT EXISTS "pg_trgm" schema public'),
        ('psql -c \\"CREATE EXTENSION pg_trgm\\"', 'psql -c \\"CREATE EXTENSION IF NOT EXISTS pg_trgm\\"'),
        ("CREATE EXTENSION IF NOT EXISTS pg_trgm", None),
        ("CREATE EXTENSION postgis", None),
        ("CREATE EXTENSION unaccent", None),
        ("SELECT 1", None),
    ],
)
def test_an_extension_that_the_runtime_created(text, after):
    assert extensions.if_missing(text, {"pg_trgm"}) == (after or text)
    assert extensions.if_missing(text, frozenset()) == text


def test_the_last_lines_of_a_failed_command():
    performer = object.__new__(steps.Performer)
    performer.order = {"cwd": "/", "command_env": {"PATH": "/usr/bin:/bin"}}
    limit = steps.TimeLimit(None)
    with pytest.raises(steps.StepError) as caught:
        performer._run(["sh", "-c", "echo out; for n in 1 2 3 4; do echo line $n >&2; done; exit 3"], limit)
    assert str(caught.value) == "sh ended with code 3: line 2 / line 3 / line 4"
    with pytest.raises(steps.StepError, match="sh ended with code 1: it wrote no error"):
        performer._run(["sh", "-c", "exit 1"], limit)
    performer._run(["sh", "-c", "echo fine >&2"], limit)


def test_the_password_is_in_no_error(tmp_path):
    passfile = tmp_path / "pass"
    passfile.write_text("*:*:*:oc:hunt\\:er2\n")
    performer = object.__new__(steps.Performer)
    performer.order = {"cwd": "/", "command_env": {"PATH": "/usr/bin:/bin", "PGPASSFILE": str(passfile)}}
    with pytest.raises(steps.StepError) as caught:
        performer._run(["sh", "-c", "echo password hunt:er2 is wrong >&2; exit 1"], steps.TimeLimit(None))
    assert "hunt" not in str(caught.value)
    assert "********" in str(caught.value)


# Songs, modules, variables


def test_songs_in_modules_of_any_name(tmp_path):
    for name in ("songs/upgrade/10_0_4/crm", "songs/14-0-0-0-1"):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def main(ctx): pass\n")
    place = songs.Songs([str(tmp_path)])
    for target in ("songs.upgrade.10_0_4.crm::main", "songs.14-0-0-0-1::main"):
        assert migration_file.TARGET.fullmatch(target)
        assert place.find(target).file
    with pytest.raises(songs.SongError, match="did you mean '14-0-0-0-1'"):
        place.find("songs.14-0-0-0-2::main")


def versions(text):
    return migration_file.parse(f"migration:\n  versions:\n{text}")


def test_many_unknown_modules_are_one_problem():
    names = [f"m{number}" for number in range(121)]
    found = versions(f"    - version: setup\n      addons: {{upgrade: [sale, {', '.join(names)}]}}\n")
    (problem,) = migration_file.unknown_modules(found, ["sale"])
    assert str(problem).endswith("and 113 more: 121 of 122")
    few = versions("    - version: setup\n      addons: {upgrade: [sael, x]}\n")
    assert [str(item).partition(": ")[2] for item in migration_file.unknown_modules(few, ["sale"])] == [
        "there is no module 'sael'; did you mean 'sale'?",
        "there is no module 'x'",
    ]


def test_long_lists():
    assert lists.some("abc", 2) == "a, b, c", "not 'and 1 more'"
    assert lists.some("abcd", 2) == "a, b and 2 more"
    many = [migration_file.Problem("x.yml", line, "wrong") for line in range(1, 50)]
    assert str(migration_file.MigrationError(many)).endswith("x.yml:20: wrong and 29 more")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MARABUNTA_MODE", "give MIGRATION_MODE"),
        ("MARABUNTA_WEB_PORT", "the waiting page"),
        ("MARABUNTA_NIX", "no variable is called so"),
        ("MIGRATION_FIEL", "did you mean MIGRATION_FILE?"),
        ("MIGRATION_FORCE", "no variable is called so"),
    ],
)
def test_foreign_and_misspelt_variables_of_migrations(name, words):
    (line,) = unknown_variables.warnings({name: "secret"})
    assert words in line
    assert "secret" not in line
    assert unknown_variables.wrong_setting(name, "x") == "", "another program may read it"


# All at once


def test_all_refusals_of_a_migration_at_once():
    found = versions(
        "    - {version: 1.0.0, addons: {upgrade: [a]}, modes: {sample: {addons: {upgrade: [b]}}}}\n"
        "    - {version: 1.1.0, addons: {upgrade: [c]}}\n"
    )
    rows = [migration_plan.VersionRow("1.0.0", False, "now"), migration_plan.VersionRow("9.0.0", True)]
    plan = migration_plan.make_plan(found, "smaple", rows)
    assert [item.code for item in plan.refusals] == ["unknown_mode", "unfinished", "serie", "downgrade"]
    assert plan.versions == ()
    assert [item.version.number.text for item in plan.refused] == ["1.0.0", "1.1.0"]
    work = migration_work.Work(plan=plan, problems=(migration_file.Problem("x.yml", 3, "no such song"),))
    with pytest.raises(migration_work.Wrong) as caught:
        work.check()
    for words in ("x.yml:3: no such song", "'smaple'", "by marabunta and not finished", "2 versions", "is below"):
        assert words in str(caught.value)
    assert str(caught.value).count("nothing was locked or changed") == 1


def test_modules_and_steps_are_refused_together():
    plan = update_plan.ModulePlan(refusals=("module 'x' needs 'y'",))
    work = migration_work.Work(problems=(migration_file.Problem("x.yml", 3, "no such song"),))
    with pytest.raises(errors.ConfigError) as caught:
        Planner.check(plan, work)
    assert "module 'x' needs 'y'; x.yml:3: no such song" in str(caught.value)
    with pytest.raises(errors.MigrationRefused):
        Planner.check(update_plan.ModulePlan(), work)
    Planner.check(update_plan.ModulePlan(), migration_work.Work())
