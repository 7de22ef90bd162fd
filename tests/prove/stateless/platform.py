# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bars that are about Ansible and a whole platform: the rules in pre-flight and at start, and a replica that dies.

`browser` brings up a platform with the playbooks, once for each version.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import secrets
import socket
import ssl
import subprocess
import sys
import time
import typing as t

import yaml

from ..containers.lab import Box
from ..containers.services import address, image_id, owned
from ..frame import IMAGES, ROOT, VENV, VENV_TEST, Line, Shortfall, docker, sentence, until
from ..platforms import Platform
from .lab import StatelessLab, shell
from .rules import knowledge, rule_cases

BROWSER = ROOT / "tests" / "browser"
EXIT_PLATFORM = 92
KINDS = {"19": ("exoscale", "s3"), "14": ("ovh", "swift")}  # both ways to the store
BIG = 100 * 1024**2
LITTLE = 16 * 1024**2  # of memory, for a download


# What the module says


def modules(run: t.Any, calls: list[dict[str, t.Any]], check: bool = False) -> list[dict[str, t.Any]]:
    """The results of the module odoo_preflight, called by Ansible once for each of these arguments."""
    folder = run.lab.work / "preflight"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "calls.json").write_text(json.dumps(calls))
    (folder / "play.yml").write_text(
        yaml.safe_dump(
            [
                {
                    "name": "Ask",
                    "hosts": "localhost",
                    "connection": "local",
                    "gather_facts": False,
                    "tasks": [
                        {
                            "name": "Ask",
                            "odoo_cloud.platform.odoo_preflight": "{{ item }}",
                            "loop": "{{ lookup('ansible.builtin.file', 'calls.json') | from_json }}",
                            "loop_control": {"label": "a call"},
                            "register": "asked",
                            "failed_when": False,
                        },
                        {
                            "name": "Keep the answers",
                            "ansible.builtin.copy": {
                                "content": "{{ asked.results | to_json }}",
                                "dest": f"{folder}/answers.json",
                                "mode": "0600",
                            },
                            "check_mode": False,
                        },
                    ],
                }
            ]
        )
    )
    done = subprocess.run(
        [str(VENV / "bin" / "ansible-playbook"), "-i", "localhost,", str(folder / "play.yml"), *(["--check"] if check else [])],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
             "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".work" / "collections"),
             "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
    )  # fmt: skip
    if done.returncode:
        raise Shortfall(f"the play of the pre-flight failed: {(done.stdout + done.stderr).strip()[-500:]}")
    return list(json.loads((folder / "answers.json").read_text()))


def argument(kind: str, environment: str, variables: t.Mapping[str, str], **more: t.Any) -> dict[str, t.Any]:
    """One instance as the module takes it."""
    env = {**variables, "RUNNING_ENV": environment, "ODOO_CLOUD_PLATFORM_KIND": kind}
    return {"name": "acme", "database": "acme", "variables": env, **more}


class Users:
    """A Redis with the role's own file of users."""

    def __init__(self, lab: StatelessLab) -> None:
        acl = knowledge("plugins.module_utils._services.redis_acl")
        self.name = f"{lab.name}-users"
        self.passwords = {name: secrets.token_hex(16) for name in ("acme", "other", "admin", "wide")}
        users = [
            {"name": name, "prefix": f"{name}-odoo-prod", "password": self.passwords[name]}
            for name in ("acme", "other")
        ]
        text = acl.redis_acl(users, self.passwords["admin"])
        # What a user without its prefix looks like.
        wide = acl.instance_line({"name": "wide", "prefix": "wide-odoo-prod", "password": self.passwords["wide"]})
        text += re.sub(r"(~\S+ )+", "~* ", wide) + "\n"
        owned(lab.work / "users", {"users.acl": text}, 8379)
        docker("rm", "-f", "-v", self.name, check=False)
        docker(
            "run", "-d", "--name", self.name, "--label", lab.label, "--network", lab.name, "--user", "8379:8379",
            "--mount", f"type=bind,source={lab.work}/users,target=/acl,readonly", "--entrypoint", "redis-server",
            image_id(f"{IMAGES}/redis"),
            "--port", "6379", "--bind", "*", "--protected-mode", "no", "--aclfile", "/acl/users.acl", "--save", "", "--dir", "/tmp",
        )  # fmt: skip
        self.url = f"redis://{address(self.name)}:6379"
        until(lambda: "PONG" in self.cli("admin", "PING"), 30, f"{self.name} does not answer", 0.2)

    def cli(self, user: str, *command: str) -> str:
        return docker(
            "exec", self.name, "redis-cli", "--no-auth-warning", "--user", user, "--pass", self.passwords[user], *command, check=False
        )  # fmt: skip

    def remove(self) -> None:
        docker("rm", "-f", "-v", self.name, check=False)


