# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What instances share: an instance takes all that it can get of PostgreSQL and Redis, sessions move, and PostgreSQL's disk is full."""

from __future__ import annotations

import collections.abc
import contextlib
import json
import pathlib
import socket
import subprocess
import threading
import time
import typing as t

import psycopg2

from ..blockers.tenants import as_role
from ..frame import PLATFORM_LABEL, Line, Mutant, Shortfall, docker, sentence, until
from ..platforms import Platform
from .bench import Attempt, Bench, attempts_line

SESSIONS = 50
MIB = 1024 * 1024

# Runs in a replica of alpha, with what a replica has: the variables and the password of its Redis, and Odoo's client of it. Prints a
# line of JSON for each attempt: what, whether the server did it, what it said.
TENANT = r"""
import json, os, sys, time
import redis
name = "ODOO_SESSION_REDIS_"
password = open(os.environ[name + "PASSWORD_FILE"]).read().strip()
host, port, user = os.environ[name + "HOST"], int(os.environ[name + "PORT"]), os.environ[name + "USERNAME"]
prefix = os.environ[name + "PREFIX"]
def client(host=host, user=user, password=password, timeout=5):
    return redis.Redis(host=host, port=port, username=user, password=password, socket_timeout=timeout, socket_connect_timeout=timeout)
def told(what, done, said):
    print(json.dumps([what, bool(done), str(said)[:150]]), flush=True)
def attempt(what, *words, done=lambda answer: True, **where):
    try:
        answer = client(**where).execute_command(*words)
        told(what, done(answer), answer)
    except Exception as error:
        told(what, False, f"{type(error).__name__} {error}")
mine, theirs = f"session::{prefix}:tenant", "session::beta-odoo-prod:x"
if sys.argv[1] == "try":
    for words in (
        ("EVAL", "return 1", "0"), ("EVAL", "while true do end", "0"), ("EVAL", "return redis.call('GET', KEYS[1])", "1", theirs),
        ("EVAL_RO", "return 1", "0"), ("EVALSHA", "0" * 40, "0"), ("SCRIPT", "LOAD", "return 1"), ("SCRIPT", "EXISTS", "0" * 40),
        ("SCRIPT", "FLUSH"), ("SCRIPT", "KILL"), ("FUNCTION", "LIST"),
        ("FUNCTION", "LOAD", "#!lua name=x\nredis.register_function('x', function() while true do end end)"), ("FCALL", "x", "0"),
        ("FUNCTION", "FLUSH"), ("KEYS", "*"), ("SCAN", "0"), ("RANDOMKEY",), ("DBSIZE",), ("FLUSHALL",), ("FLUSHDB",), ("SWAPDB", "0", "1"),
        ("CONFIG", "GET", "*"), ("CONFIG", "SET", "maxmemory", "0"), ("CONFIG", "RESETSTAT"), ("DEBUG", "SLEEP", "5"),
        ("DEBUG", "SEGFAULT"),
        ("CLIENT", "LIST"), ("CLIENT", "PAUSE", "5000"), ("CLIENT", "KILL", "TYPE", "normal"), ("CLIENT", "NO-EVICT", "on"),
        ("CLIENT", "TRACKING", "on", "BCAST"), ("MONITOR",), ("SHUTDOWN", "NOSAVE"), ("SAVE",), ("BGSAVE",), ("BGREWRITEAOF",),
        ("REPLICAOF", "127.0.0.1", "6379"), ("SLAVEOF", "NO", "ONE"), ("PSYNC", "?", "-1"), ("SYNC",), ("FAILOVER",),
        ("ACL", "LIST"), ("ACL", "SETUSER", user, "+@all", "~*"), ("ACL", "LOAD"), ("MODULE", "LOAD", "/tmp/x.so"),
        ("MIGRATE", "127.0.0.1", "6379", mine, "0", "100"), ("SORT", mine), ("PUBSUB", "CHANNELS"), ("LATENCY", "RESET"),
        ("SLOWLOG", "GET"),
        ("CLUSTER", "RESET"), ("GET", theirs), ("SET", theirs, "x"), ("DEL", theirs), ("RENAME", mine, theirs), ("COPY", mine, theirs),
        ("RESTORE", theirs, "0", "x"), ("SUBSCRIBE", "beta-odoo-prod:bus"), ("PUBLISH", "beta-odoo-prod:bus", "x"), ("UNLINK", theirs),
    ):
        attempt(" ".join(words)[:60].replace("\n", " "), *words)
    for what, who, key in (
        ("beta's server with alpha's login", user, password), ("beta's server as default", "default", ""),
        ("beta's server as admin", "admin", password),
    ):
        attempt(what, "GET", theirs, host="beta.redis", user=who, password=key)
    for words in (("GET", theirs), ("INFO",), ("DBSIZE",), ("SHUTDOWN",)):
        attempt(f"beta's server as health: {words[0]}", *words, host="beta.redis", user="health", password="health")
else:
    # Everything that it may do: fill the memory with keys that outlive any session, and without end of life; hold connections; ask for
    # more than it reads.
    block, number, refused, ends = b"x" * 65536, 0, 0, time.monotonic() + float(sys.argv[2])
    one = client(timeout=30)
    while time.monotonic() < ends and number < 8192:
        number += 1
        try:
            one.set(f"{prefix}:fill:{number}", block, ex=2592000 if number % 2 else None)
        except redis.exceptions.RedisError:
            refused += 1
    held = []
    while time.monotonic() < ends and len(held) < 900:
        try:
            connection = client(timeout=3)
            connection.ping()
            held.append(connection)
        except Exception:
            break
    greedy = 0
    for connection in held[:200]:
        try:
            sender = connection.connection_pool.get_connection()
            for _time in range(200):
                sender.send_command("GET", f"{prefix}:fill:{1 + greedy % max(1, number)}")
                greedy += 1
        except Exception:
            pass
    told("filled", True, f"{number} keys of 64 KB, {refused} refused, {len(held)} connections, {greedy} answers not read")
    time.sleep(max(0, ends - time.monotonic()))
"""


