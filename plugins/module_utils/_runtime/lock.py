# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The lock: a session advisory lock with two keys on one dedicated connection to the maintenance database.

It stands outside the Odoo database because a clone, rename, drop or restore needs every session out of that one. The
holder's death frees it at once; nothing has to time out.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from typing import Any

from .errors import Held, LockLost

# First key: ours, sha256("odoo-cloud")[:4] as a signed big-endian integer. Never change it: old and new must exclude
# each other.
NAMESPACE = -1516848008

_NAME = re.compile(r"odoo-cloud (?P<what>\S+) run=(?P<run_id>\S+) host=(?P<host>.*)")


def database_key(name: str) -> int:
    """Second key: a stable hash of the database name."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:4], "big", signed=True)


def lock_keys(name: str) -> tuple[int, int]:
    return NAMESPACE, database_key(name)


def parse_name(application_name: str) -> dict[str, str]:
    """What the name of a session of the runtime says; empty for any other."""
    match = _NAME.fullmatch(application_name)
    return match.groupdict() if match else {}


@dataclass(frozen=True)
class Holder:
    pid: int
    application_name: str
    since: str
    age: float

    def parsed(self) -> dict[str, str]:
        return parse_name(self.application_name)

    def __str__(self) -> str:
        return f"{self.application_name or 'a session that hides its name'} (backend {self.pid}, since {self.since})"


# pg_locks shows the two keys as unsigned numbers, objsubid 2 marks the two-key form. All databases are looked at: the
# lock is the same lock for the reader whichever maintenance database the holder uses. The age is that of the session.
HOLDER_SQL = """
SELECT l.pid, coalesce(a.application_name, ''), coalesce(a.backend_start::timestamptz(0)::text, '?'),
       coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - a.backend_start), 0)::float8
  FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
   AND l.classid = %s::int8::oid AND l.objid = %s::int8::oid
 LIMIT 1
"""


def unsigned(key: int) -> int:
    return key & 0xFFFFFFFF


def holder(connection: Any, database: str) -> Holder | None:
    """Who holds the lock of `database`, or None."""
    first, second = lock_keys(database)
    with connection.cursor() as cursor:
        cursor.execute(HOLDER_SQL, (unsigned(first), unsigned(second)))
        row = cursor.fetchone()
    return Holder(*row) if row else None


# Whether the session `pid` holds the lock: the one question behind every held-check. It is asked by the holder itself, by
# the statement that writes to the history, and by each session that Odoo opens for a run, before each commit.
HELD_SQL = (
    "EXISTS (SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2"
    " AND classid = %(lock_first)s::int8::oid AND objid = %(lock_second)s::int8::oid AND pid = %(lock_pid)s)"
)


def held_parameters(database: str, pid: int) -> dict[str, int]:
    """What HELD_SQL needs."""
    first, second = lock_keys(database)
    return {"lock_first": unsigned(first), "lock_second": unsigned(second), "lock_pid": pid}


class Lock:
    """The lock of one database on one connection, which must be used for nothing else while it is held."""

    def __init__(self, connection: Any, database: str) -> None:
        self.connection = connection
        self.database = database
        self.keys = lock_keys(database)

    @property
    def pid(self) -> int:
        """Process of the server that holds the lock for us."""
        return int(self.connection.info.backend_pid)

    def acquire(self) -> bool:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT pg_catalog.pg_try_advisory_lock(%s, %s)", self.keys)
            return bool(cursor.fetchone()[0])

    def held(self) -> bool:
        """Asks PostgreSQL: a connection that died and a lock that went away both say no."""
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT " + HELD_SQL, held_parameters(self.database, self.pid))
                return bool(cursor.fetchone()[0])
        except self.connection.Error:
            return False

    def check(self, before: str) -> None:
        if not self.held():
            raise LockLost(f"the lock of database {self.database!r} was lost before: {before}; nothing more is done")

    def release(self) -> None:
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT pg_catalog.pg_advisory_unlock(%s, %s)", self.keys)
        except self.connection.Error:
            pass  # the connection is gone, and the lock with it


def sessions(connection: Any, run_id: str) -> list[tuple[int, str]]:
    """Process and name of every session of a run, whatever database it is on: they all carry the run in their name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, application_name FROM pg_catalog.pg_stat_activity"
            " WHERE pg_catalog.strpos(application_name || ' ', %s) > 0 AND pid <> pg_catalog.pg_backend_pid()",
            (f" run={run_id} ",),
        )
        return list(cursor.fetchall())


def end_sessions(connection: Any, run_id: str, timeout: float = 10.0) -> int:
    """Ends every session of a run and waits until they are gone; returns how many there were.

    PostgreSQL rolls back what they had not committed, so afterwards the run can change nothing any more.
    """
    limit = time.monotonic() + timeout
    ended: set[int] = set()
    while True:
        left = sessions(connection, run_id)
        if not left:
            return len(ended)
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_catalog.pg_terminate_backend(pid) FROM unnest(%s) AS pid",
                    ([pid for pid, _name in left],),
                )
        except connection.Error as exc:
            raise Held(
                f"run {run_id} cannot be ended: {' '.join(str(exc).split())}; this takes the same database role or an administrator"
            ) from exc
        ended.update(pid for pid, _name in left)
        if time.monotonic() > limit:
            names = ", ".join(f"{name} (backend {pid})" for pid, name in left[:3])
            raise Held(f"run {run_id} cannot be ended: its sessions did not go away within {timeout:.0f} s: {names}")
        time.sleep(0.05)


def marabunta_key() -> int:
    """The key on which marabunta takes its transaction lock (marabunta 0.10 and later, web.py)."""
    return 7141416871301361999


def click_odoo_key(database: str) -> int:
    """The key of click-odoo-update's session lock (click-odoo-contrib 1.24): 14 hex digits of a SHA-1."""
    return int(hashlib.sha1(f"click-odoo-update/{database}".encode()).hexdigest()[:14], 16)  # noqa: S324 - theirs


class OtherTools:
    """The keys of marabunta and click-odoo-update, taken in the Odoo database so that neither runs beside a module step."""

    def __init__(self, connection: Any, database: str) -> None:
        self.connection = connection
        self.keys = {"marabunta": marabunta_key(), "click-odoo-update": click_odoo_key(database)}
        self.taken: list[str] = []

    def acquire(self) -> str:
        """Takes what is free; returns the tool that still runs, or an empty string when all keys are ours."""
        for tool, key in self.keys.items():
            if tool in self.taken:
                continue
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", (key,))
                if not cursor.fetchone()[0]:
                    return tool
            self.taken.append(tool)
        return ""

    def release(self) -> None:
        while self.taken:
            tool = self.taken.pop()
            try:
                with self.connection.cursor() as cursor:
                    cursor.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", (self.keys[tool],))
            except self.connection.Error:
                return
