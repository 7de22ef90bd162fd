# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL goes away while people work, and somebody else holds the lock when an update begins."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import datetime
import http.client
import json
import pathlib
import re
import secrets
import shutil
import subprocess
import threading
import time
import typing as t

from ..containers.services import Redis, address, image_id
from ..frame import (
    ADDONS,
    IMAGES,
    PLATFORM_LABEL,
    ROOT,
    Line,
    Mutant,
    Shortfall,
    docker,
    last_error,
    readable,
    sentence,
    until,
)
from ..platforms import Platform
from .bench import Bench

IN_IMAGE = "/opt/odoo-cloud"
LIMIT = 20  # odoo_run_timeout of the update that has to wait
# Takes the lock like any run of the instance, with its rights and its name, until its input ends.
HOLD = """
import os, sys
from odoo_cloud_runtime.common import config
from odoo_cloud_runtime.database import lock
from odoo_cloud_runtime.run import gate
one = gate.Gate(config.load(os.environ), os.environ)
one.connect()
print("taken" if lock.Lock(one.connections.control, one.settings.db_name).acquire() else "refused", one.run_id, flush=True)
sys.stdin.read()
"""

Answer = tuple[int, dict[str, str], bytes]


@dataclasses.dataclass
class Visited:
    """One Odoo that is asked all the time: how, with which session, and what it answered."""

    name: str
    ask: t.Callable[[str, t.Any, str], Answer]
    page: str
    cookie: str
    containers: list[str]
    answers: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    wrong: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def rpc(self, number: int) -> None:
        body = {"jsonrpc": "2.0", "method": "call", "id": number, "params": {}}
        status, headers, content = self.ask("/web/session/get_session_info", body, self.cookie)
        found = json.loads(content) if headers.get("content-type", "").startswith("application/json") else {}
        self.note("rpc", status, headers)
        if status == 200 and not (found.get("result") or {}).get("uid"):
            self.wrong[f"rpc answered {content[:80]!r}"] += 1
        if status == 503 and not (found.get("id") == number and found.get("error", {}).get("message")):
            self.wrong[f"rpc's 503 is {content[:80]!r}"] += 1

    def get(self, visitor: bool) -> None:
        what = "visitor" if visitor else "page"
        status, headers, content = self.ask(
            "/web/login" if visitor else self.page, None, "" if visitor else self.cookie
        )
        self.note(what, status, headers)
        if status == 503 and b"<h1>" not in content:
            self.wrong[f"{what}'s 503 is {content[:80]!r}"] += 1

    def note(self, what: str, status: int, headers: t.Mapping[str, str]) -> None:
        self.answers[str(status)] += 1
        if status not in (200, 503):
            self.wrong[f"{what} {status} {headers.get('location', '')}".strip()] += 1
        elif status == 503 and not headers.get("retry-after"):
            self.wrong[f"{what} 503 without Retry-After"] += 1

    def logged_in(self) -> bool:
        try:
            status, dummy, content = self.ask(
                "/web/session/get_session_info", {"jsonrpc": "2.0", "params": {}}, self.cookie
            )
        except (OSError, http.client.HTTPException):
            return False
        return status == 200 and bool((json.loads(content).get("result") or {}).get("uid"))


def plain(address: str) -> t.Callable[[str, t.Any, str], Answer]:
    """Asks a container itself, without nginx."""

    def ask(path: str, body: t.Any, cookie: str) -> Answer:
        connection = http.client.HTTPConnection(address, 8069, timeout=30)
        try:
            headers = {"Cookie": f"session_id={cookie}"} if cookie else {}
            content = None if body is None else json.dumps(body)
            if content is not None:
                headers["Content-Type"] = "application/json"
            connection.request("GET" if body is None else "POST", path, content, headers)
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    return ask


def behind_nginx(site: Platform) -> t.Callable[[str, t.Any, str], Answer]:
    return lambda path, body, cookie: site.request(
        path, body, headers={"Cookie": f"session_id={cookie}"} if cookie else None
    )


