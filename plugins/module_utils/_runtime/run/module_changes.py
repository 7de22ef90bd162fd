# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Changes to the modules of a database, as seen by the run: Odoo is started once in a child process
(boot/), which gets orders, reports events and asks questions. Afterwards the run verifies every
module itself."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..addons import update_plan
from ..boot.parent import OdooProcess
from ..common import log
from ..common.errors import EXIT_LOCK_LOST, LockLost, NotVerified, RuntimeFailure, StepFailed, UpdateFailed
from ..database import lock, pg
from ..database.pg import psycopg2
from ..migration import file as migration_file
from ..migration import work as migration_work
from . import hooks
from .window import Window


@dataclass
class Outcome:
    """What the child process reported."""

    code: int = 0  # its exit code
    modules: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)  # logged by Odoo while it loaded modules
    failure: str = ""
    step: dict[str, Any] | None = None  # the event of the step that failed
    finished: bool = False
    lost: bool = False  # whether it ended because the lock was lost


def _error(event: Mapping[str, Any]) -> str:
    """Formats an error of the child process as one line."""
    where = f" ({event['where']})" if event.get("where") else ""
    plain = event["type"] in ("StepError", "Timeout")
    return (event["message"] if plain else f"{event['type']}: {event['message']}") + where


def _about_only(line: str, alone: Collection[str]) -> bool:
    """Whether an error of Odoo concerns only modules that are left alone."""
    names = re.findall(r"'([^']+)'", line)
    return ("not loaded" in line or "inconsistent states" in line) and bool(names) and set(names) <= set(alone)


