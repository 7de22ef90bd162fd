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
from dataclasses import dataclass
from typing import Any

from .errors import LockLost

# First key: ours, sha256("odoo-cloud")[:4] as a signed big-endian integer. Never change it: old and new must exclude
# each other.
NAMESPACE = -1516848008

_NAME = re.compile(r"odoo-cloud (?P<what>\S+) run=(?P<run_id>\S+) host=(?P<host>.*)")


def database_key(name: str) -> int:
    """Second key: a stable hash of the database name."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:4], "big", signed=True)


def lock_keys(name: str) -> tuple[int, int]:
    return NAMESPACE, database_key(name)


@dataclass(frozen=True)
class Holder:
    pid: int
    application_name: str
    since: str
    age: float

    def parsed(self) -> dict[str, str]:
        match = _NAME.fullmatch(self.application_name)
        return match.groupdict() if match else {}

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


class Lock:
    """The lock of one database on one connection, which must be used for nothing else while it is held."""

    def __init__(self, connection: Any, database: str) -> None:
        self.connection = connection
        self.database = database
        self.keys = lock_keys(database)

    def acquire(self) -> bool:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT pg_catalog.pg_try_advisory_lock(%s, %s)", self.keys)
            return bool(cursor.fetchone()[0])

    def held(self) -> bool:
        """Asks PostgreSQL: a connection that died and a lock that went away both say no."""
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(
                    "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted"
                    " AND objsubid = 2 AND classid = %s::int8::oid AND objid = %s::int8::oid"
                    " AND pid = pg_catalog.pg_backend_pid())",
                    (unsigned(self.keys[0]), unsigned(self.keys[1])),
                )
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