@contextlib.contextmanager
def visiting(all_of_them: t.Sequence[Visited], pause: float = 0.05) -> t.Iterator[None]:
    """Asks each of them every 50 ms meanwhile: its own session by JSON-RPC, and in turns its page and a newcomer's."""
    over = threading.Event()

    def loop(one: Visited, kind: str) -> None:
        number = 0
        while not over.is_set():
            number += 1
            begin = time.monotonic()
            try:
                if kind == "rpc":
                    one.rpc(number)
                else:
                    one.get(visitor=number % 2 == 0)
            except (OSError, ValueError, http.client.HTTPException) as error:
                one.wrong[f"{kind} {type(error).__name__}: {error}"[:90]] += 1
            over.wait(max((pause if kind == "rpc" else 4 * pause) - (time.monotonic() - begin), 0))

    with concurrent.futures.ThreadPoolExecutor(2 * len(all_of_them)) as pool:
        jobs = [pool.submit(loop, one, kind) for one in all_of_them for kind in ("rpc", "get")]
        try:
            yield
        finally:
            over.set()
        for job in jobs:
            job.result()


def started(names: t.Iterable[str]) -> dict[str, str]:
    """Since when each container runs, and how it is."""
    shown = docker(
        "inspect", "-f", "{{.Name}} {{.State.Running}} {{.State.ExitCode}} {{.State.StartedAt}}", *names, check=False
    )
    return {line.split()[0].lstrip("/"): line.partition(" ")[2] for line in shown.strip().splitlines()}


def have(site: Platform) -> Platform:
    """The shared platform; made by the first part that needs it."""
    if f"{site.name}-demo-1" not in site.containers():
        site.site()
    return site


def two_workers(bench: Bench, site: Platform, name: str) -> None:
    """A copy of the site's replica with `workers = 2`, and with the addons of the tree under proof."""
    like = json.loads(docker("inspect", f"{site.name}-demo-1"))[0]
    config = bench.place.work / name / "config"
    addons = bench.place.work / name / "addons"
    for folder in (config, addons):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(bench.tree / ADDONS, addons, ignore=shutil.ignore_patterns("__pycache__"))
    arguments: list[str] = []
    for mount in like["Mounts"]:
        source, target = mount.get("Name") or mount["Source"], mount["Destination"]
        if target == "/etc/odoo":
            shutil.copytree(source, config)
            conf = config / "odoo.conf"
            text, number = re.subn(r"(?m)^workers *=.*$", "workers = 2", conf.read_text())
            conf.write_text(text if number else text + "\nworkers = 2\n")
            source = str(config)
        if mount["Type"] in ("bind", "volume"):
            arguments += [
                "--mount",
                f"type={mount['Type']},source={source},target={target}{'' if mount['RW'] else ',readonly'}",
            ]
    readable(config)
    arguments += ["--mount", f"type=bind,source={readable(addons)},target={IN_IMAGE}/addons,readonly"]
    for path, options in (like["HostConfig"]["Tmpfs"] or {}).items():
        arguments += ["--tmpfs", f"{path}:{options}" if options else path]
    for one in like["HostConfig"]["ExtraHosts"] or []:
        arguments += ["--add-host", one]
    for one in like["Config"]["Env"]:
        arguments += ["--env", f"REPLICA={name}" if one.startswith("REPLICA=") else one]
    run(site, name, like["Image"], arguments)


def run(site: Platform, name: str, image: str, arguments: t.Sequence[str]) -> None:
    docker(
        "run", "-d", "--name", name, "--label", f"{PLATFORM_LABEL}={site.name}", "--network", site.network(), "--init",
        "--user", "8069:8069", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only", *arguments, image,
    )  # fmt: skip


CONF = """[options]
addons_path = /usr/lib/python3/dist-packages/odoo/addons,{addons}
admin_passwd = {admin}
data_dir = /var/lib/odoo
db_maxconn = 8
dbfilter = ^oc14$
http_interface = 0.0.0.0
list_db = False
max_cron_threads = 1
server_wide_modules = base,web,database_reconnect,session_redis
workers = 2
"""


