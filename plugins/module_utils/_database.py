# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Databases and roles of instances: what is there, what should be, and the statements between the two."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.odoo_cloud.platform.plugins.module_utils import _scram
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime import lock

PSYCOPG2_ERROR = None
try:
    import psycopg2
except ImportError:
    psycopg2 = None
    PSYCOPG2_ERROR = traceback.format_exc()

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
NAME_RULE = "must match ^[a-z][a-z0-9_-]{0,62}$"
HIDDEN = "'********'"

CONNECTION_SPEC: dict[str, dict[str, Any]] = {
    "login_host": {"type": "str", "default": "/var/run/postgresql"},
    "login_port": {"type": "int", "default": 5432},
    "login_user": {"type": "str", "default": "postgres"},
    "login_password": {"type": "str", "no_log": True},
    "login_db": {"type": "str", "default": "postgres"},
    "ssl_mode": {
        "type": "str",
        "default": "prefer",
        "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
    },
    "ssl_rootcert": {"type": "path"},
}


class DatabaseError(Exception):
    """One clear line for the user."""


class ServerUnreachable(DatabaseError):
    """Nothing answers at the address given."""


def one_line(exc: BaseException) -> str:
    return " ".join(str(exc).split()) or exc.__class__.__name__


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def check_name(option: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise DatabaseError(f"{option} is {name!r}: {NAME_RULE}")
    if name == "postgres" or name.startswith(("template", "pg_")):
        raise DatabaseError(f"{option} is {name!r}: this name belongs to PostgreSQL; give the instance's own")


@dataclass(frozen=True)
class Wanted:
    """A database as it should be."""

    name: str
    owner: str
    password: str | None = field(default=None, repr=False)
    state: str = "present"
    confirm_drop: str = ""
    drop_owner: bool = False


def parse_wanted(items: list[dict[str, Any]], login_user: str) -> list[Wanted]:
    """Checks the option `databases` as far as this is possible without a server."""
    result = []
    passwords: dict[str, str] = {}
    for number, item in enumerate(items):
        wanted = Wanted(
            item["name"],
            item.get("owner") or item["name"],
            item.get("password") or None,
            item.get("state") or "present",
            item.get("confirm_drop") or "",
            bool(item.get("drop_owner")),
        )
        check_name(f"databases[{number}].name", wanted.name)
        check_name(f"databases[{number}].owner", wanted.owner)
        if wanted.owner == login_user:
            raise DatabaseError(
                f"databases[{number}].owner is {wanted.owner!r}: must not be login_user; an instance has its own role"
            )
        if wanted.state == "absent" and wanted.confirm_drop != wanted.name:
            raise DatabaseError(
                f"databases[{number}].confirm_drop is {wanted.confirm_drop!r}: to drop the database and all that is in it,"
                f" it must be {wanted.name!r}"
            )
        if wanted.name in (other.name for other in result):
            raise DatabaseError(f"databases[{number}].name is {wanted.name!r}: it is in the list twice")
        if wanted.password is not None:
            if passwords.setdefault(wanted.owner, wanted.password) != wanted.password:
                raise DatabaseError(
                    f"databases[{number}].password: role {wanted.owner!r} has another password earlier in the list;"
                    " it must be the same one"
                )
            if any(char in wanted.password for char in "\r\n\0"):
                raise DatabaseError(f"databases[{number}].password: must be one line")
        result.append(wanted)
    return result


@dataclass(frozen=True)
class Facts:
    """What a server has, as far as it matters here."""

    version: int = 170000
    superuser: bool = True
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    databases: dict[str, dict[str, Any]] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)  # database: who holds its lock


FACTS_SQL = """
SELECT json_build_object(
  'superuser', (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
  'roles', (SELECT coalesce(json_object_agg(rolname, json_build_object(
      'login', rolcanlogin, 'superuser', rolsuper, 'createdb', rolcreatedb, 'createrole', rolcreaterole,
      'replication', rolreplication, 'bypassrls', rolbypassrls, 'expired', coalesce(rolvaliduntil <= now(), false),
      'usable', {usable},
      'owns', (SELECT coalesce(json_agg(d.datname), '[]') FROM pg_catalog.pg_database d
               WHERE d.datdba = r.oid))), '{{}}')
    FROM pg_catalog.pg_roles r
    WHERE rolname = ANY(%(roles)s)
       OR oid IN (SELECT datdba FROM pg_catalog.pg_database WHERE datname = ANY(%(names)s))),
  'databases', (SELECT coalesce(json_object_agg(datname, json_build_object(
      'owner', pg_catalog.pg_get_userbyid(datdba), 'encoding', pg_catalog.pg_encoding_to_char(encoding),
      'public', (SELECT coalesce(json_agg(privilege_type ORDER BY privilege_type), '[]')
                 FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0))), '{{}}')
    FROM pg_catalog.pg_database WHERE datname = ANY(%(names)s)))
"""

