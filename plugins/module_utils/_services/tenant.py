# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""A connection to an instance's database for modules that administer the server.

A user of an Odoo database owns it, and can create views, functions and settings there that act in
other sessions. So it is opened with the owner's own login, never as the administrator: code that
runs there has only the rights that the owner has anyway. The session does not use the database's
settings, and it can't be delayed: it has a time limit that the server can't extend.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

from .._runtime.database import shape
from .._runtime.database.provision import DatabaseError
from . import database as _database

OWNERS_SPEC: dict[str, dict[str, Any]] = {
    "owners": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "database": {"type": "str", "required": True},
            "user": {"type": "str", "required": True},
            "password": {"type": "str", "no_log": True},
        },
    }
}

STATEMENT_SECONDS = 15
LOCK_SECONDS = 10  # for a table that another session of the owner has locked
SESSION_SECONDS = 25  # for all statements together; unlike the server's own limit, a function can't evade it

# Set when connecting, which wins over ALTER ROLE ... SET and ALTER DATABASE ... SET.
SETTINGS = {
    **_database.PINNED,
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "idle_in_transaction_session_timeout": "60s",
    "default_transaction_isolation": "read\\ committed",
    "default_transaction_deferrable": "off",
    "client_encoding": "UTF8",
    "client_min_messages": "error",
    "datestyle": "ISO",
    "standard_conforming_strings": "on",
    "row_security": "on",
}

CURE = "the playbook database sets the role's password again"

OWNER_SQL = """
SELECT pg_catalog.pg_get_userbyid(d.datdba), o.rolsuper, session_user::text, me.rolsuper
  FROM pg_catalog.pg_database d
  JOIN pg_catalog.pg_roles o ON o.oid = d.datdba
  JOIN pg_catalog.pg_roles me ON me.rolname = session_user
 WHERE d.datname = %s
"""


class TenantError(Exception):
    """This one database can't be used; the message is one line with the reason and what to do."""


@dataclasses.dataclass(frozen=True)
class Login:
    """The login of a database's owner; `password` is None if the server asks for none."""

    database: str
    user: str
    password: str | None = dataclasses.field(default=None, repr=False)


def login(params: dict[str, Any], control: Any, database: str) -> Login:
    """The login of the owner of a database.

    `control`: the administrator's connection to the server. Raises `DatabaseError` when the module
    has no login for it, `TenantError` when that login does not fit the database.
    """
    with control.cursor() as cursor:
        cursor.execute(OWNER_SQL, (database,))
        row = cursor.fetchone()
    if row is None:
        raise TenantError("it was dropped just now")
    owner, owner_is_superuser, me, superuser = row
    given = next((one for one in params["owners"] if one["database"] == database), None)
    if given is None:
        if me == owner and not superuser:
            return Login(database, me, params.get("login_password"))
        raise DatabaseError(
            f"owners has no entry for database {database!r}: give user and password of role {owner!r}, which owns it;"
            f" login_user {params['login_user']!r} does not open it, because what is planted there would act with its rights"
        )
    if owner_is_superuser:
        raise TenantError(
            f"it belongs to {owner!r}, a superuser, and is not opened; the playbook database gives it to its own role"
        )
    if given["user"] != owner:
        raise TenantError(
            f"it belongs to role {owner!r}, and owners says {given['user']!r}; the playbook database gives it to that role"
        )
    return Login(database, owner, given["password"])


@contextlib.contextmanager
def session(
    params: dict[str, Any], who: Login, name: str = _database.SESSION_NAME, write: bool = False
) -> Iterator[Any]:
    """An autocommit connection as the owner. `write`: whether it may change anything.

    Errors of the connection and of statements are raised as `TenantError`.
    """
    settings = {**SETTINGS, "default_transaction_read_only": "off" if write else "on"}
    try:
        connection = _database.connect(params, who.user, who.password, who.database, name, settings)
    except _database.psycopg2.Error as exc:
        raise TenantError(f"role {who.user!r} is not let in: {_database.one_line(exc)}; {CURE}") from exc
    limit = Limit(connection, SESSION_SECONDS)
    try:
        yield connection
    except shape.Unusable as exc:
        raise TenantError(str(exc)) from exc
    except _database.psycopg2.errors.LockNotAvailable as exc:
        raise TenantError(
            f"a table of it is locked for more than {LOCK_SECONDS} s {_blockers(connection)}: {_database.one_line(exc)[:300]}"
        ) from exc
    except _database.psycopg2.Error as exc:
        if limit.reached or isinstance(exc, _database.psycopg2.errors.QueryCanceled):
            raise TenantError(
                f"it gives no answer within {SESSION_SECONDS if limit.reached else STATEMENT_SECONDS} s; inspect the objects"
                " in it that have the names of Odoo's tables and of curq_state_history"
            ) from exc
        raise TenantError(f"it can't be read: {_database.one_line(exc)[:500]}") from exc
    except (ArithmeticError, TypeError, ValueError) as exc:
        raise TenantError(f"what stands in it is not Odoo's: {_database.one_line(exc)[:500]}") from exc
    finally:
        limit.cancel()
        connection.close()


BLOCKERS_SQL = """
SELECT DISTINCT l.pid, coalesce(a.usename::text, '?'), coalesce(a.application_name, ''),
       coalesce(a.backend_start::timestamptz(0)::text, '?')
  FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_catalog.pg_backend_pid()
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) LIMIT 3
"""


def _blockers(connection: Any) -> str:
    """The sessions that have locked tables, in words, with the statement that ends the first one."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(BLOCKERS_SQL)
            found = cursor.fetchall()
    except _database.psycopg2.Error:
        found = []
    if not found:
        return "by a session that has ended meanwhile"
    names = "; ".join(
        f"{name[:60] or 'a session'} of role {role!r}, backend {pid}, since {since}" for pid, role, name, since in found
    )
    return f"by {names}; SELECT pg_terminate_backend({found[0][0]}) ends it"


class Limit:
    """Cuts a connection after a number of seconds, whatever the server does."""

    def __init__(self, connection: Any, seconds: float) -> None:
        self.connection = connection
        self.reached = False
        self.timer = threading.Timer(seconds, self._cut)
        self.timer.daemon = True
        self.timer.start()

    def _cut(self) -> None:
        self.reached = True
        with contextlib.suppress(_database.psycopg2.Error):
            self.connection.cancel()  # ends the statement, if the server can
        with contextlib.suppress(OSError, _database.psycopg2.Error):
            end = socket.socket(fileno=os.dup(self.connection.fileno()))
            try:
                end.shutdown(socket.SHUT_RDWR)
            finally:
                end.close()

    def cancel(self) -> None:
        """Stops the timer and waits for the end of its thread."""
        self.timer.cancel()
        self.timer.join()
