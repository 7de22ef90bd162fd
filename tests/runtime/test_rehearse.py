# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rehearsals and their verdict, with a real PostgreSQL and real processes; Odoo is the stand-in in fake_odoo/."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from test_modes import place, ready, write_addons  # noqa: F401 - fixtures
from test_restore_point import BIN, databases, run, start, until_point

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.restore import catalog
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.run import rehearsal

BEFORE = """
CREATE TABLE item (id serial PRIMARY KEY, name varchar(20), code varchar(20), price numeric(8, 2), size int4,
    made date NOT NULL DEFAULT now());
CREATE TABLE line (id serial PRIMARY KEY, item int REFERENCES item, note text NOT NULL);
CREATE VIEW report AS SELECT id, name FROM item;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1';
CREATE INDEX item_name ON item (name);
"""
VERDICTS = [
    ("", "code only"),
    ("INSERT INTO item (name) VALUES ('x'); UPDATE item SET size = 1", "code only"),
    ("CREATE TABLE odoo_cloud_something (id int)", "code only"),
    ("ALTER TABLE item ADD COLUMN x int; ALTER TABLE item DROP COLUMN x", "code only"),
    ("CREATE TABLE more (id serial PRIMARY KEY, item int NOT NULL REFERENCES item, UNIQUE (item))", "additive"),
    ("ALTER TABLE item ADD COLUMN colour text", "additive"),
    ("ALTER TABLE item ADD COLUMN colour text NOT NULL DEFAULT 'red'", "additive"),
    ("ALTER TABLE item ADD COLUMN line int REFERENCES line UNIQUE", "additive"),
    ("CREATE INDEX ON item (size)", "additive"),
    ("DROP INDEX item_name", "additive"),
    ("ALTER TABLE item ALTER code TYPE varchar(40)", "additive"),
    ("ALTER TABLE item ALTER code TYPE varchar(10)", "breaking"),
    ("ALTER TABLE item ALTER code TYPE text", "additive"),
    ("ALTER TABLE item ALTER size TYPE int8", "additive"),
    ("ALTER TABLE item ALTER price TYPE numeric(12, 2)", "additive"),
    ("ALTER TABLE line ALTER note DROP NOT NULL", "additive"),
    ("CREATE OR REPLACE VIEW report AS SELECT id, name, size FROM item", "additive"),
    ("CREATE OR REPLACE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + $1'", "additive"),
    ("DROP TABLE line", "breaking"),
    ("ALTER TABLE line RENAME TO entry", "breaking"),
    (
        "DROP TABLE line; CREATE TABLE line (id serial PRIMARY KEY, item int REFERENCES item, note text NOT NULL)",
        "breaking",
    ),
    ("ALTER TABLE item DROP COLUMN size", "breaking"),
    ("ALTER TABLE item RENAME COLUMN size TO extent", "breaking"),
    ("ALTER TABLE item ALTER size TYPE text", "breaking"),
    ("ALTER TABLE item ALTER price TYPE numeric(10, 4)", "additive"),
    ("ALTER TABLE item ALTER price TYPE numeric(9, 4)", "breaking"),
    ("ALTER TABLE item ALTER size SET NOT NULL", "breaking"),
    ("ALTER TABLE item ADD COLUMN colour text NOT NULL", "breaking"),
    ("ALTER TABLE item ALTER made DROP DEFAULT", "breaking"),
    ("ALTER TABLE item ADD UNIQUE (name)", "breaking"),
    ("CREATE UNIQUE INDEX ON item (size)", "breaking"),
    ("ALTER TABLE item ADD CHECK (size > 0)", "breaking"),
    ("ALTER TABLE line ADD FOREIGN KEY (id) REFERENCES item", "breaking"),
    ("DROP VIEW report", "breaking"),
    ("DROP FUNCTION twice(int)", "breaking"),
    (
        "CREATE TRIGGER t BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "breaking",
    ),
]


