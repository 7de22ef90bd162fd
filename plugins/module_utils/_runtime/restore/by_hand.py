# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""`odoo-cloud rollback`: an operator goes back to a restore point, after confirming how many
minutes of work are lost."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Callable

from ..common.config import Settings
from ..common.errors import EXIT_DECISION, Held, Refused, UsageError
from ..common.events import EventFile
from ..database import lock, pg, state
from ..database.derived import FAILED_NAME, derived_name
from ..database.provision import quoted
from . import point as restore_point
from . import rollback
from .point import Point

GRACE_MINUTES = 5  # accepted between displaying the loss and confirming it
NEWEST_SQL = """
SELECT c.relname, c.reltuples::int8, EXISTS (SELECT 1 FROM pg_catalog.pg_attribute i
       WHERE i.attrelid = c.oid AND i.attname = 'id' AND NOT i.attisdropped)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'write_date' AND NOT a.attisdropped
   AND a.atttypid = 'timestamp'::regtype
"""
SMALL_TABLE = 50000


@dataclass
class Operator:
    """The attributes of a window that `rollback.go_back()` needs, for a command that has no window."""

    guard: lock.Lock
    connection: Any
    settings: Settings
    writer: state.Writer
    name: str
    env: Mapping[str, str]
    events: EventFile

    def check(self, before: str) -> None:
        self.guard.check(before)

    def written(self, name: str) -> None:
        self.events.emit("state", state=name)

    def report(self, phase: str) -> None:
        pass

    def beating(self) -> AbstractContextManager[Any]:
        return contextlib.nullcontext()

    def leave(self) -> None:
        self.connection.close()

    def enter(self) -> None:
        self.connection = pg.connect(self.settings, self.settings.db_name, self.name)


def newest_write(connection: Any, seconds: float = 10) -> tuple[str, str]:
    """Return the newest write_date of Odoo's records, and its table; both empty if there is none.
    Of big tables only the last 1000 records are read, and no table after `seconds`."""
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
    """What going back to a restore point would discard."""

    point: Point
    minutes: int  # since the restore point
    sessions: int | None  # opened since then; None: unknown
    now: list[str]  # the current sessions, described
    newest: str  # UTC: the newest write_date
    table: str  # its table

    def words(self, database: str) -> str:
        """Return the text that confirms the loss."""
        return f"lose {self.minutes} minutes of {database}"

    def agreed(self, database: str, text: str) -> bool:
        """Whether the text confirms this loss. Up to `GRACE_MINUTES` more may have passed since it
        was displayed."""
        found = re.fullmatch(r"lose (\d+) minutes? of (\S+)", " ".join(text.split()))
        return bool(found) and found[2] == database and 0 <= self.minutes - int(found[1]) <= GRACE_MINUTES

    def lines(self, database: str) -> list[str]:
        """Return the loss as lines for the operator."""
        return [
            f"restore point: {self.point.name} ({self.point.kind}), created {self.point.made or 'at an unknown time'}",
            f"minutes since then: {self.minutes}",
            f"sessions since then, with our own: {self.sessions if self.sessions is not None else 'not known'}",
            f"sessions now: {len(self.now)}" + (f" ({'; '.join(self.now[:5])})" if self.now else ""),
            f"newest write: {self.newest + ' UTC in ' + self.table if self.newest else 'none found'}",
            "All that was written since the restore point would be out of service; the database as it is now would be kept as"
            f" {derived_name(database, FAILED_NAME, self.point.run_id)!r}.",
        ]


def loss(control: Any, database: Any, settings: Settings, point: Point, run_id: str) -> Loss:
    """Return what going back to a restore point would discard now. `control`, `database`:
    connections to the maintenance database and to the database; `run_id`: the command's own."""
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


def command(
    settings: Settings,
    env: Mapping[str, str],
    arguments: list[str],
    out: Callable[[str], None],
    before: Callable[[lock.Lock], None],
    events: EventFile,
) -> int:
    """Run `odoo-cloud rollback [--to NAME] [--confirm TEXT [--check]]`. Returns the exit code: 85
    until it is confirmed.

    `env`: Odoo's environment; `out`: prints a line; `before`: is called with the lock before the
    first change, when the rollback is confirmed; `events`: of this run, and get the states that are
    written. Raises `UsageError`, `Held` while a run works on the database, `Refused` if there is no
    restore point, and the errors of `rollback.go_back()`.
    """
    options: dict[str, str] = {}
    left = [item for item in arguments if item != "--check"]
    only_check = len(left) < len(arguments)
    while left:
        name = left.pop(0)
        if name not in ("--to", "--confirm") or not left:
            raise UsageError(f"argument {name!r}: rollback takes --to NAME, --confirm TEXT and --check")
        options[name] = left.pop(0)
    run_id = events.run_id
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
            before(guard)
            events.emit("state", state=state.FAILED, detail=f"rolling back to {point.name}")
            writer = state.open_writer(
                database, guard, run_id, settings.host, "rollback", settings.release, settings.actor
            )
            operator = Operator(guard, database, settings, writer, name, env, events)
            database = None
            try:
                failed = rollback.go_back(
                    operator, point, settings.reason or f"by {settings.actor}: {options['--confirm']}", None
                )
            finally:
                operator.connection.close()
            out(f"database {settings.db_name!r} is the one of {point.made} again; what it was is {failed!r}")
            return 0
        finally:
            if database is not None:
                database.close()
            guard.release()
