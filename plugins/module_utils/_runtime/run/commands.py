# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The commands of `odoo-cloud` besides `run`: what they print, and programs that get the database's
address and password."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import uuid
from collections.abc import Mapping
from typing import Any

from ..addons import install, static, update_plan
from ..common import config, events, log, startup, unknown_variables
from ..common.config import Settings
from ..common.errors import ConfigError, Held, Refused, RuntimeFailure, UsageError
from ..common.odoo_facts import DATA_DIR
from ..database import lock, pg, state
from ..migration import work as migration_work
from ..restore import by_hand
from ..restore import point as restore_point
from . import go_ahead, modes, rehearsal
from .connections import Connections
from .launch import odoo_command, odoo_environment
from .planning import Planner


def other_command(command: list[str], env: Mapping[str, str]) -> None:
    """Execute `odoo shell`, `psql` or `bash` as given, with address and password where libpq reads
    them, and without the gate. Never returns.

    Raises `CommandNotFound` if the program can't be executed.
    """
    startup.become_odoo(env.get("DATA_DIR") or DATA_DIR)
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
        rest = command[1:]
        if not rest or rest[0].startswith("-") or rest[0] in ("server", "shell"):  # others don't take it
            rest = [*rest, *settings.addons_args()]
        command = odoo_command(rest)
    startup.exec_command(command, environment)


def export_static(env: Mapping[str, str], arguments: list[str]) -> dict[str, Any]:
    """Copy the static files of all addons to STATIC_DIR, or with --check report whether that would
    change anything. Needs no database. Returns the release and whether it changed.

    Raises `UsageError` or `ConfigError`.
    """
    if arguments not in ([], ["--check"]):
        raise UsageError(f"argument {' '.join(arguments)!r}: static takes --check or none")
    startup.become_odoo(env.get("DATA_DIR") or DATA_DIR)
    settings = config.load(env)
    if not settings.static_dir:
        raise config.wrong("STATIC_DIR", "", "must name the folder that the static files are copied to")
    release, changed = static.export(settings, install.odoo_executable(settings), check_only=bool(arguments))
    return {"release": release, "changed": changed}


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def rollback(arguments: list[str], env: Mapping[str, str]) -> int:
    """Report what going back to a restore point would lose, and go back if that is confirmed.
    Returns the exit code."""
    go_ahead.listen()
    event_log = modes.begin(env)
    with modes.ending(event_log):
        settings, environment = _started(env, event_log, "rollback")

        def before(guard: lock.Lock) -> None:
            if settings.go_ahead_timeout:
                go_ahead.wait(guard, settings.go_ahead_timeout, event_log)

        code = by_hand.command(settings, environment, arguments, _print, before, event_log)
    _ended(event_log, settings, code)
    return code


def _started(env: Mapping[str, str], event_log: events.EventFile, mode: str) -> tuple[Settings, dict[str, str]]:
    """Emits the first event. Returns the settings and Odoo's environment."""
    settings = config.load(env)
    event_log.emit("run_started", mode=mode, release=settings.release, database=settings.db_name)
    return settings, odoo_environment(env, settings, pg.write_passfile(settings))


def _ended(event_log: events.EventFile, settings: Settings, code: int, **more: Any) -> None:
    """Emits the last event; `more`: what its result has besides that of a run."""
    result = {**events.result(event_log.kept, settings.version, failed=bool(code)), **more}
    event_log.emit("run_ended", status="failed" if code else "done", code=code, result=result)
    event_log.close()


def rehearse(env: Mapping[str, str]) -> int:
    """Run the update on a copy of the database and print the result. Returns the exit code."""
    event_log = modes.begin(env)
    with modes.ending(event_log):
        settings, environment = _started(env, event_log, "rehearse")
        code, result = rehearsal.run(settings, environment, event_log, event_log.run_id)
    _ended(event_log, settings, code, rehearsal=result)
    _print(json.dumps(result, indent=2, default=str))
    return code


