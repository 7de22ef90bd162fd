# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import pathlib
import random

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import file as migration_file
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import table as migration_table
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration.plan import (
    StepRow,
    VersionRow,
    make_plan,
)

# What marabunta 0.15.0 did with generated files, tables and options: refused for which reason, or which commands it ran for
# which version and whether it took a backup.
DECISIONS = json.loads(
    (pathlib.Path(__file__).parents[2] / "files/migrations/marabunta.json").read_text(encoding="utf-8")
)

THREE = """
migration:
  options: {modes: [prod, test]}
  versions:
    - version: setup
      operations: {pre: [one], post: [two, three]}
      addons: {upgrade: [base, sale]}
      modes: {prod: {operations: {post: [four]}}}
    - version: 1.0.1
    - version: 1.0.2
      operations: {post: [five]}
"""


def parsed(text=THREE):
    return migration_file.parse(text)


def version(operations, addons="[]"):
    """A file with one version."""
    return parsed(
        f"migration: {{versions: [{{version: setup, operations: {operations}, addons: {{upgrade: {addons}}}}}]}}"
    )


def rows(*texts, run_id="", mode=""):
    return [VersionRow(text.rstrip("?"), not text.endswith("?"), run_id=run_id, mode=mode) for text in texts]


def as_done(found, mode=None, status="done"):
    """The rows of all steps of a migration, in a mode."""
    return [
        StepRow(
            item.number.canonical, step.id, step.sha, status, step.phase, step.kind, step.name, "r1",
            info={"modules": step.arguments["modules"]} if step.kind == "update" and status == "done" else {},
        )
        for item in found.versions
        for step in item.steps_for(mode)
    ]  # fmt: skip


def names(plan):
    return [(item.version.number.text, [step.name for step in item.steps]) for item in plan.versions]


def resumed(before, after, done, mode=None, status="done"):
    """The plan for `after` when the first `done` steps of `before` were done by a run of ours that was interrupted."""
    return make_plan(after, mode, rows("setup?", run_id="r1", mode=mode or ""), as_done(before, mode, status)[:done])


# marabunta's decisions


@pytest.mark.parametrize("case", DECISIONS, ids=range(len(DECISIONS)))
def test_as_marabunta(case):
    found = migration_file.parse(json.dumps({"migration": case["migration"]}))
    table = [VersionRow(text, done) for text, done in case["rows"]]
    plan = make_plan(found, case["mode"], table, (), case["allow_serie"], case["force_version"])
    if "refused" in case:
        assert plan.refusal.code == case["refused"]
        return
    ran = []
    for item in plan.versions:
        commands = []
        for step in item.steps:
            value = step.arguments
            if step.kind == "song":
                commands.append(f"anthem {value['target']}")
            elif step.kind == "command":
                commands.append(" ".join(value["argv"]))
            else:
                commands.append(["update", sorted(value["modules"]), value["override_translations"]])
        ran.append([item.version.number.text, commands])
    assert ran == case["versions"]
    backup = found.options.backup
    assert (plan.backup and backup is not None and backup.ignore_if is not True) == case["backup"]


def test_the_sample_has_all_there_is():
    assert {case.get("refused") for case in DECISIONS} == {None, "serie", "downgrade", "unfinished"}
    assert {len(case.get("versions", ())) for case in DECISIONS} >= {0, 1, 2, 3, 4}
    assert any(case["force_version"] for case in DECISIONS)


# One pending version, in ascending order


def test_nothing_to_do():
    plan = make_plan(parsed(), None, rows("setup", "1.0.1", "1.0.2"))
    assert plan.empty and not plan.backup and plan.refusal is None
    assert str(plan) == "nothing to do"


def test_the_one_pending_version():
    plan = make_plan(parsed(), None, rows("setup", "1.0.1"))
    assert names(plan) == [("1.0.2", ["command five"])]
    assert plan.backup
    assert str(plan) == "version 1.0.2: 1 step"


def test_versions_without_steps_are_recorded_and_do_not_count():
    plan = make_plan(parsed(), None, rows("setup"))
    assert names(plan) == [("1.0.1", []), ("1.0.2", ["command five"])]


