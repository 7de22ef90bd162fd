# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The gate: between the container's start and Odoo. It looks, waits, and does what its mode says, under the lock."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from ..addons import install, update_plan
from ..addons import tree as addon_tree
from ..boot.parent import OdooProcess
from ..common import log
from ..common.config import Settings
from ..common.errors import (
    AuthenticationFailed,
    Held,
    HookFailed,
    InitFailed,
    NoGoAhead,
    Refused,
    ResetWritten,
    RolledBack,
    Unreachable,
    UpdateFailed,
    WaitTimeout,
)
from ..common.events import EventFile
from ..database import administrator, lock, pg, provision, state
from ..database.pg import psycopg2
from ..migration import file as migration_file
from ..migration import work as migration_work
from ..restore import rollback
from . import go_ahead, hooks
from .window import Progress, Window, take_over_lock

POLL_SECONDS = 1.0
REPORT_SECONDS = 10.0


class Stillness:
    """Since when a holder's heartbeat has not changed, by our own clock: a clock that jumps ends nobody's run."""

    def __init__(self) -> None:
        self.seen: tuple[str, str] | None = None
        self.since = 0.0

    def seconds(self, run_id: str, heartbeat: str, now: float) -> float:
        if self.seen != (run_id, heartbeat):
            self.seen, self.since = (run_id, heartbeat), now
        return now - self.since


