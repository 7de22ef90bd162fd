# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The update of an initialised database, in a window: backup, hooks, modules and the steps of a
migration."""

from __future__ import annotations

import collections
import dataclasses
import string
import sys
import time

from ..addons import update_plan
from ..common import log
from ..common.child import Child, ended
from ..common.errors import StepFailed, UpdateFailed
from ..database import state
from ..migration import work as migration_work
from . import hooks
from .module_changes import ModuleChanges
from .window import Window


def perform(
    window: Window, changes: ModuleChanges, plan: update_plan.ModulePlan, reason: str, work: migration_work.Work
) -> None:
    """Install and update modules of an initialised database and execute the steps of `work`, with
    one start of Odoo; if there are none, only do what follows them.

    `reason`: why it is done, for the history; empty if the plan shows it. Raises `UpdateFailed`,
    `StepFailed`, `NotVerified`, `HookFailed` and `LockLost`.
    """
    settings = window.settings
    started = time.monotonic()
    window.work = work
    orders = migration_work.actions(work, plan)
    _backup(window)
    named = plan
    if work.versions:
        for line in (*work.plan.drift, *work.plan.notes, *work.notes):
            log.warning(str(line))
        # The modules of the first version are updated together with the others, so they are marked
        # together.
        modules = update_plan.read_modules(window.connection)
        names = [name for name in work.first_update() if name not in (*plan.install, *plan.update)]
        plan = dataclasses.replace(
            plan,
            install=(*plan.install, *(name for name in names if not modules.installed(name))),
            update=(*plan.update, *(name for name in names if modules.installed(name))),
        )
    parts = [str(work)] if work.versions else []
    text = "; ".join([*parts, *([] if parts and plan.empty else [str(plan)])])
    touched = window.record(state.UPDATING, f"{text} ({reason})" if reason else text, plan)
    log.info(f"Updating: {text}" + (f" ({reason})" if reason else ""))
    for name in (*plan.install, *plan.update):
        log.info(f"{name}: {plan.reasons.get(name, 'named by the migration')}")
    with window.failing(UpdateFailed), window.beating():
        if window.hooks["pre-update"]:
            window.run_hooks("pre-update")
        changes.leave_alone(plan)
        if orders:
            changes.perform(named, UpdateFailed, touched, orders=orders)
        window.finish(text)
    log.info(f"Ready: database {settings.db_name!r} ({time.monotonic() - started:.1f} s)")


def _backup(window: Window) -> None:
    """Runs options.backup of the migration file, before anything is changed."""
    source = window.work.source.migration
    backup = source.options.backup if source is not None else None
    if backup is None or not window.work.plan.backup or backup.ignore_if is True:
        return
    settings = window.settings
    values = {
        "database": settings.db_name,
        "db_user": settings.db_user,
        "db_password": settings.db_password or "",
        "db_host": settings.db_host,
        "db_port": str(settings.db_port),
    }
    env = hooks.environment(window.hook_env, settings, "backup", window.writer.run_id, window.name)

    def run(command: str) -> tuple[int, list[str]]:
        kept: collections.deque[str] = collections.deque(maxlen=40)

        def output(line: str) -> None:
            if values["db_password"]:
                line = line.replace(values["db_password"], "********")
            kept.append(line)
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

        text = string.Template(command).safe_substitute(values)
        child = Child(["sh", "-c", text], env, what="the backup", failure=StepFailed, output=output)
        with window.ledger.outside():
            return child.run(window.guard.held), list(kept)

    window.check("the backup")
    window.report("backup")
    if isinstance(backup.ignore_if, str) and run(backup.ignore_if)[0] == 0:
        log.info("no backup: options.backup.ignore_if succeeded")
        return
    log.info("backup: options.backup.command of the migration file")
    what = {"version": "", "step_id": "backup", "kind": "backup", "name": "backup", "step": 0, "of": 0}
    window.events.emit("step_started", **what)
    began = time.monotonic()
    code, lines = run(backup.command)
    seconds, tail = round(time.monotonic() - began, 3), "\n".join(lines)
    if not code:
        window.events.emit("step_done", **what, seconds=seconds, changed=False, log_tail=tail)
        log.info(f"backup: done, {seconds:.1f} s")
        return
    message = f"options.backup.command {ended(code)}: {(lines or ['it said nothing'])[-1][:300]}"
    error = {"type": "StepFailed", "message": message, "where": "", "pgcode": None}
    window.events.emit("step_failed", **what, seconds=seconds, log_tail=tail, error=error)
    if backup.stop_on_failure:
        if window.progress.state:  # a restore point was created, which closed the database
            window.writer.append(state.READY, f"nothing was changed: {message}"[:4000], state.UNCHANGED)
            window.written(state.READY)
        raise StepFailed(f"database {settings.db_name!r}: {message}; nothing was changed")
    log.warning(f"{message}; going on, as stop_on_failure is false")