def kept(swift: t.Any, bucket: str) -> list[str]:
    """Everything that a versioned bucket has."""
    answer = swift.client().list_object_versions(Bucket=bucket)
    return [entry["Key"] for name in ("Versions", "DeleteMarkers") for entry in answer.get(name, [])]


def reach(run: t.Any) -> t.Iterator[Line]:
    """The module against a real Redis and a real store: a right set-up, and each way in which it can be wrong."""
    swift, users = run.lab.swift, Users(run.lab)
    try:
        bucket, absent = "acme-odoo-prod", "acme-odoo-prod-none"
        swift.client().create_bucket(Bucket=bucket)
        swift.client().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        stores = {
            "exoscale": swift.s3_environment(bucket),
            "ovh": swift.swift_environment(bucket),
        }
        redis = {
            "ODOO_SESSION_REDIS": "1", "ODOO_SESSION_REDIS_HOST": users.name, "ODOO_SESSION_REDIS_USERNAME": "acme",
            "ODOO_SESSION_REDIS_PREFIX": "acme-odoo-prod",
        }  # fmt: skip

        def call(kind: str = "exoscale", changes: t.Mapping[str, str] | None = None, **more: t.Any) -> dict[str, t.Any]:
            options = {key: more.pop(key) for key in ("redis", "storage", "may_be_absent") if key in more}
            keys = {
                "redis_password": users.passwords["acme"], "password": swift.key,
                "access_key": f"{swift.account}:{swift.user}", **more,
            }  # fmt: skip
            instance = argument(kind, "prod", {**stores[kind], **redis, **(changes or {})}, **keys)
            return {
                "instances": [instance], "redis": {"url": users.url}, "storage": {"endpoint": swift.endpoint}, "timeout": 20, **options
            }  # fmt: skip

        nobody = {"url": "redis://127.0.0.1:1"}
        wrong = {
            "the bucket is not there": (
                call(changes={"AWS_BUCKETNAME": absent}),
                f"AWS_BUCKETNAME is '{absent}': there is no such bucket at {swift.endpoint}; the playbook storage creates it",
            ),
            "the container is not there": (
                call("ovh", changes={"SWIFT_WRITE_CONTAINER": absent}),
                f"SWIFT_WRITE_CONTAINER is '{absent}': there is no such container at {swift.endpoint}/auth/v1.0;"
                " the playbook storage creates it",
            ),
            "the secret is wrong": (
                call(password="x" * 16),
                f"AWS_ACCESS_KEY_ID is '{swift.account}:{swift.user}': {swift.endpoint} refuses the key or its secret: ",
            ),
            "the Swift password is wrong": (
                call("ovh", password="x" * 16),
                f"SWIFT_ACCOUNT is '{swift.account}:{swift.user}': {swift.endpoint}/auth/v1.0 refuses user or password: 401 ",
            ),
            "the password of Redis is wrong": (
                call(redis_password="x" * 16),
                f"ODOO_SESSION_REDIS_USERNAME is 'acme': Redis at {users.url} refuses user or password: WRONGPASS ",
            ),
            "Redis is not there": (call(redis=nobody), "Redis at redis://127.0.0.1:1 can't be reached: Connection refused"),
            "the store is not there": (
                call(storage={"endpoint": "http://127.0.0.1:1"}),
                "the store of AWS_BUCKETNAME 'acme-odoo-prod': endpoint_url='http://127.0.0.1:1': can't be reached: Connection refused",
            ),
            "the user has another prefix": (
                call(changes={"ODOO_SESSION_REDIS_USERNAME": "other"}, redis_password=users.passwords["other"]),
                "ODOO_SESSION_REDIS_USERNAME is 'other': its rights in Redis (ACL) don't fit the prefix 'acme-odoo-prod': NOPERM ",
            ),
            "the user sees everything": (
                call(changes={"ODOO_SESSION_REDIS_USERNAME": "wide"}, redis_password=users.passwords["wide"]),
                "ODOO_SESSION_REDIS_USERNAME is 'wide': this user of Redis can read keys outside of the prefix 'acme-odoo-prod';"
                " its ACL must have the keys of the prefix only (role redis)",
            ),
        }  # fmt: skip
        found = modules(run, [one for one, dummy in wrong.values()])
        bad = [
            f"{name}: {str(answer.get('msg') or answer)[:200]}"
            for (name, (dummy, words)), answer in zip(wrong.items(), found)
            if not str(answer.get("msg") or "").startswith(f"acme: {words}")
        ]
        yield Line(
            f"{len(wrong)} wrong places: Redis, store, users, keys", sentence(bad, "the exact message each time"), "exact message", not bad
        )  # fmt: skip

        looked = modules(run, [call(), call("ovh")], check=True)
        probed = modules(run, [call(), call("ovh"), call(redis=nobody, may_be_absent=True)])
        states = [
            (one["instances"]["acme"]["redis"], one["instances"]["acme"]["storage"], one["complete"], one["changed"])
            for one in looked + probed
            if "instances" in one
        ] + [str(one.get("msg"))[:200] for one in looked + probed if "instances" not in one]
        wanted = [
            *[("read only", "read only", True, False)] * 2,
            *[("ok", "ok", True, False)] * 2,
            ("absent", "ok", False, False),
        ]
        left = kept(swift, bucket)
        begin = time.monotonic()
        while left and time.monotonic() - begin < 60:  # Swift's listings lag behind on a busy machine
            time.sleep(1)
            left = kept(swift, bucket)
        keys = users.cli("admin", "DBSIZE").strip()
        good = states == wanted and not left and keys == "0"
        yield Line(
            "right places, S3 and Swift: put, get and delete, Redis, clocks; in check mode; before they are made; and what is left behind",
            "as it is, nothing left" if good else f"{states} {left} {keys}", "as it is, nothing left", good,
        )  # fmt: skip

        users.cli("acme", "SET", "session::acme-odoo-prod:abc", "1")
        tries = {
            "GET": ("GET", "session::acme-odoo-prod:abc"), "SET": ("SET", "session::acme-odoo-prod:abc", "2"),
            "DEL": ("DEL", "session::acme-odoo-prod:abc"), "SADD": ("SADD", "session::acme-odoo-prod:index:a", "b"),
            "KEYS": ("KEYS", "*"), "SCAN": ("SCAN", "0"), "RANDOMKEY": ("RANDOMKEY",), "FLUSHALL": ("FLUSHALL",),
            "FLUSHDB": ("FLUSHDB",), "CONFIG": ("CONFIG", "GET", "*"), "MONITOR": ("MONITOR",), "ACL": ("ACL", "LIST"),
            "EVAL": ("EVAL", "return redis.call('GET', 'session::acme-odoo-prod:abc')", "0"),
        }  # fmt: skip
        open_doors = [
            name for name, command in tries.items() if not re.search("NOPERM|permission", users.cli("other", *command))
        ]
        yield Line(
            f"{len(tries)} ways of one instance's Redis user to another's sessions", sentence(open_doors, "all refused"), "all refused",
            not open_doors and users.cli("acme", "GET", "session::acme-odoo-prod:abc").strip() == "1",
        )  # fmt: skip
    finally:
        users.remove()


