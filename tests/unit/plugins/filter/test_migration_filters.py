# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.filter import migration
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import report

PLAN = {
    "database": "acme",
    "state": "Ready",
    "changed": True,
    "reason": "version 1.0.1: 2 steps",
    "install": ["shop_new"],
    "update": ["shop", "shop_report"],
    "modules": {
        "shop": {"from": "1.0", "to": "1.1"},
        "shop_report": {"from": "1.0", "to": "1.0", "dependant": True},
    },
    "migration": {
        "versions": [
            {
                "version": "1.0.1",
                "steps": [
                    {"id": "pre/1/ab", "phase": "pre", "kind": "song", "name": "songs.a::b", "done": True},
                    {"id": "update", "kind": "update", "name": "shop"},
                ],
            }
        ],
        "drift": [{"file": "migration.yml", "line": 7, "message": "step x was changed"}],
        "notes": ["a note"],
        "unchecked": [{"file": "", "line": 0, "message": "songs.x is created at run time"}],
        "refusal": None,
    },
    "missing": ["shop_lost"],
}
REFUSAL = {
    "code": "serie",
    "reason": "2 versions are to be done",
    "decisions": [
        {"command": "MIGRATION_ALLOW_SERIE=True", "effect": "runs them all"},
        {"command": "MIGRATION_FORCE_VERSION=1.0.1", "effect": "runs one"},
    ],
}


def test_a_plan_as_lines():
    assert report.plan_lines(PLAN) == [
        "database acme: Ready",
        "version 1.0.1: 2 steps",
        "Step  Version  Phase  What             Done",
        "----  -------  -----  ---------------  ----",
        "1     1.0.1    pre    song songs.a::b  done",
        "2     1.0.1           update shop",
        "Module    Version now  Version then",
        "--------  -----------  ------------",
        "shop      1.0          1.1",
        "shop_new               installed",
        "loaded again, as they depend on these: shop_report",
        "drift: migration.yml:7: step x was changed",
        "note: a note",
        "not checked: songs.x is created at run time",
        "left alone, as Odoo can't load them: shop_lost",
    ]


def test_nothing_to_do():
    assert report.plan_lines({"database": "acme", "state": None, "changed": False}) == [
        "database acme: no state",
        "nothing to do",
    ]


def test_a_refusal_names_the_commands_that_decide():
    text = report.refusal({"migration": {"refusal": REFUSAL}})
    assert text == (
        "2 versions are to be done; decide: odoo_migration_allow_serie=True (runs them all);"
        " or: odoo_migration_force_version=1.0.1 (runs one)"
    )
    assert report.plan_lines({"changed": True, "migration": {"refusal": REFUSAL}})[0] == f"REFUSED: {text}"
    assert report.refusal({"migration": {"refusal": "a text"}}) == "a text"
    problems = [
        {"file": "migration.yml", "line": 6, "message": "unknown key 'x'"},
        {"file": "", "line": 0, "message": "no"},
    ]
    assert report.refusal({"migration": {"problems": problems}}) == "migration.yml:6: unknown key 'x'; no"
    assert report.refusal(PLAN) == report.refusal({}) == ""


def test_steps_and_modules_of_a_plan():
    assert [(step["id"], step["version"], step["done"]) for step in report.steps(PLAN)] == [
        ("pre/1/ab", "1.0.1", True),
        ("update", "1.0.1", False),
    ]
    assert report.planned_modules(PLAN) == {
        "shop": {"from": "1.0", "to": "1.1"},
        "shop_new": {"from": None, "to": "installed"},
    }
    as_list = [{"name": "shop", "from": "1.0", "to": "1.1"}]
    assert report.planned_modules({"modules": as_list}) == {"shop": {"from": "1.0", "to": "1.1"}}


def test_a_result_as_tables():
    result = {
        "versions": [
            {
                "version": "1.0.1",
                "steps": [
                    {"kind": "song", "name": "songs.a::b", "status": "done", "seconds": 0.1, "changed": True},
                    {"kind": "sql", "name": "x", "status": "failed", "error": {"type": "E", "message": "no"}},
                ],
            }
        ],
        "modules": {"shop": {"from": "1.0", "to": "1.1"}},
    }
    assert report.report(result) == [
        "Version  Step             Status  Time   Changed  Error",
        "-------  ---------------  ------  -----  -------  -----",
        "1.0.1    song songs.a::b  done    0.1 s  yes",
        "1.0.1    sql x            failed                  E: no",
        "Module  Before  After",
        "------  ------  -----",
        "shop    1.0     1.1",
    ]
    assert report.report({"changed": False}) == []


@pytest.mark.parametrize("name", ["migration_plan", "migration_report", "migration_progress"])
def test_filters_say_what_they_want(name):
    function = migration.FilterModule().filters()[name]
    with pytest.raises(AnsibleFilterError, match=f"{name}: give "):
        function("text")


def test_events_as_lines():
    filters = migration.FilterModule().filters()
    assert filters["migration_progress"]([{"event": "verified"}]) == ["verified"]
    assert filters["migration_steps"](PLAN)[1]["id"] == "update"


def test_lines_are_plain_text():
    assert yaml.safe_load(yaml.safe_dump(report.plan_lines(PLAN))) == report.plan_lines(PLAN)
