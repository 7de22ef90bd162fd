# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of this proof work with: whole platforms that Ansible creates (Site), and the bench of single containers (Lab)."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import socket
import ssl
import subprocess
import time
import typing as t

import yaml
from demo import last_error, recap
from lab import IMAGES, LOGS, ROOT, RUNTIME, Lab, Shortfall, docker, snapshot

WORK = ROOT / ".work" / "prove" / "blockers"
PREFIX = os.environ.get("PROVE_BLOCKERS_NAME", "oc-block")
FIRST_PORT = int(os.environ.get("PROVE_BLOCKERS_PORT", "9743"))


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One protection, how to break it (file, old text, new text), and the parts that must notice."""

    parts: tuple[str, ...]
    edits: tuple[tuple[str, str, str], ...]


class Site:
    """One platform on this machine, driven like a user drives it: an inventory file and ansible-playbook."""

    def __init__(
        self,
        name: str,
        number: int,
        tree: pathlib.Path = ROOT,
        instances: t.Mapping[str, t.Mapping[str, t.Any]] | None = None,
        replicas: int = 1,
        **variables: t.Any,
    ) -> None:
        """`number` spreads the ports of platforms that stand side by side; `instances`: name to its variables; `replicas`: of each
        instance; `variables`: of the whole platform. `tree`: the checkout whose collection is used."""
        self.name, self.tree = name, tree
        self.folder = WORK / name
        self.https_port = FIRST_PORT + 10 * number
        self.secrets = self.folder / "secrets"
        self.root = pathlib.Path(str(variables.get("odoo_cloud_root") or f"/srv/{name}"))
        self.replicas = replicas
        self.instances: dict[str, dict[str, t.Any]] = {
            key: dict(value) for key, value in (instances or {"demo": {}}).items()
        }
        self.variables: dict[str, t.Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "odoo_cloud_name": name,
            "odoo_cloud_secrets_dir": str(self.secrets),
            "odoo_cloud_https_port": self.https_port,
            "odoo_cloud_http_port": self.https_port + 1,
            "object_storage_port": self.https_port + 2,
            "image_name": IMAGES,
            "image_apt_check_valid_until": False,
            **variables,
        }

    @property
    def inventory(self) -> pathlib.Path:
        return self.folder / "hosts.yml"

    def write(self) -> None:
        """The inventory file as it is now: `variables` and `instances` may be changed between two runs."""
        environments: dict[str, t.Any] = {}
        for name, given in self.instances.items():
            values = dict(given)
            environment = values.pop("environment", "prod")
            hosts = {
                f"{name.replace('_', '-')}-{one + 1}": {"ansible_host": "localhost"} for one in range(self.replicas)
            }
            group = environments.setdefault(environment, {"children": {}})
            group["children"][name] = {"hosts": hosts, "vars": {"odoo_hostnames": [self.host(name)], **values}}
        services = ("docker_hosts", "postgres", "redis", "object_storage", "nginx")
        groups = {one: {"hosts": {"localhost": None}} for one in services}
        self.folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(
            {"all": {"vars": self.variables, "children": {**groups, "odoo": {"children": environments}}}},
            sort_keys=False,
        )
        self.inventory.write_text(text)

    @staticmethod
    def host(instance: str = "demo") -> str:
        return f"{instance.replace('_', '-')}.localhost"

    def command(self, name: str, *args: str, **variables: t.Any) -> dict[str, t.Any]:
        """What subprocess needs to start a playbook of this platform."""
        self.write()
        return {
            "args": [
                str(ROOT / ".work" / "venv" / "bin" / "ansible-playbook"), "-i", str(self.inventory), f"playbooks/{name}.yml",
                *(["-e", json.dumps(variables)] if variables else []), *args,
            ],
            "cwd": self.tree,
            "env": {
                **os.environ,
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_CONFIG": str(self.tree / "ansible.cfg"),
                "ANSIBLE_COLLECTIONS_PATH": str(self.tree / ".work" / "collections"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_FORCE_COLOR": "0",
            },
        }  # fmt: skip

    def playbook(self, name: str, *args: str, timeout: float = 900, **variables: t.Any) -> tuple[int, str, float]:
        """Runs one playbook to its end: exit code, output, seconds."""
        begin = time.monotonic()
        done = subprocess.run(
            **self.command(name, *args, **variables),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=timeout,
        )  # fmt: skip
        LOGS.mkdir(parents=True, exist_ok=True)
        (LOGS / f"{time.strftime('%H%M%S')}-{self.name}-{name}.log").write_text(done.stdout)
        return done.returncode, done.stdout, time.monotonic() - begin

    def start(self, name: str, *args: str, **variables: t.Any) -> subprocess.Popen[bytes]:
        """Starts a playbook in a process group of its own and does not wait for it."""
        return subprocess.Popen(
            **self.command(name, *args, **variables),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def site(self, *args: str, **variables: t.Any) -> str:
        """Runs site.yml, which has to succeed; its output."""
        code, output, dummy = self.playbook("site", *args, **variables)
        if code:
            raise Shortfall(f"site of {self.name} ended with {code}: {last_error(output)}")
        return output

    def containers(self) -> list[str]:
        """Names of the platform's containers, running or not."""
        return docker(
            "ps", "-a", "--filter", f"label=org.odoo-cloud.platform={self.name}", "--format", "{{.Names}}"
        ).split()

    def psql(self, statement: str, database: str = "postgres", user: str = "postgres") -> str:
        """What a statement answers, run inside PostgreSQL's container as its superuser (or another role, through SET ROLE)."""
        begin = f"SET SESSION AUTHORIZATION {user}; " if user != "postgres" else ""
        return docker(
            "exec", "-i", f"{self.name}-postgres", "psql", "-U", "postgres", "-h", "/run/postgresql", "-d", database,
            "-v", "ON_ERROR_STOP=1", "-Atq", text=begin + statement,
        ).strip()  # fmt: skip

    def request(
        self,
        path: str,
        body: t.Any = None,
        instance: str = "demo",
        headers: t.Mapping[str, str] | None = None,
        timeout: float = 30,
    ) -> tuple[int, dict[str, str], bytes]:
        """One HTTPS request to the site: status, headers (lower case), body. `body`: sent as JSON."""
        context = ssl.create_default_context(cafile=str(self.secrets / "tls" / "ca.crt"))
        connection = http.client.HTTPSConnection(self.host(instance), self.https_port, timeout=timeout, context=context)
        plain = socket.create_connection(("127.0.0.1", self.https_port), timeout=timeout)
        connection.sock = context.wrap_socket(plain, server_hostname=self.host(instance))
        try:
            content = None if body is None else json.dumps(body)
            given = {"Content-Type": "application/json"} if body is not None else {}
            connection.request("GET" if body is None else "POST", path, content, {**given, **(headers or {})})
            answer = connection.getresponse()
            found: dict[str, str] = {}
            for key, value in answer.getheaders():
                found[key.lower()] = found[key.lower()] + "\n" + value if key.lower() in found else value
            return answer.status, found, answer.read()
        finally:
            connection.close()

    def admin_password(self, instance: str = "demo") -> str:
        return (self.secrets / instance / "admin_password").read_text().strip()

    def log_in(self, password: str = "", instance: str = "demo", login: str = "admin") -> str:
        """The session's cookie when the login works, else an empty text. Without a password the generated one is used."""
        parameters = {"db": instance, "login": login, "password": password or self.admin_password(instance)}
        status, headers, body = self.request(
            "/web/session/authenticate", {"jsonrpc": "2.0", "method": "call", "params": parameters}, instance
        )
        try:
            good = status == 200 and bool((json.loads(body).get("result") or {}).get("uid"))
        except ValueError:
            good = False
        cookie = re.search(r"session_id=([^;]+)", headers.get("set-cookie", ""))
        return cookie[1] if good and cookie else ""

    def logged_in(self, cookie: str, instance: str = "demo") -> bool:
        """Whether a session's cookie still is somebody's who is logged in."""
        status, dummy, body = self.request(
            "/web/session/get_session_info", {"jsonrpc": "2.0", "method": "call", "params": {}}, instance,
            {"Cookie": f"session_id={cookie}"},
        )  # fmt: skip
        try:
            return status == 200 and bool((json.loads(body).get("result") or {}).get("uid"))
        except ValueError:
            return False

    def wait_for_login(self, seconds: float = 60, instance: str = "demo") -> str:
        """The cookie of the first login that works; a shortfall when none does in time."""
        end, trouble = time.monotonic() + seconds, ""
        while time.monotonic() < end:
            try:
                cookie = self.log_in(instance=instance)
                if cookie:
                    return cookie
                trouble = "refused"
            except (OSError, ValueError, http.client.HTTPException) as error:
                trouble = f"{type(error).__name__} {error}"
            time.sleep(0.5)
        raise Shortfall(f"no login to {instance} of {self.name} within {seconds:.0f} s: {trouble}")

    def remove(self) -> None:
        """Removes the platform with all its data; the images stay. Also one that its own playbook can't remove any more."""
        if self.inventory.exists() and self.secrets.exists():
            self.playbook("clean", odoo_cloud_clean_confirm=self.name, odoo_cloud_clean_images=False)
        label = f"label=org.odoo-cloud.platform={self.name}"
        for kind, listed in (
            ("container", ["ps", "-aq"]),
            ("volume", ["volume", "ls", "-q"]),
            ("network", ["network", "ls", "-q"]),
        ):
            for one in docker(*listed, "--filter", label).split():
                docker(kind, "rm", *(["-f"] if kind != "network" else []), one, check=False)
        if self.root.name.startswith(PREFIX):
            shutil.rmtree(self.root, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class Bench:
    """What every part is given. `tree`: the checkout under proof, or a copy with one protection broken."""

    def __init__(
        self, tree: pathlib.Path, versions: tuple[str, ...], sample: bool = False, seed: int = 0, keep: bool = False
    ) -> None:
        self.tree, self.versions, self.sample, self.seed, self.keep = tree, versions, sample, seed, keep
        self.random = random.Random(seed)
        self.lab = Lab(*snapshot(tree, WORK / "runtime"), keep=keep)
        self.sites: dict[str, Site] = {}
        self.part = ""

    def single(self) -> Lab:
        """The bench of single containers, started with the first use."""
        if not self.lab.open:
            self.lab.start(self.versions)
        return self.lab

    def site(self, what: str, number: int, **keywords: t.Any) -> Site:
        """A platform of this proof, removed at the end; parts that name the same one share it. See Site."""
        if what not in self.sites:
            one = Site(f"{PREFIX}-{what}" if what else PREFIX, number, keywords.pop("tree", self.tree), **keywords)
            one.remove()
            self.sites[what] = one
        return self.sites[what]

    def close(self) -> None:
        if not self.keep:
            for one in self.sites.values():
                one.remove()
        self.lab.close()


__all__ = [
    "PREFIX", "ROOT", "RUNTIME", "WORK", "Bench", "Mutant", "Shortfall", "Site", "docker", "last_error", "recap",
]  # fmt: skip
