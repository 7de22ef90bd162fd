# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The window: the time in which one run works on a database, from taking the lock to Ready or
Failed, without a gap.

Its work is in installation.py and update.py. Every step first checks that the lock is still held.
An interrupted window leaves its state (Creating, Updating, Maintenance) and its marks
(addons/update_plan.py); the next run finishes it.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ..addons import click_odoo, install, update_plan
from ..addons import tree as addon_tree
from ..common import log
from ..common.config import Settings
from ..common.errors import (
    ConfigError,
    Held,
    HookFailed,
    InitFailed,
    LockLost,
    RuntimeFailure,
    StepFailed,
    UpdateFailed,
)
from ..common.events import EventFile
from ..database import lock, pg, state
from ..database.pg import psycopg2
from ..migration import table as migration_table
from ..migration import work as migration_work
from ..restore.since import Ledger
from . import hooks
from .progress import Heartbeat, Progress


class Window:
    """The lock, the connection, the rows of the history and the hooks of one run."""

    def __init__(
        self,
        guard: lock.Lock,
        connection: Any,
        settings: Settings,
        writer: state.Writer,
        name: str,
        env: Mapping[str, str],
        hook_env: Mapping[str, str],
        progress: Progress,
        events: EventFile | None = None,
    ) -> None:
        """Prepare the window of one run.

        - `guard`: the lock, which is held; its connection is the one to the maintenance
        database.
        - `connection`: to the instance's database; `leave()` and `enter()` replace it, so read the
          attribute each time.
        - `writer`: writes the run's rows.
        - `name`: application name of the run's sessions.
        - `env`, `hook_env`: Odoo's environment, and that of hooks, which also has the container's
          own variables.
        - `progress`: what the waiting page shows.

        Raises `ConfigError` for a hook that can't be run.
        """
        self.guard, self.connection, self.settings, self.writer = guard, connection, settings, writer
        self.name, self.env, self.hook_env, self.progress = name, env, hook_env, progress
        self.events = events or EventFile()
        self.work = migration_work.Work()
        self.booted = False  # whether Odoo was started, so that modules may have changed
        self.touched: set[str] = set()  # modules that Odoo changed in this run
        self.executable = install.odoo_executable(settings)
        self.folders = addon_tree.addons_folders(settings, self.executable)
        self.others = lock.OtherTools(connection, settings.db_name)
        self.ledger = Ledger(guard.connection)
        self.hooks = {kind: hooks.find(settings, kind) for kind in ("pre-init", "pre-update", "post-update")}

    def report(self, phase: str, step: int | None = None, of: int | None = None) -> None:
        """Set the current work, for the waiting page and the run's row."""
        self.progress.report(phase, step, of)

    def beating(self) -> Heartbeat:
        """Return a context manager that keeps the heartbeat during long work."""
        return Heartbeat(self.settings, self.name, self.writer, self.progress)

    def leave(self) -> None:
        """Disconnect from the database, for work that requires it to have no sessions."""
        self.others.release()
        self.connection.close()

    def enter(self) -> None:
        """Connect to the database again, which may be another one of the same name."""
        self.connection = pg.connect(self.settings, self.settings.db_name, self.name)
        self.writer = state.open_writer(
            self.connection, self.guard, self.writer.run_id, self.writer.host, self.writer.mode, self.writer.release,
            self.writer.actor,
        )  # fmt: skip
        self.others = lock.OtherTools(self.connection, self.settings.db_name)

    def check(self, before: str) -> None:
        """Raise `LockLost` if the lock is not held any more. `before`: the next step, for the
        message."""
        self.guard.check(before)

    # Rows

    def record(self, name: str, detail: str, plan: update_plan.ModulePlan | None = None) -> int:
        """Write a row with the state `name`, and the marks of a plan, in one transaction. Returns
        how many modules Odoo will touch."""
        self.check(f"writing {name}")
        touched = 0
        with pg.transaction(self.connection) as cursor:
            if plan is not None:
                touched = update_plan.mark(cursor, plan, self.writer.run_id)
                self._begin_run(cursor)
            self.writer.write(cursor, name, detail)
        self.written(name, detail)
        return touched

    def _begin_run(self, cursor: Any) -> None:
        """Writes the run's row in the tables of migrations, if it has steps."""
        work, settings = self.work, self.settings
        if not work.versions:
            return
        migration_table.create_tables(cursor)
        if work.source.steps and not work.adhoc_resumed:
            migration_table.forget_steps(cursor, migration_work.ADHOC)
        migration_table.begin_run(
            cursor, self.writer.run_id, work.versions, settings.migration_mode, work.sha, f"{settings.version}.0"
        )

    def written(self, name: str, detail: str = "") -> None:
        """Report to the caller and the waiting page that a row with the state `name` was written."""
        self.events.emit("state", state=name, detail=detail)
        self.progress.began = self.progress.began or time.monotonic()
        self.progress.state = name
        self.progress.since = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")

    @contextlib.contextmanager
    def failing(self, what: type[RuntimeFailure]) -> Iterator[None]:
        """Write the state Failed, with its reason, if the code within fails and the lock is held.
        An error of PostgreSQL becomes a failure of the kind `what`, or `LockLost`."""
        try:
            yield
        except (LockLost, Held):
            raise
        except (UpdateFailed, InitFailed, HookFailed, StepFailed, ConfigError) as exc:
            self._fail(str(exc))
            raise
        except psycopg2.Error as exc:
            if not self.guard.held():
                raise LockLost(
                    f"the lock of database {self.settings.db_name!r} was lost: {pg.one_line(exc)}; the next start finishes the work"
                ) from exc
            self._fail(pg.one_line(exc))
            raise what(f"database {self.settings.db_name!r}: {pg.one_line(exc)}") from exc

    def _fail(self, why: str) -> None:
        if not self.guard.held():
            return
        with contextlib.suppress(psycopg2.Error, LockLost):
            with pg.transaction(self.connection) as cursor:
                self.writer.write(cursor, state.FAILED, why[:4000], "failed")
                if self.work.versions:
                    migration_table.end_run(cursor, self.writer.run_id, "failed", why[:4000])
            self.written(state.FAILED, why[:4000])

    def finish(self, detail: str) -> None:
        """Run the post-update hooks in the state Maintenance, if there are any, then write Ready.

        Raises `HookFailed` or `LockLost`.
        """
        if self.hooks["post-update"]:
            self.record(state.MAINTENANCE, f"{len(self.hooks['post-update'])} hooks")
            log.info(f"Maintenance: {len(self.hooks['post-update'])} hooks")
            self.run_hooks("post-update")
        self.check("writing Ready")
        self._ready(detail)

    def _ready(self, detail: str) -> None:
        """Writes Ready and clears all marks, in one transaction."""
        modules = update_plan.read_modules(self.connection)
        sums = modules.foreign.sums
        if self.booted:
            # What an interrupted run had done was not exported, so after one everything is exported
            # again.
            calm = state.before_run(self.connection, self.writer.run_id) == state.READY
            sums = update_plan.export(modules, self.folders, self.touched if calm else modules.states)
        with pg.transaction(self.connection) as cursor:
            cursor.execute(update_plan.TABLE_SQL)
            update_plan.settle(cursor)
            if sums is not None and sums != modules.foreign.sums:
                click_odoo.write(cursor, sums)
            if self.work.versions:
                migration_table.end_run(cursor, self.writer.run_id, "done")
            self.writer.write(cursor, state.READY, detail, "ok", hooks.fingerprint(self.hooks))
        self.written(state.READY, detail)

    # Other programs

    def take_other_keys(self) -> None:
        """Wait until neither marabunta nor click-odoo-update works on the database, and take their
        locks. Raises `LockLost`, and `UpdateFailed` after TIMEOUT seconds."""
        logged, began = 0.0, time.monotonic()
        while True:
            self.check("the step that changes modules")
            tool = self.others.acquire()
            if not tool:
                return
            if time.monotonic() - began > self.settings.timeout:
                raise UpdateFailed(
                    f"database {self.settings.db_name!r}: the lock of {tool} is still held after"
                    f" {self.settings.timeout:.0f} s (TIMEOUT) by {self.others.who(tool)}; end that session, then start this again"
                )
            self.report(f"waiting for {tool}, which is working on the database")
            if time.monotonic() - logged >= 10:
                logged = time.monotonic()
                log.info(f"waiting for {tool}, which is working on database {self.settings.db_name!r}")
            time.sleep(0.5)

    def run_hooks(self, kind: str) -> None:
        """Run the hooks of a kind in order. Raises `HookFailed` if one fails, `LockLost` if the
        lock is lost meanwhile."""
        found = self.hooks[kind]
        for number, hook in enumerate(found, 1):
            self.check(f"hook {hook.path}")
            self.report(f"running hook {hook.name}", number, len(found))
            log.info(f"{kind} hook {hook.path} ({number} of {len(found)})")
            env = hooks.environment(self.hook_env, self.settings, kind, self.writer.run_id, self.name)
            with self.ledger.outside():
                hooks.run(hook, env, self.guard.held)
