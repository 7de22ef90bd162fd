# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of a migration with a real PostgreSQL and real processes; Odoo is the stand-in in fake_odoo/."""

from __future__ import annotations

import json
import signal

import pytest
from test_modes import Place, write_addons

SONGS = """
import os
import sys
import time


def count(ctx, what):
    ctx.env.cr.execute("CREATE TABLE IF NOT EXISTS sung (what text)")
    ctx.env.cr.execute("INSERT INTO sung VALUES (%s)", (what,))


def one(ctx, name="one"):
    with ctx.log("singing"):
        ctx.log_line("la la " + name)
    count(ctx, name)


def early(ctx):
    assert ctx.env.context["prefetch_fields"] is False
    count(ctx, "early")


def two(ctx):
    count(ctx, "two")
    time.sleep(float(os.environ.get("SONG_WAIT") or 0))
    if os.environ.get("SONG_FAILS"):
        raise ValueError("out of tune")


def three(ctx):
    count(ctx, "three")


def leaves(ctx):
    count(ctx, "leaves")
    sys.exit(0)


def commits(ctx):
    count(ctx, "commits")
    ctx.env.cr.commit()
    count(ctx, "and more")


def reads(ctx):
    ctx.env.cr.execute("SELECT 1")


def sleeps(ctx):
    ctx.env.cr.execute("SELECT pg_sleep(30)")


def stubborn(ctx):
    count(ctx, "stubborn")
    try:
        time.sleep(30)
    except Exception:
        pass
"""
FILE = """
migration:
  versions:
    - version: 1.0.0
      operations:
        pre:
          - sql: "CREATE TABLE sung (what text); INSERT INTO sung VALUES ('sql')"
          - anthem songs.all::early
        post:
          - anthem songs.all::one
          - song: songs.all::two
          - {id: third, song: "songs.all::three"}
      addons:
        upgrade: [shop]
"""
ALL = ["early", "one", "sql", "three", "two"]


@pytest.fixture
def ready(database, settings, tmp_path):
    """A database with shop and till, a project with songs, and a newer shop."""
    made = Place(database, settings, tmp_path)
    made.run("InstallOnly")
    made.project = tmp_path / "project"
    (made.project / "songs").mkdir(parents=True)
    (made.project / "songs" / "all.py").write_text(SONGS)
    (made.project / "migration.yml").write_text(FILE)
    made.events = tmp_path / "events.ndjson"
    return made


def migrate(place, expect=0, mode="UpdateOnly", *arguments, **extra):
    place.events.unlink(missing_ok=True)
    env = {"MIGRATION_FILE": place.project / "migration.yml", "EVENTS_FILE": place.events, **extra}
    return place.run(mode, *arguments, expect=expect, **env)


def told(place, *kinds):
    events = [json.loads(line) for line in place.events.read_text().splitlines()]
    return [item for item in events if item["event"] in kinds] if kinds else events


def sung(place):
    if not place.sql("SELECT to_regclass('sung')")[0][0]:
        return []
    return sorted(row[0] for row in place.sql("SELECT what FROM sung"))


def write(place, steps, upgrade="", version="1.0.0"):
    post = "".join(f"          - {step}\n" for step in steps)
    addons = f"      addons:\n        upgrade: [{upgrade}]\n" if upgrade else ""
    (place.project / "migration.yml").write_text(
        f"migration:\n  versions:\n    - version: {version}\n      operations:\n        post:\n{post}{addons}"
    )


def test_a_version_is_done_in_one_boot_and_then_nothing(ready):
    write_addons(ready.addons, "1.1")
    migrate(ready)
    assert sung(ready) == ALL
    assert ready.version("shop") == ("installed", "14.0.1.1") == ready.version("till")
    assert ready.counted() == sorted(
        f"{name} 1.1 {stage}" for name in ("shop", "till") for stage in ("pre", "post", "end")
    )
    kinds = [item["event"] for item in told(ready)]
    assert kinds.count("booted") == 1 and kinds[0] == "run_started" and kinds[-1] == "run_ended"
    order = [(item["step"], item["of"], item["kind"], item["changed"]) for item in told(ready, "step_done")]
    assert order == [
        (1, 6, "sql", True), (2, 6, "song", True), (3, 6, "update", True), (4, 6, "song", True), (5, 6, "song", True),
        (6, 6, "song", True),
    ]  # fmt: skip
    assert kinds.index("verified") < kinds.index("version_done")
    assert "la la one" in told(ready, "step_done")[3]["log_tail"]
    (ended,) = told(ready, "run_ended")
    assert (ended["status"], ended["code"]) == ("done", 0)
    assert ended["result"]["modules"]["shop"] == {"from": "14.0.1.0", "to": "14.0.1.1"}
    assert [step["status"] for step in ended["result"]["versions"][0]["steps"]] == ["done"] * 6
    assert ready.sql("SELECT number, date_done IS NOT NULL FROM marabunta_version") == [("1.0.0", True)]
    assert ready.sql("SELECT status FROM odoo_cloud_run") == [("done",)]
    rows = ready.sql("SELECT count(*) FROM curq_state_history")
    migrate(ready)
    assert sung(ready) == ALL
    assert told(ready, "run_ended")[0]["status"] == "nothing" and not told(ready, "booted", "plan")
    assert ready.sql("SELECT count(*) FROM curq_state_history") == rows


