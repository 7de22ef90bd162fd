# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Whether other sessions may have written since a restore point: the server's count of sessions is
compared with the number of our own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..common.config import Settings
from ..common.errors import RuntimeFailure
from ..database import pg
from ..database.pg import psycopg2
from . import point as restore_point
from .point import Point, Watch

END_SECONDS = 2  # for sessions of a program that has ended


class NotQuiet(RuntimeFailure):
    """Other sessions may have written since the restore point."""


@dataclass
class Since:
    """Sessions that are accounted for since the restore point."""

    database: str
    opened: int  # by this process, until the restore point
    watch: Watch
    child: int = 0  # by Odoo, which reports each one
    excused: int = 0  # opened while one of the user's programs ran
    # Start and end of those programs, in seconds of the server's clock
    times: list[tuple[float, float]] = field(default_factory=list)

    def ours(self) -> int:
        """Return the number of our own sessions."""
        return pg.opened[self.database] - self.opened + self.child + self.excused


class Ledger:
    """Counts a run's own sessions in its database. Before `begin()` there is no restore point, and
    it counts nothing."""

    def __init__(self, control: Any) -> None:
        """`control`: the connection to the maintenance database."""
        self.control = control
        self.point: Point | None = None
        self.since: Since | None = None

    def begin(self, settings: Settings, name: str, run_id: str, point: Point, opened: int) -> None:
        """Start counting at a new restore point. `opened`: how many sessions this process had
        opened by then; `name`: application name of the run's sessions."""
        self.point = point
        self.since = Since(settings.db_name, opened, Watch(settings, name, run_id))

    def connected(self) -> None:
        """Count a session that Odoo opened in the database."""
        if self.since is not None:
            self.since.child += 1

    def excuse(self, sessions: int, began: float, ended: float) -> None:
        """Count sessions that were opened while one of the user's programs ran. `began`, `ended`:
        seconds of the server's clock."""
        if self.since is not None:
            self.since.excused += max(sessions, 0)
            self.since.times.append((began, ended))

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """Account for the sessions of a user's program that runs within: their number doesn't
        distinguish them from others, only observing them does."""
        point, since = self.point, self.since
        if point is None or since is None or point.sessions is None:
            yield
            return
        control = self.control
        began, before = _clock(control), (restore_point.session_count(control, point.source)[0] or 0) - since.ours()
        try:
            yield
        finally:
            with contextlib.suppress(psycopg2.Error):
                _wait_for_ends(control, since.watch, began)
                after = (restore_point.session_count(control, point.source)[0] or 0) - since.ours()
                self.excuse(after - before, began, _clock(control))

    def close(self) -> None:
        """Stop watching."""
        if self.since is not None:
            self.since.watch.stop()


def _wait_for_ends(control: Any, watch: Watch, began: float) -> None:
    """Wait up to `END_SECONDS` until the sessions that were opened since `began` have ended. A program
    ends before its sessions do, and the server counts a short session only when that ends."""
    limit = time.monotonic() + END_SECONDS
    while time.monotonic() < limit:
        found = restore_point.others(control, watch.settings.db_name, watch.run_id)
        if not any(since >= began for _pid, _role, _name, since, _idle in found):
            return
        time.sleep(0.02)


def _clock(connection: Any) -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8")
        return cursor.fetchone()[0]


def judge(point: Point, since: Since | None, connection: Any) -> str:
    """Explain why other sessions may have written since the restore point; empty if none can have.
    `since`: `None` if another run created the point; `connection`: to the maintenance database."""
    if since is None:
        return "another run created the restore point, so it is not known who has connected since"
    if point.sessions is None:
        if connection.server_version < restore_point.COUNTED_FROM:
            return "this server does not count sessions exactly (PostgreSQL 15 and newer do), so it is not known who has connected"
        return "somebody was connected to the database while the restore point was created"
    for _attempt in range(4):
        # Sampled before counting: a session that is sampled but not counted would hide another one.
        since.watch.sample(connection)
        harmless, writers = since.watch.split(connection, since.times)
        count, server = restore_point.session_count(connection, point.source)
        if server != point.server or count is None:
            return "the server's statistics were reset since the restore point, so it is not known who has connected"
        unknown = count - point.sessions - since.ours()
        if unknown <= harmless:
            break
        time.sleep(0.05)  # perhaps one of our own containers that has just connected
    if writers:
        return f"others came in since the restore point: {', '.join(dict.fromkeys(writers))}"
    if unknown > harmless:
        return f"{unknown - harmless} sessions of other processes were opened since the restore point"
    if unknown < 0:
        return "the server counted fewer sessions than this run had since the restore point, so it is not known who has connected"
    return ""
