# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Executes the steps of a run, in the process that starts Odoo (child.py): songs, SQL, commands,
modules, parameters, CSV files.

A step's work and the row that records it are one transaction, so a step is done exactly if it is
recorded. Each step has its own cursor and environment, on the registry that is current then. What
can't be one transaction (installing, uninstalling, commands) is recorded right after it, and can be
repeated without harm, except commands.
"""

from __future__ import annotations

import collections
import contextlib
import importlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Callable, Protocol

from ..addons import update_plan
from ..common.child import dying_with, ended
from ..database import extensions, pg
from ..migration import file as migration_file
from ..migration import table as migration_table
from ..migration import work as migration_work
from ..migration.file import Step

KEPT_LINES = 60
KEPT_CHARACTERS = 6000
VERSION_LOG_CHARACTERS = 100_000
ERROR_LINES = 3  # of what a failed command wrote
ERROR_CHARACTERS = 600
DRAIN_SECONDS = 1.0
GRACE_SECONDS = 15.0  # seconds; for a step that does not end when its time is over


class StepError(Exception):
    """A step failed; the message describes it completely."""


class TimeIsOver(BaseException):
    """The time of a step is over. Not an `Exception`, so that a song that catches those does not
    continue."""


class Reported(Exception):
    """A failure that was already reported in an event."""


class Output:
    """Passes on what a step prints (print, logging, a subprocess), and keeps the end of it."""

    def __init__(self) -> None:
        self.lines: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
        self.rest = ""

    @contextlib.contextmanager
    def captured(self) -> Iterator[None]:
        """Redirect stdout and stderr of the process to this object."""
        _flush()
        with contextlib.suppress(AttributeError, ValueError):  # keeps prints in order with other output
            sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        before = [(number, os.dup(number)) for number in (1, 2)]
        reading, writing = os.pipe()
        for number, _copy in before:
            os.dup2(writing, number)
        os.close(writing)
        reader = threading.Thread(target=self._read, args=(reading, before[1][1]), daemon=True)
        reader.start()
        try:
            yield
        finally:
            _flush()
            for number, copy in before:
                os.dup2(copy, number)
            reader.join(DRAIN_SECONDS)  # a process that a step left behind may keep the pipe open
            for _number, copy in before:
                if not reader.is_alive():
                    os.close(copy)

    def _read(self, reading: int, onward: int) -> None:
        with contextlib.suppress(OSError):
            while True:
                data = os.read(reading, 65536)
                if not data:
                    break
                with contextlib.suppress(OSError):
                    os.write(onward, data)
                parts = (self.rest + data.decode("utf-8", "replace")).split("\n")
                self.rest = parts.pop()[-KEPT_CHARACTERS:]
                self.lines.extend(part[-KEPT_CHARACTERS:] for part in parts)
        os.close(reading)

    @property
    def tail(self) -> str:
        """The last lines, at most `KEPT_CHARACTERS` characters."""
        return "\n".join([*self.lines, *([self.rest] if self.rest else [])])[-KEPT_CHARACTERS:]


class ErrorOutput:
    """Passes on what a command writes to stderr, and keeps its last lines."""

    def __init__(self, reading: int) -> None:
        """`reading`: the end of the pipe from which it is read."""
        self.lines: collections.deque[str] = collections.deque(maxlen=ERROR_LINES)
        self.rest = ""
        self.reader = threading.Thread(target=self._read, args=(reading,), daemon=True)
        self.reader.start()

    def _read(self, reading: int) -> None:
        with contextlib.suppress(OSError):
            while True:
                data = os.read(reading, 65536)
                if not data:
                    break
                with contextlib.suppress(OSError):
                    os.write(2, data)
                parts = (self.rest + data.decode("utf-8", "replace")).split("\n")
                self.rest = parts.pop()[-KEPT_CHARACTERS:]
                self.lines.extend(part for part in parts if part.strip())
        os.close(reading)

    def end(self) -> None:
        """Wait until everything was read; not for a process that the command left behind."""
        self.reader.join(DRAIN_SECONDS)

    def last(self, secret: str = "") -> str:
        """Return the last lines as one, without the text `secret`."""
        lines = [*self.lines, *([self.rest] if self.rest.strip() else [])][-ERROR_LINES:]
        text = " / ".join(" ".join(line.split()) for line in lines)
        text = text.replace(secret, "********") if secret else text
        return text if len(text) <= ERROR_CHARACTERS else "..." + text[-ERROR_CHARACTERS:]


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def log_step(line: str) -> None:
    """Write a line to the step's own log, which is stdout while the step is running."""
    sys.stdout.write(line + "\n")


