# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The modes: what happens between the container's start and Odoo being its main process."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from ..addons import install, static, update_plan
from ..common import config, events, log, startup, unknown_variables
from ..common.config import Settings
from ..common.errors import (
    EXIT_DATABASE_ERROR,
    ConfigError,
    FilesError,
    Held,
    LockLost,
    NeedsDecision,
    Refused,
    RolledBack,
    RuntimeFailure,
    Stopped,
    UsageError,
)
from ..database import lock, pg, state
from ..migration import work as migration_work
from ..restore import point as restore_point
from ..restore import rollback as rolling_back
from ..rules import check
from . import go_ahead, rehearsal
from .gate import Gate


def runtime_folder() -> str:
    """The folder that is on sys.path for our sake."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def odoo_environment(env: Mapping[str, str], settings: Settings | None, passfile: str | None) -> dict[str, str]:
    """Odoo's environment: ours without what is the runtime's own business, plus where libpq finds password and CA."""
    result = {name: value for name, value in env.items() if name not in config.OWN_VARIABLES}
    ours = runtime_folder()
    others = [
        item for item in (env.get("PYTHONPATH") or "").split(os.pathsep) if item and os.path.realpath(item) != ours
    ]
    if others:
        result["PYTHONPATH"] = os.pathsep.join(others)
    if passfile is not None:
        result["PGPASSFILE"] = passfile
        result.pop("PGPASSWORD", None)
    if settings is not None:
        result["ODOO_RC"] = settings.odoo_rc
        if settings.db_sslrootcert:
            result["PGSSLROOTCERT"] = settings.db_sslrootcert
        if result.get("HOME", "/") in ("", "/", "/root"):
            result["HOME"] = settings.data_dir
    return result


def check_data_dir(data_dir: str) -> None:
    if not os.path.isdir(data_dir) or not os.access(data_dir, os.W_OK | os.X_OK):
        raise FilesError(f"DATA_DIR is {data_dir!r}: must be a folder that uid {os.getuid()} can write")


class Background:
    """Runs a function beside the rest; wait() hands its exception over."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(function, args), daemon=True)
        self.thread.start()

    def _run(self, function: Any, args: tuple[Any, ...]) -> None:
        try:
            function(*args)
        except BaseException as exc:  # noqa: BLE001 - handed over in wait()
            self.error = exc

    def wait(self) -> None:
        while self.thread.is_alive():
            self.thread.join(0.5)  # in pieces, so that signals are seen
        if self.error is not None:
            raise self.error


def odoo_command(executable: str, arguments: list[str], version: int) -> list[str]:
    """How Odoo is started: 14 to 18 through serve.py, which keeps a plain start from upgrading what was left over."""
    if version >= 19:
        return [executable, *arguments]
    return [
        sys.executable,
        os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "boot", "serve.py"),
        *arguments,
    ]


def run(env: Mapping[str, str]) -> int:
    """Acts by MODE. Ends by becoming Odoo; returns 0 for modes that do not serve."""
    go_ahead.listen()
    startup.end_on_signals()
    startup.become_odoo(env.get("DATA_DIR") or "/var/lib/odoo")
    run_id = uuid.uuid4().hex[:12]
    told = events.EventFile(env.get("EVENTS_FILE") or "", run_id)
    with _ending(told):
        for line in unknown_variables.warnings(env):
            log.warning(line)
        settings = config.load(env)
        if settings.mode == "Init" and settings.list_db:
            log.info("Init: LIST_DB is True, there is no database to initialise")
            return 0
        check.before_database(env, settings)
        told.emit("run_started", mode=settings.mode, release=settings.release, database=settings.db_name)
        executable, environment, copying, changed = _to_ready(settings, env, told, run_id)
    status = "done" if changed else "nothing"
    told.emit("run_ended", status=status, code=0, result=events.result(told.kept, settings.version))
    told.close()
    if not settings.serving:
        log.info(f"database {settings.db_name!r} is ready; {settings.mode} ends here")
        return 0
    check.of_database(env, settings)
    if copying is not None:
        copying.wait()
    log.info("starting Odoo" + (f" on database {settings.db_name!r}" if settings.db_name else ""))
    environment["ODOO_CLOUD_EXECUTABLE"] = executable
    startup.exec_command(odoo_command(executable, settings.odoo_args(), settings.version), environment)
    return 0


@contextlib.contextmanager
def _ending(told: events.EventFile) -> Iterator[None]:
    """A run that does not end well says so in its last event."""
    try:
        yield
    except (RuntimeFailure, pg.psycopg2.Error) as exc:
        statuses = ((Stopped, "signal"), (LockLost, "lost"), (RolledBack, "rolled_back"), (NeedsDecision, "held"))
        status = next((name for kind, name in statuses if isinstance(exc, kind)), "failed")
        code = exc.exit_code if isinstance(exc, RuntimeFailure) else EXIT_DATABASE_ERROR
        result = events.result(told.kept, failed=True)
        told.emit("run_ended", status=status, code=code, error=pg.one_line(exc), result=result)
        raise


