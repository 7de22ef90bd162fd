# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The way back: a failed update's database gives its name to the restore point, and is kept under another one.

By itself a run goes back only if nobody else can have written since the restore point: the server's count of sessions must
be what our own explain, asked while the server lets nobody in. Whatever else happened is for a person to decide, who says
how many minutes may be lost (`odoo-cloud rollback`).

Both databases are renamed in one transaction, so there is no moment without a database of the name. What is done before it
can be done again: the decision stands in the failed database (a row with the result `rolling back`), and whoever takes the
lock next finishes it.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from ..common import log
from ..common.config import Settings
from ..common.errors import (
    EXIT_DECISION,
    Held,
    LockLost,
    NeedsDecision,
    Refused,
    RolledBack,
    RuntimeFailure,
    Stopped,
    UsageError,
)
from ..database import lock, pg, state
from ..database.pg import one_line, psycopg2
from ..database.provision import quoted
from ..migration import table as migration_table
from . import point as restore_point
from .point import CLONE, DUMP, FAILED_NAME, NONE, Point

ROLLBACK, HOLD = "rollback", "hold"
RESTORING = "restoring"
GRACE_MINUTES = 5  # between reading what would be lost and saying so
RECORD_SQL = (
    "CREATE TABLE IF NOT EXISTS public.odoo_cloud_rollback (run_id varchar PRIMARY KEY,"
    " at timestamp with time zone NOT NULL DEFAULT clock_timestamp(), restore_point varchar, failed_database varchar,"
    " reason text, steps jsonb NOT NULL DEFAULT '[]')"
)
# Their values are lists, already quoted where they have to be. The database's owner wrote them: what isn't such a list could
# be statements, which would run as the role that copies databases.
LIST_SETTINGS = ("search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries")
_ITEM = r'(?:"(?:[^"]|"")*"|[A-Za-z_][A-Za-z0-9_$]*)'
LIST_VALUE = re.compile(rf"\s*(?:{_ITEM}\s*(?:,\s*{_ITEM}\s*)*)?")


class NotQuiet(RuntimeFailure):
    """Somebody else may have written since the restore point."""


@dataclass
class Since:
    """Sessions that are known since the restore point."""

    database: str
    opened: int  # by this process, until the restore point
    child: int = 0  # by Odoo, which says each
    excused: int = 0  # while a program of the user's ran
    watch: Any = None

    times: list[tuple[float, float]] = field(default_factory=list)  # when such programs ran

    def ours(self) -> int:
        return pg.opened[self.database] - self.opened + self.child + self.excused


def _clock(connection: Any) -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8")
        return cursor.fetchone()[0]


def judge(point: Point, since: Since | None, connection: Any) -> str:
    """Why somebody else may have written since the restore point; empty when nobody can have."""
    if since is None:
        return "another run made the restore point, so it can't be told who came since"
    if point.sessions is None:
        if connection.server_version < restore_point.COUNTED_FROM:
            return (
                "this server does not count sessions exactly (PostgreSQL 15 and newer do), so it can't be told who came"
            )
        return "somebody was in the database while the restore point was made"
    for _look in range(4):
        since.watch.look(connection)  # before it is counted: who is seen and not counted would hide somebody else
        harmless, writers = since.watch.split(connection, since.times)
        count, server = restore_point.session_count(connection, point.source)
        if server != point.server or count is None:
            return "the server's statistics began anew since the restore point, so it can't be told who came"
        unknown = count - point.sessions - since.ours()
        if unknown <= harmless:
            break
        time.sleep(0.05)  # perhaps a container of ours that came just now
    if writers:
        return f"others came in since the restore point: {', '.join(dict.fromkeys(writers))}"
    if unknown > harmless:
        return f"{unknown - harmless} sessions that are not ours were opened since the restore point"
    if unknown < 0:
        return "the server counted fewer sessions than we had since the restore point, so it can't be told who came"
    return ""


@contextlib.contextmanager
def guarded(window: Any) -> Iterator[Safety]:
    """Around a window's work: the restore point before it, and what has to follow when it fails."""
    safety: Safety = window.safety
    safety.prepare()
    try:
        yield safety
        safety.done()
    except RuntimeFailure as exc:
        if window.progress.state != state.FAILED:
            safety.unchanged(exc)
            raise  # it did not fail: the lock was lost, somebody asked us to stop, or it had not begun
        told = safety.failed(exc)
        if told is exc:
            raise
        raise told from exc
    finally:
        safety.close()


