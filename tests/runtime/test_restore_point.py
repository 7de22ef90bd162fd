# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore points and the way back, with a real PostgreSQL and real processes; Odoo is the stand-in in fake_odoo/."""

from __future__ import annotations

import contextlib
import glob
import json
import subprocess
import sys
import threading
import time

import psycopg2
import pytest
from test_modes import ALL, LAUNCH, PACKAGE, RUNNING, place, ready, write_addons  # noqa: F401 - fixtures

# Dies at once before or after a function of the runtime is called: `restore.rollback.swap:before`, `...:after`, `...:before:2`; or waits
# before it, `...:pause:2` seconds.
KILL = f"""
import importlib, os, signal, time
where = os.environ.get("KILL_AT")
if where:
    path, when, number = (where + ":1").split(":")[:3]
    module, name = path.rsplit(".", 1)
    module = importlib.import_module("{PACKAGE}." + module)
    original, calls = getattr(module, name), []
    def killing(*args, **values):
        calls.append(1)
        if when == "pause":
            time.sleep(float(number))
        if when == "before" and len(calls) == int(number):
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **values)
        if when == "after" and len(calls) == int(number):
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(module, name, killing)
"""
BACK = {"RESTORE_POINT": "clone", "ON_FAILURE": "rollback"}


@pytest.fixture
def shop(ready, server, name):  # noqa: F811
    """An installed database of which version 2.0 is there, whose last post- script fails, and a role that may copy it."""
    server.execute(f'CREATE ROLE "{name}_keeper" LOGIN CREATEDB; GRANT "{name}" TO "{name}_keeper"')
    ready.address["DB_ADMIN_USER"] = f"{name}_keeper"
    ready.sql("CREATE TABLE written (what text)")
    write_addons(ready.addons, "2.0", fail="till")
    return ready


def start(place, mode, *arguments, **extra):  # noqa: F811
    process = subprocess.Popen(
        [sys.executable, "-c", KILL + LAUNCH, *arguments],
        env=place.env(mode, **extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
    )
    RUNNING.append(process)
    return process


def run(place, mode, *arguments, expect=0, **extra):  # noqa: F811
    process = start(place, mode, *arguments, **extra)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == expect, f"{process.returncode}: {output}"
    return output


def databases(server, name):
    """What is there beside the database: before, failed, ..."""
    rows = server.execute("SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY datname", (name + "--%",))
    return [row[0].split("--")[1].rsplit("-", 1)[0] for row in rows]


def named(server, name, what):
    return server.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{name}--{what}-%",))[0][0]


def results(place):  # noqa: F811
    return place.sql("SELECT state, coalesce(result, '') FROM curq_state_history ORDER BY id")


def test_a_restore_point_is_made_before_the_first_change(shop, server, name):
    write_addons(shop.addons, "2.0")
    shop.sql("INSERT INTO written VALUES ('before')")
    output = run(shop, "UpdateOnly", RESTORE_POINT="clone")
    assert "restore point" in output
    assert results(shop)[2:] == [("Maintenance", "restore point"), ("Updating", ""), ("Ready", "ok")]
    assert shop.counted() == ALL
    point = named(server, name, "before")
    allowed, acl, comment = server.execute(
        "SELECT datallowconn, datacl::text, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
        (point,),
    )[0]
    assert not allowed  # nobody comes in, so nobody changes it
    assert "{=" not in acl and ",=" not in acl, acl  # closed to PUBLIC
    said = json.loads(comment)
    assert said["database"] == name
    assert isinstance(said["sessions"], int)
    server.execute(f'ALTER DATABASE "{point}" ALLOW_CONNECTIONS true')
    assert server.execute("SELECT what FROM written", database=point) == [("before",)]
    assert server.execute("SELECT to_regclass('counter')", database=point) == [(None,)]
    assert server.execute("SELECT count(*) FROM odoo_cloud_module WHERE pending IS NOT NULL", database=point) == [(0,)]


def test_a_failed_update_goes_back_by_itself(shop, server, name):
    server.execute(f"ALTER DATABASE \"{name}\" SET work_mem TO '5MB'; COMMENT ON DATABASE \"{name}\" IS 'mine'")
    shop.sql("INSERT INTO written VALUES ('before')")
    output = run(shop, "UpdateOnly", RELEASE="r2", expect=84, **BACK)
    assert "rolled back to the restore point" in output
    assert databases(server, name) == ["failed"]
    assert shop.version("till") == ("installed", "14.0.1.0")
    assert shop.counted() == []  # shop's scripts had been committed
    assert shop.sql("SELECT what FROM written") == [("before",)]
    assert results(shop)[2:] == [
        ("Maintenance", "restore point"), ("Updating", ""), ("Failed", "failed"), ("Failed", "rolling back"),
        ("Ready", "rolled back"),
    ]  # fmt: skip
    failed = named(server, name, "failed")
    assert ("shop 2.0 pre",) in server.execute("SELECT what FROM counter", database=failed)
    assert shop.sql("SELECT failed_database, reason LIKE '%%ValueError: no%%' FROM odoo_cloud_rollback") == [
        (failed, True)
    ]
    assert shop.sql("SHOW work_mem") == [("5MB",)]
    assert server.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (name,)
    ) == [("mine",)]
    # the old release serves, the one that failed is not let in by itself, and is tried again when somebody says so
    assert "fake Odoo serves" in run(shop, "RunOnly", RELEASE="r1")
    assert "was rolled back" in run(shop, "UpdateAndRun", RELEASE="r2", TIMEOUT="0.05", expect=75, **BACK)
    run(shop, "UpdateOnly", RELEASE="r2", expect=84, **BACK)
    write_addons(shop.addons, "2.0")  # corrected
    run(shop, "UpdateOnly", RELEASE="r3", **BACK)
    assert shop.version("till") == ("installed", "14.0.2.0")
    assert shop.counted() == ALL


