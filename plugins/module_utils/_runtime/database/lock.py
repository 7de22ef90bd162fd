# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The lock: a session advisory lock with two keys on a dedicated connection to the maintenance
database.

It is outside the Odoo database because a clone, rename, drop or restore needs every session of that
database closed. When the holder dies, the lock is free at once; nothing has to time out.

PostgreSQL lets every role that can connect to a database take any key there, and the keys can be
computed. Two things keep strangers from blocking an instance:

- Each instance has a lock database (`DB_MAINTENANCE`) to which only its own roles can connect.
- A holder counts only if its role is entitled: a superuser, the owner of the instance's database,
  or a member of that role. A stranger that holds the key in another database than ours is ignored.
  One that holds it in ours (`postgres`, where no lock database is used) can't be ignored, and is
  reported as not entitled.

Advisory locks of two databases don't exclude each other, so `Lock.acquire` first takes the lock
here and then searches for an entitled holder elsewhere. If two runs of this version use different
maintenance databases, at least the later one to search sees the other, so they never both continue;
both may step back and try again. An older runtime searches its own database only: if it is at work,
we see it and wait, but if it starts while we are at work, it doesn't wait. The history protects
that case: the row is of another release, which containers in RunOnly leave alone, and whatever the
older run writes raises the fencing token, which ends the run here.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from typing import Any

from ..common.errors import Held, LockLost

# First key: sha256("odoo-cloud")[:4] as a signed big-endian integer. Never change it: old and new
# versions must exclude each other.
NAMESPACE = -1516848008

# Suffix of the database name in the second lock, which the process that creates a database also
# holds.
ALIVE = "#alive"

_NAME = re.compile(r"odoo-cloud (?P<what>\S+) run=(?P<run_id>\S+) host=(?P<host>.*)")


def database_key(name: str) -> int:
    """Second key: a stable hash of the database name."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:4], "big", signed=True)


def lock_keys(name: str) -> tuple[int, int]:
    """Return both keys of the lock of the database `name`, as signed integers."""
    return NAMESPACE, database_key(name)


def parse_name(application_name: str) -> dict[str, str]:
    """Return `what`, `run_id` and `host` from the application name of a session of the runtime;
    empty for any other session."""
    match = _NAME.fullmatch(application_name)
    return match.groupdict() if match else {}


@dataclass(frozen=True)
class Holder:
    """The session that holds a lock.

    `pid`: its server process. `since`: start of the session, as text. `age`: its age in seconds.
    `role`: its database role. `entitled`: whether that role may hold the lock.
    """

    pid: int
    application_name: str
    since: str
    age: float
    role: str = ""
    entitled: bool = True

    def parsed(self) -> dict[str, str]:
        """What `parse_name()` reads from its application name."""
        return parse_name(self.application_name)

    def __str__(self) -> str:
        return f"{self.application_name or 'a session that hides its name'} (backend {self.pid}, since {self.since})"


# Whether the role `r` may work on the database `d`. As long as that doesn't exist, every role that
# can create it is entitled.
ENTITLED_SQL = """
coalesce(r.rolsuper OR CASE WHEN d.oid IS NULL THEN r.rolcreatedb
                            ELSE pg_catalog.pg_has_role(r.oid, d.datdba, 'MEMBER') END, false)
"""

# The holders that count: entitled ones in any database, and all in ours, which block us whether
# entitled or not. The owner of our maintenance database is an administrator, which need not be a
# member of the instance's role. `pg_locks` shows the two keys as unsigned numbers; `objsubid` 2
# marks the two-key form. Every role can see role and name of a session. The age is that of the
# session.
HOLDER_SQL = f"""
SELECT * FROM (
  SELECT l.pid, coalesce(a.application_name, ''), coalesce(a.backend_start::timestamptz(0)::text, '?'),
         coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - a.backend_start), 0)::float8,
         coalesce(r.rolname::text, '?'),
         {ENTITLED_SQL} OR (l.database = m.oid AND coalesce(r.oid = m.datdba, false)) AS entitled,
         l.database = m.oid AS here
    FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_database m ON m.datname = pg_catalog.current_database()
    LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
    LEFT JOIN pg_catalog.pg_database d ON d.datname = %s
   WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
     AND l.classid = %s::int8::oid AND l.objid = %s::int8::oid
     AND l.pid IS DISTINCT FROM %s) AS found
 WHERE entitled OR here ORDER BY entitled DESC, here DESC LIMIT 1