class Safety:
    """What a window has to fall back on: made before its first change, used when it fails."""

    def __init__(self, window: Any) -> None:
        self.window = window
        self.point: Point | None = None
        self.since: Since | None = None

    def emit(self, event: str, **values: Any) -> None:
        events = getattr(self.window, "events", None)
        if events is not None:
            events.emit(event, **values)

    def prepare(self) -> None:
        """Makes the restore point; raises, with the database open again, when it can't be made."""
        window, settings = self.window, self.window.settings
        if settings.restore_point == NONE:
            return
        control = window.guard.connection
        runs, begun = restore_point.chain(window.connection, state.OPEN_STATES)
        if begun:
            found = {item.run_id: item for item in restore_point.points(control, settings)}
            self.point = next((found[run_id] for run_id in runs if run_id in found), None)
            kept = f"restore point {self.point.name} is from before them" if self.point else "there is no restore point"
            log.info(f"earlier runs have begun to change the database: {kept}; no other one is made")
            return
        with restore_point.admin_session(settings, window.name) as admin:
            known = restore_point.facts(admin, settings)
        kind = restore_point.choose(settings, known)
        window.check("making the restore point")
        window.writer.append(state.MAINTENANCE, f"restore point: {kind}", state.POINT)
        window.written(state.MAINTENANCE)
        window.say("making the restore point")
        try:
            opened = pg.opened[settings.db_name]
            if kind == CLONE:
                window.leave()
                try:
                    self.point = restore_point.make_clone(
                        settings, window.name, window.writer.run_id, known, window.guard.held
                    )
                finally:
                    opened = pg.opened[settings.db_name]
                    window.enter()
            else:
                self.point = restore_point.make_dump(
                    settings, window.env, window.name, window.writer.run_id, known, window.guard.held, control,
                    window.beating,
                )  # fmt: skip
        except (RuntimeFailure, psycopg2.Error) as exc:
            if isinstance(exc, LockLost) or not window.guard.held():
                raise
            with contextlib.suppress(psycopg2.Error):
                window.writer.append(state.READY, f"nothing was changed: {exc}"[:4000], state.UNCHANGED)
            if isinstance(exc, psycopg2.Error):
                raise restore_point.NoRestorePoint(
                    f"database {settings.db_name!r}: the restore point could not be made: {one_line(exc)}"
                ) from exc
            raise
        self.since = Since(settings.db_name, opened)
        self.since.watch = restore_point.Watch(settings, window.name, window.writer.run_id)
        point = self.point
        log.info(
            f"restore point {point.name} ({point.kind}, {restore_point.megabytes(point.size)}, {point.seconds:.1f} s)"
        )
        self.emit("restore_point", kind=point.kind, name=point.name, seconds=point.seconds, bytes=point.size)

    def connected(self) -> None:
        """Odoo opened a session in the database."""
        if self.since is not None:
            self.since.child += 1

    def excuse(self, sessions: int, began: float, ended: float) -> None:
        """So many sessions were opened while a program of the user's ran."""
        if self.since is not None:
            self.since.excused += max(sessions, 0)
            self.since.times.append((began, ended))

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """While a program of the user's runs: its sessions can't be told from others' by their number, only by looking."""
        point, since = self.point, self.since
        if point is None or since is None or point.sessions is None:
            yield
            return
        control = self.window.guard.connection
        began, before = _clock(control), (restore_point.session_count(control, point.source)[0] or 0) - since.ours()
        try:
            yield
        finally:
            with contextlib.suppress(psycopg2.Error):
                after = (restore_point.session_count(control, point.source)[0] or 0) - since.ours()
                self.excuse(after - before, began, _clock(control))

    def unchanged(self, why: BaseException) -> None:
        """Opens the database again if nothing was done after the restore point, such as when a backup before it failed."""
        window = self.window
        if self.since is None or not window.guard.held():
            return
        with contextlib.suppress(psycopg2.Error, RuntimeFailure):
            latest = state.read_history(window.connection).latest
            if latest is not None and latest.run_id == window.writer.run_id and latest.result == state.POINT:
                window.writer.append(state.READY, f"nothing was changed: {why}"[:4000], state.UNCHANGED)

    def close(self) -> None:
        if self.since is not None and self.since.watch is not None:
            self.since.watch.stop()

    def done(self) -> None:
        """The window ended well: restore points that are no longer wanted go, and copies that nobody works with any more."""
        settings, control = self.window.settings, self.window.guard.connection
        try:
            for what in (restore_point.REHEARSAL, RESTORING):
                for name in restore_point.leftovers(control, settings.db_name, what):
                    restore_point.drop_database(control, name)
            if settings.restore_point == NONE:
                return
            gone = restore_point.prune(control, self.window.connection, settings, state.OPEN_STATES)
        except (psycopg2.Error, RuntimeFailure, OSError) as exc:
            log.warning(f"old restore points are still there: {one_line(exc)}")
            return
        if gone:
            log.info(
                f"restore points dropped (RESTORE_POINTS_KEEP is {settings.restore_points_keep}): {', '.join(gone)}"
            )

    def failed(self, failure: RuntimeFailure) -> RuntimeFailure:
        """After `failure`, with the state Failed written: goes back if it may, and says what came of it."""
        window, settings, point = self.window, self.window.settings, self.point
        if point is None or not window.guard.held():
            return failure
        if settings.on_failure != ROLLBACK:
            self.emit("held", name=point.name, reason="ON_FAILURE is 'hold'")
            return type(failure)(f"{failure}; {ways(settings, point)}")
        try:
            why = judge(point, self.since, window.guard.connection)
            if why:
                raise NotQuiet(why)
            failed = go_back(window, point, str(failure), self.since)
        except (NotQuiet, psycopg2.Error, RuntimeFailure) as exc:
            if isinstance(exc, (LockLost, Stopped)) or not window.guard.held():
                raise  # the next start finishes it
            held = f"held, not rolled back: {one_line(exc)}"
            log.error(held)
            self.emit("held", name=point.name, reason=one_line(exc))
            with contextlib.suppress(psycopg2.Error, RuntimeFailure):
                if window.connection.closed:
                    window.enter()
                window.writer.append(state.FAILED, f"{failure}; {held}"[:4000], state.HELD)
            return NeedsDecision(f"{failure}; {held}; {ways(settings, point)}")
        self.emit("rolled_back", name=point.name, failed_database=failed)
        return RolledBack(
            f"{failure}; rolled back to the restore point of {point.made}, the failed database is {failed!r}"
        )