def test_waiting_replicas_serve_the_old_data_without_a_person(shop, server, name):
    process = start(shop, "UpdateOnly", RELEASE="r2", FAKE_SLEEP="0.5", **BACK)
    until_point(server, name)
    waiting = [start(shop, "RunOnly", RELEASE="r1", REPLICA=f"r{number}") for number in range(3)]
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 84, output
    for replica in waiting:
        said = replica.communicate(timeout=60)[0]
        assert replica.returncode == 0 and "fake Odoo serves" in said, said
    assert shop.counted() == []


def until_point(server, name, what="before"):
    limit = time.monotonic() + 20
    while not databases(server, name).count(what):
        assert time.monotonic() < limit, f"no database --{what}-"
        time.sleep(0.02)


@pytest.mark.parametrize("stay", [0, 0.5])
def test_whoever_wrote_since_then_loses_nothing(shop, server, name, connect, stay):
    """A session of 20 ms is not seen by looking, but it is counted."""
    process = start(shop, "UpdateOnly", RELEASE="r2", FAKE_SLEEP="0.6", **BACK)
    until_point(server, name)
    time.sleep(0.3)  # the copy is done
    session = connect(name, name)
    with session.cursor() as cursor:
        cursor.execute("INSERT INTO written VALUES ('meanwhile')")
    time.sleep(stay)
    session.close()
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 85, output
    assert "held, not rolled back" in output
    # On a slow machine the short one is seen too, which is said first.
    assert "others came in" in output or not stay and "1 sessions of other processes" in output
    assert shop.sql("SELECT what FROM written") == [("meanwhile",)]
    assert databases(server, name) == ["before"]
    assert results(shop)[-1] == ("Failed", "held")
    # it stays so until somebody says what may be lost
    assert "is not ready" in run(shop, "RunOnly", RELEASE="r1", TIMEOUT="0.03", expect=75)
    said = run(shop, "RunOnly", "rollback", expect=85)
    assert f'odoo-cloud rollback --confirm "lose 0 minutes of {name}"' in said
    assert "sessions since then" in said
    run(shop, "RunOnly", "rollback", "--confirm", f"lose 7 minutes of {name}", expect=85)
    run(shop, "RunOnly", "rollback", "--confirm", "yes", expect=85)
    run(shop, "RunOnly", "rollback", "--check", "--confirm", "yes", expect=85)
    assert "right words" in run(shop, "RunOnly", "rollback", "--confirm", f"lose 0 minutes of {name}", "--check")
    assert databases(server, name) == ["before"]
    run(shop, "RunOnly", "rollback", "--confirm", f"lose 0 minutes of {name}")
    assert databases(server, name) == ["failed"]
    assert shop.sql("SELECT what FROM written") == []
    assert server.execute("SELECT what FROM written", database=named(server, name, "failed")) == [("meanwhile",)]
    assert "fake Odoo serves" in run(shop, "RunOnly", RELEASE="r1")


