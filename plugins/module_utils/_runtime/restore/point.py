# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Restore points: what the run that holds the lock keeps of a database before it changes it.

A clone is a second database, `<db>--before-<run>`, created by the server while the first one has no
sessions. No lock is needed that would have to be released later: CREATE DATABASE holds the server's
own lock on the source, so new sessions wait until it is done, and if it dies the lock is released.
A dump is a file of pg_dump in RESTORE_DIR.

The server also counts the sessions of a database. Its count at the restore point, together with the
number of our own sessions since then, shows later whether any other session could have written
(since.py).
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from ..common import log
from ..common.child import Child, ended
from ..common.config import Settings
from ..common.errors import ConfigError, LockLost, Refused, RuntimeFailure, UpdateFailed
from ..database import lock, pg
from ..database.derived import BEFORE, derived_name, run_of
from ..database.pg import one_line, psycopg2
from ..database.provision import PUBLIC_DEFAULT, close_to_public, quoted

NONE, AUTO, CLONE, DUMP = "none", "auto", "clone", "dump"
COUNTED_FROM = 150000  # older servers update the number of sessions with a delay
STRATEGY_FROM = 150000
SAMPLE_SECONDS = 0.2
BUSY, NO_PRIVILEGE = "55006", "42501"
PATIENCE = 9  # seconds for requests of serving replicas; the server waits 5 s for sessions to leave, then we try again


class NoRestorePoint(Refused):
    """No restore point can be created; nothing was changed."""


@dataclass(frozen=True)
class Point:
    """An existing restore point."""

    name: str
    kind: str
    run_id: str
    made: str = ""  # UTC
    seconds: float = 0.0
    size: int = 0  # bytes of the original database
    sessions: int | None = None  # counted by the server until then; None: unknown
    source: int = 0  # oid of the original database
    server: str = ""  # start of its statistics: a reset or a crash makes the count void
    path: str = ""  # of a dump

    @property
    def age(self) -> float:
        """Seconds since it was created."""
        try:
            made = datetime.datetime.fromisoformat(self.made)
        except ValueError:
            return 0.0
        return max((datetime.datetime.now(datetime.timezone.utc) - made).total_seconds(), 0.0)

    def comment(self, database: str) -> str:
        """Return the comment that is stored with the restore point, from which `points()` reads it."""
        return json.dumps({"odoo_cloud": "restore point", "database": database, **vars(self)})


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


# Listing

POINTS_SQL = """
SELECT d.datname, coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), '')
  FROM pg_catalog.pg_database d WHERE d.datname LIKE %s ORDER BY d.oid DESC
"""


def _like(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text) + "%"