def started(site: Platform) -> dict[str, str]:
    """When each container of the platform was started, and how often the engine started it again."""
    form = "{{.Name}} {{.State.StartedAt}} {{.RestartCount}}"
    lines = docker("inspect", "-f", form, *site.containers()).splitlines()
    return {name.lstrip("/"): rest for name, dummy, rest in (line.partition(" ") for line in lines)}


def tenant(site: Platform, *arguments: str, seconds: float = 120) -> list[tuple[str, bool, str]]:
    """What the program of a hostile replica of alpha reports."""
    output = docker(
        "exec", "-i", f"{site.name}-alpha-1", "python3", "-", *arguments, text=TENANT, check=False, timeout=seconds
    )
    found = [tuple(json.loads(line)) for line in output.splitlines() if line.startswith("[")]
    if not found:
        raise Shortfall(f"the hostile replica reports nothing: {output[-300:]}")
    return t.cast("list[tuple[str, bool, str]]", found)


def logins(site: Platform, instance: str, number: int) -> list[str]:
    """Cookies of so many people who have logged in."""
    first = site.wait_for_login(60, instance)
    return [first, *(site.log_in(instance=instance) for _one in range(number - 1))]


class Watch:
    """Asks for people's sessions all the time, and counts those that are found to be logged out."""

    def __init__(self, site: Platform, instance: str, cookies: collections.abc.Sequence[str]) -> None:
        self.site, self.instance, self.cookies = site, instance, cookies
        self.asked = self.lost = self.errors = 0
        self.slowest = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        number = 0
        while not self._end.is_set():
            begin = time.monotonic()
            try:
                self.lost += not self.site.logged_in(self.cookies[number % len(self.cookies)], self.instance)
            except (OSError, ValueError):
                self.errors += 1
            self.asked += 1
            self.slowest = max(self.slowest, time.monotonic() - begin)
            number += 1
            self._end.wait(0.05)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end.set()
        self._thread.join()


