# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module odoo_database against a real PostgreSQL, as an administrator who is no superuser."""

from __future__ import annotations

import psycopg2
import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import lock, provision
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import database
from ansible_collections.odoo_cloud.platform.plugins.modules import odoo_database


@pytest.fixture
def params(server, name):
    server.execute(f'CREATE ROLE "{name}_admin" LOGIN CREATEROLE CREATEDB')
    return {
        **{key: option.get("default") for key, option in database.CONNECTION_SPEC.items()},
        "login_host": str(server.folder),
        "login_port": server.port,
        "login_user": f"{name}_admin",
        "may_be_absent": False,
        "collect_refused": False,
        "databases": [{"name": name, "password": "p", "keeper": f"{name}_keeper", "lock": f"{name}--lock"}],
    }


def lock_rights(server, name):
    return server.execute(
        "SELECT pg_get_userbyid(datdba), datallowconn, (SELECT array_agg(pg_get_userbyid(grantee) || ' ' || privilege_type"
        " ORDER BY 1) FROM aclexplode(datacl) WHERE grantee <> datdba) FROM pg_database WHERE datname = %s",
        (f"{name}--lock",),
    )


def test_the_lock_database_lets_the_instances_own_roles_in_and_nobody_else(server, name, params, connect):
    checked = odoo_database.ensure(params, True)
    assert lock_rights(server, name) == []
    done = odoo_database.ensure(params, False)
    assert done["executed_queries"] == checked["executed_queries"]
    assert done["diff"] == checked["diff"]
    assert lock_rights(server, name) == [(f"{name}_admin", True, [f"{name} CONNECT", f"{name}_keeper CONNECT"])]
    server.execute(f'CREATE ROLE "{name}_stranger" LOGIN')
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        connect(f"{name}--lock", f"{name}_stranger")
    for role in (name, f"{name}_keeper", f"{name}_admin"):
        guard = lock.Lock(connect(f"{name}--lock", role), name)
        assert guard.acquire()
        assert lock.holder(connect(), name).role == role if role != f"{name}_admin" else True
        guard.release()
    assert not odoo_database.ensure(params, False)["changed"]


def test_what_was_changed_by_hand_is_repaired(server, name, params):
    odoo_database.ensure(params, False)
    right = lock_rights(server, name)
    server.execute(f'CREATE ROLE "{name}_stranger" LOGIN')
    server.execute(f'GRANT CONNECT ON DATABASE "{name}--lock" TO PUBLIC, "{name}_stranger"')
    server.execute(f'REVOKE CONNECT ON DATABASE "{name}--lock" FROM "{name}_keeper"')
    server.execute(f'GRANT CREATE ON DATABASE "{name}--lock" TO "{name}"')
    for check_mode in (True, False):
        found = odoo_database.ensure(params, check_mode)
        assert found["executed_queries"] == [
            f'REVOKE CONNECT ON DATABASE "{name}--lock" FROM PUBLIC',
            f'REVOKE CREATE ON DATABASE "{name}--lock" FROM "{name}"',
            f'REVOKE CONNECT ON DATABASE "{name}--lock" FROM "{name}_stranger"',
            f'GRANT CONNECT ON DATABASE "{name}--lock" TO "{name}_keeper"',
        ]
    assert lock_rights(server, name) == right
    assert not odoo_database.ensure(params, False)["changed"]


def members(server, name):
    return server.execute(
        "SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members"
        " WHERE roleid::regrole::text ~ %s OR member::regrole::text ~ %s ORDER BY 1, 2",
        (name, name),
    )


def test_undeclared_memberships_are_told_and_taken_away(server, name, params):
    odoo_database.ensure(params, False)
    before = members(server, name)
    server.execute(f'CREATE ROLE "{name}_other" LOGIN; CREATE ROLE "{name}_guest"')
    server.execute(
        f'GRANT "{name}_other" TO "{name}"; GRANT "{name}" TO "{name}_guest"; GRANT pg_monitor TO "{name}_keeper"'
    )
    for check_mode in (True, False):
        found = odoo_database.ensure(params, check_mode)
        assert sorted((one["role"], one["member"]) for one in found["undeclared_memberships"]) == [
            ("pg_monitor", f"{name}_keeper"),
            (name, f"{name}_guest"),
            (f"{name}_other", name),
        ]
        assert len(found["executed_queries"]) == 3
    assert members(server, name) == before
    again = odoo_database.ensure(params, False)
    assert (again["changed"], again["undeclared_memberships"]) == (False, [])


def test_what_only_a_superuser_can_take_away(server, name, params):
    odoo_database.ensure(params, False)
    server.execute(f'CREATE ROLE "{name}_boss" SUPERUSER; GRANT "{name}_boss" TO "{name}"')
    with pytest.raises(
        provision.DatabaseError, match=f'^REVOKE "{name}_boss" FROM "{name}".*; let a superuser run it$'
    ):
        odoo_database.ensure(params, False)
    found = odoo_database.ensure({**params, "collect_refused": True}, False)
    (query,) = found["refused_queries"]
    assert (found["executed_queries"], found["changed"]) == ([], False)
    server.execute(query)
    assert not odoo_database.ensure(params, False)["undeclared_memberships"]


