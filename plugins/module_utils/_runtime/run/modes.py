# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The modes: what happens between the container's start and Odoo becoming its main process."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Callable

from ..addons import install, static
from ..common import config, events, log, startup, unknown_variables
from ..common.config import Settings
from ..common.errors import EXIT_DATABASE_ERROR, LockLost, NeedsDecision, RolledBack, RuntimeFailure, Stopped
from ..common.odoo_facts import DATA_DIR
from ..database import pg
from ..migration import work as migration_work
from ..rules import check
from . import before_start, go_ahead
from .gate import Gate
from .launch import check_data_dir, odoo_command, odoo_environment


class Background:
    """Runs a function in a thread; `wait()` raises its exception."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(function, args), daemon=True)
        self.thread.start()

    def _run(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            function(*args)
        except BaseException as exc:  # noqa: BLE001 - raised again in wait()
            self.error = exc

    def wait(self) -> None:
        """Wait until the function has ended. Raises its exception."""
        while self.thread.is_alive():
            self.thread.join(0.5)  # in short intervals, so that signals are handled
        if self.error is not None:
            raise self.error


def run(env: Mapping[str, str]) -> int:
    """Do what MODE says. Modes that serve replace this process by Odoo; the others return 0.

    Raises a `RuntimeFailure` with the exit code.
    """
    go_ahead.listen()
    event_log = begin(env)
    with ending(event_log):
        for line in unknown_variables.warnings(env):
            log.warning(line)
        settings = config.load(env)
        if settings.mode == "Init" and settings.list_db:
            log.info("Init: LIST_DB is True, there is no database to initialise")
            return 0
        check.before_database(env, settings)
        event_log.emit("run_started", mode=settings.mode, release=settings.release, database=settings.db_name)
        executable, environment, copying, changed = _to_ready(settings, env, event_log)
    status = "done" if changed else "nothing"
    event_log.emit("run_ended", status=status, code=0, result=events.result(event_log.kept, settings.version))
    event_log.close()
    if not settings.serving:
        log.info(f"database {settings.db_name!r} is ready; {settings.mode} ends here")
        return 0
    check.of_database(env, settings)
    if copying is not None:
        copying.wait()
    log.info("starting Odoo" + (f" on database {settings.db_name!r}" if settings.db_name else ""))
    environment["ODOO_CLOUD_EXECUTABLE"] = executable
    startup.exec_command(odoo_command(settings.odoo_args()), environment)
    return 0


def begin(env: Mapping[str, str]) -> events.EventFile:
    """Continue as Odoo's user and end on signals. Returns the events of this run, with its new ID."""
    startup.end_on_signals()
    startup.become_odoo(env.get("DATA_DIR") or DATA_DIR)
    return events.EventFile(env.get("EVENTS_FILE") or "", uuid.uuid4().hex[:12])


@contextlib.contextmanager
def ending(event_log: events.EventFile) -> Iterator[None]:
    """Emit the last event, with status and error, if the code within fails."""
    try:
        yield
    except (RuntimeFailure, pg.psycopg2.Error) as exc:
        statuses = ((Stopped, "signal"), (LockLost, "lost"), (RolledBack, "rolled_back"), (NeedsDecision, "held"))
        status = next((name for kind, name in statuses if isinstance(exc, kind)), "failed")
        code = exc.exit_code if isinstance(exc, RuntimeFailure) else EXIT_DATABASE_ERROR
        result = events.result(event_log.kept, failed=True)
        event_log.emit("run_ended", status=status, code=code, error=pg.one_line(exc), result=result)
        raise


def _to_ready(
    settings: Settings, env: Mapping[str, str], event_log: events.EventFile
) -> tuple[str, dict[str, str], Background | None, bool]:
    """Does the mode's work on the database. Returns program and environment of Odoo, the running
    copy of static files, and whether anything changed."""
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
        log.warning("LIST_DB is True: databases are chosen in Odoo, their state is not checked")
        return executable, environment, copying, False
    # Hooks also get the container's own variables, such as MODULES; Odoo does not.
    own = {name: value for name, value in env.items() if name not in ("PYTHONPATH", "PGPASSWORD")}
    gate = Gate(settings, environment, {**own, **environment}, event_log.run_id, event_log, source)
    try:
        gate.pass_through()
        while settings.serving and not before_start.may_start(gate):
            time.sleep(0.5)
            gate.pass_through()
        # at the end, because the replicas of this code start next; a failed run leaves the files of
        # the previous code
        if at_the_end:
            static.export(settings, executable)
    finally:
        gate.close()
    return executable, environment, copying, gate.changed
