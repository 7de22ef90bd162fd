# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of migrations: interrupted at every point, taken over, and shared with marabunta."""

from __future__ import annotations

import contextlib
import json

import psycopg2
import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import LockLost
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import file as migration_file
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import plan as migration_plan
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import table as migration_table

FILE = """
migration:
  versions:
    - version: setup
      operations:
        pre: [anthem songs.pre::main]
        post:
          - {id: company, song: 'songs.post::company', kwargs: {name: Acme}}
          - {id: nightly, config_parameter: {shop.nightly: true}}
      addons: {upgrade: [base, sale]}
    - version: 1.0.1
"""
SETUP = "setup"


@pytest.fixture
def database(name, server, connect):
    server.execute(f'CREATE DATABASE "{name}"')
    with connect(name) as connection, connection.cursor() as cursor:
        migration_table.create_tables(cursor)
        cursor.execute("CREATE TABLE ir_module_module (name varchar, state varchar)")
        cursor.execute("INSERT INTO ir_module_module VALUES ('sale', 'installed'), ('base', 'installed')")
    return name


@pytest.fixture
def session(database, connect):
    """A connection with transactions."""
    connection = connect(database)
    connection.autocommit = False
    return connection


def plan(session, **options):
    parsed = options.pop("parsed", None) or migration_file.parse(FILE)
    with session.cursor() as cursor:
        versions, steps = migration_table.read_versions(cursor), migration_table.read_steps(cursor)
    session.rollback()
    return migration_plan.make_plan(parsed, options.pop("mode", None), versions, steps, **options)


class Killed(Exception):
    """Stands for a crash: the open transaction is lost."""


def run(session, run_id, kill_at=None, mode=None, **options):
    """A runner in small: each step writes its name into the table `songs`, in its own transaction."""
    count = 0

    def moment():
        nonlocal count
        count += 1
        if count == kill_at:
            session.rollback()
            raise Killed

    found = plan(session, mode=mode, **options)
    assert found.refusal is None, found.refusal
    table = migration_table
    with session.cursor() as cursor:
        table.begin_run(cursor, run_id, [item.version.number.text for item in found.versions], mode, found.sha)
        session.commit()
        moment()
        for item in found.versions:
            text, canonical = item.version.number.text, item.version.number.canonical
            if item.resumed:
                table.resume_version(cursor, text, run_id, mode)
            else:
                if item.forced:
                    table.forget_steps(cursor, canonical)
                table.begin_version(cursor, text, run_id, mode)
            moment()
            session.commit()
            moment()
            for step in item.steps:
                table.begin_step(cursor, canonical, step, run_id)
                moment()
                session.commit()
                moment()
                cursor.execute("INSERT INTO songs VALUES (%s)", (step.name,))
                moment()
                table.finish_step(cursor, canonical, step, run_id)
                moment()
                session.commit()
                moment()
            table.finish_version(cursor, text, run_id, mode)
            moment()
            session.commit()
            moment()
        table.end_run(cursor, run_id, migration_plan.DONE)
        session.commit()
    return found


@pytest.fixture
def songs(session):
    """The table of what was done."""
    with session.cursor() as cursor:
        cursor.execute("CREATE TABLE songs (name varchar)")
    session.commit()


def sung(session):
    with session.cursor() as cursor:
        cursor.execute("SELECT name FROM songs")
        return [row[0] for row in cursor.fetchall()]


ALL = ["songs.pre::main", "update base, sale", "songs.post::company", "config_parameter shop.nightly"]


@pytest.mark.parametrize("point", range(1, 35))
def test_killed_anywhere_each_step_is_done_once(session, songs, point):
    with contextlib.suppress(Killed):
        run(session, "one", kill_at=point)
    run(session, "two")
    assert sung(session) == ALL
    assert plan(session).empty
    with session.cursor() as cursor:
        rows = {row.number: row for row in migration_table.read_versions(cursor)}
        cursor.execute("SELECT run_id, status FROM odoo_cloud_run ORDER BY run_id")
        runs = dict(cursor.fetchall())
    assert rows.keys() == {"setup", "1.0.1"} and all(row.done for row in rows.values())
    assert runs["two"] == "done"
    assert runs["one"] in ("aborted", "done")


def test_a_run_that_was_taken_over_finishes_no_step(session, songs, connect, database):
    found = plan(session)
    step = found.versions[0].steps[0]
    with session.cursor() as cursor:
        migration_table.begin_run(cursor, "one", [SETUP], None, found.sha)
        migration_table.begin_version(cursor, SETUP, "one", None)
        migration_table.begin_step(cursor, SETUP, step, "one")
        session.commit()
        other = connect(database)
        with other.cursor() as takeover:
            migration_table.begin_run(takeover, "two", [SETUP], None, found.sha)
        with pytest.raises(LockLost):
            migration_table.finish_step(cursor, SETUP, step, "one")
        session.rollback()
        with pytest.raises(LockLost):
            migration_table.end_run(cursor, "one", migration_plan.DONE)