class Context:
    """The argument of a song: anthem's Context, as songs and their lyrics use it."""

    def __init__(self, env: Any, data_path: str, quiet: bool = False) -> None:
        self.env = env
        self.options = SongOptions(data_path, quiet)
        self.level = 0

    def log_line(self, message: str) -> None:
        """Write a line to the log, indented to the current level."""
        log_step("    " * self.level + str(message))

    @contextlib.contextmanager
    def log(self, name: str, timing: bool = True, timestamp: bool = False) -> Iterator[None]:
        """Log the beginning and the end of a part of the song. `timing`: log its duration too;
        `timestamp`: with the time of its start."""
        if self.options.quiet:
            yield
            return
        stamp = time.strftime("%Y-%m-%d %H:%M:%S: ") if timestamp else ""
        self.log_line(f"{stamp}{name}...")
        self.level += 1
        began = time.monotonic()
        try:
            yield
        except Exception:
            self.level -= 1
            self.log_line(f"{stamp}{name}: error")
            raise
        self.level -= 1
        if timing:
            self.log_line(f"{stamp}{name}: {time.monotonic() - began:.3f}s")


class SongOptions:
    """The options that anthem has."""

    def __init__(self, data_path: str, quiet: bool) -> None:
        self.odoo_data_path = data_path
        self.quiet = quiet
        self.interactive = False
        self.test_mode = False


class TimeLimit:
    """Ends a step whose time is over: its statement is cancelled and `TimeIsOver` raised in the
    main thread. If the step continues nevertheless, the process is ended. `seconds`: the limit,
    `None` for none."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.over = False
        self.connection: Any = None  # the one whose statement is cancelled
        self.process: subprocess.Popen[bytes] | None = None  # the one that is killed
        self.stopped = threading.Event()

    def _raise(self, _signum: int, _frame: Any) -> None:
        raise TimeIsOver

    def _watch(self, main: int) -> None:
        if self.stopped.wait(self.seconds):
            return
        self.over = True
        if self.connection is not None:
            with contextlib.suppress(Exception):
                self.connection.cancel()
        if self.process is not None:
            with contextlib.suppress(OSError):
                self.process.kill()
        signal.pthread_kill(main, signal.SIGALRM)
        if not self.stopped.wait(GRACE_SECONDS):
            os.write(2, f"the step does not end {GRACE_SECONDS:.0f} s after its time was over: stopped\n".encode())
            os._exit(1)

    @contextlib.contextmanager
    def running(self) -> Iterator[TimeLimit]:
        """Apply the limit to the code within. Raises `TimeIsOver`."""
        if not self.seconds:
            yield self
            return
        before = signal.signal(signal.SIGALRM, self._raise)
        main = threading.main_thread().ident or 0
        watch = threading.Thread(target=self._watch, args=(main,), daemon=True)
        watch.start()
        try:
            yield self
        finally:
            self.stopped.set()
            try:
                watch.join(1)
            except TimeIsOver:
                self.over = True
            signal.signal(signal.SIGALRM, before)
        if self.over:
            raise TimeIsOver


# What child.py provides for the steps


class EventSender(Protocol):
    """Reports to the runtime."""

    def send(self, event: str, **values: Any) -> None:
        """Send one event."""


class LockFence(Protocol):
    """Ends this process immediately if its run no longer holds the lock."""

    def check(self, connection: Any, table: bool) -> None:
        """Check on this connection; `table`: also that no newer run has written to the history."""


class Framework(Protocol):
    """Odoo in this process, imported when it is first needed."""

    module: Any  # the package odoo; None: not imported yet
    commits: int  # of transactions that wrote, on any cursor
    changed: bool  # whether modules changed and Odoo's other processes were not notified yet

    def update(self, install: list[str], update: list[str], override_translations: bool) -> None:
        """Install and update these modules in one load."""

    def registry(self) -> Any:
        """Return the current registry."""

    def signal(self) -> None:
        """Notify Odoo's other processes that their registry or caches are outdated."""

    def forget_caches(self) -> None:
        """Clear the caches of all processes after the database was changed without Odoo."""

    def rest(self) -> None:
        """Close all connections and drop the registry."""

    def changing(self) -> AbstractContextManager[Any]:
        """Mark the time in which modules are changed."""

    def cursor(self, registry: Any) -> AbstractContextManager[Any]:
        """Yield a cursor that is rolled back unless it was committed."""

    def plain(self, cursor: Any) -> Any:
        """Return a plain cursor in the same transaction."""

    def env(self, cursor: Any, before_update: bool) -> Any:
        """Return the superuser's environment."""

    def flush(self, env: Any) -> None:
        """Write to the database what the environment keeps in memory."""