def test_who_comes_at_the_last_moment_is_counted_in_the_very_transaction(shop, server, name, connect):
    """Between the decision and the renaming: nobody can come in any more when it is asked for the last time."""
    process = start(shop, "UpdateOnly", RELEASE="r2", KILL_AT="restore.rollback.copy_properties:pause:2", **BACK)
    limit = time.monotonic() + 30
    while not server.execute(
        "SELECT 1 FROM pg_database WHERE datname LIKE %s AND datallowconn", (f"{name}--before-%",)
    ):  # the way back has begun
        assert time.monotonic() < limit
        time.sleep(0.02)
    time.sleep(0.3)
    session = connect(name, name)
    with session.cursor() as cursor:
        cursor.execute("INSERT INTO written VALUES ('just now')")
    session.close()
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 85 and "1 sessions of other processes" in output, output
    assert shop.sql("SELECT what FROM written") == [("just now",)]
    assert results(shop)[-1] == ("Failed", "held")
    point = server.execute("SELECT datallowconn FROM pg_database WHERE datname LIKE %s", (f"{name}--before-%",))
    assert point == [(False,)]
    run(shop, "RunOnly", "rollback", "--confirm", f"lose 0 minutes of {name}")
    assert "fake Odoo serves" in run(shop, "RunOnly", RELEASE="r1")


def test_programs_in_hooks_are_no_strangers(shop, server, name):
    shop.hook("pre-update", "psql -qc \"INSERT INTO written VALUES ('hook')\"")
    run(shop, "UpdateOnly", RELEASE="r2", expect=84, **BACK)
    assert shop.sql("SELECT what FROM written") == []


STEPS = [
    "restore.rollback.go_back:before",
    "restore.rollback._check:after",
    "restore.rollback._lend:after",
    "restore.rollback._transfer:before",
    "database.state.open_writer:before:3",
    "restore.rollback._transfer:after",
    "restore.rollback.copy_properties:after",
    "restore.rollback.swap:before",
    "restore.rollback.judge:before",
    "restore.point.comment_sql:before:2",
    "restore.point.comment_sql:after:3",
]


@pytest.mark.parametrize("step", STEPS)
def test_killed_anywhere_the_rollback_is_finished_by_the_next_start(shop, server, name, step):
    run(shop, "UpdateOnly", RELEASE="r2", KILL_AT=step, expect=-9, **BACK)
    if results(shop)[-1] == (
        "Failed",
        "failed",
    ):  # killed before it was decided: nothing is taken back behind anybody's back
        assert step in ("restore.rollback.go_back:before", "restore.rollback._check:after")
        return
    assert results(shop)[-1] == ("Failed", "rolling back")
    assert "fake Odoo serves" in run(shop, "RunOnly", RELEASE="r1")
    assert databases(server, name) == ["failed"]
    assert shop.version("till") == ("installed", "14.0.1.0")
    assert shop.counted() == []
    assert [item for item in results(shop) if item[1] == "rolled back"] == [("Ready", "rolled back")]
    assert shop.sql("SELECT count(*), count(DISTINCT id) FROM curq_state_history")[0] == (len(results(shop)),) * 2


def test_stopped_in_between_it_is_finished_by_the_next_start(shop, server, name):
    process = start(shop, "UpdateOnly", RELEASE="r2", KILL_AT="restore.rollback.copy_properties:pause:5", **BACK)
    for line in process.stdout:
        if "rolling back" in line:
            time.sleep(1)
            process.terminate()
            break
    process.stdout.read()
    assert process.wait() == 143
    assert results(shop)[-1] == ("Failed", "rolling back")
    assert "fake Odoo serves" in run(shop, "RunOnly", RELEASE="r1")
    assert shop.counted() == []