def test_a_takeover_in_the_middle_of_a_song_stops_its_commit(session, songs, connect, database):
    # Odoo's transactions are REPEATABLE READ: the song's snapshot is older than the takeover.
    found = plan(session)
    step = found.versions[0].steps[0]
    with session.cursor() as cursor:
        migration_table.begin_run(cursor, "one", [SETUP], None, found.sha)
        migration_table.begin_step(cursor, SETUP, step, "one")
        session.commit()
        session.set_session(isolation_level="REPEATABLE READ")
        cursor.execute("INSERT INTO songs VALUES ('half')")
        other = connect(database)
        with other.cursor() as takeover:
            migration_table.begin_run(takeover, "two", [SETUP], None, found.sha)
        with pytest.raises((LockLost, psycopg2.errors.SerializationFailure)):
            migration_table.finish_step(cursor, SETUP, step, "one")
        session.rollback()
    assert sung(session) == []


def test_what_marabunta_left_unfinished_is_held(session):
    with session.cursor() as cursor:
        cursor.execute("INSERT INTO marabunta_version (number, date_start) VALUES ('setup', now())")
        session.commit()
    refusal = plan(session).refusal
    assert refusal.code == "unfinished"
    with session.cursor() as cursor:  # the command that it names works
        cursor.execute(refusal.decisions[1].command)
        session.commit()
    assert [item.version.number.text for item in plan(session).versions] == ["1.0.1"]


def test_marabunta_takes_over_and_fails(session, songs):
    with contextlib.suppress(Killed):
        run(session, "one", kill_at=10)
    assert plan(session).versions[0].resumed == "one"
    with session.cursor() as cursor:  # what marabunta does with force_version
        cursor.execute(
            "UPDATE marabunta_version SET date_start = now(), date_done = NULL, log = NULL, addons = NULL WHERE number = 'setup'"
        )
        session.commit()
    assert plan(session).refusal.code == "unfinished"


def test_a_deleted_row_is_a_decision_and_its_command_works(session, songs):
    run(session, "one")
    with session.cursor() as cursor:
        cursor.execute("DELETE FROM marabunta_version WHERE number = 'setup'")
        session.commit()
    refusal = plan(session).refusal
    assert refusal.code == "unrecorded"
    with session.cursor() as cursor:
        cursor.execute(refusal.decisions[1].command)
        session.commit()
    assert plan(session).empty


def test_forced_runs_again_from_the_first_step_and_is_resumed_itself(session, songs):
    run(session, "one")
    with pytest.raises(Killed):
        run(session, "two", kill_at=12, force_version="setup")  # in the update
    assert sung(session) == [*ALL, ALL[0]]
    run(session, "three")
    assert sung(session) == [*ALL, *ALL]


def test_modules_added_to_an_unfinished_version_are_updated_alone(session, songs):
    with contextlib.suppress(Killed):
        run(session, "one", kill_at=15)  # after the update
    assert sung(session) == ALL[:2]
    wider = migration_file.parse(FILE.replace("[base, sale]", "[base, sale, crm]"))
    run(session, "two", parsed=wider)
    assert sung(session) == [*ALL[:2], "update crm", *ALL[2:]]
    with session.cursor() as cursor:
        cursor.execute("SELECT info -> 'modules', attempt FROM odoo_cloud_step WHERE step_id = 'update'")
        assert cursor.fetchone() == (["base", "sale", "crm"], 2)
    assert plan(session, parsed=wider).drift == ()


def test_rows_are_as_marabunta_writes_them(session, songs):
    run(session, "one")
    with session.cursor() as cursor:
        cursor.execute("SELECT date_start <= date_done, log, addons FROM marabunta_version WHERE number = 'setup'")
        ordered, log, addons = cursor.fetchone()
        assert ordered
        assert log == "odoo-cloud run=one mode=\n"
        assert json.loads(addons) == [{"name": "base", "state": "installed"}, {"name": "sale", "state": "installed"}]
        cursor.execute(
            "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_name = 'marabunta_version' ORDER BY ordinal_position"
        )
        assert cursor.fetchall() == [
            ("number", "character varying", "NO"),
            ("date_start", "timestamp without time zone", "NO"),
            ("date_done", "timestamp without time zone", "YES"),
            ("log", "text", "YES"),
            ("addons", "text", "YES"),
        ]
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'marabunta_version'::regclass AND contype = 'p'"
        )
        assert cursor.fetchall() == [("version_pk",)]


def test_a_failure_is_kept_and_the_version_stays_ours(session, songs):
    found = plan(session)
    step = found.versions[0].steps[0]
    with session.cursor() as cursor:
        migration_table.begin_run(cursor, "one", [SETUP], "prod", found.sha)
        migration_table.begin_version(cursor, SETUP, "one", "prod")
        migration_table.begin_step(cursor, SETUP, step, "one")
        migration_table.fail_step(cursor, SETUP, step.id, "one", {"error": "no company"})
        migration_table.fail_version(cursor, SETUP, "one", "prod", "Traceback ...\nno company")
        migration_table.end_run(cursor, "one", migration_plan.FAILED, "no company")
        (row,) = migration_table.read_versions(cursor)
        (first,) = migration_table.read_steps(cursor)
    assert (row.done, row.run_id, row.mode) == (False, "one", "prod")
    assert (first.status, first.info) == ("failed", {"error": "no company"})


def test_nothing_is_made_by_reading(name, server, connect):
    server.execute(f'CREATE DATABASE "{name}"')
    with connect(name).cursor() as cursor:
        assert migration_table.read_versions(cursor) == []
        assert migration_table.read_steps(cursor) == []
        cursor.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        assert cursor.fetchone() == (0,)
