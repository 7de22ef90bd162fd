# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance's owner can plant in its database, and what becomes of it when an administrator's module reads it."""

from __future__ import annotations

import contextlib
import time

import pytest
from tenant_tools import plant

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import pg
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.restore import rollback
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import tenant
from ansible_collections.odoo_cloud.platform.plugins.modules import odoo_state, odoo_state_info

# Each step on its own, because the first that is refused would end the function.
PLANTED = """
CREATE FUNCTION public.planted() RETURNS text LANGUAGE plpgsql AS $$
DECLARE statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY[
        'RESET ROLE', 'RESET SESSION AUTHORIZATION', 'CREATE ROLE "{name}_evil" LOGIN SUPERUSER', 'CREATE ROLE "{name}_evil" LOGIN',
        'GRANT "{name}_other" TO "{name}"', 'ALTER ROLE "{name}" CREATEROLE CREATEDB SUPERUSER', 'ALTER ROLE "{name}" CREATEDB'
    ] LOOP
        BEGIN EXECUTE statement; EXCEPTION WHEN OTHERS THEN NULL; END;
    END LOOP;
    RETURN 'Ready';
END $$;
"""


def rights(server):
    return server.execute(
        "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles ORDER BY 1"
    ) + server.execute(
        "SELECT roleid::regrole::text, member::regrole::text, admin_option FROM pg_auth_members ORDER BY 1, 2"
    )


def bad_and_good(params):
    """What is told of the planted database and of the other one, which is always well."""
    found = odoo_state_info.read(params)
    bad, good = (found[name] for name in params["databases"])
    assert (good["error"], good["state"], good["installed"], good["release"]) == (None, "Ready", ["base"], "r1")
    return bad


@pytest.mark.parametrize("admin", ["CREATEROLE", "postgres"])
@pytest.mark.parametrize("where", ["history", "modules", "operator"])
def test_nothing_planted_gains_a_right(server, database, params, admin, where):
    name = database.name
    plant(server, name, PLANTED.replace("{name}", name))
    if where == "history":
        plant(
            server,
            name,
            "DROP TABLE curq_state_history; CREATE VIEW curq_state_history AS SELECT 1 AS id, public.planted() AS state,"
            " now() AS write_date, public.planted() AS release, 'ok' AS result",
        )
    elif where == "modules":
        plant(
            server,
            name,
            "CREATE POLICY planted ON ir_module_module USING (public.planted() IS NOT NULL);"
            "ALTER TABLE ir_module_module ENABLE ROW LEVEL SECURITY; ALTER TABLE ir_module_module FORCE ROW LEVEL SECURITY",
        )
    else:
        plant(
            server,
            name,
            "CREATE FUNCTION public.same(varchar, text) RETURNS bool LANGUAGE sql AS 'SELECT public.planted() IS NOT NULL';"
            "CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = text, FUNCTION = public.same);"
            f'ALTER DATABASE "{name}" SET search_path = public, pg_catalog; ALTER ROLE "{name}" SET search_path = public, pg_catalog',
        )
    before = rights(server)
    called = {**params, "login_user": "postgres"} if admin == "postgres" else params
    odoo_state_info.read(called)
    with contextlib.suppress(odoo_state.StateError):
        odoo_state.ensure(called, False)
    assert rights(server) == before


def test_settings_of_the_owner_do_not_reach_us(server, database, params):
    plant(server, database.name, "UPDATE curq_state_history SET state = 'Failed'")
    for setting in (
        "statement_timeout = '1ms'",
        "search_path = nowhere",
        "default_transaction_read_only = on",
        "datestyle = 'SQL, DMY'",
        "client_encoding = 'LATIN1'",
        "lock_timeout = '1ms'",
        "default_transaction_isolation = serializable",
    ):
        server.execute(f'ALTER ROLE "{database.owner}" SET {setting}')
        server.execute(f'ALTER ROLE "{database.owner}" IN DATABASE "{database.name}" SET {setting}')
        server.execute(f'ALTER DATABASE "{database.name}" SET {setting}')
    bad = bad_and_good(params)
    assert (bad["error"], bad["state"], bad["since"][4]) == (None, "Failed", "-")
    assert odoo_state.ensure(params, False)["after"] == "Reset"


@pytest.fixture
def hurry(monkeypatch):
    monkeypatch.setattr(tenant, "SESSION_SECONDS", 2)
    monkeypatch.setitem(tenant.SETTINGS, "statement_timeout", "700ms")


# What runs when Odoo's own table is read
POLICY = (
    "CREATE POLICY planted ON ir_module_module USING ({condition}); ALTER TABLE ir_module_module ENABLE ROW LEVEL SECURITY;"
    "ALTER TABLE ir_module_module FORCE ROW LEVEL SECURITY; DELETE FROM curq_state_history"
)


