# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Histories that an instance's owner forged: each is read as far as it makes sense, or named with the cure; force_ready opens
the database whatever its history is."""

from __future__ import annotations

import psycopg2
import pytest
from tenant_tools import HISTORY, plant

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import LockLost
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import lock, override, shape, state
from ansible_collections.odoo_cloud.platform.plugins.modules import odoo_state, odoo_state_info

# ruff: noqa: S608 - the statements are an owner's, who may send any

TABLE = "curq_state_history"
NOT_A_TABLE = {
    "view": ("DROP TABLE {t}; CREATE VIEW {t} AS SELECT 1 AS id, 'Failed'::text AS state, now() AS write_date", "it is a view"),
    "materialised": (
        "DROP TABLE {t}; CREATE MATERIALIZED VIEW {t} AS SELECT 1 AS id, 'Failed'::text AS state, now() AS write_date",
        "it is a materialised view",
    ),
    "partitioned": (
        "DROP TABLE {t}; CREATE TABLE {t} (id int PRIMARY KEY, state text, write_date timestamptz) PARTITION BY RANGE (id)",
        "it is a partitioned table",
    ),
    "sequence": ("DROP TABLE {t}; CREATE SEQUENCE {t}", "it is a sequence"),
    "type": ("DROP TABLE {t}; CREATE TYPE {t} AS (id int, state text, write_date timestamptz)", "it is a type"),
    "unlogged": ("ALTER TABLE {t} SET UNLOGGED", "it isn't a permanent table"),
    "inherited": ("CREATE TABLE child () INHERITS ({t})", "it inherits from a table or is inherited from"),
    "policies": ("ALTER TABLE {t} ENABLE ROW LEVEL SECURITY; ALTER TABLE {t} FORCE ROW LEVEL SECURITY", "it has row security"),
    "rules": ("CREATE RULE r AS ON INSERT TO {t} DO INSTEAD NOTHING", "it has rules"),
    "no_key": ("ALTER TABLE {t} DROP CONSTRAINT {t}_pkey", "its primary key isn't id"),
    "another_key": ("ALTER TABLE {t} DROP CONSTRAINT {t}_pkey; ALTER TABLE {t} ADD PRIMARY KEY (state)", "its primary key isn't id"),
    "no_state": ("ALTER TABLE {t} DROP COLUMN state", "its column 'state' is missing"),
    "no_date": ("ALTER TABLE {t} DROP COLUMN write_date", "its column 'write_date' is missing"),
    "domain": ("CREATE DOMAIN d AS text; ALTER TABLE {t} ALTER state TYPE d", "its column 'state' isn't of the type varchar or text"),
    "array": ("ALTER TABLE {t} ALTER state TYPE text[] USING ARRAY[state]", "its column 'state' isn't of the type"),
    "token": ("ALTER TABLE {t} ADD token numeric", "its column 'token' isn't of the type int8"),
    "date": ("ALTER TABLE {t} DROP write_date; ALTER TABLE {t} ADD write_date text", "its column 'write_date' isn't of the type"),
    "computed": ("ALTER TABLE {t} ADD x text GENERATED ALWAYS AS (upper(state)) STORED", "its column 'x' is computed"),
    "demanded": ("DELETE FROM {t}; ALTER TABLE {t} ADD x text NOT NULL", "a column 'x' that is not ours and can't be empty"),
    "never_null": ("UPDATE {t} SET detail = ''; ALTER TABLE {t} ALTER detail SET NOT NULL", "its column 'detail' can't be empty"),
    "short": ("DELETE FROM {t}; ALTER TABLE {t} ALTER state TYPE varchar(5)", "its column 'state' has room for 5 characters only"),
    "check": ("DELETE FROM {t}; ALTER TABLE {t} ADD CHECK (state = 'Ready')", "it has the constraint 'curq_state_history_state_check'"),
    "unique": ("CREATE UNIQUE INDEX one_state ON {t} (state)", "it has the index 'public.one_state'"),
    "expression": ("CREATE INDEX computed ON {t} (upper(state))", "it has the index 'public.computed'"),
}  # fmt: skip
NO_ROOM = {
    "last_number": ("INSERT INTO {t} (id, state) VALUES (2147483647, '{state}')", "row 2147483647 leaves no number"),
    "no_sequence": ("DROP SEQUENCE {t}_id_seq CASCADE", "no sequence numbers its rows"),
    "backwards": ("ALTER SEQUENCE {t}_id_seq INCREMENT -1 MINVALUE -100", "does not count by one"),
    "circle": ("ALTER SEQUENCE {t}_id_seq CYCLE", "does not count by one"),
    "last_token": (
        "ALTER TABLE {t} ADD token bigint; INSERT INTO {t} (state, token) VALUES ('{state}', 2147483648)",
        "a row has the token 2147483648",
    ),
}
READ = {
    "token": "ALTER TABLE {t} ADD token bigint; INSERT INTO {t} (state, token) VALUES ('Failed', 9223372036854775807)",
    "negative": "ALTER TABLE {t} ADD token bigint; INSERT INTO {t} (state, token) VALUES ('Failed', -9223372036854775808)",
    "megabytes": "ALTER TABLE {t} ALTER state TYPE text;"
    " INSERT INTO {t} (state, detail) VALUES (repeat('x', 50000000), repeat('y', 300000000))",
    "future": "INSERT INTO {t} (state, write_date) VALUES ('Failed', '294276-12-31 23:59:59.9')",
    "infinite": "INSERT INTO {t} (state, write_date) VALUES ('Failed', 'infinity')",
    "past": "INSERT INTO {t} (state, write_date) VALUES ('Failed', '4713-01-01 BC')",
    "no_values": "INSERT INTO {t} (state, write_date) VALUES (NULL, NULL)",
    "unknown": "INSERT INTO {t} (state) VALUES ('Sleeping')",
    "duplicates": "INSERT INTO {t} (state) SELECT 'Failed' FROM generate_series(1, 2000)",
    "behind": "INSERT INTO {t} (id, state) VALUES (1000, 'Failed')",
    "moved": "SELECT setval('{t}_id_seq', 2147483647); UPDATE {t} SET state = 'Failed'",
    "minus": "UPDATE {t} SET id = -5, state = 'Failed'",
    "default": "ALTER TABLE {t} ALTER write_date SET DEFAULT 'infinity', ALTER state SET DEFAULT 'x'; UPDATE {t} SET state = 'Failed'",
    "odd_names": 'ALTER TABLE {t} ADD "a""\n;--" text;'
    " COMMENT ON TABLE {t} IS E'\\n''; DROP TABLE x; --'; UPDATE {t} SET state = 'Failed'",
    "no_columns": "ALTER TABLE {t} DROP detail, DROP release, DROP result; UPDATE {t} SET state = 'Failed'",
}


def forge(server, database, statements, state="Failed"):
    plant(
        server,
        database.name,
        f"UPDATE {TABLE} SET state = 'Failed';" + statements.replace("{t}", TABLE).replace("{state}", state),
    )


def forced(server, params, **more):
    done = odoo_state.ensure({**params, **more}, False)
    assert (done["changed"], done["after"]) == (True, "Reset")
    name = params["database"]
    row = server.execute(f"SELECT state, detail, actor FROM {TABLE} ORDER BY id DESC LIMIT 1", database=name)[0]
    assert row[0] == "Reset"
    assert row[2]
    seen = odoo_state_info.read(params)[name]
    assert (seen["error"], seen["state"], seen["open"]) == (None, "Reset", True)
    assert not odoo_state.ensure(params, False)["changed"]
    return done, row


@pytest.mark.parametrize("case", NOT_A_TABLE)
def test_something_else_is_named_and_set_aside(server, database, params, case):
    statements, why = NOT_A_TABLE[case]
    forge(server, database, statements)
    seen = odoo_state_info.read(params)[database.name]
    assert f"table public.{TABLE} can't be used: " in seen["error"]
    assert why in seen["error"]
    assert seen["error"].endswith(state.HISTORY.cure)
    checked = odoo_state.ensure(params, True)
    assert (checked["changed"], checked["set_aside"]) == (True, TABLE)
    done, row = forced(server, params)
    assert why in row[1]
    assert f"; the history before is in table {done['set_aside']}" in row[1]
    kept = server.execute("SELECT count(*) FROM pg_class WHERE relname = %s", (done["set_aside"],), database.name)
    assert kept == [(1,)]


@pytest.mark.parametrize("shown", ["Failed", "Ready"])
@pytest.mark.parametrize("case", NO_ROOM)
def test_no_room_for_another_row(server, database, params, case, shown):
    statements, why = NO_ROOM[case]
    forge(server, database, statements, shown)
    with pytest.raises(shape.Unusable, match=why):
        write(server, database)
    done, row = forced(server, params)
    assert why in row[1]
    assert done["set_aside"]
    write(server, database)


@pytest.mark.parametrize("what", ["{t}", "{t}_id_seq", "{t} (state)"])
def test_no_right_to_read_it(server, database, params, what):
    object_, _, column = what.replace("{t}", TABLE).partition(" ")
    statements = f"REVOKE ALL ON {object_} FROM PUBLIC, CURRENT_USER"
    if column:
        statements += f"; GRANT SELECT (id, write_date), INSERT ON {object_} TO CURRENT_USER"
    forge(server, database, statements)
    done, row = forced(server, params)
    assert "permission denied for " in row[1]
    assert done["set_aside"]
    write(server, database)


def test_an_error_of_a_statement_is_no_history_to_set_aside(database, connect, server, monkeypatch):
    plant(server, database.name, HISTORY)
    connection = connect(database.name, database.owner, database.password)
    monkeypatch.setattr(state, "HISTORY_SQL", state.HISTORY_SQL.replace("public.", "", 1))
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = pg_catalog")
    with pytest.raises(psycopg2.errors.UndefinedTable):
        override.read(connection)


@pytest.mark.parametrize("case", READ)
def test_absurd_rows_are_read(server, database, params, case):
    forge(server, database, READ[case])
    seen = odoo_state_info.read(params)[database.name]
    assert seen["error"] is None
    assert not seen["open"]
    assert max(len(str(value)) for row in seen["history"] for value in row.values()) <= state.TEXT_LIMIT
    done, _row = forced(server, params)
    assert done["set_aside"] is None, _row
    write(server, database)
    assert odoo_state_info.read(params)[database.name]["state"] == "Ready"


def write(server, database):
    """A run of the runtime."""
    control = server.connect("postgres", database.owner, database.password)
    connection = database.connect()
    try:
        guard = lock.Lock(control, database.name)
        assert guard.acquire()
        state.read_history(connection)
        writer = state.open_writer(connection, guard, "0123456789ab", "host", "UpdateOnly", "r2")
        writer.append("Updating")
        writer.append("Ready", "", "ok")
        assert 0 < writer.token <= lock.MAX_TOKEN
        assert state.last_release(connection) == "r2"
    finally:
        connection.close()
        control.close()


def test_a_trigger_that_drops_or_refuses_rows(server, database, params):
    for body in ("RETURN NULL", "RAISE 'no'"):
        forge(
            server,
            database,
            f"CREATE OR REPLACE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$;"
            "CREATE TRIGGER trap BEFORE INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION trap();",
        )
        with pytest.raises((LockLost, state.shape.Unusable, Exception), match="a trigger of its history|no"):
            write(server, database)
        done, _row = forced(server, params)
        assert done["set_aside"]


def test_a_name_that_only_a_type_has(server, database, params):
    plant(server, database.name, f"DROP TABLE {TABLE}; CREATE DOMAIN {TABLE} AS int")
    done, _row = forced(server, params)
    assert done["set_aside"].startswith(f"{TABLE}_aside_")


def test_a_newer_run_is_named(server, database, connect):
    plant(server, database.name, HISTORY)
    control = connect("postgres", database.owner, database.password)
    connection = connect(database.name, database.owner, database.password)
    guard = lock.Lock(control, database.name)
    assert guard.acquire()
    writer = state.open_writer(connection, guard, "a" * 12, "host", "UpdateOnly", "r2")
    plant(server, database.name, f"INSERT INTO {TABLE} (state, token, run_id) VALUES ('Updating', 7, 'b')")
    with pytest.raises(LockLost, match=r"row 2 of its history is of a newer run \(b\)"):
        writer.append("Ready")
    plant(server, database.name, f"UPDATE {TABLE} SET token = 9223372036854775807 WHERE token = 7")
    writer.append("Ready")


def test_a_first_installation_is_not_opened_by_a_view(server, database, params):
    plant(server, database.name, f"DROP TABLE ir_module_module, {TABLE}; CREATE VIEW {TABLE} AS SELECT 1 AS id")
    with pytest.raises(odoo_state.StateError, match="its first installation has not ended"):
        odoo_state.ensure(params, False)


def test_what_opened_it_is_the_runtimes_own_too(server, database, connect):
    """`override.force` with the owner's own connections, as a container in ForceReadyState does."""
    plant(server, database.name, HISTORY + f"; DROP TABLE {TABLE}; CREATE VIEW {TABLE} AS SELECT 1 AS id")
    control = connect("postgres", database.owner, database.password)
    connection = connect(database.name, database.owner, database.password)
    done = override.force(control, connection, database.name, "Force Ready", "ada", "it must open")
    assert (done.changed, done.after, bool(done.set_aside)) == (True, "Force Ready", True)
    assert state.read_history(connection).latest.detail.startswith(
        "it must open; before: table public.curq_state_history"
    )