def test_the_plan_is_what_happens_and_touches_nothing(ready):
    write_addons(ready.addons, "1.1")
    plan = json.loads(migrate(ready, 0, "UpdateOnly", "plan"))
    assert plan["changed"] and not plan["refused"]
    assert [(item["name"], item["from"], item["to"], item["dependant"]) for item in plan["modules"]] == [
        ("shop", "14.0.1.0", "14.0.1.1", False),
        ("till", "14.0.1.0", "14.0.1.1", False),
    ]
    assert ready.sql("SELECT to_regclass('odoo_cloud_step'), to_regclass('marabunta_version')") == [(None, None)]
    migrate(ready)
    planned = [step["id"] for version in plan["migration"]["versions"] for step in version["steps"]]
    assert planned == [item["step_id"] for item in told(ready, "step_done")]
    assert told(ready, "plan")[0]["plan"]["migration"] == plan["migration"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_in_a_song_it_goes_on_there(ready, number):
    write_addons(ready.addons, "1.1")
    env = {"MIGRATION_FILE": ready.project / "migration.yml", "EVENTS_FILE": ready.events}
    actor = ready.start("UpdateOnly", SONG_WAIT=30, **env)
    ready.until(lambda: ready.events.exists() and '"step": 5,' in ready.events.read_text(), "two")
    actor.send_signal(number)
    actor.communicate(timeout=30)
    assert sung(ready) == ["early", "one", "sql"]
    before = ready.counted()
    # A container that only serves leaves it alone, and so does an update without the file.
    assert "goes on with it" in ready.run("InstallOnly", expect=65)
    assert "MIGRATION_FILE is not set" in ready.run("UpdateOnly", expect=85)
    migrate(ready)
    assert sung(ready) == ALL and ready.counted() == before
    assert told(ready, "step_started")[0]["name"] == "songs.all::two"
    assert not told(ready, "module")
    assert [row[0] for row in ready.sql("SELECT status FROM odoo_cloud_run ORDER BY started")] == ["aborted", "done"]


def test_a_failing_song_is_rolled_back_and_told(ready):
    write_addons(ready.addons, "1.1")
    output = migrate(ready, 81, SONG_FAILS=1)
    assert "songs.all::two" in output and "ValueError: out of tune" in output
    assert ready.states()[-1] == "Failed" and sung(ready) == ["early", "one", "sql"]
    (failed,) = told(ready, "step_failed")
    assert failed["error"]["type"] == "ValueError" and failed["error"]["where"].endswith("all.py:27")
    (ended,) = told(ready, "run_ended")
    assert (ended["status"], ended["code"]) == ("failed", 81)
    statuses = [step["status"] for step in ended["result"]["versions"][0]["steps"]]
    assert statuses == ["done", "done", "done", "done", "failed", "pending"]
    assert "out of tune" in ready.sql("SELECT log FROM marabunta_version")[0][0]
    migrate(ready)
    assert sung(ready) == ALL


def test_killed_in_mid_update_no_module_is_done_twice(ready):
    write_addons(ready.addons, "1.1")
    env = {"MIGRATION_FILE": ready.project / "migration.yml", "EVENTS_FILE": ready.events}
    actor = ready.start("UpdateOnly", FAKE_SLEEP=0.5, **env)
    ready.until(lambda: ready.events.exists() and '"event": "module"' in ready.events.read_text(), "shop is done")
    actor.kill()
    actor.communicate(timeout=30)
    migrate(ready)
    assert sung(ready) == ALL
    assert ready.counted() == sorted(
        f"{name} 1.1 {stage}" for name in ("shop", "till") for stage in ("pre", "post", "end")
    )
    assert [item["name"] for item in told(ready, "module")] == ["till"]


def test_what_is_refused_is_refused_before_the_lock(ready):
    write(ready, ["anthem songs.all::tow", "{song: 'songs.all::one', kwargs: {nam: x}}"], "shpo")
    before = ready.states()
    output = migrate(ready, 80)
    assert "did you mean 'two'?" in output and "did you mean 'name'?" in output and "did you mean 'shop'?" in output
    assert "migration.yml:6:" in output and "migration.yml:7:" in output
    plan = json.loads(migrate(ready, 0, "UpdateOnly", "plan"))
    assert plan["refused"] and [item["line"] for item in plan["migration"]["problems"]] == [9, 6, 7]
    (ready.project / "migration.yml").write_text("migration:\n  versoins: []\n")
    assert "did you mean 'versions'?" in migrate(ready, 80)
    assert told(ready, "run_ended")[0]["code"] == 80
    assert ready.states() == before
    assert ready.sql("SELECT to_regclass('odoo_cloud_run'), to_regclass('marabunta_version')") == [(None, None)]


def test_a_version_that_marabunta_left_unfinished_is_a_decision(ready):
    ready.sql(
        "CREATE TABLE marabunta_version (number varchar NOT NULL, date_start timestamp NOT NULL, date_done timestamp,"
        " log text, addons text, CONSTRAINT version_pk PRIMARY KEY (number))"
    )
    ready.sql("INSERT INTO marabunta_version VALUES ('1.0.0', now())")
    output = migrate(ready, 85)
    assert "begun" in output and "MIGRATION_FORCE_VERSION=1.0.0" in output
    plan = json.loads(migrate(ready, 0, "UpdateOnly", "plan"))
    assert plan["migration"]["refusal"]["decisions"][0]["command"] == "MIGRATION_FORCE_VERSION=1.0.0"
    migrate(ready, MIGRATION_FORCE_VERSION="1.0.0")
    assert sung(ready) == ALL


def test_a_song_that_exits_has_failed(ready):
    write(ready, ["anthem songs.all::leaves"])
    assert "sys.exit(0)" in migrate(ready, 81)
    assert sung(ready) == []


def test_a_song_that_commits_is_reported_and_one_that_reads_changes_nothing(ready):
    write(ready, ["anthem songs.all::commits", "anthem songs.all::reads", "anthem songs.all::one"])
    assert "commits by itself" in migrate(ready)
    found = [(item["self_committed"], item["changed"]) for item in told(ready, "step_done")]
    assert found == [(True, True), (False, False), (False, True)]


@pytest.mark.parametrize(
    "step",
    [
        "{song: 'songs.all::sleeps', timeout: 1}",
        "{song: 'songs.all::stubborn', timeout: 1}",
        "{sql: 'SELECT pg_sleep(30)', timeout: 1}",
        "{command: [sleep, '30'], timeout: 1}",
    ],
)
def test_time_limits(ready, step):
    write(ready, [step])
    migrate(ready, 81)
    (failed,) = told(ready, "step_failed")
    assert failed["seconds"] < 10 and sung(ready) == []


def test_modules_parameters_files_and_commands(ready):
    (ready.project / "data").mkdir()
    (ready.project / "data" / "res.lang.csv").write_text("code\nfr_FR\nde_DE\n")
    write(
        ready,
        [
            "{uninstall: [till]}",
            "anthem songs.all::one",
            "{config_parameter: {a.key: true, b.key: 5}}",
            "{config_parameter: {a.key: true, b.key: 5}}",
            "{id: csv, load_csv: data/res.lang.csv}",
            "{command: [sh, -c, 'echo $PGDATABASE > $DATA_DIR/said']}",
            "{install: [till, shop]}",
        ],
    )
    migrate(ready, ODOO_DATA_PATH=ready.project)
    assert [item["changed"] for item in told(ready, "step_done")] == [True, True, True, False, True, True, True]
    assert ready.version("till") == ("installed", "14.0.1.0")
    assert ready.sql("SELECT value FROM ir_config_parameter WHERE key IN ('a.key', 'b.key') ORDER BY key") == [
        ("True",),
        ("5",),
    ]
    assert ready.sql("SELECT count(*) FROM res_lang WHERE code IN ('fr_FR', 'de_DE')") == [(2,)]
    assert (ready.path / "data" / "said").read_text().strip() == ready.database.name
    write(ready, ["{load_csv: data/res.lang.csv}", "{command: 'false'}"], version="1.0.1")
    (ready.project / "data" / "res.lang.csv").write_text("code\nit_IT\nes_ES,2\n")
    output = migrate(ready, 81, ODOO_DATA_PATH=ready.project)
    assert "res.lang.csv:3" in output
    assert ready.sql("SELECT count(*) FROM res_lang WHERE code = 'it_IT'") == [(0,)]


def test_sql_and_commands_alone_need_no_odoo(ready):
    write(ready, ["{sql: 'CREATE TABLE sung (what text)'}", "{command: 'true'}"])
    migrate(ready)
    assert not told(ready, "booted") and sung(ready) == []


def test_ad_hoc_steps_are_done_each_time_and_gone_on_with(ready):
    steps = json.dumps([{"song": "songs.all::one"}, {"song": "songs.all::two"}])
    (ready.project / "migration.yml").unlink()
    env = {"STEPS": steps, "SONG_PATH": ready.project}
    env["EVENTS_FILE"] = ready.events
    ready.run("UpdateOnly", **env)
    ready.run("UpdateOnly", **env)
    assert sung(ready) == ["one", "one", "two", "two"]
    ready.run("UpdateOnly", expect=81, SONG_FAILS=1, **env)
    assert sung(ready) == ["one", "one", "one", "two", "two"]
    ready.run("UpdateOnly", **env)
    assert sung(ready) == ["one", "one", "one", "two", "two", "two"]
    assert "STEPS:2: songs.all has no function tow" in ready.run(
        "UpdateOnly", expect=80, **{**env, "STEPS": steps.replace("two", "tow")}
    )


def test_modules_that_are_as_steps_want_them_open_no_window(ready):
    (ready.project / "migration.yml").unlink()

    def asks(*arguments, expect=0, **step):
        ready.events.unlink(missing_ok=True)
        return ready.run("UpdateOnly", *arguments, expect=expect, STEPS=json.dumps([step]), EVENTS_FILE=ready.events)

    rows = ready.sql("SELECT count(*) FROM curq_state_history")
    assert not json.loads(asks("plan", install=["till", "shop"]))["changed"]
    asks(install=["till", "shop"])
    assert told(ready, "run_ended")[0]["status"] == "nothing"
    assert ready.sql("SELECT count(*) FROM curq_state_history") == rows
    assert "there is no module 'tlil'; did you mean 'till'?" in asks(uninstall=["tlil"], expect=80)
    plan = json.loads(asks("plan", uninstall=["till"]))
    assert plan["changed"] and [(one["name"], one["from"], one["to"]) for one in plan["modules"]] == [
        ("till", "14.0.1.0", None)
    ]
    asks(uninstall=["till"])
    assert told(ready, "run_ended")[0]["result"]["modules"] == {"till": {"from": "14.0.1.0", "to": None}}
    asks(uninstall=["till"])
    assert told(ready, "run_ended")[0]["status"] == "nothing"


def test_several_versions_update_each_module_once(ready):
    write_addons(ready.addons, "1.1")
    (ready.project / "migration.yml").write_text(
        FILE
        + "    - version: 1.0.1\n      operations: {pre: [anthem songs.all::three], post: [anthem songs.all::three]}\n"
        "      addons: {upgrade: [shop, till]}\n"
    )
    assert "MIGRATION_ALLOW_SERIE=true" in migrate(ready, 85)
    migrate(ready, MIGRATION_ALLOW_SERIE="true")
    assert sung(ready) == sorted([*ALL, "three", "three"])
    assert len([name for name in ready.counted() if name.endswith("pre")]) == 2


def test_a_backup_comes_first_and_its_failure_changes_nothing(ready):
    text = (ready.project / "migration.yml").read_text()

    def options(command):
        backup = f"  options: {{backup: {{command: '{command}'}}}}\n"
        (ready.project / "migration.yml").write_text(text.replace("migration:\n", "migration:\n" + backup))

    options("echo no; exit 3")
    assert "ended with code 3" in migrate(ready, 81)
    assert ready.states()[-1] == "Ready" and sung(ready) == []
    options("echo $database > $DATA_DIR/backup")
    migrate(ready)
    assert (ready.path / "data" / "backup").read_text().strip() == ready.database.name
    assert sung(ready) == ALL


def test_adopt_records_what_is_there_and_click_odoo_is_believed(ready):
    ready.sql("DROP TABLE odoo_cloud_module")
    plan = json.loads(ready.run("UpdateOnly", "plan"))
    assert not plan["changed"], "click-odoo-update's record, which the installation wrote, says that nothing changed"
    adopted = json.loads(ready.run("UpdateOnly", "adopt"))
    assert adopted["adopted"] == ["base", "shop", "till"] == adopted["imported"]
    assert json.loads(ready.run("UpdateOnly", "adopt"))["changed"] is False
    ready.sql("DROP TABLE odoo_cloud_module")
    (ready.addons / "till" / "new.py").write_text("# new\n")
    adopted = json.loads(ready.run("UpdateOnly", "adopt"))
    assert adopted["adopted"] == ["base", "shop"] and list(adopted["differ"]) == ["till"]
    ready.sql("DROP TABLE odoo_cloud_module")
    assert json.loads(ready.run("UpdateOnly", "plan"))["update"] == ["till"]