def older(bench: Bench, site: Platform, name: str, redis: Redis) -> str:
    """Odoo 14 with its own database on the site's PostgreSQL; the admin's password. Its image may be older than the checkout, so
    runtime and addons of the tree under proof are mounted over its own."""
    tree = bench.tree
    image, password, admin = image_id(f"{IMAGES}/odoo-14"), secrets.token_hex(16), secrets.token_hex(16)
    folder = bench.place.work / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(tree / ADDONS, folder / "addons", ignore=shutil.ignore_patterns("__pycache__"))
    for file, text in {
        "config/odoo.conf": CONF.format(addons=f"{IN_IMAGE}/addons", admin=secrets.token_hex(16)),
        "secrets/db_password": password,
        "secrets/admin_password": admin,
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    readable(folder)
    site.psql("DROP DATABASE IF EXISTS oc14 WITH (FORCE)")
    site.psql(f"DROP ROLE IF EXISTS oc14; CREATE ROLE oc14 LOGIN PASSWORD '{password}'")
    site.psql("CREATE DATABASE oc14 OWNER oc14 TEMPLATE template0")
    like = json.loads(docker("inspect", f"{site.name}-demo-1"))[0]
    socket = next(one for one in like["Mounts"] if one["Source"].endswith("postgres/socket"))
    env = {
        "MODULES": "base,web", "DB_HOST": socket["Destination"], "DB_NAME": "oc14", "DB_USER": "oc14",
        "DB_PASSWORD_FILE": "/run/secrets/db_password", "ADMIN_PASSWORD_FILE": "/run/secrets/admin_password",
        "HOME": "/var/lib/odoo", "REPLICA": name, "INSTANCE": "oc14", **redis.environment("oc14"),
    }  # fmt: skip
    arguments = ["--tmpfs", "/tmp", "--tmpfs", "/var/lib/odoo:uid=8069,gid=8069,mode=0750"]
    for source, target in {
        folder / "config": "/etc/odoo", folder / "secrets": "/run/secrets", folder / "addons": f"{IN_IMAGE}/addons",
        socket["Source"]: socket["Destination"], bench.lab.runtime: f"{IN_IMAGE}/odoo_cloud_runtime",
        bench.lab.entrypoint: "/usr/local/bin/odoo-cloud",
    }.items():  # fmt: skip
        arguments += ["--mount", f"type=bind,source={source},target={target}"]
    for key, value in env.items():
        arguments += ["--env", f"{key}={value}"]
    run(site, f"{name}-install", image, [*arguments, "--env", "MODE=InstallOnly"])
    code = docker("wait", f"{name}-install", timeout=600).strip()
    if code != "0":
        raise Shortfall(f"Odoo 14 could not be installed, exit {code}: {docker('logs', f'{name}-install')[-300:]}")
    run(site, name, image, [*arguments, "--env", "MODE=RunOnly"])
    return admin


def session(ask: t.Callable[[str, t.Any, str], Answer], database: str, password: str) -> str:
    """The cookie of a new session of the admin."""

    def log_in() -> str:
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            status, headers, content = ask(
                "/web/session/authenticate",
                {"jsonrpc": "2.0", "params": {"db": database, "login": "admin", "password": password}},
                "",
            )
            cookie = re.search(r"session_id=([^;]+)", headers.get("set-cookie", ""))
            if status == 200 and cookie and (json.loads(content).get("result") or {}).get("uid"):
                return cookie[1]
        return ""

    return t.cast("str", until(log_in, 180, "nobody can log in", 0.5))


def restart(bench: Bench) -> t.Iterator[Line]:
    """PostgreSQL is restarted, and is away for 4 s, while people work: Odoo 19 behind nginx, and 19 and 14 with two workers."""
    broken = (
        bench.mutant is not None
    )  # then with the images of the checkout, in which the addons of the broken copy are mounted
    site = have(bench.site("main", 0, tree=ROOT if broken else bench.tree))
    workers, old = f"{site.name}-workers", f"{site.name}-odoo14"
    redis = Redis(bench.place, old, site.network())
    extra = [workers, old, f"{old}-install", f"{old}-redis"]
    docker("rm", "-f", "-v", *extra, check=False)
    try:
        visited: list[Visited] = []
        if "19" in bench.versions:
            two_workers(bench, site, workers)
        if "14" in bench.versions:
            redis.start()
            admin = older(bench, site, old, redis)
            ask = plain(address(old))
            visited.append(Visited("14 with two workers", ask, "/web", session(ask, "oc14", admin), [old]))
        if "19" in bench.versions:
            ask = plain(address(workers))
            cookie = session(ask, "demo", site.admin_password())
            visited.append(Visited("19 with two workers", ask, "/odoo", cookie, [workers]))
            if not broken:
                cookie = site.wait_for_login()
                visited.append(Visited("19 behind nginx", behind_nginx(site), "/odoo", cookie, [f"{site.name}-demo-1"]))
        for one in visited:
            for dummy in range(3):  # assets and registries are ready
                one.ask(one.page, None, one.cookie)
        before = started(name for one in visited for name in one.containers)
        postgres = f"{site.name}-postgres"
        with visiting(visited):
            time.sleep(2)
            docker("restart", postgres)
            time.sleep(6)
            docker("stop", postgres)
            time.sleep(4)
            docker("start", postgres)
            time.sleep(8)
        after = started(name for one in visited for name in one.containers)
        for one in visited:
            yield Line(
                f"PostgreSQL restarts, and is away for 4 s: Odoo {one.name} answers",
                ", ".join(f"{number} x {status}" for status, number in sorted(one.answers.items()))
                + (
                    f"; wrong: {sentence([f'{number} x {what}' for what, number in one.wrong.most_common(4)])}"
                    if one.wrong
                    else ""
                ),
                "only 200, and 503 with Retry-After; JSON-RPC in its own form; no 303",
                not one.wrong and bool(one.answers["503"]) and bool(one.answers["200"]),
            )
            good = one.logged_in()
            yield Line(
                f"... and the session of Odoo {one.name}",
                "is still logged in" if good else "is lost",
                "is still logged in",
                good,
            )
        other = [f"{name}: {before[name]} -> {after.get(name)}" for name in before if after.get(name) != before[name]]
        yield Line(
            "... and no container",
            sentence(other, "has ended or was restarted"),
            "has ended or was restarted",
            not other,
        )
    finally:
        docker("rm", "-f", "-v", *extra, check=False)
        with contextlib.suppress(Shortfall):
            site.psql("DROP DATABASE IF EXISTS oc14 WITH (FORCE)")
            site.psql("DROP ROLE IF EXISTS oc14")


@contextlib.contextmanager
def held(site: Platform) -> t.Iterator[str]:
    """Somebody else who may have the instance's lock has it; the name of that run."""
    with subprocess.Popen(
        ["docker", "exec", "-i", "-e", f"PYTHONPATH={IN_IMAGE}", f"{site.name}-demo-1", "python3", "-c", HOLD],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None  # noqa: S101 - for the type checker
        try:
            said = process.stdout.readline().split()
            if said[:1] != ["taken"]:
                raise Shortfall(f"the lock can't be taken for this bar: {said}")
            yield said[1]
        finally:
            process.stdin.close()


def last_events(site: Platform) -> list[dict[str, t.Any]]:
    mounts = json.loads(docker("inspect", "-f", "{{json .Mounts}}", f"{site.name}-demo-1"))
    config = next(pathlib.Path(one["Source"]) for one in mounts if one["Destination"] == "/etc/odoo")
    newest = max((config.parent / "runs").glob("run-*.ndjson"), key=lambda path: path.stat().st_mtime)
    return [json.loads(line) for line in newest.read_text().splitlines()]


def seconds(text: str) -> float:
    """An engine's or an event's time stamp as seconds since the epoch."""
    return datetime.datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text).replace("Z", "+00:00")).timestamp()