class Performer:
    """Executes the actions of an order (migration/work.py, actions()) one by one."""

    def __init__(
        self,
        order: dict[str, Any],
        events: EventSender,
        fence: LockFence,
        odoo: Framework,
        ask: Callable[..., dict[str, Any]],
    ) -> None:
        """`order`: from the runtime (run/module_changes.py). `ask`: sends a question with values to
        the runtime and returns the answer."""
        self.order, self.events, self.fence, self.odoo, self.ask = order, events, fence, odoo, ask
        self.run_id: str = order["run_id"]
        self.ours: Any = None  # our own connection, for the rows around a step
        self.done = 0
        self.of = migration_work.count(order["actions"])
        self.log: list[str] = []  # of the version
        self.number = ""
        self.version = ""
        self.signalled = False
        self.rows = order["recorded"]  # whether steps and versions are recorded at all

    def connection(self) -> Any:
        """Return our own autocommit connection, opened when first needed."""
        if self.ours is None:
            self.ours = self._connect()
        return self.ours

    def _connect(self) -> Any:
        return pg.open_pinned(self.order["connection"])

    @contextlib.contextmanager
    def writing(self) -> Iterator[Any]:
        """Yield the cursor of a transaction of our own, after checking the lock."""
        connection = self.connection()
        with pg.transaction(connection) as cursor:
            self.fence.check(connection, False)
            yield cursor

    def perform(self) -> None:
        """Execute all actions.

        Raises `Reported` if one failed; its event was sent.
        """
        for action in self.order["actions"]:
            getattr(self, "_" + action["do"])(action)
        if self.odoo.module is not None:
            self.events.send("signalled")
        if self.ours is not None:
            self.ours.close()

    # Versions

    def _begin(self, action: dict[str, Any]) -> None:
        self.number, self.version, self.log = action["number"], action["version"], []
        with self.writing() as cursor:
            if action["forced"]:
                migration_table.forget_steps(cursor, self.version)
            migration_table.begin_version(cursor, self.number, self.run_id, self.order["mode"])
        self.events.send("version_started", version=self.number, resumed=False, steps=action["steps"])

    def _resume(self, action: dict[str, Any]) -> None:
        self.number, self.version, self.log = action["number"], action["version"], []
        with self.writing() as cursor:
            migration_table.resume_version(cursor, self.number, self.run_id, self.order["mode"])
        self.events.send("version_started", version=self.number, resumed=True, steps=action["steps"])

    def _finish(self, action: dict[str, Any]) -> None:
        with self.writing() as cursor:
            migration_table.finish_version(
                cursor, self.number, self.run_id, self.order["mode"], "\n".join(self.log)[-VERSION_LOG_CHARACTERS:]
            )
        self.events.send("version_done", version=self.number)
        self.number = self.version = ""

    # The update

    def _update(self, action: dict[str, Any]) -> None:
        order = action["step"]
        step = migration_work.step_of(order) if order else None
        modules = update_plan.read_modules(self.connection())
        install, update = split(modules, action, self.order["folders"])
        what = {
            "version": self.number,
            "step_id": step.id if step else migration_file.UPDATE,
            "kind": migration_file.UPDATE,
            "name": str(update_plan.ModulePlan(tuple(install), tuple(update))),
        }
        with self.reported(what) as told:
            if step is not None:
                # The marks and the row are one transaction, so that afterwards it is known which of
                # these modules are done.
                with self.writing() as cursor:
                    update_plan.mark(cursor, update_plan.ModulePlan(tuple(install), tuple(update)), self.run_id)
                    migration_table.begin_step(
                        cursor, order["version"], step, self.run_id, {"begun": action["modules"]}
                    )
            if install or update or action["load"]:
                override = bool(step is not None and step.arguments.get("override_translations"))
                self.odoo.update(install, update, override)
                wrong = self.ask("verify", install=install, update=update)["wrong"]
                if wrong:
                    told["not_verified"] = True
                    raise StepError("; ".join(wrong))
            told["changed"] = bool(install or update)
            if step is not None:
                with self.writing() as cursor:
                    migration_table.finish_step(
                        cursor, order["version"], step, self.run_id, bool(install or update), {"modules_done": update}
                    )

    def _language(self, action: dict[str, Any]) -> None:
        """Loads the language of a first installation that was interrupted before it."""
        with self.odoo.cursor(self.odoo.registry()) as cursor:
            importlib.import_module("odoo.tools.translate").load_language(cursor, action["language"])
            cursor.commit()
        self.odoo.changed = True
        self.odoo.signal()

    # Steps

    def _step(self, action: dict[str, Any]) -> None:
        order = action["step"]
        step = migration_work.step_of(order)
        version = order["version"]
        what = {
            "version": self.number or version,
            "step_id": step.id,
            "kind": step.kind,
            "name": step.name,
            "phase": step.phase,
        }
        with self.reported(what, order["where"]) as told:
            with self.writing() as cursor:
                info = {"of": self.order["adhoc_sha"]} if version == migration_work.ADHOC else {}
                migration_table.begin_step(cursor, version, step, self.run_id, info)
            limit = TimeLimit(step.timeout)
            with limit.running():
                getattr(self, "_do_" + step.kind)(step, version, told, limit)

    @contextlib.contextmanager
    def reported(self, what: dict[str, Any], where: str = "") -> Iterator[dict[str, Any]]:
        """Run a step: send its events, capture its output, and record its failure. `what`: its
        description for events; `where`: its file and line. Yields a dictionary for the results.
        Raises `Reported` if it failed."""
        number = self.done + 1
        self.events.send("step_started", **what, step=number, of=self.of, where=where)
        output, began = Output(), time.monotonic()
        told: dict[str, Any] = {"changed": None, "self_committed": False}
        failure: BaseException | None = None
        with output.captured():
            try:
                yield told
            except BaseException as exc:  # noqa: BLE001 - SystemExit of a song is a failure too
                failure = exc
                if not isinstance(exc, (StepError, TimeIsOver)):
                    traceback.print_exc()
        seconds = round(time.monotonic() - began, 3)
        self.log += [f"{what['name']} ({seconds:.1f} s)", *output.tail.splitlines()]
        if failure is None:
            self.done = number
            self.events.send(
                "step_done", **what, step=number, of=self.of, seconds=seconds, log_tail=output.tail, **told
            )
            return
        error = describe(failure, what)
        self.events.send(
            "step_failed", **what, step=number, of=self.of, seconds=seconds, log_tail=output.tail, error=error,
            where=where, **told,
        )  # fmt: skip
        self.log.append(f"failed: {error['type']}: {error['message']}")
        with contextlib.suppress(pg.psycopg2.Error):
            self.fence.check(self.connection(), True)
            with self.writing() as cursor:
                version = self.version or migration_work.ADHOC
                info = {"error": error, "self_committed": told["self_committed"]}
                if self.rows:
                    migration_table.fail_step(cursor, version, what["step_id"], self.run_id, info)
                if self.version:
                    migration_table.fail_version(
                        cursor, self.number, self.run_id, self.order["mode"],
                        "\n".join(self.log)[-VERSION_LOG_CHARACTERS:],
                    )  # fmt: skip
        if isinstance(failure, KeyboardInterrupt):
            raise failure
        raise Reported from failure

    # SQL and commands need no Odoo

    def _do_sql(self, step: Step, version: str, told: dict[str, Any], limit: TimeLimit) -> None:
        connection = self._connect()
        connection.autocommit = False
        try:
            limit.connection = connection
            with connection.cursor() as cursor:
                if step.timeout:
                    cursor.execute(f"SET LOCAL statement_timeout = {int(step.timeout * 1000)}")
                before = transaction_name(cursor)
                statements = extensions.if_missing(step.arguments["sql"], extensions.there(cursor))
                cursor.execute("RESET search_path")  # the project's own statements name tables of Odoo without a schema
                cursor.execute(statements)
                cursor.execute(pg.PIN_SQL)
                told["self_committed"] = transaction_name(cursor) != before
                told["changed"] = told["self_committed"] or has_written(cursor)
                migration_table.finish_step(
                    cursor, version, step, self.run_id, told["changed"], {"self_committed": told["self_committed"]}
                )
                self.fence.check(connection, False)
            connection.commit()
        finally:
            limit.connection = None
            connection.close()
        if told["changed"]:
            self.odoo.forget_caches()

    def _do_command(self, step: Step, version: str, told: dict[str, Any], limit: TimeLimit) -> None:
        # The command may be marabunta or click-odoo-update and may change modules, so all of our
        # connections are closed meanwhile.
        self.odoo.rest()
        with self.writing() as cursor:
            there = extensions.there(cursor)
        self.ask("release_keys", argv=step.arguments["argv"][:1])
        try:
            self._run([extensions.if_missing(word, there) for word in step.arguments["argv"]], limit)
        finally:
            self.ask("take_keys")
        told["changed"] = True
        with self.writing() as cursor:
            migration_table.finish_step(cursor, version, step, self.run_id, True)

    def _run(self, argv: list[str], limit: TimeLimit) -> None:
        folder = self.order["cwd"]
        reading, writing = os.pipe()
        try:
            process = subprocess.Popen(
                argv,
                env=self.order["command_env"],
                cwd=folder if os.path.isdir(folder) else "/",
                stdin=subprocess.DEVNULL,
                stderr=writing,
                preexec_fn=dying_with(os.getpid()),
            )
        except OSError as exc:
            os.close(reading)
            raise StepError(f"{argv[0]!r} cannot be run: {exc.strerror}") from exc
        finally:
            os.close(writing)
        errors = ErrorOutput(reading)
        limit.process = process
        try:
            code = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            limit.process = None
            errors.end()
        if code and not limit.over:
            raise StepError(f"{argv[0]} {ended(code)}: {errors.last(self._password()) or 'it wrote no error'}")

    def _password(self) -> str:
        """The database's password, which must not be in an error. It is the last field of the passfile."""
        with contextlib.suppress(OSError, KeyError), open(self.order["command_env"]["PGPASSFILE"]) as handle:
            last = re.split(r"(?<!\\):", handle.read().strip())[-1]
            return re.sub(r"\\(.)", r"\1", last)
        return ""

    # Songs and other steps in an environment

    @contextlib.contextmanager
    def environment(self, step: Step, version: str, told: dict[str, Any], limit: TimeLimit) -> Iterator[Any]:
        """Yield an Odoo environment; its work and the step's row are committed together at the end."""
        registry = self.odoo.registry()
        with self.odoo.cursor(registry) as cursor:
            limit.connection = cursor._cnx
            env = self.odoo.env(cursor, step.phase == migration_file.PRE)
            plain = self.odoo.plain(cursor)
            there = extensions.there(plain)
            before, commits = transaction_name(plain), self.odoo.commits
            ctx = Context(env, step.arguments.get("data_path") or self.order["data_path"])
            try:
                with extensions.tolerated(cursor, there):
                    yield ctx
                self.odoo.flush(ctx.env)
                own = transaction_name(plain) != before
            except BaseException:
                told["self_committed"] = self.odoo.commits > commits
                raise
            told["self_committed"] = own or self.odoo.commits > commits
            wrote = has_written(plain)
            if told["changed"] is None:
                told["changed"] = wrote or told["self_committed"]
            migration_table.finish_step(
                plain, version, step, self.run_id, told["changed"], {"self_committed": told["self_committed"]}
            )
            cursor.commit()
            limit.connection = None
        self.odoo.signal()

    def _do_song(self, step: Step, version: str, told: dict[str, Any], limit: TimeLimit) -> None:
        name, _colons, attribute = step.arguments["target"].partition("::")
        for path in self.order["song_paths"]:
            if path not in sys.path:
                sys.path.append(path)
        self.odoo.registry()  # songs may import Odoo, and addons
        importlib.invalidate_caches()
        function = getattr(importlib.import_module(name), attribute, None)
        if not callable(function):
            raise StepError(f"{name} has no function {attribute}")
        with self.environment(step, version, told, limit) as ctx:
            ctx.options.quiet = bool(step.arguments.get("quiet"))
            function(ctx, **step.arguments.get("kwargs", {}))

    def _do_config_parameter(self, step: Step, version: str, told: dict[str, Any], limit: TimeLimit) -> None:
        with self.environment(step, version, told, limit) as ctx:
            parameters = ctx.env["ir.config_parameter"]
            changed = False
            for key, value in step.arguments["values"].items():
                before = parameters.get_param(key, None)
                before = None if before is False else before
                if before != value:
                    changed = True
                    parameters.set_param(key, False if value is None else value)
                    log_step(f"{key}: {'removed' if value is None else 'set'}")
            told["changed"] = changed

    def _do_load_csv(self, step: Step, version: str, told: dict[str, Any], limit: TimeLimit) -> None:
        import csv

        arguments = step.arguments
        path = migration_work.csv_path(arguments["path"], self.order["data_path"])
        try:
            with open(path, encoding=arguments["encoding"], newline="") as handle:
                rows = [row for row in csv.reader(handle, delimiter=arguments["delimiter"]) if row]
        except (OSError, UnicodeDecodeError, csv.Error) as exc:
            raise StepError(f"{path}: can't be read: {exc}") from exc
        if not rows:
            raise StepError(f"{path}: is empty; its first line must name the fields")
        header = [name.lstrip("\ufeff").strip() for name in rows[0]]
        with self.environment(step, version, told, limit) as ctx:
            if arguments["model"] not in ctx.env:
                raise StepError(f"there is no model {arguments['model']!r}")
            result = ctx.env[arguments["model"]].with_context(tracking_disable=True).load(header, rows[1:])
            errors = [item for item in result.get("messages", []) if item.get("type") == "error"]
            if errors or result.get("ids") is False:
                first = "; ".join(
                    f"{path}:{(item.get('rows') or {}).get('from', 0) + 2}: {item.get('message')}"
                    for item in errors[:5]
                )
                raise StepError(first or f"{path}: could not be loaded")
            log_step(f"{len(result['ids'])} records of {arguments['model']} from {path}")

    # Modules

    def _do_install(self, step: Step, version: str, told: dict[str, Any], _limit: TimeLimit) -> None:
        modules = update_plan.read_modules(self.connection())
        names = [name for name in step.arguments["modules"] if not modules.installed(name)]
        if names:
            self.odoo.update(names, [], False)
            wrong = self.ask("verify", install=names, update=[])["wrong"]
            if wrong:
                told["not_verified"] = True
                raise StepError("; ".join(wrong))
        told["changed"] = bool(names)
        with self.writing() as cursor:
            migration_table.finish_step(cursor, version, step, self.run_id, bool(names), {"installed": names})

    def _do_uninstall(self, step: Step, version: str, told: dict[str, Any], limit: TimeLimit) -> None:
        before = update_plan.read_modules(self.connection())
        names = [name for name in step.arguments["modules"] if before.installed(name)]
        gone: list[str] = []
        began = time.monotonic()
        if names:
            with self.odoo.cursor(self.odoo.registry()) as cursor, self.odoo.changing():
                limit.connection = cursor._cnx
                env = self.odoo.env(cursor, step.phase == migration_file.PRE)
                env["ir.module.module"].search([("name", "in", names)]).button_immediate_uninstall()
                limit.connection = None
            self.odoo.changed = True
            modules = update_plan.read_modules(self.connection())
            left = [name for name in names if modules.installed(name)]
            if left:
                raise StepError(f"still installed: {', '.join(left)}")
            # Including the modules that depended on them
            gone = [name for name in sorted(before.states) if before.installed(name) and not modules.installed(name)]
            self.odoo.signal()
        told["changed"] = bool(names)
        with self.writing() as cursor:
            for name in gone:
                cursor.execute("DELETE FROM public.odoo_cloud_module WHERE name = %s", (name,))
            migration_table.finish_step(cursor, version, step, self.run_id, bool(names), {"uninstalled": gone})
        for name in gone:
            seconds = round(time.monotonic() - began, 3)
            self.events.send(
                "module", name=name, version=None, before=before.versions.get(name) or None, done=0, seconds=seconds
            )


