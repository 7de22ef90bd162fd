# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The modes: what happens between the container's start and Odoo being its main process."""

from __future__ import annotations

import os
import pwd
import random
import signal
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from . import config, install, lock, log, pg, state, static
from .config import Settings
from .errors import (
    AuthenticationFailed,
    CommandNotFound,
    ConfigError,
    FilesError,
    InitFailed,
    Refused,
    ResetWritten,
    RuntimeFailure,
    Stopped,
    Unreachable,
    WaitTimeout,
)
from .pg import psycopg2

ODOO_UID = 8069
POLL_SECONDS = 1.0
REPORT_SECONDS = 10.0


def runtime_folder() -> str:
    """The folder that is on sys.path for our sake."""
    return os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


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
        if settings.db_sslrootcert:
            result["PGSSLROOTCERT"] = settings.db_sslrootcert
        if result.get("HOME", "/") in ("", "/", "/root"):
            result["HOME"] = settings.data_dir
    return result


def become_odoo(data_dir: str) -> None:
    """Started as root: give DATA_DIR (itself only) to odoo's fixed uid and go on as it. Normally we are it already."""
    if os.getuid() != 0:
        return
    try:
        os.makedirs(data_dir, exist_ok=True)
        os.chown(data_dir, ODOO_UID, ODOO_UID)
    except OSError as exc:
        raise FilesError(f"DATA_DIR is {data_dir!r}: cannot be given to uid {ODOO_UID}: {exc.strerror}") from exc
    try:
        name: str | None = pwd.getpwuid(ODOO_UID).pw_name
    except KeyError:
        name = None
    if name:
        os.initgroups(name, ODOO_UID)
    else:
        os.setgroups([ODOO_UID])
    os.setgid(ODOO_UID)
    os.setuid(ODOO_UID)


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


class Gate:
    """Brings the database to the point where Odoo may run on it, or raises."""

    def __init__(self, settings: Settings, env: Mapping[str, str]) -> None:
        self.settings = settings
        self.env = env
        self.run_id = uuid.uuid4().hex[:12]
        self.name = pg.application_name(settings.mode, self.run_id, settings.host)
        self.control: Any = None  # on the maintenance database: the lock lives here
        self.database: Any = None
        self.seen: int | None = None  # the history's latest row when we came

    def close(self) -> None:
        for connection in (self.control, self.database):
            if connection is not None:
                connection.close()
        self.control = self.database = None

    def connect(self) -> None:
        if self.control is None or self.control.closed:
            self.control = pg.wait_for_server(self.settings, self.name)
        if self.database is None or self.database.closed:
            self.database = pg.connect(self.settings, self.settings.db_name, self.name)

    def pass_through(self) -> None:
        """Returns when the database is open and initialised."""
        settings = self.settings
        started = time.monotonic()
        reported = started - REPORT_SECONDS + 2  # waiting less than 2 s is not worth a line
        troubles = 0
        reason = ""
        while True:
            held = None
            try:
                self.connect()
                done, reason = self.attempt()
                troubles = 0
                if done:
                    return
                held = lock.holder(self.control, settings.db_name)
            except psycopg2.OperationalError as exc:
                # the server went away while we waited (restart, failover), or has no free connection: go on waiting
                self.close()
                troubles += 1
                reason = pg.one_line(exc)
                if pg.classify(reason, settings.db_name, settings.db_user) is AuthenticationFailed:
                    raise AuthenticationFailed(
                        f"DB_USER is {settings.db_user!r}: may not use database {settings.db_name!r}: {reason}"
                    ) from exc
                if troubles > 1 and time.monotonic() - started > settings.db_wait_timeout:
                    raise Unreachable(f"database {settings.db_name!r} cannot be reached: {reason}") from exc
            except psycopg2.InterfaceError:
                self.close()
                troubles += 1
            now = time.monotonic()
            left = started + settings.timeout - now
            if left <= 0:
                who = f"; lock held by {held}" if held else "; nobody holds the lock"
                raise WaitTimeout(
                    f"database {settings.db_name!r} is not ready after {now - started:.0f} s (TIMEOUT): {reason}{who}"
                )
            if now - reported >= REPORT_SECONDS:
                reported = now
                who = f"{held} works on it" if held else "nobody holds the lock"
                log.info(
                    f"waiting for database {settings.db_name!r}, {left:.0f} s left: {who}; {reason or 'just starting'}"
                )
            time.sleep(min(POLL_SECONDS * random.uniform(0.7, 1.3), max(left, 0.05)))

    def attempt(self) -> tuple[bool, str]:
        """One look, and one step if it is ours to take. True: Odoo may run. Else why not."""
        settings = self.settings
        history = state.read_history(self.database)
        latest = history.latest
        if state.decide_without_lock(history):
            contents = state.read_contents(self.database)
            self.check_series(contents)
            action, why = state.decide(history, contents, settings.mode, settings.timeout)
            if action is state.Action.RUN:
                self.report_open(why, contents)
                return True, why
        if self.seen is None:
            self.seen = latest.id if latest is not None else 0
        self.share_failure(latest)
        guard = lock.Lock(self.control, settings.db_name)
        if not guard.acquire():
            return False, f"state {latest}" if latest is not None else "no state yet"
        try:
            return self.locked(guard)
        finally:
            guard.release()

    def locked(self, guard: lock.Lock) -> tuple[bool, str]:
        settings = self.settings
        history, contents = state.read_history(self.database), state.read_contents(self.database)
        self.check_series(contents)
        self.share_failure(history.latest)
        action, why = state.decide(history, contents, settings.mode, settings.timeout)
        if action is state.Action.RUN:
            self.report_open(why, contents)
            return True, why
        if action is state.Action.WAIT:
            return False, why
        if action is state.Action.REFUSE:
            raise Refused(f"database {settings.db_name!r} is not opened: {why}")
        guard.check("writing to the history")
        writer = state.open_writer(self.database, self.run_id, settings.host, settings.mode, settings.release)
        if action is state.Action.ADOPT:
            writer.append(state.READY, "adopted", "ok")
            log.info(f"database {settings.db_name!r} adopted: {why}")
            return True, why
        if action is state.Action.RESET:
            writer.append(state.RESET, why, "reset")
            raise ResetWritten(f"database {settings.db_name!r}: {why}; Reset written (TIMEOUT), the next start goes on")
        install.initialise(self.database, guard, settings, writer, why, self.env)
        return True, "initialised"

    def share_failure(self, latest: state.Entry | None) -> None:
        """Who waited for an initialisation that failed fails with it: ten replicas must not try ten times in a row."""
        if latest is not None and latest.ours and latest.state == state.FAILED and latest.id > (self.seen or 0):
            raise InitFailed(f"run {latest.run_id} on {latest.host}, for which we waited, failed: {latest.detail}")

    def check_series(self, contents: state.Contents) -> None:
        why = state.other_series(contents, self.settings.version)
        if why:
            raise Refused(f"database {self.settings.db_name!r} is not opened: {why}")

    def report_open(self, why: str, contents: state.Contents) -> None:
        if contents.pending:
            log.warning(
                f"database {self.settings.db_name!r} is open ({why}) but has modules in a half-done state:"
                f" {', '.join(contents.pending[:10])}"
            )


