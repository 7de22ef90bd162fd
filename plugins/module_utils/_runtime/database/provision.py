# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Roles and databases of instances: what a server has, what it should have, and the statements that
close the gap.

`plan` and `apply` repair everything that differs; the module odoo_database uses them for the
administrator of a server. `ensure` creates what is missing and changes nothing else; Init uses it
from within a container. An administrator without superuser (CREATEDB and CREATEROLE) is enough for
both. A password is sent to the server only as a SCRAM verifier, so it never appears in the server's
log.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import EXIT_DATABASE_ERROR, ConfigError, RuntimeFailure
from . import derived, lock, scram
from .pg import one_line, psycopg2

HIDDEN = "'********'"


class DatabaseError(RuntimeFailure):
    """PostgreSQL refuses a statement, or what it has cannot be repaired; the message is one line."""

    exit_code = EXIT_DATABASE_ERROR


def quoted(name: str) -> str:
    """Return `name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Wanted:
    """A database as it should be."""

    name: str
    owner: str
    password: str | None = field(default=None, repr=False)
    state: str = "present"
    confirm_drop: str = ""
    drop_owner: bool = False
    keeper: str = ""  # the role that copies and renames the database; empty: none
    keeper_password: str | None = field(default=None, repr=False)
    lock: str = ""  # the database in which this one's lock is taken; empty: none
    # how many connections the owner and the keeper may have at once; None: no limit
    connections: int | None = None
    keeper_connections: int | None = None
    settings: dict[str, str] = field(default_factory=dict)  # of the owner's sessions, ALTER ROLE ... SET


@dataclass(frozen=True)
class Membership:
    """The role `member` is a member of `role`, granted by `grantor`."""

    role: str
    member: str
    grantor: str = ""
    admin: bool = False  # whether the member administers the server (superuser, CREATEROLE)


@dataclass(frozen=True)
class Setting:
    """A setting of the sessions of a role, of a database, or of a role in a database."""

    role: str  # empty: of all roles
    database: str  # empty: in all databases
    name: str
    value: str

    @property
    def whose(self) -> str:
        """Whom it is for, as in ALTER."""
        if not self.role:
            return f"DATABASE {quoted(self.database)}"
        return f"ROLE {quoted(self.role)}" + (f" IN DATABASE {quoted(self.database)}" if self.database else "")


@dataclass(frozen=True)
class Facts:
    """What a server has, as far as it matters here."""

    version: int = 170000
    superuser: bool = True
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    databases: dict[str, dict[str, Any]] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)  # database: the holder of its lock
    memberships: tuple[Membership, ...] = ()  # that the roles have, and that others have in them
    admins: tuple[str, ...] = ()  # our own roles
    settings: tuple[Setting, ...] = ()  # of the roles, and of the databases


FACTS_SQL = """
SELECT json_build_object(
  'superuser', (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
  'admins', json_build_array(current_user, session_user),
  'roles', (SELECT coalesce(json_object_agg(rolname, json_build_object(
      'login', rolcanlogin, 'superuser', rolsuper, 'createdb', rolcreatedb, 'createrole', rolcreaterole,
      'replication', rolreplication, 'bypassrls', rolbypassrls, 'expired', coalesce(rolvaliduntil <= now(), false),
      'inherit', rolinherit, 'connections', rolconnlimit, 'expires', coalesce(rolvaliduntil <> 'infinity', false),
      'usable', {usable},
      'member_of', (SELECT coalesce(json_agg(pg_catalog.pg_get_userbyid(m.roleid)), '[]')
                    FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid),
      'owns', (SELECT coalesce(json_agg(d.datname), '[]') FROM pg_catalog.pg_database d
               WHERE d.datdba = r.oid))), '{{}}')
    FROM pg_catalog.pg_roles r
    WHERE rolname = ANY(%(roles)s)
       OR oid IN (SELECT datdba FROM pg_catalog.pg_database WHERE datname = ANY(%(names)s))),
  'memberships', (SELECT coalesce(json_agg(DISTINCT jsonb_build_object(
      'role', pg_catalog.pg_get_userbyid(m.roleid), 'member', pg_catalog.pg_get_userbyid(m.member),
      'grantor', pg_catalog.pg_get_userbyid(m.grantor), 'admin', r.rolsuper OR r.rolcreaterole)), '[]')
    FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.member
    WHERE pg_catalog.pg_get_userbyid(m.member) = ANY(%(roles)s) OR pg_catalog.pg_get_userbyid(m.roleid) = ANY(%(roles)s)),
  'settings', (SELECT coalesce(json_agg(json_build_object(
      'role', coalesce(r.rolname, ''), 'database', coalesce(d.datname, ''),
      'name', split_part(c.line, '=', 1), 'value', substr(c.line, strpos(c.line, '=') + 1))), '[]')
    FROM pg_catalog.pg_db_role_setting s
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
    CROSS JOIN LATERAL unnest(s.setconfig) AS c(line)
    WHERE r.rolname = ANY(%(roles)s) OR (s.setrole = 0 AND d.datname = ANY(%(names)s))),
  'databases', (SELECT coalesce(json_object_agg(datname, json_build_object(
      'owner', pg_catalog.pg_get_userbyid(datdba), 'encoding', pg_catalog.pg_encoding_to_char(encoding),
      'public', (SELECT coalesce(json_agg(privilege_type ORDER BY privilege_type), '[]')
                 FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0),
      'open', datallowconn, 'limit', datconnlimit, 'template', datistemplate,
      'owned_by_admin', (SELECT rolsuper OR rolcreaterole FROM pg_catalog.pg_roles WHERE oid = datdba),
      'granted', (SELECT coalesce(json_object_agg(grantee, privileges), '{{}}') FROM (
          SELECT pg_catalog.pg_get_userbyid(grantee) AS grantee, json_agg(privilege_type ORDER BY privilege_type) AS privileges
            FROM aclexplode(datacl) WHERE grantee NOT IN (0, datdba) GROUP BY 1) AS each_role))), '{{}}')
    FROM pg_catalog.pg_database WHERE datname = ANY(%(names)s)))
"""

# attribute: (wanted value, its SQL)
ROLE_ATTRIBUTES = {
    "login": (True, "LOGIN"),
    "superuser": (False, "NOSUPERUSER"),
    "createdb": (False, "NOCREATEDB"),
    "createrole": (False, "NOCREATEROLE"),
    "replication": (False, "NOREPLICATION"),
    "bypassrls": (False, "NOBYPASSRLS"),
    "inherit": (True, "INHERIT"),
    "connections": (-1, "CONNECTION LIMIT -1"),
    "expires": (False, "VALID UNTIL 'infinity'"),
}
# It creates copies and renames them, only for its own instance, whose role it may act for.
KEEPER_ATTRIBUTES = {**ROLE_ATTRIBUTES, "createdb": (True, "CREATEDB")}
# attribute of an instance's database: (wanted value, its SQL)
DATABASE_ATTRIBUTES = {
    "open": (True, "ALLOW_CONNECTIONS true"),
    "limit": (-1, "CONNECTION LIMIT -1"),
    "template": (False, "IS_TEMPLATE false"),
}


def attributes(item: Wanted, keeper: bool) -> dict[str, tuple[Any, str]]:
    """Return the attributes that the owner of a database has to have, or its keeper."""
    number = item.keeper_connections if keeper else item.connections
    limit = -1 if number is None else int(number)
    return {**(KEEPER_ATTRIBUTES if keeper else ROLE_ATTRIBUTES), "connections": (limit, f"CONNECTION LIMIT {limit}")}


def read_facts(connection: Any, wanted: list[Wanted]) -> Facts:
    """Read what the server has of the roles and databases in `wanted`. `connection`: an
    administrator's."""
    usable = "pg_catalog.pg_has_role(oid, 'USAGE')"
    if connection.server_version >= 160000:
        usable += " AND pg_catalog.pg_has_role(oid, 'SET')"
    with connection.cursor() as cursor:
        cursor.execute(
            FACTS_SQL.format(usable=usable),
            {
                "roles": [name for item in wanted for name in (item.owner, item.keeper) if name],
                "names": [name for item in wanted for name in (item.name, item.lock) if name],
            },
        )
        found = cursor.fetchone()[0]
    holders = {}
    for item in wanted:
        if item.state == "absent":
            held = lock.holder(connection, item.name)
            if held is not None:
                holders[item.name] = str(held)
    return Facts(
        connection.server_version,
        found["superuser"],
        found["roles"],
        found["databases"],
        holders,
        tuple(Membership(**one) for one in found["memberships"]),
        tuple(found["admins"]),
        tuple(Setting(**one) for one in found["settings"]),
    )


@dataclass(frozen=True)
class Statement:
    """One statement of a plan."""

    sql: str = field(repr=False)
    shown: str  # the same without secrets
    drops: str = ""  # name of the database that it drops
    lock: str = ""  # the database in which that one's lock is taken; empty: the one we are connected to
    cure: str = ""  # what to do when PostgreSQL refuses it


def plain(sql: str, drops: str = "") -> Statement:
    """Return a statement without a secret. `drops`: the database that it drops."""
    return Statement(sql, sql, drops)


def with_password(start: str, password: str) -> Statement:
    """Return the statement `start PASSWORD ...`, with the password as a SCRAM verifier."""
    return Statement(f"{start} PASSWORD '{scram.verifier(password)}'", f"{start} PASSWORD {HIDDEN}")


def create_role(owner: str, password: str | None, keeper: bool = False, connections: int | None = None) -> Statement:
    """Return the statement that creates a role that can log in, for the owner of a database or for
    a keeper. `connections`: how many it may have at once."""
    start = f"CREATE ROLE {quoted(owner)} LOGIN NOSUPERUSER {'' if keeper else 'NO'}CREATEDB NOCREATEROLE"
    start += f" CONNECTION LIMIT {connections}" if connections is not None else ""
    return plain(start) if password is None else with_password(start, password)


def create_database(name: str, owner: str) -> Statement:
    """Return the statement that creates the database `name` (UTF8, collation C)."""
    return plain(
        f"CREATE DATABASE {quoted(name)} OWNER {quoted(owner)} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'"
    )


def close_to_public(name: str, privileges: list[str]) -> Statement:
    """Return the statement that revokes `privileges` on the database from PUBLIC."""
    return plain(f"REVOKE {', '.join(privileges)} ON DATABASE {quoted(name)} FROM PUBLIC")


def give(database: str, role: str) -> str:
    """Return the SQL that gives a database to another role."""
    return f"ALTER DATABASE {quoted(database)} OWNER TO {quoted(role)}"


def act_for(role: str, version: int) -> Statement:
    """Return the statement that gives the current role the rights of `role`. An administrator
    without superuser needs the owner's rights to create, alter or drop what the owner owns.
    `version`: the server's, such as 160000."""
    options = " WITH INHERIT TRUE, SET TRUE" if version >= 160000 else ""
    return plain(f"GRANT {quoted(role)} TO CURRENT_USER{options}")


def member_of(role: str, member: str, version: int) -> Statement:
    """Return the statement that makes `member` a member of `role`. `version`: the server's, such as
    160000."""
    options = " WITH INHERIT TRUE, SET TRUE" if version >= 160000 else ""
    return plain(f"GRANT {quoted(role)} TO {quoted(member)}{options}")


PUBLIC_DEFAULT = ["CONNECT", "TEMPORARY"]
BY_SUPERUSER = "let a superuser run it"  # cure of what an administrator may not do


def undeclared(wanted: list[Wanted], facts: Facts) -> list[Membership]:
    """Return memberships that nothing declares: an instance's role is a member of no other role
    (except the keeper, of its owner) and has no other members. Administrators may be members:
    PostgreSQL itself adds some of them, and they need it."""
    present = [item for item in wanted if item.state == "present"]
    managed = {name for item in present for name in (item.owner, item.keeper) if name}
    declared = {(item.owner, item.keeper) for item in present if item.keeper}
    return [
        one
        for one in facts.memberships
        if (one.role, one.member) not in declared
        and (one.member in managed or (one.role in managed and not one.admin and one.member not in facts.admins))
    ]


def end_membership(one: Membership, version: int) -> Statement:
    """Return the statement that revokes a membership. `version`: the server's, such as 160000."""
    # from 16 on, the same membership can have several grantors
    grantor = f" GRANTED BY {quoted(one.grantor)}" if version >= 160000 else ""
    sql = f"REVOKE {quoted(one.role)} FROM {quoted(one.member)}{grantor} CASCADE"
    return Statement(sql, sql, cure=BY_SUPERUSER)


def declared_settings(wanted: list[Wanted]) -> list[Setting]:
    """Return the settings that the roles have to have."""
    return list(
        dict.fromkeys(
            Setting(item.owner, "", name, value)
            for item in wanted
            if item.state == "present"
            for name, value in item.settings.items()
        )
    )


def undeclared_settings(wanted: list[Wanted], facts: Facts) -> list[Setting]:
    """Return settings of the roles and databases that nothing declares, or that have another value.
    Their owners can set most of them for the sessions of everybody."""
    present = [item for item in wanted if item.state == "present"]
    roles = {name for item in present for name in (item.owner, item.keeper) if name}
    databases = {name for item in present for name in (item.name, item.lock) if name}
    declared = declared_settings(present)
    return [
        one
        for one in facts.settings
        if one not in declared and (one.role in roles or (not one.role and one.database in databases))
    ]


def plan_settings(wanted: list[Wanted], facts: Facts) -> list[Statement]:
    """Return the statements that take settings away which nothing declares, and set those that are
    declared."""
    result = []
    wrong = undeclared_settings(wanted, facts)
    missing = [one for one in declared_settings(wanted) if one not in facts.settings]
    replaced = {(one.role, one.database, one.name) for one in missing}
    for one in wrong:
        if (one.role, one.database, one.name) not in replaced:
            result.append(f"ALTER {one.whose} RESET {quoted(one.name)}")
    for one in missing:
        value = one.value.replace("'", "''")
        result.append(f"ALTER {one.whose} SET {quoted(one.name)} TO '{value}'")
    return [Statement(sql, sql, cure=BY_SUPERUSER) for sql in result]


def plan_lock(item: Wanted, facts: Facts, usable: set[str]) -> list[Statement]:
    """Return the statements for the lock database of `item`: it is empty, owned by the
    administrator, and only the instance's own roles can connect to it. `usable`: roles that the
    administrator may act for; extended by new ones."""
    name, found = item.lock, facts.databases.get(item.lock)
    result: list[Statement] = []
    roles = [role for role in (item.owner, item.keeper) if role]
    if found is None:
        # closed until the rights are set: a session that connected before would stay
        result.append(
            plain(
                f"CREATE DATABASE {quoted(name)} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' ALLOW_CONNECTIONS false"
            )
        )
        found = {"owner": "", "owned_by_admin": True, "public": PUBLIC_DEFAULT, "granted": {}, "open": False}
    elif found["owner"] not in facts.admins and not (facts.superuser and found["owned_by_admin"]):
        # a keeper may create databases of any name
        if not (facts.superuser or found["owned_by_admin"] or found["owner"] in usable):
            usable.add(found["owner"])
            result.append(act_for(found["owner"], facts.version))
        result.append(plain(f"ALTER DATABASE {quoted(name)} OWNER TO CURRENT_USER"))
    if found["public"]:
        result.append(close_to_public(name, found["public"]))
    for role, privileges in sorted(found["granted"].items()):
        surplus = [one for one in privileges if one != "CONNECT" or role not in roles]
        if surplus and role not in facts.admins:
            result.append(plain(f"REVOKE {', '.join(surplus)} ON DATABASE {quoted(name)} FROM {quoted(role)}"))
    missing = [role for role in roles if "CONNECT" not in found["granted"].get(role, [])]
    if missing:
        to = ", ".join(map(quoted, missing))
        result.append(plain(f"GRANT CONNECT ON DATABASE {quoted(name)} TO {to}"))
    if not found["open"]:
        result.append(plain(f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS true"))
    return result


def plan(wanted: list[Wanted], facts: Facts, wrong_passwords: set[str]) -> list[Statement]:
    """Return the statements that turn the server into what is wanted. `wrong_passwords`: roles
    whose password has to be set.

    Raises `DatabaseError` if something cannot be repaired, or a database to be dropped is in use.
    """
    result: list[Statement] = []
    ready_roles: set[str] = set()
    usable = {name for name, role in facts.roles.items() if role["usable"]}

    def may_act_for(role: str) -> None:
        if facts.superuser or role in usable:
            return
        usable.add(role)
        result.append(act_for(role, facts.version))

    dropped: set[str] = set()
    for item in wanted:
        database = facts.databases.get(item.name)
        if item.state == "absent":
            if database is not None:
                if item.name in facts.holders:
                    raise DatabaseError(
                        f"database {item.name!r} is not dropped: its lock is held by {facts.holders[item.name]}"
                    )
                may_act_for(database["owner"])
                sql = f"DROP DATABASE {quoted(item.name)} WITH (FORCE)"
                result.append(Statement(sql, sql, item.name, item.lock if item.lock in facts.databases else ""))
                dropped.add(item.name)
            if item.lock in facts.databases:
                if item.owner in facts.roles:
                    may_act_for(item.owner)  # its sessions may be waiting there
                result.append(plain(f"DROP DATABASE {quoted(item.lock)} WITH (FORCE)"))
                dropped.add(item.lock)
            continue

        def ensure_role(name: str, password: str | None, keeper: bool, item: Wanted = item) -> None:
            role = facts.roles.get(name)
            if name in ready_roles:
                return
            ready_roles.add(name)
            if role is None:
                connections = item.keeper_connections if keeper else item.connections
                result.append(create_role(name, password, keeper, connections))
                return
            differs = [say for key, (right, say) in attributes(item, keeper).items() if role[key] != right]
            if differs:
                sql = f"ALTER ROLE {quoted(name)} {' '.join(differs)}"
                result.append(Statement(sql, sql, cure=BY_SUPERUSER))
            if password is not None and name in wrong_passwords:
                result.append(with_password(f"ALTER ROLE {quoted(name)}", password))

        ensure_role(item.owner, item.password, False)
        if item.keeper:
            ensure_role(item.keeper, item.keeper_password, True)
            if item.owner not in facts.roles.get(item.keeper, {}).get("member_of", []):
                result.append(member_of(item.owner, item.keeper, facts.version))

        if database is None:
            may_act_for(item.owner)
            result.append(create_database(item.name, item.owner))
        else:
            check_encoding(item.name, database)
            if database["owner"] != item.owner:
                may_act_for(database["owner"])
                may_act_for(item.owner)
                result.append(plain(give(item.name, item.owner)))
            differs = [say for key, (right, say) in DATABASE_ATTRIBUTES.items() if database[key] != right]
            if differs:
                may_act_for(item.owner)
                result.extend(plain(f"ALTER DATABASE {quoted(item.name)} {one}") for one in differs)
        public = PUBLIC_DEFAULT if database is None else database["public"]
        if public:
            may_act_for(item.owner)
            result.append(close_to_public(item.name, public))
        if item.lock:
            result.extend(plan_lock(item, facts, usable))
        if item.keeper:
            # of older versions: restore points belong to the keeper, whose role the instance isn't
            for name in sorted(facts.roles.get(item.owner, {}).get("owns", [])):
                if derived.is_kept(item.name, name):
                    may_act_for(item.owner)
                    may_act_for(item.keeper)
                    result.append(plain(give(name, item.keeper)))

    settings = plan_settings(wanted, facts)
    if settings:
        for item in wanted:
            if item.state == "present" and item.owner in facts.roles:
                may_act_for(item.owner)  # whose database it is
    result.extend(settings)

    # Last, because PostgreSQL may refuse it, and then everything else is done.
    for one in undeclared(wanted, facts):
        statement = end_membership(one, facts.version)
        if statement not in result:
            result.append(statement)

    for item in wanted:
        if item.state == "absent" and item.drop_owner and item.owner in facts.roles and item.owner not in ready_roles:
            others = sorted(set(facts.roles[item.owner]["owns"]) - dropped)
            if others:
                raise DatabaseError(
                    f"databases: role {item.owner!r} is not dropped (drop_owner): it owns {', '.join(others)} too"
                )
            kept = sorted(set(facts.roles.get(item.keeper, {}).get("owns", [])) - dropped)
            if kept:
                raise DatabaseError(
                    f"databases: role {item.keeper!r} is not dropped (drop_owner): it owns {', '.join(kept)}; drop these first"
                )
            for name in (item.keeper, item.owner):
                statement = plain(f"DROP ROLE {quoted(name)}")
                if name in facts.roles and statement not in result:
                    result.append(statement)
    return result


def check_encoding(name: str, database: dict[str, Any]) -> None:
    """Raise `DatabaseError` if the database isn't encoded in UTF8."""
    if database["encoding"] != "UTF8":
        raise DatabaseError(
            f"database {name!r} has the encoding {database['encoding']!r}: Odoo needs UTF8, which only a new database can"
            " get; restore its content into one"
        )


def apply(
    connection: Any,
    statements: list[Statement],
    open_database: Callable[[str], Any] | None = None,
    refused: list[str] | None = None,
) -> list[str]:
    """Run the statements and return those that were run, without secrets. `open_database`: connects
    to a lock database. `refused`: collects statements that another role has to run
    (`Statement.cure`); without it they are an error.

    Raises `DatabaseError` if PostgreSQL refuses a statement, or a database to be dropped is locked.
    """
    done: list[str] = []
    for statement in statements:
        holding = connection
        if statement.lock and open_database is not None:
            holding = open_database(statement.lock)
        try:
            guard = lock.Lock(holding, statement.drops) if statement.drops else None
            if guard is not None and not guard.acquire():
                raise DatabaseError(
                    f"database {statement.drops!r} is not dropped: {lock.held_by(holding, statement.drops)}"
                )
            try:
                with connection.cursor() as cursor:
                    cursor.execute(statement.sql)
            except psycopg2.Error as exc:
                if refused is not None and statement.cure and exc.pgcode == _NO_RIGHT:
                    refused.append(statement.sql)
                    continue
                cure = f"; {statement.cure}" if statement.cure else ""
                raise DatabaseError(f"{statement.shown}: {one_line(exc)}{cure}") from exc
            finally:
                if guard is not None:
                    guard.release()
        finally:
            if holding is not connection:
                holding.close()
        done.append(statement.shown)
    return done


ADMIN_SQL = """
SELECT rolname, rolsuper, rolsuper OR rolcreatedb, rolsuper OR rolcreaterole
  FROM pg_catalog.pg_roles WHERE rolname = current_user
"""

# What an existing role needs to work with its database, and whether rights were ever set on that
# database.
FIT_SQL = """
SELECT pg_catalog.current_database(),
       pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CONNECT'),
       coalesce(pg_catalog.pg_has_role(r.oid, d.datdba, 'USAGE'), false), d.datacl IS NULL
  FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_database d ON d.datname = %s
 WHERE r.rolname = %s
"""

# Another process created the same thing at the same moment (role, database, membership), or is
# using template0.
_AT_ONCE = ("42710", "42P04", "23505", "55006", "40001", "40P01")
_NO_RIGHT = "42501"
_ATTEMPTS = 10


def may_create(control: Any) -> bool:
    """Whether the role of this connection may create databases."""
    with control.cursor() as cursor:
        cursor.execute(ADMIN_SQL)
        return bool(cursor.fetchone()[2])


def ensure(control: Any, name: str, owner: str, password: str | None) -> list[str]:
    """Create the role `owner` and its database `name` where they are missing. Returns the
    statements that were run, without secrets.

    `control` is an administrator's autocommit connection to the maintenance database that holds the
    lock of `name`. What exists is left as it is, with two exceptions: a superuser grants the role
    CONNECT on the maintenance database if that was revoked from PUBLIC; and a database on which no
    rights were ever set is closed to PUBLIC, because a run of ours that is killed between creating
    and closing it leaves it like that.

    The password of an existing role is never changed: other instances may log in with it, and a
    caller that knows only `DB_NAME` must not take over a role by naming it. A wrong password shows
    when the caller logs in as the role. Raises `ConfigError` or `DatabaseError` with what is
    missing.
    """
    done: list[str] = []
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _ensure(control, name, owner, password, done)
            return done
        except psycopg2.Error as exc:
            # two runs that share a role may collide: the next attempt sees what the other created
            at_once = exc.pgcode in _AT_ONCE or (exc.pgcode == "XX000" and "concurrently" in str(exc))
            if control.closed or not at_once or attempt == _ATTEMPTS:
                raise DatabaseError(
                    f"DB_NAME is {name!r}: creating it for role {owner!r} failed: {one_line(exc)}"
                ) from exc
        time.sleep(0.1 * attempt)
    raise AssertionError("not reached")


def _ensure(control: Any, name: str, owner: str, password: str | None, done: list[str]) -> None:
    def run(statement: Statement) -> None:
        with control.cursor() as cursor:
            cursor.execute(statement.sql)
        done.append(statement.shown)

    with control.cursor() as cursor:
        cursor.execute(ADMIN_SQL)
        admin, superuser, databases, roles = cursor.fetchone()
    variable = "DB_USER" if owner == admin else "DB_CLIENT_USER"
    facts = read_facts(control, [Wanted(name, owner)])
    role, database = facts.roles.get(owner), facts.databases.get(name)
    both = "give a role with CREATEDB and CREATEROLE"

    if database is None and not databases:
        raise ConfigError(
            f"DB_USER is {admin!r}: may not create databases; {both}, or create database {name!r} first, owned by {owner!r}"
        )
    if role is None:
        if not roles:
            raise ConfigError(f"DB_USER is {admin!r}: may not create roles; {both}, or create role {owner!r} first")
        run(create_role(owner, password or None))
    elif not role["login"] or role["expired"]:
        why, cure = ("may not log in", "LOGIN") if not role["login"] else ("is expired", "VALID UNTIL 'infinity'")
        raise ConfigError(
            f"{variable} is {owner!r}: this role is there but {why}; give another, or: ALTER ROLE {quoted(owner)} {cure}"
        )

    def may_act() -> None:
        if superuser or (role is not None and role["usable"]) or act_for(owner, facts.version).shown in done:
            return
        try:
            run(act_for(owner, facts.version))
        except psycopg2.Error as exc:
            if exc.pgcode != _NO_RIGHT:
                raise
            raise ConfigError(
                f"DB_USER is {admin!r}: may not act for role {owner!r}, which somebody else created; give a superuser, or:"
                f" GRANT {quoted(owner)} TO {quoted(admin)}"
            ) from exc

    if database is None:
        may_act()
        run(create_database(name, owner))
    with control.cursor() as cursor:
        cursor.execute(FIT_SQL, (name, owner))
        maintenance, connects, owns, untouched = cursor.fetchone()
    if not owns:
        raise ConfigError(
            f"{variable} is {owner!r}: database {name!r} is there and belongs to {database['owner']!r}; give that role, or"
            f" another DB_NAME, or: ALTER DATABASE {quoted(name)} OWNER TO {quoted(owner)}"
        )
    if database is not None:
        check_encoding(name, database)
    if untouched and (database is None or (database["owner"] == owner and (superuser or role["usable"]))):
        run(close_to_public(name, PUBLIC_DEFAULT))
    if not connects:
        statement = plain(f"GRANT CONNECT ON DATABASE {quoted(maintenance)} TO {quoted(owner)}")
        if not superuser:
            raise ConfigError(
                f"{variable} is {owner!r}: may not connect to database {maintenance!r}, where the lock is;"
                f" let a superuser run: {statement.shown}"
            )
        run(statement)