# What the runtime says


def started(box: Box, env: t.Mapping[str, str]) -> tuple[int | None, str]:
    """A start in a container in which nothing runs: the exit code (None: Odoo was started, and was ended then) and the log."""
    options = [item for name, value in env.items() for item in ("-e", f"{name}={value}")]
    process = subprocess.Popen(
        ["docker", "exec", *options, box.name, "odoo-cloud", "run"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )  # fmt: skip
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if "starting Odoo on database" in line:
            docker(
                "exec",
                box.name,
                "sh",
                "-c",
                "kill -9 $(pgrep -f 'odoo.*-c /etc/odoo') 2>/dev/null || true",
                check=False,
            )
            process.kill()
            process.wait()
            docker("restart", "-t", "0", box.name)  # whatever it had begun
            return None, "".join(lines)
    return process.wait(), "".join(lines)


def part_preflight(run: t.Any) -> t.Iterator[Line]:
    """Each rule, right and wrong: in the pre-flight, and at start before Odoo."""
    rules = knowledge("plugins.module_utils._runtime.rules.environment")
    cases = [case for case in rule_cases() if case[2] == rules.location_for(case[0], case[1])]
    found = modules(run, [{"instances": [argument(*case[:2], case[3])], "connect": False} for case in cases])
    wrong = []
    for case, answer in zip(cases, found):
        said = str(answer.get("msg") or "").removeprefix("acme: ")
        if said != case[4]:
            wrong.append(f"{case[1]}: {said!r} and not {case[4]!r}")
    yield Line(
        f"{len(cases)} set-ups ({sum(not case[4] for case in cases)} right), in the pre-flight",
        sentence(wrong, "the exact message each time"), "exact message", not wrong and len(found) == len(cases),
    )  # fmt: skip
    yield from reach(run)
    for version in run.versions:
        yield from starts(run, version)


def starts(run: t.Any, version: str) -> t.Iterator[Line]:
    """Every row of the table as a start of the container's entrypoint."""
    rules = knowledge("plugins.module_utils._runtime.rules.environment")
    cases = rule_cases()
    if run.sample:
        cases = cases[::4]
    database = run.lab.ready(version)
    empty = dict.fromkeys(
        [*run.lab.stores(database), "ODOO_SESSION_REDIS_HOST", "ODOO_SESSION_REDIS_PREFIX", "RUNNING_ENV", "ODOO_CLOUD_PLATFORM_KIND"], ""
    )  # fmt: skip
    with run.lab.trial(database):
        box = run.lab.idle(database)
        wrong, silent = [], 0
        for kind, environment, location, variables, words in cases:
            by_database = location != rules.location_for(kind, environment)
            database.rows(
                "DELETE FROM ir_config_parameter WHERE key IN ('cloud.platform.kind', 'ir_attachment.location')"
            )
            for key, value in {"cloud.platform.kind": kind, "ir_attachment.location": location}.items():
                if value:
                    database.rows("INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s)", key, value)
            # What only the database can say is asked without the variable, so that the first question has no answer.
            own = {
                "RUNNING_ENV": environment,
                "ODOO_CLOUD_PLATFORM_KIND": "" if by_database else kind,
                "MODE": "RunOnly",
            }
            code, text = started(box, {**empty, **variables, **own})
            if not words:
                good = code is None and "ERROR odoo-cloud" not in text
                silent += good
            else:
                good = code == EXIT_PLATFORM and any(
                    line.rstrip().endswith(f"odoo-cloud: {words}") for line in text.splitlines()
                )
            if not good:
                wrong.append(f"{kind} {environment} {location} {words!r}: exit {code}, {text.strip()[-300:]}")
        yield Line(
            f"{len(cases)} set-ups ({sum(not case[4] for case in cases)} right), at start, Odoo {version}",
            sentence(wrong, f"exit {EXIT_PLATFORM} with the exact message, or Odoo starts"), "the same", not wrong,
        )  # fmt: skip


# A replica that dies


def part_browser(run: t.Any) -> t.Iterator[Line]:
    """Both replicas behind nginx, a person at work, one replica killed."""
    subprocess.run(
        [str(ROOT / "tools" / "apt.sh"), "chromium", "chromium-driver", "libnss3-tools"],
        check=True,
        capture_output=True,
    )
    for version in run.versions:
        site = Platform(run.place, "site", tree=run.tree, odoo_version=version, odoo_platform_kind=KINDS[version][0])
        try:
            site.site()
            yield from one_dies(site, version)
        finally:
            site.remove()


def one_dies(site: Platform, version: str) -> t.Iterator[Line]:
    """A person at work on one replica, which is killed."""
    names = [f"{site.name}-demo-1", f"{site.name}-demo-2"]
    common = [
        {
            entry["Name"]
            for entry in json.loads(docker("inspect", "-f", "{{json .Mounts}}", name))
            if entry["Type"] == "volume"
        }
        for name in names
    ]
    shared = common[0] & common[1]
    yield Line(
        f"what the disks of two replicas have in common, Odoo {version}", ", ".join(sorted(shared)) or "nothing",
        "nothing", not shared,
    )  # fmt: skip
    environment = {
        **os.environ, "DEMO_URL": f"https://demo.localhost:{site.https_port}", "DEMO_CA": str(site.secrets / "tls" / "ca.crt"),
        "DEMO_PASSWORD_FILE": str(site.secrets / "demo" / "admin_password"), "DEMO_REPLICAS": ",".join(names),
        "SCREENSHOT_DIR": str(site.logs / "screenshots"), "BROWSER_TIMEOUT": os.environ.get("BROWSER_TIMEOUT", "240"),
    }  # fmt: skip
    done = subprocess.run(
        [str(VENV_TEST / "bin" / "python"), f"{BROWSER}/still_network.py", str(site.https_port), "--", str(VENV_TEST / "bin" / "python"),
         f"{BROWSER}/test_replicas.py"],
        env=environment, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    last = (done.stdout.strip() or done.stderr.strip() or "nothing").splitlines()[-1]
    yield Line(
        f"Odoo {version}: log in and upload on one replica, kill it, go on with the other", last.removeprefix("browser: ")[:250],
        "still logged in, the file is there", done.returncode == 0,
    )  # fmt: skip
    begin = time.monotonic()
    song = docker(
        "exec", names[1], "odoo-cloud", "anthem", "odoo.addons.cloud_platform.songs::install", check=False
    )  # fmt: skip
    again = docker(
        "exec", f"{site.name}-postgres", "psql", "-U", "postgres", "-d", "demo", "-Atc",
        "SELECT value FROM ir_config_parameter WHERE key IN ('cloud.platform.kind', 'ir_attachment.location') ORDER BY key",
    ).split()  # fmt: skip
    good = again == list(KINDS[version]) and "Traceback" not in song
    yield Line(
        f"env['cloud.platform'].install() from a song, Odoo {version}",
        f"{' in '.join(again)}, {time.monotonic() - begin:.1f} s" if good else song.strip()[-250:], " in ".join(KINDS[version]), good,
    )  # fmt: skip
    yield from big_download(site, version, names)


# A large file

MAKE_BIG = """
import hashlib, os
data = os.urandom({size})
one = env['ir.attachment'].create({{'name': 'big.bin', 'raw': data, 'mimetype': 'application/x-big', 'public': True}})
env.cr.commit()
answer([one.id, one.store_fname, hashlib.sha256(data).hexdigest()])
"""


class Peak:
    """The most memory that one of these containers' Odoo processes gained. Workers that Odoo replaces meanwhile don't count."""

    def __init__(self, names: list[str]) -> None:
        self.before: dict[int, int] = {}
        for name in names:
            for line in docker("top", name, "-eo", "pid,args").splitlines()[1:]:
                pid, dummy, command = line.strip().partition(" ")
                if "odoo" in command:
                    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
                        self.before[int(pid)] = self.most(int(pid))

    @staticmethod
    def most(pid: int) -> int:
        """Bytes. Raises `FileNotFoundError` or `ProcessLookupError` for a process that has ended."""
        found = re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())
        return int(found.group(1)) * 1024 if found else 0

    def gained(self) -> int:
        gained = []
        for pid, size in self.before.items():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                gained.append(self.most(pid) - size)
        if not gained:
            raise Shortfall("all of Odoo's processes were replaced while they were watched")
        return max(gained)


def fetched(connection: http.client.HTTPConnection, path: str, **headers: str) -> tuple[int, dict[str, str], str, int]:
    """Status, headers, SHA-256 and size of one download."""
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        digest, size = hashlib.sha256(), 0
        for piece in iter(lambda: answer.read(1 << 18), b""):
            digest.update(piece)
            size += len(piece)
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, digest.hexdigest(), size
    finally:
        connection.close()


def big_download(site: Platform, version: str, names: list[str]) -> t.Iterator[Line]:
    """Through nginx it comes from the store; nobody's worker has it in memory."""
    number, fname, digest = shell(
        Box(None, names[1]), ["-d", "demo", "--no-http", "--log-level=warn"], MAKE_BIG.format(size=BIG)
    )
    context = ssl.create_default_context(cafile=str(site.secrets / "tls" / "ca.crt"))
    path = f"/web/content/{number}?download=true"

    def nginx() -> http.client.HTTPConnection:
        connection = http.client.HTTPSConnection("demo.localhost", site.https_port, context=context, timeout=120)
        connection._create_connection = lambda dummy, *rest: socket.create_connection(
            ("127.0.0.1", site.https_port), *rest
        )
        return connection

    fetched(nginx(), path)  # what a worker loads once for all isn't this file's
    peak = Peak(names)
    status, headers, found, size = fetched(nginx(), path)
    past = peak.gained()
    troubles = []
    if (status, found, size) != (200, digest, BIG):
        troubles.append(f"{status}, {size} bytes, {'the same' if found == digest else 'another'} content")
    if headers.get("content-type") != "application/x-big" or "big.bin" not in headers.get("content-disposition", ""):
        troubles.append(f"headers {headers}")
    if {"x-accel-redirect", "x-odoo-target", "x-odoo-range"} & set(headers):
        troubles.append("the store's address was shown")
    status, part, dummy, size = fetched(nginx(), path, Range="bytes=1000-1999")
    if (status, size, part.get("content-range")) != (206, 1000, f"bytes 1000-1999/{BIG}"):
        troubles.append(f"a part of it: {status}, {size} bytes, {part.get('content-range')}")
    status, dummy, *rest = fetched(nginx(), path, **{"If-None-Match": headers.get("etag", "")})
    if status != 304:
        troubles.append(f"asked for again with its ETag: {status}")
    if past > LITTLE:
        troubles.append("through a worker")
    peak = Peak(names)
    status, dummy, found, size = fetched(http.client.HTTPConnection(address(names[1]), 8069, timeout=120), path)
    if (status, found) != (200, digest):
        troubles.append(f"from Odoo itself: {status}, {size} bytes")
    yield Line(
        f"a file of {BIG >> 20} MB in {fname.partition(':')[0]}, through nginx and from Odoo's own port, Odoo {version}",
        f"a worker's memory grew by {past / 1e6:.0f} MB and {peak.gained() / 1e6:.0f} MB;"
        f" {sentence(troubles, 'same content, headers, parts and conditions')}",
        f"{LITTLE >> 20} MB at most through nginx", not troubles,
    )  # fmt: skip


PARTS: dict[str, t.Callable[[t.Any], t.Iterator[Line]]] = {"browser": part_browser, "preflight": part_preflight}