class ModuleChanges:
    """Installs, updates and uninstalls modules in a window, and executes the steps of a migration."""

    def __init__(self, window: Window, process: OdooProcess | None = None, first: bool = False) -> None:
        """Prepare the changes in a window.

        - `process`: one that imports Odoo already, for the first start.
        - `first`: whether it is the first installation.
        """
        self.window, self.process, self.first = window, process, first
        self.settings = window.settings
        self.reported: set[str] = set()  # modules that were logged as left alone
        self.outside = contextlib.ExitStack()

    def perform(
        self,
        plan: update_plan.ModulePlan,
        what: type[RuntimeFailure],
        touched: int,
        load_language: str = "",
        orders: list[dict[str, Any]] | None = None,
    ) -> None:
        """Start Odoo once to do the whole plan, and verify the result. The locks of marabunta and
        click-odoo-update are held meanwhile.

        - `what`: the kind of failure to raise if something fails, unless the failed step has its
          own.
        - `touched`: how many modules are marked.
        - `load_language`: a language that Odoo loads with `base`.
        - `orders`: the actions of the child process (migration/work.py); by default those of the
          plan.

        Also raises `LockLost`, `NotVerified` and `StepFailed`.
        """
        window = self.window
        window.take_other_keys()
        try:
            window.check("starting Odoo")
            steps = migration_work.count(orders or ())
            window.report("Odoo is starting", *((0, steps) if steps > 1 else ()))
            outcome = self._boot(plan, touched, load_language, orders)
            window.check("verifying the modules")
            if not outcome.finished:
                raise self._failure(plan, what, outcome)
            modules = update_plan.read_modules(window.connection)
            if modules.unfinished:
                modules, _alone = self._take_back(modules, plan.asked)
            if modules.unfinished:
                raise (NotVerified if what is UpdateFailed else what)(
                    f"database {self.settings.db_name!r}: {plan}: failed: left half done: {', '.join(modules.unfinished[:12])}"
                )
        finally:
            window.others.release()

    def leave_alone(self, plan: update_plan.ModulePlan) -> None:
        """Log the modules that the plan can't change, and reset the states of those that are half
        done."""
        self._report_alone({name: gone for name, gone in plan.broken.items() if name not in plan.asked})
        if plan.stuck:
            self.window.check("taking back what can't be done")
            update_plan.put_back(self.window.connection, plan.stuck)

    # The child process

    def _odoo_arguments(self, load_language: str = "") -> list[str]:
        settings = self.settings
        arguments = settings.odoo_args()
        if not any(item.startswith("--database=") for item in arguments):
            arguments.append(f"--database={settings.db_name}")
        arguments += ["--stop-after-init", "--no-http", "--workers=0", "--max-cron-threads=0"]
        if settings.version < 19 and not settings.demo:
            arguments.append("--without-demo=all")
        elif settings.version >= 19 and settings.demo:
            arguments.append("--with-demo")
        if load_language:
            arguments.append(f"--load-language={load_language}")
        return arguments

    def _order(self, actions: list[dict[str, Any]], load_language: str) -> dict[str, Any]:
        """The order for the child process, without the password."""
        window, settings, work = self.window, self.settings, self.window.work
        modules = update_plan.read_modules(window.connection)
        connection = pg.parameters(settings, settings.db_name, window.name)
        connection.pop("password", None)  # it is in PGPASSFILE
        command_env = hooks.environment(window.hook_env, settings, "command", window.writer.run_id, window.name)
        folder = os.path.dirname(os.path.realpath(settings.migration_file)) if settings.migration_file else ""
        return {
            "version": settings.version,
            "executable": window.executable,
            "arguments": self._odoo_arguments(load_language),
            "database": settings.db_name,
            "connection": connection,
            "actions": actions,
            "demo": settings.demo,
            "first": self.first,
            "late": {item.name: item.from_version or "" for item in modules.known.values() if item.end_pending},
            "folders": window.folders,
            "name": window.name,
            "run_id": window.writer.run_id,
            "token": window.writer.token,
            "lock": lock.held_parameters(settings.db_name, window.guard.pid),
            "recorded": bool(work.versions),
            "mode": settings.migration_mode,
            "adhoc_sha": work.source.sha if work.source.steps else "",
            "data_path": settings.odoo_data_path,
            "song_paths": [path for path in (folder, settings.song_path) if path],
            "command_env": command_env,
            "cwd": os.getcwd(),
        }

    def _boot(
        self, plan: update_plan.ModulePlan, touched: int, load_language: str, orders: list[dict[str, Any]] | None
    ) -> Outcome:
        """Runs Odoo in a child process, which ends with this process and with the lock."""
        window = self.window
        order = self._order(migration_work.actions(window.work, plan) if orders is None else orders, load_language)
        outcome = Outcome()

        def listen(reading: int, replying: int) -> None:
            self._listen(reading, replying, outcome, touched, order["actions"])

        process, self.process = self.process or OdooProcess(window.env), None
        outcome.code = process.run(order, listen, window.guard.held)
        if outcome.lost or outcome.code == EXIT_LOCK_LOST:
            raise LockLost(
                f"the lock of database {self.settings.db_name!r} was lost while Odoo was at work; it was stopped, the next"
                " start finishes the work"
            )
        return outcome

    def _listen(
        self, descriptor: int, replying: int, outcome: Outcome, touched: int, orders: list[dict[str, Any]]
    ) -> None:
        with open(descriptor, encoding="utf-8") as stream, open(replying, "w", encoding="utf-8") as replies:
            steps = migration_work.count(orders)
            for line in stream:
                event = json.loads(line)
                if event.get("event") != "ask":
                    with contextlib.suppress(ValueError, KeyError):
                        self._event(event, outcome, touched, steps)
                    continue
                try:
                    answer = self._answer(event, outcome)
                except (RuntimeFailure, psycopg2.Error) as exc:
                    outcome.failure = pg.one_line(exc)
                    return  # without an answer the child ends
                with contextlib.suppress(OSError):
                    replies.write(json.dumps(answer) + "\n")
                    replies.flush()

    def _answer(self, event: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
        """Answers a question of the child process."""
        window, question = self.window, event["question"]
        if question == "verify":
            return {"wrong": self._verify(event["install"], event["update"], outcome)}
        if question == "release_keys":  # a command follows, which is a program of the user, until take_keys
            window.others.release()
            self.outside.enter_context(window.ledger.outside())
        elif question == "take_keys":
            self.outside.close()
            window.take_other_keys()
        return {}

    def _event(self, event: dict[str, Any], outcome: Outcome, touched: int, steps: int) -> None:
        window, progress = self.window, self.window.progress
        kind = event.pop("event")
        if kind == "session":
            window.ledger.connected()
            return
        several = steps > 1
        version = f"version {progress.version}: " if progress.version else ""
        if kind == "booted":
            window.booted = True
            if several:
                window.report(f"{version}Odoo has started", progress.step, progress.of)
            else:
                window.report("Odoo is loading its modules", 0, touched or None)
        elif kind == "module" and event["version"] is None:
            log.info(f"module {event['name']}: {event['before']} removed")
        elif kind == "module":
            outcome.modules.append(event)
            window.touched.add(event["name"])
            count = f" ({event['done']} of {max(touched, event['done'])})" if touched else ""
            if several:
                place = f" ({progress.step} of {progress.of})"
                window.report(f"{version}module {event['name']} is done{place}", progress.step, progress.of)
            else:
                window.report(
                    f"module {event['name']} is done{count}", event["done"], max(touched, event["done"]) or None
                )
            before = f"from {event['before']} to " if event["before"] else "installed, "
            log.info(f"module {event['name']}: {before}{event['version']}{count}, {event['seconds']:.1f} s")
        elif kind == "version_started":
            progress.version = event["version"]
            how = "going on with it" if event["resumed"] else "begun"
            log.info(f"version {event['version']}: {how}, {event['steps']} steps")
        elif kind == "version_done":
            progress.version = ""
            log.info(f"version {event['version']}: done")
        elif kind == "step_started" and several:
            place = f"{event['step']} of {event['of']}"
            window.report(f"{version}{event['name']} ({place})", event["step"], event["of"])
            log.info(f"{version}step {place}: {event['name']}")
        elif kind == "step_done" and several:
            more = "" if event["changed"] else ", nothing changed"
            log.info(
                f"{version}step {event['step']} of {event['of']}: {event['name']}: done, {event['seconds']:.1f} s{more}"
            )
            if event["self_committed"]:
                log.warning(
                    f"{event['name']} commits by itself: were it interrupted, it would be run again after what it had committed"
                )
        elif kind == "step_failed":
            outcome.step = event
            outcome.failure = _error(event["error"])
        elif kind == "left_alone":
            if event["name"] not in self.reported:
                self.reported.add(event["name"])
                log.warning(f"{update_plan.lacking(event['name'], event['gone'], window.folders)}: it is left alone")
        elif kind == "error":
            outcome.errors.append(event["message"])
            return
        elif kind == "failed":
            outcome.failure = outcome.failure or _error(event)
            return
        elif kind == "done":
            outcome.finished = True
            return
        elif kind == "lost":
            outcome.lost = True
            return
        window.events.emit(kind, **event)

    # What became of the modules

    def _verify(self, install: list[str], update: list[str], outcome: Outcome) -> list[str]:
        """What is wrong after an update, one line each. Odoo's own result is not trusted."""
        window = self.window
        window.report("verifying", window.progress.step, window.progress.of)
        plan = update_plan.ModulePlan(tuple(install), tuple(update))
        modules = update_plan.read_modules(window.connection)
        alone: dict[str, tuple[str, ...]] = {}
        if outcome.errors or modules.unfinished:
            modules, alone = self._take_back(modules, plan.asked)
        wrong = [line for line in outcome.errors if not _about_only(line, alone)]
        outcome.errors.clear()
        if not modules.states:
            wrong.append("there is no table ir_module_module")
        else:
            wrong += update_plan.problems(modules, plan, self.settings, window.folders)
        if not wrong:
            window.events.emit("verified", install=install, update=update)
        return list(dict.fromkeys(wrong))

    def _take_back(
        self, modules: update_plan.Modules, asked: Collection[str]
    ) -> tuple[update_plan.Modules, dict[str, tuple[str, ...]]]:
        """Resets modules that Odoo could not load and that were not requested, so that they aren't
        left half done. Returns the modules afterwards, and those that are left alone, with what
        each of them lacks."""
        folders, connection = self.window.folders, self.window.connection
        alone = {name: gone for name, gone in update_plan.unloadable(modules, folders).items() if name not in asked}
        self._report_alone(alone)
        stuck = [name for name in modules.unfinished if name in alone]
        if stuck and update_plan.put_back(connection, stuck):
            modules = update_plan.read_modules(connection)
        return modules, alone

    def _report_alone(self, alone: Mapping[str, Iterable[str]]) -> None:
        """Logs each module that is left alone, once per run."""
        new = {name: gone for name, gone in alone.items() if name not in self.reported}
        self.reported.update(new)
        for line in update_plan.left_alone(self.window.connection, new, self.window.folders):
            log.warning(line)

    def _failure(self, plan: update_plan.ModulePlan, what: type[RuntimeFailure], outcome: Outcome) -> RuntimeFailure:
        """The error to raise for a child process that did not finish."""
        step, where = outcome.step, f"database {self.settings.db_name!r}"
        wrong = [outcome.failure or f"Odoo ended with code {outcome.code}"]
        if step is not None and step["kind"] != migration_file.UPDATE:
            of = "STEPS" if step["version"] == migration_work.ADHOC else f"version {step['version']}"
            place = f" ({step['where']})" if step.get("where") else ""
            kind = NotVerified if step.get("not_verified") else StepFailed
            return kind(
                f"{where}: {of}, step {step['step']} of {step['of']}, {step['name']!r}{place}: failed: {outcome.failure}"
            )
        if step is not None and step.get("not_verified") and what is UpdateFailed:
            what = NotVerified
        wrong += [line for line in outcome.errors if not _about_only(line, plan.broken)]
        name = str(plan) if step is None else step["name"]
        return what(f"{where}: {name}: failed: {'; '.join(dict.fromkeys(wrong))}")