@pytest.mark.parametrize(("statements", "verdict"), VERDICTS)
def test_the_verdict_is_about_what_old_code_meets(database, connect, statements, verdict):
    session = connect(database.name, database.owner)
    with session.cursor() as cursor:
        cursor.execute(BEFORE)
        before = catalog.read(session)
        assert catalog.compare(before, catalog.read(session)) == []
        if statements:
            cursor.execute(statements)
    changes = catalog.compare(before, catalog.read(session))
    assert catalog.classify(changes) == verdict, changes


def test_tables_that_are_written_anew_are_named(database, connect):
    session = connect(database.name, database.owner)
    with session.cursor() as cursor:
        cursor.execute(BEFORE)
        before = catalog.read(session)
        cursor.execute("ALTER TABLE item ALTER size TYPE int8; ALTER TABLE line ADD COLUMN more text")
    assert catalog.rewritten(before, catalog.read(session)) == ["item"]


SCRIPT = """
import json, os, time
def migrate(cr, version):
    cr.execute("ALTER TABLE written ADD COLUMN {column}")
    time.sleep(0.5)
    if os.environ.get("SEEN"):
        cr.execute("SELECT current_database()")
        name = cr.fetchone()[0]
        cr.execute("SELECT count(*) FILTER (WHERE active), min(smtp_host) FILTER (WHERE active) FROM ir_mail_server")
        with open(os.environ["SEEN"], "w") as handle:
            json.dump([name, cr.fetchone(), dict(os.environ)], handle)
"""


@pytest.fixture
def shop(ready, server, name):  # noqa: F811
    """An installed database with a table, and version 2.0, whose script alters it."""
    server.execute(f'CREATE ROLE "{name}_keeper" LOGIN CREATEDB; GRANT "{name}" TO "{name}_keeper"')
    ready.address["DB_ADMIN_USER"] = f"{name}_keeper"
    ready.address["REHEARSAL_NETWORK"] = "True"
    ready.sql("CREATE TABLE written (what text); INSERT INTO written VALUES ('x')")
    ready.sql(
        "CREATE TABLE ir_mail_server (id serial, name text, smtp_host text, smtp_port int, smtp_encryption text,"
        " active bool, sequence int); INSERT INTO ir_mail_server (name, smtp_host, active) VALUES ('m', 'mail', true)"
    )
    write_addons(ready.addons, "2.0")
    alter(ready, "colour text")
    return ready


def alter(place, column):  # noqa: F811
    (place.addons / "till" / "migrations" / "2.0" / "post-alter.py").write_text(SCRIPT.format(column=column))


def rehearsed(place, expect=0, **extra):  # noqa: F811
    output = run(place, "UpdateOnly", "rehearse", expect=expect, RELEASE="r2", **extra)
    return json.loads(output[output.index("\n{\n") :])


def test_the_update_is_done_on_a_copy_and_the_plan_quotes_it(shop, server, name, tmp_path):
    states = shop.states()
    found = rehearsed(
        shop, SEEN=tmp_path / "seen", SMTP_PASSWORD="s3cret", FAKE_TOKEN_FILE="/run/x", RESTORE_POINT="clone",
        EVENTS_FILE=tmp_path / "events",
    )  # fmt: skip
    told = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert [told[0]["event"], told[1]["event"], told[-1]["event"]] == ["run_started", "plan", "run_ended"]
    assert [item["name"] for item in told if item["event"] == "module"] == ["shop", "till"]
    assert told[-1]["result"]["rehearsal"]["class"] == "additive"
    assert (found["class"], found["ok"], found["code"]) == ("additive", True, 0)
    assert found["update"] == ["shop", "till"]
    assert {"what": "column added", "where": "written.colour", "detail": "text", "breaking": False} in found["changes"]
    assert found["locks"][0]["table"] == "written"
    assert 0.3 < found["locks"][0]["seconds"] < 5
    assert found["seconds"] > 0.5
    # nothing of it happened, nothing is left
    assert shop.states() == states
    assert shop.counted() == []
    assert shop.version("till") == ("installed", "14.0.1.0")
    assert databases(server, name) == []
    # what it ran in
    where, (servers, host), env = json.loads((tmp_path / "seen").read_text())
    assert where == f"{name}--rehearsal-{found['run_id']}"
    assert (servers, host) == (1, "invalid")
    assert env["DISABLE_ATTACHMENT_STORAGE"] == "1"
    assert not [key for key, value in env.items() if "s3cret" in value or "TOKEN" in key]
    assert "DB_ADMIN_USER" not in env
    assert not os.path.exists(env["HOME"])  # its own data folder is gone too
    # the real run's plan
    plan = json.loads(run(shop, "UpdateOnly", "plan", RELEASE="r2", RESTORE_POINT="clone"))
    assert plan["rehearsal"]["class"] == "additive"
    assert plan["rehearsal"]["longest_lock"]["table"] == "written"
    assert plan["rehearsal"]["estimate_seconds"] == found["estimate_seconds"]
    assert plan["restore_point"]["kind"] == "clone"
    assert json.loads(run(shop, "UpdateOnly", "plan", RELEASE="r3"))["rehearsal"] is None
    run(shop, "UpdateOnly", RELEASE="r2")
    assert (
        json.loads(run(shop, "UpdateOnly", "plan", RELEASE="r2"))["rehearsal"] is None
    )  # it was of the database before


