# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules odoo_state and odoo_state_info against a real PostgreSQL, as an administrator who is no superuser."""

from __future__ import annotations

import types

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import need
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import lock, pg, state
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import database as _database
from ansible_collections.odoo_cloud.platform.plugins.modules import odoo_state, odoo_state_info

MODULES = """
CREATE TABLE ir_module_module (id serial, name varchar, state varchar, latest_version varchar);
INSERT INTO ir_module_module (name, state, latest_version) VALUES
  ('base', 'installed', '19.0.1.3'), ('web', 'installed', '19.0.1.0'), ('sale', 'uninstalled', NULL);
"""
ORIGINAL = (
    "CREATE TABLE curq_state_history (id serial PRIMARY KEY, state varchar(255),"
    " write_date timestamp with time zone DEFAULT CURRENT_TIMESTAMP)"
)


@pytest.fixture
def params(server, database):
    """Options of both modules, logged in as a role like the one that managed servers give."""
    admin = f"{database.name}_admin"
    server.execute(f'CREATE ROLE "{admin}" LOGIN CREATEROLE CREATEDB')
    server.execute(f'GRANT "{database.owner}" TO "{admin}"')
    connection = database.connect()
    with connection.cursor() as cursor:
        cursor.execute(MODULES)
    connection.close()
    yield {
        **{name: option.get("default") for name, option in _database.CONNECTION_SPEC.items()},
        "login_host": str(server.folder),
        "login_port": server.port,
        "login_user": admin,
        "database": database.name,
        "databases": [database.name],
        "owners": [{"database": database.name, "user": database.owner, "password": database.password}],
        "lock": None,
        "limit": 20,
        "mail": False,
        "may_be_absent": False,
        "state": "force_ready",
        "reason": "I have looked",
        "take_over": False,
        "actor": "jane",
    }


class Run:
    """A run of the runtime: its lock and a session in the Odoo database."""

    def __init__(self, database, connect, run_id="feedc0de0001"):
        name = pg.application_name("UpdateOnly", run_id, "acme-run")
        self.control = connect("postgres", database.owner, database.password, name)
        self.session = database.connect(name)
        self.guard = lock.Lock(self.control, database.name)
        assert self.guard.acquire()
        self.writer = state.open_writer(self.session, self.guard, run_id, "acme-run", "UpdateOnly", "r1")


@pytest.fixture
def run(database, connect, params):
    made = Run(database, connect)
    yield made
    made.session.close()


def info(params, **more):
    return odoo_state_info.read({**params, **more})[params["database"]]


def rows(database):
    return database.execute("SELECT state, actor, detail, result FROM curq_state_history ORDER BY id")


def owner_of_table(database):
    return database.execute("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'curq_state_history'")[0][0]


def test_a_failed_database_is_opened_once_with_who_and_why(params, run, database):
    run.writer.append("Updating")
    run.writer.append("Failed", "module sale", "failed")
    run.guard.release()
    for check_mode in (True, False):
        found = odoo_state.ensure(params, check_mode)
        assert found["changed"]
        assert (found["before"], found["after"], found["holder"]) == ("Failed", "Force Ready", None)
        assert found["diff"]["after"] == {"state": "Force Ready", "actor": "jane", "reason": "I have looked"}
        assert len(rows(database)) == (2 if check_mode else 3)
    (last,) = rows(database)[-1:]
    assert last[:2] == ("Force Ready", "jane")
    assert last[2].startswith("I have looked; before: 'Failed'")
    again = odoo_state.ensure(params, False)
    assert not again["changed"]
    assert again["after"] == "Force Ready"
    assert odoo_state.ensure({**params, "state": "reset"}, False)["changed"] is False
    assert len(rows(database)) == 3