def test_more_than_one_pending():
    plan = make_plan(parsed(), "prod")
    assert plan.refusal.code == "serie"
    assert plan.versions == ()
    assert str(plan) == (
        "2 versions are to be done, and only one may be at a time: setup, 1.0.2; decide: allow_serie=true (runs them all, one"
        " after the other)"
    )
    assert names(make_plan(parsed(), "prod", allow_serie=True)) == [
        ("setup", ["command one", "update base, sale", "command two", "command three", "command four"]),
        ("1.0.1", []),
        ("1.0.2", ["command five"]),
    ]


def test_below_the_highest_of_the_database():
    refusal = make_plan(parsed(), None, rows("setup", "2.0.0")).refusal
    assert refusal.code == "downgrade"
    assert "version 1.0.2 is below 2.0.0, the highest that the database had" in refusal.reason
    assert refusal.decisions[0].command == "force_version=1.0.2"


def test_a_version_without_steps_may_be_below():
    plan = make_plan(parsed(), None, rows("setup", "1.0.2", "2.0.0"))
    assert names(plan) == [("1.0.1", [])]


def test_a_row_that_is_no_version():
    refusal = make_plan(parsed(), None, rows("setup", "manual'fix")).refusal
    assert refusal.code == "foreign_row"
    assert refusal.decisions[0].command == "DELETE FROM public.marabunta_version WHERE number = 'manual''fix';"
    assert make_plan(parsed(), None, rows("setup", "1.0.1", "1.0.2", "manual")).empty  # nothing to compare it with


def test_another_spelling_is_the_same_version():
    plan = make_plan(parsed(), None, rows("setup", "1.0.0.0.1", "1.0.0.0.2"))
    assert plan.empty
    assert len(plan.notes) == 2
    assert "version 1.0.2 is 1.0.0.0.2 in marabunta_version" in plan.notes[1]


def test_in_one_run_a_module_is_updated_once():
    text = "migration: {versions: [{version: setup, addons: {upgrade: [a, b]}}, {version: 1.0.1, addons: {upgrade: [b, c]}},"
    found = parsed(text + " {version: 1.0.2, addons: {upgrade: [a]}, operations: {pre: [ls]}}]}")
    plan = make_plan(found, allow_serie=True)
    assert names(plan) == [("setup", ["update a, b"]), ("1.0.1", ["update c"]), ("1.0.2", ["command ls"])]


# Modes


def test_unknown_mode():
    refusal = make_plan(parsed(), "prd").refusal
    assert refusal.code == "unknown_mode"
    assert "has no mode 'prd'; did you mean 'prod'?" in refusal.reason
    assert "has no mode 'full'; there is prod, test" in make_plan(parsed(), "full").refusal.reason
    assert "the file has none" in make_plan(version("{pre: [ls]}"), "full").refusal.reason


def test_declared_mode_without_steps():
    assert names(make_plan(parsed(), "test", rows("setup", "1.0.1"))) == [("1.0.2", ["command five"])]


def test_steps_of_other_modes_are_told():
    text = "migration: {versions: [{version: setup, modes: {prod: {operations: {pre: [ls]}}}}]}"
    plan = make_plan(parsed(text))
    assert names(plan) == [("setup", [])]
    assert (
        "version setup does nothing without a mode, only in prod; it is recorded as done, for all modes"
        in plan.notes[0]
    )
    assert make_plan(parsed(text), "prod").notes == ()


# force_version


@pytest.mark.parametrize("table", [(), ("setup", "1.0.1", "1.0.2", "9.0.0"), ("setup?",), ("1.0.2?", "setup")])
def test_force_runs_that_version_alone(table):
    plan = make_plan(parsed(), None, rows(*table), force_version="1.0.2")
    assert names(plan) == [("1.0.2", ["command five"])]
    assert plan.backup and plan.versions[0].forced
    assert str(plan) == "version 1.0.2 again: 1 step"


def test_force_begins_at_the_first_step():
    found = version("{pre: [one, two]}")
    plan = make_plan(found, None, rows("setup?", run_id="r1"), as_done(found)[:1], force_version="setup")
    assert names(plan) == [("setup", ["command one", "command two"])]


@pytest.mark.parametrize("text", ["1.0.3", "nonsense", "1.0"])
def test_force_of_what_is_not_there(text):
    refusal = make_plan(parsed(), force_version=text).refusal
    assert refusal.code == "unknown_version"
    assert f"force_version is {text!r}" in refusal.reason


