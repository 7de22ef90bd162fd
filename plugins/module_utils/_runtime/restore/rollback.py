# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Rollback: the database of a failed update gives its name to the restore point, and is kept under
another one.

A run rolls back automatically only if no other session can have written since the restore point
(since.py): the server's count of sessions must equal the number of our own ones, compared while the
server admits no new session. In all other cases an operator decides, who confirms how many minutes
may be lost (by_hand.py).

Both databases are renamed in one transaction, so at every moment there is a database of the name.
Everything before that can be repeated: the decision is recorded in the failed database (a row with
the result `rolling back`), and the next run that takes the lock finishes it.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ..common import log
from ..common.config import Settings
from ..common.errors import LockLost, NeedsDecision, Refused, RuntimeFailure
from ..database import lock, pg, shape, state
from ..database.derived import FAILED_NAME, RESTORING, derived_name
from ..database.pg import one_line, psycopg2
from ..database.provision import give, quoted
from ..migration import table as migration_table
from . import point as restore_point
from .point import DUMP, Point
from .since import NotQuiet, Since, judge

RECORD_SQL = (
    "CREATE TABLE IF NOT EXISTS public.odoo_cloud_rollback (run_id varchar PRIMARY KEY,"
    " at timestamp with time zone NOT NULL DEFAULT clock_timestamp(), restore_point varchar, failed_database varchar,"
    " reason text, steps jsonb NOT NULL DEFAULT '[]')"
)
# The values of these settings are lists that are already quoted. The database's owner wrote them,
# so anything but such a list could contain statements, which would run as the role that copies
# databases.
LIST_SETTINGS = ("search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries")
_ITEM = r'(?:"(?:[^"]|"")*"|[A-Za-z_][A-Za-z0-9_$]*)'
LIST_VALUE = re.compile(rf"\s*(?:{_ITEM}\s*(?:,\s*{_ITEM}\s*)*)?")


class Actor(Protocol):
    """The caller of a rollback: a run's window (run/window.py), or an operator's command
    (by_hand.py). It holds the lock."""

    guard: lock.Lock
    connection: Any  # to the database; replaced by enter()
    settings: Settings
    writer: state.Writer
    name: str  # of its sessions
    env: Mapping[str, str]  # for pg_restore

    def check(self, before: str) -> None:
        """Raise `LockLost` if the lock is not held any more; `before`: the next step, for the
        message."""

    def written(self, name: str) -> None:
        """Note that a row with the state `name` was written."""

    def report(self, phase: str) -> None:
        """Set the description of the current work."""

    def beating(self) -> AbstractContextManager[Any]:
        """Keep the heartbeat while the code within runs."""

    def leave(self) -> None:
        """Disconnect from the database, for work that requires it to have no sessions."""

    def enter(self) -> None:
        """Connect to the database of that name again, which is then another one."""


def go_back(actor: Actor, point: Point, why: str, since: Since | None) -> str:
    """Give the name of the database to its restore point. Returns the failed database's new name.
    Without `since` it isn't checked whether other sessions wrote meanwhile.

    Raises `NotQuiet` if other sessions may have written, `Refused` if the databases can't be
    renamed, `LockLost`.
    """
    settings = actor.settings
    failed_run = point.run_id
    failed = derived_name(settings.db_name, FAILED_NAME, failed_run)
    with restore_point.keeper_session(settings, actor.name) as keeper:
        known = restore_point.facts(keeper, settings)
        _check(keeper, settings, point, known, failed)
    actor.check("rolling back")
    actor.writer.append(state.FAILED, f"rolling back to {point.name}: {why}"[:4000], state.ROLLING_BACK)
    actor.written(state.FAILED)
    actor.report("rolling back")
    log.info(f"rolling back database {settings.db_name!r} to {point.name}")
    with restore_point.keeper_session(settings, actor.name) as keeper:
        if point.kind == DUMP:
            _restore_dump(actor, keeper, point, known)
        try:
            _lend(keeper, point.name, known.owner)
            _transfer(actor, point, failed, why)
            actor.leave()
            comment = copy_properties(keeper, settings.db_name, point.name)
            swap(actor, point, failed, why, since, comment, known.role)
        except (RuntimeFailure, psycopg2.Error):
            with contextlib.suppress(psycopg2.Error):
                _take_back(keeper, point.name, known.role)
            raise
    actor.enter()
    log.info(f"database {settings.db_name!r} is the one of {point.made} again; the failed one is {failed!r}")
    return failed