def split(modules: update_plan.Modules, action: dict[str, Any], folders: list[str]) -> tuple[list[str], list[str]]:
    """Return which modules of an update have to be installed and which updated, by their current
    state: an earlier step may have installed or uninstalled some. An installed module is never
    installed again, which would undo users' changes."""
    install = [name for name in action["install"] if not modules.installed(name)]
    update = [name for name in action["update"] if modules.installed(name)]
    for name in action["modules"]:
        if modules.installed(name):
            update += [name] if name not in update else []
        elif name not in install:
            install.append(name)
    return install, update


def transaction_name(cursor: Any) -> str:
    """Return the name of the current transaction without assigning a number, which only a
    transaction that writes gets."""
    cursor.execute(
        "SELECT virtualtransaction FROM pg_catalog.pg_locks WHERE locktype = 'virtualxid' AND pid = pg_catalog.pg_backend_pid()"
    )
    row = cursor.fetchone()
    return row[0] if row else ""


def has_written(cursor: Any) -> bool:
    """Whether the current transaction has written anything."""
    cursor.execute("SELECT pg_catalog.txid_current_if_assigned() IS NOT NULL")
    return bool(cursor.fetchone()[0])


def describe(failure: BaseException, what: dict[str, Any]) -> dict[str, Any]:
    """Describe an error as data: type, message, the place in the song's own files, PostgreSQL's code."""
    if isinstance(failure, TimeIsOver):
        return {"type": "Timeout", "message": "its time is over (timeout)", "where": "", "pgcode": None}
    message = " ".join(str(failure).split())
    if isinstance(failure, SystemExit):
        message = f"it called sys.exit({failure.code!r}); a step has to return"
    places = traceback.extract_tb(failure.__traceback__)
    top = what["name"].split(".", 1)[0].split("::", 1)[0]
    own = [
        place for place in places if f"{os.sep}{top}{os.sep}" in place.filename or place.filename.endswith(f"{top}.py")
    ]
    place = own[-1] if own and what["kind"] == migration_file.SONG else places[-1] if places else None
    where = f"{place.filename}:{place.lineno}" if place is not None and not isinstance(failure, StepError) else ""
    return {
        "type": type(failure).__name__,
        "message": message[:1500] or type(failure).__name__,
        "where": where,
        "pgcode": getattr(failure, "pgcode", None),
    }