def test_force_names_the_nearest():
    assert "did you mean '1.0.2'?" in make_plan(parsed(), force_version="1.0.22").refusal.reason
    assert not make_plan(parsed(), force_version="1.0.0.0.2").refusal


# What was begun and not finished


def test_marabunta_left_it_unfinished():
    refusal = make_plan(
        parsed(), None, [VersionRow("setup", True), VersionRow("1.0.2", False, "2026-01-02 03:04:05")]
    ).refusal
    assert refusal.code == "unfinished"
    assert "version 1.0.2 was begun at 2026-01-02 03:04:05 by marabunta and not finished" in refusal.reason
    assert [item.command for item in refusal.decisions] == [
        "force_version=1.0.2",
        "UPDATE public.marabunta_version SET date_done = now() WHERE number = '1.0.2';",
    ]


def test_marabunta_left_unfinished_what_is_not_in_the_file():
    refusal = make_plan(parsed(), None, rows("setup", "1.0.7?")).refusal
    assert refusal.code == "unfinished"
    assert [item.command.split(" ")[0] for item in refusal.decisions] == ["UPDATE"]


def test_ours_is_not_in_the_file_any_more():
    refusal = make_plan(parsed(), None, rows("1.0.3?", run_id="r1")).refusal
    assert refusal.code == "vanished"
    assert "by run r1" in refusal.reason


def test_ours_is_gone_on_with():
    found = parsed()
    plan = make_plan(
        found, "prod", [*rows("setup?", run_id="r1", mode="prod")], as_done(found, "prod")[:3], allow_serie=True
    )
    assert names(plan) == [("setup", ["command three", "command four"]), ("1.0.1", []), ("1.0.2", ["command five"])]
    assert plan.versions[0].resumed == "r1"
    assert len(plan.versions[0].done) == 3
    assert not plan.backup  # it was made before the version was begun
    assert plan.drift == () and plan.notes == ()
    assert str(plan).startswith("version setup, begun by run r1: 2 steps; ")


def test_ours_was_begun_in_another_mode():
    found = parsed()
    refusal = make_plan(found, "prod", rows("setup?", run_id="r1", mode="test"), as_done(found)[:1], True).refusal
    assert refusal.code == "other_mode"
    assert [item.command for item in refusal.decisions] == ["mode=test", "force_version=setup"]
    assert make_plan(found, None, rows("setup?", run_id="r1", mode="test")).refusal.code == "other_mode"


def test_ours_with_all_steps_done_is_only_finished():
    found = version("{pre: [one]}")
    plan = resumed(found, found, 1)
    assert not plan.empty
    assert names(plan) == [("setup", [])]


def test_ours_below_the_highest_is_finished_too():
    found = version("{pre: [one]}")
    plan = make_plan(found, None, [*rows("setup?", run_id="r1"), *rows("1.0.0")])
    assert names(plan) == [("setup", ["command one"])]


@pytest.mark.parametrize("status", ["failed", "running"])
def test_only_done_is_done(status):
    found = version("{pre: [one, two]}")
    plan = resumed(found, found, 1, status=status)
    assert names(plan) == [("setup", ["command one", "command two"])]
    assert len(plan.notes) == (status == "running")  # a command leaves no trace of how far it came


@pytest.mark.parametrize(("info", "noted"), [({}, False), ({"self_committed": True}, True)])
def test_an_interrupted_song_is_whole_or_not_at_all(info, noted):
    found = version("{pre: ['anthem a::b']}")
    (row,) = as_done(found, status="running")
    row = StepRow(**{**vars(row), "info": info})
    plan = make_plan(found, None, rows("setup?", run_id="r1"), [row])
    assert names(plan) == [("setup", ["a::b"])]
    assert bool(plan.notes) is noted


def test_the_row_of_the_version_was_deleted():
    found = version("{pre: [one, two]}")
    refusal = make_plan(found, None, (), as_done(found)).refusal
    assert refusal.code == "unrecorded"
    assert "2 of its steps are recorded as done" in refusal.reason
    assert [item.command for item in refusal.decisions] == [
        "force_version=setup",
        "INSERT INTO public.marabunta_version (number, date_start, date_done) VALUES ('setup', now(), now());",
    ]
    assert not make_plan(found, None, (), as_done(found), force_version="setup").refusal


# A file that was changed in between


def drift(plan):
    return [(item.kind, item.message.split(" of version")[0]) for item in plan.drift]