def _to_ready(
    settings: Settings, env: Mapping[str, str], told: events.EventFile, run_id: str
) -> tuple[str, dict[str, str], Background | None, bool]:
    """Brings the database to where MODE wants it; returns what Odoo is started with."""
    check_data_dir(settings.data_dir)
    executable = install.odoo_executable(settings)
    log.info(
        f"{settings.mode}: Odoo {settings.version}, database {settings.db_name!r}"
        f" at {settings.db_host}:{settings.db_port}, user {settings.db_user!r}"
        + (f", release {settings.release}" if settings.release else "")
    )
    source = migration_work.read(settings)
    copying = Background(static.export, settings, executable) if settings.static_dir and settings.serving else None
    at_the_end = bool(settings.static_dir) and not settings.serving
    if at_the_end:
        static.check(settings)
    passfile = pg.write_passfile(settings)
    environment = odoo_environment(env, settings, passfile)
    if settings.list_db:
        log.warning("LIST_DB is True: databases are chosen in Odoo, their state is not looked at")
        return executable, environment, copying, False
    # Hooks also see what the container was given, such as MODULES; Odoo does not.
    own = {name: value for name, value in env.items() if name not in ("PYTHONPATH", "PGPASSWORD")}
    gate = Gate(settings, environment, {**own, **environment}, run_id)
    gate.events, gate.source = told, source
    try:
        gate.pass_through()
        while settings.serving and not gate.may_start():
            time.sleep(0.5)
            gate.pass_through()
        if at_the_end:  # the replicas of this code come next; a run that failed leaves the files of the code before
            static.export(settings, executable)
    finally:
        gate.close()
    return executable, environment, copying, gate.changed


def other_command(command: list[str], env: Mapping[str, str]) -> None:
    """`odoo shell`, `psql`, `bash`: as given, with address and password where libpq finds them, and without the gate."""
    startup.become_odoo(env.get("DATA_DIR") or "/var/lib/odoo")
    settings: Settings | None = None
    passfile: str | None = None
    odoo = os.path.basename(command[0]) in ("odoo", "odoo-bin")
    try:
        settings = config.load(env)
        passfile = pg.write_passfile(settings)
    except RuntimeFailure as exc:
        if odoo and not isinstance(exc, ConfigError):
            raise
        log.warning(f"{command[0]} starts without the database's password: {exc}")
    environment = odoo_environment(env, settings, passfile)
    if settings is not None and not odoo:
        environment.update(pg.libpq_variables(settings))
    if odoo and settings is not None:
        executable = install.odoo_executable(settings) if command[0] in ("odoo", "odoo-bin") else command[0]
        environment["ODOO_CLOUD_EXECUTABLE"] = executable
        command = odoo_command(executable, command[1:], settings.version)
    startup.exec_command(command, environment)


def export_static(env: Mapping[str, str], arguments: list[str]) -> dict[str, Any]:
    """Copies the static files of all addons to STATIC_DIR, or with --check says whether it would; needs no database."""
    if arguments not in ([], ["--check"]):
        raise UsageError(f"argument {' '.join(arguments)!r}: static takes --check or none")
    startup.become_odoo(env.get("DATA_DIR") or "/var/lib/odoo")
    settings = config.load(env)
    if not settings.static_dir:
        raise config.wrong("STATIC_DIR", "", "must name the folder that the static files are copied to")
    release, changed = static.export(settings, install.odoo_executable(settings), check_only=bool(arguments))
    return {"release": release, "changed": changed}


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def rollback(arguments: list[str], env: Mapping[str, str]) -> int:
    """Tells what going back to a restore point would lose, and goes back when that is confirmed."""
    startup.end_on_signals()
    startup.become_odoo(env.get("DATA_DIR") or "/var/lib/odoo")
    settings = config.load(env)
    environment = odoo_environment(env, settings, pg.write_passfile(settings))
    return rolling_back.command(settings, environment, arguments, _tell)


def rehearse(env: Mapping[str, str]) -> int:
    """Does the update on a copy of the database, and tells what it did there."""
    startup.end_on_signals()
    startup.become_odoo(env.get("DATA_DIR") or "/var/lib/odoo")
    run_id = uuid.uuid4().hex[:12]
    told = events.EventFile(env.get("EVENTS_FILE") or "", run_id)
    with _ending(told):
        settings = config.load(env)
        told.emit("run_started", mode="rehearse", release=settings.release, database=settings.db_name)
        environment = odoo_environment(env, settings, pg.write_passfile(settings))
        code, result = rehearsal.run(settings, environment, told, run_id)
    ended = {**events.result(told.kept, settings.version, failed=bool(code)), "rehearsal": result}
    told.emit("run_ended", status="failed" if code else "done", code=code, result=ended)
    told.close()
    _tell(json.dumps(result, indent=2, default=str))
    return code


