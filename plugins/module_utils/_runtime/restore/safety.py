# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Protects a run's window: a restore point before its first change, and the rollback when it fails."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

from ..common import log
from ..common.errors import LockLost, NeedsDecision, RolledBack, RuntimeFailure, Stopped
from ..common.events import EventFile
from ..database import pg, state
from ..database.derived import REHEARSAL, RESTORING
from ..database.pg import one_line, psycopg2
from . import point as restore_point
from . import rollback
from .point import CLONE, NONE, Point
from .since import Ledger, NotQuiet, judge

ROLLBACK = "rollback"  # of ON_FAILURE


class LastState(Protocol):
    """The state of the row that a run wrote last."""

    state: str


class GuardedWindow(rollback.Actor, Protocol):
    """What is needed of a window: the attributes for a rollback, and those of its own run."""

    events: EventFile
    ledger: Ledger

    @property
    def progress(self) -> LastState:
        """The progress, with the state of the row that the run wrote last."""


@contextlib.contextmanager
def guarded(window: GuardedWindow) -> Iterator[None]:
    """Create the restore point before a window's work, and handle the failure of that work.

    Raises `NoRestorePoint`, with the database open again and nothing changed, if none can be
    created. A failure inside becomes `RolledBack` if the database was rolled back, `NeedsDecision`
    if an operator has to decide, otherwise it is raised unchanged.
    """
    safety = Safety(window)
    safety.prepare()
    try:
        yield
        safety.done()
    except RuntimeFailure as exc:
        if window.progress.state != state.FAILED:
            safety.unchanged(exc)
            raise  # no failure: the lock was lost, the run was stopped, or it had not begun
        outcome = safety.failed(exc)
        if outcome is exc:
            raise
        raise outcome from exc
    finally:
        window.ledger.close()


class Safety:
    """The restore point of one window, or that of an earlier run which the window resumes."""

    def __init__(self, window: GuardedWindow) -> None:
        self.window = window
        self.point: Point | None = None

    def prepare(self) -> None:
        """Create the restore point. Raises, with the database open again, if that is not possible."""
        window, settings = self.window, self.window.settings
        if settings.restore_point == NONE:
            return
        control = window.guard.connection
        runs, begun = restore_point.chain(window.connection, state.OPEN_STATES)
        if begun:
            found = {item.run_id: item for item in restore_point.points(control, settings)}
            self.point = next((found[run_id] for run_id in runs if run_id in found), None)
            kept = f"restore point {self.point.name} is from before them" if self.point else "there is no restore point"
            log.info(f"earlier runs have begun to change the database: {kept}; no other one is created")
            return
        with restore_point.keeper_session(settings, window.name) as keeper:
            known = restore_point.facts(keeper, settings)
        kind = restore_point.choose(settings, known)
        window.check("creating the restore point")
        window.writer.append(state.MAINTENANCE, f"restore point: {kind}", state.POINT)
        window.written(state.MAINTENANCE)
        window.report("creating the restore point")
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
                    f"database {settings.db_name!r}: the restore point could not be created: {one_line(exc)}"
                ) from exc
            raise
        point = self.point
        window.ledger.begin(settings, window.name, window.writer.run_id, point, opened)
        log.info(
            f"restore point {point.name} ({point.kind}, {restore_point.megabytes(point.size)}, {point.seconds:.1f} s)"
        )
        self._emit("restore_point", kind=point.kind, name=point.name, seconds=point.seconds, bytes=point.size)

    def unchanged(self, why: BaseException) -> None:
        """Open the database again if nothing was done after the restore point, for example because
        a backup failed."""
        window = self.window
        if window.ledger.since is None or not window.guard.held():
            return
        with contextlib.suppress(psycopg2.Error, RuntimeFailure):
            latest = state.read_history(window.connection).latest
            if latest is not None and latest.run_id == window.writer.run_id and latest.result == state.POINT:
                window.writer.append(state.READY, f"nothing was changed: {why}"[:4000], state.UNCHANGED)

    def done(self) -> None:
        """After a successful window, drop restore points that are no longer kept, and copies whose
        creator is gone."""
        settings, control = self.window.settings, self.window.guard.connection
        try:
            for what in (REHEARSAL, RESTORING):
                for name in restore_point.leftovers(control, settings.db_name, what):
                    restore_point.drop_database(control, name)
            if settings.restore_point == NONE:
                return
            with restore_point.keeper_session(settings, self.window.name) as keeper:
                gone = restore_point.prune(keeper, self.window.connection, settings, state.OPEN_STATES)
        except (psycopg2.Error, RuntimeFailure, OSError) as exc:
            log.warning(f"old restore points are still there: {one_line(exc)}")
            return
        if gone:
            log.info(
                f"restore points dropped (RESTORE_POINTS_KEEP is {settings.restore_points_keep}): {', '.join(gone)}"
            )

    def failed(self, failure: RuntimeFailure) -> RuntimeFailure:
        """After `failure`, with the state Failed written, roll back if that is allowed. Returns the
        failure to raise, with the outcome in its message."""
        window, settings, point = self.window, self.window.settings, self.point
        if point is None or not window.guard.held():
            return failure
        if settings.on_failure != ROLLBACK:
            self._emit("held", name=point.name, reason="ON_FAILURE is 'hold'")
            return type(failure)(f"{failure}; {_ways(point)}")
        try:
            why = judge(point, window.ledger.since, window.guard.connection)
            if why:
                raise NotQuiet(why)
            failed = rollback.go_back(window, point, str(failure), window.ledger.since)
        except (NotQuiet, psycopg2.Error, RuntimeFailure) as exc:
            if isinstance(exc, (LockLost, Stopped)) or not window.guard.held():
                raise  # the next start finishes it
            held = f"held, not rolled back: {one_line(exc)}"
            log.error(held)
            self._emit("held", name=point.name, reason=one_line(exc))
            with contextlib.suppress(psycopg2.Error, RuntimeFailure):
                if window.connection.closed:
                    window.enter()
                window.writer.append(state.FAILED, f"{failure}; {held}"[:4000], state.HELD)
            return NeedsDecision(f"{failure}; {held}; {_ways(point)}")
        self._emit("rolled_back", name=point.name, failed_database=failed)
        return RolledBack(
            f"{failure}; rolled back to the restore point of {point.made}, the failed database is {failed!r}"
        )

    def _emit(self, event: str, **values: Any) -> None:
        self.window.events.emit(event, **values)


def _ways(point: Point) -> str:
    """The options of the operator now."""
    return f"MODE=UpdateOnly goes on from here, `odoo-cloud rollback` says what going back to {point.name} would lose"