def ways(settings: Settings, point: Point) -> str:
    """What a person may do now."""
    return f"MODE=UpdateOnly goes on from here, `odoo-cloud rollback` says what going back to {point.name} would lose"


# Going back


def go_back(actor: Any, point: Point, why: str, since: Since | None) -> str:
    """Gives the name of the database to its restore point; returns the failed database's new name. `actor` has the lock,
    connection, settings, writer, name and env of a window, and leave() and enter(). Without `since` nobody asks who wrote."""
    settings = actor.settings
    failed_run = point.run_id
    failed = restore_point.derived_name(settings.db_name, FAILED_NAME, failed_run)
    with restore_point.admin_session(settings, actor.name) as admin:
        known = restore_point.facts(admin, settings)
        _check(admin, settings, point, known, failed)
    actor.check("rolling back")
    actor.writer.append(state.FAILED, f"rolling back to {point.name}: {why}"[:4000], state.ROLLING_BACK)
    actor.written(state.FAILED)
    actor.say("rolling back")
    log.info(f"rolling back database {settings.db_name!r} to {point.name}")
    with restore_point.admin_session(settings, actor.name) as admin:
        if point.kind == DUMP:
            _restore_dump(actor, admin, point, known)
        _allow_connections(admin, point.name, True)
        try:
            _transfer(actor, point, failed, why)
            actor.leave()
            comment = copy_properties(admin, settings.db_name, point.name)
            swap(actor, point, failed, why, since, comment)
        except (RuntimeFailure, psycopg2.Error):
            with contextlib.suppress(psycopg2.Error):
                _allow_connections(admin, point.name, False)
            raise
    actor.enter()
    log.info(f"database {settings.db_name!r} is the one of {point.made} again; the failed one is {failed!r}")
    return failed


def _exists(admin: Any, name: str) -> bool:
    with admin.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", (name,))
        return cursor.fetchone() is not None


def _allow_connections(admin: Any, name: str, allow: bool) -> None:
    with admin.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS {'true' if allow else 'false'}")