def test_a_live_lock_is_respected_and_its_holder_named(params, run, database):
    run.writer.append("Updating")
    for check_mode in (True, False):
        with pytest.raises(
            odoo_state.StateError, match="lock is held by odoo-cloud UpdateOnly run=feedc0de0001"
        ) as caught:
            odoo_state.ensure(params, check_mode)
        assert "host=acme-run" in caught.value.found["holder"]
    assert len(rows(database)) == 1
    assert run.guard.held()


def test_taking_over_ends_every_session_of_the_run_first(params, run, database):
    run.writer.append("Ready", "", "ok")
    run.writer.append("Updating")
    planned = odoo_state.ensure({**params, "take_over": True}, True)
    assert run.guard.held()
    done = odoo_state.ensure({**params, "take_over": True}, False)
    assert planned["changed"] and done["changed"]
    assert planned["ended_sessions"] == done["ended_sessions"] == 2
    assert not run.guard.held()
    assert [row[0] for row in rows(database)] == ["Ready", "Updating", "Force Ready"]


def test_a_first_installation_that_did_not_end_is_not_opened(params, run, database):
    database.execute("UPDATE ir_module_module SET state = 'to install' WHERE name = 'base'")
    run.writer.append("Creating")
    run.guard.release()
    with pytest.raises(odoo_state.StateError, match="first installation has not ended"):
        odoo_state.ensure(params, False)


def test_the_table_it_makes_belongs_to_the_instance(params, database):
    found = odoo_state.ensure(params, False)
    assert (found["before"], found["after"]) == (None, "Force Ready")
    assert owner_of_table(database) == database.owner


def test_the_originals_table_is_extended(params, database):
    connection = database.connect()
    with connection.cursor() as cursor:
        cursor.execute(ORIGINAL)
        cursor.execute("INSERT INTO curq_state_history (state) VALUES ('Ready'), ('Updating')")
    connection.close()
    seen = info(params)
    assert (seen["state"], seen["open"], seen["interrupted"], seen["ever_open"]) == ("Updating", False, False, True)
    assert seen["release"] is None
    assert [row["state"] for row in seen["history"]] == ["Updating", "Ready"]
    assert odoo_state.ensure({**params, "state": "reset"}, False)["after"] == "Reset"
    assert info(params)["history"][0]["actor"] == "jane"


def test_without_the_owners_login_nothing_is_opened(params, database):
    for module, call in ((odoo_state, "ensure"), (odoo_state_info, "read")):
        with pytest.raises(
            _database.DatabaseError,
            match=f"^owners has no entry for database '{database.name}': give user and password",
        ):
            getattr(module, call)({**params, "owners": []}, False)


def test_the_owner_itself_needs_no_other_login(params, database):
    own = {**params, "owners": [], "login_user": database.owner, "login_password": database.password}
    assert info(own)["installed"] == ["base", "web"]
    assert odoo_state.ensure(own, False)["after"] == "Force Ready"


def test_a_superuser_is_never_the_one_who_opens_it(params, server, database):
    with pytest.raises(_database.DatabaseError, match="owners has no entry"):
        info({**params, "owners": [], "login_user": "postgres"})
    server.execute(f'ALTER DATABASE "{database.name}" OWNER TO postgres')
    as_superuser = [{"database": database.name, "user": "postgres", "password": None}]
    found = info({**params, "login_user": "postgres", "owners": as_superuser})
    assert "belongs to 'postgres', a superuser" in found["error"]


def test_the_lock_is_taken_in_the_lock_database(params, server, database, connect):
    lock_name = f"{database.name}--lock"
    server.execute(f'CREATE DATABASE "{lock_name}" OWNER "{params["login_user"]}"')
    stranger = connect(name="odoo-cloud UpdateOnly run=feedc0de0002 host=x", user=f"{other_role(server, database)}")
    with stranger.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", lock.lock_keys(database.name))
    with pytest.raises(odoo_state.StateError, match="isn't entitled to it: role '.*_other'"):
        odoo_state.ensure(params, False)
    assert info(params)["holder"] is None
    found = odoo_state.ensure({**params, "lock": lock_name}, False)
    assert (found["after"], found["holder"]) == ("Force Ready", None)