# attribute: (wanted value, how to say it)
ROLE_ATTRIBUTES = {
    "login": (True, "LOGIN"),
    "superuser": (False, "NOSUPERUSER"),
    "createdb": (False, "NOCREATEDB"),
    "createrole": (False, "NOCREATEROLE"),
    "replication": (False, "NOREPLICATION"),
    "bypassrls": (False, "NOBYPASSRLS"),
    "expired": (False, "VALID UNTIL 'infinity'"),
}


def connect(params: dict[str, Any], user: str | None = None, password: str | None = None, database: str = "") -> Any:
    arguments = {
        "host": params["login_host"],
        "port": params["login_port"],
        "user": user or params["login_user"],
        "dbname": database or params["login_db"],
        "sslmode": params["ssl_mode"],
        "connect_timeout": 10,
        "application_name": "odoo-cloud ansible",
    }
    secret = password if user else params.get("login_password")
    if secret:
        arguments["password"] = secret
    if params.get("ssl_rootcert"):
        arguments["sslrootcert"] = params["ssl_rootcert"]
    connection = psycopg2.connect(**arguments)
    connection.autocommit = True
    return connection


# Texts with which libpq says that no server is there at all; everything else is an answer of one.
_ABSENT = (
    "connection refused",
    "no such file or directory",
    "could not translate host name",
    "no route to host",
    "network is unreachable",
    "timeout expired",
    "is the server running",
    "the database system is starting up",
    "the database system is shutting down",
)


def open_server(params: dict[str, Any], database: str = "") -> Any:
    """The administrator's connection, or a DatabaseError that says what is wrong."""
    where = f"{params['login_host']}:{params['login_port']}"
    try:
        connection = connect(params, database=database)
    except psycopg2.Error as exc:
        text = one_line(exc)
        if any(sign in text.lower() for sign in _ABSENT):
            raise ServerUnreachable(
                f"login_host is {params['login_host']!r}: PostgreSQL does not answer at {where}: {text}"
            ) from exc
        raise DatabaseError(
            f"login_user is {params['login_user']!r}: cannot connect to database {database or params['login_db']!r}"
            f" at {where}: {text}"
        ) from exc
    if connection.server_version < 130000:
        connection.close()
        raise DatabaseError(
            f"login_host is {params['login_host']!r}: version {connection.server_version // 10000} is too old; 13 or newer"
        )
    return connection


def read_facts(connection: Any, wanted: list[Wanted]) -> Facts:
    usable = "pg_catalog.pg_has_role(oid, 'USAGE')"
    if connection.server_version >= 160000:
        usable += " AND pg_catalog.pg_has_role(oid, 'SET')"
    with connection.cursor() as cursor:
        cursor.execute(
            FACTS_SQL.format(usable=usable),
            {"roles": [item.owner for item in wanted], "names": [item.name for item in wanted]},
        )
        found = cursor.fetchone()[0]
    holders = {}
    for item in wanted:
        if item.state == "absent":
            held = lock.holder(connection, item.name)
            if held is not None:
                holders[item.name] = str(held)
    return Facts(connection.server_version, found["superuser"], found["roles"], found["databases"], holders)


def password_is_right(connection: Any, params: dict[str, Any], facts: Facts, role: str, password: str) -> bool:
    """Logs in as the role. Where that asks for no password (trust) or is not allowed from here (peer), a superuser
    compares the stored verifier instead."""
    refused = ""
    try:
        probe = connect(params, user=role, password=password)
    except psycopg2.Error as exc:
        refused = one_line(exc)
    else:
        used = probe.info.used_password
        probe.close()
        if used:
            return True
    if facts.superuser:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolpassword FROM pg_catalog.pg_authid WHERE rolname = %s", (role,))
            row = cursor.fetchone()
        if row and row[0] and row[0].startswith("SCRAM-SHA-256$"):
            return _scram.matches(password, row[0])
        return False
    if refused and any(sign in refused.lower() for sign in (*_ABSENT, "too many", "remaining connection slots")):
        raise DatabaseError(f"role {role!r}: its password cannot be checked by logging in: {refused}")
    return not refused or "permission denied for database" in refused.lower()


@dataclass(frozen=True)
class Statement:
    sql: str = field(repr=False)
    shown: str  # the same without secrets
    drops: str = ""  # name of the database that it drops


def plain(sql: str, drops: str = "") -> Statement:
    return Statement(sql, sql, drops)