"""  # noqa: S608 - the constant above


def unsigned(key: int) -> int:
    """Return a 32-bit key as the unsigned number that `pg_locks` shows."""
    return key & 0xFFFFFFFF


def _find(connection: Any, database: str, but: int = 0) -> Holder | None:
    """The session that holds the lock of `database` and is entitled to it or blocks us; the session
    `but` is left out."""
    first, second = lock_keys(database)
    with connection.cursor() as cursor:
        cursor.execute(HOLDER_SQL, (database.removesuffix(ALIVE), unsigned(first), unsigned(second), but))
        row = cursor.fetchone()
    return Holder(*row[:6]) if row else None


def holder(connection: Any, database: str) -> Holder | None:
    """Return the session that holds the lock of `database` and is entitled to it, or `None`."""
    found = _find(connection, database)
    return found if found is not None and found.entitled else None


def stranger(connection: Any, database: str) -> str:
    """Describe the session that blocks the lock of `database` without being entitled to it; empty
    if there is none."""
    found = _find(connection, database)
    return _strange(found) if found is not None and not found.entitled else ""


def _strange(found: Holder) -> str:
    return (
        f"its lock is held by a session that isn't entitled to it: role {found.role!r}, {found}; an administrator can end that"
        f" (SELECT pg_terminate_backend({found.pid})), and with a lock database (DB_MAINTENANCE) only the instance's own roles"
        " get at the lock"
    )


def held_by(connection: Any, database: str) -> str:
    """Explain, for an error message, why the lock of `database` can't be taken."""
    found = _find(connection, database)
    if found is not None and not found.entitled:
        return _strange(found)
    return f"its lock is held by {found if found is not None else 'a session that has ended meanwhile'}"


# Whether the session `pid` holds the lock: the one query behind every check. It is run by the
# holder itself, by the statement that writes to the history, and by each session that Odoo opens
# for a run, before each commit. A server process belongs to one database only, so the answer is
# right in whichever database the query runs.
HELD_SQL = (
    "EXISTS (SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2"
    " AND classid = %(lock_first)s::int8::oid AND objid = %(lock_second)s::int8::oid AND pid = %(lock_pid)s)"
)


# Whether a newer run has written to the history: it has a higher token. Tokens count runs, so a
# number beyond this is none, and a row that has one is not believed.
MAX_TOKEN = 2**31
NEWER_SQL = f"EXISTS (SELECT 1 FROM public.curq_state_history WHERE token > %(token)s AND token <= {MAX_TOKEN})"  # noqa: S608


def held_parameters(database: str, pid: int) -> dict[str, int]:
    """Return the parameters of `HELD_SQL`. `pid`: the server process that should hold the lock of
    `database`."""
    first, second = lock_keys(database)
    return {"lock_first": unsigned(first), "lock_second": unsigned(second), "lock_pid": pid}


class Lock:
    """The lock of one database on one connection, which must not be used for anything else while
    the lock is held."""

    def __init__(self, connection: Any, database: str) -> None:
        self.connection = connection
        self.database = database
        self.keys = lock_keys(database)

    @property
    def pid(self) -> int:
        """The server process that holds the lock for us."""
        return int(self.connection.info.backend_pid)

    def acquire(self) -> bool:
        """Try to take the lock without waiting. Returns whether it is held now; `False` also if an
        entitled session holds it from another database."""
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT pg_catalog.pg_try_advisory_lock(%s, %s)", self.keys)
            if not cursor.fetchone()[0]:
                return False
        other = _find(self.connection, self.database, self.pid)
        if other is None:
            return True
        self.release()
        return False

    def held(self) -> bool:
        """Ask PostgreSQL whether the lock is held: `False` if the connection died or the lock was
        released."""
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT " + HELD_SQL, held_parameters(self.database, self.pid))
                return bool(cursor.fetchone()[0])
        except self.connection.Error:
            return False

    def check(self, before: str) -> None:
        """Raise `LockLost` if the lock isn't held any more. `before`: the work that comes next, for
        the message."""
        if not self.held():
            raise LockLost(f"the lock of database {self.database!r} was lost before: {before}; nothing more is done")

    def release(self) -> None:
        """Release the lock; a lost connection is no error."""
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT pg_catalog.pg_advisory_unlock(%s, %s)", self.keys)
        except self.connection.Error:
            pass  # the connection is gone, and with it the lock


