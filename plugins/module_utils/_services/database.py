# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The side of the module `odoo_database` of `_runtime/database/provision.py`: options, connection,
diff.
"""

from __future__ import annotations

import re
import traceback
from typing import Any

from .._runtime.database import scram
from .._runtime.database.pg import one_line
from .._runtime.database.provision import (
    DATABASE_ATTRIBUTES,
    DatabaseError,
    Facts,
    Setting,
    Wanted,
    attributes,
    declared_settings,
    undeclared,
    undeclared_settings,
)

PSYCOPG2_ERROR = None
try:
    import psycopg2
except ImportError:
    psycopg2 = None
    PSYCOPG2_ERROR = traceback.format_exc()

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
SETTING = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
NAME_RULE = "must match ^[a-z][a-z0-9_-]{0,62}$"

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


class ServerUnreachable(DatabaseError):
    """No server answers at the given address."""


def check_name(option: str, name: str) -> None:
    """Raises `DatabaseError` unless `name` can be a name in PostgreSQL. `option`: for the message."""
    if not NAME.fullmatch(name):
        raise DatabaseError(f"{option} is {name!r}: {NAME_RULE}")
    if name == "postgres" or name.startswith(("template", "pg_")):
        raise DatabaseError(f"{option} is {name!r}: this name belongs to PostgreSQL; give the instance's own")


def parse_wanted(items: list[dict[str, Any]], login_user: str) -> list[Wanted]:
    """The entries of the option `databases`, checked as far as possible without a server.

    Raises `DatabaseError` for the first one that is not possible.
    """
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
            item.get("keeper") or "",
            item.get("keeper_password") or None,
            item.get("lock") or "",
            item.get("connections"),
            item.get("keeper_connections"),
            {name: str(value) for name, value in (item.get("settings") or {}).items()},
        )
        for setting, value in wanted.settings.items():
            if not SETTING.fullmatch(setting) or any(ord(char) < 32 for char in value):
                raise DatabaseError(
                    f"databases[{number}].settings: {setting!r}: {value!r}: give the name of a setting of PostgreSQL and a value of"
                    " one line"
                )
        check_name(f"databases[{number}].name", wanted.name)
        if wanted.lock:
            check_name(f"databases[{number}].lock", wanted.lock)
        for option, role in (("owner", wanted.owner), ("keeper", wanted.keeper)):
            if role or option == "owner":
                check_name(f"databases[{number}].{option}", role)
            if role == login_user:
                raise DatabaseError(
                    f"databases[{number}].{option} is {role!r}: must not be login_user; an instance has its own role"
                )
        if wanted.keeper == wanted.owner:
            raise DatabaseError(
                f"databases[{number}].keeper is {wanted.keeper!r}: must be another role than owner, which creates no databases"
            )
        if wanted.state == "absent" and wanted.confirm_drop != wanted.name:
            raise DatabaseError(
                f"databases[{number}].confirm_drop is {wanted.confirm_drop!r}: to drop the database and all that is in it,"
                f" it must be {wanted.name!r}"
            )
        if wanted.name in (other.name for other in result):
            raise DatabaseError(f"databases[{number}].name is {wanted.name!r}: it is in the list twice")
        for option, role, password in (
            ("password", wanted.owner, wanted.password),
            ("keeper_password", wanted.keeper, wanted.keeper_password),
        ):
            if password is None:
                continue
            if passwords.setdefault(role, password) != password:
                raise DatabaseError(
                    f"databases[{number}].{option}: role {role!r} has another password earlier in the list;"
                    " it must be the same one"
                )
            if any(char in password for char in "\r\n\0"):
                raise DatabaseError(f"databases[{number}].{option}: must be one line")
        result.append(wanted)
    used: dict[str, int] = {item.name: number for number, item in enumerate(result)}
    for number, wanted in enumerate(result):
        if wanted.lock and used.setdefault(wanted.lock, -1 - number) != -1 - number:
            raise DatabaseError(
                f"databases[{number}].lock is {wanted.lock!r}: another item has this name already; each lock database must be"
                " the only one of its name"
            )
    return result


SESSION_NAME = "odoo-cloud ansible"

# An administrator's session resolves names in pg_catalog only, whatever others have created in the
# database. Options that a client sets when it connects win over ALTER ROLE and ALTER DATABASE.
PINNED = {"search_path": "pg_catalog"}


def connect(
    params: dict[str, Any],
    user: str | None = None,
    password: str | None = None,
    database: str = "",
    name: str = SESSION_NAME,
    settings: dict[str, str] | None = None,
) -> Any:
    """An autocommit connection with the module's `login_*` and `ssl_*` options.

    - `user`, `password`, `database`: instead of `login_user`, `login_password`, `login_db`.
    - `name`: shown in `pg_stat_activity`. `settings`: of the session, by default `PINNED`.

    Raises `psycopg2.Error`.
    """
    arguments = {
        "host": params["login_host"],
        "port": params["login_port"],
        "user": user or params["login_user"],
        "dbname": database or params["login_db"],
        "sslmode": params["ssl_mode"],
        "connect_timeout": 10,
        "application_name": name,
        "options": " ".join(f"-c {key}={value}" for key, value in (settings or PINNED).items()),
    }
    secret = password if user else params.get("login_password")
    if secret:
        arguments["password"] = secret
    if params.get("ssl_rootcert"):
        arguments["sslrootcert"] = params["ssl_rootcert"]
    connection = psycopg2.connect(**arguments)
    connection.autocommit = True
    return connection


# Messages of libpq when no server answers; every other message comes from a server.
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


def open_server(params: dict[str, Any], database: str = "", name: str = SESSION_NAME) -> Any:
    """The administrator's connection.

    Raises `ServerUnreachable` when no server answers, `DatabaseError` when it refuses.
    """
    where = f"{params['login_host']}:{params['login_port']}"
    try:
        connection = connect(params, database=database, name=name)
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


def password_is_right(connection: Any, params: dict[str, Any], facts: Facts, role: str, password: str) -> bool:
    """Whether a role's password is the given one, found out by logging in.

    Where that needs no password (trust) or is not allowed from here (peer), a superuser compares
    the stored verifier instead. Raises `DatabaseError` when the server was not reached or is full.
    """
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
            return scram.matches(password, row[0])
        return False
    if refused and any(sign in refused.lower() for sign in (*_ABSENT, "too many", "remaining connection slots")):
        raise DatabaseError(f"role {role!r}: its password cannot be checked by logging in: {refused}")
    return not refused or "permission denied for database" in refused.lower()


def picture(wanted: list[Wanted], facts: Facts, wrong_passwords: set[str], after: bool) -> dict[str, Any]:
    """The server's side of a diff. `after`: as it will be, instead of as it is."""
    databases: dict[str, Any] = {}
    roles: dict[str, Any] = {}
    settings = set(facts.settings)
    if after:
        settings = (settings - set(undeclared_settings(wanted, facts))) | set(declared_settings(wanted))
    surplus = {(one.role, one.member) for one in undeclared(wanted, facts)} if after else set()
    memberships = {(one.role, one.member) for one in facts.memberships if not one.admin} - surplus
    if after:
        memberships |= {(item.owner, item.keeper) for item in wanted if item.keeper and item.state == "present"}
    for item in wanted:
        found = facts.databases.get(item.name)
        gone = after and item.state == "absent"
        if after and item.state == "present":
            databases[item.name] = {
                "owner": item.owner, "encoding": "UTF8", "public": [],
                **{key: right for key, (right, _say) in DATABASE_ATTRIBUTES.items()}, "settings": {},
            }  # fmt: skip
        else:
            databases[item.name] = (
                None
                if found is None or gone
                else {
                    **{key: found[key] for key in ("owner", "encoding", "public", *DATABASE_ATTRIBUTES)},
                    "settings": _settings(settings, "", item.name),
                }
            )
        for name, password, wanted_attributes in (
            (item.owner, item.password, attributes(item, False)),
            (item.keeper, item.keeper_password, attributes(item, True)),
        ):
            role = facts.roles.get(name)
            if not name:
                continue
            if after and item.state == "present":
                roles[name] = {key: right for key, (right, _say) in wanted_attributes.items()}
                if password is not None:
                    roles[name]["password"] = "as given"
            elif role is None or (gone and item.drop_owner):
                roles.setdefault(name, None)
            else:
                roles[name] = {key: role[key] for key in wanted_attributes}
                if password is not None and item.state == "present":
                    roles[name]["password"] = "another" if name in wrong_passwords else "as given"
            if roles[name] is not None:
                roles[name]["settings"] = _settings(settings, name, None)
                roles[name]["member_of"] = sorted(one for one, member in memberships if member == name)
                roles[name]["members"] = sorted(member for one, member in memberships if one == name)
        if item.lock:
            databases[item.lock] = _lock_picture(item, facts, after)
    return {"databases": databases, "roles": roles}


def _settings(settings: set[Setting], role: str, database: str | None) -> dict[str, str]:
    """The settings of a role, in all databases and in each, or of a database alone."""
    return {
        one.name + (f" in {one.database}" if role and one.database else ""): one.value[:500]
        for one in sorted(settings, key=lambda one: (one.database, one.name))
        if one.role == role and (database is None or one.database == database)
    }


def _lock_picture(item: Wanted, facts: Facts, after: bool) -> dict[str, Any] | None:
    found = facts.databases.get(item.lock)
    if after and item.state == "present":
        granted = {role: ["CONNECT"] for role in (item.owner, item.keeper) if role}
        return {"owner": "the administrator", "public": [], "granted": granted, "open": True}
    if found is None or (after and item.state == "absent"):
        return None
    ours = found["owner"] in facts.admins or (facts.superuser and found["owned_by_admin"])
    return {
        "owner": "the administrator" if ours else found["owner"],
        "public": found["public"],
        "granted": {role: found["granted"][role] for role in found["granted"] if role not in facts.admins},
        "open": found["open"],
    }
