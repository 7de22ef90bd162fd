# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Connections to PostgreSQL: our own (direct, autocommit) and what Odoo needs to open its own
without a password in its arguments or environment."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from typing import Any, Callable

try:
    import psycopg2
except ImportError:  # every image with Odoo has it; it may be missing where this file is only imported
    psycopg2 = None

from ..common import log
from ..common.config import Settings
from ..common.errors import (
    AuthenticationFailed,
    DatabaseMissing,
    FilesError,
    PoolerRefused,
    RuntimeFailure,
    Unreachable,
)

# The server answers FATAL before a session exists, so psycopg2 has no SQLSTATE for it, only the
# text. A server that answers in another language counts as "unreachable", with its own text in the
# message.
_AUTHENTICATION = (
    "password authentication failed",
    "no password supplied",
    "authentication failed",
    "no pg_hba.conf entry",
    "is not permitted to log in",
)


# How many sessions this process has opened in each database; compared with what the server counts.
opened: collections.Counter[str] = collections.Counter()

# With these the server ends the session of a machine that vanished after 20 + 3 * 8 = 44 s, so the
# lock is free within 60 s. They have no effect on a Unix socket, whose other end cannot vanish.
LOST_MACHINE = {
    "tcp_keepalives_idle": 20,
    "tcp_keepalives_interval": 8,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 44000,
}


def application_name(what: str, run_id: str, host: str) -> str:
    """Return the application name of a session, `odoo-cloud <what> run=<id> host=<host>`, which
    `lock.parse_name()` reads. PostgreSQL keeps 63 bytes."""
    return f"odoo-cloud {what} run={run_id} host={host}"[:63]


def parameters(settings: Settings, database: str, name: str) -> dict[str, Any]:
    """Return the parameters of `psycopg2.connect()` for `database`. `name`: the application name."""
    result: dict[str, Any] = {
        "host": settings.db_host,
        "port": settings.db_port,
        "user": settings.db_user,
        "dbname": database,
        "sslmode": settings.db_sslmode,
        "application_name": name,
        "connect_timeout": 10,
        # The same on our side, so that a run that lost the network ends itself.
        "keepalives": 1,
        "keepalives_idle": 20,
        "keepalives_interval": 8,
        "keepalives_count": 3,
        "tcp_user_timeout": 44000,
    }
    if settings.db_password is not None:
        result["password"] = settings.db_password
    if settings.db_sslrootcert:
        result["sslrootcert"] = settings.db_sslrootcert
    return result


PIN_SQL = "SET search_path = pg_catalog;"


def open_pinned(given: dict[str, Any]) -> Any:
    """Open an autocommit session with the parameters of `psycopg2.connect()`, in which only
    PostgreSQL's own functions, operators and tables have a name without a schema."""
    connection = psycopg2.connect(**given)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(PIN_SQL)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(settings: Settings, database: str, name: str) -> Any:
    """Open a direct autocommit session on `database` that no server-side timeout ends. `name`: its
    application name. Only PostgreSQL's own functions and operators are on the search path, because
    whoever works in the database may have created others; names of tables have to say their schema.

    Raises `PoolerRefused` if a transaction pooler answers, `psycopg2.Error` if the connection
    fails.
    """
    connection = open_pinned(parameters(settings, database, name))
    opened[database] += 1
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_catalog.pg_backend_pid()")
            if cursor.fetchone()[0] != connection.info.backend_pid:
                raise PoolerRefused(
                    f"DB_HOST is {settings.db_host!r}: a transaction pooler answers there (another backend than the one"
                    " connected to), where a session lock is void; give PostgreSQL's own address"
                )
            names = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
            if connection.server_version >= 140000:
                names.append("idle_session_timeout")
            cursor.execute(
                "".join(f"SET {item} = 0;" for item in names)
                + "".join(f"SET {item} = {value};" for item, value in LOST_MACHINE.items())
            )
    except BaseException:
        connection.close()
        raise
    return connection


def libpq_variables(settings: Settings) -> dict[str, str]:
    """Return the environment variables with which psql and other programs on libpq find the
    database; the password is in the passfile."""
    return {
        "PGHOST": settings.db_host,
        "PGPORT": str(settings.db_port),
        "PGUSER": settings.db_user,
        "PGDATABASE": settings.db_name,
        "PGSSLMODE": settings.db_sslmode,
    }


@contextlib.contextmanager
def transaction(connection: Any) -> Iterator[Any]:
    """Yield a cursor on an autocommit connection whose statements are committed together at the
    end, or rolled back on any error."""
    connection.autocommit = False
    try:
        with connection.cursor() as cursor:
            yield cursor
        connection.commit()
    except BaseException:
        with contextlib.suppress(psycopg2.Error):
            connection.rollback()
        raise
    finally:
        if not connection.closed:
            connection.autocommit = True