def _stop(signum: int, _frame: Any) -> None:
    raise Stopped(signum)


def exec_command(command: list[str], env: Mapping[str, str]) -> None:
    """Becomes `command`; returns only by raising."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(command[0], command, dict(env))
    except FileNotFoundError as exc:
        raise CommandNotFound(
            f"{command[0]!r}: there is no such program; arguments are run, health, state or a command"
        ) from exc
    except OSError as exc:
        failure = CommandNotFound(f"{command[0]!r} cannot be run: {exc.strerror}")
        failure.exit_code = 126
        raise failure from exc


def run(env: Mapping[str, str]) -> int:
    """Acts by MODE. Ends by becoming Odoo; returns 0 for InstallOnly."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    become_odoo(env.get("DATA_DIR") or "/var/lib/odoo")
    settings = config.load(env)
    check_data_dir(settings.data_dir)
    executable = install.odoo_executable(settings)
    log.info(
        f"{settings.mode}: Odoo {settings.version}, database {settings.db_name!r}"
        f" at {settings.db_host}:{settings.db_port}, user {settings.db_user!r}"
        + (f", release {settings.release}" if settings.release else "")
    )
    copying = (
        Background(static.export, settings, executable)
        if settings.static_dir and settings.mode != "InstallOnly"
        else None
    )
    passfile = pg.write_passfile(settings)
    environment = odoo_environment(env, settings, passfile)
    gate = Gate(settings, environment)
    try:
        gate.pass_through()
    finally:
        gate.close()
    if settings.mode == "InstallOnly":
        log.info(f"database {settings.db_name!r} is ready; InstallOnly ends here")
        return 0
    if copying is not None:
        copying.wait()
    log.info(f"starting Odoo on database {settings.db_name!r}")
    exec_command([executable, *settings.odoo_args()], environment)
    return 0


def other_command(command: list[str], env: Mapping[str, str]) -> None:
    """`odoo shell`, `psql`, `bash`: as given, with the password where libpq finds it, and without the gate."""
    become_odoo(env.get("DATA_DIR") or "/var/lib/odoo")
    settings: Settings | None = None
    passfile: str | None = None
    try:
        settings = config.load(env)
        passfile = pg.write_passfile(settings)
    except RuntimeFailure as exc:
        if os.path.basename(command[0]) in ("odoo", "odoo-bin") and not isinstance(exc, ConfigError):
            raise
        log.warning(f"{command[0]} starts without the database's password: {exc}")
    exec_command(command, odoo_environment(env, settings, passfile))


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