def _check(admin: Any, settings: Settings, point: Point, known: restore_point.Facts, failed: str) -> None:
    """What would stop us half-way."""
    if known.no_rights:
        raise Refused(f"database {settings.db_name!r} can't be rolled back: {known.no_rights}")
    if _exists(admin, failed):
        raise Refused(f"database {failed!r} is there already; rename or drop it")
    if point.kind == DUMP and not _exists(admin, point.name):
        if known.may_clone:
            raise Refused(f"the dump {point.path} can't be restored beside the database: {known.may_clone}")
        restore_point.find_pg_dump(settings, admin.server_version, "pg_restore")


def _restore_dump(actor: Any, admin: Any, point: Point, known: restore_point.Facts) -> None:
    """The dump becomes a database under the restore point's name; a half-restored one never has that name."""
    settings = actor.settings
    if _exists(admin, point.name):
        return
    program = restore_point.find_pg_dump(settings, admin.server_version, "pg_restore")
    half = restore_point.derived_name(settings.db_name, RESTORING, point.run_id)
    restore_point.drop_database(admin, half)
    with admin.cursor() as cursor:
        cursor.execute(
            f"CREATE DATABASE {quoted(half)} OWNER {quoted(known.owner)} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'"
        )
        cursor.execute(restore_point.close_to_public(half, restore_point.PUBLIC_DEFAULT).sql)
    with actor.beating():
        restore_point.run_tool(
            [program, "--no-password", "--exit-on-error", "--no-owner", f"--dbname={half}", point.path],
            restore_point.tool_environment(actor.env, settings, actor.name), actor.guard.held, Refused,
        )  # fmt: skip
    with admin.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {quoted(half)} RENAME TO {quoted(point.name)}")


def _rows(cursor: Any, table: str, where: str = "", values: tuple[Any, ...] = ()) -> list[Any]:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (f"public.{table}",))
    if not cursor.fetchone()[0]:
        return []
    cursor.execute(f"SELECT to_jsonb(t) FROM public.{table} t {where}", values)  # noqa: S608 - our own names
    return [row[0] for row in cursor.fetchall()]


def _transfer(actor: Any, point: Point, failed: str, why: str) -> None:
    """What is known of the failed run goes along: its rows, how its steps went, and the row that opens the database again.
    Steps are kept as a record beside their table, since in that database none of them was done."""
    settings = actor.settings
    with actor.connection.cursor() as cursor:
        history = _rows(cursor, "curq_state_history", "ORDER BY id")
        runs = _rows(cursor, "odoo_cloud_run")
        steps = _rows(cursor, "odoo_cloud_step", "ORDER BY started")
    marks = [row["id"] for row in history if row["run_id"] == point.run_id and row["result"] == state.POINT]
    base = max(marks or [0])
    chain = {row["run_id"] for row in history if row["id"] >= base and row["run_id"]}
    with contextlib.closing(pg.connect(settings, point.name, actor.name)) as target:
        last = state.last_release(target)
        with pg.transaction(target) as cursor:
            cursor.execute("DELETE FROM public.curq_state_history WHERE id > %s", (base,))
            for row in history:
                if row["id"] > base:
                    cursor.execute(
                        "INSERT INTO public.curq_state_history SELECT (jsonb_populate_record("
                        "NULL::public.curq_state_history, %s::jsonb)).*",
                        (json.dumps(row),),
                    )
            cursor.execute(
                "SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence('public.curq_state_history', 'id'),"
                " (SELECT max(id) FROM public.curq_state_history))"
            )
            mine = [row for row in runs if row["run_id"] in chain]
            if mine:
                cursor.execute(migration_table.RUN_SQL)
            for row in mine:
                row["status"] = "rolled_back"
                cursor.execute("DELETE FROM public.odoo_cloud_run WHERE run_id = %s", (row["run_id"],))
                cursor.execute(
                    "INSERT INTO public.odoo_cloud_run SELECT (jsonb_populate_record(NULL::public.odoo_cloud_run,"
                    " %s::jsonb)).*",
                    (json.dumps(row),),
                )
            cursor.execute(RECORD_SQL)
            cursor.execute(
                "INSERT INTO public.odoo_cloud_rollback (run_id, restore_point, failed_database, reason, steps)"
                " VALUES (%s, %s, %s, %s, %s::jsonb) ON CONFLICT (run_id) DO UPDATE SET at = excluded.at,"
                " reason = excluded.reason, steps = excluded.steps",
                (
                    point.run_id, point.name, failed, why[:4000],
                    json.dumps([row for row in steps if row["run_id"] in chain]),
                ),
            )  # fmt: skip
        # The release that failed is not let in again by itself, unless the one before it has the same name.
        wrote = {row["release"] for row in history if row["id"] > base and row["release"]} - {last}
        writer = state.open_writer(
            target, actor.guard, actor.writer.run_id, settings.host, settings.mode,
            next(iter(wrote)) if len(wrote) == 1 else "", settings.actor,
        )  # fmt: skip
        writer.append(
            state.READY,
            f"rolled back to the restore point of {point.made}; the failed database is {failed}; {why}"[:4000],
            state.ROLLED_BACK,
        )