def stay(site: Platform, instance: str, cookies: collections.abc.Iterable[str]) -> int:
    """How many of the people are still logged in."""
    return sum(site.logged_in(cookie, instance) for cookie in cookies if cookie)


def redis(bench: Bench) -> collections.abc.Iterator[Line]:
    """A hostile replica of alpha against Redis, while people work in beta."""
    site = bench.two()
    people = logins(site, "beta", SESSIONS)
    before = started(site)
    found = tenant(site, "try", seconds=300)
    yield attempts_line(
        "what a replica's login to Redis must not do", [Attempt(what, done, said) for what, done, said in found], 65
    )
    with Watch(site, "beta", people) as watch:
        filled = tenant(site, "fill", "45", seconds=200)[-1][2]
    left = stay(site, "beta", people)
    again = sorted(name for name, when in started(site).items() if before.get(name) != when and "alpha" not in name)
    troubles = [] if left == SESSIONS else [f"{left} of {SESSIONS} people of beta are still logged in"]
    troubles += [f"{watch.lost} of {watch.asked} answers meanwhile were for somebody logged out"] if watch.lost else []
    troubles += [f"{watch.errors} requests failed"] if watch.errors else []
    troubles += [f"slowest answer {watch.slowest:.1f} s"] if watch.slowest > 5 else []
    troubles += [f"started again: {', '.join(again)}"] if again else []
    good = f"{left} of {SESSIONS} logged in; {watch.asked} requests, the slowest {watch.slowest:.1f} s ({filled})"
    yield Line(
        "alpha fills its Redis, holds connections, reads nothing: people of beta", sentence(troubles, good),
        f"{SESSIONS} of {SESSIONS} stay logged in, no request fails, nothing of beta is started again", not troubles,
    )  # fmt: skip
    path = site.root / "redis" / "servers" / "alpha" / "socket" / "redis.sock"
    if path.exists():
        flush(path, (site.secrets / "redis" / "admin_password").read_text().strip())
    until(lambda: site.log_in(instance="alpha"), 90, "alpha does not take logins again")


def flush(path: pathlib.Path, password: str) -> None:
    """Empties one instance's own Redis."""
    with socket.socket(socket.AF_UNIX) as plain:
        plain.connect(str(path))
        plain.sendall(f"AUTH admin {password}\r\nFLUSHALL ASYNC\r\n".encode())
        plain.settimeout(10)
        plain.recv(100)


def move(bench: Bench) -> collections.abc.Iterator[Line]:
    """A platform with one Redis for all gets one for each instance, and goes back."""
    site = bench.site("moved", 1, instances={"demo": {"odoo_modules": ["base"]}}, replicas=2, redis_shared=True)
    site.site()
    try:
        people = logins(site, "demo", 20)
        for shared, gone in ((False, f"{site.name}-redis"), (True, f"{site.name}-redis-demo")):
            site.variables["redis_shared"] = shared
            with Watch(site, "demo", people) as watch:
                run = site.playbook("site")
            left = stay(site, "demo", people)
            volumes = docker("volume", "ls", "-q", "--filter", f"label={PLATFORM_LABEL}={site.name}").split()
            again = site.tasks_changed()
            troubles = [f"site ended with {run.code}: {run.error}"] if run.code else []
            troubles += [] if left == len(people) else [f"{left} of {len(people)} are still logged in"]
            troubles += [f"{gone} is still there"] if gone in site.containers() or gone in volumes else []
            troubles += [f"the run after it changes {len(again)}"] if again else []
            yield Line(
                "sessions move to " + ("one Redis for all" if shared else "a Redis for each instance"),
                sentence(
                    troubles,
                    f"{left} of {len(people)} logged in; meanwhile {watch.lost} of {watch.asked} answers were for somebody logged out;"
                    f" {gone} and its volume removed",
                ),
                "all stay logged in, the other server is removed, a second run changes nothing",
                not troubles,
            )
    finally:
        site.remove()


