# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Odoo that prints: its database, a container with two workers, and its report service, as the role has it."""

from __future__ import annotations

import html
import http.client
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time
import typing as t

from ..containers.lab import Lab
from ..containers.services import address, image_id
from ..frame import IMAGES, RUNTIME, Shortfall, docker, until

MODULES = "account,sale_management,purchase,stock"
CLIENT = "roles/image/files/odoo/wkhtmltopdf"
SERVICE = "roles/image/files/report/odoo_cloud_report"
SHARED = ("frames.py", "options.py")
LOGIN = "admin"  # with the same password: databases of a proof that nobody reaches

CONF = """
[options]
addons_path = /usr/lib/python3/dist-packages/odoo/addons
admin_passwd = {password}
data_dir = /var/lib/odoo
db_host = {host}
db_maxconn = 12
db_name = {database}
db_password = {password}
db_user = oc
limit_time_cpu = 1800
limit_time_real = 3600
limit_time_real_cron = 3600
max_cron_threads = 0
workers = 2
"""
# The definition comes from the code of the tree that is tried; an instance is as little as it reads of one.
DEFINE = """
import json, sys, types
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import report_servers as r
given = json.loads(sys.argv[1])
instance = types.SimpleNamespace(name="printing", report_engine="chromium", limits=types.SimpleNamespace(cpu_shares=None))
print(json.dumps(r.definition(instance, r.Settings(**given))))
"""


class Answer(t.NamedTuple):
    """What Odoo answered."""

    status: int
    kind: str
    body: bytes
    seconds: float

    @property
    def is_pdf(self) -> bool:
        return self.status == 200 and self.body.startswith(b"%PDF-") and self.body.rstrip().endswith(b"%%EOF")

    @property
    def why(self) -> str:
        """What the person sees when there is no PDF."""
        text = html.unescape(self.body.decode("utf-8", "replace"))
        found = re.search(r"Wkhtmltopdf failed[^<\n\"]*", text)
        return found.group(0).strip() if found else re.sub(r"\s+", " ", text)[-300:]


class Person:
    """Somebody who is logged in."""

    def __init__(self, host: str, database: str) -> None:
        self.host, self.cookie = host, ""
        self.ask("/web/session/authenticate", {"db": database, "login": LOGIN, "password": LOGIN})

    def request(self, method: str, path: str, body: str | None = None, kind: str = "", seconds: float = 1200) -> Answer:
        begin = time.monotonic()
        connection = http.client.HTTPConnection(self.host, 8069, timeout=seconds)
        try:
            headers = {"Cookie": self.cookie, **({"Content-Type": kind} if kind else {})}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie" and value.startswith("session_id="):
                    self.cookie = value.split(";")[0]
            return Answer(answer.status, answer.getheader("Content-Type") or "", content, time.monotonic() - begin)
        finally:
            connection.close()

    def ask(self, path: str, params: t.Mapping[str, t.Any]) -> t.Any:
        """A JSON-RPC call; a shortfall with Odoo's message when it fails."""
        text = json.dumps({"jsonrpc": "2.0", "method": "call", "params": dict(params), "id": 1})
        answer = self.request("POST", path, text, "application/json")
        data = json.loads(answer.body)
        if "error" in data:
            raise Shortfall(f"{path}: {str((data['error'].get('data') or {}).get('message'))[:400]}")
        return data.get("result")

    def call(self, model: str, method: str, *arguments: t.Any, **named: t.Any) -> t.Any:
        params = {"model": model, "method": method, "args": list(arguments), "kwargs": named}
        return self.ask(f"/web/dataset/call_kw/{model}/{method}", params)

    def ref(self, name: str) -> int:
        """The record of an external ID."""
        module, dummy, rest = name.partition(".")
        found = self.call("ir.model.data", "search_read", [["module", "=", module], ["name", "=", rest]], ["res_id"])
        if not found:
            raise Shortfall(f"there is no {name}")
        return int(found[0]["res_id"])

    def prints(self, report: str, ids: t.Sequence[int]) -> Answer:
        return self.request("GET", f"/report/pdf/{report}/{','.join(map(str, ids))}")