@contextlib.contextmanager
def starts_and_ends(name: str) -> t.Iterator[list[str]]:
    """What the engine says meanwhile of a container, also of one that is recreated; it keeps only few events."""
    said: list[str] = []
    with subprocess.Popen(
        ["docker", "events", "--filter", f"container={name}", "--filter", "event=die", "--filter", "event=start",
         "--format", "{{.Action}} {{.TimeNano}}"],
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield said
        finally:
            time.sleep(1)
            process.terminate()
            said += process.communicate()[0].splitlines()


def foreign_lock(bench: Bench) -> t.Iterator[Line]:
    """An update finds the lock taken: it gives up in time, and the replica serves all the while. Then the lock is free."""
    site = have(bench.site("main", 0))
    replica = f"{site.name}-demo-1"
    one = Visited("19", behind_nginx(site), "/odoo", site.wait_for_login(), [replica])
    variables = {"odoo_update": "rpc", "odoo_run_timeout": LIMIT}
    with held(site) as run_id:
        before = started([replica])
        with visiting([one], 0.1):
            code, output, took = site.playbook("update", timeout=600, **variables)
        after = started([replica])
    troubles = []
    if code == 0:
        troubles.append("it ended with 0")
    told = last_error(output)
    if f"run={run_id}" not in output or "replicas serve as before" not in output:
        troubles.append(f"it said {told[-300:]}")
    if docker("ps", "-q", "--filter", f"name=^{site.name}-demo-run$").strip():
        troubles.append("its container waits on")
    moments = {event["event"]: seconds(event["at"]) for event in last_events(site)}
    waited = moments.get("run_ended", 0.0) - moments["run_started"]
    if not 0 < waited < LIMIT + 15:
        troubles.append(f"its run took {waited:.0f} s")
    yield Line(
        f"an update with odoo_run_timeout={LIMIT} while another run holds the lock",
        sentence(
            troubles,
            f"ended with {code} after {waited:.0f} s (the whole playbook: {took:.0f} s), and said who holds it",
        ),
        f"gives up {LIMIT} s after it began to wait, and says who holds the lock",
        not troubles,
    )
    failed = sum(number for status, number in one.answers.items() if status != "200") + sum(one.wrong.values())
    yield Line(
        "... and the replica meanwhile",
        f"{failed} of {sum(one.answers.values())} requests failed, {'restarted' if before != after else 'not restarted'}",
        "0 failed, not restarted", not failed and before == after and one.answers["200"] > 50,
    )  # fmt: skip
    with starts_and_ends(replica) as engine_said:
        code, output, took = site.playbook("update", timeout=600, **{**variables, "odoo_run_timeout": 600})
    found = {event["event"]: seconds(event["at"]) for event in reversed(last_events(site))}
    ended = {line.split()[0]: int(line.split()[1]) / 1e9 for line in reversed(engine_said)}
    order = {
        "lock": found.get("lock_taken", 0.0), "replica ended": ended.get("die", 0.0), "go-ahead": found.get("go_ahead", 0.0),
        "first change": found.get("plan", 0.0), "replica started": ended.get("start", 0.0),
    }  # fmt: skip
    moments = list(order.values())
    right = code == 0 and moments[0] > 0 and moments == sorted(moments)
    yield Line(
        "an update when the lock is free", f"ended with {code}: " + ", ".join(
            f"{what} {moment - moments[0]:+.2f} s" for what, moment in order.items()
        ) + ("" if code == 0 else f"; {last_error(output)}"),
        "stops the replica after it has the lock and before it changes anything", right,
    )  # fmt: skip
    good = site.logged_in(one.cookie)
    yield Line("... and afterwards the session", "is logged in" if good else "is lost", "is logged in", good)


PARTS = {"postgres-restart": restart, "foreign-lock": foreign_lock}
RECONNECT = f"{ADDONS}/database_reconnect"
MUTANTS = {
    # The code of before: Odoo's own way with a database that is away, in requests and in the master.
    "outage-as-missing": Mutant(
        ("postgres-restart",), ((f"{RECONNECT}/__init__.py", "    outage.post_load()", "    pass"),)
    ),
    "master-ends": Mutant(
        ("postgres-restart",),
        ((f"{RECONNECT}/outage.py", "    server.PreforkServer.process_spawn = spawn_or_wait\n", ""),),
    ),
    # Replicas are stopped before the lock is there.
    "stop-before-lock": Mutant(
        ("foreign-lock",),
        (
            (
                "plugins/module_utils/_runs/module.py",
                "        holds = _events.holds(found.events)\n",
                "        holds = True\n",
            ),
        ),
    ),
    "waits-for-ever": Mutant(
        ("foreign-lock",),
        (
            (
                "plugins/module_utils/_runs/module.py",
                '        if self.kind.suffix != "run" or',
                '        if self.kind.suffix == "run" or',
            ),
        ),
    ),
}
SAMPLE: list[str] = []