PROPERTIES_SQL = """
SELECT d.oid::int8, d.datconnlimit, pg_catalog.shobj_description(d.oid, 'pg_database'), d.datdba::int8
  FROM pg_catalog.pg_database d WHERE d.datname = %s
"""
GRANTS_SQL = """
SELECT CASE WHEN a.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END, a.privilege_type, a.is_grantable
  FROM pg_catalog.pg_database d, aclexplode(d.datacl) a WHERE d.datname = %s AND a.grantee <> d.datdba
"""
SETTINGS_SQL = """
SELECT coalesce(r.rolname::text, ''), unnest(s.setconfig)
  FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole WHERE s.setdatabase = %s
"""


def copy_properties(admin: Any, source: str, target: str) -> str | None:
    """What belongs to a database and is not copied with its content: rights, settings, limit. Returns its comment."""
    with admin.cursor() as cursor:
        cursor.execute(PROPERTIES_SQL, (source,))
        oid, limit, comment, _owner = cursor.fetchone()
        statements: list[tuple[str, tuple[Any, ...]]] = []
        if limit >= 0:
            statements.append((f"ALTER DATABASE {quoted(target)} CONNECTION LIMIT {int(limit)}", ()))
        cursor.execute(GRANTS_SQL, (source,))
        for role, privilege, grantable in cursor.fetchall():
            to = quoted(role) if role else "PUBLIC"
            option = " WITH GRANT OPTION" if grantable else ""
            statements.append((f"GRANT {privilege} ON DATABASE {quoted(target)} TO {to}{option}", ()))
        cursor.execute(SETTINGS_SQL, (oid,))
        for role, text in cursor.fetchall():
            key, _sign, value = text.partition("=")
            whose = f"ROLE {quoted(role)} IN DATABASE {quoted(target)}" if role else f"DATABASE {quoted(target)}"
            if key in LIST_SETTINGS and not LIST_VALUE.fullmatch(value):
                log.warning(f"database {source!r}: its setting {key} is no list of names and is left out")
            elif key in LIST_SETTINGS:
                statements.append((f"ALTER {whose} SET {quoted(key)} TO {value.replace('%', '%%')}", ()))
            else:
                statements.append((f"ALTER {whose} SET {quoted(key)} TO %s", (value,)))
    for statement, values in statements:
        try:
            with admin.cursor() as cursor:
                cursor.execute(statement, values)
        except psycopg2.Error as exc:
            log.warning(f"{statement}: {one_line(exc)}; an administrator has to do it")
    return comment


