# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a run's steps, its result, and click-odoo-update's hash."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.addons import click_odoo, update_plan
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.boot import steps
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import events
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import file as migration_file
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import plan as migration_plan
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import work as migration_work

FILE = """
migration:
  versions:
    - version: 1.0.0
      operations: {pre: [{sql: a}], post: [{sql: b}]}
    - version: 1.0.1
      operations: {pre: [{sql: c}], post: [{sql: d}]}
      addons: {upgrade: [shop]}
"""


def orders(text, plan, **more):
    found = migration_file.parse(text)
    work = migration_work.Work(
        migration_work.Source(found), migration_plan.make_plan(found, None, (), (), True), **more
    )
    result = []
    for item in migration_work.actions(work, plan):
        if item["do"] == "step":
            result.append(item["step"]["arguments"]["sql"])
        elif item["do"] == "update":
            result.append((item["install"], item["update"], item["modules"]))
        else:
            result.append(item["do"])
    return result


def test_what_changed_is_updated_with_the_first_version_between_pre_and_post():
    assert orders(FILE, update_plan.ModulePlan(update=("sale",))) == [
        "begin", "a", ([], ["sale"], []), "b", "finish",
        "begin", "c", ([], [], ["shop"]), "d", "finish",
    ]  # fmt: skip


def test_without_changes_a_version_without_modules_boots_nothing():
    assert orders(FILE, update_plan.ModulePlan()) == [
        "begin", "a", "b", "finish", "begin", "c", ([], [], ["shop"]), "d", "finish",
    ]  # fmt: skip


def test_one_update_for_what_changed_and_what_the_version_names():
    only = FILE.replace("    - version: 1.0.0\n      operations: {pre: [{sql: a}], post: [{sql: b}]}\n", "")
    assert orders(only, update_plan.ModulePlan(install=("crm",), update=("sale",))) == [
        "begin", "c", (["crm"], ["sale"], ["shop"]), "d", "finish",
    ]  # fmt: skip
    assert orders(only, update_plan.ModulePlan(finish=("x",)))[2] == ([], [], ["shop"])


def test_an_update_without_versions_is_one_update():
    assert [
        item["do"] for item in migration_work.actions(migration_work.Work(), update_plan.ModulePlan(update=("sale",)))
    ] == ["update"]
    assert migration_work.actions(migration_work.Work(), update_plan.ModulePlan()) == []


def test_a_step_survives_being_an_order():
    text = "migration:\n  versions:\n    - version: setup\n      operations: {post: [{sql: x, timeout: 3, id: y}]}"
    (step,) = migration_file.parse(text).versions[0].steps
    assert migration_work.step_of(json.loads(json.dumps(migration_work.order_step(step, "setup")))) == step.__class__(
        step.id, step.phase, step.kind, step.arguments, step.mode, step.timeout, step.sha
    )


def test_steps_as_json_have_the_number_of_the_item_as_their_line():
    found = migration_file.parse_steps(
        '[{"song": "a.b::c", "kwargs": {"x": "\\u00e9 # \\"y\\": {"}}, {"install": ["sale"]}]'
    )
    assert [(item.kind, item.where.line) for item in found] == [("song", 1), ("install", 2)]
    assert found[0].arguments == {"target": "a.b::c", "kwargs": {"x": 'é # "y": {'}}
    with pytest.raises(migration_file.MigrationError, match=r"STEPS:2: unknown step 'snog'; did you mean 'song'\?"):
        migration_file.parse_steps('[{"install": ["sale"]}, {"snog": "x"}]')
    with pytest.raises(migration_file.MigrationError, match="STEPS: is not JSON"):
        migration_file.parse_steps("[{]")
    with pytest.raises(migration_file.MigrationError, match="must be a list"):
        migration_file.parse_steps('{"install": ["sale"]}')
    with pytest.raises(migration_file.MigrationError, match="is there twice"):
        migration_file.parse_steps('[{"sql": "a", "id": "x"}, {"sql": "b", "id": "x"}]')


def test_an_installed_module_is_never_installed_again():
    modules = update_plan.Modules({"sale": "installed", "shop": "uninstalled"}, {}, {})
    action = {"install": ["sale", "crm"], "update": ["sale", "gone"], "modules": ["sale", "shop"]}
    assert steps.split(modules, action, []) == (["crm", "shop"], ["sale"])


def test_click_odoo_hash(tmp_path):
    def write(name, text="x"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    for name in (
        "__manifest__.py", "z.py", "models/a.py", "a.pyc", "static/src/x.js", "tests/test_a.py", "sub/tests/t.py",
        "i18n/nl.po", "i18n/nl_BE.po", "i18n/fr.po", "i18n/a.pot", "README.rst",
    ):  # fmt: skip
        write(name, name)
    # Files of a folder come before its folders; languages count by what stands before `_`.
    expected = ("README.rst", "__manifest__.py", "z.py", "i18n/nl.po", "i18n/nl_BE.po", "models/a.py", "sub/tests/t.py")
    digest = hashlib.sha1(b"".join((name + name).encode() for name in expected)).hexdigest()
    assert click_odoo.checksum(str(tmp_path), click_odoo.DEFAULT_PATTERNS.split(","), ["nl_NL", "en_US"]) == digest
    everything = click_odoo.checksum(str(tmp_path), [], [])
    write("static/src/x.js", "other")
    assert click_odoo.checksum(str(tmp_path), click_odoo.DEFAULT_PATTERNS.split(","), ["nl_NL", "en_US"]) == digest
    assert click_odoo.checksum(str(tmp_path), [], []) != everything


def test_events_are_whole_lines_at_once(tmp_path):
    path = tmp_path / "events"
    told = events.EventFile(str(path), "r1")
    told.emit("run_started", mode="UpdateOnly")
    assert json.loads(path.read_text())["run_id"] == "r1"
    told.emit("module", name="sale", before="1", version="2")
    told.emit("module", name="sale", before="2", version="3")
    assert events.result(told.kept, 19)["modules"] == {"sale": {"from": "1", "to": "3"}}
    assert len(path.read_text().splitlines()) == 3
    told.close()


def test_output_of_a_step_is_kept_however_it_is_written():
    code = (
        "import os, sys, subprocess\n"
        f"sys.path[:] = {sys.path!r}\n"
        f"from {steps.__name__} import Output\n"
        "out = Output()\n"
        "with out.captured():\n"
        "    print('printed')\n"
        "    os.write(2, b'written\\n')\n"
        "    subprocess.run(['echo', 'by a child'])\n"
        "print('after', out.tail.splitlines())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.splitlines()[-1] == "after ['printed', 'written', 'by a child']"
    assert "printed" in done.stderr


def test_a_time_limit_is_no_exception_that_a_song_could_swallow():
    limit = steps.TimeLimit(0.2)
    began = time.monotonic()
    with pytest.raises(steps.TimeIsOver), limit.running(), contextlib.suppress(Exception):
        time.sleep(20)
    assert time.monotonic() - began < 10
    with steps.TimeLimit(None).running(), steps.TimeLimit(20).running():
        pass