def test_killed_right_after_it_nothing_is_left_to_do(shop, server, name):
    run(shop, "UpdateOnly", RELEASE="r2", KILL_AT="restore.rollback.swap:after", expect=-9, **BACK)
    assert results(shop)[-1] == ("Ready", "rolled back")
    assert "fake Odoo serves" in run(shop, "RunOnly", RELEASE="r1")


def test_an_update_mode_that_finishes_a_rollback_says_so(shop, server, name):
    run(shop, "UpdateOnly", RELEASE="r2", KILL_AT="restore.rollback.swap:before", expect=-9, **BACK)
    assert "cut off while rolling back" in run(shop, "UpdateOnly", RELEASE="r2", expect=84, **BACK)
    assert results(shop)[-1] == ("Ready", "rolled back")


def test_who_may_not_rename_waits_for_one_who_may(shop, server, name):
    run(shop, "UpdateOnly", RELEASE="r2", KILL_AT="restore.rollback.swap:before", expect=-9, **BACK)
    keeper = shop.address.pop("DB_ADMIN_USER")
    waiting = start(shop, "RunOnly", RELEASE="r1")
    time.sleep(4)  # until it says why it waits
    assert waiting.poll() is None
    shop.address["DB_ADMIN_USER"] = keeper
    run(shop, "UpdateOnly", RELEASE="r2", WAIT="True", expect=84, **BACK)
    said = waiting.communicate(timeout=60)[0]
    assert waiting.returncode == 0 and "fake Odoo serves" in said and "can't finish it" in said, said


@pytest.mark.parametrize(
    "step",
    ["restore.point.copy_database:before", "restore.point.copy_database:after", "restore.point.make_clone:after"],
)
def test_killed_while_copying_nothing_stays_locked(shop, server, name, step):
    run(shop, "UpdateOnly", RELEASE="r2", KILL_AT=step, expect=-9, **BACK)
    assert results(shop)[-1] == ("Maintenance", "restore point")
    assert "fake Odoo serves" in run(shop, "RunOnly", RELEASE="r1")
    assert results(shop)[-1] == ("Ready", "unchanged")


def test_a_resumed_run_keeps_the_restore_point_of_the_first(shop, server, name):
    process = start(shop, "UpdateOnly", RELEASE="r2", FAKE_SLEEP="0.3", **BACK)
    for line in process.stdout:
        if "module shop:" in line:  # one is done, the other isn't
            process.kill()
            break
    process.wait()
    first = named(server, name, "before")
    output = run(shop, "UpdateOnly", RELEASE="r2", expect=85, **BACK)
    assert "another run created the restore point" in output
    assert named(server, name, "before") == first
    assert databases(server, name) == ["before"]


def test_a_held_failure_keeps_its_own_exit_code(shop, server, name):
    output = run(shop, "UpdateOnly", RELEASE="r2", RESTORE_POINT="clone", expect=72)
    assert "`odoo-cloud rollback` says what" in output
    assert results(shop)[-1] == ("Failed", "failed")
    write_addons(shop.addons, "2.0")  # corrected
    run(shop, "UpdateOnly", RELEASE="r3", RESTORE_POINT="clone")
    assert databases(server, name) == ["before"]


def test_old_restore_points_go_and_those_of_unfinished_runs_stay(shop, server, name):
    server.execute(f'CREATE DATABASE "{name}--rehearsal-0123456789ab" OWNER "{name}"')  # of a rehearsal that was killed
    strange = f"{name}--before-0123456789ab"
    server.execute(f'CREATE DATABASE "{strange}" OWNER "{name}"')  # of a run that this history does not know
    for version in ("2.0", "3.0", "4.0"):
        write_addons(shop.addons, version)
        output = run(shop, "UpdateOnly", RELEASE=version, RESTORE_POINT="clone", RESTORE_POINTS_KEEP="1")
    assert "restore points dropped" in output
    kept = [
        row[0]
        for row in server.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{name}--before-%",))
    ]
    assert len(kept) == 2 and strange in kept, kept
    assert set(databases(server, name)) == {"before"}


