# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The window: the time in which one run works on a database, from taking the lock to Ready or Failed, without a gap.

Every step first asks whether the lock is still held. A window that was cut off leaves its state (Creating, Updating,
Maintenance) and its marks (addons/update_plan.py) behind; whoever comes next finishes it.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import json
import os
import re
import string
import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..addons import click_odoo, install, update_plan
from ..addons import tree as addon_tree
from ..boot.parent import OdooProcess
from ..common import log
from ..common.child import Child, ended
from ..common.config import Settings
from ..common.errors import (
    EXIT_LOCK_LOST,
    ConfigError,
    Held,
    HookFailed,
    InitFailed,
    LockLost,
    NotVerified,
    Refused,
    RuntimeFailure,
    StepFailed,
    UpdateFailed,
)
from ..common.events import EventFile
from ..database import administrator, lock, pg, state
from ..database.pg import psycopg2
from ..migration import file as migration_file
from ..migration import table as migration_table
from ..migration import work as migration_work
from ..restore import rollback
from . import hooks

BEAT_SECONDS = 5.0


@dataclass
class Progress:
    """What the run does just now, for the waiting page and for the log."""

    phase: str = ""
    step: int | None = None
    of: int | None = None
    state: str = ""  # of the row that the run wrote last, and when
    since: str = ""
    version: str = ""  # of the migration file, which is being done
    began: float | None = None  # by time.monotonic()


class Pulse:
    """Writes the heartbeat every few seconds, on a connection of its own that is never opened again once it broke."""

    def __init__(self, settings: Settings, name: str, writer: state.Writer, progress: Progress) -> None:
        self.settings, self.name, self.writer, self.progress = settings, name, writer, progress
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def _run(self) -> None:
        try:
            connection = pg.connect(self.settings, self.settings.db_name, self.name)
        except (RuntimeFailure, psycopg2.Error):
            return
        try:
            said, beaten = "", 0.0
            while not self.stopped.wait(0.5):
                phase, now = self.progress.phase, time.monotonic()
                if phase != said or now - beaten >= BEAT_SECONDS:
                    self.writer.beat(connection, phase)
                    said, beaten = phase, now
        except psycopg2.Error:
            pass  # the run was ended, or the server; the held-check says so
        finally:
            connection.close()

    def __enter__(self) -> Pulse:
        self.thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stopped.set()
        self.thread.join(BEAT_SECONDS)


@dataclass
class Outcome:
    """What the child that ran Odoo told."""

    code: int = 0
    modules: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    failure: str = ""
    step: dict[str, Any] | None = None  # the event of the step that failed
    finished: bool = False
    lost: bool = False


def _error(said: Mapping[str, Any]) -> str:
    """An error of the child's in one line."""
    where = f" ({said['where']})" if said.get("where") else ""
    plain = said["type"] in ("StepError", "Timeout")
    return (said["message"] if plain else f"{said['type']}: {said['message']}") + where


def _about_only(line: str, alone: Collection[str]) -> bool:
    """Whether Odoo's complaint is about no other modules than those that are left alone."""
    names = re.findall(r"'([^']+)'", line)
    return ("not loaded" in line or "inconsistent states" in line) and bool(names) and set(names) <= set(alone)


