# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strangers on the internet: what they open, send and guess at one instance, while people work at that one and at another."""

from __future__ import annotations

import collections.abc
import contextlib
import http.client
import json
import pathlib
import re
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time
import typing as t

from ..frame import ROOT, Line, Mutant, Shortfall, as_json, docker, sentence
from ..platforms import Platform
from .bench import Attempt, Bench, attempts_line

CROWD = pathlib.Path(__file__).with_name("crowd.py")
LIMITS, TEMPLATE = "plugins/module_utils/_services/nginx_limits.py", "roles/nginx/templates/nginx.conf.j2"
DOORS = "plugins/module_utils/_runtime/boot/doors.py"
STORE, STATUS = (
    "roles/image/files/addons/session_redis/store.py",
    "roles/image/files/addons/monitoring_status/controllers/main.py",
)
FILTERS = ROOT / "roles" / "nginx" / "files" / "fail2ban" / "filter.d"
MIB = 1024 * 1024
SLOWER = 3  # times that people's requests may take


def ip(*args: str) -> None:
    done = subprocess.run(["ip", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise Shortfall(f"ip {' '.join(args)}: {done.stdout.strip()}")


@contextlib.contextmanager
def addresses(bench: Bench) -> collections.abc.Iterator[list[str]]:
    """Two hundred addresses that are this machine's own for a while, from the network that is reserved for benchmarks."""
    begin = f"198.18.{bench.place.port % 250}"
    route = ("local", f"{begin}.0/24", "dev", "lo")
    subprocess.run(["ip", "route", "del", *route], capture_output=True, check=False)  # of a run that was killed
    ip("route", "add", *route)
    try:
        yield [f"{begin}.{one}" for one in range(1, 201)]
    finally:
        ip("route", "del", *route)


def proxy(site: Platform, source: str) -> tuple[str, int]:
    """The proxy's own address and port, by which addresses of this machine arrive as they are; a published port may hide them."""
    pid = docker("inspect", "-f", "{{.State.Pid}}", f"{site.name}-nginx").strip()
    done = subprocess.run(
        ["nsenter", "-t", pid, "-n", "ip", "-j", "route", "get", source], capture_output=True, text=True, check=False
    )
    try:
        return json.loads(done.stdout)[0]["prefsrc"], 8443
    except (ValueError, LookupError):
        raise Shortfall(f"the proxy has no way to {source}: {done.stderr.strip()}") from None


class Crowd:
    """One run of the program crowd.py, beside what is measured."""

    def __init__(self, kind: str, **settings: t.Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(CROWD), kind, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def result(self, seconds: float = 120) -> dict[str, t.Any]:
        assert self.process.stdout is not None and self.process.stdin is not None
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Shortfall(f"the crowd did not end in {seconds:.0f} s") from None
        finally:
            self.process.stdin.close()
        text = self.process.stdout.read()
        self.process.stdout.close()
        if self.process.returncode:
            raise Shortfall(f"the crowd ended with {self.process.returncode}")
        return json.loads(text)


class People:
    """A user of each instance who is logged in and works; each request on a connection of its own."""

    def __init__(self, site: Platform) -> None:
        self.site = site
        self.tls = ssl.create_default_context(cafile=str(site.secrets / "tls" / "ca.crt"))
        self.cookies = {name: site.wait_for_login(instance=name) for name in ("alpha", "beta")}

    def once(self, instance: str, turn: int) -> None:
        """One request: a read, a page, or an upload of some kilobytes. Raises an error unless it is answered as it should be."""
        host = self.site.host(instance)
        connection = http.client.HTTPSConnection(host, self.site.https_port, timeout=20)
        connection.sock = self.tls.wrap_socket(
            socket.create_connection(("127.0.0.1", self.site.https_port), timeout=20), server_hostname=host
        )
        headers = {"Cookie": f"session_id={self.cookies[instance]}", "Content-Type": "application/json"}
        context = {"note": "x" * 20000} if turn % 3 == 2 else {}
        parameters = {
            "model": "res.users",
            "method": "search_read",
            "args": [[], ["login"]],
            "kwargs": {"context": context},
        }
        try:
            if turn % 3 == 1:
                connection.request("GET", "/web/static/img/favicon.ico", headers=headers)
            else:
                body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": parameters})
                connection.request("POST", "/web/dataset/call_kw/res.users/search_read", body, headers)
            answer = connection.getresponse()
            found = answer.read()
            if answer.status != 200 or (turn % 3 != 1 and "result" not in as_json(found)):
                raise ConnectionError(f"{answer.status} {found[:80]!r}")
        finally:
            connection.close()

    def work(self, goes_on: collections.abc.Callable[[], bool]) -> dict[str, tuple[list[float], list[str]]]:
        """What each user's requests took, in seconds, and what failed, as long as it goes on."""
        found: dict[str, tuple[list[float], list[str]]] = {name: ([], []) for name in self.cookies}

        def of(instance: str) -> None:
            turn = 0
            while goes_on():
                begin = time.monotonic()
                try:
                    self.once(instance, turn)
                except (OSError, http.client.HTTPException) as error:
                    found[instance][1].append(f"{instance}: {type(error).__name__} {error}")
                found[instance][0].append(time.monotonic() - begin)
                turn += 1
                time.sleep(0.1)

        threads = [threading.Thread(target=of, args=(name,)) for name in self.cookies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    def for_seconds(self, seconds: float) -> dict[str, tuple[list[float], list[str]]]:
        end = time.monotonic() + seconds
        return self.work(lambda: time.monotonic() < end)


def p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1] if len(seconds) > 1 else 0.0


def states(site: Platform) -> dict[str, str]:
    """What changes when a container, or a process of the proxy, is started again."""
    form = "{{.Name}} {{.State.StartedAt}} {{.RestartCount}} {{.State.OOMKilled}}"
    found = dict(line.split(" ", 1) for line in docker("inspect", "-f", form, *site.containers()).splitlines())
    found["processes of nginx"] = " ".join(sorted(processes(site)))
    return found


def processes(site: Platform) -> list[str]:
    lines = docker("top", f"{site.name}-nginx", "-eo", "pid,args").splitlines()
    return [line.split()[0] for line in lines if "nginx: worker process" in line and "shutting down" not in line]


def memory(site: Platform) -> int:
    """Bytes that the proxy's processes have for themselves."""
    total = 0
    for pid in processes(site):
        with contextlib.suppress(OSError):
            text = pathlib.Path("/proc", pid, "status").read_text()
            total += sum(int(one) * 1024 for one in re.findall(r"RssAnon:\s+(\d+)", text))
    return total


def disk(folder: pathlib.Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_blocks * 512
    return total


class Seen(t.NamedTuple):
    """What one crowd did: its own result, the line about people, and the largest value of what was watched."""

    result: dict[str, t.Any]
    people: Line
    before: int
    most: int


def beside(
    bar: str, site: Platform, people: People, watched: collections.abc.Callable[[], int], kind: str, **settings: t.Any
) -> Seen:
    """People work alone for a while, then beside a crowd."""
    alone = people.for_seconds(10)
    kept, before = states(site), watched()
    most = [before]
    crowd = Crowd(kind, **settings)

    def watch() -> None:
        while crowd.running:
            most.append(watched())
            time.sleep(0.3)

    watcher = threading.Thread(target=watch)
    watcher.start()
    together = people.work(lambda: crowd.running)
    result = crowd.result()
    watcher.join()
    now = states(site)
    troubles = [f"{name} was started again" for name in kept if now.get(name) != kept[name]]
    figures = []
    for name in alone:
        first, then = p95(alone[name][0]), p95(together[name][0])
        troubles += alone[name][1] + together[name][1]
        troubles += [f"{name}: p95 {first * 1000:.0f} ms, then {then * 1000:.0f} ms"] if then > SLOWER * first else []
        figures.append(
            f"{name} p95 {first * 1000:.0f} ms, then {then * 1000:.0f} ms ({len(together[name][0])} requests)"
        )
    line = Line(
        f"people at work while {bar}", sentence(troubles, f"0 errors; {', '.join(figures)}; nothing started again"),
        f"0 errors, p95 at most {SLOWER} times, nothing started again", not troubles,
    )  # fmt: skip
    return Seen(result, line, before, max(most))


def numbers(site: Platform) -> tuple[int, int]:
    """Connections that the proxy takes, and the bytes of its memory."""
    text = (site.root / "nginx" / "config" / "nginx.conf").read_text()
    found = [
        int(one) for name in ("worker_processes", "worker_connections") for one in re.findall(rf"{name} (\d+);", text)
    ]
    return found[0] * found[1], int(docker("inspect", "-f", "{{.HostConfig.Memory}}", f"{site.name}-nginx"))


def handshakes(bench: Bench) -> collections.abc.Iterator[Line]:
    site = bench.two()
    people = People(site)
    with addresses(bench) as mine:
        target = proxy(site, mine[0])
        for bar, sources in (("from 200 addresses", mine), ("from one address", mine[:1])):
            seen = beside(
                f"10,000 handshakes stay half open, {bar}", site, people, lambda: memory(site), "half_open",
                target=target, name=site.host("alpha"), sources=sources, number=10000, seconds=40,
            )  # fmt: skip
            yield seen.people
            most, longest = seen.result["most"], seen.result["longest"]
            troubles = [] if most >= 9000 else [f"only {most} were open at the same time"]
            troubles += [f"one lived {longest} s"] if longest > 15 else []
            troubles += [f"{seen.result['left']} were left"] if seen.result["left"] else []
            yield Line(
                f"half-open handshakes {bar}", sentence(troubles, f"{most} at the same time, kept {longest} s at most"),
                "9,000 at once are survived, each is kept for 15 s at most", not troubles,
            )  # fmt: skip
            if sources == mine:  # nginx keeps its memory, so that only the first crowd shows how much each takes
                yield _fit(site, seen)


def _fit(site: Platform, seen: Seen) -> Line:
    """Whether as many connections as the proxy takes fit into its memory, each as large as these were."""
    each = (seen.most - seen.before) / max(seen.result["kept"], 1)
    connections, limit = numbers(site)
    worst = seen.before + connections * each
    kept = seen.result["kept"]
    figure = f"{each / 1024:.0f} KB each ({kept} at once); {connections} take {worst / MIB:.0f} of {limit / MIB:.0f} MB"
    return Line("memory of all connections that the proxy takes", figure, "less than its limit", 0 < worst < limit)


def uploads(bench: Bench) -> collections.abc.Iterator[Line]:
    site = bench.two()
    bound, folder = 1024 * MIB, site.root / "nginx" / "tmp"
    site.play("proxy", nginx_temporary_space="1g", odoo_max_upload="128m")
    try:
        people = People(site)
        with addresses(bench) as mine:
            common = {"target": proxy(site, mine[0]), "name": site.host("alpha"), "sources": mine[:40]}
            seen = beside(
                "200 uploads are slow", site, people, lambda: disk(folder), "uploads", **common,
                path="/web/dataset/call_kw", number=200, seconds=25, length=100 * MIB, sent=20 * MIB,
            )  # fmt: skip
            elsewhere = Crowd(
                "uploads",
                **common,
                path="/web/session/get_session_info",
                number=40,
                seconds=10,
                length=100 * MIB,
                sent=20 * MIB,
            ).result()
    finally:
        site.play("proxy")
    yield seen.people
    troubles = [] if seen.most <= bound else [f"{seen.most / MIB:.0f} MB"]
    troubles += [] if seen.result.get("held") else ["no upload was taken at all"]
    good = f"{seen.most / MIB:.0f} MB; {seen.result.get('held')} of 200 were taken"
    yield Line(
        "disk while 200 uploads are slow", sentence(troubles, good), f"at most {bound / MIB:.0f} MB", not troubles
    )
    good = elsewhere == {"413": 40}
    yield Line("100 MB where Odoo takes no upload", str(elsewhere), "all 40 refused with 413", good)


def redis(site: Platform, commands: str, instance: str = "alpha") -> list[str]:
    """The answers of the instance's Redis to commands, a line each, as its administrator."""
    shown = docker("ps", "--format", "{{.Names}}").split()
    name = next(one for one in (f"{site.name}-redis-{instance}", f"{site.name}-redis") if one in shown)
    password = (site.secrets / "redis" / "admin_password").read_text().strip()
    script = "exec $(command -v valkey-cli || command -v redis-cli) -s /run/redis/redis.sock"
    found = docker("exec", "-i", name, "sh", "-c", script, text=f"AUTH admin {password}\n{commands}\n").splitlines()
    return found[1:]


def lives(site: Platform) -> dict[str, int]:
    """The seconds that each key of alpha's sessions still lives."""
    keys = [one for one in redis(site, "KEYS session:*alpha*") if one.startswith("session:")]
    return dict(zip(keys, map(int, redis(site, "\n".join(f"TTL {key}" for key in keys))))) if keys else {}


def websockets(bench: Bench) -> collections.abc.Iterator[Line]:
    site = bench.two()
    people = People(site)
    earlier = set(lives(site))
    with addresses(bench) as mine:
        common = {"target": proxy(site, mine[0]), "name": site.host("alpha"), "sources": mine[:50]}
        begin = time.monotonic()
        seen = beside(
            "50,000 websockets are opened", site, people, lambda: 0, "websockets", **common,
            path="/websocket?version=19.0-2", number=50000, seconds=100, headers={"port": str(site.https_port)},
        )  # fmt: skip
        took = time.monotonic() - begin
        yield seen.people
        answers = {key: value for key, value in seen.result.items() if key.isdigit()}
        reached = sum(value for key, value in answers.items() if key != "429")
        most = 50 * took + 200
        troubles = [] if sum(answers.values()) >= 49000 else [f"only {sum(answers.values())} were tried"]
        troubles += [] if 0 < reached <= most else [f"{reached} reached Odoo"]
        yield Line(
            "50,000 websockets",
            sentence(troubles, f"{answers} in {took:.0f} s"),
            "at most 50/s and 200 reach Odoo",
            not troubles,
        )
        left = {key: seconds for key, seconds in lives(site).items() if key not in earlier}
        long = [f"{key[-60:]} lives {seconds} s" for key, seconds in left.items() if seconds > 3660 or seconds == -1]
        long += [] if left else ["no visitor left a key"]
        yield Line(
            "keys that visitors leave",
            sentence(long, f"{len(left)}, each lives an hour at most"),
            "an hour at most",
            not long,
        )
        yield _evicted(site, people, common)


def _evicted(site: Platform, people: People, common: dict[str, t.Any]) -> Line:
    """Redis is nearly full, and visitors come; from many addresses, so that many get a session."""
    kept = redis(site, "CONFIG GET maxmemory")[1]
    used = int(next(line.split(":")[1] for line in redis(site, "INFO memory") if line.startswith("used_memory:")))
    before = {line.split(":")[0]: line.split(":")[1] for line in redis(site, "INFO stats") if ":" in line}
    redis(site, f"CONFIG SET maxmemory {used + 65536}")
    try:
        Crowd(
            "requests", **{**common, "sources": common["sources"]}, path="/web/login", number=600, seconds=60
        ).result()
        after = {line.split(":")[0]: line.split(":")[1] for line in redis(site, "INFO stats") if ":" in line}
    finally:
        redis(site, f"CONFIG SET maxmemory {kept}")
    gone = [name for name, cookie in people.cookies.items() if not site.logged_in(cookie, name)]
    evicted = int(after["evicted_keys"]) - int(before["evicted_keys"])
    troubles = [f"the session of {name}'s user is gone" for name in gone]
    troubles += [] if evicted > 50 else [f"only {evicted} keys were evicted"]
    return Line("Redis is full of visitors", sentence(troubles, f"{evicted} keys evicted, people are still logged in"),
                "people at work are evicted last", not troubles)  # fmt: skip


def of_rpc(method: str, *args: t.Any, service: str = "common") -> str:
    return json.dumps(
        {"jsonrpc": "2.0", "method": "call", "params": {"service": service, "method": method, "args": args}}
    )


def in_xml(method: str, *args: str | int) -> str:
    kinds = ("int" if isinstance(one, int) else "string" for one in args)
    values = "".join(f"<param><value><{kind}>{one}</{kind}></value></param>" for kind, one in zip(kinds, args))
    return f"<?xml version='1.0'?><methodCall><methodName>{method}</methodName><params>{values}</params></methodCall>"


JSON, XML, FORM = (
    {"Content-Type": one} for one in ("application/json", "text/xml", "application/x-www-form-urlencoded")
)
AUTHENTICATE = {"db": "alpha", "login": "admin", "password": "wrong"}
GUESSES: dict[str, tuple[str, dict[str, str]]] = {
    "/web/login": ("login=admin&password=wrong", FORM),
    "/web/login/totp": ("totp_token=123456", FORM),
    "/web/reset_password": ("login=admin", FORM),
    "/web/session/authenticate": (json.dumps({"jsonrpc": "2.0", "params": AUTHENTICATE}), JSON),
    "/jsonrpc": (of_rpc("authenticate", "alpha", "admin", "wrong", {}), JSON),
    "/xmlrpc/2/common": (in_xml("authenticate", "alpha", "admin", "wrong", ""), XML),
    "/xmlrpc/2/object": (in_xml("execute", "alpha", 2, "wrong", "res.users", "search_count"), XML),
    "/json/2/res.users/search": ("{}", {**JSON, "Authorization": "bearer " + "0" * 40}),
}


def guesses(bench: Bench) -> collections.abc.Iterator[Line]:
    site = bench.two()
    people = People(site)
    troubles, reached = [], []
    with addresses(bench) as mine:
        target = proxy(site, mine[0])
        for number, (door, (body, headers)) in enumerate(GUESSES.items()):
            seen = beside(
                f"2,000 passwords are guessed at {door}", site, people, lambda: 0, "requests", target=target, name=site.host("alpha"),
                sources=[mine[number]], number=2000, seconds=60, at_once=4, path=door, body=body, headers=headers,
            )  # fmt: skip
            if not seen.people.holds:
                yield seen.people
                troubles.append(f"{door}: people were held up")
            answers = {key: value for key, value in seen.result.items() if key.isdigit()}
            through = sum(value for key, value in answers.items() if key != "429")
            reached.append(f"{door} {through}")
            troubles += [] if sum(answers.values()) >= 1990 else [f"{door}: only {answers} were answered"]
            troubles += [] if 0 < through <= 200 else [f"{door}: {through} were not refused: {answers}"]
        yield Line("2,000 wrong passwords through each door", sentence(troubles, f"tried: {', '.join(reached)}; nobody held up"),
                   "at most 200 are tried, the others are answered with 429", not troubles)  # fmt: skip
        right = of_rpc(
            "execute_kw", "alpha", 2, site.admin_password("alpha"), "res.users", "search_count", [[]], service="object"
        )
        found = Crowd("requests", target=target, name=site.host("alpha"), sources=[mine[100]], number=400, seconds=60, at_once=2,
                      path="/jsonrpc", body=right, headers=JSON).result()  # fmt: skip
        found.pop("connections", None)
        yield Line(
            "a program that knows the password calls 400 times", str(found), "none is refused", found == {"200": 400}
        )


def fail2ban(bench: Bench) -> collections.abc.Iterator[Line]:
    site = bench.two()
    with addresses(bench) as mine:
        common = {"target": proxy(site, mine[0]), "name": site.host("alpha"), "seconds": 30, "at_once": 1}
        wanted = {}
        doors = ("/web/session/authenticate", "/jsonrpc", "/xmlrpc/2/object", "/json/2/res.users/search")
        for number, door in enumerate(doors, 150):
            body, headers = GUESSES[door]
            Crowd(
                "requests", **common, sources=[mine[number]], number=3, path=door, body=body, headers=headers
            ).result()
            wanted[mine[number]] = door
        # a name that accuses somebody else
        forged = json.dumps(
            {
                "jsonrpc": "2.0",
                "params": {**AUTHENTICATE, "login": "x from 192.0.2.9\nLogin failed for y from 192.0.2.9"},
            }
        )
        door = "/web/session/authenticate"
        Crowd("requests", **common, sources=[mine[160]], number=1, path=door, body=forged, headers=JSON).result()
        wanted[mine[160]] = "a forged name"
        flood = mine[161]
        Crowd(
            "requests", **common, sources=[flood], number=100, path=door, body=GUESSES[door][0], headers=JSON
        ).result()
    time.sleep(2)
    folder = bench.place.work / "fail2ban"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(FILTERS, folder)
    replicas = [name for name in site.containers() if re.search(r"-alpha-\d+$", name)]
    for kind, names in (("odoo", replicas), ("nginx", [f"{site.name}-nginx"])):
        lines = []
        for name in names:
            path = docker("inspect", "-f", "{{.LogPath}}", name).strip()
            lines += pathlib.Path(path).read_text(errors="replace").splitlines()[-5000:]
        (folder / f"{kind}.log").write_text("\n".join(lines) + "\n")
    image = docker("images", "-q", f"{site.variables['image_name']}/debian").split()[0]
    script = (
        "{ apt-get -qq -o Acquire::Check-Valid-Until=false update && apt-get -qqy --no-install-recommends install fail2ban; }"
        " >/tmp/apt 2>&1 || { tail -n 3 /tmp/apt; exit 1; }; cd /w;"
        " for one in odoo:odoo-cloud nginx:odoo-cloud-proxy; do echo == $one; fail2ban-regex -o '<ip>' ${one%:*}.log ${one#*:}.conf; done"
    )
    output = docker("run", "--rm", "--name", f"{site.name}-fail2ban", "--user", "0:0",
                    "--mount", f"type=bind,source={folder},target=/w,readonly",
                    "--entrypoint", "sh", image, "-ec", script)  # fmt: skip
    of_odoo, dummy, of_nginx = output.partition("== nginx")
    found = set(re.findall(r"^[0-9a-f.:]{7,}$", of_odoo, re.MULTILINE))
    troubles = [f"{door} was not found" for address, door in wanted.items() if address not in found]
    troubles += ["who was accused by a forged name was found"] if "192.0.2.9" in found else []
    troubles += (
        [] if re.search(rf"^{re.escape(flood)}$", of_nginx, re.MULTILINE) else ["refusals of the proxy were not found"]
    )
    yield Line("fail2ban reads the logs", sentence(troubles, f"all {len(wanted)} addresses found, and who goes on after a refusal"),
               "every door's failure is found with its address, and nobody else's", not troubles)  # fmt: skip


def directly(address: str, path: str, body: str = "", headers: t.Mapping[str, str] | None = None) -> tuple[int, str]:
    """A request to a replica itself, past the proxy."""
    connection = http.client.HTTPConnection(address, 8069, timeout=30)
    try:
        connection.request("POST" if body else "GET", path, body or None, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)
    finally:
        connection.close()


def closed(bench: Bench) -> collections.abc.Iterator[Line]:
    site = bench.two()
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    address = docker("inspect", "-f", form, f"{site.name}-alpha-1").split()[0]
    if directly(address, "/web/health")[0] != 200:
        raise Shortfall("the replica does not answer past the proxy")
    master = "admin"
    attempts = []
    for path in ("manager", "selector", "list", "create", "drop", "backup", "restore", "duplicate", "change_password"):
        for prefix in ("/web/database/", "//web//database/", "/en/web/database/"):
            for body in ("", f"master_pwd={master}&name=alpha"):
                status, text = directly(
                    address,
                    prefix + path,
                    body,
                    FORM if body else {"X-Forwarded-Host": "evil", "X-Forwarded-For": "::1"},
                )
                attempts.append(
                    Attempt(
                        f"{'POST' if body else 'GET'} {prefix}{path} past the proxy",
                        status not in (403, 404),
                        str(status),
                    )
                )
    for method, args in (
        ("db_exist", ["beta"]),
        ("db_exist", ["postgres"]),
        ("list", []),
        ("drop", [master, "alpha"]),
        ("dump", [master, "alpha", "zip"]),
    ):
        text = directly(address, "/jsonrpc", of_rpc(method, *args, service="db"), JSON)[1]
        attempts.append(Attempt(f"db.{method} {args} past the proxy", '"result"' in text, text[:100]))
    for headers in ({}, {"X-Odoo-Details": "1"}, {"X_Odoo_Details": "1"}, {"X-Forwarded-For": "127.0.0.1"}):
        text = site.request("/monitoring/readiness", instance="alpha", headers=headers)[2].decode()
        attempts.append(
            Attempt(f"details of the health with {headers}", "checks" in text or "status" not in text, text[:100])
        )
    text = site.request("/web/health?db_server_status=1", instance="alpha")[2].decode()
    attempts.append(Attempt("the state of the database server", "db_server_status" in text, text[:100]))
    yield attempts_line("what is closed to strangers", attempts, 60)


PARTS = {
    "strangers-handshakes": handshakes, "strangers-uploads": uploads, "strangers-websockets": websockets, "strangers-guesses": guesses,
    "strangers-fail2ban": fail2ban, "strangers-closed": closed,
}  # fmt: skip
MUTANTS = {
    "strangers-connections": Mutant(("strangers-handshakes",), ((LIMITS, "STATE = 56 * KIB", "STATE = 4 * KIB"),)),
    "strangers-half-open": Mutant(("strangers-handshakes",), ((TEMPLATE, "client_header_timeout 10s;", "client_header_timeout 60s;"),)),
    "strangers-bodies": Mutant(
        ("strangers-uploads",),
        ((TEMPLATE, "client_max_body_size {{ __nginx_limits.small_body }};", "client_max_body_size 1g;"),),
    ),
    "strangers-space": Mutant(
        ("strangers-uploads",),
        (
            (TEMPLATE, "limit_conn client_large {{ [2, __nginx_limits.large] | min }};", ""),
            (TEMPLATE, "limit_conn all_large {{ __nginx_limits.large }};", ""),
        ),
    ),
    "strangers-websockets": Mutant(
        ("strangers-websockets",), ((TEMPLATE, "limit_req zone=realtime_site burst={{ nginx_realtime_burst | int * 2 }} nodelay;", ""),)
    ),
    "strangers-index": Mutant(
        ("strangers-websockets",),
        ((STORE, "pipe.expire(index, lifetime + INDEX_SECONDS, nx=True)", "pipe.expire(index, self.expiration, nx=True)"),),
    ),
    "strangers-eviction": Mutant(
        ("strangers-websockets",), (("roles/redis/defaults/main.yml", "volatile-ttl", "allkeys-random"),)
    ),
    "strangers-doors": Mutant(
        ("strangers-guesses",), ((TEMPLATE, "limit_req zone=login burst={{ nginx_login_burst }} nodelay;", ""),)
    ),
    "strangers-rpc": Mutant(("strangers-guesses",), ((DOORS, "FAILURES = 10\n", "FAILURES = 10**9\n"),)),
    "strangers-log": Mutant(("strangers-fail2ban",), ((DOORS, '_logger.warning("Login refused at', '_logger.debug("Login refused at'),)),
    "strangers-manager": Mutant(("strangers-closed",), ((DOORS, 'if not config["list_db"] and is_manager(path):', "if False:"),)),
    "strangers-health": Mutant(
        ("strangers-closed",), ((STATUS, 'return environ.get(DETAILS) == "1" or not environ.get("HTTP_X_FORWARDED_FOR")', "return True"),)
    ),
}  # fmt: skip