def test_without_the_right_it_is_refused_before_anything_changes(shop, server, name):
    keeper = shop.address.pop("DB_ADMIN_USER")
    output = run(shop, "UpdateOnly", RESTORE_POINT="clone", expect=65)
    assert f"DB_USER is '{name}': may not create databases" in output
    output = run(shop, "UpdateOnly", RESTORE_POINT="auto", expect=65)
    assert "RESTORE_DIR is not set" in output
    server.execute(f'REVOKE "{name}" FROM "{keeper}"')
    shop.address["DB_ADMIN_USER"] = keeper
    assert "may not act for" in run(shop, "UpdateOnly", RESTORE_POINT="clone", expect=65)
    assert shop.states() == ["Creating", "Ready"]
    assert "ON_FAILURE is 'rollback': needs a restore point" in run(
        shop, "UpdateOnly", ON_FAILURE="rollback", expect=78
    )


def test_a_session_that_cannot_be_ended_is_named_and_the_database_opens_again(shop, server, name, connect):
    connect(name, name="a superuser's console")
    output = run(shop, "UpdateOnly", RESTORE_POINT="clone", expect=65)
    assert "a superuser's console of role postgres" in output
    assert results(shop)[-1] == ("Ready", "unchanged")
    assert databases(server, name) == []


def test_too_little_room_is_said_first(shop, tmp_path, monkeypatch):
    script = "import os; os.statvfs = lambda path: os.statvfs_result((4096, 4096, 10, 10, 10, 10, 10, 10, 0, 255, 1));"
    process = subprocess.Popen(
        [sys.executable, "-c", script + LAUNCH],
        env=shop.env("UpdateOnly", RESTORE_POINT="clone", DB_SPACE_DIR=str(tmp_path)),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    output = process.communicate(timeout=30)[0]
    assert process.returncode == 65 and "0 MB are free there" in output, output
    assert shop.states() == ["Creating", "Ready"]


BIN = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1:]


def test_a_dump_is_restored_beside_the_failed_database(shop, server, name, tmp_path):
    folder = tmp_path / "dumps"
    folder.mkdir()
    dumped = {"RESTORE_POINT": "dump", "RESTORE_DIR": folder, "PG_BIN": BIN[0], "ON_FAILURE": "rollback"}
    shop.sql("INSERT INTO written VALUES ('before')")
    run(shop, "UpdateOnly", RELEASE="r2", expect=84, **dumped)
    assert databases(server, name) == ["failed"]
    assert shop.sql("SELECT what FROM written") == [("before",)]
    assert shop.counted() == []
    assert "fake Odoo serves" in run(shop, "RunOnly", RELEASE="r1")
    assert [item.suffix for item in sorted(folder.iterdir())] == [".dump", ".json"]


def test_an_older_client_is_refused(shop, tmp_path):
    program = tmp_path / "bin" / "pg_dump"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 11.2'\n")
    program.chmod(0o755)
    output = run(shop, "UpdateOnly", RESTORE_POINT="dump", RESTORE_DIR=tmp_path, PG_BIN=program.parent, expect=65)
    assert f"{program} is of PostgreSQL 11, and the server is" in output
    assert shop.states() == ["Creating", "Ready"]


def test_whoever_is_in_while_a_dump_is_made_stays(shop, server, name, connect, tmp_path):
    session = connect(name, name)
    output = run(
        shop, "UpdateOnly", expect=85, RESTORE_POINT="auto", RESTORE_DIR=tmp_path, PG_BIN=BIN[0], ON_FAILURE="rollback",
        DB_ADMIN_USER="",
    )  # fmt: skip
    assert "somebody was connected to the database while the restore point was created" in output
    with session.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_names_stay_in_what_postgresql_keeps():
    from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.restore import point as restore_point

    long = "d" * 63
    assert restore_point.derived_name("shop", "before", "0123456789ab") == "shop--before-0123456789ab"
    name = restore_point.derived_name(long, "rehearsal", "0123456789ab")
    assert len(name) == 63
    assert restore_point.run_of(long, "rehearsal", name) == "0123456789ab"
    assert restore_point.run_of("e" * 63, "rehearsal", name) == ""
    assert restore_point.run_of("shop", "before", "shop--before-x") == ""