def classify(message: str, database: str, user: str) -> type[RuntimeFailure] | None:
    """Interpret the error of a refused connection: `AuthenticationFailed`, `DatabaseMissing`, or
    `None` for a server that isn't reachable (yet)."""
    text = message.lower()
    if f'database "{database.lower()}" does not exist' in text:
        return DatabaseMissing
    if f'role "{user.lower()}" does not exist' in text or any(sign in text for sign in _AUTHENTICATION):
        return AuthenticationFailed
    return None


def one_line(exc: BaseException) -> str:
    """Return the text of an error as one line."""
    return " ".join(str(exc).split()) or exc.__class__.__name__


def wait_for_server(
    settings: Settings,
    name: str,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    need_database: bool = True,
    on_wait: Callable[[], None] | None = None,
) -> Any:
    """Return a connection to the maintenance database as soon as PostgreSQL accepts it and, with
    `need_database`, the instance's database exists. Waits up to `settings.db_wait_timeout` seconds;
    `on_wait` is called in each round.

    Role or database may still be created by another process: the function waits for them as for the
    server, but logs at once that they are missing. Raises `AuthenticationFailed`, `DatabaseMissing`
    or `Unreachable` when the time is over.
    """
    start = clock()
    limit = start + settings.db_wait_timeout
    said, said_at = "", start
    connection = None
    where = f"{settings.db_host}:{settings.db_port}"
    while True:
        failure: RuntimeFailure
        pause = 0.5
        try:
            if connection is None:
                connection = connect(settings, settings.db_maintenance, name)
            if not need_database:
                return connection
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT datallowconn FROM pg_catalog.pg_database WHERE datname = %s", (settings.db_name,)
                )
                row = cursor.fetchone()
            if row is not None and row[0]:
                return connection
            failure = DatabaseMissing(
                f"DB_NAME is {settings.db_name!r}: there is no such database on {where}, or it takes no connections;"
                " it must be created first, empty and owned by DB_USER"
            )
        except psycopg2.OperationalError as exc:
            connection = None
            reason = one_line(exc)
            kind = classify(reason, settings.db_maintenance, settings.db_user)
            if kind is AuthenticationFailed:
                pause = 3
                failure = AuthenticationFailed(
                    f"{settings.user_variable} is {settings.db_user!r}: PostgreSQL at {where} refuses it: {reason}"
                    + ("; the password of a role that is there is never changed" if settings.db_admin else "")
                )
            elif kind is DatabaseMissing:
                failure = DatabaseMissing(
                    f"DB_MAINTENANCE is {settings.db_maintenance!r}: {reason}; create it, and let the instance's roles connect"
                    " to it, which the playbook database does"
                )
            else:
                failure = Unreachable(
                    f"DB_HOST is {settings.db_host!r}: PostgreSQL does not answer at {where}: {reason}"
                )
        except psycopg2.InterfaceError:
            connection = None
            continue
        now = clock()
        if now >= limit:
            failure.args = (f"{failure} (waited {now - start:.0f} s, DB_WAIT_TIMEOUT)",)
            raise failure
        if failure.__class__.__name__ != said or now - said_at >= 5:
            said, said_at = failure.__class__.__name__, now
            say = log.warning if isinstance(failure, AuthenticationFailed) else log.info
            say(f"waiting, {limit - now:.0f} s left: {failure}")
        if on_wait is not None:
            on_wait()
        sleep(min(pause, max(limit - now, 0.05)))


def private_folder() -> str:
    """Return a folder of mode 0700 of this user, in memory where possible.

    Raises `FilesError` if there is none that can be used.
    """
    for base in ("/dev/shm", tempfile.gettempdir()):
        if not os.path.isdir(base) or not os.access(base, os.W_OK | os.X_OK):
            continue
        path = os.path.join(base, f"odoo-cloud-{os.getuid()}")
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            info = os.lstat(path)
            if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or stat.S_IMODE(info.st_mode) != 0o700:
                raise FilesError(f"{path} is not a folder of mode 0700 of uid {os.getuid()}; remove it") from None
        except OSError:
            continue
        return path
    raise FilesError("neither /dev/shm nor the temporary folder can be written; mount a tmpfs on /tmp")


def passfile_line(user: str, password: str) -> str:
    """Return the line of a libpq passfile for any database of the server."""

    def escape(text: str) -> str:
        return text.replace("\\", "\\\\").replace(":", "\\:")

    return f"*:*:*:{escape(user)}:{escape(password)}\n"


def write_passfile(settings: Settings) -> str | None:
    """Write the file from which libpq inside Odoo reads the password (mode 0600, replaced
    atomically) and return its path; `None` without a password.

    Raises `FilesError` if it can't be written.
    """
    if settings.db_password is None:
        return None
    folder = private_folder()
    path = os.path.join(folder, "pgpass-" + re.sub(r"[^A-Za-z0-9_.-]", "_", settings.db_user))
    temporary = f"{path}.{os.getpid()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(passfile_line(settings.db_user, settings.db_password))
        os.replace(temporary, path)
    except OSError as exc:
        raise FilesError(f"{path} cannot be written: {exc.strerror}") from exc
    return path