class Window:
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
        process: OdooProcess | None = None,
    ) -> None:
        self.events = events or EventFile()
        self.work = migration_work.Work()
        self.first = False  # a first installation
        self.told: set[str] = set()  # modules of which it was said that they are left alone
        self.process = process  # one that is there already, for the first boot
        self.booted = False  # whether Odoo was started, so that modules may be others now
        self.touched: set[str] = set()  # modules that Odoo was at in this run
        self.guard, self.connection, self.settings, self.writer = guard, connection, settings, writer
        self.name, self.env, self.hook_env, self.progress = name, env, hook_env, progress
        self.executable = install.odoo_executable(settings)
        self.folders = addon_tree.addons_folders(settings, self.executable)
        self.others = lock.OtherTools(connection, settings.db_name)
        self.safety = rollback.Safety(self)
        self.outside = contextlib.ExitStack()
        self.hooks = {kind: hooks.find(settings, kind) for kind in ("pre-init", "pre-update", "post-update")}

    # What a window is made of

    def say(self, phase: str, step: int | None = None, of: int | None = None) -> None:
        self.progress.phase, self.progress.step, self.progress.of = phase, step, of

    def beating(self) -> Pulse:
        """For work that takes long without a step of its own."""
        return Pulse(self.settings, self.name, self.writer, self.progress)

    def leave(self) -> None:
        """Out of the database, for what needs every session out."""
        self.others.release()
        self.connection.close()

    def enter(self) -> None:
        self.connection = pg.connect(self.settings, self.settings.db_name, self.name)
        self.writer = state.open_writer(
            self.connection, self.guard, self.writer.run_id, self.writer.host, self.writer.mode, self.writer.release,
            self.writer.actor,
        )  # fmt: skip
        self.others = lock.OtherTools(self.connection, self.settings.db_name)

    def check(self, before: str) -> None:
        self.guard.check(before)

    def record(self, name: str, detail: str, plan: update_plan.Plan | None = None) -> int:
        """A row, and with a plan its marks, in one transaction; returns how many modules Odoo will touch."""
        self.check(f"writing {name}")
        touched = 0
        with pg.transaction(self.connection) as cursor:
            if plan is not None:
                touched = update_plan.mark(cursor, plan, self.writer.run_id)
                self.begin_run(cursor)
            self.writer.write(cursor, name, detail)
        self.written(name, detail)
        return touched

    def begin_run(self, cursor: Any) -> None:
        """The run's row, when it has steps to do."""
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
        self.events.emit("state", state=name, detail=detail)
        self.progress.began = self.progress.began or time.monotonic()
        self.progress.state = name
        self.progress.since = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")

    @contextlib.contextmanager
    def failing(self, what: type[RuntimeFailure]) -> Iterator[None]:
        """A failure inside leaves the state Failed, with its reason, as long as the lock is ours."""
        try:
            yield
        except (LockLost, Held):
            raise
        except (UpdateFailed, InitFailed, HookFailed, StepFailed, ConfigError) as exc:
            self.fail(str(exc))
            raise
        except psycopg2.Error as exc:
            if not self.guard.held():
                raise LockLost(
                    f"the lock of database {self.settings.db_name!r} was lost: {pg.one_line(exc)}; the next start finishes the work"
                ) from exc
            self.fail(pg.one_line(exc))
            raise what(f"database {self.settings.db_name!r}: {pg.one_line(exc)}") from exc

    def fail(self, why: str) -> None:
        if not self.guard.held():
            return
        with contextlib.suppress(psycopg2.Error, LockLost):
            with pg.transaction(self.connection) as cursor:
                self.writer.write(cursor, state.FAILED, why[:4000], "failed")
                if self.work.versions:
                    migration_table.end_run(cursor, self.writer.run_id, "failed", why[:4000])
            self.written(state.FAILED, why[:4000])

    def take_other_keys(self) -> None:
        """Waits until neither marabunta nor click-odoo-update works on the database, and keeps both out."""
        said = 0.0
        while True:
            self.check("the step that changes modules")
            tool = self.others.acquire()
            if not tool:
                return
            self.say(f"waiting for {tool}, which is working on the database")
            if time.monotonic() - said >= 10:
                said = time.monotonic()
                log.info(f"waiting for {tool}, which is working on database {self.settings.db_name!r}")
            time.sleep(0.5)

    def run_hooks(self, kind: str) -> None:
        found = self.hooks[kind]
        for number, hook in enumerate(found, 1):
            self.check(f"hook {hook.path}")
            self.say(f"running hook {hook.name}", number, len(found))
            log.info(f"{kind} hook {hook.path} ({number} of {len(found)})")
            env = hooks.environment(self.hook_env, self.settings, kind, self.writer.run_id, self.name)
            with self.safety.outside():
                hooks.run(hook, env, self.guard.held)

    # Odoo

    def odoo_arguments(self, load_language: str = "") -> list[str]:
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

    def order(self, orders: list[dict[str, Any]], load_language: str) -> dict[str, Any]:
        """What the child is told; the password is not among it."""
        settings, work = self.settings, self.work
        modules = update_plan.read_modules(self.connection)
        connection = pg.parameters(settings, settings.db_name, self.name)
        connection.pop("password", None)  # PGPASSFILE has it
        command_env = hooks.environment(self.hook_env, settings, "command", self.writer.run_id, self.name)
        folder = os.path.dirname(os.path.realpath(settings.migration_file)) if settings.migration_file else ""
        return {
            "version": settings.version,
            "executable": self.executable,
            "arguments": self.odoo_arguments(load_language),
            "database": settings.db_name,
            "connection": connection,
            "actions": orders,
            "demo": settings.demo,
            "first": self.first,
            "late": {item.name: item.from_version or "" for item in modules.known.values() if item.end_pending},
            "folders": self.folders,
            "name": self.name,
            "run_id": self.writer.run_id,
            "token": self.writer.token,
            "lock": lock.held_parameters(settings.db_name, self.guard.pid),
            "recorded": bool(work.versions),
            "mode": settings.migration_mode,
            "adhoc_sha": work.source.sha if work.source.steps else "",
            "data_path": settings.odoo_data_path,
            "song_paths": [path for path in (folder, settings.song_path) if path],
            "command_env": command_env,
            "cwd": os.getcwd(),
        }

    def boot(
        self, plan: update_plan.Plan, touched: int, load_language: str = "", orders: list[dict[str, Any]] | None = None
    ) -> Outcome:
        """One boot of Odoo that does the whole plan, in a child that ends with us and with the lock."""
        order = self.order(migration_work.actions(self.work, plan) if orders is None else orders, load_language)
        outcome = Outcome()

        def listen(reading: int, replying: int) -> None:
            self._listen(reading, replying, outcome, touched, order["actions"])

        process, self.process = self.process or OdooProcess(self.env), None
        outcome.code = process.run(order, listen, self.guard.held)
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
        """What the child needs the runtime for while it works."""
        question = event["question"]
        if question == "verify":
            return {"wrong": self.verify(event["install"], event["update"], outcome)}
        if question == "release_keys":  # a command follows: a program of the user's, until take_keys
            self.others.release()
            self.outside.enter_context(self.safety.outside())
        elif question == "take_keys":
            self.outside.close()
            self.take_other_keys()
        return {}

    def verify(self, install: list[str], update: list[str], outcome: Outcome) -> list[str]:
        """What is not as it has to be after an update; Odoo's own word is not believed."""
        self.say("verifying", self.progress.step, self.progress.of)
        plan = update_plan.Plan(tuple(install), tuple(update))
        modules = update_plan.read_modules(self.connection)
        alone: dict[str, tuple[str, ...]] = {}
        if outcome.errors or modules.unfinished:
            modules, alone = self.take_back(modules, plan.asked)
        wrong = [line for line in outcome.errors if not _about_only(line, alone)]
        outcome.errors.clear()
        if not modules.states:
            wrong.append("there is no table ir_module_module")
        else:
            wrong += update_plan.problems(modules, plan, self.settings, self.folders)
        if not wrong:
            self.events.emit("verified", install=install, update=update)
        return list(dict.fromkeys(wrong))

    def take_back(
        self, modules: update_plan.Modules, asked: Collection[str]
    ) -> tuple[update_plan.Modules, dict[str, tuple[str, ...]]]:
        """Modules that Odoo could not load and that nobody asked for do not stay half done; what they lack is told."""
        alone = {
            name: gone for name, gone in update_plan.unloadable(modules, self.folders).items() if name not in asked
        }
        self.tell_alone(alone)
        stuck = [name for name in modules.unfinished if name in alone]
        if stuck and update_plan.put_back(self.connection, stuck):
            modules = update_plan.read_modules(self.connection)
        return modules, alone

    def tell_alone(self, alone: Mapping[str, Iterable[str]]) -> None:
        """A line for each module that is left alone, once in a run."""
        new = {name: gone for name, gone in alone.items() if name not in self.told}
        self.told.update(new)
        for line in update_plan.left_alone(self.connection, new, self.folders):
            log.warning(line)

    def leave_alone(self, plan: update_plan.Plan) -> None:
        """What a plan can't do anything about: told, and not left half done."""
        self.tell_alone({name: gone for name, gone in plan.broken.items() if name not in plan.asked})
        if plan.stuck:
            self.check("taking back what can't be done")
            update_plan.put_back(self.connection, plan.stuck)

    def _event(self, event: dict[str, Any], outcome: Outcome, touched: int, steps: int) -> None:
        kind = event.pop("event")
        if kind == "session":
            self.safety.connected()
            return
        several = steps > 1
        version = f"version {self.progress.version}: " if self.progress.version else ""
        if kind == "booted":
            self.booted = True
            if several:
                self.say(f"{version}Odoo has started", self.progress.step, self.progress.of)
            else:
                self.say("Odoo is loading its modules", 0, touched or None)
        elif kind == "module" and event["version"] is None:
            log.info(f"module {event['name']}: {event['before']} removed")
        elif kind == "module":
            outcome.modules.append(event)
            self.touched.add(event["name"])
            count = f" ({event['done']} of {max(touched, event['done'])})" if touched else ""
            if several:
                place = f" ({self.progress.step} of {self.progress.of})"
                self.say(f"{version}module {event['name']} is done{place}", self.progress.step, self.progress.of)
            else:
                self.say(f"module {event['name']} is done{count}", event["done"], max(touched, event["done"]) or None)
            before = f"from {event['before']} to " if event["before"] else "installed, "
            log.info(f"module {event['name']}: {before}{event['version']}{count}, {event['seconds']:.1f} s")
        elif kind == "version_started":
            self.progress.version = event["version"]
            how = "going on with it" if event["resumed"] else "begun"
            log.info(f"version {event['version']}: {how}, {event['steps']} steps")
        elif kind == "version_done":
            self.progress.version = ""
            log.info(f"version {event['version']}: done")
        elif kind == "step_started" and several:
            place = f"{event['step']} of {event['of']}"
            self.say(f"{version}{event['name']} ({place})", event["step"], event["of"])
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
            if event["name"] not in self.told:
                self.told.add(event["name"])
                log.warning(f"{update_plan.lacking(event['name'], event['gone'], self.folders)}: it is left alone")
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
        self.events.emit(kind, **event)

    def change_modules(
        self,
        plan: update_plan.Plan,
        what: type[RuntimeFailure],
        touched: int,
        load_language: str = "",
        orders: list[dict[str, Any]] | None = None,
    ) -> Outcome:
        """Boot and verification; the keys of the other tools are held meanwhile."""
        self.take_other_keys()
        try:
            self.check("starting Odoo")
            steps = migration_work.count(orders or ())
            self.say("Odoo is starting", *((0, steps) if steps > 1 else ()))
            outcome = self.boot(plan, touched, load_language, orders)
            self.check("verifying the modules")
            if not outcome.finished:
                raise self.failure(plan, what, outcome)
            modules = update_plan.read_modules(self.connection)
            if modules.unfinished:
                modules, _alone = self.take_back(modules, plan.asked)
            if modules.unfinished:
                raise (NotVerified if what is UpdateFailed else what)(
                    f"database {self.settings.db_name!r}: {plan}: failed: left half done: {', '.join(modules.unfinished[:12])}"
                )
            return outcome
        finally:
            self.others.release()

    def failure(self, plan: update_plan.Plan, what: type[RuntimeFailure], outcome: Outcome) -> RuntimeFailure:
        """What became of a child that did not finish."""
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

    def backup(self) -> None:
        """options.backup of the migration file, before anything is changed."""
        source = self.work.source.migration
        backup = source.options.backup if source is not None else None
        if backup is None or not self.work.plan.backup or backup.ignore_if is True:
            return
        settings = self.settings
        values = {
            "database": settings.db_name,
            "db_user": settings.db_user,
            "db_password": settings.db_password or "",
            "db_host": settings.db_host,
            "db_port": str(settings.db_port),
        }
        env = hooks.environment(self.hook_env, settings, "backup", self.writer.run_id, self.name)

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
            with self.safety.outside():
                return child.run(self.guard.held), list(kept)

        self.check("the backup")
        self.say("backup")
        if isinstance(backup.ignore_if, str) and run(backup.ignore_if)[0] == 0:
            log.info("no backup: options.backup.ignore_if succeeded")
            return
        log.info("backup: options.backup.command of the migration file")
        what = {"version": "", "step_id": "backup", "kind": "backup", "name": "backup", "step": 0, "of": 0}
        self.events.emit("step_started", **what)
        began = time.monotonic()
        code, lines = run(backup.command)
        seconds, tail = round(time.monotonic() - began, 3), "\n".join(lines)
        if not code:
            self.events.emit("step_done", **what, seconds=seconds, changed=False, log_tail=tail)
            log.info(f"backup: done, {seconds:.1f} s")
            return
        message = f"options.backup.command {ended(code)}: {(lines or ['it said nothing'])[-1][:300]}"
        error = {"type": "StepFailed", "message": message, "where": "", "pgcode": None}
        self.events.emit("step_failed", **what, seconds=seconds, log_tail=tail, error=error)
        if backup.stop_on_failure:
            if self.progress.state:  # a restore point was made, which closed the database
                self.writer.append(state.READY, f"nothing was changed: {message}"[:4000], state.UNCHANGED)
                self.written(state.READY)
            raise StepFailed(f"database {settings.db_name!r}: {message}; nothing was changed")
        log.warning(f"{message}; going on, as stop_on_failure is false")

    # Windows

    def initialise(self, reason: str) -> None:
        """The first installation, to its end, whatever an earlier attempt has done of it. It was never Ready, so the users in it
        are ours. Everything here is done again or found done, so it may be killed between any two steps."""
        settings = self.settings
        started = time.monotonic()
        if settings.admin_password is None:
            if settings.serving:
                raise Refused(
                    f"database {settings.db_name!r} is not initialised: {administrator.HOW}; Odoo would serve with its own, which"
                    " everybody knows"
                )
            log.warning(
                f"{administrator.HOW}: the Odoo administrator keeps Odoo's own, and no container serves the database like that"
            )
        update_plan.check_code(settings.modules, settings, self.folders)
        self.first = True
        modules = update_plan.read_modules(self.connection)
        forgotten = update_plan.auto_installs(self.connection) if modules.installed("base") else []
        plan = update_plan.first_plan(modules, settings, self.folders, forgotten)
        mover = install.mover(self.connection)
        if mover and not (plan.install or plan.update) and modules.installed(mover):
            plan = dataclasses.replace(
                plan, update=(mover,), reasons={mover: "files are left to be moved to their store"}
            )
        touched = self.record(state.CREATING, f"initialising ({reason}): {','.join(settings.modules)}", plan)
        log.info(f"Creating: {reason}; installing {', '.join(settings.modules)} into database {settings.db_name!r}")
        with self.failing(InitFailed), Pulse(settings, self.name, self.writer, self.progress):
            self.say("first installation")
            self.run_hooks("pre-init")
            install.prepare_database(self.connection, settings)
            try:
                self.leave_alone(plan)
                self.install_modules(plan, modules, touched)
            except InitFailed:
                if not settings.rebuild_unfinished or not (modules.states or reason != "it is empty"):
                    raise
                log.warning("finishing it failed and REBUILD_UNFINISHED is True: it is emptied and made anew")
                self.check("emptying the database")
                install.empty(self.connection)
                install.prepare_database(self.connection, settings)
                again = update_plan.Plan(install=settings.modules)
                self.record(state.CREATING, "emptied, made anew (REBUILD_UNFINISHED)", again)
                self.change_modules(again, InitFailed, 0, settings.language)
            self.check_language()
            self.check("setting the administrator's password")
            install.settle(self.connection, settings)
            update_plan.refresh(self.connection, self.folders)
            self.finish("initialised: " + ",".join(settings.modules))
        log.info(f"Ready: database {settings.db_name!r} is initialised ({time.monotonic() - started:.1f} s)")

    def install_modules(self, plan: update_plan.Plan, modules: update_plan.Modules, touched: int) -> None:
        """What a first installation still lacks of modules, and its language. Odoo loads that after `base` and before all others;
        where others are there already it is loaded at the end, when all their models are."""
        language = self.settings.language
        lacks = bool(language) and language not in modules.languages
        late = lacks and (plan.empty or any(modules.installed(name) for name in modules.states if name != "base"))
        orders = migration_work.actions(self.work, plan)
        if late:
            orders.append({"do": "language", "language": language})
        if orders:
            self.change_modules(plan, InitFailed, touched, language if lacks and not late else "", orders)

    def check_language(self) -> None:
        language = self.settings.language
        if not language or language in update_plan.read_modules(self.connection).languages:
            return
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT code FROM public.res_lang ORDER BY code")
            codes = [row[0] for row in cursor.fetchall()]
        alike = [code for code in codes if code.partition("_")[0] == language.partition("_")[0]]
        raise InitFailed(
            f"LANGUAGE is {language!r}: it was not loaded"
            + ("" if language in codes else f"; Odoo knows no such language, but {', '.join(alike or codes[:5])}")
        )

    def update(self, plan: update_plan.Plan, reason: str, work: migration_work.Work | None = None) -> None:
        """Installs and updates modules of an initialised database, and does the steps of `work`, all in one boot; with nothing
        of both only what follows it."""
        settings = self.settings
        started = time.monotonic()
        self.work = work or migration_work.Work()
        orders = migration_work.actions(self.work, plan)
        self.backup()
        named = plan
        if self.work.versions:
            for line in (*self.work.plan.drift, *self.work.plan.notes, *self.work.notes):
                log.warning(str(line))
            # What the first version updates is updated along, and so it is marked along.
            modules = update_plan.read_modules(self.connection)
            names = [name for name in self.work.first_update() if name not in (*plan.install, *plan.update)]
            plan = dataclasses.replace(
                plan,
                install=(*plan.install, *(name for name in names if not modules.installed(name))),
                update=(*plan.update, *(name for name in names if modules.installed(name))),
            )
        parts = [str(self.work)] if self.work.versions else []
        text = "; ".join([*parts, *([] if parts and plan.empty else [str(plan)])])
        touched = self.record(state.UPDATING, f"{text} ({reason})" if reason else text, plan)
        log.info(f"Updating: {text}" + (f" ({reason})" if reason else ""))
        for name in (*plan.install, *plan.update):
            log.info(f"{name}: {plan.reasons.get(name, 'named by the migration')}")
        with self.failing(UpdateFailed), Pulse(settings, self.name, self.writer, self.progress):
            if self.hooks["pre-update"]:
                self.run_hooks("pre-update")
            self.leave_alone(plan)
            if orders:
                self.change_modules(named, UpdateFailed, touched, orders=orders)
            self.finish(text)
        log.info(f"Ready: database {settings.db_name!r} ({time.monotonic() - started:.1f} s)")

    def finish(self, detail: str) -> None:
        """Maintenance if there are hooks for it, then Ready."""
        if self.hooks["post-update"]:
            self.record(state.MAINTENANCE, f"{len(self.hooks['post-update'])} hooks")
            log.info(f"Maintenance: {len(self.hooks['post-update'])} hooks")
            self.run_hooks("post-update")
        self.check("writing Ready")
        self.ready(detail)

    def ready(self, detail: str) -> None:
        """Ready and the end of all marks, in one transaction."""
        modules = update_plan.read_modules(self.connection)
        sums = modules.foreign.sums
        if self.booted:
            # What an interrupted run had done was not exported, so then nothing counts as recorded.
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