def test_others_are_kept_out_while_it_is_copied(shop, server, name):
    """Somebody who reconnects as fast as he can neither stops the copy nor is locked out afterwards."""
    stop, tries = threading.Event(), []

    def hammer():
        while not stop.is_set():
            try:
                server.connect(name, name).close()
                tries.append(True)
            except psycopg2.OperationalError:
                tries.append(False)

    threads = [threading.Thread(target=hammer) for _number in range(3)]
    for thread in threads:
        thread.start()
    write_addons(shop.addons, "2.0")
    try:
        run(shop, "UpdateOnly", RESTORE_POINT="clone")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert databases(server, name) == ["before"]
    assert tries[-1]


def test_who_is_at_work_while_it_is_copied_may_finish(shop, server, name):
    """A request of a replica that serves is answered, an idle session is ended, and who never ends is not waited for."""
    idle, busy, forever = (server.connect(name, name) for _number in range(3))
    busy.autocommit = forever.autocommit = False
    for session in (idle, forever):  # the transaction of one of them stays open
        with session.cursor() as cursor:
            cursor.execute("SELECT 1")
    written = []
    copying = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND state = 'active'"

    def answer():
        with busy.cursor() as cursor:
            cursor.execute("INSERT INTO written VALUES ('an answer')")
            while not server.execute(copying, (f'CREATE DATABASE "{name}--before-%',))[0][0]:
                time.sleep(0.05)
            time.sleep(1)
            cursor.execute("SELECT 1")
        busy.commit()
        written.append(True)

    thread = threading.Thread(target=answer)
    thread.start()
    write_addons(shop.addons, "2.0")
    run(shop, "UpdateOnly", RESTORE_POINT="clone")
    thread.join()
    assert written and shop.sql("SELECT what FROM written") == [("an answer",)]
    for session in (idle, forever):
        with pytest.raises(psycopg2.Error), session.cursor() as cursor:
            cursor.execute("SELECT 1")
    assert databases(server, name) == ["before"]


def test_a_session_that_begins_while_we_look_is_not_ended(shop, server, name):
    """The server looks once more in the moment it ends a session."""
    from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.restore import point as restore_point

    seen = restore_point.others

    def late(control, *args):
        found = seen(control, *args)
        with busy.cursor() as cursor:
            cursor.execute("SELECT 1")
        return found

    idle, busy = (server.connect(name, name) for _number in range(2))
    busy.autocommit = False
    with contextlib.closing(server.connect()) as control, pytest.MonkeyPatch.context() as patch:
        time.sleep(0.2)
        patch.setattr(restore_point, "others", late)
        found, stay, ended = restore_point.end_others(control, name, "0" * 12, only_idle=True)
        assert [one[4] for one in found] == [True, True] and not stay and ended == 1
        with busy.cursor() as cursor:
            cursor.execute("SELECT 1")
        with pytest.raises(psycopg2.Error), idle.cursor() as cursor:
            cursor.execute("SELECT 1")


def test_a_keeper_made_by_an_administrator_without_superuser_is_enough(server, name):
    from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import provision

    server.execute(f'CREATE ROLE "{name}_admin" LOGIN CREATEDB CREATEROLE')
    server.execute(f'CREATE DATABASE "{name}_other"')
    server.execute(f'REVOKE CONNECT ON DATABASE "{name}_other" FROM PUBLIC')
    wanted = [provision.Wanted(name, name, "owner's", keeper=f"{name}_keeper", keeper_password="keeper's")]
    admin = server.connect(user=f"{name}_admin")
    provision.apply(admin, provision.plan(wanted, provision.read_facts(admin, wanted), set()))
    assert provision.plan(wanted, provision.read_facts(admin, wanted), set()) == []
    admin.close()
    keeper = server.connect(user=f"{name}_keeper")
    with keeper.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}_copy" OWNER "{name}" TEMPLATE "{name}"')
        cursor.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}_old"')
        cursor.execute(f'DROP DATABASE "{name}_copy"')
        with pytest.raises(psycopg2.Error):
            cursor.execute(f'CREATE DATABASE "{name}_theirs" TEMPLATE "{name}_other"')
    keeper.close()
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        server.connect(f"{name}_other", f"{name}_keeper")