# -- PostgreSQL


def take_all(site: Platform, role: str, database: str, most: int = 1000) -> tuple[list[t.Any], str]:
    """All connections that a role gets, and why it got no more."""
    taken: list[t.Any] = []
    while len(taken) < most:
        try:
            taken.append(as_role(site, role, database))
        except psycopg2.OperationalError as error:
            return taken, " ".join(str(error).split())[-120:]
    return taken, ""


def as_keeper(site: Platform, instance: str) -> t.Any:
    """A session of the role that copies an instance's database."""
    return as_role(site, f"{instance}_keeper", "postgres", f"{instance}/db_keeper_password")


def as_administrator(site: Platform) -> t.Any:
    """A session of the administrator of the databases."""
    return as_role(site, "odoo_cloud_admin", "postgres", "postgres/admin_password")


def reached(site: Platform) -> list[str]:
    """What beta and the administrator can't do."""
    troubles = []
    for who, connect in (
        ("beta", lambda: as_role(site, "beta", "beta")),
        ("the administrator", lambda: as_administrator(site)),
    ):
        try:
            connect().close()
        except psycopg2.OperationalError as error:
            troubles.append(f"{who} can't connect: {' '.join(str(error).split())[-100:]}")
    try:
        if not site.log_in(instance="beta"):
            troubles.append("nobody logs in to beta")
    except (OSError, ValueError) as error:
        troubles.append(f"beta does not answer: {error}")
    code = site.playbook("status").code
    return troubles + ([f"status ended with {code}"] if code else [])


def postgres(bench: Bench) -> collections.abc.Iterator[Line]:
    """Alpha takes all connections and writes temporary files; beta and the administrator work on."""
    site = bench.two()
    site.wait_for_login(60, "beta")
    limit = int(site.psql("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'alpha'"))
    taken, why = take_all(site, "alpha", "alpha")
    keepers: list[t.Any] = []
    try:
        with contextlib.suppress(psycopg2.OperationalError):
            while len(keepers) < 300:
                keepers.append(as_keeper(site, "alpha"))
        troubles = reached(site)
    finally:
        for one in [*taken, *keepers]:
            one.close()
    troubles += (
        [] if "too many connections for role" in why else [f"alpha was not stopped by its limit ({limit}): {why}"]
    )
    good = f"alpha got {len(taken)} more of its {limit}, its keeper {len(keepers)}; beta, the administrator and status work"
    yield Line(
        "alpha takes all its connections",
        sentence(troubles, good),
        "beta and the administrator still connect",
        not troubles,
    )

    yield reserved(site)
    yield temporary(site)

    run = site.playbook("preflight", postgres_max_connections=40)
    said = " ".join(run.output.split())
    good = "refused, with the variable, the sum and the cure"
    right = run.code != 0 and "postgres_max_connections=40: the roles of all 2 databases may have" in said
    yield Line("a max_connections that is too small", good if right else f"code {run.code}: {run.error}", good, right)


def reserved(site: Platform) -> Line:
    """Somebody has lifted the limit by hand: the connections of the administrator can't be taken all the same."""
    site.psql("ALTER ROLE alpha CONNECTION LIMIT -1")
    taken, why = take_all(site, "alpha", "alpha")
    troubles = [] if why else ["alpha was never refused"]
    try:
        for _one in range(5):
            taken.append(as_administrator(site))
    except psycopg2.OperationalError as error:
        troubles.append(f"the administrator can't connect: {' '.join(str(error).split())[-100:]}")
    finally:
        for one in taken:
            one.close()
    run = site.playbook("database")
    limit = int(site.psql("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'alpha'"))
    troubles += [f"database ended with {run.code}: {run.error}"] if run.code else []
    troubles += [] if limit > 0 else ["the limit was not set again"]
    good = f"{len(taken) - 5} taken, 5 sessions of the administrator opened, then the limit set to {limit} again"
    return Line(
        "a limit lifted by hand, all connections of the server taken", sentence(troubles, good),
        "the administrator still connects, and database sets the limit again", not troubles,
    )  # fmt: skip