@dataclass(frozen=True)
class Forced:
    """What a forced change of the state did."""

    changed: bool
    before: str | None
    after: str
    ended_sessions: int = 0


def force(
    control: Any,
    database: Any,
    name: str,
    wanted: str,
    actor: str,
    reason: str,
    take_over: bool = False,
    host: str = "",
    run_id: str = "",
    mode: str = "odoo_state",
    release: str = "",
) -> Forced:
    """Writes `Force Ready` or `Reset` over a blocking state, with who and why. Never over a live lock unless `take_over`,
    which first ends every session of the run that holds it. Nothing changes when the state is open already."""
    history = state.read_history(database)
    if history.first_installation:
        raise Refused(f"database {name!r}: {state.unended(history.latest)}")
    guard = lock.Lock(control, name)
    ended = 0
    held = None if guard.acquire() else lock.holder(control, name)
    if held is not None or not guard.held():
        if not take_over:
            if held is None:
                raise Held(f"database {name!r}: {lock.held_by(control, name)}")
            raise Held(f"database {name!r}: its lock is held by {held}; wait for it, or end it explicitly (take_over)")
        ended = take_over_lock(guard, held)
    try:
        history = state.read_history(database)
        latest = history.latest
        if latest is not None and latest.open and not ended:
            return Forced(False, latest.state, latest.state)
        writer = state.open_writer(database, guard, run_id or os.urandom(6).hex(), host, mode, release, actor)
        before = str(latest) if latest is not None else "no state"
        writer.append(wanted, f"{reason or 'no reason given'}; before: {before}"[:4000], "forced")
        return Forced(True, latest.state if latest is not None else None, wanted, ended)
    finally:
        guard.release()


def take_over_lock(guard: lock.Lock, held: lock.Holder | None) -> int:
    """Ends all sessions of the run that holds the lock, then takes it. Returns how many sessions were ended."""
    control = guard.connection
    run_id = (held.parsed().get("run_id") or "") if held is not None else ""
    if held is not None and not run_id:
        raise Held(f"database {guard.database!r}: its lock is held by {held}, which is not a run of this runtime")
    ended = lock.end_sessions(control, guard.database, run_id) if run_id else 0
    for _attempt in range(50):
        if guard.acquire():
            break
        time.sleep(0.1)
    else:
        raise Held(f"database {guard.database!r}: {lock.held_by(control, guard.database)}")
    if run_id:
        # those that were just being opened; their fence refuses them too
        ended += lock.end_sessions(control, guard.database, run_id)
    return ended