def test_autovacuum_keeps_no_copy_from_being_dropped(shop, server, name):
    """DROP DATABASE ... WITH (FORCE) is refused to a keeper while autovacuum works there."""
    from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.restore import point as restore_point

    keeper, copy = server.connect(user=f"{name}_keeper"), f"{name}--rehearsal-0"
    with keeper.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{copy}" OWNER "{name}"')
    server.execute(
        "CREATE TABLE slow AS SELECT g, repeat('x', 200) AS t FROM generate_series(1, 100000) g;"
        " ALTER TABLE slow SET (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 1);"
        " UPDATE slow SET t = '' WHERE g % 2 = 0",
        database=copy,
    )
    at_work = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND backend_type = 'autovacuum worker'"
    server.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
    server.execute("SELECT pg_reload_conf()")
    try:
        limit = time.monotonic() + 60
        while not server.execute(at_work, (copy,)):
            assert time.monotonic() < limit
            time.sleep(0.1)
        with keeper.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(f'DROP DATABASE "{copy}" WITH (FORCE)')
        restore_point.drop_database(keeper, copy)
    finally:
        server.execute("ALTER SYSTEM RESET autovacuum_naptime")
        server.execute("SELECT pg_reload_conf()")
        keeper.close()
    assert databases(server, name) == []


MIGRATION = """
migration:
  versions:
    - version: 1.0.0
      operations:
        pre:
          - {id: first, sql: "INSERT INTO written VALUES ('first')"}
        post:
          - {id: tool, command: [psql, -qc, "INSERT INTO written VALUES ('tool')"]}
          - {id: last, sql: "INSERT INTO written SELECT 1 / (SELECT count(*) FROM allowed)"}
      addons:
        upgrade: [shop]
"""


def test_what_fails_before_the_first_change_leaves_the_database_open(shop, tmp_path):
    options = "\nmigration:\n  options:\n    backup: {command: 'false'}\n"
    (tmp_path / "migration.yml").write_text(MIGRATION.replace("\nmigration:\n", options))
    output = run(shop, "UpdateOnly", RELEASE="r2", MIGRATION_FILE=tmp_path / "migration.yml", expect=81, **BACK)
    assert "nothing was changed" in output
    assert results(shop)[-1] == ("Ready", "unchanged")
    assert "fake Odoo serves" in run(shop, "RunOnly", RELEASE="r1")


def test_a_migration_that_is_rolled_back_begins_anew(shop, server, name, tmp_path):
    """None of its steps counts as done in the database that serves, and how they went is known all the same."""
    write_addons(shop.addons, "2.0")
    shop.sql("CREATE TABLE allowed (yes int)")
    (tmp_path / "migration.yml").write_text(MIGRATION)
    migration = {"MIGRATION_FILE": tmp_path / "migration.yml", "EVENTS_FILE": tmp_path / "events", **BACK}
    output = run(shop, "UpdateOnly", RELEASE="r2", expect=84, **migration)
    assert "division by zero" in output
    assert shop.sql("SELECT * FROM written") == []
    assert shop.counted() == []
    assert shop.version("shop") == ("installed", "14.0.1.0")
    assert shop.sql("SELECT status FROM odoo_cloud_run") == [("rolled_back",)]
    steps = {item["step_id"]: item["status"] for item in shop.sql("SELECT steps FROM odoo_cloud_rollback")[0][0]}
    assert (steps["first"], steps["tool"], steps["last"]) == ("done", "done", "failed")
    for table in ("odoo_cloud_step", "marabunta_version"):
        assert shop.sql("SELECT to_regclass(%s) IS NULL", table) == [(True,)]
    told = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    kinds = [item["event"] for item in told]
    assert kinds.index("plan") < kinds.index("restore_point") < kinds.index("step_started")
    assert kinds.index("step_failed") < kinds.index("rolled_back") < kinds.index("run_ended") == len(kinds) - 1
    assert (told[-1]["status"], told[-1]["code"]) == ("rolled_back", 84)
    # corrected, it is done from its first step
    shop.sql("INSERT INTO allowed VALUES (1)")
    run(shop, "UpdateOnly", RELEASE="r2", **migration)
    assert sorted(shop.sql("SELECT * FROM written")) == [("1",), ("first",), ("tool",)]
    assert shop.version("shop") == ("installed", "14.0.2.0")