def test_what_would_fail_is_known_beforehand(shop, server, name):
    alter(shop, "what text")
    found = rehearsed(shop, expect=72)
    assert not found["ok"]
    assert "already exists" in found["error"]
    plan = json.loads(run(shop, "UpdateOnly", "plan", RELEASE="r2"))
    assert plan["rehearsal"]["ok"] is False
    assert shop.states() == ["Creating", "Ready"]
    assert databases(server, name) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_copy_never_stays(shop, server, name, number):
    process = start(shop, "UpdateOnly", "rehearse", RELEASE="r2", FAKE_SLEEP="3")
    until_point(server, name, "rehearsal")
    time.sleep(1)
    process.send_signal(number)
    process.wait(30)
    assert databases(server, name) == (["rehearsal"] if number == signal.SIGKILL else [])
    other = start(shop, "UpdateOnly", "rehearse", RELEASE="r2", FAKE_SLEEP="1.5")
    until_point(server, name, "rehearsal")
    time.sleep(1)  # it has been copied: the lock is free
    rehearsed(shop)  # another one at the same time leaves it alone
    output = other.communicate(timeout=60)[0]
    assert other.returncode == 0, output
    assert databases(server, name) == []


def test_it_needs_a_container_that_reaches_nobody(shop, monkeypatch):
    shop.address.pop("REHEARSAL_NETWORK")
    if rehearsal.open_routes():
        assert "REHEARSAL_NETWORK is False" in run(shop, "UpdateOnly", "rehearse", expect=78)
    monkeypatch.setattr(rehearsal, "open_routes", lambda: ["eth7"])
    with pytest.raises(rehearsal.ConfigError, match="by eth7 this container reaches"):
        rehearsal.check_network(_settings(False))
    rehearsal.check_network(_settings(True))
    monkeypatch.setattr(rehearsal, "open_routes", list)
    rehearsal.check_network(_settings(False))


def _settings(network):
    class Some:
        rehearsal_network = network

    return Some()


def test_whoever_is_in_the_database_is_not_disturbed(shop, server, name, connect, tmp_path):
    session = connect(name, name)
    (tmp_path / "none").mkdir()
    said = run(shop, "UpdateOnly", "rehearse", PG_BIN=tmp_path / "none", expect=65)
    assert "1 sessions are in database" in said and "REHEARSAL_COPY=template" in said
    assert rehearsed(shop, PG_BIN=BIN[0])["copy"]["kind"] == "dump"
    with session.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert rehearsed(shop, REHEARSAL_COPY="template")["copy"]["kind"] == "template"
    assert session.closed or not _alive(session)


def _alive(session):
    try:
        with session.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    except Exception:
        return False


def test_a_database_that_is_not_open_is_not_rehearsed(shop):
    write_addons(shop.addons, "2.0", fail="till")
    run(shop, "UpdateOnly", RELEASE="r2", expect=72)
    assert "what was left is finished first" in run(shop, "UpdateOnly", "rehearse", expect=65)
    assert "a rehearsal is of an update" in run(shop, "RunOnly", "rehearse", expect=78)
