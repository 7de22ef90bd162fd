# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The first initialisation of a database: one `odoo -i`, whose result is believed only after SQL confirmed it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from typing import Any, Callable

from . import log, state, static
from .config import Settings
from .errors import ConfigError, InitFailed, LockLost, Stopped
from .lock import Lock
from .password import password_hash

HOLD_CHECK_SECONDS = 3.0
STOP_SECONDS = 8.0


def odoo_executable(settings: Settings) -> str:
    name = settings.odoo_bin or "odoo"
    path = shutil.which(name) or (None if settings.odoo_bin else shutil.which("odoo-bin"))
    if path is None:
        raise ConfigError(f"ODOO_BIN is {name!r}: there is no such program; the image must have Odoo on its PATH")
    return path


def install_arguments(settings: Settings) -> list[str]:
    """Arguments of the initialisation. Without demo data: 19 has none by default and deprecates the old option."""
    arguments = settings.odoo_args()
    if not any(item.startswith("--database=") for item in arguments):
        arguments.append(f"--database={settings.db_name}")
    arguments += [
        "-i",
        ",".join(settings.modules),
        "--stop-after-init",
        "--no-http",
        "--workers=0",
        "--max-cron-threads=0",
    ]
    if settings.version < 19:
        arguments.append("--without-demo=all")
    if settings.language:
        arguments.append(f"--load-language={settings.language}")
    return arguments


def password_rounds(version: int) -> int:
    """Rounds with which each version hashes by itself; fewer would be rehashed at the first login, more is slower."""
    if version >= 17:
        return 600_000
    return 350_000 if version == 16 else 25_000


def problem(contents: state.Contents, wanted: tuple[str, ...], return_code: int) -> str:
    """What is wrong with the result of the initialisation, or an empty string."""
    problems = []
    if return_code != 0:
        problems.append(f"odoo ended with code {return_code}")
    if not contents.odoo:
        problems.append("there is no table ir_module_module")
    else:
        missing = [name for name in wanted if name not in contents.installed]
        if missing:
            problems.append(f"not installed: {', '.join(missing)} (MODULES; is each on the addons path?)")
        if contents.pending:
            problems.append(f"left half done: {', '.join(contents.pending[:10])}")
    return "; ".join(problems)


