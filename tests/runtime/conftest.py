# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime against a real PostgreSQL, without Odoo: a server of its own per pytest process, gone at the end.

The programs are those of Debian's packages (tools/postgres.sh), or of the folder that ODOO_CLOUD_TEST_POSTGRES names.
"""

from __future__ import annotations

import ctypes
import dataclasses
import glob
import itertools
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest
from tenant_tools import HISTORY, MODULES, plant

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import config
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import database as _database

INSTALL = "run tools/postgres.sh as root (Debian, Ubuntu), or install the packages postgresql and pgbouncer yourself"
PORT = 5432  # names the socket; nothing listens on the network
POOLER_PORT = 6432
PASSWORD = "s3cret-of-the-owner"
NAMES = itertools.count(1)

# Nothing here has to survive a crash of the machine.
CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '{folder}'
port = {port}
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 32MB
max_connections = 200
log_statement = all
log_min_messages = log
log_line_prefix = '%m [%p] %q%a '
timezone = UTC
lc_messages = C
"""

# Nobody needs a password but who is made to by Server.demand_password: runs of the same user share the file that holds it
# (a container has but one role), and tests run beside each other.
RULES = """
local all +with_password scram-sha-256
local all all trust
"""


def _programs() -> pathlib.Path:
    """The folder with initdb and postgres: the newest that is here."""
    named = os.environ.get("ODOO_CLOUD_TEST_POSTGRES")
    found = [named] if named else glob.glob("/usr/lib/postgresql/*/bin") + glob.glob("/usr/pgsql-*/bin")
    found.sort(key=lambda item: int((re.findall(r"[0-9]+", item) or ["0"])[0]))
    initdb = shutil.which("initdb")
    if not found and initdb:
        found = [os.path.dirname(os.path.realpath(initdb))]
    for folder in reversed(found):
        if os.access(os.path.join(folder, "initdb"), os.X_OK) and os.access(os.path.join(folder, "postgres"), os.X_OK):
            return pathlib.Path(folder)
    pytest.fail(f"PostgreSQL's programs initdb and postgres are missing: {INSTALL}", pytrace=False)


def _unprivileged() -> dict[str, Any]:
    """How to start what refuses to run as root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    pytest.fail("root needs a user 'postgres' or 'nobody' to run PostgreSQL as", pytrace=False)


def _end_with_us() -> None:
    """In the new process: a server whose tests were killed ends too (it takes SIGQUIT as the order to end at once)."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT, 0, 0, 0)


@pytest.fixture(scope="session")
def _folder() -> Iterator[pathlib.Path]:
    """Short, because a socket's path may have 107 characters; owned by whom the servers run as."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="odoo-cloud-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        who = _unprivileged()
        if who:
            os.chown(folder, who["user"], who["group"])
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclasses.dataclass(frozen=True)
class Server:
    """A running PostgreSQL; `postgres` is its superuser, without a password."""

    folder: pathlib.Path  # of its socket
    process: Any
    port: int = PORT

    @property
    def log(self) -> str:
        """All that it logged, each statement included."""
        return (self.folder / "server.log").read_text(encoding="utf-8")

    def connect(self, database: str = "postgres", user: str = "postgres", password: str = "", name: str = "") -> Any:
        """An autocommit connection; the fixture `connect` closes its own."""
        connection = psycopg2.connect(
            host=str(self.folder),
            port=self.port,
            dbname=database,
            user=user,
            password=password or None,
            application_name=name or "test",
            connect_timeout=10,
        )
        connection.autocommit = True
        return connection

    def demand_password(self, role: str) -> None:
        """From now on the role comes in with its password only."""
        self.execute(f'GRANT with_password TO "{role}"')

    def execute(self, statement: str, values: Any = None, database: str = "postgres") -> list[tuple[Any, ...]]:
        """As the superuser, on a connection that is closed afterwards."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()


def _started(command: list[str], log: pathlib.Path, try_it: Callable[[], Any], seconds: float = 60) -> Any:
    """The process, once `try_it` no longer raises."""
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            preexec_fn=_end_with_us,
            **_unprivileged(),
        )
    limit = time.monotonic() + seconds
    while True:
        try:
            try_it()
            return process
        except psycopg2.OperationalError as exc:
            if process.poll() is None and time.monotonic() < limit:
                time.sleep(0.05)
                continue
            _stop(process)
            text = log.read_text(encoding="utf-8", errors="replace")
            pytest.fail(f"{command[0]} does not answer: {exc}\n{text}", pytrace=False)