def test_a_database_is_dropped_under_its_own_lock(server, name, params, connect):
    odoo_database.ensure(params, False)
    absent = {
        **params,
        "databases": [{**params["databases"][0], "state": "absent", "confirm_drop": name, "drop_owner": True}],
    }
    guard = lock.Lock(connect(f"{name}--lock", name), name)
    assert guard.acquire()
    for check_mode in (True, False):
        with pytest.raises(provision.DatabaseError, match="is not dropped: its lock is held by"):
            odoo_database.ensure(absent, check_mode)
    guard.connection.close()
    server.execute(f'CREATE ROLE "{name}_stranger" LOGIN')
    intruder = connect("postgres", f"{name}_stranger")
    with intruder.cursor() as cursor:  # who holds the key elsewhere isn't in the way
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", lock.lock_keys(name))
    assert odoo_database.ensure(absent, False)["changed"]
    assert server.execute("SELECT datname FROM pg_database WHERE datname ~ %s", (f"^{name}(--lock)?$",)) == []
    assert server.execute("SELECT rolname FROM pg_roles WHERE rolname IN (%s, %s)", (name, f"{name}_keeper")) == []
    assert not odoo_database.ensure(absent, False)["changed"]


def test_the_administrator_sees_what_is_postgresqls_own_only(server, name, params, connect):
    server.execute(f'ALTER ROLE "{name}_admin" SET search_path = public')
    server.execute(f'ALTER ROLE "{name}_admin" IN DATABASE postgres SET search_path = public')
    connection = database.open_server(params)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW search_path")
            assert cursor.fetchone() == ("pg_catalog",)
    finally:
        connection.close()


def test_attributes_and_settings_that_nobody_declared(server, name, params, connect):
    odoo_database.ensure(params, False)
    plant = connect(name, name)
    with plant.cursor() as cursor:
        for statement in (
            f'ALTER ROLE "{name}" SET search_path = public, pg_catalog',
            f'ALTER ROLE "{name}" IN DATABASE "{name}" SET work_mem = \'64kB\'',
            f'ALTER DATABASE "{name}" SET default_transaction_read_only = on',
            f'ALTER DATABASE "{name}" CONNECTION LIMIT 1',
            f'ALTER DATABASE "{name}" IS_TEMPLATE true',
        ):
            cursor.execute(statement)
    plant.close()
    server.execute(f"ALTER ROLE \"{name}\" NOINHERIT CONNECTION LIMIT 7 VALID UNTIL '2100-01-01'")
    server.execute(f"ALTER ROLE \"{name}_keeper\" SET statement_timeout = '1ms'")
    checked, done = odoo_database.ensure(params, True), odoo_database.ensure(params, False)
    assert checked["executed_queries"] == done["executed_queries"]
    assert checked["diff"] == done["diff"]
    before, after = (done["diff"][when]["roles"][name] for when in ("before", "after"))
    assert (before["inherit"], before["connections"], before["expires"]) == (False, 7, True)
    assert before["settings"] == {f"work_mem in {name}": "64kB", "search_path": "public, pg_catalog"}
    assert (after["inherit"], after["connections"], after["expires"], after["settings"]) == (True, -1, False, {})
    assert done["diff"]["before"]["databases"][name]["settings"] == {"default_transaction_read_only": "on"}
    assert len(done["undeclared_settings"]) == 4
    again = odoo_database.ensure(params, False)
    assert (again["changed"], again["undeclared_settings"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"]
    declared = {
        **params,
        "databases": [{**params["databases"][0], "settings": {"work_mem": "64MB"}, "connections": 9}],
    }
    assert len(odoo_database.ensure(declared, False)["executed_queries"]) == 2
    assert not odoo_database.ensure(declared, False)["changed"]
    assert server.execute("SELECT rolconnlimit, rolconfig FROM pg_roles WHERE rolname = %s", (name,)) == [
        (9, ["work_mem=64MB"])
    ]
    assert len(odoo_database.ensure(params, False)["executed_queries"]) == 2


def test_restore_points_are_given_to_the_keeper(server, name, params, connect):
    odoo_database.ensure(params, False)
    point = f"{name}--before-0123456789ab"
    server.execute(f'CREATE DATABASE "{point}" OWNER "{name}"')
    done = odoo_database.ensure(params, False)
    assert done["executed_queries"][-1] == f'ALTER DATABASE "{point}" OWNER TO "{name}_keeper"'
    assert not odoo_database.ensure(params, False)["changed"]
    with connect(name, name).cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute(f'DROP DATABASE "{point}"')


def test_a_setting_that_only_a_superuser_can_take_away(server, name, params):
    odoo_database.ensure(params, False)
    server.execute(f'ALTER ROLE "{name}" SET "x.y" = E\'a\\n=b\'')
    found = odoo_database.ensure({**params, "collect_refused": True}, False)
    (query,) = found["refused_queries"]
    assert query == f'ALTER ROLE "{name}" RESET "x.y"'
    assert found["diff"]["before"]["roles"][name]["settings"] == {"x.y": "a\n=b"}
    server.execute(query)
    assert not odoo_database.ensure(params, False)["undeclared_settings"]