def _exists(keeper: Any, name: str) -> bool:
    with keeper.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", (name,))
        return cursor.fetchone() is not None


def _lend(keeper: Any, name: str, owner: str) -> None:
    """Gives the restore point to the role that owns the database: it writes the records of the
    failed run, and owns what takes over the name. While a rollback is at work, the role could change
    its restore point, as it could change the database itself."""
    with keeper.cursor() as cursor:
        cursor.execute(give(name, owner))
        cursor.execute(f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS true")


def _take_back(keeper: Any, name: str, role: str) -> None:
    with keeper.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS false")
        cursor.execute(give(name, role))


def _check(keeper: Any, settings: Settings, point: Point, known: restore_point.Facts, failed: str) -> None:
    """Checks for everything that would stop the rollback half-way."""
    if known.no_rights:
        raise Refused(f"database {settings.db_name!r} can't be rolled back: {known.no_rights}")
    if _exists(keeper, failed):
        raise Refused(f"database {failed!r} is there already; rename or drop it")
    if point.kind == DUMP and not _exists(keeper, point.name):
        if known.may_clone:
            raise Refused(f"the dump {point.path} can't be restored beside the database: {known.may_clone}")
        restore_point.find_pg_dump(settings, keeper.server_version, "pg_restore")


def _restore_dump(actor: Actor, keeper: Any, point: Point, known: restore_point.Facts) -> None:
    """Restores the dump into a database with the restore point's name; a half-restored one never
    has that name."""
    settings = actor.settings
    if _exists(keeper, point.name):
        return
    program = restore_point.find_pg_dump(settings, keeper.server_version, "pg_restore")
    half = derived_name(settings.db_name, RESTORING, point.run_id)
    restore_point.drop_database(keeper, half)
    with keeper.cursor() as cursor:
        cursor.execute(
            f"CREATE DATABASE {quoted(half)} OWNER {quoted(known.owner)} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'"
        )
        cursor.execute(restore_point.close_to_public(half, restore_point.PUBLIC_DEFAULT).sql)
    with actor.beating():
        restore_point.run_tool(
            [program, "--no-password", "--exit-on-error", "--no-owner", f"--dbname={half}", point.path],
            restore_point.tool_environment(actor.env, settings, actor.name), actor.guard.held, Refused,
        )  # fmt: skip
    with keeper.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {quoted(half)} RENAME TO {quoted(point.name)}")


def _rows(cursor: Any, table: str, where: str = "", values: tuple[Any, ...] = ()) -> list[Any]:
    if not shape.columns(cursor, migration_table.TABLES[table]):
        return []
    cursor.execute(f"SELECT to_jsonb(t) FROM public.{table} t {where}", values)  # noqa: S608 - our own names
    return [row[0] for row in cursor.fetchall()]


def _transfer(actor: Actor, point: Point, failed: str, why: str) -> None:
    """Copies the records of the failed run to the restore point: its rows, the results of its
    steps, and the row that opens the database again. Steps go to a separate record, because in that
    database none of them was done."""
    settings = actor.settings
    with actor.connection.cursor() as cursor:
        history = state.plain_rows(cursor)
        runs = _rows(cursor, "odoo_cloud_run")
        steps = _rows(cursor, "odoo_cloud_step", "ORDER BY started")
    marks = [row["id"] for row in history if row["run_id"] == point.run_id and row["result"] == state.POINT]
    base = max(marks or [0])
    chain = {row["run_id"] for row in history if row["id"] >= base and row["run_id"]}
    with contextlib.closing(pg.connect(settings, point.name, actor.name)) as target:
        state.read_history(target)  # raises if something else has taken its place
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
            kept = [row for row in runs if row["run_id"] in chain]
            if kept:
                cursor.execute(migration_table.RUN_SQL)
            for row in kept:
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
        # The failed release is not admitted again automatically, unless the previous one has the
        # same name.
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


def copy_properties(keeper: Any, source: str, target: str) -> str | None:
    """Copy the properties of a database that are not part of its content: rights, settings,
    connection limit. Returns its comment."""
    with keeper.cursor() as cursor:
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
            with keeper.cursor() as cursor:
                cursor.execute(statement, values)
        except psycopg2.Error as exc:
            log.warning(f"{statement}: {one_line(exc)}; an administrator has to do it")
    return comment


def swap(
    actor: Actor, point: Point, failed: str, why: str, since: Since | None, comment: str | None, keeper: str
) -> None:
    """Rename both databases in one transaction, and give the failed one to the role `keeper`. The
    caller must not be connected to either of them.

    Raises `Refused`, `NotQuiet` or `LockLost`; then neither is renamed.
    """
    settings, run_id = actor.settings, actor.writer.run_id
    parameters = lock.held_parameters(settings.db_name, actor.guard.pid)
    as_keeper = settings.as_keeper()
    with (
        contextlib.closing(pg.connect(as_keeper, settings.db_maintenance, actor.name)) as session,
        contextlib.closing(pg.connect(as_keeper, settings.db_maintenance, actor.name)) as ender,
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
        # From here to the end of the transaction no session can connect.
        reason = judge(point, since, ender) if since is not None else ""
        if reason:
            session.rollback()
            raise NotQuiet(reason)
        with session.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {quoted(point.name)} RENAME TO {quoted(settings.db_name)}")
            restore_point.comment_sql(cursor, settings.db_name, comment)
            failed_comment = {
                "odoo_cloud": "failed database",
                "database": settings.db_name,
                "run_id": point.run_id,
                "why": why[:500],
            }
            restore_point.comment_sql(cursor, failed, json.dumps(failed_comment))
            cursor.execute(give(failed, keeper))
            cursor.execute("SELECT " + lock.HELD_SQL, parameters)
            if not cursor.fetchone()[0]:
                session.rollback()
                raise LockLost(f"the lock of database {settings.db_name!r} was lost before it was rolled back")
        session.commit()


def finish(actor: Actor) -> str:
    """Finish a rollback during which a run was interrupted. Returns the failed database's name.

    Raises `NeedsDecision` if its restore point is gone, and the errors of `go_back()`.
    """
    settings = actor.settings
    runs, _begun = restore_point.chain(actor.connection, state.OPEN_STATES)
    found = {item.run_id: item for item in restore_point.points(actor.guard.connection, settings)}
    point = next((found[run_id] for run_id in runs if run_id in found), None)
    latest = state.read_history(actor.connection).latest
    decided = re.match(r"rolling back to (\S+): (.*)", latest.detail if latest else "", re.DOTALL)
    if decided:
        point = next((item for item in found.values() if item.name == decided[1]), point)
    if point is None:
        raise NeedsDecision(
            f"database {settings.db_name!r}: a rollback was begun and its restore point is gone;"
            " MODE=UpdateOnly with RESTORE_POINT=none goes on from here"
        )
    return go_back(actor, point, decided[2] if decided else "the rollback was cut off", None)


def may_finish(settings: Settings, name: str) -> str:
    """Explain why this container can't roll back; empty if it can."""
    try:
        with restore_point.keeper_session(settings, name) as keeper:
            return restore_point.facts(keeper, settings).no_rights
    except RuntimeFailure as exc:
        return str(exc)