def _stop(process: Any) -> None:
    """SIGINT: PostgreSQL's fast shutdown, PgBouncer's safe one; both end at once without clients."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def server(_folder: pathlib.Path) -> Iterator[Server]:
    programs = _programs()
    data = _folder / "data"
    made = subprocess.run(
        [
            str(programs / "initdb"),
            f"--pgdata={data}",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C",
            "--auth=trust",
            "--no-sync",
            "--no-instructions",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        check=False,
        **_unprivileged(),
    )
    if made.returncode:
        pytest.fail(f"initdb failed:\n{made.stdout.decode(errors='replace')}", pytrace=False)
    (data / "postgresql.auto.conf").write_text(CONFIGURATION.format(folder=_folder, port=PORT))
    (data / "pg_hba.conf").write_text(RULES)
    running = Server(_folder, None)
    process = _started(
        [str(programs / "postgres"), "-D", str(data)], _folder / "server.log", lambda: running.connect().close()
    )
    try:
        running.execute("CREATE ROLE with_password NOLOGIN")
        yield dataclasses.replace(running, process=process)
    finally:
        _stop(process)


@pytest.fixture(scope="session")
def pgbouncer(server: Server, _folder: pathlib.Path) -> Iterator[Server]:
    """A PgBouncer before `server` that hands out its connections per transaction; whoever comes becomes `postgres`."""
    program = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if program is None:
        pytest.fail(f"the program pgbouncer is missing: {INSTALL}", pytrace=False)
    (_folder / "pgbouncer.ini").write_text(
        f"""
[databases]
* = host={_folder} port={server.port} user=postgres
[pgbouncer]
listen_addr =
listen_port = {POOLER_PORT}
unix_socket_dir = {_folder}
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 100
"""
    )
    running = Server(_folder, None, POOLER_PORT)
    process = _started(
        [program, str(_folder / "pgbouncer.ini")], _folder / "pgbouncer.log", lambda: running.connect().close()
    )
    try:
        yield dataclasses.replace(running, process=process)
    finally:
        _stop(process)


@dataclasses.dataclass(frozen=True)
class Database:
    """A database of its own for one test."""

    server: Server
    name: str
    owner: str
    password: str = PASSWORD

    def connect(self, name: str = "") -> Any:
        """As its owner."""
        return self.server.connect(self.name, self.owner, self.password, name)

    def execute(self, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        """As the superuser."""
        return self.server.execute(statement, values, self.name)


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """A name that no role and no database has; those of this test that begin with it are dropped at the end."""
    result = f"t{next(NAMES)}"
    yield result
    pattern = f"^{result}([_-].*)?$"
    for (found,) in server.execute("SELECT datname FROM pg_database WHERE datname ~ %s", (pattern,)):
        server.execute(f'DROP DATABASE "{found}" WITH (FORCE)')
    for (found,) in server.execute("SELECT rolname FROM pg_roles WHERE rolname ~ %s", (pattern,)):
        server.execute(f'DROP OWNED BY "{found}"; DROP ROLE "{found}"')


@pytest.fixture
def database(server: Server, name: str) -> Database:
    """Empty, and owned by a role that may log in and nothing more."""
    server.execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{PASSWORD}'")
    server.execute(f"CREATE DATABASE \"{name}\" OWNER \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'")
    return Database(server, name, name)


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[..., Any]]:
    """Server.connect, whose connections are closed at the end of the test."""
    made = []

    def one(*args: Any, **more: Any) -> Any:
        made.append(server.connect(*args, **more))
        return made[-1]

    yield one
    for connection in made:
        connection.close()


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: pathlib.Path, server: Server) -> Callable[..., config.Settings]:
    """Makes config.Settings from environment variables: settings(MODE="UpdateOnly"). They are for `database` unless DB_NAME is
    given."""
    for folder in ("data", "hooks", "scripts"):
        (tmp_path / folder).mkdir(exist_ok=True)

    def make(**env: str) -> config.Settings:
        if "DB_NAME" not in env:
            database = request.getfixturevalue("database")
            env = {"DB_NAME": database.name, "DB_USER": database.owner, "DB_PASSWORD": database.password, **env}
        conf = tmp_path / "odoo.conf"
        conf.write_text("[options]\n")
        return config.load(
            {
                "ODOO_RC": str(conf),
                "ODOO_VERSION": "19",
                "DB_HOST": str(server.folder),
                "DB_PORT": str(server.port),
                "DB_WAIT_TIMEOUT": "5",
                "DATA_DIR": str(tmp_path / "data"),
                "HOOKS_DIR": str(tmp_path / "hooks"),
                "SCRIPTS_DIR": str(tmp_path / "scripts"),
                **env,
            }
        )

    return make


@pytest.fixture
def params(server: Server, database: Database) -> dict[str, Any]:
    """An administrator like that of managed servers, two instances, and the login of each."""
    admin = f"{database.name}_admin"
    other = f"{database.name}_other"
    server.execute(f'CREATE ROLE "{admin}" LOGIN CREATEROLE CREATEDB; CREATE ROLE "{other}" LOGIN')
    server.execute(f'GRANT "{database.owner}", "{other}" TO "{admin}"')
    server.execute(f'CREATE DATABASE "{other}" OWNER "{other}"')
    for name in (database.name, other):
        plant(server, name, HISTORY)
        plant(server, name, MODULES)
    return {
        **{name: option.get("default") for name, option in _database.CONNECTION_SPEC.items()},
        "login_host": str(server.folder),
        "login_port": server.port,
        "login_user": admin,
        "databases": [database.name, other],
        "owners": [{"database": name, "user": name, "password": database.password} for name in (database.name, other)],
        "database": database.name,
        "lock": None,
        "limit": 5,
        "mail": True,
        "may_be_absent": False,
        "state": "reset",
        "reason": "I have looked",
        "take_over": False,
        "actor": "jane",
    }
