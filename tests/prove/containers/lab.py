# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single containers: one PostgreSQL, Odoo containers of the images that `make demo` builds, and the runtime of the checkout (or of a
mutated copy) mounted over the image's own.

Everything has the name of the proof's place, and a network of its own without published ports. The databases are in memory and unsafe
against a crash of PostgreSQL itself, which nothing here is about.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import hashlib
import http.client
import pathlib
import re
import secrets
import shutil
import subprocess
import threading
import time
import typing as t

import psycopg2

from ..frame import ENTRYPOINT, IMAGES, RUNTIME, Place, Run, Shortfall, docker, until

ADDONS = pathlib.Path(__file__).resolve().parent / "addons"
CHAIN = ("oc_a", "oc_b", "oc_c")
ALL = (*CHAIN, "oc_d")
STAGES = ("pre", "post", "end")
OPEN = ("Ready", "Reset", "Force Ready")
# What the lock's two keys are is part of its contract, so it is said here once more instead of being imported.
NAMESPACE = int.from_bytes(hashlib.sha256(b"odoo-cloud").digest()[:4], "big")
MARABUNTA_KEY = 7141416871301361999

POSTGRES_CONF = """
listen_addresses = '*'
unix_socket_directories = '/run/postgresql'
max_connections = 600
shared_buffers = '512MB'
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = '1GB'
checkpoint_timeout = '1h'
autovacuum_naptime = '10min'
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d %a '
"""

ODOO_CONF = """
[options]
addons_path = /usr/lib/python3/dist-packages/odoo/addons,/mnt/extra-addons
admin_passwd = {admin}
data_dir = /var/lib/odoo
db_maxconn = 8
http_interface = 0.0.0.0
limit_time_cpu = 6000
limit_time_real = 12000
list_db = False
log_level = info
max_cron_threads = 0
workers = 0
"""

# Whether each row of ours was written by a run that held the lock at that moment. The functions are the superuser's, so
# the runtime cannot be in their way; the event trigger puts the check on the history as soon as the table is there.
PROOF_SQL = """
CREATE SCHEMA oc_proof;
CREATE TABLE oc_proof.violation (at timestamptz DEFAULT clock_timestamp(), state text, run_id text);
CREATE TABLE oc_proof.checked (run_id text, state text);
CREATE FUNCTION oc_proof.check_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF NEW.run_id IS NULL THEN
        RETURN NEW;
    END IF;
    PERFORM pg_stat_clear_snapshot();
    INSERT INTO oc_proof.checked VALUES (NEW.run_id, NEW.state);
    IF NOT EXISTS (
        SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
           AND l.database = (SELECT oid FROM pg_database WHERE datname = 'postgres')
           AND l.classid = NAMESPACE_KEY::bigint::oid
           AND l.objid = ('x' || left(encode(sha256(current_database()::text::bytea), 'hex'), 8))::bit(32)::bigint::oid
           AND position('run=' || NEW.run_id IN a.application_name) > 0
    ) THEN
        INSERT INTO oc_proof.violation (state, run_id) VALUES (NEW.state, NEW.run_id);
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION oc_proof.on_create() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF to_regclass('public.curq_state_history') IS NOT NULL
       AND EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('public.curq_state_history') AND attname = 'run_id')
       AND NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'oc_proof_check') THEN
        CREATE TRIGGER oc_proof_check AFTER INSERT ON public.curq_state_history
            FOR EACH ROW EXECUTE FUNCTION oc_proof.check_row();
    END IF;
END $$;
CREATE EVENT TRIGGER oc_proof_create ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
    EXECUTE FUNCTION oc_proof.on_create();
""".replace("NAMESPACE_KEY", str(NAMESPACE))


def moment(text: str) -> float:
    """Docker's time stamps (nine decimals) as seconds since the epoch."""
    whole, dummy, rest = text.rstrip("Z").partition(".")
    parsed = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return parsed.timestamp() + float("0." + (rest or "0"))