def _read_comment(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("odoo_cloud") == "restore point" else {}


def _point(name: str, run_id: str, kind: str, comment: Mapping[str, Any], path: str = "") -> Point:
    known = {key: comment[key] for key in Point.__dataclass_fields__ if key in comment}
    return Point(**{**known, "name": name, "run_id": run_id, "kind": kind, "path": path})


def points(control: Any, settings: Settings) -> list[Point]:
    """Return all restore points of the database, the newest first."""
    database = settings.db_name
    found = []
    with control.cursor() as cursor:
        prefix = derived_name(database, BEFORE, "0" * 12)[:-12]
        cursor.execute(POINTS_SQL, (_like(prefix),))
        for name, comment in cursor.fetchall():
            run_id = run_of(database, BEFORE, name)
            if run_id:
                found.append(_point(name, run_id, CLONE, _read_comment(comment)))
    with contextlib.suppress(OSError):
        for entry in os.scandir(settings.restore_dir or "/nonexistent"):
            name = entry.name[: -len(".dump")] if entry.name.endswith(".dump") else ""
            run_id = run_of(database, BEFORE, name) if name else ""
            if not run_id or any(item.run_id == run_id for item in found):
                continue
            comment = {}
            with contextlib.suppress(OSError, ValueError), open(f"{entry.path}.json", encoding="utf-8") as handle:
                comment = _read_comment(handle.read())
            found.append(_point(name, run_id, DUMP, comment, entry.path))
    return sorted(found, key=lambda item: item.made, reverse=True)


CHAIN_SQL = """
SELECT run_id, bool_and(coalesce(result, '') = 'restore point') FROM public.curq_state_history
 WHERE id > coalesce((SELECT max(id) FROM public.curq_state_history WHERE state = ANY(%s)), 0) AND run_id IS NOT NULL
 GROUP BY run_id ORDER BY min(id)
"""


def chain(connection: Any, open_states: tuple[str, ...]) -> tuple[list[str], bool]:
    """Return the runs since the database was last open, the oldest first, and whether any of them
    began to change it."""
    with connection.cursor() as cursor:
        cursor.execute(CHAIN_SQL, (list(open_states),))
        rows = cursor.fetchall()
    return [row[0] for row in rows], not all(row[1] for row in rows)


# Rights, space, programs

RIGHTS_SQL = """
SELECT r.rolname, r.rolsuper OR r.rolcreatedb, pg_catalog.pg_get_userbyid(d.datdba),
       r.rolsuper OR pg_catalog.pg_has_role(r.oid, d.datdba, 'USAGE'), pg_catalog.pg_database_size(d.oid), d.oid::int8
  FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
 WHERE r.rolname = current_user AND d.datname = %s
"""


@dataclass(frozen=True)
class Facts:
    """What is known before anything is created. Sizes are in bytes."""

    role: str
    owner: str
    size: int
    oid: int
    version: int
    no_rights: str = ""  # why databases can't be created and renamed; empty if they can
    may_clone: str = ""  # the same for a clone
    may_dump: str = ""
    pg_dump: str = ""


def keeper_variable(settings: Settings) -> str:
    """Return the name of the variable that sets the role which copies databases."""
    return "DB_ADMIN_USER" if settings.keeper else settings.user_variable


def facts(keeper: Any, settings: Settings) -> Facts:
    """Return rights, space and programs for restore points. `keeper`: a connection of the role that
    creates databases (`settings.as_keeper()`) to the maintenance database.

    Raises `NoRestorePoint` if the database doesn't exist.
    """
    with keeper.cursor() as cursor:
        cursor.execute(RIGHTS_SQL, (settings.db_name,))
        row = cursor.fetchone()
    if row is None:
        raise NoRestorePoint(f"DB_NAME is {settings.db_name!r}: there is no such database")
    role, creates, owner, acts, size, oid = row
    variable = keeper_variable(settings)
    why = ""
    if not creates:
        why = (
            f"{variable} is {role!r}: may not create databases; give DB_ADMIN_USER, a role with CREATEDB that may act for"
            f" {owner!r}"
        )
    elif not acts:
        why = (
            f"{variable} is {role!r}: may not act for {owner!r}, who owns the database; let a superuser run:"
            f" GRANT {quoted(owner)} TO {quoted(role)}"
        )
    no_rights = why
    why = why or too_little_room(settings.db_space_dir, "DB_SPACE_DIR", size, clone_needs(size))
    program, no_dump = "", ""
    try:
        program = find_pg_dump(settings, keeper.server_version)
    except ConfigError as exc:
        no_dump = str(exc)
    if not no_dump:
        if not settings.restore_dir:
            no_dump = "RESTORE_DIR is not set; it must name a folder for dumps"
        elif not os.path.isdir(settings.restore_dir) or not os.access(settings.restore_dir, os.W_OK | os.X_OK):
            no_dump = f"RESTORE_DIR is {settings.restore_dir!r}: must be a folder that uid {os.getuid()} can write"
        else:
            no_dump = too_little_room(settings.restore_dir, "RESTORE_DIR", size, size // 2)
    return Facts(role, owner, size, oid, keeper.server_version, no_rights, why, no_dump, program)


def clone_needs(size: int) -> int:
    """Return the bytes that a clone needs: the copy, and space for what the update itself writes."""
    return size + max(size // 5, 256 << 20)


def megabytes(size: float) -> str:
    """Format a size in bytes as megabytes."""
    return f"{size / (1 << 20):.0f} MB"


def too_little_room(folder: str, variable: str, size: int, needed: int) -> str:
    """Explain that `folder` has less than `needed` bytes of free space; empty if it has enough, or
    if no folder is given. `size`: bytes of the database; `variable`: the one that names the folder.
    """
    if not folder:
        return ""
    try:
        found = os.statvfs(folder)
    except OSError as exc:
        return f"{variable} is {folder!r}: cannot be inspected ({exc.strerror})"
    free = found.f_bavail * found.f_frsize
    if free >= needed:
        return ""
    return (
        f"{variable} is {folder!r}: {megabytes(free)} are free there, and {megabytes(needed)} are wanted for a database of"
        f" {megabytes(size)}; make room"
    )


def find_pg_dump(settings: Settings, server_version: int, program: str = "pg_dump") -> str:
    """Return the path of a client program that is at least as new as the server; PostgreSQL refuses
    older ones only later. `server_version`: such as 160000.

    Raises `ConfigError` if there is none.
    """
    path = os.path.join(settings.pg_bin, program) if settings.pg_bin else shutil.which(program) or ""
    where = f"PG_BIN is {settings.pg_bin!r}" if settings.pg_bin else "PG_BIN is not set"
    wanted = server_version // 10000
    cure = f"give the folder of PostgreSQL {wanted}'s client programs, or one of a newer"
    if not path or not os.access(path, os.X_OK):
        raise ConfigError(f"{where}: {program} is not there; {cure}")
    try:
        printed = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20
        ).stdout
    except (OSError, subprocess.SubprocessError) as exc:
        raise ConfigError(f"{where}: {path} cannot be run: {one_line(exc)}; {cure}") from exc
    found = re.search(r"\) (\d+)", printed)
    if not found or int(found[1]) < wanted:
        raise ConfigError(
            f"{where}: {path} is of PostgreSQL {found[1] if found else '?'}, and the server is {wanted}; {cure}"
        )
    return path


def choose(settings: Settings, known: Facts) -> str:
    """Return the kind of restore point to create, clone or dump. Raises `NoRestorePoint` with
    everything that prevents it."""
    wanted = settings.restore_point
    if wanted == AUTO:
        if not known.may_clone:
            return CLONE
        if not known.may_dump:
            return DUMP
        raise NoRestorePoint(
            f"RESTORE_POINT is 'auto': no clone: {known.may_clone}; no dump: {known.may_dump}; or RESTORE_POINT=none goes"
            " without"
        )
    why = known.may_clone if wanted == CLONE else known.may_dump
    if why:
        raise NoRestorePoint(f"RESTORE_POINT is {wanted!r}: {why}")
    return wanted


# Sessions

# Sessions between two transactions can be ended: Odoo's cursor then takes another connection (addon
# database_reconnect), also if a request already uses it or continues after a commit. The short
# interval spares those that are about to continue.
IDLE_SQL = """
coalesce(a.state, '') = 'idle' AND a.state_change < pg_catalog.clock_timestamp() - interval '0.05 s'
"""

# The server's own workers, such as autovacuum's, have no role. The type of a session is visible
# only to its own role.
OTHERS_SQL = f"""
SELECT a.pid, a.usename::text, coalesce(a.application_name, ''),
       coalesce(extract(epoch FROM a.backend_start), 0)::float8,
       {IDLE_SQL}
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = %s AND a.pid <> pg_catalog.pg_backend_pid() AND a.usename IS NOT NULL
   AND coalesce(a.backend_type, 'client backend') NOT LIKE 'autovacuum%%'
   AND coalesce(a.backend_type, 'client backend') <> 'parallel worker'
   AND pg_catalog.strpos(coalesce(a.application_name, '') || ' ', %s) = 0
"""  # noqa: S608 - the constant above

# The server evaluates the condition again when it ends a session, so that one which has started
# something meanwhile stays.
END_SQL = "SELECT pg_catalog.pg_terminate_backend(%s)"
END_IDLE_SQL = f"""
SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a WHERE a.pid = %s AND {IDLE_SQL}
"""  # noqa: S608 - the constant above

COUNT_SQL = """
SELECT s.sessions, coalesce(s.stats_reset::text, '') || '/' || pg_catalog.pg_postmaster_start_time()::text
  FROM pg_catalog.pg_stat_database s WHERE s.datid = %s
"""

# A role that can't write: its sessions write nothing that a rollback would discard. Replication
# sessions are not counted by the server, so they can't be subtracted from the count.
HARMLESS_SQL = """
SELECT NOT (r.rolsuper OR r.rolreplication OR pg_catalog.pg_has_role(r.oid, d.datdba, 'MEMBER'))
  FROM pg_catalog.pg_roles r, pg_catalog.pg_database d WHERE r.rolname = %s AND d.datname = %s
"""


def others(connection: Any, database: str, run_id: str) -> list[tuple[int, str, str, float, bool]]:
    """Return the sessions in `database` that don't belong to this run: process, role, name, start
    in seconds since the epoch, whether it is idle now."""
    with connection.cursor() as cursor:
        cursor.execute(OTHERS_SQL, (database, f" run={run_id} "))
        return list(cursor.fetchall())


def session_count(connection: Any, oid: int) -> tuple[int | None, str]:
    """Return how many sessions the server has counted in a database, and an identifier of the start
    of its counting. The number is `None` for servers that don't count exactly."""
    if connection.server_version < COUNTED_FROM:
        return None, ""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_SQL, (oid,))
        row = cursor.fetchone()
    return (row[0], row[1]) if row else (0, "")


def end_others(
    connection: Any, database: str, run_id: str, only_idle: bool = False
) -> tuple[list[tuple[int, str, str, float, bool]], list[str], int]:
    """End the sessions in `database` that don't belong to this run; with `only_idle` only the idle
    ones. Returns the sessions that existed, the names of those that can't be ended, and how many
    the server was asked to end."""
    found, stay, ended = others(connection, database, run_id), [], 0
    for pid, role, name, _since, idle in found:
        if only_idle and not idle:
            continue
        try:
            with connection.cursor() as cursor:
                cursor.execute(END_IDLE_SQL if only_idle else END_SQL, (pid,))
                ended += cursor.rowcount
        except connection.Error:
            stay.append(f"{name or 'a session'} of role {role} (backend {pid})")
    return found, stay, ended


class Watch:
    """Records the sessions in the database that don't belong to this run, a few times a second, on
    its own connection to the maintenance database. The server's count is decisive; this shows whose
    sessions they are, and which of them can't have written."""

    def __init__(self, settings: Settings, name: str, run_id: str) -> None:
        self.settings, self.name, self.run_id = settings, name, run_id
        self.seen: dict[tuple[int, float], tuple[str, str]] = {}  # (process, start): role, name
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with contextlib.suppress(psycopg2.Error, RuntimeFailure):
            connection = pg.connect(self.settings, self.settings.db_maintenance, self.name)
            with contextlib.closing(connection):
                while not self.stopped.wait(SAMPLE_SECONDS):
                    self.sample(connection)

    def sample(self, connection: Any) -> None:
        """Record the current sessions; `connection` is to the maintenance database."""
        self.note(others(connection, self.settings.db_name, self.run_id))

    def note(self, found: list[tuple[int, str, str, float, bool]]) -> None:
        """Record sessions that `others()` returned."""
        for pid, role, name, since, _idle in found:
            if name or (pid, since) not in self.seen:  # a session gets its name a moment after it starts
                self.seen[pid, since] = (role, name)

    def stop(self) -> None:
        """Stop recording."""
        self.stopped.set()
        self.thread.join(5)

    def split(self, connection: Any, excused: list[tuple[float, float]]) -> tuple[int, list[str]]:
        """Return how many of the recorded sessions can't have written, and the names of the others.
        Sessions that started within the times `excused` are left out, because they are already
        accounted for."""
        can: dict[str, bool] = {}
        harmless, writers = 0, []
        for (pid, since), (role, name) in list(self.seen.items()):
            if role not in can:
                with connection.cursor() as cursor:
                    cursor.execute(HARMLESS_SQL, (role, self.settings.db_name))
                    row = cursor.fetchone()
                can[role] = not (row and row[0])
            # our other containers read the history while they wait; to write they would need the
            # lock that we hold
            if not can[role] or lock.parse_name(name):
                harmless += not any(began <= since <= ended for began, ended in excused)
            else:
                writers.append(f"{name or 'a session'} of role {role} (backend {pid})")
        return harmless, writers


# Creating


@dataclass
class Copy:
    """The result of a copy."""

    seconds: float = 0.0
    ended: int = 0  # sessions that were ended for it
    sessions: int | None = None
    server: str = ""


@dataclass
class Statement:
    """A statement that runs in its own thread."""

    connection: Any
    statement: str
    error: BaseException | None = None
    thread: threading.Thread = field(init=False, repr=False)

    def start(self) -> None:
        """Start the thread; `error` is set if the statement fails."""
        self.error = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(self.statement)
        except BaseException as exc:  # noqa: BLE001 - handed over
            self.error = exc


LOCKED_SQL = """
SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_locks WHERE pid = %s AND granted AND locktype = 'object'
   AND classid = 'pg_catalog.pg_database'::regclass AND objid = %s::int8::oid AND mode = %s)
"""


def locked(connection: Any, pid: int, oid: int, mode: str) -> bool:
    """Whether the session `pid` holds the server's lock on a database, so that no new session can
    connect."""
    with connection.cursor() as cursor:
        cursor.execute(LOCKED_SQL, (pid, oid, mode))
        return bool(cursor.fetchone()[0])


def copy_database(
    settings: Settings,
    name: str,
    run_id: str,
    source: str,
    target: str,
    oid: int,
    held: Callable[[], bool],
    owner: str,
    size: int = 0,
) -> Copy:
    """Create the database `target` as a copy of `source`, which takes no connections, is closed
    to PUBLIC and belongs to `owner`. `oid`, `size`: of the source, in bytes; `held`: whether the
    lock is still held.

    Every session in `source` is ended; one that is busy only after `PATIENCE` seconds, so that
    requests of serving replicas are answered. New sessions wait until the copy is done. The caller
    must not be connected to `source` itself. Raises `NoRestorePoint` or `LockLost`.
    """
    result = Copy()
    started = time.monotonic()
    as_keeper = settings.as_keeper()
    with (
        contextlib.closing(pg.connect(as_keeper, settings.db_maintenance, name)) as maker,
        contextlib.closing(pg.connect(as_keeper, settings.db_maintenance, name)) as ender,
    ):
        statement = (
            f"CREATE DATABASE {quoted(target)} OWNER {quoted(owner)} TEMPLATE {quoted(source)} ALLOW_CONNECTIONS false"
        )
        if maker.server_version >= STRATEGY_FROM and size > 512 << 20:  # otherwise the copy would go through the WAL
            statement += " STRATEGY file_copy"
        work = Statement(maker, statement)
        stay: list[str] = []
        begun = time.monotonic()
        for attempt in range(3):
            # Sessions in this count have ended before the copy begins. Sessions that connect
            # between this count and the copy are counted in excess, which errs on the safe side;
            # the count below, while no session can connect, corrects it.
            for _look in range(20):
                found, refused, ended = end_others(ender, source, run_id, only_idle=True)
                result.ended += ended
                if not found:
                    break
                time.sleep(0.02)
            result.sessions, result.server = session_count(ender, oid)
            work.start()
            counted = False
            try:
                while work.thread.is_alive():
                    if not held():
                        raise LockLost(f"the lock of database {settings.db_name!r} was lost while it was copied")
                    patient = time.monotonic() - begun < PATIENCE
                    found, refused, ended = end_others(ender, source, run_id, only_idle=patient)
                    stay = refused or stay
                    result.ended += ended
                    if not found:
                        count, server = session_count(ender, oid)
                        # as long as the server still holds its lock, no session has connected since
                        # we counted
                        if count is not None and locked(ender, maker.info.backend_pid, oid, "ShareLock"):
                            result.sessions, result.server, counted = count, server, True
                    work.thread.join(0.2 if counted else 0.005)
            finally:
                if work.thread.is_alive():
                    with contextlib.suppress(psycopg2.Error):
                        maker.cancel()
                    work.thread.join(30)
            if work.error is None:
                break
            if getattr(work.error, "pgcode", "") == BUSY and not stay and attempt < 2:
                continue
            cure = f": {'; '.join(dict.fromkeys(stay))} can't be ended by role {as_keeper.db_user!r}" if stay else ""
            raise NoRestorePoint(f"database {source!r} can't be copied: {one_line(work.error)}{cure}") from work.error
        with ender.cursor() as cursor:
            cursor.execute(close_to_public(target, PUBLIC_DEFAULT).sql)
    result.seconds = time.monotonic() - started
    return result


def comment_sql(cursor: Any, database: str, text: str | None) -> None:
    """Set the comment of a database; `None` removes it."""
    cursor.execute(f"COMMENT ON DATABASE {quoted(database)} IS %s", (text,))  # None: NULL, no comment


def make_clone(settings: Settings, name: str, run_id: str, known: Facts, held: Callable[[], bool]) -> Point:
    """Create a clone; the run must not be connected to the database. It belongs to the role that
    copies databases, so that the instance's own role can't drop or change it. `held`: whether the
    lock is still held. Raises `NoRestorePoint` or `LockLost`."""
    target = derived_name(settings.db_name, BEFORE, run_id)
    done = copy_database(settings, name, run_id, settings.db_name, target, known.oid, held, known.role, known.size)
    point = Point(
        target, CLONE, run_id, _now(), round(done.seconds, 3), known.size, done.sessions, known.oid, done.server
    )
    with keeper_session(settings, name) as keeper, keeper.cursor() as cursor:
        comment_sql(cursor, target, point.comment(settings.db_name))
    if done.ended:
        log.info(f"{done.ended} sessions of database {settings.db_name!r} were ended for the restore point")
    return point


def tool_environment(env: Mapping[str, str], settings: Settings, name: str) -> dict[str, str]:
    """Return the environment for pg_dump and pg_restore: address, role, and the file with the
    password."""
    result = {
        key: env[key]
        for key in ("PATH", "HOME", "LANG", "PGPASSFILE", "PGSSLROOTCERT", "LD_LIBRARY_PATH")
        if key in env
    }
    result.update(
        PGHOST=settings.db_host, PGPORT=str(settings.db_port), PGUSER=settings.db_user, PGSSLMODE=settings.db_sslmode,
        PGAPPNAME=name, PGCONNECT_TIMEOUT="10",
    )  # fmt: skip
    return result


def run_tool(
    command: list[str], env: Mapping[str, str], held: Callable[[], bool], failure: type[RuntimeFailure]
) -> None:
    """Run one of PostgreSQL's programs to its end, as long as `held` reports that we have the lock.
    Raises `failure` with the last lines of its output if it fails, `LockLost` if the lock is lost.
    """
    printed: list[str] = []
    child = Child(command, env, what=os.path.basename(command[0]), failure=failure, cwd="/", output=printed.append)
    code = child.run(held)
    if code:
        raise failure(f"{command[0]} {ended(code)}: {' '.join(printed[-3:])[:600] or 'it said nothing'}")


def make_dump(
    settings: Settings,
    env: Mapping[str, str],
    name: str,
    run_id: str,
    known: Facts,
    held: Callable[[], bool],
    control: Any,
    beating: Callable[[], Any] = contextlib.nullcontext,
) -> Point:
    """Create a dump of the database in its current state; its sessions stay. `control`: the
    connection to the maintenance database; `beating`: a context manager that keeps the heartbeat
    during the dump.

    Raises `NoRestorePoint` or `LockLost`.
    """
    target = derived_name(settings.db_name, BEFORE, run_id)
    path = os.path.join(settings.restore_dir, f"{target}.dump")
    started = time.monotonic()
    # Count first, then list sessions: a session that closed before the count can only have written before the dump started.
    count, server = session_count(control, known.oid)
    if others(control, settings.db_name, run_id):
        count = None
    partial, made = f"{path}.part", _now()
    try:
        with beating():
            run_tool(
                [known.pg_dump, "--format=custom", "--no-password", f"--file={partial}", settings.db_name],
                tool_environment(env, settings, name), held, NoRestorePoint,
            )  # fmt: skip
        if count is not None:
            count += 1  # pg_dump's own session
        point = Point(
            target,
            DUMP,
            run_id,
            made,
            round(time.monotonic() - started, 3),
            known.size,
            count,
            known.oid,
            server,
            path,
        )
        os.chmod(partial, 0o600)
        with open(f"{path}.json", "w", encoding="utf-8") as handle:
            handle.write(point.comment(settings.db_name))
        os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(partial)
    return point


# Cleaning up


def drop_database(connection: Any, name: str, failure: type[RuntimeFailure] = UpdateFailed) -> None:
    """Drop a database, if it exists. Raises `failure` if that is not possible.

    FORCE ends all sessions, but only a superuser may use it while autovacuum is working in the
    database. Without FORCE the server stops autovacuum itself, and waits 5 s for sessions to end.
    """
    statement = f"DROP DATABASE IF EXISTS {quoted(name)}"
    tries = [f"{statement} WITH (FORCE)", statement] * 3
    while True:
        try:
            with connection.cursor() as cursor:
                cursor.execute(tries.pop(0))
            return
        except connection.Error as exc:
            if exc.pgcode not in (NO_PRIVILEGE, BUSY) or not tries:
                raise failure(f"database {name!r} can't be dropped: {one_line(exc)}") from exc


FINISHED_SQL = """
SELECT DISTINCT run_id FROM public.curq_state_history h WHERE run_id = ANY(%s) AND EXISTS (
  SELECT 1 FROM public.curq_state_history o WHERE o.id >= h.id AND o.state = ANY(%s))
"""


def prune(keeper: Any, database: Any, settings: Settings, open_states: tuple[str, ...]) -> list[str]:
    """Drop restore points beyond RESTORE_POINTS_KEEP, the oldest first, and only those of runs
    after which the database was open again. Returns their names. `keeper`: a connection of the role
    that owns them; `database`: one to the database."""
    found = points(keeper, settings)
    surplus = found[settings.restore_points_keep :]
    if not surplus:
        return []
    with database.cursor() as cursor:
        cursor.execute(FINISHED_SQL, ([item.run_id for item in surplus], list(open_states)))
        finished = {row[0] for row in cursor.fetchall()}
    gone = []
    for item in surplus:
        if item.run_id not in finished:
            continue
        if item.kind == CLONE:
            drop_database(keeper, item.name)
        else:
            os.unlink(item.path)
            with contextlib.suppress(OSError):
                os.unlink(f"{item.path}.json")
        gone.append(item.name)
    return gone


def leftovers(control: Any, database: str, what: str) -> list[str]:
    """Return the databases derived from `database` for the purpose `what` whose creator is gone."""
    prefix = derived_name(database, what, "0" * 12)[:-12]
    with control.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_catalog.pg_database WHERE datname LIKE %s", (_like(prefix),))
        names = [row[0] for row in cursor.fetchall()]
    return [name for name in names if run_of(database, what, name) and lock.holder(control, marker(name)) is None]


def marker(name: str) -> str:
    """Return the name of the lock that the creator of a database holds while it is alive, in
    addition to the database's own lock."""
    return name + lock.ALIVE


@contextlib.contextmanager
def keeper_session(settings: Settings, name: str) -> Iterator[Any]:
    """Yield a connection of the role that may create databases, to the maintenance database. Raises
    `NoRestorePoint` if PostgreSQL refuses it."""
    try:
        connection = pg.connect(settings.as_keeper(), settings.db_maintenance, name)
    except psycopg2.OperationalError as exc:
        as_keeper = settings.as_keeper()
        raise NoRestorePoint(
            f"{keeper_variable(settings)} is {as_keeper.db_user!r}: PostgreSQL refuses it: {one_line(exc)}"
        ) from exc
    with contextlib.closing(connection):
        yield connection


def outlook(settings: Settings, name: str) -> dict[str, Any]:
    """Return, for the plan, which restore point would be created, or why none can be."""
    result: dict[str, Any] = {"wanted": settings.restore_point, "kind": None, "bytes": None, "refusal": ""}
    if settings.restore_point == NONE:
        return result
    try:
        with keeper_session(settings, name) as keeper:
            known = facts(keeper, settings)
            result["bytes"] = known.size
            result["kind"] = choose(settings, known)
    except RuntimeFailure as exc:
        result["refusal"] = str(exc)
    return result