class Printing:
    """The database and the containers of one version."""

    def __init__(self, lab: Lab, version: str) -> None:
        self.lab, self.version = lab, version
        self.name = f"{lab.name}-print{version}"
        self.odoo, self.service, self.database = f"{self.name}-odoo", f"{self.name}-report", f"print{version}"
        self.folder = lab.work / f"print{version}"
        self.host = ""

    # Coming up

    def start(self) -> Person:
        """Installs what is printed and starts both containers."""
        sockets = self.folder / "socket"
        sockets.mkdir(parents=True)
        shutil.chown(sockets, 8087, 8069)
        sockets.chmod(0o750)
        client = self.folder / "client"
        client.mkdir()
        for name in ("wkhtmltopdf", "wkhtmltoimage"):
            shutil.copy(self.lab.tree / CLIENT, client / name)
            (client / name).chmod(0o755)
        conf = CONF.format(host=f"{self.lab.name}-postgres", database=self.database, password=self.lab.role_password)
        (self.folder / "odoo.conf").write_text(conf)
        with self.lab.admin() as session:
            session.rows(f'CREATE DATABASE "{self.database}" OWNER oc TEMPLATE template0')
        demo = ["--with-demo"] if self.version == "19" else []
        said = self._odoo("run", "--rm", "--workers", "0", "-i", MODULES, *demo, "--stop-after-init", timeout=3600)
        if "odoo.modules.loading: Modules loaded" not in said:
            raise Shortfall(f"Odoo {self.version} was not installed: {said.strip()[-300:]}")
        self.start_service()
        self.start_odoo()
        return Person(self.host, self.database)

    def _odoo(self, *words: str, timeout: float = 300) -> str:
        run, *more = words
        options = [word for word in more if word in ("-d", "--rm")]
        rest = [word for word in more if word not in options]
        mounts = {
            self.folder / "odoo.conf": "/etc/odoo/odoo.conf",
            self.folder / "socket": "/run/report",
            self.folder / "client": "/opt/odoo-cloud/report",
            self.lab.runtime: "/opt/odoo-cloud/odoo_cloud_runtime",
        }
        return docker(
            run, *options, "--name", self.odoo, "--label", self.lab.label, "--network", self.lab.name, "--init", "--user", "8069:8069",
            "--mount", f"type=volume,source={self.lab.name}-data,target=/var/lib/odoo",
            *(word for source, target in mounts.items() for word in ("--mount", f"type=bind,source={source},target={target},readonly")),
            "--env", "PATH=/opt/odoo-cloud/report:/usr/local/bin:/usr/bin:/bin", "--env", "ODOO_REPORT_SOCKET=/run/report/report.sock",
            "--entrypoint", "odoo", self.lab.images[f"odoo-{self.version}"], "-c", "/etc/odoo/odoo.conf", *rest,
            check=False, timeout=timeout,
        )  # fmt: skip

    def start_odoo(self) -> None:
        docker("rm", "-f", self.odoo, check=False)
        self._odoo("run", "-d")
        self.host = address(self.odoo)
        until(self._serves, 300, f"{self.odoo} does not serve", 1)

    def _serves(self) -> bool:
        connection = http.client.HTTPConnection(self.host, 8069, timeout=60)
        try:
            connection.request("GET", "/web/login")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def start_service(self, **settings: t.Any) -> None:
        """The report service as the role defines it, with the code of the tree."""
        code = self.folder / "service"
        shutil.rmtree(code, ignore_errors=True)
        shutil.copytree(self.lab.tree / SERVICE, code, ignore=shutil.ignore_patterns("__pycache__"))
        for name in SHARED:
            shutil.copy(self.lab.tree / RUNTIME / "report" / name, code / name)
        for path in [code, *code.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        given = {
            "name": self.name, "root": str(self.folder), "image": image_id(f"{IMAGES}/report"), "memory": 2 << 30, "limits": True,
            "jobs": 2, "timeout": 900, "idle": 300, "sandbox": "auto", **settings,
        }  # fmt: skip
        definition = json.loads(
            subprocess.run(
                [sys.executable, "-c", DEFINE, json.dumps(given)], check=True, stdout=subprocess.PIPE, text=True,
                env={"PYTHONPATH": str(self.lab.tree / ".work" / "collections"), "PYTHONDONTWRITEBYTECODE": "1"},
            ).stdout
        )  # fmt: skip
        docker("rm", "-f", self.service, check=False)
        docker(*self._words(definition, code))
        until(self.healthy, 120, f"{self.service} is not healthy", 1)

    def _words(self, definition: dict[str, t.Any], code: pathlib.Path) -> list[str]:
        """The engine's command line for a definition. The socket's folder is ours."""
        limits = definition["limits"]
        seccomp = self.folder / "seccomp.json"
        options = []
        for one in definition["security_opts"]:
            if one.startswith("seccomp={"):
                seccomp.write_text(one.removeprefix("seccomp="))
                one = f"seccomp={seccomp}"
            options += ["--security-opt", one]
        return [
            "run", "-d", "--name", self.service, "--label", self.lab.label, "--restart", "unless-stopped",
            "--network", definition.get("network_mode") or self.lab.name, "--user", definition["user"],
            *(["--init"] if definition["init"] else []), *(["--read-only"] if definition["read_only"] else []),
            *(word for one in definition["cap_drop"] for word in ("--cap-drop", one)), *options,
            *(word for one in definition["tmpfs"] for word in ("--tmpfs", one)),
            *(word for name, value in definition["env"].items() for word in ("--env", f"{name}={value}")),
            "--memory", str(limits["memory"]), "--memory-swap", str(limits["memory"]), "--pids-limit", str(limits["pids_limit"]),
            "--mount", f"type=bind,source={self.folder / 'socket'},target=/run/report",
            "--mount", f"type=bind,source={code},target=/opt/odoo-cloud/odoo_cloud_report,readonly",
            definition["image"],
        ]  # fmt: skip

    # What is known of it

    def healthy(self) -> bool:
        return "Chromium" in docker("exec", self.service, "python3", "-m", "odoo_cloud_report", "health", check=False)

    def sandbox(self) -> bool:
        """Whether Chromium has its own sandbox."""
        return "in its sandbox" in docker(
            "exec", self.service, "python3", "-m", "odoo_cloud_report", "health", check=False
        )

    def processor(self) -> float:
        """Seconds of processor time that the service has taken."""
        files = "cat /sys/fs/cgroup/cpu.stat 2>/dev/null || cat /sys/fs/cgroup/cpuacct/cpuacct.usage"
        said = docker("exec", self.service, "sh", "-c", files)
        for line in said.splitlines():
            if line.startswith("usage_usec "):
                return int(line.split()[1]) / 1e6
            if line.strip().isdigit():
                return int(line) / 1e9
        raise Shortfall(f"no processor time: {said[-200:]}")

    def browsers(self) -> list[int]:
        """The service's processes of Chromium, as numbered inside; the first one started all others."""
        script = (
            "import os\n"
            "for pid in sorted(int(p) for p in os.listdir('/proc') if p.isdigit()):\n"
            "    try:\n"
            "        line = open(f'/proc/{pid}/cmdline').read()\n"
            "    except OSError:\n"
            "        continue\n"
            "    if 'chromium' in line.split(chr(0))[0]:\n"
            "        print(pid)\n"
        )
        said = docker("exec", self.service, "python3", "-S", "-c", script, check=False)
        return [int(line) for line in said.split() if line.isdigit()]

    def kill(self, pid: int) -> None:
        docker("exec", self.service, "python3", "-S", "-c", f"import os; os.kill({pid}, 9)", check=False)