def print_plan(env: Mapping[str, str]) -> dict[str, Any]:
    """What MODE would do now, without the lock and without touching anything."""
    settings = config.load(env)
    gate = Gate(settings, env)
    problems: tuple[Any, ...] = ()
    try:
        gate.source = migration_work.read(settings)
    except migration_work.Wrong as exc:
        problems, gate.source = exc.problems, migration_work.Source()
    try:
        gate.control = pg.wait_for_server(settings, gate.name)
        gate.database = pg.connect(settings, settings.db_name, gate.name)
        history = state.read_history(gate.database)
        held = lock.holder(gate.control, settings.db_name)
        latest = history.latest
        result: dict[str, Any] = {
            "database": settings.db_name,
            "state": latest.state if latest else None,
            "open": bool(latest and latest.open),
            "held": str(held) if held else None,
            "install": [],
            "update": [],
            "reasons": {},
            "modules": [],
            "finish": [],
            "missing": [],
            "hooks": False,
            "migration": migration_work.wrong_data(problems, settings),
            "refused": bool(problems),
            "changed": False,
            "reason": "",
            "restore_point": restore_point.outlook(settings, gate.name),
            "rehearsal": rehearsal.last(gate.database, settings),
        }
        if held is not None:  # looking at the modules would wait for the run
            return {**result, "changed": True, "reason": f"{held} works on it"}
        contents = gate.contents()
        gate.check_series(contents)
        if not contents.initialised or history.first_installation:
            reason = "its first installation has not ended" if history.first_installation else "it is not initialised"
            missing = [name for name in settings.modules if name not in contents.installed]
            return {**result, "install": missing, "changed": True, "reason": reason}
        blocked = latest is not None and not latest.open
        plan, work, due = gate.plan(resume=blocked), gate.steps(), gate.hooks_due()
        reason = (
            f"state {latest}"
            if blocked
            else str(work)
            if not work.empty
            else str(plan)
            if not plan.empty
            else "the hooks changed"
            if due
            else ""
        )
        result.update(gate.plan_data(plan, work, due, reason))
        if problems:
            result["migration"] = migration_work.wrong_data(problems, settings)
        refused = bool(problems or work.problems or work.plan.refusal)
        return {
            **result, "refused": refused, "changed": not refused and (blocked or due or not (plan.empty and work.empty)),
        }  # fmt: skip
    finally:
        gate.close()


def adopt(env: Mapping[str, str]) -> dict[str, Any]:
    """Records what is installed as it lies in the addons folders, without updating anything."""
    startup.become_odoo(env.get("DATA_DIR") or "/var/lib/odoo")
    settings = config.load(env)
    gate = Gate(settings, env)
    try:
        gate.control = pg.wait_for_server(settings, gate.name)
        gate.database = pg.connect(settings, settings.db_name, gate.name)
        guard = lock.Lock(gate.control, settings.db_name)
        if not guard.acquire():
            raise Held(f"database {settings.db_name!r}: {lock.held_by(gate.control, settings.db_name)}")
        try:
            return _adopt(gate, guard)
        finally:
            guard.release()
    finally:
        gate.close()


def _adopt(gate: Gate, guard: lock.Lock) -> dict[str, Any]:
    settings = gate.settings
    contents, latest = gate.contents(), state.read_history(gate.database).latest
    gate.check_series(contents)
    if not contents.initialised or contents.pending or (latest is not None and not latest.open):
        why = (
            "it is not initialised"
            if not contents.initialised
            else f"modules are half done: {', '.join(contents.pending[:10])}"
            if contents.pending
            else f"state {latest}"
        )
        raise Refused(f"database {settings.db_name!r} can't be adopted: {why}; MODE=UpdateOnly finishes what was begun")
    modules, folders = update_plan.read_modules(gate.database), gate.folders()
    found = update_plan.adoption(modules, settings, folders)
    if found.adopted or latest is None:
        writer = gate.open_writer(guard)
        with pg.transaction(gate.database) as cursor:
            cursor.execute(update_plan.TABLE_SQL)
            update_plan.record_all(cursor, found.adopted, folders, modules, gate.run_id)
            writer.write(cursor, state.READY, f"adopted: {len(found.adopted)} modules", "ok")
    return {
        "database": settings.db_name,
        "adopted": list(found.adopted),
        "imported": list(found.imported),
        "differ": dict(found.differ),
        "known": list(found.known),
        "changed": bool(found.adopted) or latest is None,
    }


def print_state(env: Mapping[str, str], limit: int = 100) -> dict[str, Any]:
    """The history as plain data, newest first, and who holds the lock."""
    settings = config.load(env)
    name = pg.application_name("state", uuid.uuid4().hex[:12], settings.host)
    control = pg.wait_for_server(settings, name)
    try:
        held = lock.holder(control, settings.db_name)
    finally:
        control.close()
    database = pg.connect(settings, settings.db_name, name)
    try:
        entries = state.read_entries(database, limit)
    finally:
        database.close()
    latest = entries[0] if entries else None
    return {
        "database": settings.db_name,
        "state": latest.state if latest else None,
        "since": latest.since if latest else None,
        "age_seconds": round(latest.age) if latest else None,
        "open": bool(latest and latest.open),
        "holder": {"pid": held.pid, "since": held.since, **held.parsed()} if held else None,
        "history": [dict(vars(item)) for item in entries],
    }