SESSIONS_SQL = f"""
SELECT a.pid, a.application_name
  FROM pg_catalog.pg_stat_activity a
  JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
  LEFT JOIN pg_catalog.pg_database d ON d.datname = %s
 WHERE pg_catalog.strpos(a.application_name || ' ', %s) > 0 AND a.pid <> pg_catalog.pg_backend_pid() AND {ENTITLED_SQL}
"""  # noqa: S608 - the constant above


def sessions(connection: Any, database: str, run_id: str) -> list[tuple[int, str]]:
    """Return server process and name of every session of a run on `database`, whatever database it
    is connected to: each has the run's ID in its name. Sessions of roles that aren't entitled are
    left out, because any session can give itself that name."""
    with connection.cursor() as cursor:
        cursor.execute(SESSIONS_SQL, (database, f" run={run_id} "))
        return list(cursor.fetchall())


def end_sessions(connection: Any, database: str, run_id: str, timeout: float = 10.0) -> int:
    """End every session of a run and wait up to `timeout` seconds until they are gone. Returns how
    many there were.

    PostgreSQL rolls back what they had not committed, so afterwards the run can change nothing any
    more. Raises `Held` if a session can't be ended or stays.
    """
    limit = time.monotonic() + timeout
    ended: set[int] = set()
    while True:
        left = sessions(connection, database, run_id)
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


def take_over(guard: Lock, held: Holder | None) -> int:
    """End all sessions of the run that holds the lock, then take it with `guard`. `held`: the
    holder, `None` if it has gone meanwhile. Returns how many sessions were ended.

    Raises `Held` if the holder is no run of the runtime, can't be ended, or another run is quicker.
    """
    run_id = (held.parsed().get("run_id") or "") if held is not None else ""
    if held is not None and not run_id:
        raise Held(f"database {guard.database!r}: its lock is held by {held}, which is not a run of this runtime")
    ended = end_sessions(guard.connection, guard.database, run_id) if run_id else 0
    for _attempt in range(50):
        if guard.acquire():
            break
        time.sleep(0.1)
    else:
        raise Held(f"database {guard.database!r}: {held_by(guard.connection, guard.database)}")
    if run_id:
        # sessions that were being opened meanwhile; the fencing token refuses them too
        ended += end_sessions(guard.connection, guard.database, run_id)
    return ended


def marabunta_key() -> int:
    """Return the key of marabunta's transaction lock (marabunta 0.10 and later, web.py)."""
    return 7141416871301361999


def click_odoo_key(database: str) -> int:
    """Return the key of the session lock of click-odoo-update (click-odoo-contrib 1.24): 14 hex
    digits of a SHA-1."""
    return int(hashlib.sha1(f"click-odoo-update/{database}".encode()).hexdigest()[:14], 16)  # noqa: S324 - theirs


# A lock with one key of 64 bits has the two halves, and 1 as `objsubid`.
OTHER_SQL = """
SELECT l.pid, coalesce(a.application_name, ''), coalesce(a.usename::text, '?')
  FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
   AND l.classid = %(high)s::int8::oid AND l.objid = %(low)s::int8::oid
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) LIMIT 1
"""


class OtherTools:
    """The locks of marabunta and click-odoo-update, taken in the Odoo database so that neither tool
    runs beside a module step."""

    def __init__(self, connection: Any, database: str) -> None:
        self.connection = connection
        self.keys = {"marabunta": marabunta_key(), "click-odoo-update": click_odoo_key(database)}
        self.taken: list[str] = []

    def acquire(self) -> str:
        """Take the locks that are free. Returns the name of the tool that still runs, or an empty
        string if all locks are held now."""
        for tool, key in self.keys.items():
            if tool in self.taken:
                continue
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", (key,))
                if not cursor.fetchone()[0]:
                    return tool
            self.taken.append(tool)
        return ""

    def who(self, tool: str) -> str:
        """Describe the session that holds the lock of a tool."""
        with self.connection.cursor() as cursor:
            cursor.execute(OTHER_SQL, {"high": self.keys[tool] >> 32, "low": self.keys[tool] & 0xFFFFFFFF})
            row = cursor.fetchone()
        return (
            f"{row[1] or 'a session'} of role {row[2]} (backend {row[0]})"
            if row
            else "a session that has ended meanwhile"
        )

    def release(self) -> None:
        """Release the locks; a lost connection is no error."""
        while self.taken:
            tool = self.taken.pop()
            try:
                with self.connection.cursor() as cursor:
                    cursor.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", (self.keys[tool],))
            except self.connection.Error:
                return