@pytest.mark.parametrize(
    ("before", "done", "after", "left", "kinds"),
    [
        # put in before, after and between: what is done stays done
        ("[a, b]", 1, "[x, a, b]", ["x", "b"], []),
        ("[a, b]", 1, "[a, x, b]", ["x", "b"], []),
        ("[a, b]", 2, "[a, b, x]", ["x"], []),
        ("[a, b, c]", 2, "[c, b, a]", ["c"], []),
        # the failed one may be changed at will
        ("[a, b]", 1, "[a, b2]", ["b2"], []),
        ("[a, b]", 1, "[a]", [], []),
        # a done one was changed, or taken out
        ("[a, b]", 1, "[a2, b]", ["b"], ["changed"]),
        ("[a, b]", 1, "[b]", [], ["changed"]),  # b stands where a was done: can't be told from a change, so said
        ("[a, b]", 2, "[b]", [], ["removed"]),
        ("[a, b]", 2, "[b, c]", ["c"], ["removed"]),
        # equal ones are counted
        ("[a, a]", 1, "[a, a]", ["a"], []),
        ("[a, a, b]", 2, "[a, a, a, b]", ["a", "b"], []),
        # given ids
        ("[{id: i, command: a}, b]", 1, "[{id: i, command: a2}, b]", ["b"], ["changed"]),
        ("[{id: i, command: a}, b]", 1, "[b, {id: i, command: a}]", ["b"], []),
        ("[{id: i, command: a}, b]", 1, "[{id: j, command: a}, b]", ["a", "b"], ["removed"]),
        ("[a, b]", 1, "[{id: i, command: a}, b]", ["b"], []),  # it got an id
        ("[{id: i, command: a}, b]", 1, "[a, b]", ["b"], []),  # it lost its id
        ("[a, b]", 1, "[{id: i, command: x}, b]", ["x", "b"], ["removed"]),  # an id of its own: another step
    ],
)
def test_changed_file(before, done, after, left, kinds):
    plan = resumed(version(f"{{pre: {before}}}"), version(f"{{pre: {after}}}"), done)
    assert [step.name for _version, step in plan.steps] == [f"command {name}" for name in left]
    assert [item.kind for item in plan.drift] == kinds
    for item in plan.drift:
        assert str(item)


def test_moved_to_the_other_phase():
    plan = resumed(version("{pre: [a, b]}"), version("{pre: [b], post: [a]}"), 1)
    assert [item.kind for item in plan.drift] == ["moved"]
    assert [step.name for _version, step in plan.steps] == ["command b"]
    assert "'command a' of version setup was done in 'pre' and stands in 'post' now" in plan.drift[0].message


def test_equal_steps_of_both_phases_are_two():
    found = version("{pre: [a], post: [a, b]}")
    plan = resumed(found, found, 1)
    assert [step.phase for _version, step in plan.steps] == ["post", "post"]
    assert plan.drift == ()


@pytest.mark.parametrize(
    ("before", "after", "left", "kinds"),
    [
        ("[a, b]", "[a, b]", None, []),
        ("[a, b]", "[b, a]", None, []),
        ("[a, b]", "[a, b, c]", ["c"], []),
        ("[a, b]", "[a]", None, ["changed"]),
        ("[a, b]", "[c]", ["c"], []),
        ("[a, b]", "[]", None, ["removed"]),
        ("[]", "[a]", ["a"], []),
    ],
)
def test_changed_modules(before, after, left, kinds):
    plan = resumed(version("{post: [x]}", before), version("{post: [x]}", after), 1 if before != "[]" else 0)
    updates = [step.arguments["modules"] for _version, step in plan.steps if step.kind == "update"]
    assert updates == ([left] if left else [])
    assert [item.kind for item in plan.drift] == kinds


def test_an_update_that_was_done_in_part():
    found = version("{}", "[a, b, c]")
    row = StepRow("setup", "update", "other", "failed", "update", "update", info={"modules": ["a"]})
    plan = make_plan(found, None, rows("setup?", run_id="r1"), [row])
    assert names(plan) == [("setup", ["update b, c"])]
    assert plan.steps[0][1].sha == found.versions[0].steps_for(None)[0].sha