class Child:
    """A child process to which our signals are passed on."""

    def __init__(
        self, command: list[str], env: Mapping[str, str], popen: Callable[..., Any] = subprocess.Popen
    ) -> None:
        self.command, self.env, self.popen = command, dict(env), popen
        self.process: Any = None
        self.signal = 0

    def _pass_on(self, signum: int, _frame: Any) -> None:
        self.signal = self.signal or signum
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signum)

    def run(self, still_ours: Callable[[], bool]) -> int:
        """The exit code. Raises Stopped after a signal, LockLost (child killed) when `still_ours` says no."""
        previous = {number: signal.signal(number, self._pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            try:
                self.process = self.popen(self.command, env=self.env, stdin=subprocess.DEVNULL)
            except OSError as exc:
                raise InitFailed(f"{self.command[0]!r} cannot be run: {exc.strerror}") from exc
            if self.signal:
                self.process.send_signal(self.signal)
            stop_at = None
            while True:
                try:
                    code = self.process.wait(timeout=min(HOLD_CHECK_SECONDS, STOP_SECONDS))
                    break
                except subprocess.TimeoutExpired:
                    pass
                if self.signal:
                    stop_at = stop_at or time.monotonic() + STOP_SECONDS - HOLD_CHECK_SECONDS
                    if time.monotonic() >= stop_at:
                        self.process.kill()
                elif not still_ours():
                    self.process.kill()
                    self.process.wait()
                    raise LockLost(
                        "the lock was lost while odoo -i was running; it was stopped, the next start finishes the work"
                    )
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        if self.signal:
            raise Stopped(self.signal)
        return code


def prepare_database(connection: Any, settings: Settings) -> None:
    """The extensions that Odoo makes in databases of its own making, as far as the owner may (trusted ones)."""
    wanted = ["pg_trgm"]
    if settings.conf.get("unaccent", "").lower() in ("true", "1", "yes"):
        wanted.append("unaccent")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.name FROM pg_catalog.pg_available_extension_versions v"
            " JOIN pg_catalog.pg_available_extensions e ON e.name = v.name AND e.default_version = v.version"
            " WHERE v.name = ANY(%s) AND e.installed_version IS NULL AND v.trusted"
            " AND has_database_privilege(current_database(), 'CREATE') ORDER BY v.name",
            (wanted,),
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")


def parameters(settings: Settings) -> dict[str, str]:
    result = {"report.url": f"http://127.0.0.1:{settings.http_port}"}
    if settings.base_url:
        result["web.base.url"] = settings.base_url
        result["web.base.url.freeze"] = "True"
    return result


def finish(connection: Any, settings: Settings, writer: state.Writer, hashed: str | None) -> None:
    """Administrator, parameters and Ready in one transaction, fenced by our own Creating row."""
    connection.autocommit = False
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT run_id, token FROM public.curq_state_history ORDER BY id DESC LIMIT 1 FOR UPDATE")
            if cursor.fetchone() != (writer.run_id, writer.token):
                raise LockLost("another run wrote to the history meanwhile; nothing more is done")
            if hashed is not None:
                cursor.execute(
                    "UPDATE public.res_users SET login = %s, password = %s WHERE id ="
                    " (SELECT res_id FROM public.ir_model_data"
                    " WHERE module = 'base' AND name = 'user_admin' AND model = 'res.users')",
                    (settings.admin_login, hashed),
                )
                if cursor.rowcount != 1:
                    raise InitFailed("the user base.user_admin is not there; its password could not be set")
            for key, value in parameters(settings).items():
                cursor.execute(
                    "INSERT INTO public.ir_config_parameter"
                    " (key, value, create_uid, write_uid, create_date, write_date)"
                    " VALUES (%s, %s, 1, 1, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')"
                    " ON CONFLICT (key) DO UPDATE"
                    " SET value = excluded.value, write_uid = 1, write_date = excluded.write_date",
                    (key, value),
                )
            writer.write(cursor, state.READY, "initialised: " + ",".join(settings.modules), "ok")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.autocommit = True


def initialise(
    connection: Any, lock: Lock, settings: Settings, writer: state.Writer, reason: str, env: Mapping[str, str]
) -> None:
    """Initialises the database. The lock is held, and the database was never Ready, so the users in it are ours."""
    if settings.admin_password is None:
        log.warning(
            "ADMIN_PASSWORD_FILE is not set: the Odoo administrator keeps Odoo's default password;"
            " change it before anybody else does"
        )
    executable = odoo_executable(settings)
    folders = static.addons_folders(settings, executable)
    missing = static.missing_modules(settings.modules, folders)
    if missing:
        raise ConfigError(
            f"MODULES is {','.join(settings.modules)!r}: {', '.join(missing)} is in none of the addons folders"
            f" ({', '.join(folders) or 'none'}); correct the name or addons_path in {settings.odoo_rc}"
        )
    command = [executable, *install_arguments(settings)]
    lock.check("writing Creating")
    writer.append(state.CREATING, f"initialising ({reason}): {','.join(settings.modules)}")
    started = time.monotonic()
    log.info(f"initialising database {settings.db_name!r}: {' '.join(command)}")
    try:
        prepare_database(connection, settings)
        code = Child(command, env).run(lock.held)
        lock.check("verifying the installation")
        wrong = problem(state.read_contents(connection), settings.modules, code)
        if wrong:
            raise InitFailed(f"the initialisation of database {settings.db_name!r} failed: {wrong}")
        hashed = None
        if settings.admin_password is not None:
            hashed = password_hash(settings.admin_password, password_rounds(settings.version))
        lock.check("setting the administrator's password")
        finish(connection, settings, writer, hashed)
    except InitFailed as exc:
        if lock.held():
            writer.append(state.FAILED, str(exc), "failed")
        raise
    log.info(f"database {settings.db_name!r} is initialised and Ready ({time.monotonic() - started:.1f} s)")