def test_a_policy_that_never_answers(server, database, params, hurry):
    plant(server, database.name, POLICY.format(condition="pg_sleep(600) IS NOT NULL"))
    began = time.monotonic()
    bad = bad_and_good(params)
    assert "gives no answer within" in bad["error"]
    assert (bad["exists"], bad["installed"], bad["open"]) == (True, None, False)
    with pytest.raises(odoo_state.StateError, match="gives no answer within"):
        odoo_state.ensure(params, False)
    assert time.monotonic() - began < 5


def test_a_function_that_evades_the_limits(server, database, params, hurry):
    plant(
        server,
        database.name,
        "CREATE FUNCTION stay() RETURNS text LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..20 LOOP"
        " BEGIN PERFORM pg_sleep(1); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; RETURN 'Ready'; END $$;"
        + POLICY.format(condition="stay() IS NOT NULL"),
    )
    began = time.monotonic()
    assert "gives no answer within 2 s" in bad_and_good(params)["error"]
    assert time.monotonic() - began < 6


def test_what_is_read_has_a_size(server, database, params):
    plant(server, database.name, "UPDATE curq_state_history SET detail = repeat('x', 50000000)")
    plant(
        server,
        database.name,
        "INSERT INTO ir_module_module SELECT repeat('y', 5000) || n, 'installed' FROM generate_series(1, 30000) n",
    )
    bad = bad_and_good(params)
    assert len(bad["history"][0]["detail"]) == 10000
    assert max(map(len, bad["installed"])) == 255


def test_nothing_acts_on_the_terminal(server, database, params):
    plant(server, database.name, "UPDATE curq_state_history SET state = E'Ready\\x1b[2J', detail = E'a\\nb\\x07'")
    bad = bad_and_good(params)
    assert bad["state"] == "Ready\ufffd[2J"
    assert bad["history"][0]["detail"] == "a\nb\ufffd"


def test_modules_that_are_none(server, database, params):
    plant(server, database.name, POLICY.format(condition="1 / (length(name) - 4) > 0"))
    assert "division by zero" in bad_and_good(params)["error"]


def test_a_locked_table_has_a_limit_and_a_name(server, database, params, connect, monkeypatch):
    monkeypatch.setitem(tenant.SETTINGS, "lock_timeout", "200ms")
    blocker = connect(database.name, database.owner, database.password, "a replica")
    with blocker.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE curq_state_history")
    bad = bad_and_good(params)
    pid = blocker.info.backend_pid
    assert f"by a replica of role '{database.owner}', backend {pid}, since " in bad["error"]
    assert f"SELECT pg_terminate_backend({pid}) ends it" in bad["error"]


def test_a_password_that_the_owner_changed(server, database, params):
    server.demand_password(database.owner)  # whose members have to give one too
    params["login_user"] = "postgres"
    plant(server, "postgres", f"ALTER ROLE \"{database.owner}\" PASSWORD 'mine'", "postgres")
    bad = bad_and_good(params)
    assert "password authentication failed" in bad["error"]
    assert bad["error"].endswith("; the playbook database sets the role's password again")
    with pytest.raises(odoo_state.StateError, match="password authentication failed"):
        odoo_state.ensure(params, False)
    server.execute(f'ALTER ROLE "{database.owner}" PASSWORD %s', (database.password,))
    assert bad_and_good(params)["error"] is None


def test_another_owner_than_the_inventory_says(params):
    params["owners"][0]["user"] = params["owners"][1]["user"]
    assert "and owners says" in bad_and_good(params)["error"]


@pytest.mark.parametrize(
    ("value", "copied"),
    [
        ('x;ALTER/**/ROLE/**/"{name}"/**/CREATEROLE', None),
        ('"$user", public', '"$user", public'),
        ('"a ""b; c", d', '"a ""b; c", d'),
    ],
)
def test_a_setting_that_is_a_statement_is_not_copied_with_a_restore_point(server, database, name, value, copied):
    server.execute(f'CREATE DATABASE "{name}_copy" OWNER "{name}"')
    plant(
        server,
        name,
        f"SELECT set_config('search_path', '{value.replace('{name}', name)}', false);"  # noqa: S608
        f' ALTER DATABASE "{name}" SET search_path FROM CURRENT',
    )
    before = rights(server)
    keeper = server.connect()  # with the rights of an administrator, as DB_ADMIN_USER may have
    try:
        rollback.copy_properties(keeper, name, f"{name}_copy")
    finally:
        keeper.close()
    assert rights(server) == before
    found = server.execute(
        "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE datname = %s",
        (f"{name}_copy",),
    )
    assert found == ([(f"search_path={copied}",)] if copied else [])


def test_the_runtime_sees_postgresqls_own_only(settings, database):
    found = settings()
    for place in ("postgres", database.name):
        connection = pg.connect(found, place, "test")
        with connection.cursor() as cursor:
            cursor.execute("SHOW search_path")
            assert cursor.fetchone() == ("pg_catalog",)
        connection.close()