def test_a_done_version_that_was_changed_is_told_and_not_run():
    before, after = version("{pre: [a, b]}", "[m]"), version("{pre: [a, b2, c]}", "[m, n]")
    plan = make_plan(after, None, rows("setup", run_id="r1"), as_done(before))
    assert plan.empty
    assert [item.kind for item in plan.drift] == ["changed", "changed"]
    assert "update n was added to version setup, which is done" in plan.drift[1].message


def test_a_version_that_marabunta_did_again_is_not_compared():
    before, after = version("{pre: [a]}"), version("{pre: [b]}")
    assert make_plan(after, None, rows("setup"), as_done(before)).drift == ()


def test_steps_of_the_mode_in_which_it_was_done():
    found = parsed()
    table = [*rows("setup", run_id="r1", mode="prod"), *rows("1.0.1", "1.0.2")]
    done = [row for row in as_done(found, "prod") if row.version == "setup"]
    assert make_plan(found, "test", table, done).drift == ()


# Properties


def _random_file(rng, ids="ijk"):
    """One version with some commands in pre and post, some of them with ids, and perhaps an update."""
    given = rng.sample(ids, len(ids))
    steps = [
        {"id": given.pop(), "command": rng.choice("abcd")} if given and rng.random() < 0.3 else rng.choice("abcd")
        for _step in range(rng.randrange(1, 6))
    ]
    half = rng.randrange(len(steps) + 1)
    operations = json.dumps({"pre": steps[:half], "post": steps[half:]})
    return version(operations, json.dumps(rng.sample(["m", "n"], rng.randrange(3))))


def test_whatever_was_done_the_rest_is_what_is_left():
    rng = random.Random(15)
    for _round in range(300):
        found = _random_file(rng)
        whole = found.versions[0].steps_for(None)
        done = rng.randrange(len(whole) + 1)
        plan = resumed(found, found, done)
        assert [step.id for _version, step in plan.steps] == [step.id for step in whole[done:]]
        assert plan.drift == () and list(plan.versions[0].done) == [step.id for step in whole[:done]]


def test_however_the_file_changes_nothing_is_done_twice():
    rng = random.Random(16)
    for _round in range(500):
        before, after = _random_file(rng), _random_file(rng)
        whole = as_done(before)
        done = whole[: rng.randrange(len(whole) + 1)]
        plan = resumed(before, after, len(done))
        steps = [step for _version, step in plan.steps if step.kind != "update"]
        wanted = [step for step in after.versions[0].steps_for(None) if step.kind != "update"]
        assert len({step.id for step in wanted}) == len(wanted)
        # In the file's order, and with what is done each step of the file once.
        assert [step for step in wanted if step in steps] == steps
        assert len(steps) + len([ident for ident in plan.versions[0].done if ident != "update"]) == len(wanted)
        assert make_plan(after, None, rows("setup?", run_id="r1"), done) == plan


def test_what_is_done_is_not_pending_again_wherever_it_stands_now():
    rng = random.Random(17)
    for _round in range(500):
        before, after = _random_file(rng, ""), _random_file(rng, "")
        whole = as_done(before)
        done = whole[: rng.randrange(len(whole) + 1)]
        pending = [step.sha for _version, step in resumed(before, after, len(done)).steps]
        for step in after.versions[0].steps_for(None):
            there = sum(other.sha == step.sha for other in after.versions[0].steps_for(None))
            assert pending.count(step.sha) <= max(0, there - sum(row.sha == step.sha for row in done))


def test_plans_that_do_the_same_have_one_sha():
    found = parsed()
    assert make_plan(found, None, rows("setup")).sha == make_plan(parsed(), None, rows("setup")).sha
    shas = {
        make_plan(found, mode, rows(*table)).sha for mode in (None, "prod") for table in (["setup"], ["setup", "1.0.1"])
    }
    assert len(shas) == 4


# The table's marks


@pytest.mark.parametrize(
    ("log", "run_id", "mode"),
    [
        (None, "", ""),
        ("", "", ""),
        ("version setup: start", "", ""),
        ("Traceback\nodoo-cloud run=x mode=\n", "", ""),
        (migration_table.mark("r1", None), "r1", ""),
        (migration_table.mark("r1", "prod") + "log", "r1", "prod"),
    ],
)
def test_whose_row_it_is(log, run_id, mode):
    row = migration_table.version_row("setup", False, "2026-01-01 00:00:00", log)
    assert (row.run_id, row.mode) == (run_id, mode)
