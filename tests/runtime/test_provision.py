# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import psycopg2
import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import ConfigError
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import lock, provision

PASSWORD = "s3cret-of-a-new-role"


@pytest.fixture
def role(server, name, connect):
    """Makes a role with these attributes and connects as it."""

    def make(suffix, attributes):
        server.execute(f"CREATE ROLE \"{name}_{suffix}\" LOGIN {attributes} PASSWORD 'x'")
        return connect(user=f"{name}_{suffix}", password="x")

    return make


def facts(server, name):
    return server.execute(
        "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate,"
        " (SELECT count(*)::int FROM aclexplode(datacl) WHERE grantee = 0) FROM pg_database WHERE datname = %s",
        (name,),
    )


def log_in(server, connect, name, password=PASSWORD):
    server.demand_password(name)
    connection = connect(name, name, password)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t AS SELECT 1")
    return connection


@pytest.mark.parametrize("kind", ["superuser", "CREATEDB CREATEROLE"])
def test_role_and_database_are_made(server, name, connect, role, kind):
    admin = connect() if kind == "superuser" else role("admin", kind)
    assert provision.may_create(admin)
    done = provision.ensure(admin, name, name, PASSWORD)
    grant = [item for item in done if item.startswith("GRANT")]
    assert len(grant) == (0 if kind == "superuser" else 1)
    assert [item for item in done if item not in grant] == [
        f"CREATE ROLE \"{name}\" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '********'",
        f"CREATE DATABASE \"{name}\" OWNER \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'",
        f'REVOKE CONNECT, TEMPORARY ON DATABASE "{name}" FROM PUBLIC',
    ]
    assert facts(server, name) == [(name, "UTF8", "C", 0)]
    assert server.execute("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = %s", (name,)) == [
        (False, False, False)
    ]
    log_in(server, connect, name)
    connect("postgres", name, PASSWORD)  # Odoo listens there, and the lock is there
    assert provision.ensure(admin, name, name, PASSWORD) == []


def test_nobody_else_gets_in(name, connect, role):
    provision.ensure(connect(), name, name, PASSWORD)
    role("other", "")
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        connect(name, f"{name}_other", "x")


def test_password_is_never_in_the_log(server, name, connect):
    provision.ensure(connect(), name, name, PASSWORD)
    log_in(server, connect, name)
    assert f'CREATE ROLE "{name}"' in server.log, "the log holds statements"
    assert PASSWORD not in server.log


def test_a_role_that_is_there_keeps_its_password(server, name, connect):
    server.execute(f"CREATE ROLE \"{name}\" LOGIN CREATEDB PASSWORD 'other'")
    done = provision.ensure(connect(), name, name, PASSWORD)
    assert [item.split()[0] for item in done] == ["CREATE", "REVOKE"]
    connection = log_in(server, connect, name, password="other")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        connect(name, name, PASSWORD)
    assert provision.may_create(connection), "its attributes are left too"


def test_content_of_a_database_that_is_there_is_kept(database, connect):
    database.execute("CREATE TABLE mine AS SELECT 42 AS x")
    provision.ensure(connect(), database.name, database.owner, PASSWORD)
    assert database.execute("SELECT x FROM mine") == [(42,)]
    database.connect().close()


def test_a_half_made_database_is_finished(server, database, connect):
    done = provision.ensure(connect(), database.name, database.owner, PASSWORD)
    assert done == [f'REVOKE CONNECT, TEMPORARY ON DATABASE "{database.name}" FROM PUBLIC']
    # whoever opens it again on purpose is left alone
    server.execute(f'GRANT CONNECT ON DATABASE "{database.name}" TO PUBLIC')
    assert provision.ensure(connect(), database.name, database.owner, PASSWORD) == []


def test_the_owner_itself_with_createdb(server, name, role):
    assert [item.split()[0] for item in provision.ensure(role("self", "CREATEDB"), name, f"{name}_self", None)] == [
        "CREATE",
        "REVOKE",
    ]
    assert facts(server, name) == [(f"{name}_self", "UTF8", "C", 0)]


def test_rights_that_are_missing_are_named(server, name, role, connect):
    nothing, only = role("nothing", ""), role("only", "CREATEDB")
    assert not provision.may_create(nothing)
    assert provision.may_create(only)
    with pytest.raises(
        ConfigError, match=f"DB_USER is '{name}_nothing': may not create databases; give a role with CREATEDB"
    ):
        provision.ensure(nothing, name, name, PASSWORD)
    with pytest.raises(
        ConfigError, match=f"DB_USER is '{name}_only': may not create roles; .* or create role '{name}' first"
    ):
        provision.ensure(only, name, name, PASSWORD)
    server.execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{PASSWORD}x'")
    with pytest.raises(ConfigError, match=f'may not act for role .*GRANT "{name}" TO "{name}_only"'):
        provision.ensure(only, name, name, PASSWORD)
    assert facts(server, name) == []
    server.execute(f'GRANT "{name}" TO "{name}_only"')
    provision.ensure(only, name, name, PASSWORD)
    assert facts(server, name) == [(name, "UTF8", "C", 0)]
    # when all is there, no right is needed
    assert provision.ensure(nothing, name, name, PASSWORD) == []