class Gate:
    """Brings the database to the point where the mode's work is done and Odoo may run on it, or raises."""

    def __init__(
        self,
        settings: Settings,
        env: Mapping[str, str],
        hook_env: Mapping[str, str] | None = None,
        run_id: str = "",
    ) -> None:
        self.settings = settings
        self.env = env  # Odoo's
        self.hook_env = hook_env if hook_env is not None else env  # the container's own besides
        self.run_id = run_id or uuid.uuid4().hex[:12]
        self.name = pg.application_name(settings.mode, self.run_id, settings.host)
        self.control: Any = None  # on the maintenance database: the lock lives here
        self.database: Any = None
        self.seen: int | None = None  # the history's latest row when we came
        self.progress = Progress()
        self.latest: state.Entry | None = None
        self.held: lock.Holder | None = None
        self.awaited = ""  # who was last told to be in the way
        self.may_change = not settings.go_ahead_timeout
        self.stillness = Stillness()
        self.waiting_since = time.monotonic()  # counts TIMEOUT; starts anew while a live run is at work
        self.waiting: Any = None  # the waiting page
        self.checked_folders: list[str] | None = None
        self.events = EventFile()
        self.changed = False  # whether a window was opened
        self.source: migration_work.Source | None = None
        self.look = addon_tree.Look()
        self.process: OdooProcess | None = None
        self.last_plan = update_plan.Plan()
        self.needs_odoo = False  # whether what there is to do takes Odoo, as seen before the lock

    def close(self) -> None:
        if self.waiting is not None:
            self.waiting.stop()
            self.waiting = None
        for connection in (self.control, self.database):
            if connection is not None:
                connection.close()
        self.control = self.database = None

    # The waiting page

    def describe(self) -> dict[str, Any]:
        """What the waiting page tells."""
        latest, held, progress = self.latest, self.held, self.progress
        phase, step, of, version = progress.phase, progress.step, progress.of, progress.version
        name = latest.state if latest is not None else None
        since: str | None = latest.since if latest is not None else None
        age = round(latest.age) if latest is not None else None
        if progress.state:  # our own rows are newer than what was read before
            name, since, age = progress.state, progress.since, None
        holder = None
        if phase:
            holder = {"mode": self.settings.mode, "run_id": self.run_id, "host": self.settings.host, "since": None}
        elif held is not None:
            parsed = held.parsed()
            holder = {
                "mode": parsed.get("what"),
                "run_id": parsed.get("run_id"),
                "host": latest.host
                if latest is not None and latest.run_id == parsed.get("run_id")
                else parsed.get("host"),
                "since": held.since,
            }
            if latest is not None and latest.run_id == parsed.get("run_id"):
                phase = latest.phase
            found = re.search(r"\((\d+) of (\d+)\)", phase)
            if found:
                step, of = int(found[1]), int(found[2])
            found = re.match(r"version (\S+): ", phase)
            version = found[1] if found else version
        return {
            "database": self.settings.db_name,
            "instance": self.settings.instance,
            "state": name,
            "since": since,
            "age_seconds": age,
            "phase": phase,
            "step": step,
            "of": of,
            "version": version or None,
            "elapsed_seconds": round(time.monotonic() - progress.began) if progress.began is not None else age,
            "holder": holder,
            "failed": name == state.FAILED and not progress.phase,
        }

    def open_page(self) -> None:
        """From now on the port answers 503; only modes that serve afterwards own the port, and who was given it. Not while the
        replicas that it is shown for still serve."""
        if not self.may_change:
            return
        if self.waiting is None and (self.settings.serving or self.settings.waiting_page):
            from .waiting_page import Waiting

            self.waiting = Waiting(self.settings.http_port, self.describe)
            self.waiting.start()

    # Connections

    def connect(self) -> None:
        if self.database is not None and not self.database.closed and not self.control.closed:
            return
        settings = self.settings
        if settings.installing:
            self.provide_database()
        if self.control is None or self.control.closed:
            self.control = pg.wait_for_server(settings, self.name, on_wait=self.open_page)
        if self.database is None or self.database.closed:
            self.database = pg.connect(settings, settings.db_name, self.name)

    def provide_database(self) -> None:
        """Makes the instance's role and database where this mode has the right to; under the lock, nothing is replaced."""
        settings = self.settings
        admin = pg.wait_for_server(settings.as_admin(), self.name, need_database=False, on_wait=self.open_page)
        try:
            while True:
                with admin.cursor() as cursor:
                    cursor.execute(
                        # One on which nobody set rights was left by a run that was killed before it closed it to PUBLIC.
                        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s AND datallowconn"
                        " AND (datacl IS NOT NULL OR NOT %s)),"
                        " EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s)",
                        (settings.db_name, bool(settings.db_admin), settings.db_user),
                    )
                    database, role = cursor.fetchone()
                if database and role:
                    return
                if not settings.db_admin and not provision.may_create(admin):
                    return  # somebody else makes it; wait_for_server waits for that
                guard = lock.Lock(admin, settings.db_name)
                if guard.acquire():
                    try:
                        made = provision.ensure(
                            admin,
                            settings.db_name,
                            settings.db_user,
                            settings.db_password if settings.db_admin else None,
                        )
                    finally:
                        guard.release()
                    for line in made:
                        log.info(f"made: {line}")
                    return
                self.open_page()
                time.sleep(POLL_SECONDS)
        finally:
            admin.close()

    # Waiting

    def pass_through(self) -> None:
        """Returns when the mode's work is done and the database is open."""
        settings = self.settings
        started = time.monotonic()
        reported = started - REPORT_SECONDS + 2  # waiting less than 2 s is not worth a line
        troubles = 0
        reason = ""
        while True:
            self.held = None
            try:
                self.connect()
                done, reason, again = self.attempt()
                self.progress = Progress()
                troubles = 0
                if done:
                    return
                if again:
                    continue
                self.held = lock.holder(self.control, settings.db_name)
                self.look_at_holder()
            except psycopg2.OperationalError as exc:
                # the server went away while we waited (restart, failover), or has no free connection: go on waiting
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
            self.report_awaited("" if self.held is None else str(self.held))
            now = time.monotonic()
            if self.held is not None:
                self.waiting_since = now  # TIMEOUT is for what nobody works on; a live run may take as long as it needs
            left = self.waiting_since + settings.timeout - now
            if left <= 0:
                raise WaitTimeout(
                    f"database {settings.db_name!r} is not ready after {now - self.waiting_since:.0f} s in which nobody worked"
                    f" on it (TIMEOUT): {reason}"
                )
            if now - reported >= REPORT_SECONDS:
                reported = now
                if self.held is not None:
                    log.info(
                        f"waiting for database {settings.db_name!r}: {self.held} works on it; {reason or 'just starting'}"
                    )
                else:
                    log.info(
                        f"waiting for database {settings.db_name!r}, {left:.0f} s left: nobody works on it;"
                        f" {reason or 'just starting'}"
                    )
            time.sleep(min(POLL_SECONDS * random.uniform(0.7, 1.3), max(left, 0.05)))

    def report_awaited(self, holder: str) -> None:
        """One event for each that is in the way, for those who wait for this run."""
        if holder and holder != self.awaited:
            self.events.emit("lock_awaited", holder=holder, database=self.settings.db_name)
        self.awaited = holder or self.awaited

    def not_yet(self, guard: lock.Lock) -> str:
        """Why the database isn't changed yet, empty when it may be. With GO_AHEAD_TIMEOUT, the lock is kept and the caller told, until it
        says that the replicas are stopped; they are not stopped for a run that has to wait itself."""
        settings = self.settings
        if self.may_change:
            return ""
        others = lock.OtherTools(self.database, settings.db_name)
        tool = others.acquire()
        others.release()
        if tool:
            self.report_awaited(tool)
            return f"{tool} works on the database"
        limit = settings.go_ahead_timeout
        log.info(
            f"the lock of database {settings.db_name!r} is ours; waiting for the replicas to be stopped ({limit:.0f} s left)"
        )
        self.events.emit("lock_taken", seconds=limit)
        end = time.monotonic() + limit
        while not go_ahead.given():
            guard.check("the first change")
            if time.monotonic() > end:
                raise NoGoAhead(
                    f"database {settings.db_name!r}: nobody said within {limit:.0f} s that the replicas are stopped (GO_AHEAD_TIMEOUT);"
                    " nothing was changed"
                )
            time.sleep(0.2)
        guard.check("the first change")
        self.may_change = True
        self.events.emit("go_ahead")
        return ""

    def disconnect(self) -> None:
        for connection in (self.control, self.database):
            if connection is not None:
                with contextlib.suppress(psycopg2.Error):
                    connection.close()
        self.control = self.database = None
        self.stillness = Stillness()  # we have not looked all the time

    def look_at_holder(self) -> None:
        """Ends a run that holds the lock without a sign of life for HOLDER_TIMEOUT; its machine stands still."""
        held, latest, limit = self.held, self.latest, self.settings.holder_timeout
        if held is None or latest is None or not limit:
            return
        run_id = held.parsed().get("run_id") or ""
        if not run_id or latest.run_id != run_id or latest.open:
            return  # not a window of ours that beats
        if not self.settings.updating and latest.release != self.settings.release:
            return  # who ends a run must be able to finish its work
        still = self.stillness.seconds(run_id, latest.heartbeat, time.monotonic())
        if still < limit:
            return
        log.warning(
            f"{held} has shown no sign of life for {still:.0f} s (HOLDER_TIMEOUT is {limit:.0f} s): its sessions are ended"
        )
        guard = lock.Lock(self.control, self.settings.db_name)
        try:
            ended = take_over_lock(guard, held)
        except Held as exc:
            log.warning(str(exc))
            return
        try:
            writer = self.open_writer(guard)
            writer.append(
                latest.state, f"taken over from run {run_id} on {latest.host}, {ended} sessions ended", "taken over"
            )
        finally:
            guard.release()

    def open_writer(self, guard: lock.Lock, release: str | None = None) -> state.Writer:
        settings = self.settings
        release = settings.release if release is None else release
        return state.open_writer(
            self.database, guard, self.run_id, settings.host, settings.mode, release, settings.actor
        )

    # One look

    def attempt(self) -> tuple[bool, str, bool]:
        """One look, and one step if it is ours to take: done, why (not), look again at once."""
        settings = self.settings
        self.look = addon_tree.Look()  # one look at the code for before the lock and under it
        self.needs_odoo = False
        history = state.read_history(self.database)
        latest = self.latest = history.latest
        if settings.mode == "Init" and history.ever_open:
            return True, "it is there", False
        if state.looks_open(history):
            contents = self.contents()
            self.check_series(contents)
            if contents.initialised and not self.rolled_back(latest) and not self.has_work(latest, contents):
                self.report_open(latest, contents)
                return True, f"state {latest}", False
        if self.seen is None:
            self.seen = latest.id if latest is not None else 0
        self.share_failure(latest)
        if settings.updating and lock.holder(self.control, settings.db_name) is None:
            self.steps().check()  # what is refused is refused before the lock
        guard = lock.Lock(self.control, settings.db_name)
        if not guard.acquire():
            if not settings.wait:
                raise Held(
                    f"database {settings.db_name!r}: {lock.held_by(self.control, settings.db_name)}; MODE is"
                    f" {settings.mode}, which does not wait (WAIT=True does)"
                )
            reason = f"state {latest}" if latest is not None else "no state yet"
            return False, lock.stranger(self.control, settings.db_name) or reason, False
        try:
            return self.locked(guard)
        finally:
            if self.process is not None:
                self.process.close()
                self.process = None
            guard.release()

    def start_odoo(self) -> None:
        """Odoo is imported while we look once more and write down what will be done. Not if hooks come first, which may change
        what is imported."""
        if self.needs_odoo and not hooks.find(self.settings, "pre-update"):
            self.process = OdooProcess(self.env, (self.settings.version, install.odoo_executable(self.settings)))
            self.process.start()

    def rolled_back(self, latest: state.Entry | None) -> bool:
        return latest is not None and state.failed_here(latest, self.settings)

    def contents(self) -> state.Contents:
        """What is in the database. Modules that Odoo was to do something with and cannot load are nobody's work under way."""
        contents = state.read_contents(self.database)
        if not contents.pending:
            return contents
        lost = update_plan.broken(contents.pending, self.folders(), self.look)
        return dataclasses.replace(
            contents,
            pending=tuple(name for name in contents.pending if name not in lost),
            stuck=tuple(name for name in contents.pending if name in lost),
        )

    def folders(self) -> list[str]:
        if self.checked_folders is None:
            self.checked_folders = addon_tree.addons_folders(self.settings, install.odoo_executable(self.settings))
        return self.checked_folders

    def plan(self, resume: bool = False) -> update_plan.Plan:
        return update_plan.make_plan(
            update_plan.read_modules(self.database), self.settings, self.folders(), resume, self.look
        )

    def steps(self) -> migration_work.Work:
        """What is to be done of MIGRATION_FILE and STEPS."""
        settings = self.settings
        if self.source is None:
            self.source = migration_work.read(settings)
        return migration_work.look(
            settings,
            self.source,
            self.database,
            update_plan.read_modules(self.database),
            self.folders(),
            migration_work.song_paths(settings, self.env),
            self.look,
        )

    def update(self, guard: lock.Lock, plan: update_plan.Plan, reason: str, work: migration_work.Work) -> None:
        """A window that updates, with what it falls back on."""
        self.changed = True
        self.events.emit("plan", plan=self.plan_data(plan, work, self.hooks_due(), reason))
        window = self.window(guard)
        with rollback.guarded(window):
            window.update(plan, reason, work)
        # What is to be done without regard to what was done before is done once by a container.
        self.settings = dataclasses.replace(self.settings, migration_force_version="")
        if self.source is not None:
            self.source = dataclasses.replace(self.source, steps=())

    def plan_data(self, plan: update_plan.Plan, work: migration_work.Work, due: bool, reason: str) -> dict[str, Any]:
        """The plan as plain data, for `odoo-cloud plan` and the event."""
        modules = update_plan.read_modules(self.database)
        named: dict[str, str] = {}
        for item in work.plan.versions:
            for step in item.steps:
                if step.kind in (migration_file.UPDATE, migration_file.INSTALL):
                    for name in step.arguments["modules"]:
                        named.setdefault(name, f"named by version {item.version.number}")
        for step in work.adhoc:
            if step.kind == migration_file.INSTALL:
                named.update(dict.fromkeys(step.arguments["modules"], "named by STEPS"))
        steps = [step for item in work.plan.versions for step in item.steps] + list(work.adhoc)
        removed = [
            name
            for step in steps
            if step.kind == migration_file.UNINSTALL
            for name in step.arguments["modules"]
            if modules.installed(name)
        ]
        installs = [
            *plan.install, *(name for name in named if not modules.installed(name) and name not in plan.install)
        ]  # fmt: skip
        updated_by_version = [
            name
            for item in work.plan.versions
            for step in item.steps
            if step.kind == migration_file.UPDATE
            for name in work.modules_of(item.version, step)
            if modules.installed(name)
        ]
        direct = list(dict.fromkeys([*plan.update, *updated_by_version]))
        update = update_plan.dependants(self.database, direct) if direct else []
        reasons = {**named, **plan.reasons}
        listed = []
        for name, action in [*((name, "install") for name in installs), *((name, "update") for name in update)]:
            addon = self.look.read(name, self.folders())
            listed.append(
                {
                    "name": name,
                    "action": action,
                    "from": (modules.versions.get(name) or None) if action == "update" else None,
                    "to": (addon.version(self.settings.version) or None) if addon is not None else None,
                    "why": reasons.get(name, "depends on what is updated"),
                    "dependant": action == "update" and name not in direct,
                }
            )
        listed += [
            {"name": name, "action": "uninstall", "from": modules.versions.get(name) or None, "to": None,
             "why": "named by a step", "dependant": False}
            for name in dict.fromkeys(removed)
        ]  # fmt: skip
        return {
            "install": installs,
            "update": update,
            "reasons": {name: why for name, why in reasons.items() if name in installs or name in update},
            "finish": list(plan.finish),
            "missing": list(plan.missing),
            "modules": listed,
            "hooks": due,
            "migration": migration_work.as_data(work, self.settings),
            "reason": reason,
        }

    def hooks_due(self) -> bool:
        """Whether the hooks that follow an update have to run although no module changes: their content is new."""
        settings = self.settings
        if not (settings.installing or settings.updating) or settings.mode == "Init":
            return False
        found = {kind: hooks.find(settings, kind) for kind in ("pre-init", "pre-update", "post-update")}
        if not found["post-update"]:
            return False
        return settings.hooks == "always" or hooks.fingerprint(found) != state.last_fingerprint(self.database)

    def has_work(self, latest: state.Entry | None, contents: state.Contents) -> bool:
        """Whether an open database leaves this mode something to do; decided without the lock and without Odoo."""
        settings = self.settings
        if settings.mode in ("RunOnly", "ForceRunOnly", "ForceReadyState", "Init"):
            return False
        work = self.steps()
        work.check()
        plan = self.last_plan = self.plan()
        self.needs_odoo = migration_work.needs_odoo(migration_work.actions(work, plan))
        return bool(not work.empty or not plan.empty or plan.stuck or self.hooks_due() or self.unrecorded(latest))

    def unrecorded(self, latest: state.Entry | None) -> bool:
        """Whether an update has to say that it found nothing to change in a release that is new here."""
        settings = self.settings
        if not settings.updating or settings.update == ("none",) or not settings.release:
            return False
        return latest is None or state.last_release(self.database) != settings.release

    def locked(self, guard: lock.Lock) -> tuple[bool, str, bool]:
        settings = self.settings
        history, contents = state.read_history(self.database), self.contents()
        latest = self.latest = history.latest
        self.check_series(contents)
        self.share_failure(latest)
        action, why = state.decide(history, contents, settings, state.identity(self.database))
        if action is state.Action.WAIT:
            if not settings.wait and not settings.serving:
                raise Refused(f"database {settings.db_name!r}: {why}; MODE is {settings.mode}, which does not wait")
            return False, why, False
        if action is state.Action.REFUSE:
            raise Refused(f"database {settings.db_name!r} is not opened: {why}")
        if action is state.Action.RUN:
            return self.work(guard, latest, contents)
        if action is state.Action.INITIALISE:
            self.open_page()
            self.changed = True
            self.window(guard).initialise(why)
            # An update mode has its own work besides, such as the steps of a migration.
            return not settings.updating, "initialised", settings.updating
        if action is state.Action.RESUME:
            begun = "" if settings.updating else migration_work.unfinished(self.database)
            if begun:  # to finish the modules alone would open a database that is half migrated
                why = f"{why}; {begun}, MODE=UpdateOnly goes on with it"
                if settings.serving:
                    return False, why, False
                raise Refused(f"database {settings.db_name!r} is not opened: {why}")
            work = self.steps()
            work.check()
            later = self.not_yet(guard)
            if later:
                return False, later, False
            self.open_page()
            log.info(f"resuming: {why}")
            # An update mode finishes what was left and does its own work; the others only finish.
            self.update(guard, self.plan(resume=True), "resumed: " + why, work)
            return False, "resumed", True
        if action is state.Action.ROLL_BACK:
            return self.finish_rollback(guard, why)
        writer = self.open_writer(guard)
        if action is state.Action.UNCHANGED:
            writer.append(state.READY, why, state.UNCHANGED)
            log.info(f"Ready: database {settings.db_name!r}: {why}")
            return False, why, True
        if action is state.Action.ADOPT:
            if settings.mode == "Init":
                return True, "it is there", False
            writer.append(state.READY, "adopted", "ok")
            log.info(f"Ready: database {settings.db_name!r} adopted: {why}")
            return False, why, True
        if action is state.Action.FORCE:
            reason = f"{settings.reason or 'no REASON given'}; before: {why}"
            writer.append(state.FORCE_READY, reason[:4000], "forced")
            log.warning(f"Force Ready: database {settings.db_name!r}: {reason}")
            return settings.mode == "ForceReadyState", why, True
        writer.append(state.RESET, why, "reset")
        raise ResetWritten(f"database {settings.db_name!r}: {why}; Reset written (TIMEOUT), the next start goes on")

    def window(self, guard: lock.Lock) -> Window:
        return Window(
            guard,
            self.database,
            self.settings,
            self.open_writer(guard),
            self.name,
            self.env,
            self.hook_env,
            self.progress,
            self.events,
            self.process,
        )

    def finish_rollback(self, guard: lock.Lock, why: str) -> tuple[bool, str, bool]:
        settings = self.settings
        self.open_page()
        missing = rollback.may_finish(settings, self.name)
        if missing:
            why = f"{why}, and this container can't finish it: {missing}"
            if settings.wait or settings.serving:
                return False, why, False
            raise Refused(f"database {settings.db_name!r}: {why}")
        later = self.not_yet(guard)
        if later:
            return False, later, False
        self.open_page()
        log.info(f"finishing the rollback: {why}")
        failed = rollback.finish(self.window(guard))
        if settings.serving:
            return False, "rolled back", True
        raise RolledBack(f"database {settings.db_name!r}: {why}; it was finished, the failed database is {failed!r}")

    def work(self, guard: lock.Lock, latest: state.Entry | None, contents: state.Contents) -> tuple[bool, str, bool]:
        """The lock is ours and the database is open: the mode's own work, decided once more."""
        settings = self.settings
        if settings.mode not in ("RunOnly", "ForceRunOnly", "ForceReadyState", "Init"):
            self.start_odoo()
            plan, work = self.plan(), self.steps()
            self.last_plan = plan
            work.check()
            if not plan.empty or not work.empty or self.hooks_due():
                later = self.not_yet(guard)
                if later:
                    return False, later, False
                self.open_page()
                self.update(guard, plan, "" if not (plan.empty and work.empty) else "the hooks changed", work)
                return True, "updated", False
            if plan.stuck:
                guard.check("taking back what can't be done")
                update_plan.put_back(self.database, plan.stuck)
                contents = dataclasses.replace(contents, stuck=())
            if self.unrecorded(latest):
                self.open_writer(guard).append(state.READY, "nothing to change in this release", "ok")
                log.info(f"Ready: nothing to change in release {settings.release}")
        self.report_open(latest, contents)
        return True, f"state {latest}", False

    def may_start(self) -> bool:
        """What is asked and done right before Odoo starts. False: wait once more."""
        try:
            return self.close_default_password() and self.before_start()
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            self.disconnect()  # the server went away: that is waited for
            return False

    def close_default_password(self) -> bool:
        """Nobody may get in with the password that Odoo gives the administrator of every new database. One that was given to the
        container takes its place; without one Odoo is not started. False: somebody has begun to work on the database, wait once
        more."""
        settings = self.settings
        self.connect()
        with pg.transaction(self.database) as cursor:
            users = administrator.suspects(cursor)
            known = not users or administrator.remembered(cursor) == administrator.digest(users)
        if known:
            return True
        found = administrator.with_default(users)
        if found and settings.admin_password is None:
            raise Refused(
                f"database {settings.db_name!r} is not served: user {found[0].login!r} still has Odoo's default password, which"
                " everybody knows; give ADMIN_PASSWORD_FILE, whose password it gets then, or change it by `odoo-cloud odoo shell`"
            )
        if not found:
            # Who may not write here is asked again the next time.
            with contextlib.suppress(psycopg2.Error), pg.transaction(self.database) as cursor:
                administrator.remember(cursor, users)
            return True
        guard = lock.Lock(self.control, settings.db_name)
        if not guard.acquire():
            return False
        try:
            if not state.looks_open(state.read_history(self.database)):
                return False
            with pg.transaction(self.database) as cursor:
                found = administrator.with_default(administrator.suspects(cursor))
                guard.check("setting the administrator's password")
                rounds = install.password_rounds(settings.version)
                administrator.set_password(cursor, found, settings.admin_password or "", rounds)
                administrator.remember(cursor, administrator.suspects(cursor))
        finally:
            guard.release()
        for user in found:
            log.warning(
                f"database {settings.db_name!r}: user {user.login!r} had Odoo's default password; it has that of ADMIN_PASSWORD now"
            )
        return True

    def before_start(self) -> bool:
        """The pre-start hooks, under the lock, so that nobody changes the database beneath them. False: somebody has
        begun to, wait once more."""
        settings = self.settings
        found = hooks.find(settings, "pre-start")
        if not found:
            return True
        self.connect()
        guard = lock.Lock(self.control, settings.db_name)
        if not guard.acquire():
            return False
        try:
            if not state.looks_open(state.read_history(self.database)):
                return False
            self.open_page()
            window = self.window(guard)
            window.hooks["pre-start"] = found
            with window.failing(HookFailed):
                window.run_hooks("pre-start")
            return True
        finally:
            self.progress = Progress()
            guard.release()

    def share_failure(self, latest: state.Entry | None) -> None:
        """Who waited for a run that failed fails with it: ten replicas must not try ten times in a row."""
        settings = self.settings
        if latest is None or not latest.ours or latest.state != state.FAILED or latest.id <= (self.seen or 0):
            return
        if settings.mode in ("RunOnly", "ForceRunOnly") or latest.run_id == self.run_id:
            return  # it does not try; it waits until somebody has looked
        failure = UpdateFailed if settings.updating else InitFailed
        raise failure(f"run {latest.run_id} on {latest.host}, for which we waited, failed: {latest.detail}")

    def check_series(self, contents: state.Contents) -> None:
        why = state.other_series(contents, self.settings.version)
        if why:
            raise Refused(f"database {self.settings.db_name!r} is not opened: {why}")

    def report_open(self, latest: state.Entry | None, contents: state.Contents) -> None:
        lost = {name: gone for name, gone in self.last_plan.broken.items() if name not in self.last_plan.asked}
        for line in update_plan.left_alone(self.database, lost, self.folders()):
            log.warning(line)
        if contents.stuck and not lost:
            for line in update_plan.left_alone(
                self.database, update_plan.broken(contents.stuck, self.folders()), self.folders()
            ):
                log.warning(
                    f"{line}; Odoo runs no cron until MODE=UpdateOnly has taken back what was to be done with it"
                )
        if contents.pending:
            log.warning(
                f"database {self.settings.db_name!r} is open (state {latest}) but has modules in a half-done state:"
                f" {', '.join(contents.pending[:10])}; they are loaded as they are, MODE=UpdateOnly finishes them"
            )
