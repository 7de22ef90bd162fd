# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The gate: between the container's start and Odoo. Waits for the database, takes its lock, and
does the mode's work under it.

planning.py and database/state.py decide what has to be done; installation.py, update.py and
restore/ do it.
"""

from __future__ import annotations

import dataclasses
import enum
import random
import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..addons import install, update_plan
from ..boot.parent import OdooProcess
from ..common import log
from ..common.config import Settings
from ..common.errors import (
    AuthenticationFailed,
    Held,
    InitFailed,
    Refused,
    ResetWritten,
    RolledBack,
    Unreachable,
    UpdateFailed,
    WaitTimeout,
)
from ..common.events import EventFile
from ..database import lock, override, pg, shape, state
from ..database.pg import psycopg2
from ..migration import work as migration_work
from ..restore import rollback, safety
from . import go_ahead, hooks, installation, update
from .connections import POLL_SECONDS, Connections, provide_database
from .module_changes import ModuleChanges
from .planning import IDLE_MODES, Planner
from .progress import Progress
from .status import describe
from .window import Window

if TYPE_CHECKING:
    from .waiting_page import Waiting

REPORT_SECONDS = 10.0


class Next(enum.Enum):
    """What follows an attempt to pass the gate."""

    GO_ON = "go on"  # the mode's work is done and the database is open
    WAIT = "wait"  # another process has to do something first
    AGAIN = "again"  # something was done, so the database is read again immediately


@dataclasses.dataclass(frozen=True)
class Attempt:
    """The result of one attempt to pass the gate."""

    next: Next
    reason: str  # one line; for WAIT: what has to change


class Stillness:
    """Measures how long a holder's heartbeat has not changed, by our own monotonic clock, so that a
    clock that jumps ends no run."""

    def __init__(self) -> None:
        self.seen: tuple[str, str] | None = None
        self.since = 0.0

    def seconds(self, run_id: str, heartbeat: str, now: float) -> float:
        """Return for how many seconds this run has had this heartbeat; `now`: seconds of
        `time.monotonic()`."""
        if self.seen != (run_id, heartbeat):
            self.seen, self.since = (run_id, heartbeat), now
        return now - self.since


class Gate:
    """Does the mode's work until Odoo may run on the database, or raises."""

    def __init__(
        self,
        settings: Settings,
        env: Mapping[str, str],
        hook_env: Mapping[str, str] | None = None,
        run_id: str = "",
        events: EventFile | None = None,
        source: migration_work.Source | None = None,
    ) -> None:
        """Prepare the gate for one run.

        - `env`: Odoo's environment.
        - `hook_env`: that of hooks, which also has the container's own variables; by default
          Odoo's.
        - `run_id`: 12 hex digits; by default new ones.
        - `events`: file for events; by default none.
        - `source`: MIGRATION_FILE and STEPS if they were read already.
        """
        self.settings = settings
        self.env = env
        self.hook_env = hook_env if hook_env is not None else env
        self.run_id = run_id or uuid.uuid4().hex[:12]
        self.name = pg.application_name(settings.mode, self.run_id, settings.host)
        self.events = events or EventFile()
        self.connections = Connections(settings, self.name)
        self.planner = Planner(settings, env, self.connections, source)
        self.progress = Progress()
        self.changed = False  # whether a window was opened
        self._seen: int | None = None  # id of the history's latest row at the start
        self._latest: state.Entry | None = None
        self._held: lock.Holder | None = None
        self._awaited = ""  # the holder of the lock that was last reported to the caller
        self._may_change = not settings.go_ahead_timeout
        self._stillness = Stillness()
        self._waiting_since = time.monotonic()  # for TIMEOUT; restarts while a live run is working
        self._page: Waiting | None = None
        self._process: OdooProcess | None = None

    def close(self) -> None:
        """Stop the waiting page and close both connections."""
        if self._page is not None:
            self._page.stop()
            self._page = None
        self.connections.close()

    def open_page(self) -> None:
        """Answer 503 on the port from now on, in modes that serve afterwards or with WAITING_PAGE.
        Does nothing while the replicas that the page replaces still serve."""
        if not self._may_change:
            return
        if self._page is None and (self.settings.serving or self.settings.waiting_page):
            from .waiting_page import Waiting

            self._page = Waiting(
                self.settings.http_port,
                lambda: describe(self.settings, self.run_id, self._latest, self._held, self.progress),
            )
            self._page.start()

    def connect(self) -> None:
        """Open the connections that aren't open, showing the waiting page meanwhile. Modes that
        install create the database first if they may.

        Raises the errors of `provide_database()` and `Connections.open()`.
        """
        if self.connections.complete:
            return
        if self.settings.installing:
            provide_database(self.settings, self.name, self.open_page)
        self.connections.open(self.open_page)

    def disconnect(self) -> None:
        """Close both connections after an error; the next `connect()` opens new ones."""
        self.connections.close()
        self._stillness = Stillness()  # the heartbeat was not observed all the time

    def at_rest(self) -> None:
        """Reset the progress: this run is doing nothing now, so the waiting page shows other runs."""
        self.progress = Progress()

    # Waiting

    def pass_through(self) -> None:
        """Wait until the mode's work is done and the database is open.

        Raises `WaitTimeout` after TIMEOUT seconds in which no run worked on the database,
        `Unreachable` and `AuthenticationFailed` if it can't be reached, `Held` and `Refused` if
        this mode doesn't wait, and the failure of the work that it did.
        """
        settings = self.settings
        started = time.monotonic()
        reported = started - REPORT_SECONDS + 2  # waiting less than 2 s is not logged
        troubles = 0
        reason = ""
        while True:
            self._held = None
            try:
                self.connect()
                attempt = self.attempt()
                reason = attempt.reason
                self.at_rest()
                troubles = 0
                if attempt.next is Next.GO_ON:
                    return
                if attempt.next is Next.AGAIN:
                    continue
                self._held = lock.holder(self.connections.control, settings.db_name)
                self._end_silent_holder()
            except psycopg2.OperationalError as exc:
                # the server went away while we waited (restart, failover), or has no free
                # connection: continue to wait
                self.disconnect()
                troubles += 1
                reason = pg.one_line(exc)
                if pg.classify(reason, settings.db_name, settings.db_user) is AuthenticationFailed:
                    raise AuthenticationFailed(
                        f"{settings.user_variable} is {settings.db_user!r}: may not use database {settings.db_name!r}: {reason}"
                    ) from exc
                if troubles > 1 and time.monotonic() - started > settings.db_wait_timeout:
                    raise Unreachable(f"database {settings.db_name!r} cannot be reached: {reason}") from exc
            except psycopg2.InterfaceError:
                self.disconnect()
                troubles += 1
            self.open_page()
            self._report_awaited("" if self._held is None else str(self._held))
            now = time.monotonic()
            if self._held is not None:
                # TIMEOUT counts only while no run is working; a live run may take as long as it
                # needs.
                self._waiting_since = now
            left = self._waiting_since + settings.timeout - now
            if left <= 0:
                raise WaitTimeout(
                    f"database {settings.db_name!r} is not ready after {now - self._waiting_since:.0f} s in which no run worked"
                    f" on it (TIMEOUT): {reason}"
                )
            if now - reported >= REPORT_SECONDS:
                reported = now
                if self._held is not None:
                    log.info(
                        f"waiting for database {settings.db_name!r}: {self._held} works on it; {reason or 'just starting'}"
                    )
                else:
                    log.info(
                        f"waiting for database {settings.db_name!r}, {left:.0f} s left: no run works on it;"
                        f" {reason or 'just starting'}"
                    )
            time.sleep(min(POLL_SECONDS * random.uniform(0.7, 1.3), max(left, 0.05)))

    def _report_awaited(self, holder: str) -> None:
        """Emits one event for each holder that blocks, for the caller that waits for this run."""
        if holder and holder != self._awaited:
            self.events.emit("lock_awaited", holder=holder, database=self.settings.db_name)
        self._awaited = holder or self._awaited

    def _not_yet(self, guard: lock.Lock) -> str:
        """Why the database can't be changed yet, empty if it can. With GO_AHEAD_TIMEOUT the lock is
        kept and the caller notified, until it signals that the replicas are stopped. They are not
        stopped for a run that has to wait itself."""
        settings = self.settings
        if self._may_change:
            return ""
        others = lock.OtherTools(self.connections.database, settings.db_name)
        tool = others.acquire()
        others.release()
        if tool:
            self._report_awaited(tool)
            return f"{tool} works on the database"
        go_ahead.wait(guard, settings.go_ahead_timeout, self.events)
        self._may_change = True
        return ""

    def _end_silent_holder(self) -> None:
        """Ends a run that holds the lock and has not updated its heartbeat for HOLDER_TIMEOUT,
        because its machine hangs."""
        held, latest, limit = self._held, self._latest, self.settings.holder_timeout
        if held is None or latest is None or not limit:
            return
        run_id = held.parsed().get("run_id") or ""
        if not run_id or latest.run_id != run_id or latest.open:
            return  # not one of our windows, which have a heartbeat
        if not self.settings.updating and latest.release != self.settings.release:
            return  # a container that ends a run must be able to finish its work
        still = self._stillness.seconds(run_id, latest.heartbeat, time.monotonic())
        if still < limit:
            return
        log.warning(
            f"{held} has shown no sign of life for {still:.0f} s (HOLDER_TIMEOUT is {limit:.0f} s): its sessions are ended"
        )
        guard = lock.Lock(self.connections.control, self.settings.db_name)
        try:
            ended = lock.take_over(guard, held)
        except Held as exc:
            log.warning(str(exc))
            return
        try:
            writer = self._open_writer(guard)
            writer.append(
                latest.state, f"taken over from run {run_id} on {latest.host}, {ended} sessions ended", "taken over"
            )
        finally:
            guard.release()

    # One attempt

    def attempt(self) -> Attempt:
        """Read the database once, and do the next step if it is this container's. The connections
        must be open.

        Raises `Held` if another run has the lock and this mode doesn't wait, and the errors of the
        step.
        """
        settings = self.settings
        self.planner.start_over()
        try:
            history = state.read_history(self.connections.database)
        except shape.Unusable as exc:
            return self._without_history(exc)
        latest = self._latest = history.latest
        if settings.mode == "Init" and history.ever_open:
            return Attempt(Next.GO_ON, "it is there")
        if state.looks_open(history):
            contents = self.planner.contents()
            self.planner.check_series(contents)
            rolled_back = latest is not None and state.failed_here(latest, settings)
            if contents.initialised and not rolled_back and not self.planner.has_work(latest):
                self.planner.warn_of_leftovers(latest, contents)
                return Attempt(Next.GO_ON, f"state {latest}")
        if self._seen is None:
            self._seen = latest.id if latest is not None else 0
        self._share_failure(latest)
        if settings.updating and lock.holder(self.connections.control, settings.db_name) is None:
            self._refuse_early(history)
        guard = lock.Lock(self.connections.control, settings.db_name)
        if not guard.acquire():
            if not settings.wait:
                raise Held(
                    f"database {settings.db_name!r}: {lock.held_by(self.connections.control, settings.db_name)}; MODE is"
                    f" {settings.mode}, which does not wait (WAIT=True does)"
                )
            reason = f"state {latest}" if latest is not None else "no state yet"
            return Attempt(Next.WAIT, lock.stranger(self.connections.control, settings.db_name) or reason)
        try:
            return self._locked(guard)
        finally:
            if self._process is not None:
                self._process.close()
                self._process = None
            guard.release()

    def _refuse_early(self, history: state.History) -> None:
        """Refuses before taking the lock what can't be done."""
        work = self.planner.steps()
        if history.first_installation or not self.planner.contents().initialised:
            work.check()
            return
        plan, work = self.planner.decide(resume=not state.looks_open(history))
        self.planner.check(plan, work)

    def _without_history(self, why: shape.Unusable) -> Attempt:
        """What becomes of a database whose history is no plain table: only an operator opens it."""
        settings, database = self.settings, self.connections.database
        if not settings.forcing:
            if settings.serving:
                return Attempt(Next.WAIT, str(why))
            raise why
        contents = self.planner.contents()
        self.planner.check_series(contents)
        if not contents.initialised:
            raise Refused(f"database {settings.db_name!r} is not opened: module base is not installed, and {why}")
        done = override.force(
            self.connections.control, database, settings.db_name, state.FORCE_READY, settings.actor, settings.reason,
            host=settings.host, run_id=self.run_id, mode=settings.mode, release=settings.release,
        )  # fmt: skip
        log.warning(f"Force Ready: database {settings.db_name!r}: {why}; it is kept as {done.set_aside}")
        return Attempt(Next.GO_ON if settings.mode == "ForceReadyState" else Next.AGAIN, str(why))

    def _share_failure(self, latest: state.Entry | None) -> None:
        """Fails this container if the run that it waited for failed, so that ten replicas don't try
        ten times in a row."""
        settings = self.settings
        if latest is None or not latest.ours or latest.state != state.FAILED or latest.id <= (self._seen or 0):
            return
        if settings.mode in ("RunOnly", "ForceRunOnly") or latest.run_id == self.run_id:
            return  # these modes don't try; they wait until an operator has acted
        failure = UpdateFailed if settings.updating else InitFailed
        raise failure(f"run {latest.run_id} on {latest.host}, for which we waited, failed: {latest.detail}")

    # Under the lock

    def _locked(self, guard: lock.Lock) -> Attempt:
        """Does what the state requires, decided again now that no other run can change it."""
        settings, database = self.settings, self.connections.database
        history, contents = state.read_history(database), self.planner.contents()
        latest = self._latest = history.latest
        self.planner.check_series(contents)
        self._share_failure(latest)
        action, why = state.decide(history, contents, settings, state.identity(database))
        if action is state.Action.WAIT:
            if not settings.wait and not settings.serving:
                raise Refused(f"database {settings.db_name!r}: {why}; MODE is {settings.mode}, which does not wait")
            return Attempt(Next.WAIT, why)
        if action is state.Action.REFUSE:
            raise Refused(f"database {settings.db_name!r} is not opened: {why}")
        if action is state.Action.RUN:
            return self._work(guard, latest, contents)
        if action is state.Action.INITIALISE:
            self.open_page()
            self.changed = True
            window = self.window(guard)
            installation.perform(window, ModuleChanges(window, self._process, first=True), why)
            # An update mode also has its own work, such as the steps of a migration.
            return Attempt(Next.AGAIN if settings.updating else Next.GO_ON, "initialised")
        if action is state.Action.RESUME:
            return self._resume(guard, why)
        if action is state.Action.ROLL_BACK:
            return self._finish_rollback(guard, why)
        writer = self._open_writer(guard)
        if action is state.Action.UNCHANGED:
            writer.append(state.READY, why, state.UNCHANGED)
            log.info(f"Ready: database {settings.db_name!r}: {why}")
            return Attempt(Next.AGAIN, why)
        if action is state.Action.ADOPT:
            if settings.mode == "Init":
                return Attempt(Next.GO_ON, "it is there")
            writer.append(state.READY, "adopted", "ok")
            log.info(f"Ready: database {settings.db_name!r} adopted: {why}")
            return Attempt(Next.AGAIN, why)
        if action is state.Action.FORCE:
            reason = f"{settings.reason or 'no REASON given'}; before: {why}"
            writer.append(state.FORCE_READY, reason[:4000], "forced")
            log.warning(f"Force Ready: database {settings.db_name!r}: {reason}")
            return Attempt(Next.GO_ON if settings.mode == "ForceReadyState" else Next.AGAIN, why)
        writer.append(state.RESET, why, "reset")
        raise ResetWritten(f"database {settings.db_name!r}: {why}; Reset written (TIMEOUT), the next start goes on")

    def _work(self, guard: lock.Lock, latest: state.Entry | None, contents: state.Contents) -> Attempt:
        """The mode's own work on an open database, planned again."""
        settings, planner = self.settings, self.planner
        if settings.mode not in IDLE_MODES:
            self._start_odoo()
            plan, work = planner.decide()
            planner.last_plan = plan
            planner.check(plan, work)
            if not plan.empty or not work.empty or planner.hooks_due():
                later = self._not_yet(guard)
                if later:
                    return Attempt(Next.WAIT, later)
                self.open_page()
                self._update(guard, plan, "" if not (plan.empty and work.empty) else "the hooks changed", work)
                return Attempt(Next.GO_ON, "updated")
            if plan.stuck:
                guard.check("taking back what can't be done")
                update_plan.put_back(self.connections.database, plan.stuck)
                contents = dataclasses.replace(contents, stuck=())
            if planner.unrecorded(latest):
                self._open_writer(guard).append(state.READY, "nothing to change in this release", "ok")
                log.info(f"Ready: nothing to change in release {settings.release}")
        planner.warn_of_leftovers(latest, contents)
        return Attempt(Next.GO_ON, f"state {latest}")

    def _resume(self, guard: lock.Lock, why: str) -> Attempt:
        """Finishes what an interrupted run left. An update mode also does its own work."""
        settings, planner = self.settings, self.planner
        begun = "" if settings.updating else migration_work.unfinished(self.connections.database)
        if begun:  # finishing only the modules would open a half-migrated database
            why = f"{why}; {begun}, MODE=UpdateOnly goes on with it"
            if settings.serving:
                return Attempt(Next.WAIT, why)
            raise Refused(f"database {settings.db_name!r} is not opened: {why}")
        plan, work = planner.decide(resume=True)
        planner.check(plan, work)
        later = self._not_yet(guard)
        if later:
            return Attempt(Next.WAIT, later)
        self.open_page()
        log.info(f"resuming: {why}")
        self._update(guard, plan, "resumed: " + why, work)
        return Attempt(Next.AGAIN, "resumed")

    def _finish_rollback(self, guard: lock.Lock, why: str) -> Attempt:
        settings = self.settings
        self.open_page()
        missing = rollback.may_finish(settings, self.name)
        if missing:
            why = f"{why}, and this container can't finish it: {missing}"
            if settings.wait or settings.serving:
                return Attempt(Next.WAIT, why)
            raise Refused(f"database {settings.db_name!r}: {why}")
        later = self._not_yet(guard)
        if later:
            return Attempt(Next.WAIT, later)
        self.open_page()
        log.info(f"finishing the rollback: {why}")
        failed = rollback.finish(self.window(guard))
        if settings.serving:
            return Attempt(Next.AGAIN, "rolled back")
        raise RolledBack(f"database {settings.db_name!r}: {why}; it was finished, the failed database is {failed!r}")

    def _start_odoo(self) -> None:
        """Imports Odoo in the background while the plan is made again and recorded. Not if hooks
        run first, which may change what is imported."""
        if self.planner.needs_odoo and not hooks.find(self.settings, "pre-update"):
            self._process = OdooProcess(self.env, (self.settings.version, install.odoo_executable(self.settings)))
            self._process.start()

    def _update(self, guard: lock.Lock, plan: update_plan.ModulePlan, reason: str, work: migration_work.Work) -> None:
        """A window that updates, protected by a restore point."""
        planner = self.planner
        self.changed = True
        self.events.emit("plan", plan=planner.as_data(plan, work, planner.hooks_due(), reason))
        window = self.window(guard)
        with safety.guarded(window):
            update.perform(window, ModuleChanges(window, self._process), plan, reason, work)
        planner.steps_are_done()

    def window(self, guard: lock.Lock) -> Window:
        """Return a window for the work to be done now. `guard`: the lock, which must be held.
        Raises `ConfigError` for a hook that can't be run."""
        return Window(
            guard,
            self.connections.database,
            self.settings,
            self._open_writer(guard),
            self.name,
            self.env,
            self.hook_env,
            self.progress,
            self.events,
        )

    def _open_writer(self, guard: lock.Lock) -> state.Writer:
        settings = self.settings
        return state.open_writer(
            self.connections.database,
            guard,
            self.run_id,
            settings.host,
            settings.mode,
            settings.release,
            settings.actor,
        )