class Session:
    """One connection of the superuser to one database."""

    def __init__(self, host: str, database: str, password: str, name: str = "oc-proof") -> None:
        # The role and the schema of our checks have the same name, and would come first on the default search path.
        self.connection = psycopg2.connect(
            host=host, dbname=database, user="oc_proof", password=password, application_name=name, connect_timeout=10,
            options="-c search_path=public",
        )  # fmt: skip
        self.connection.autocommit = True

    def rows(self, statement: str, *values: t.Any) -> list[tuple[t.Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall()) if cursor.description else []

    def value(self, statement: str, *values: t.Any) -> t.Any:
        rows = self.rows(statement, *values)
        return rows[0][0] if rows else None

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *dummy: object) -> None:
        self.close()


class Database:
    """One database under proof."""

    def __init__(self, lab: Lab, name: str, version: str) -> None:
        self.lab, self.name, self.version = lab, name, version

    def session(self, name: str = "oc-proof") -> Session:
        return Session(self.lab.address, self.name, self.lab.password, name)

    def rows(self, statement: str, *values: t.Any) -> list[tuple[t.Any, ...]]:
        with self.session() as session:
            return session.rows(statement, *values)

    def value(self, statement: str, *values: t.Any) -> t.Any:
        rows = self.rows(statement, *values)
        return rows[0][0] if rows else None

    def history(self) -> list[str]:
        """The states in their order."""
        if not self.value("SELECT to_regclass('public.curq_state_history') IS NOT NULL"):
            return []
        return [row[0] for row in self.rows("SELECT state FROM curq_state_history ORDER BY id")]

    def last_row(self) -> int:
        return self.value("SELECT coalesce(max(id), 0) FROM curq_state_history") or 0

    def state(self) -> str:
        return (self.history() or [""])[-1]

    def counts(self) -> dict[tuple[str, str, str], int]:
        """How often each migration script's effect was committed."""
        if not self.value("SELECT to_regclass('public.oc_counter') IS NOT NULL"):
            return {}
        return {
            (module, version, stage): number
            for module, version, stage, number in self.rows(
                "SELECT module, version, stage, count(*) FROM oc_counter GROUP BY 1, 2, 3"
            )
        }

    def checksum(self) -> str:
        """Of all that an old actor must not touch any more."""
        return str(
            self.rows(
                "SELECT (SELECT md5(string_agg(m::text, '|' ORDER BY id)) FROM ir_module_module m),"
                " (SELECT md5(string_agg(c::text, '|' ORDER BY c::text)) FROM oc_counter c),"
                " (SELECT md5(string_agg(h::text, '|' ORDER BY id)) FROM curq_state_history h)"
            )
        )

    def lock_holders(self) -> list[tuple[int, str]]:
        """(pid, application_name) of who holds the window lock of this database."""
        key = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:4], "big")
        with Session(self.lab.address, "postgres", self.lab.password) as session:
            return session.rows(
                "SELECT l.pid, coalesce(a.application_name, '') FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)"
                " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2"
                " AND l.classid = %s::bigint::oid AND l.objid = %s::bigint::oid",
                NAMESPACE, key,
            )  # type: ignore[return-value]  # fmt: skip

    def violations(self) -> list[str]:
        """Rows written by a run that did not hold the lock."""
        return [
            f"{state} by {run}" for state, run in self.rows("SELECT state, run_id FROM oc_proof.violation ORDER BY at")
        ]

    def troubles(self, expected: t.Mapping[str, str], stages: tuple[str, ...] = STAGES) -> list[str]:
        """What is wrong after the last start, when `expected` says which module must have which version."""
        found = []
        state = self.state()
        if state not in OPEN or state == "Reset":
            found.append(f"state {state or 'none'}")
        versions = dict(self.rows("SELECT name, latest_version FROM ir_module_module WHERE state = 'installed'"))
        for name, version in expected.items():
            if versions.get(name) != f"{self.version}.0.{version}":
                found.append(f"{name} is {versions.get(name)}, not {version}")
        pending = [row[0] for row in self.rows("SELECT name FROM ir_module_module WHERE state LIKE 'to %'")]
        if pending:
            found.append(f"left to do: {','.join(pending)}")
        counts = self.counts()
        for name, version in expected.items():
            for stage in ("install",) if version == "1.0" else stages:
                number = counts.get((name, version, stage), 0)
                if number != 1:
                    found.append(f"{name} {version} {stage}: {number} times")
        outside = self.violations()
        if outside:
            found.append(f"written without the lock: {', '.join(outside)}")
        return found


