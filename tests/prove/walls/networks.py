# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: what a replica reaches besides its own services, what it may reach outside, and how existing platforms are moved."""

from __future__ import annotations

import collections.abc
import contextlib
import http.client
import http.server
import json
import re
import socket
import subprocess
import threading
import time
import typing as t

from ..containers.services import address
from ..frame import PLATFORM_LABEL, Line, Mutant, Shortfall, docker, last_error, of_commit, sentence, until
from ..platforms import Platform
from .bench import Attempt, Bench, attempts_line

BEFORE = "096f624"  # the last commit whose platforms have one network for everything
LEAST = 25
SECONDS = 3  # for one connection
METADATA = "169.254.169.254"
# A machine outside, which is no container of a Docker network: this machine routes to it.
OUTSIDE, OUTSIDE_GATEWAY, OUTSIDE_PORTS = "198.18.94.2", "198.18.94.1", (8069, 8070)
SERVER = """
import socketserver, sys, threading
class Greeting(socketserver.BaseRequestHandler):
    def handle(self): self.request.sendall(b"hello")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
for port in sys.argv[1:]:
    threading.Thread(target=Server(("0.0.0.0", int(port)), Greeting).serve_forever).start()
"""
# What runs in the hostile replica, with all that its replica has. Each attempt is (what, kind, arguments); it tells what came of it.
HOSTILE = """
import ctypes, json, os, socket, ssl, struct, sys
def tcp(host, port):
    with socket.create_connection((host, port), SECONDS):
        return "connected"
def tls(host, port, ca):
    context = ssl.create_default_context(cadata=ca)
    with socket.create_connection((host, port), SECONDS) as plain, context.wrap_socket(plain, server_hostname=host) as secure:
        secure.sendall(f"GET /web/health HTTP/1.0\\r\\nHost: {host}:{port}\\r\\n\\r\\n".encode())
        answer = secure.recv(100).decode(errors="replace").split("\\r\\n")[0]
        if " 200" not in answer:
            raise OSError(answer)
        return answer
def name(host):
    return socket.gethostbyname(host)
def udp(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(SECONDS)
        one.sendto(b"hello", (host, port))
        return one.recv(10).decode()
def raw(kind):
    with socket.socket(*{"packets": (socket.AF_PACKET, socket.SOCK_RAW, 0), "icmp": (socket.AF_INET, socket.SOCK_RAW, 1)}[kind]):
        return "opened"
def route(host, gateway):
    # SIOCADDRT with struct rtentry: a way to the host through another container
    import fcntl
    def inet(text):
        return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(text))
    entry = struct.pack("=Q", 0) + inet(host) + inet(gateway) + inet("255.255.255.255") + struct.pack("=H6x", 0x7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        fcntl.ioctl(one, 0x890B, entry.ljust(120, b"\\0"))
    return "set"
def namespace():
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000 | 0x10000000):
        raise OSError(ctypes.get_errno(), "unshare")
    return "made"
found = []
for kind, arguments in json.load(sys.stdin):
    try:
        found.append([True, str(globals()[kind](*arguments))])
    except Exception as error:
        found.append([False, f"{type(error).__name__}: {error}"])
print(json.dumps(found))
"""

Try = tuple[str, str, list[t.Any]]


def inside(site: Platform, instance: str, tries: collections.abc.Sequence[Try]) -> list[Attempt]:
    """What comes of attempts that are made in an instance's replica."""
    program = HOSTILE.replace("SECONDS", str(SECONDS))
    output = docker(
        "exec", "-i", f"{site.name}-{instance}-1", "python3", "-c", program, text=json.dumps([one[1:] for one in tries]),
        timeout=60 + 2 * SECONDS * len(tries),
    )  # fmt: skip
    found = json.loads(output.strip().splitlines()[-1])
    return [Attempt(what, bool(good), str(seen)) for (what, *dummy), (good, seen) in zip(tries, found)]