def temporary(site: Platform) -> Line:
    """A sort of more than 2 GB, and ways around the limit."""
    attempts = []
    connection = as_role(site, "alpha", "alpha")
    statements = (
        "SET temp_file_limit = -1", "SET LOCAL temp_file_limit = -1", "SELECT set_config('temp_file_limit', '-1', false)",
        "ALTER ROLE alpha SET temp_file_limit = -1", "ALTER DATABASE alpha SET temp_file_limit = -1",
        "ALTER SYSTEM SET temp_file_limit = -1", "ALTER ROLE alpha CONNECTION LIMIT -1",
        "ALTER ROLE CURRENT_USER CONNECTION LIMIT 10000", "GRANT pg_use_reserved_connections TO alpha",
        "ALTER SYSTEM SET max_connections = 10", "SET ROLE odoo_cloud_admin",
        "SELECT count(*) FROM (SELECT i, repeat(md5(i::text), 250) AS t FROM generate_series(1, 330000) AS i ORDER BY t OFFSET 0) AS s",
    )  # fmt: skip
    try:
        for statement in statements:
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SET work_mem = '1MB'")
                    cursor.execute(statement)
                attempts.append(Attempt(statement[:60], True, "it went through"))
            except psycopg2.Error as error:
                attempts.append(Attempt(statement[:60], False, " ".join(str(error).split())[:100]))
    finally:
        connection.close()
    return attempts_line("temporary files and ways around limits", attempts, len(statements))


# -- a full disk

SWITCH = "SELECT pg_switch_wal(); CREATE TEMP TABLE t AS SELECT md5(i::text) FROM generate_series(1, 20000) i"
DISK_MB = 620
RESERVE_MB = 48
KILLS = 5
KILLED_SECONDS = 10
ACKNOWLEDGED = (
    "CREATE TABLE public.acknowledged (id bigint PRIMARY KEY, filler text); ALTER TABLE public.acknowledged OWNER TO alpha;"
    " ALTER TABLE public.acknowledged ALTER filler SET STORAGE EXTERNAL"
)


def run_command(*words: str) -> str:
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120)
    if done.returncode:
        raise Shortfall(f"{words[0]} failed: {done.stdout.strip()[-200:]}")
    return done.stdout.strip()