def swap(actor: Any, point: Point, failed: str, why: str, since: Since | None, comment: str | None) -> None:
    """Both renamings, in one transaction. We must not be in either database."""
    settings, run_id = actor.settings, actor.writer.run_id
    parameters = lock.held_parameters(settings.db_name, actor.guard.pid)
    restorer = settings.as_restorer()
    with (
        contextlib.closing(pg.connect(restorer, settings.db_maintenance, actor.name)) as session,
        contextlib.closing(pg.connect(restorer, settings.db_maintenance, actor.name)) as ender,
    ):
        for attempt in range(3):
            session.autocommit = False
            work = restore_point.Statement(
                session, f"ALTER DATABASE {quoted(settings.db_name)} RENAME TO {quoted(failed)}"
            )
            work.start()
            try:
                while work.thread.is_alive():
                    found, _stay, _ended = restore_point.end_others(ender, settings.db_name, run_id)
                    if since is not None:
                        since.watch.note(found)
                    restore_point.end_others(ender, point.name, run_id)
                    work.thread.join(0.02)
            finally:
                if work.thread.is_alive():
                    with contextlib.suppress(psycopg2.Error):
                        session.cancel()
                    work.thread.join(30)
            if work.error is None:
                break
            session.rollback()
            if getattr(work.error, "pgcode", "") != restore_point.BUSY or attempt == 2:
                raise Refused(f"database {settings.db_name!r} can't be renamed: {one_line(work.error)}") from work.error
        # From here to the end of the transaction nobody comes in.
        reason = judge(point, since, ender) if since is not None else ""
        if reason:
            session.rollback()
            raise NotQuiet(reason)
        with session.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {quoted(point.name)} RENAME TO {quoted(settings.db_name)}")
            restore_point.comment_sql(cursor, settings.db_name, comment)
            said = {
                "odoo_cloud": "failed database",
                "database": settings.db_name,
                "run_id": point.run_id,
                "why": why[:500],
            }
            restore_point.comment_sql(cursor, failed, json.dumps(said))
            cursor.execute("SELECT " + lock.HELD_SQL, parameters)
            if not cursor.fetchone()[0]:
                session.rollback()
                raise LockLost(f"the lock of database {settings.db_name!r} was lost before it was rolled back")
        session.commit()


# By hand


@dataclass
class Actor:
    """What go_back needs of a window, for those who have none."""

    guard: lock.Lock
    connection: Any
    settings: Settings
    writer: state.Writer
    name: str
    env: Mapping[str, str] = field(default_factory=dict)

    def check(self, before: str) -> None:
        self.guard.check(before)

    def written(self, _name: str) -> None:
        pass

    def say(self, phase: str) -> None:
        pass

    def beating(self) -> Any:
        return contextlib.nullcontext()

    def leave(self) -> None:
        self.connection.close()

    def enter(self) -> None:
        self.connection = pg.connect(self.settings, self.settings.db_name, self.name)


def finish(actor: Any) -> str:
    """Finishes a rollback that a run was cut off in. Returns the failed database's name."""
    settings = actor.settings
    runs, _begun = restore_point.chain(actor.connection, state.OPEN_STATES)
    found = {item.run_id: item for item in restore_point.points(actor.guard.connection, settings)}
    point = next((found[run_id] for run_id in runs if run_id in found), None)
    latest = state.read_history(actor.connection).latest
    said = re.match(r"rolling back to (\S+): (.*)", latest.detail if latest else "", re.DOTALL)
    if said:
        point = next((item for item in found.values() if item.name == said[1]), point)
    if point is None:
        raise NeedsDecision(
            f"database {settings.db_name!r}: a rollback was begun and its restore point is gone;"
            " MODE=UpdateOnly with RESTORE_POINT=none goes on from here"
        )
    return go_back(actor, point, said[2] if said else "the rollback was cut off", None)


def may_finish(settings: Settings, name: str) -> str:
    """Why this container can't roll back; empty when it can."""
    try:
        with restore_point.admin_session(settings, name) as admin:
            return restore_point.facts(admin, settings).no_rights
    except RuntimeFailure as exc:
        return str(exc)


NEWEST_SQL = """
SELECT c.relname, c.reltuples::int8, EXISTS (SELECT 1 FROM pg_catalog.pg_attribute i
       WHERE i.attrelid = c.oid AND i.attname = 'id' AND NOT i.attisdropped)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'write_date' AND NOT a.attisdropped
   AND a.atttypid = 'timestamp'::regtype
"""
SMALL_TABLE = 50000


def newest_write(connection: Any, seconds: float = 10) -> tuple[str, str]:
    """The newest write_date of Odoo's records and their table: of small tables all, of big ones those made last."""
    newest, where = "", ""
    end = time.monotonic() + seconds
    with connection.cursor() as cursor:
        cursor.execute(NEWEST_SQL)
        for table, rows, numbered in cursor.fetchall():
            if time.monotonic() > end:
                break
            ordered = " ORDER BY id DESC LIMIT 1000" if numbered and rows > SMALL_TABLE else ""
            cursor.execute(
                f"SELECT max(write_date)::timestamp(0)::text FROM (SELECT write_date FROM public.{quoted(table)}{ordered}) t"  # noqa: S608
            )
            found = cursor.fetchone()[0]
            if found and found > newest:
                newest, where = found, table
    return newest, where