def test_what_does_not_fit_is_named_and_left_alone(server, name, connect):
    server.execute(f'CREATE ROLE "{name}_a" LOGIN; CREATE ROLE "{name}_b" NOLOGIN')
    server.execute(f"CREATE ROLE \"{name}_c\" LOGIN VALID UNTIL '2020-01-01'")
    server.execute(f'CREATE DATABASE "{name}" OWNER "{name}_a"')
    admin = connect()
    with pytest.raises(ConfigError, match=f"belongs to '{name}_a'; give that role"):
        provision.ensure(admin, name, f"{name}_new", PASSWORD)
    with pytest.raises(ConfigError, match=f"DB_CLIENT_USER is '{name}_b': .* may not log in; .*LOGIN$"):
        provision.ensure(admin, f"{name}_x", f"{name}_b", PASSWORD)
    with pytest.raises(ConfigError, match="is expired"):
        provision.ensure(admin, f"{name}_x", f"{name}_c", PASSWORD)
    server.execute(f'CREATE DATABASE "{name}_ascii" OWNER "{name}_a" TEMPLATE template0 ENCODING \'SQL_ASCII\'')
    with pytest.raises(provision.DatabaseError, match="has the encoding 'SQL_ASCII'"):
        provision.ensure(admin, f"{name}_ascii", f"{name}_a", PASSWORD)
    assert facts(server, name)[0][0] == f"{name}_a"


def test_another_refusal_is_one_line(name, connect):
    with pytest.raises(provision.DatabaseError, match="^DB_NAME is 'pg_x': creating it .*reserved") as caught:
        provision.ensure(connect(), "pg_x", "pg_x", PASSWORD)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 66


@pytest.mark.parametrize("kind", ["superuser", "CREATEDB CREATEROLE"])
def test_many_at_once_that_share_a_role(server, name, connect, role, kind):
    count = 8
    if kind == "superuser":
        admins = [connect() for _number in range(count)]
    else:
        admins = [role("admin", kind)] + [connect(user=f"{name}_admin", password="x") for _number in range(count - 1)]
    start = threading.Barrier(count)
    done, failed = [], []

    def run(number, admin):
        guard = lock.Lock(admin, f"{name}_{number}")
        start.wait()
        try:
            assert guard.acquire()
            done.extend(provision.ensure(admin, f"{name}_{number}", name, PASSWORD))
            assert guard.held()
        except Exception as exc:  # noqa: BLE001 - shown by the assertion below
            failed.append(exc)

    threads = [threading.Thread(target=run, args=item) for item in enumerate(admins)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sum(item.startswith("CREATE ROLE") for item in done) == 1
    assert sum(item.startswith("CREATE DATABASE") for item in done) == count
    for number in range(count):
        assert facts(server, f"{name}_{number}") == [(name, "UTF8", "C", 0)]


def test_many_at_once_for_one_database_without_the_lock(server, name, connect):
    """Other tools don't know our lock: what they make meanwhile is taken as it is."""
    start = threading.Barrier(6)
    failed = []

    def run(admin):
        start.wait()
        try:
            provision.ensure(admin, name, name, PASSWORD)
        except Exception as exc:  # noqa: BLE001 - shown by the assertion below
            failed.append(exc)

    threads = [threading.Thread(target=run, args=(connect(),)) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert facts(server, name) == [(name, "UTF8", "C", 0)]


def test_connect_on_the_lock_s_database_is_given_back(server, name, connect, role):
    """A hardened server may have taken it from PUBLIC."""
    server.execute(f'CREATE DATABASE "{name}_hub"')
    server.execute(f'REVOKE CONNECT ON DATABASE "{name}_hub" FROM PUBLIC')
    role("admin", "CREATEDB CREATEROLE")
    server.execute(f'GRANT CONNECT ON DATABASE "{name}_hub" TO "{name}_admin"')
    limited = connect(f"{name}_hub", f"{name}_admin", "x")
    with pytest.raises(ConfigError, match=f"may not connect to database '{name}_hub', .*GRANT CONNECT ON DATABASE"):
        provision.ensure(limited, name, name, PASSWORD)
    done = provision.ensure(connect(f"{name}_hub"), name, name, PASSWORD)
    assert done == [f'GRANT CONNECT ON DATABASE "{name}_hub" TO "{name}"']
    connect(f"{name}_hub", name, PASSWORD)