def plan(wanted: list[Wanted], facts: Facts, wrong_passwords: set[str]) -> list[Statement]:
    """The statements that bring the server to what is wanted. Raises DatabaseError on what cannot be mended."""
    result: list[Statement] = []
    ready_roles: set[str] = set()
    usable = {name for name, role in facts.roles.items() if role["usable"]}

    def may_act_for(role: str) -> None:
        """An administrator without superuser needs the owner's rights to make, mend or drop what the owner owns."""
        if facts.superuser or role in usable:
            return
        usable.add(role)
        options = " WITH INHERIT TRUE, SET TRUE" if facts.version >= 160000 else ""
        result.append(plain(f"GRANT {quoted(role)} TO CURRENT_USER{options}"))

    def with_password(start: str, password: str) -> Statement:
        return Statement(f"{start} PASSWORD '{_scram.verifier(password)}'", f"{start} PASSWORD {HIDDEN}")

    dropped: set[str] = set()
    for item in wanted:
        role, database = facts.roles.get(item.owner), facts.databases.get(item.name)
        if item.state == "absent":
            if database is not None:
                if item.name in facts.holders:
                    raise DatabaseError(
                        f"database {item.name!r} is not dropped: its lock is held by {facts.holders[item.name]}"
                    )
                may_act_for(database["owner"])
                result.append(plain(f"DROP DATABASE {quoted(item.name)} WITH (FORCE)", item.name))
                dropped.add(item.name)
            continue

        if role is None and item.owner not in ready_roles:
            start = f"CREATE ROLE {quoted(item.owner)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"
            result.append(plain(start) if item.password is None else with_password(start, item.password))
        elif role is not None and item.owner not in ready_roles:
            differs = [say for name, (right, say) in ROLE_ATTRIBUTES.items() if role[name] != right]
            if differs:
                result.append(plain(f"ALTER ROLE {quoted(item.owner)} {' '.join(differs)}"))
            if item.password is not None and item.owner in wrong_passwords:
                result.append(with_password(f"ALTER ROLE {quoted(item.owner)}", item.password))
        ready_roles.add(item.owner)

        if database is None:
            may_act_for(item.owner)
            result.append(
                plain(
                    f"CREATE DATABASE {quoted(item.name)} OWNER {quoted(item.owner)} TEMPLATE template0"
                    " ENCODING 'UTF8' LC_COLLATE 'C'"
                )
            )
        else:
            if database["encoding"] != "UTF8":
                raise DatabaseError(
                    f"database {item.name!r} has the encoding {database['encoding']!r}: Odoo needs UTF8, which only a"
                    " new database can get; restore its content into one"
                )
            if database["owner"] != item.owner:
                may_act_for(database["owner"])
                may_act_for(item.owner)
                result.append(plain(f"ALTER DATABASE {quoted(item.name)} OWNER TO {quoted(item.owner)}"))
        public = ["CONNECT", "TEMPORARY"] if database is None else database["public"]
        if public:
            may_act_for(item.owner)
            result.append(plain(f"REVOKE {', '.join(public)} ON DATABASE {quoted(item.name)} FROM PUBLIC"))

    for item in wanted:
        if item.state == "absent" and item.drop_owner and item.owner in facts.roles and item.owner not in ready_roles:
            others = sorted(set(facts.roles[item.owner]["owns"]) - dropped)
            if others:
                raise DatabaseError(
                    f"databases: role {item.owner!r} is not dropped (drop_owner): it owns {', '.join(others)} too"
                )
            statement = plain(f"DROP ROLE {quoted(item.owner)}")
            if statement not in result:
                result.append(statement)
    return result


def picture(wanted: list[Wanted], facts: Facts, wrong_passwords: set[str], after: bool) -> dict[str, Any]:
    """The server's side of a diff: as it is, or as it will be."""
    databases: dict[str, Any] = {}
    roles: dict[str, Any] = {}
    for item in wanted:
        found, role = facts.databases.get(item.name), facts.roles.get(item.owner)
        if after and item.state == "present":
            databases[item.name] = {"owner": item.owner, "encoding": "UTF8", "public": []}
            roles[item.owner] = {name: right for name, (right, _say) in ROLE_ATTRIBUTES.items()}
            if item.password is not None:
                roles[item.owner]["password"] = "as given"
        else:
            gone = after and item.state == "absent"
            databases[item.name] = None if found is None or gone else dict(found)
            if role is None or (gone and item.drop_owner):
                roles.setdefault(item.owner, None)
            else:
                roles[item.owner] = {name: role[name] for name in ROLE_ATTRIBUTES}
                if item.password is not None and item.state == "present":
                    roles[item.owner]["password"] = "another" if item.owner in wrong_passwords else "as given"
    return {"databases": databases, "roles": roles}


def apply(connection: Any, statements: list[Statement]) -> list[str]:
    """Runs the statements; returns what was run, without secrets."""
    done: list[str] = []
    for statement in statements:
        guard = lock.Lock(connection, statement.drops) if statement.drops else None
        if guard is not None and not guard.acquire():
            held = lock.holder(connection, statement.drops)
            raise DatabaseError(f"database {statement.drops!r} is not dropped: its lock is held by {held}")
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement.sql)
        except psycopg2.Error as exc:
            raise DatabaseError(f"{statement.shown}: {one_line(exc)}") from exc
        finally:
            if guard is not None:
                guard.release()
        done.append(statement.shown)
    return done