@dataclass(frozen=True)
class Loss:
    """What going back would take away."""

    point: Point
    minutes: int
    sessions: int | None
    now: list[str]
    newest: str
    table: str

    def words(self, database: str) -> str:
        return f"lose {self.minutes} minutes of {database}"

    def agreed(self, database: str, text: str) -> bool:
        """Whether the text names the minutes; a few more may have gone by since they were read."""
        found = re.fullmatch(r"lose (\d+) minutes? of (\S+)", " ".join(text.split()))
        return bool(found) and found[2] == database and 0 <= self.minutes - int(found[1]) <= GRACE_MINUTES

    def lines(self, database: str) -> list[str]:
        return [
            f"restore point: {self.point.name} ({self.point.kind}), made {self.point.made or 'at a time that is not known'}",
            f"minutes since then: {self.minutes}",
            f"sessions since then, our own counted: {self.sessions if self.sessions is not None else 'not known'}",
            f"sessions now: {len(self.now)}" + (f" ({'; '.join(self.now[:5])})" if self.now else ""),
            f"newest write: {self.newest + ' UTC in ' + self.table if self.newest else 'none found'}",
            "All that was written since the restore point would be out of service; the database as it is now would be kept as"
            f" {restore_point.derived_name(database, FAILED_NAME, self.point.run_id)!r}.",
        ]


def loss(control: Any, database: Any, settings: Settings, point: Point, run_id: str) -> Loss:
    sessions = None
    if point.sessions is not None:
        count, server = restore_point.session_count(control, point.source)
        if count is not None and server == point.server:
            sessions = count - point.sessions
    now = [
        f"{name or 'a session'} of role {role}"
        for _pid, role, name, _since, _idle in restore_point.others(control, settings.db_name, run_id)
    ]
    newest, table = newest_write(database)
    return Loss(point, int(point.age // 60), sessions, now, newest, table)


def command(settings: Settings, env: Mapping[str, str], arguments: list[str], out: Callable[[str], None]) -> int:
    """`odoo-cloud rollback [--to NAME] [--confirm TEXT [--check]]`."""
    options: dict[str, str] = {}
    left = [item for item in arguments if item != "--check"]
    only_check = len(left) < len(arguments)
    while left:
        name = left.pop(0)
        if name not in ("--to", "--confirm") or not left:
            raise UsageError(f"argument {name!r}: rollback takes --to NAME, --confirm TEXT and --check")
        options[name] = left.pop(0)
    run_id = uuid.uuid4().hex[:12]
    name = pg.application_name("rollback", run_id, settings.host)
    control = pg.wait_for_server(settings, name)
    guard = lock.Lock(control, settings.db_name)
    with contextlib.closing(control):
        if not guard.acquire():
            raise Held(f"database {settings.db_name!r}: {lock.held_by(control, settings.db_name)}")
        database = pg.connect(settings, settings.db_name, name)
        try:
            found = restore_point.points(control, settings)
            wanted = options.get("--to")
            point = next((item for item in found if not wanted or item.name == wanted), None)
            if point is None:
                names = ", ".join(item.name for item in found) or "none"
                raise Refused(
                    f"database {settings.db_name!r}: there is no restore point {wanted or ''}; there are: {names}"
                )
            known = loss(control, database, settings, point, run_id)
            if not known.agreed(settings.db_name, options.get("--confirm", "")):
                for line in known.lines(settings.db_name):
                    out(line)
                if "--confirm" in options:
                    out(f"--confirm is {options['--confirm']!r}: it must name the minutes that are lost")
                to = f" --to {point.name}" if wanted else ""
                out(f'to do it: odoo-cloud rollback{to} --confirm "{known.words(settings.db_name)}"')
                return EXIT_DECISION
            if only_check:
                for line in known.lines(settings.db_name):
                    out(line)
                out("--confirm has the right words; it was not done, as --check asks")
                return 0
            writer = state.open_writer(
                database, guard, run_id, settings.host, "rollback", settings.release, settings.actor
            )
            actor = Actor(guard, database, settings, writer, name, env)
            database = None
            try:
                failed = go_back(actor, point, settings.reason or f"by {settings.actor}: {options['--confirm']}", None)
            finally:
                actor.connection.close()
            out(f"database {settings.db_name!r} is the one of {point.made} again; what it was is {failed!r}")
            return 0
        finally:
            if database is not None:
                database.close()
            guard.release()