def print_plan(env: Mapping[str, str]) -> dict[str, Any]:
    """Return what MODE would do now as plain data, without the lock and without changing anything."""
    settings = config.load(env)
    connections = Connections(settings, pg.application_name(settings.mode, uuid.uuid4().hex[:12], settings.host))
    problems: tuple[Any, ...] = ()
    try:
        source = migration_work.read(settings)
    except migration_work.Wrong as exc:
        problems, source = exc.problems, migration_work.Source()
    planner = Planner(settings, env, connections, source)
    try:
        connections.open()
        history = state.read_history(connections.database)
        held = lock.holder(connections.control, settings.db_name)
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
            "refusals": [],
            "warnings": unknown_variables.warnings(env),
            "hooks": False,
            "migration": migration_work.wrong_data(problems, settings),
            "refused": bool(problems),
            "changed": False,
            "reason": "",
            "restore_point": restore_point.outlook(settings, connections.name),
            "rehearsal": rehearsal.last(connections.database, settings),
        }
        if held is not None:  # reading the modules would wait for the run
            return {**result, "changed": True, "reason": f"{held} works on it"}
        contents = planner.contents()
        planner.check_series(contents)
        if not contents.initialised or history.first_installation:
            reason = "its first installation has not ended" if history.first_installation else "it is not initialised"
            missing = [name for name in settings.modules if name not in contents.installed]
            wrong = update_plan.first_problems(settings, planner.folders()) if settings.installing else []
            refused = bool(problems or wrong)
            return {
                **result, "install": missing, "refusals": wrong, "refused": refused, "changed": not refused, "reason": reason,
            }  # fmt: skip
        blocked = latest is not None and not latest.open
        plan, work = planner.decide(resume=blocked)
        due = planner.hooks_due()
        no_point = str(result["restore_point"]["refusal"])
        if no_point and not blocked and not (plan.empty and work.empty):
            plan = dataclasses.replace(plan, refusals=(*plan.refusals, no_point))
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
        result.update(planner.as_data(plan, work, due, reason))
        if problems:
            result["migration"] = migration_work.wrong_data(problems, settings)
        refused = bool(problems or plan.refusals or work.problems or work.plan.refusal)
        return {
            **result, "refused": refused, "changed": not refused and (blocked or due or not (plan.empty and work.empty)),
        }  # fmt: skip
    finally:
        connections.close()


def adopt(env: Mapping[str, str]) -> dict[str, Any]:
    """Record the installed modules with the content of the addons folders, without updating
    anything. Returns as plain data what was recorded and what differs.

    Raises `Held` while a run works on the database, `Refused` if interrupted work has to be
    finished first.
    """
    startup.become_odoo(env.get("DATA_DIR") or DATA_DIR)
    settings = config.load(env)
    run_id = uuid.uuid4().hex[:12]
    connections = Connections(settings, pg.application_name(settings.mode, run_id, settings.host))
    try:
        connections.open()
        guard = lock.Lock(connections.control, settings.db_name)
        if not guard.acquire():
            raise Held(f"database {settings.db_name!r}: {lock.held_by(connections.control, settings.db_name)}")
        try:
            return _adopt(settings, Planner(settings, env, connections), guard, run_id)
        finally:
            guard.release()
    finally:
        connections.close()


def _adopt(settings: Settings, planner: Planner, guard: lock.Lock, run_id: str) -> dict[str, Any]:
    database = planner.database
    contents, latest = planner.contents(), state.read_history(database).latest
    planner.check_series(contents)
    if not contents.initialised or contents.pending or (latest is not None and not latest.open):
        why = (
            "it is not initialised"
            if not contents.initialised
            else f"modules are half done: {', '.join(contents.pending[:10])}"
            if contents.pending
            else f"state {latest}"
        )
        raise Refused(f"database {settings.db_name!r} can't be adopted: {why}; MODE=UpdateOnly finishes what was begun")
    modules, folders = update_plan.read_modules(database), planner.folders()
    found = update_plan.adoption(modules, settings, folders)
    if found.adopted or latest is None:
        writer = state.open_writer(
            database, guard, run_id, settings.host, settings.mode, settings.release, settings.actor
        )
        with pg.transaction(database) as cursor:
            cursor.execute(update_plan.TABLE_SQL)
            update_plan.record_all(cursor, found.adopted, folders, modules, run_id)
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
    """Return the last `limit` rows of the history as plain data, newest first, and the holder of
    the lock."""
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