class Disk:
    """A small disk for the volume of PostgreSQL: a file as a loop device.

    It is mounted once more for the proof, because the engine unmounts it whenever the container ends, and what is written then would be
    on the machine's own disk.
    """

    def __init__(self, site: Platform) -> None:
        self.volume = f"{site.name}-postgres"
        self.image = site.place.work / "postgres.img"
        # The proof's label: with the platform's it would look as if the platform had lost its secrets.
        self.label = site.place.label
        self.folder = site.place.work / "postgres-disk"
        self.device = ""

    def __enter__(self) -> Disk:
        self.image.parent.mkdir(parents=True, exist_ok=True)
        if self.folder.is_mount():  # left by a proof that was killed
            run_command("umount", str(self.folder))
        self.image.unlink(missing_ok=True)
        with self.image.open("wb") as file:
            file.truncate(DISK_MB * MIB)
        run_command("mkfs.ext4", "-q", "-m", "0", "-E", "root_owner=8432:8432", str(self.image))
        self.device = run_command("losetup", "-f", "--show", str(self.image))
        self.folder.mkdir(exist_ok=True)
        run_command("mount", self.device, str(self.folder))
        docker(
            "volume",
            "create",
            "--label",
            self.label,
            "--opt",
            "type=ext4",
            "--opt",
            f"device={self.device}",
            self.volume,
        )
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.device:
            subprocess.run(["umount", str(self.folder)], check=False, timeout=60)
            subprocess.run(["losetup", "-d", self.device], check=False, timeout=60)
        self.image.unlink(missing_ok=True)

    def fill(self) -> None:
        """Takes what is free, in a file that doesn't belong to PostgreSQL."""
        if not self.folder.is_mount():
            raise Shortfall(f"{self.folder} is not mounted")
        with (self.folder / "somebody-elses").open("ab", buffering=0) as file:
            for size in (MIB, 4096):
                with contextlib.suppress(OSError):
                    for _block in range(DISK_MB * MIB // size):  # never more than the disk has
                        file.write(b"x" * size)

    def make_space(self) -> None:
        (self.folder / "somebody-elses").unlink(missing_ok=True)


class Writer(threading.Thread):
    """Inserts rows and keeps the numbers of those whose transaction was confirmed."""

    def __init__(self, site: Platform, number: int) -> None:
        super().__init__()
        self.site, self.first = site, number * 10_000_000
        self.acknowledged: list[int] = []
        self.times: list[float] = []  # when each was
        self.errors: dict[str, int] = {}
        self.end = threading.Event()

    @property
    def last(self) -> float:
        """When the last row was confirmed."""
        return self.times[-1] if self.times else 0.0

    def run(self) -> None:
        connection, row = None, self.first
        while not self.end.is_set():
            row += 1
            try:
                if connection is None or connection.closed:
                    connection = as_role(self.site, "alpha", "alpha")
                with connection.cursor() as cursor:
                    cursor.execute(
                        "INSERT INTO public.acknowledged SELECT %s, string_agg(md5(random()::text), '') FROM generate_series(1, 200)",
                        (row,),
                    )
                self.acknowledged.append(row)
                self.times.append(time.monotonic())
            except psycopg2.Error as error:
                kind = getattr(error, "pgcode", None) or type(error).__name__
                self.errors[kind] = self.errors.get(kind, 0) + 1
                time.sleep(0.2)
        if connection is not None:
            connection.close()


@contextlib.contextmanager
def writing(site: Platform) -> collections.abc.Iterator[list[Writer]]:
    """Four writers at work; afterwards all of them have ended."""
    writers = [Writer(site, number) for number in range(1, 5)]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.end.set()
        for writer in writers:
            writer.join()


def restarts(site: Platform) -> int:
    return int(docker("inspect", "-f", "{{.RestartCount}}", f"{site.name}-postgres").strip())


def ready(site: Platform, instance: str = "alpha") -> tuple[int, str]:
    """What the readiness of an instance answers, asked in its own container."""
    code = (
        "import urllib.request, urllib.error\n"
        "try:\n    print(urllib.request.urlopen('http://127.0.0.1:8069/monitoring/readiness', timeout=20).status)\n"
        "except urllib.error.HTTPError as error:\n    print(error.code)\n"
        "except OSError as error:\n    print(0, error)\n"
    )
    answer = docker("exec", "-i", f"{site.name}-{instance}-1", "python3", "-", text=code, check=False).split(maxsplit=1)
    return (int(answer[0]) if answer and answer[0].isdigit() else 0), " ".join(answer)


def writes(site: Platform, instance: str) -> str:
    """Why an instance's role can't write 4 MB that don't compress, empty if it can. The rows are not kept."""
    try:
        connection = as_role(site, instance, instance)
    except psycopg2.OperationalError as error:
        return " ".join(str(error).split())[-100:]
    try:
        connection.autocommit = False
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE public.probe AS SELECT md5(random()::text) FROM generate_series(1, 100000)")
        connection.rollback()
    except psycopg2.Error as error:
        return str(error.pgcode or error)
    finally:
        connection.close()
    return ""


def missing(site: Platform, writers: collections.abc.Iterable[Writer]) -> tuple[int, int]:
    """How many rows were acknowledged, and how many of them aren't there."""
    there = set(map(int, site.psql("SELECT id FROM public.acknowledged", "alpha").split()))
    acknowledged = {row for writer in writers for row in writer.acknowledged}
    return len(acknowledged), len(acknowledged - there)


def until_written(site: Platform, writers: collections.abc.Sequence[Writer], number: int) -> float:
    """Kills a process of PostgreSQL that writes: seconds until a row is confirmed again, after all writers have lost their sessions."""
    until(lambda: all(one.last > time.monotonic() - 1 for one in writers), 120, "alpha does not write")
    time.sleep(2)
    found = site.psql("SELECT pid FROM pg_stat_activity WHERE usename = 'alpha' AND query LIKE 'INSERT%' LIMIT 1")
    failed = [sum(one.errors.values()) for one in writers]
    begin = time.monotonic()
    docker("exec", f"{site.name}-postgres", "kill", "-KILL", found.strip())
    noticed = until(
        lambda: all(sum(one.errors.values()) > before for one, before in zip(writers, failed)) and time.monotonic(),
        60, f"kill {number} is not noticed", 0.02,
    )  # fmt: skip
    until(lambda: any(one.last > noticed for one in writers), 120, f"no row is written after kill {number}", 0.02)
    return min(when for one in writers for when in one.times if when > noticed) - begin


def killed(bench: Bench) -> collections.abc.Iterator[Line]:
    """A process of PostgreSQL is killed, again and again, while rows are written."""
    site = bench.two()
    site.psql("DROP TABLE IF EXISTS public.acknowledged; " + ACKNOWLEDGED, "alpha")
    before, gaps = restarts(site), []
    with writing(site) as writers:
        for number in range(KILLS):
            gaps.append(until_written(site, writers, number + 1))
        until(lambda: ready(site)[0] == 200, 60, f"readiness of alpha answers {ready(site)[1]}", 1)
    acknowledged, lost = missing(site, writers)
    shown = ", ".join(f"{gap:.1f}" for gap in gaps)
    yield Line(
        f"a process of PostgreSQL killed {KILLS} times, two seconds after the last recovery",
        f"writes again after {shown} s; {acknowledged} rows acknowledged, {lost} lost; the container was started"
        f" {restarts(site) - before} times",
        f"<= {KILLED_SECONDS} s each, 0 lost", max(gaps) <= KILLED_SECONDS and lost == 0 and acknowledged > 100,
    )  # fmt: skip


def full_disk(bench: Bench) -> collections.abc.Iterator[Line]:
    """PostgreSQL on a disk of its own that becomes full, under writers."""
    site = bench.site(
        "disk", 3, instances={name: {"odoo_modules": ["base"]} for name in ("alpha", "beta")},
        postgres_disk_reserve=f"{RESERVE_MB}m",
        postgres_settings={"max_wal_size": "64MB", "min_wal_size": "32MB", "checkpoint_timeout": "30s"},
    )  # fmt: skip
    site.remove()
    try:
        with Disk(site) as disk:
            try:
                yield from on_full_disk(site, disk)
            finally:
                site.remove()
    finally:
        bench.sites.pop("disk", None)


def on_full_disk(site: Platform, disk: Disk) -> collections.abc.Iterator[Line]:
    site.site()
    site.psql(ACKNOWLEDGED, "alpha")
    reserve = disk.folder / "reserve"
    troubles = (
        [] if reserve.exists() and reserve.stat().st_blocks * 512 >= RESERVE_MB * MIB else ["no space is reserved"]
    )
    before = restarts(site)
    with writing(site) as writers:
        until(lambda: any(writer.errors for writer in writers), 400, "the disk does not become full", 0.5)
        disk.fill()
        # 1. It refuses writes, and says so.
        until(lambda: ready(site)[0] == 503, 90, f"readiness of alpha still answers {ready(site)[1]}", 2)
        said = docker("logs", "--since", "3m", f"{site.name}-alpha-1", check=False)
        troubles += (
            []
            if "the database can't write: no space is left" in said or restarts(site) > before
            else ["Odoo's log does not say why"]
        )
        refused = {code for writer in writers for code in writer.errors}
        neighbours = writes(site, "beta")
        # 2. Not even its log of changes has space: it ends, recovers with the reserve, and, without that, waits.
        end = time.monotonic() + 240
        while time.monotonic() < end and "waiting until there is space" not in docker(
            "logs", "--since", "5m", f"{site.name}-postgres", check=False
        ):
            with contextlib.suppress(Shortfall, subprocess.TimeoutExpired):
                docker(
                    "exec", f"{site.name}-postgres", "psql", "-U", "postgres", "-h", "/run/postgresql", "-d", "alpha", "-Atqc",
                    SWITCH, timeout=30,
                )  # fmt: skip
            disk.fill()
            time.sleep(1)
        log = docker("logs", f"{site.name}-postgres", check=False)
        released, waits = "the reserve was released" in log, "waiting until there is space" in log
        troubles += [] if released else ["the reserve was not released"]
        troubles += [] if waits else ["it did not come to wait for space"]
        count = restarts(site)
        time.sleep(30)
        troubles += (
            [f"started {restarts(site) - count} times again in 30 s without space"] if restarts(site) > count else []
        )
        status = site.playbook("status")
        shown = " ".join(status.output.split())
        troubles += (
            [] if "no space:" in shown or "can't write" in shown else [f"status does not say it: {status.error[:150]}"]
        )
        # 3. There is space again.
        disk.make_space()
        begin = time.monotonic()
        until(lambda: not writes(site, "alpha"), 180, "alpha can't write again", 1)
        back = time.monotonic() - begin
        until(lambda: ready(site)[0] == 200, 120, f"readiness of alpha answers {ready(site)[1]}", 2)
    acknowledged, lost = missing(site, writers)
    yield Line(
        "PostgreSQL's disk is full: rows whose transaction was confirmed",
        f"{acknowledged} acknowledged, {lost} lost; refused with {', '.join(sorted(refused))}", "0 lost", acknowledged > 1000 and lost == 0,
    )  # fmt: skip
    until(lambda: site.log_in(instance="beta"), 120, "nobody logs in to beta afterwards")
    good = (
        f"refused, recovered with its reserve, waited without it, {restarts(site) - before} starts in all; writes {back:.0f} s after"
        f" there was space; status and readiness said it; meanwhile the neighbour on the same server: {neighbours or 'could write'}"
    )
    yield Line(
        "PostgreSQL's disk is full, down to its log of changes", sentence(troubles, good),
        "says so, does not start again and again, comes back by itself", not troubles,
    )  # fmt: skip


PARTS = {
    "services-redis": redis,
    "services-move": move,
    "services-postgres": postgres,
    "services-killed": killed,
    "full-disk": full_disk,
}
REDIS = "plugins/module_utils/_services"
MUTANTS = {
    "one-redis": Mutant.one(
        "services-redis", "plugins/module_utils/_inventory/topology.py",
        'redis["own"] = not (redis["external"] or stated or _flag(shared, "redis_shared", redis["machine"]))', 'redis["own"] = False',
    ),
    "scripts-open": Mutant.one("services-redis", f"{REDIS}/redis_acl.py", "-@dangerous -@scripting ", "-@dangerous "),
    "sessions-left-behind": Mutant.one(
        "services-move", f"{REDIS}/redis_move.py", "    if theirs == ABSENT:\n        return True\n", ""
    ),
    "connections-unlimited": Mutant.one(
        "services-postgres", f"{REDIS}/connections.py", '"connections": of_instance(instance, machine)', '"connections": -1'
    ),
    "nothing-reserved": Mutant.one(
        "services-postgres", "roles/image/files/postgres/postgres-start", '[ "$mine" -ge 16 ]', '[ "$mine" -ge 99 ]'
    ),
    "temporary-files-unlimited": Mutant.one(
        "services-postgres", f"{REDIS}/postgres_settings.py", '"temp_file_limit": "2GB"', '"temp_file_limit": -1'
    ),
    "starts-without-space": Mutant.one(
        "full-disk", "roles/image/files/postgres/postgres-start", "while crashed && short", "while false && short"
    ),
    "says-nothing": Mutant.one(
        "full-disk", "roles/image/files/addons/monitoring_status/controllers/main.py", "    if full:\n", "    if False:\n"
    ),
}  # fmt: skip