class Box:
    """One Odoo container."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab, self.name = lab, name
        self.address = ""

    def inspect(self, template: str) -> str:
        return docker("inspect", "-f", template, self.name, check=False).strip()

    def started(self) -> float:
        return moment(self.inspect("{{.State.StartedAt}}"))

    def running(self) -> bool:
        return self.inspect("{{.State.Running}}") == "true"

    def code(self) -> int | None:
        """The exit code, None while it runs."""
        status, dummy, number = self.inspect("{{.State.Status}} {{.State.ExitCode}}").partition(" ")
        return int(number) if status == "exited" else None

    def wait(self, seconds: float = 90) -> int:
        """The exit code, once it has ended."""
        try:
            done = subprocess.run(
                ["docker", "wait", self.name], capture_output=True, text=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            raise Shortfall(
                f"{self.name} still runs after {seconds:.0f} s; its last line: {self.last_line()}"
            ) from None
        if done.returncode:
            raise Shortfall(f"docker wait {self.name}: {done.stderr.strip()[-300:]}")
        return int(done.stdout.strip())

    def logs(self) -> str:
        return docker("logs", self.name, check=False)

    def last_line(self) -> str:
        return (self.logs().strip().splitlines() or ["(none)"])[-1][-300:]

    def kill(self) -> None:
        docker("kill", "--signal", "KILL", self.name, check=False)

    def run(self, *command: str, text: str | None = None) -> str:
        """A command inside, both streams."""
        return docker("exec", *(["-i"] if text is not None else []), self.name, *command, check=False, text=text)

    def processes(self) -> list[tuple[int, int, str]]:
        """(pid, parent, command line) of all processes, as numbered inside."""
        script = (
            "import os\n"
            "for pid in sorted(int(p) for p in os.listdir('/proc') if p.isdigit()):\n"
            "    try:\n"
            "        stat = open(f'/proc/{pid}/stat').read()\n"
            "        line = open(f'/proc/{pid}/cmdline').read().replace(chr(0), ' ')\n"
            "    except OSError:\n"
            "        continue\n"
            "    if pid != os.getpid():\n"
            "        print(pid, stat.rpartition(')')[2].split()[1], line)\n"
        )
        found = []
        for line in self.run("python3", "-S", "-c", script).splitlines():
            pid, parent, command = (line.split(" ", 2) + [""])[:3]
            if pid.isdigit():
                found.append((int(pid), int(parent), command))
        return found

    def runtime_and_child(self) -> tuple[int, int]:
        """Process numbers of the runtime and of the Odoo that it started."""
        processes = self.processes()
        for pid, dummy, command in processes:
            if re.match(r"\S*python3\S* (-\S+ )*-m odoo_cloud_runtime\b", command):
                children = [one for one, parent, dummy in processes if parent == pid]
                if children:
                    return pid, children[0]
        raise Shortfall(f"{self.name}: runtime and Odoo are not both there: {processes}")

    def signal(self, name: str, pid: int = -1) -> None:
        """A signal to one process, or to all but the container's init."""
        self.run("sh", "-c", f"kill -{name} {pid}")

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One request to port 8069: status, headers in lower case, body."""
        if not self.address:
            self.address = self.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
            if not self.address:
                raise OSError("no address")
        connection = http.client.HTTPConnection(self.address, 8069, timeout=20)
        try:
            connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def serves(self) -> bool:
        """Whether Odoo renders its login page, for which it needs the database."""
        try:
            status, dummy, body = self.get("/web/login")
            # The address of one that has ended may be another container's already.
            return status == 200 and b'name="login"' in body and self.running()
        except (OSError, http.client.HTTPException):
            return False

    def remove(self) -> None:
        docker("rm", "-f", "-v", self.name, check=False)
        self.lab.boxes.discard(self.name)


class Lab:
    """PostgreSQL, network, files; makes databases and containers."""

    def __init__(self, place: Place, tree: pathlib.Path, keep: bool = False) -> None:
        """place: whose name everything has. tree: the checkout whose code is tried. keep: containers and databases stay."""
        self.place, self.tree, self.keep = place, tree, keep
        self.name, self.label, self.work, self.logs = place.name, place.label, place.work / "lab", place.logs
        self.runtime, self.entrypoint = snapshot(tree, self.work / "runtime")
        self.password = secrets.token_hex(16)
        self.role_password = secrets.token_hex(16)
        self.address = ""
        self.boxes: set[str] = set()
        self.images: dict[str, str] = {}
        self.templates: dict[tuple[str, str], Database] = {}
        self.number = 0
        self.lock = threading.Lock()
        self.open = False
        self.part = "lab"

    # Coming and going

    def start(self, versions: t.Collection[str]) -> None:
        for kind in [*(f"odoo-{version}" for version in versions), "postgres"]:
            found = docker("images", "-q", "--no-trunc", f"{IMAGES}/{kind}", check=False).split()
            if not found or not found[0].startswith("sha256:"):
                raise SystemExit(
                    f"there is no image {IMAGES}/{kind}: build it with `make demo`, for Odoo 14 too with"
                    " `ansible-playbook -i inventories/local playbooks/images.yml -e odoo_version=14`"
                )
            self.images[kind] = found[0]  # the newest comes first
        # As the image has it: compiled, by the Python of each version, in a folder that Odoo's user can't write.
        for version in versions:
            self.compile(version, self.runtime)
        self.open = True
        for name in ("etc/postgres", "etc/odoo", "etc/secrets"):
            (self.work / name).mkdir(parents=True, exist_ok=True)
        self.put("etc/postgres/postgresql.conf", POSTGRES_CONF)
        self.put(
            "etc/postgres/pg_hba.conf",
            "local all postgres peer\nlocal all all scram-sha-256\nhost all all all scram-sha-256\n",
        )
        self.put("etc/odoo/odoo.conf", ODOO_CONF.format(admin=secrets.token_hex(16)))
        self.put("etc/secrets/db_password", self.role_password)
        self.put("etc/secrets/admin_password", secrets.token_hex(16))
        # Docker 20 now and then keeps an endpoint of a container that is gone, until it is started again itself; then the empty
        # network of an earlier run stays, and is taken.
        if not docker("network", "ls", "-q", "--filter", f"name=^{self.name}$").strip():
            docker("network", "create", "--label", self.label, self.name)
        docker("volume", "create", "--label", self.label, f"{self.name}-data")
        docker(
            "volume", "create", "--label", self.label, "--opt", "type=tmpfs", "--opt", "device=tmpfs",
            "--opt", "o=uid=8432,gid=8432,mode=0755", f"{self.name}-socket",
        )  # fmt: skip
        docker(
            "run", "-d", "--name", f"{self.name}-postgres", "--label", self.label, "--network", self.name, "--init", "--shm-size", "1g",
            "--tmpfs", "/srv/postgresql:uid=8432,gid=8432,mode=0700,size=10g",
            "--mount", f"type=volume,source={self.name}-socket,target=/run/postgresql", "--tmpfs", "/tmp",
            "--mount", f"type=bind,source={self.work}/etc/postgres,target=/etc/postgresql-site,readonly",
            self.images["postgres"],
        )  # fmt: skip
        self.address = docker(
            "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", f"{self.name}-postgres"
        ).strip()
        sql = (
            f"CREATE ROLE oc_proof SUPERUSER LOGIN PASSWORD '{self.password}';"
            f" CREATE ROLE oc LOGIN PASSWORD '{self.role_password}';"
            f" CREATE ROLE oc_admin LOGIN CREATEDB CREATEROLE PASSWORD '{self.role_password}'"
        )
        until(
            lambda: "CREATE ROLE" in docker("exec", "-i", f"{self.name}-postgres", "psql", "-U", "postgres", "-d", "postgres",
                                            "-v", "ON_ERROR_STOP=1", check=False, text=sql),
            120, "PostgreSQL does not answer", 0.5,
        )  # fmt: skip
        # Files of one image's Odoo, seen by all of that version's containers; this one copies filestores.
        docker(
            "run", "-d", "--name", f"{self.name}-files", "--label", self.label, "--network", "none", "--init", "--user", "8069:8069",
            "--mount", f"type=volume,source={self.name}-data,target=/var/lib/odoo", "--entrypoint", "sleep",
            self.images[next(kind for kind in self.images if kind != "postgres")], "infinity",
        )  # fmt: skip

    def compile(self, version: str, *folders: pathlib.Path) -> None:
        """Compiles the Python files in folders by the Python of that version's image."""
        mounts = [f"--mount=type=bind,source={path},target=/mnt/{number}" for number, path in enumerate(folders)]
        places = [f"/mnt/{number}" for number in range(len(folders))]
        docker(
            "run", "--rm", "--network", "none", "--user", "0:0", *mounts, "--entrypoint", "python3",
            self.images[f"odoo-{version}"], "-m", "compileall", "-q", *places,
        )  # fmt: skip

    def close(self) -> None:
        """Keeps PostgreSQL's log; the containers go with their place."""
        if self.open:
            self.open = False
            (self.logs / "postgres.log").write_text(docker("logs", f"{self.name}-postgres", check=False))

    def put(self, name: str, text: str, mode: int = 0o644) -> pathlib.Path:
        """A file below our folder that the containers' users can read."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    # Addons

    def addons(self, changed: t.Mapping[str, str] | None = None) -> pathlib.Path:
        """A folder with the test addons: at version 1.0, but `changed` ones with new version and migration scripts."""
        changed = dict(changed or {})
        name = "-".join(f"{module}_{version}" for module, version in sorted(changed.items())) or "first"
        folder = self.work / "addons" / name
        with self.lock:
            if folder.exists():
                return folder
            script = (ADDONS / "count.py").read_text()
            for module in ALL:
                shutil.copytree(ADDONS / module, folder / module, ignore=shutil.ignore_patterns("__pycache__"))
                (folder / module / "count.py").write_text(script)
                version = changed.get(module)
                if version:
                    manifest = folder / module / "__manifest__.py"
                    manifest.write_text(manifest.read_text().replace('"version": "1.0"', f'"version": "{version}"'))
                    migrations = folder / module / "migrations" / version
                    migrations.mkdir(parents=True)
                    for stage in STAGES:
                        (migrations / f"{stage}-count.py").write_text(script)
            for path in [folder, *folder.rglob("*")]:
                path.chmod(0o755 if path.is_dir() else 0o644)
        return folder

    # Databases

    def admin(self) -> Session:
        return Session(self.address, "postgres", self.password)

    def next_name(self, what: str) -> str:
        with self.lock:
            self.number += 1
            return f"{what}{self.number}"

    def empty(self, version: str) -> Database:
        """A new empty database of the role oc, with the check of its rows."""
        database = Database(self, self.next_name("p"), version)
        with self.admin() as session:
            session.rows(f'CREATE DATABASE "{database.name}" OWNER oc TEMPLATE template0 STRATEGY file_copy')
        with database.session() as session:
            session.rows(PROOF_SQL)
        return database

    def installed(self, version: str, modules: tuple[str, ...] = ALL) -> Database:
        """A copy of a database where the test addons are installed at version 1.0; installed once per version."""
        key = (version, ",".join(modules))
        with self.lock:
            known = self.templates.get(key)
        if known is None:
            known = self.empty(version)
            box = self.box(known, "InstallOnly", MODULES=key[1])
            code = box.wait(900)  # a busy machine
            self.keep_log(box)
            if code:
                raise Shortfall(
                    f"the database of Odoo {version} could not be installed, exit {code}: {box.last_line()}"
                )
            box.remove()
            with self.lock:
                self.templates[key] = known
        copy = Database(self, self.next_name("p"), version)
        with self.admin() as session:
            session.rows(f'CREATE DATABASE "{copy.name}" OWNER oc TEMPLATE "{known.name}" STRATEGY file_copy')
        copy.rows("DELETE FROM oc_proof.checked")
        self.files(f"if [ -d {known.name} ]; then cp -al {known.name} {copy.name}; fi")
        return copy

    def files(self, script: str) -> None:
        docker(
            "exec",
            f"{self.name}-files",
            "sh",
            "-c",
            f"mkdir -p /var/lib/odoo/filestore; cd /var/lib/odoo/filestore && {script}",
        )

    def drop(self, database: Database) -> None:
        with contextlib.suppress(psycopg2.Error), self.admin() as session:
            session.rows(f'DROP DATABASE IF EXISTS "{database.name}" WITH (FORCE)')
        self.files(f"rm -rf {database.name}")

    @contextlib.contextmanager
    def trial(self, database: Database) -> t.Iterator[Database]:
        """The database, and afterwards neither it nor its containers; their logs are kept."""
        try:
            yield database
        finally:
            mine = [name for name in sorted(self.boxes) if name.startswith(f"{self.name}-{database.name}-")]
            for name in mine:
                self.keep_log(Box(self, name))
            if not self.keep:
                if mine:
                    docker("rm", "-f", "-v", *mine, check=False)
                self.boxes.difference_update(mine)
                self.drop(database)

    def keep_log(self, box: Box) -> None:
        name = f"{self.part}-{box.name.removeprefix(self.name + '-')}.log"
        with open(self.logs / name, "w", encoding="utf-8") as handle:
            handle.write(box.logs())
            handle.write(box.inspect("--- {{json .State}} {{json .Config.Env}}") + "\n")

    # Containers

    def shape(
        self,
        database: Database,
        mode: str,
        name: str,
        addons: pathlib.Path | None = None,
        mounts: t.Sequence[str] = (),
        network: str = "",
        **env: str,
    ) -> tuple[dict[str, str], list[str]]:
        """Environment and mounts of a container like those of the role odoo. Without a network (`none`) it has the server's socket."""
        values = {
            "MODE": mode,
            "MODULES": ",".join(ALL),
            "ODOO_RC": "/etc/odoo/odoo.conf",
            "DB_HOST": f"{self.name}-postgres",
            "DB_NAME": database.name,
            "DB_USER": "oc",
            "DB_PASSWORD_FILE": "/run/secrets/db_password",
            "DB_SSLMODE": "disable",
            "ADMIN_PASSWORD_FILE": "/run/secrets/admin_password",
            "REPLICA": name.removeprefix(self.name + "-"),
            "RELEASE": "proof-1",
            "HOME": "/var/lib/odoo",
            **env,
        }
        all_mounts = [
            f"type=bind,source={self.runtime},target=/opt/odoo-cloud/odoo_cloud_runtime,readonly",
            f"type=bind,source={self.entrypoint},target=/usr/local/bin/odoo-cloud,readonly",
            f"type=bind,source={self.work}/etc/odoo,target=/etc/odoo,readonly",
            f"type=bind,source={self.work}/etc/secrets,target=/run/secrets,readonly",
            f"type=bind,source={addons or self.addons()},target=/mnt/extra-addons,readonly",
            f"type=volume,source={self.name}-data,target=/var/lib/odoo",
        ]
        if network == "none":
            all_mounts.append(f"type=volume,source={self.name}-socket,target=/run/postgresql")
            values["DB_HOST"] = "/run/postgresql"
        return {key: value for key, value in values.items() if value}, [*all_mounts, *mounts]

    def create(
        self,
        database: Database,
        mode: str,
        *command: str,
        options: t.Sequence[str] = (),
        network: str = "",
        **keywords: t.Any,
    ) -> Box:
        """A container in that shape, not started yet."""
        name = f"{self.name}-{database.name}-{self.next_name('b')}"
        values, mounts = self.shape(database, mode, name, network=network, **keywords)
        arguments = [
            "create", "--name", name, "--label", self.label, "--network", network or self.name, "--user", "8069:8069", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--read-only", "--tmpfs", "/tmp", "--init",
        ]  # fmt: skip
        for mount in mounts:
            arguments += ["--mount", mount]
        for key, value in values.items():
            arguments += ["--env", f"{key}={value}"]
        docker(*arguments, *options, self.images[f"odoo-{database.version}"], *command)
        with self.lock:
            self.boxes.add(name)
        return Box(self, name)

    def box(self, database: Database, mode: str, *command: str, **keywords: t.Any) -> Box:
        """A container, started."""
        box = self.create(database, mode, *command, **keywords)
        docker("start", box.name)
        return box

    def fleet(self, number: int, database: Database, mode: str, **keywords: t.Any) -> list[Box]:
        """Containers that start at the same instant, as near as the engine gets to it."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            boxes = list(pool.map(lambda dummy: self.create(database, mode, **keywords), range(number)))
        with concurrent.futures.ThreadPoolExecutor(number) as pool:
            list(pool.map(lambda box: docker("start", box.name), boxes))
        return boxes

    def serving(self, boxes: list[Box], seconds: float) -> set[str]:
        """Names of those that serve, once all do or one has ended or the time is over."""
        good: set[str] = set()
        end = time.monotonic() + seconds
        while len(good) < len(boxes) and time.monotonic() < end:
            for box in boxes:
                if box.name not in good and box.serves():
                    good.add(box.name)
            if self.ended(boxes):
                break
            time.sleep(0.5)
        return good - set(self.ended(boxes))

    def ended(self, boxes: list[Box]) -> list[str]:
        """Names of those that do not run."""
        shown = docker("inspect", "-f", "{{.Name}} {{.State.Status}}", *(box.name for box in boxes), check=False)
        return [line.split()[0].lstrip("/") for line in shown.splitlines() if not line.endswith(" running")]


def odoo_errors(text: str) -> list[str]:
    """Lines of a log that tell of an error."""
    return [line for line in text.splitlines() if re.search(r"\b(ERROR|CRITICAL|FATAL|PANIC)\b|^Traceback", line)]


def snapshot(tree: pathlib.Path, into: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """A copy of the tree's runtime and entrypoint, readable for the containers' users: an edit meanwhile changes nothing."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(tree / RUNTIME, into / "odoo_cloud_runtime", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(tree / ENTRYPOINT, into / "odoo-cloud")
    for path in [into, *into.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.name == "odoo-cloud" else 0o644)
    return into / "odoo_cloud_runtime", into / "odoo-cloud"


class LabRun(Run):
    """The run of a proof that works on single containers."""

    lab_class: type[Lab] = Lab
    lab: Lab

    def open(self) -> None:
        self.lab = self.lab_class(self.place, self.tree, self.keep)
        self.lab.start(self.versions)

    def close(self) -> None:
        if hasattr(self, "lab"):
            self.lab.close()

    @property
    def part(self) -> str:
        return self._part

    @part.setter
    def part(self, name: str) -> None:
        self._part = name
        if hasattr(self, "lab"):
            self.lab.part = name  # part of the logs' names