def must_work(bar: str, attempts: collections.abc.Sequence[Attempt], more: collections.abc.Sequence[str] = ()) -> Line:
    """The bar about what has to work in spite of the walls."""
    troubles = [f"{one.what}: {one.seen}" for one in attempts if not one.succeeded] + list(more)
    return Line(bar, sentence(troubles, f"{len(attempts)} of {len(attempts)}"), "all of it works", not troubles)


def network_of(container: str) -> list[str]:
    """Names of the networks that a container is connected to."""
    return sorted(json.loads(docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", container)))


def gateway_of(network: str) -> str:
    return docker("network", "inspect", "-f", "{{range .IPAM.Config}}{{.Gateway}}{{end}}", network).strip()


def stamps(site: Platform, *names: str) -> dict[str, str]:
    """Which container it is and when it was started."""
    return {
        name: docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", f"{site.name}-{name}").strip() for name in names
    }


@contextlib.contextmanager
def on_the_machine() -> collections.abc.Iterator[int]:
    """A program of this machine that listens on all addresses, on no published port."""

    class Quiet(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: t.Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def container(site: Platform, name: str, network: str, *ports: int, options: collections.abc.Sequence[str] = ()) -> str:
    """A container that greets on these ports, with the image of a replica."""
    image = docker("inspect", "-f", "{{.Image}}", f"{site.name}-alpha-1").strip()
    docker(
        "run", "-d", "--name", name, "--label", site.place.label, "--network", network, *options, "--entrypoint", "python3",
        image, "-c", SERVER, *map(str, ports),
    )  # fmt: skip
    return name


def machine(*arguments: str, check: bool = True) -> None:
    """A command of this machine that changes its own network."""
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if check and done.returncode:
        raise Shortfall(f"{' '.join(arguments)}: {done.stdout.strip()}")


@contextlib.contextmanager
def outside(site: Platform) -> collections.abc.Iterator[str]:
    """Something that is reached over a route of this machine, as the internet is. It also has the address of cloud metadata."""
    name, device = f"{site.name}-outside", "wall" + str(site.https_port)
    container(site, name, "none", *OUTSIDE_PORTS)
    try:
        process = docker("inspect", "-f", "{{.State.Pid}}", name).strip()
        machine("ip", "link", "add", device, "type", "veth", "peer", "name", "outside0", "netns", process)
        machine("ip", "addr", "add", f"{OUTSIDE_GATEWAY}/24", "dev", device)
        machine("ip", "link", "set", device, "up")
        within = ("nsenter", "-t", process, "-n", "ip")
        machine(*within, "addr", "add", f"{OUTSIDE}/24", "dev", "outside0")
        machine(*within, "addr", "add", f"{METADATA}/32", "dev", "outside0")
        machine(*within, "link", "set", "outside0", "up")
        machine(*within, "route", "add", "default", "via", OUTSIDE_GATEWAY)
        machine("ip", "route", "add", f"{METADATA}/32", "via", OUTSIDE)
        until(lambda: greets(METADATA, OUTSIDE_PORTS[0]), 10, "the machine outside does not answer")
        yield name
    finally:
        machine("ip", "link", "del", device, check=False)
        docker("rm", "-f", "-v", name, check=False)


def greets(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), 1):
            return True
    except OSError:
        return False


def tries_of_alpha(site: Platform, unpublished: int, foreign: str, one_off: str) -> list[Try]:
    """Everything that alpha must not reach."""
    found: list[Try] = []
    beta, theirs = f"{site.name}-beta-1", address(f"{site.name}-beta-1")
    for port in (8069, 8072):
        for host in ("beta-1", "beta.odoo", beta, theirs):
            found.append((f"beta's replica {host}:{port}", "tcp", [host, port]))
    found += [(f"the name {host}", "name", [host]) for host in ("beta-1", "beta.odoo", beta, one_off, "postgres")]
    redis = f"{site.name}-redis-beta"
    found += [(f"beta's Redis {host}", "tcp", [host, 6379]) for host in ("beta.redis", redis, address(redis))]
    found += [(f"beta's one-off {host}", "tcp", [host, 8069]) for host in (one_off, address(one_off))]
    found += [("nginx in beta's network", "tcp", [in_network(f"{site.name}-nginx", site.network("beta")), 8443])]
    found += [("Swift in beta's network", "tcp", [in_network(f"{site.name}-swift", site.network("beta")), 8080])]
    found += [("nginx in the platform's network", "tcp", [in_network(f"{site.name}-nginx", site.name), 8443])]
    found += [("a container of another platform", "tcp", [address(foreign), 8069])]
    gateways = {
        "its own gateway": gateway_of(site.network("alpha")),
        "beta's gateway": gateway_of(site.network("beta")),
        "the platform's gateway": gateway_of(site.name),
        "the machine's own address": own_address(),
    }
    ports = {
        "a program": unpublished,
        "nginx's published port": site.https_port,
        "another platform's": published(foreign),
    }
    for where, host in gateways.items():
        found += [(f"{what} at {where}", "tcp", [host, port]) for what, port in ports.items()]
    found += [(f"metadata, port {port}", "tcp", [METADATA, port]) for port in OUTSIDE_PORTS]
    found += [
        ("a route to beta through nginx", "route", [theirs, in_network(f"{site.name}-nginx", site.network("alpha"))])
    ]
    found += [("packets of its own making", "raw", ["packets"]), ("ICMP of its own making", "raw", ["icmp"])]
    found += [("a network of its own", "namespace", [])]
    for port in (6200, 6201, 6202, 11211):
        found.append((f"Swift's inner port {port}", "tcp", ["swift", port]))
    return found


def in_network(name: str, network: str) -> str:
    """A container's address in one of its networks; a shortfall when it is not connected."""
    networks = json.loads(docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", name))
    if network not in networks:
        raise Shortfall(f"{name} is not connected to {network}")
    return str(networks[network]["IPAddress"])


def own_address() -> str:
    """The address that this machine has towards others."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("192.0.2.254", 9))  # sends nothing
        return str(one.getsockname()[0])


def published(name: str) -> int:
    return int(docker("port", name, "8069").split()[0].rpartition(":")[2])


def part_networks(bench: Bench) -> collections.abc.Iterator[Line]:
    """A hostile replica against a second instance, the services and the machine; and what has to go on working."""
    site = bench.two()
    foreign, one_off = f"{site.place.name}-foreign", f"{site.name}-beta-plan"
    docker("network", "create", "--label", site.place.label, foreign)
    try:
        container(site, foreign, foreign, 8069, options=["-p", "0.0.0.0::8069"])
        container(site, one_off, network_of(f"{site.name}-beta-1")[0], 8069)
        with on_the_machine() as unpublished, outside(site):
            for host, port in ((address(foreign), 8069), (address(one_off), 8069), (own_address(), unpublished)):
                until(lambda host=host, port=port: greets(host, port), 10, f"{host}:{port} does not answer")
            tries = tries_of_alpha(site, unpublished, foreign, one_off)
            yield attempts_line(
                "a replica against its neighbours, the machine and the metadata address",
                inside(site, "alpha", tries),
                LEAST,
            )
            yield from works(site)
    finally:
        docker("rm", "-f", "-v", foreign, one_off, check=False)
        docker("network", "rm", foreign, check=False)
    yield from grows(bench, site)


def works(site: Platform) -> collections.abc.Iterator[Line]:
    """Own services, own address, and what nginx asks."""
    ca = (site.secrets / "tls" / "ca.crt").read_text()
    tries: list[Try] = [
        ("Redis", "tcp", ["alpha.redis", 6379]), ("the object storage", "tcp", ["swift", 8080]), ("nginx", "tcp", ["nginx", 8443]),
        ("its own public address", "tls", [site.host("alpha"), site.https_port, ca]),
        ("its own public address over HTTP", "tcp", [site.host("alpha"), site.https_port + 1]),
        ("the outside", "tcp", [OUTSIDE, OUTSIDE_PORTS[0]]),
    ]  # fmt: skip
    more = []
    for instance in ("alpha", "beta"):
        done = subprocess.run(
            ["docker", "exec", f"{site.name}-{instance}-1", "odoo-cloud", "health"],
            capture_output=True,
            text=True,
            check=False,
        )
        more += [] if done.returncode == 0 else [f"health of {instance}: {done.stdout.strip()[-100:]}"]
        more += [] if site.log_in(instance=instance) else [f"nobody can log in to {instance}"]
        networks = network_of(f"{site.name}-{instance}-1")
        more += [] if networks == [site.network(instance)] else [f"{instance} is in {networks}"]
    yield must_work("what a replica needs: services, its own address, the outside", inside(site, "alpha", tries), more)


def grows(bench: Bench, site: Platform) -> collections.abc.Iterator[Line]:
    """A new instance beside those that run, and a run after it."""
    services = ("postgres", "redis-alpha", "swift", "nginx", "alpha-1", "beta-1")
    before = stamps(site, *services)
    assert site.instances is not None
    site.instances["gamma"] = {"odoo_modules": ["base"]}
    try:
        site.site()
        after = stamps(site, *services)
        again = site.site()
        troubles = [f"{name} was replaced or restarted" for name in services if before[name] != after[name]]
        troubles += [f"the run after it changes {again.changed}"] if again.changed else []
        troubles += [] if site.log_in(instance="gamma") else ["nobody can log in to gamma"]
        networks = network_of(f"{site.name}-nginx")
        troubles += [] if site.network("gamma") in networks else [f"nginx is in {networks}"]
        yield Line(
            "a third instance beside two that run", sentence(troubles, "no container replaced or restarted, the next run changes 0"),
            "nothing is restarted, a second run changes nothing", not troubles,
        )  # fmt: skip
        docker("network", "disconnect", "-f", site.network("gamma"), f"{site.name}-nginx")
        check = site.playbook("odoo", "--check")
        repaired = site.playbook("odoo")
        troubles = [] if site.network("gamma") in network_of(f"{site.name}-nginx") else ["nginx is not connected again"]
        troubles += [] if check.changed > 0 else ["--check does not tell"]
        troubles += [f"odoo ended with {repaired.code}: {repaired.error}"] if repaired.code else []
        troubles += [] if stamps(site, "nginx") == {"nginx": after["nginx"]} else ["nginx was restarted"]
        yield Line(
            "nginx taken off an instance's network", sentence(troubles, "told by --check, connected again, not restarted"),
            "found and mended", not troubles,
        )  # fmt: skip
        wrong = site.playbook("site", odoo_cloud_network_pool="10.94.0.0/26", timeout=300)
        site.instances["delta"] = {"odoo_modules": ["base"]}
        full = site.playbook("site", odoo_cloud_network_pool="172.30.0.1/16", timeout=300)
        said = "odoo_cloud_network_pool='172.30.0.1/16': give an IPv4 network"
        troubles = [f"a pool that is not needed: {wrong.error}"] if wrong.code else []
        troubles += [] if full.code and said in full.output else [f"a pool that is none: {last_error(full.output)}"]
        troubles += [f"{full.changed} changed before"] if full.changed > 0 else []
        docker("network", "create", "--label", site.place.label, "--subnet", "10.94.0.0/26", f"{site.place.name}-pool")
        full = site.playbook("site", odoo_cloud_network_pool="10.94.0.0/26", timeout=300)
        said = "there is room for 0 of 1"
        troubles += [] if full.code and said in full.output else [f"a full pool: {last_error(full.output)}"]
        troubles += [f"{full.changed} changed before"] if full.changed > 0 else []
        yield Line(
            "a pool of addresses that is wrong or full", sentence(troubles, "2 of 2 refused in one line, nothing changed"),
            "refused before anything is touched", not troubles,
        )  # fmt: skip
    finally:
        site.instances.pop("delta", None)
        docker("network", "rm", f"{site.place.name}-pool", check=False)


def policy(site: Platform, value: str, allowed: collections.abc.Sequence[str] = ()) -> None:
    """Gives beta a policy and applies it."""
    assert site.instances is not None
    site.instances["beta"] = {
        "odoo_modules": ["base"],
        "odoo_egress": value,
        **({"odoo_egress_allowed": list(allowed)} if allowed else {}),
    }
    site.play("odoo")


def part_egress(bench: Bench) -> collections.abc.Iterator[Line]:
    """open, listed and none, on a running instance; and rules that somebody takes away."""
    site = bench.two()
    first, second = OUTSIDE_PORTS
    reach: list[Try] = [(f"port {port} outside", "tcp", [OUTSIDE, port]) for port in OUTSIDE_PORTS]
    metadata: list[Try] = [(f"metadata, port {port}", "tcp", [METADATA, port]) for port in OUTSIDE_PORTS]
    services: list[Try] = [("Redis", "tcp", ["beta.redis", 6379]), ("the object storage", "tcp", ["swift", 8080])]
    before = stamps(site, "beta-1", "alpha-1", "nginx")
    closed: list[Attempt] = []
    try:
        with outside(site), on_the_machine() as unpublished:
            local: list[Try] = [("the machine", "tcp", [gateway_of(site.network("beta")), unpublished])]
            worked = inside(site, "beta", [*reach, *services])
            closed += inside(site, "beta", [*metadata, *local])
            policy(site, "listed", [f"{OUTSIDE}:{first}", "name.invalid:443"])
            worked += inside(site, "beta", [reach[0], *services])
            closed += inside(site, "beta", [reach[1], *metadata, *local])
            policy(site, "none")
            worked += inside(site, "beta", services) + inside(site, "alpha", reach)
            closed += inside(site, "beta", [*reach, *metadata, *local])
            more = [] if site.log_in(instance="beta") else ["nobody can log in to beta"]
            more += [f"{name} was restarted" for name, stamp in stamps(site, *before).items() if stamp != before[name]]
            yield attempts_line("beta with the policies open, listed and none", closed, 12)
            yield must_work("what each policy lets through, changed while instances run", worked, more)

            docker("exec", f"{site.name}-firewall", "odoo-cloud-firewall", "remove")
            opened = [one.what for one in inside(site, "beta", [*reach, *metadata, *local]) if one.succeeded]
            until(
                lambda: not any(one.succeeded for one in inside(site, "beta", reach)), 40, "the rules did not come back"
            )
            docker("restart", "-t", "1", f"{site.name}-firewall")
            docker("stop", "-t", "1", f"{site.name}-firewall")
            after = inside(site, "beta", [*reach, *metadata, *local])
            healed = site.playbook("odoo")
            running = docker("inspect", "-f", "{{.State.Running}}", f"{site.name}-firewall").strip()
            troubles = [] if opened else ["nothing was open without the rules"]
            troubles += [f"{one.what} is open while the container is stopped" for one in after if one.succeeded]
            troubles += (
                [] if healed.code == 0 and running == "true" else [f"odoo ended with {healed.code}, running: {running}"]
            )
            yield Line(
                "rules that are taken away, and their container stopped",
                sentence(troubles, f"{len(opened)} of {len(reach + metadata + local)} were open without rules, 0 after at most 40 s"
                                   " and while the container is stopped"),
                "loaded again by themselves, and they stay", not troubles,
            )  # fmt: skip
    finally:
        policy(site, "open")


class Visitor(threading.Thread):
    """Somebody who is logged in and loads a page again and again."""

    def __init__(self, site: Platform, cookie: str) -> None:
        super().__init__(daemon=True)
        self.site, self.cookie = site, cookie
        self.asked, self.failed = 0, collections.Counter[str]()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            self.asked += 1
            try:
                good = self.site.logged_in(self.cookie, "alpha")
                why = "logged out or no answer of Odoo"
            except (OSError, http.client.HTTPException) as error:
                good, why = False, type(error).__name__
            if not good:
                self.failed[why] += 1


def part_move(bench: Bench) -> collections.abc.Iterator[Line]:
    """A platform of before, with one network for everything, is taken over."""
    tree = bench.place.work / "before"
    older = tree if tree.exists() else of_commit(BEFORE, tree)
    instances = {name: {"odoo_modules": ["base"]} for name in ("alpha", "beta")}
    site = Platform(bench.place, "old", 5, older, instances, replicas=2)
    try:
        site.site()
        replicas = [f"{site.name}-{instance}-{number}" for instance in instances for number in (1, 2)]
        if any(network_of(one) != [site.name] for one in replicas):
            raise Shortfall("the platform of before has other networks than one")
        cookie = site.wait_for_login(instance="alpha")
        site.psql("CREATE TABLE public.walls_kept AS SELECT 7 AS number", "alpha", "alpha")
        site.tree = bench.tree
        visitor, begin = Visitor(site, cookie), time.time()
        visitor.start()
        moved = site.playbook("site")
        visitor.ended.set()
        visitor.join(60)
        made = docker("events", "--since", str(int(begin)), "--until", str(int(time.time())), "--filter", "event=create",
                      "--filter", f"label={PLATFORM_LABEL}={site.name}", "--format", "{{.Actor.Attributes.name}}").split()  # fmt: skip
        again = site.playbook("site")
        troubles = [f"site ended with {moved.code}: {moved.error}"] if moved.code else []
        troubles += [
            f"{one} is in {network_of(one)}"
            for one in replicas
            if network_of(one) != [site.network(re.sub(r".*-(\w+)-\d$", r"\1", one))]
        ]
        troubles += [f"{one} was created {made.count(one)} times" for one in replicas if made.count(one) != 1]
        troubles += [f"{number} requests failed: {why}" for why, number in visitor.failed.items()]
        troubles += [] if site.logged_in(cookie, "alpha") else ["the session is lost"]
        troubles += [] if site.psql("SELECT number FROM public.walls_kept", "alpha") == "7" else ["a row is lost"]
        troubles += [f"the second run changes {again.changed}"] if again.changed else []
        yield Line(
            "a platform of before, 2 instances with 2 replicas",
            sentence(troubles, f"each replica replaced once, {visitor.asked} requests of a session, 0 failed; the next run changes 0"),
            "moved by site, no session and no row lost", not troubles,
        )  # fmt: skip
    finally:
        site.remove()


PARTS = {"networks": part_networks, "egress": part_egress, "networks-move": part_move}
FIREWALL = "plugins/module_utils/_services/firewall.py"
MUTANTS = {
    "one-network": Mutant.one(
        "networks", "plugins/module_utils/_inventory/naming.py", '    return f"{platform}.{instance}"\n', "    return platform\n"
    ),
    "machine-open": Mutant.one("networks", FIREWALL, '        *services,\n        "drop",\n', '        *services,\n        "accept",\n'),
    "metadata-open": Mutant.one("egress", FIREWALL, '{4: "{ 169.254.0.0/16, ', '{4: "{ '),
    "all-open": Mutant.one("egress", FIREWALL, "    if targets is None:\n", "    if True:\n"),
    "rules-once": Mutant.one("egress", "roles/image/files/firewall/odoo-cloud-firewall", "      apply || true\n", "      :\n"),
    "rules-go": Mutant.one(
        "egress", "roles/image/files/firewall/odoo-cloud-firewall", "    trap 'exit 0' TERM INT\n",
        "    trap '\"$0\" remove; exit 0' TERM INT\n",
    ),
    "nginx-later": Mutant.one(
        "networks-move", "roles/odoo/vars/main.yml", "['nginx', 'redis', 'swift']", "['redis', 'swift']"
    ),
}  # fmt: skip
SAMPLE: list[str] = []
