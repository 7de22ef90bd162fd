# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole platforms on this machine, driven like a user drives them: an inventory and ansible-playbook."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import time
import typing as t

import yaml

from .frame import IMAGES, PLATFORM_LABEL, ROOT, VENV, Place, Shortfall, docker, last_error, recap

DEMO_INVENTORY = "inventories/local"  # what `make demo` uses


class Played(t.NamedTuple):
    """What came of a playbook."""

    code: int
    output: str
    seconds: float

    @property
    def changed(self) -> int:
        """How many tasks reported a change; -1 when the playbook did not get to its recap."""
        return recap(self.output).get("changed", -1)

    @property
    def error(self) -> str:
        return last_error(self.output)


class Platform:
    """One platform of a proof's own, with images that are there already unless it is told another `image_name`."""

    def __init__(
        self,
        place: Place,
        what: str = "",
        number: int = 0,
        tree: pathlib.Path = ROOT,
        instances: t.Mapping[str, t.Mapping[str, t.Any]] | None = None,
        replicas: int = 1,
        **variables: t.Any,
    ) -> None:
        """place: the proof's. what: follows the place's name; empty for the only one. number: spreads the ports of platforms that stand
        side by side. tree: the checkout whose collection is used. instances: name to its variables, with `replicas` replicas each, or
        as many as its own `replicas` says; None: the demo as `inventories/local` has it. variables: of the whole platform."""
        self.place, self.tree = place, tree
        self.name = f"{place.name}-{what}" if what else place.name
        self.folder = place.work / "platforms" / self.name
        self.logs = place.logs
        self.https_port = place.port + 10 * number
        self.secrets = self.folder / "secrets"
        self.root = pathlib.Path(str(variables.get("odoo_cloud_root") or f"/srv/{self.name}"))
        self.replicas = replicas if instances is not None else 2
        self.instances = None if instances is None else {key: dict(value) for key, value in instances.items()}
        self.variables: dict[str, t.Any] = {
            "odoo_cloud_name": self.name,
            "odoo_cloud_secrets_dir": str(self.secrets),
            "odoo_cloud_https_port": self.https_port,
            "odoo_cloud_http_port": self.https_port + 1,
            "object_storage_port": self.https_port + 2,
            "image_name": IMAGES,
            **({"odoo_cloud_root": str(self.root)} if instances is None else {}),
            **variables,
        }
        self.environment: dict[str, str] = {}
        self.stays = False  # whether it was there before the proof, and is to stay
        self._inventory: pathlib.Path | None = None  # somebody else's
        self._numbers = itertools.count(1)

    @classmethod
    def standing(cls, place: Place, inventory: pathlib.Path, tree: pathlib.Path = ROOT) -> Platform:
        """A platform that somebody else made from this inventory, and that stays when the proof ends."""
        one = cls(place, tree=tree)
        one.variables, one.stays = {}, True
        one._inventory = inventory.resolve()
        wanted = (
            "[odoo_cloud_name, lookup('odoo_cloud.platform.root'), odoo_cloud_secrets_dir | default('~/.odoo-cloud/' ~ odoo_cloud_name),"
            " odoo_cloud_https_port]"
        )
        done = subprocess.run(
            [str(VENV / "bin" / "ansible"), "-i", str(one.inventory), "localhost", "-m", "ansible.builtin.debug", "-a",
             f"msg={{{{ {wanted} | to_json | b64encode }}}}"],
            cwd=tree, env=one._environment(None), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        found = re.search(r"msg\W+([A-Za-z0-9+/=]+)", done.stdout)
        if done.returncode or not found:
            raise Shortfall(f"{inventory} does not say where its platform is: {done.stdout.strip()[-300:]}")
        name, root, secrets, port = json.loads(base64.b64decode(found[1]))
        one.name, one.root, one.secrets, one.https_port = (
            name,
            pathlib.Path(root),
            pathlib.Path(secrets).expanduser(),
            int(port),
        )
        if not one.containers():
            raise Shortfall(f"there is no platform {name} on this machine")
        return one

    @property
    def inventory(self) -> pathlib.Path | str:
        """What -i is given."""
        if self._inventory is not None:
            return self._inventory
        return DEMO_INVENTORY if self.instances is None else self.folder / "hosts.yml"

    def write(self) -> None:
        """The inventory file as it is now: `variables` and `instances` may be changed between two runs."""
        if self.instances is None:
            return
        environments: dict[str, t.Any] = {}
        for name, given in self.instances.items():
            values = dict(given)
            environment = values.pop("environment", "prod")
            hosts = {
                f"{name.replace('_', '-')}-{one + 1}": {"ansible_host": "localhost"}
                for one in range(values.pop("replicas", self.replicas))
            }
            group = environments.setdefault(environment, {"children": {}})
            group["children"][name] = {"hosts": hosts, "vars": {"odoo_hostnames": [self.host(name)], **values}}
        services = ("docker_hosts", "postgres", "redis", "object_storage", "nginx")
        groups = {one: {"hosts": {"localhost": None}} for one in services}
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            **self.variables,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(
            {"all": {"vars": variables, "children": {**groups, "odoo": {"children": environments}}}}, sort_keys=False
        )
        (self.folder / "hosts.yml").write_text(text)

    @staticmethod
    def host(instance: str = "demo") -> str:
        return f"{instance.replace('_', '-')}.localhost"

    def command(
        self, name: str, *args: str, environment: t.Mapping[str, str] | None = None, **variables: t.Any
    ) -> dict[str, t.Any]:
        """What subprocess needs to start a playbook of this platform. Variables are given in a file, where nobody reads them."""
        self.write()
        given = {**(self.variables if self.instances is None else {}), **variables}
        more: list[str] = []
        if given:
            file = self.folder / f"variables-{next(self._numbers)}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(0o600)
            file.write_text(json.dumps(given))
            more = ["-e", f"@{file}"]
        return {
            "args": [str(VENV / "bin" / "ansible-playbook"), "-i", str(self.inventory), f"playbooks/{name}.yml", *more, *args],
            "cwd": self.tree,
            "env": self._environment(environment),
        }  # fmt: skip

    def _environment(self, more: t.Mapping[str, str] | None) -> dict[str, str]:
        return {
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(self.tree / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.tree / ".work" / "collections"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
            **self.environment,
            **(more or {}),
        }

    def playbook(self, name: str, *args: str, timeout: float = 1800, **variables: t.Any) -> Played:
        """Runs one playbook to its end. timeout: seconds. variables: also `environment`, of the process."""
        begin = time.monotonic()
        done = subprocess.run(
            **self.command(name, *args, **variables),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False, timeout=timeout,
        )  # fmt: skip
        seconds = time.monotonic() - begin
        self.logs.mkdir(parents=True, exist_ok=True)
        log = f"{time.strftime('%H%M%S')}-{next(self._numbers)}-{self.name}-{pathlib.Path(name).name}.log"
        (self.logs / log).write_text(done.stdout)
        return Played(done.returncode, done.stdout, seconds)

    def start(self, name: str, *args: str, **variables: t.Any) -> subprocess.Popen[bytes]:
        """Starts a playbook in a process group of its own and does not wait for it."""
        return subprocess.Popen(
            **self.command(name, *args, **variables),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def play(self, name: str, *args: str, **variables: t.Any) -> Played:
        """Runs one playbook, which has to succeed."""
        done = self.playbook(name, *args, **variables)
        if done.code:
            raise Shortfall(f"{pathlib.Path(name).name}.yml of {self.name} ended with {done.code}: {done.error}")
        return done

    def site(self, *args: str, **variables: t.Any) -> Played:
        """Runs site.yml, which has to succeed."""
        return self.play("site", *args, **variables)

    def tasks_changed(self, *args: str, **variables: t.Any) -> list[tuple[str, str]]:
        """Runs site.yml; (host, task) of everything that reported a change."""
        output = self.site(*args, environment={"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}, **variables).output
        report, dummy = json.JSONDecoder().raw_decode(
            output[output.index("{\n") :]
        )  # the stages' seconds come after it
        return [
            (host, task["task"]["name"].rpartition(" : ")[2])
            for play in report["plays"]
            for task in play["tasks"]
            for host, result in task["hosts"].items()
            if result.get("changed")
        ]

    def network(self, instance: str = "demo") -> str:
        """The network that the containers of an instance are in."""
        return f"{self.name}.{instance}"

    def containers(self) -> list[str]:
        """Names of the platform's containers, running or not."""
        return docker("ps", "-a", "--filter", f"label={PLATFORM_LABEL}={self.name}", "--format", "{{.Names}}").split()

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
        method: str = "",
    ) -> tuple[int, dict[str, str], bytes]:
        """One HTTPS request to the site: status, headers (lower case), body.

        Whatever the name resolves to, this machine is asked, and the certificate is checked against the platform's own authority.
        body: sent as JSON, with POST unless another method is given. timeout: seconds.
        """
        context = ssl.create_default_context(cafile=str(self.secrets / "tls" / "ca.crt"))
        connection = http.client.HTTPSConnection(self.host(instance), self.https_port, timeout=timeout, context=context)
        plain = socket.create_connection(("127.0.0.1", self.https_port), timeout=timeout)
        connection.sock = context.wrap_socket(plain, server_hostname=self.host(instance))
        try:
            content = None if body is None else json.dumps(body)
            given = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(
                method or ("GET" if body is None else "POST"), path, content, {**given, **(headers or {})}
            )
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
        """Removes the platform with all its data, whatever state it is in."""
        if not self.stays:
            self.place.remove(self.name)
            shutil.rmtree(self.folder, ignore_errors=True)