def other_role(server, database):
    server.execute(f'CREATE ROLE "{database.name}_other" LOGIN')
    return f"{database.name}_other"


def test_a_database_that_is_not_there(params):
    with pytest.raises(odoo_state.StateError, match="there is no such database"):
        odoo_state.ensure({**params, "database": params["database"] + "_no"}, False)
    missing = odoo_state_info.read({**params, "databases": [params["database"] + "_no"]})
    assert missing[params["database"] + "_no"] == odoo_state_info.NOTHING


def test_info_of_a_run_at_work(params, run):
    run.writer.append("Updating", "update sale")
    run.writer.beat(run.session, "module sale (1 of 2)")
    seen = info(params)
    assert (seen["initialised"], seen["installed"], seen["interrupted"]) == (None, None, False)
    assert seen["holder"]["mode"] == "UpdateOnly"
    assert seen["holder"]["host"] == "acme-run"
    assert seen["holder"]["phase"] == "module sale (1 of 2)"
    assert 0 <= seen["holder"]["heartbeat_age_seconds"] < 5


def test_info_of_an_interrupted_run_and_of_the_last_release(params, run):
    run.writer.append("Updating")
    run.writer.append("Ready", "", "ok")
    run.writer.append("Updating")
    run.guard.release()
    seen = info(params)
    assert (seen["initialised"], seen["installed"], seen["series"]) == (True, ["base", "web"], "19")
    assert (seen["interrupted"], seen["open"], seen["release"], seen["holder"]) == (True, False, "r1", None)
    assert [row["state"] for row in info(params, limit=1)["history"]] == ["Updating"]
    durations = [row["duration_seconds"] for row in seen["history"]]
    assert sum(durations) == pytest.approx(seen["history"][-1]["age"], abs=0.3)


def test_info_does_not_wait_for_somebody_who_alters_the_tables(params, database, monkeypatch):
    monkeypatch.setattr(odoo_state_info, "LOCK_WAIT", "50ms")
    other = database.connect()
    other.autocommit = False
    with other.cursor() as cursor:
        cursor.execute("LOCK TABLE ir_module_module")
        seen = info(params)
    other.close()
    assert (seen["initialised"], seen["installed"]) == (None, None)


def test_no_server_in_check_mode(params, tmp_path):
    nowhere = {**params, "login_host": str(tmp_path), "may_be_absent": True}
    assert odoo_state_info.read(nowhere, check_mode=True) == {params["database"]: odoo_state_info.NOTHING}
    with pytest.raises(_database.ServerUnreachable):
        odoo_state_info.read(nowhere, check_mode=False)


def test_what_the_role_makes_of_it(params, run):
    # What need.runs() asks of an instance
    instance = types.SimpleNamespace(
        name="acme",
        mode="RunOnly",
        machine="app1",
        database=types.SimpleNamespace(name=params["database"]),
        image=types.SimpleNamespace(name="odoo-19"),
        modules=["base"],
        server_wide_modules=[],
        addons_dirs=[],
        migration=types.SimpleNamespace(file=""),
        update_modules="changed",
        update_live=False,
        replicas=[types.SimpleNamespace(name="acme-1", machine="app1")],
    )

    def needed():
        return [
            (one["mode"], one["reason"])
            for one in need.runs([instance], {params["database"]: info(params)}, {"odoo-19": "r1"})
        ]

    run.writer.append("Updating")
    assert needed() == [("InstallOnly", "UpdateOnly on acme-run is at work on its database")]
    run.writer.append("Ready", "", "ok")
    run.writer.append("Updating")
    assert needed()[0][0] == "UpdateOnly"
    run.guard.release()
    assert needed()[0][1].startswith("a run was interrupted (state Updating since ")
    run.guard.acquire()
    run.writer.append("Ready", "", "ok")
    run.guard.release()
    assert needed() == []
