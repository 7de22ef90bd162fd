# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single containers as for the proof of the state, with a Swift, a Redis, and the addons of the checkout."""

from __future__ import annotations

import contextlib
import json
import pathlib
import shutil
import subprocess
import textwrap
import typing as t

from ..containers.lab import Box, Database, Lab, snapshot
from ..containers.services import Redis, Swift
from ..frame import ADDONS, Place, Shortfall, docker, readable

MODULES = (
    "base", "web", "attachment_s3", "attachment_swift", "database_reconnect", "session_redis", "logging_json", "cloud_platform_exoscale",
    "cloud_platform_ovh", "monitoring_log_requests", "monitoring_prometheus", "monitoring_status",
)  # fmt: skip
# What the bars about attachments alone need: it is installed in a quarter of the time.
STORES = ("base", "attachment_s3", "attachment_swift")
SERVER_WIDE = {"14": "base,web", "19": "base,rpc,web"}
# What a script in Odoo's shell prints between these is its answer; everything else is Odoo's.
BEGIN, END = "<<<oc-answer", "oc-answer>>>"


class StatelessLab(Lab):
    """Containers here also have the addons, and the variables of the stores that they are given."""

    def __init__(self, place: Place, tree: pathlib.Path, keep: bool = False) -> None:
        super().__init__(place, tree, keep)
        self.swift, self.redis = Swift(place), Redis(place)

    def start(self, versions: t.Collection[str]) -> None:
        super().start(versions)
        self.copy_addons()
        conf = self.work / "etc" / "odoo" / "odoo.conf"
        conf.write_text(conf.read_text().replace(",/mnt/extra-addons", ",/mnt/cloud-addons"))
        self.swift.start()
        self.redis.start()

    def copy_addons(self) -> None:
        folder = self.work / "cloud-addons"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.tree / ADDONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        readable(folder)

    def use(self, tree: pathlib.Path) -> None:
        """Another tree's code for the containers that are made from now on."""
        self.tree = tree
        self.runtime, self.entrypoint = snapshot(tree, self.work / "runtime")
        self.copy_addons()

    def create(
        self, database: Database, mode: str, *command: str, mounts: t.Sequence[str] = (), **keywords: t.Any
    ) -> Box:
        mounts = [*mounts, f"type=bind,source={self.work}/cloud-addons,target=/mnt/cloud-addons,readonly"]
        keywords.setdefault("MODULES", ",".join(MODULES))
        return super().create(database, mode, *command, mounts=mounts, **keywords)

    def addons(self, changed: t.Mapping[str, str] | None = None) -> pathlib.Path:
        """The modules of the state's bars are not needed here."""
        folder = self.work / "no-addons"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def ready(self, version: str, modules: tuple[str, ...] = MODULES) -> Database:
        """A copy of a database in which the addons are installed and contents are local files."""
        return self.installed(version, modules)

    def stores(self, database: Database) -> dict[str, str]:
        """The variables of both stores, with buckets of this database's own."""
        name = database.name.replace("_", "-")
        return {**self.swift.s3_environment(f"bucket-{name}"), **self.swift.swift_environment(f"container-{name}")}

    def idle(self, database: Database, **env: str) -> Box:
        """A container with everything that a replica has, in which nothing runs yet."""
        return self.box(database, "RunOnly", "sleep", "infinity", **{**self.stores(database), **env})

    def bucket(self, database: Database) -> str:
        return self.stores(database)["AWS_BUCKETNAME"]


def odoo_arguments(database: Database, *more: str) -> list[str]:
    """What Odoo's programs have to be told when nobody but the entrypoint stands before them."""
    return [
        "-c", "/etc/odoo/odoo.conf", "-d", database.name, f"--db_host={database.lab.name}-postgres", "--db_user=oc", "--no-http",
        "--log-level=warn", *more,
    ]  # fmt: skip


def shell(box: Box, database: Database | list[str], script: str, **env: str) -> t.Any:
    """What a script in Odoo's own shell answers: it calls answer(value) once. In place of a database of the lab: Odoo's arguments."""
    # In one piece: the shell runs what it reads as a program only if it is not a terminal's.
    text = (
        "import json\n"
        f"def answer(value):\n    print({BEGIN!r} + json.dumps(value) + {END!r}, flush=True)\n"
        + textwrap.dedent(script)
    )
    options = [item for name, value in env.items() for item in ("-e", f"{name}={value}")]
    out = docker(
        "exec", "-i", *options, box.name, "odoo-cloud", "odoo", "shell",
        *(database if isinstance(database, list) else odoo_arguments(database)), text=text, check=False, timeout=600,
    )  # fmt: skip
    begin = out.rfind(BEGIN)
    if begin < 0:
        raise Shortfall(f"the script in Odoo's shell did not answer: {out.strip()[-600:]}")
    return json.loads(out[begin + len(BEGIN) : out.index(END, begin)])


def runtime(box: Box, *arguments: str, **env: str) -> tuple[int, dict[str, t.Any], str]:
    """A command of the runtime in the container: exit code, its JSON, its log."""
    options = [item for name, value in env.items() for item in ("-e", f"{name}={value}")]
    done = subprocess.run(
        ["docker", "exec", *options, box.name, "odoo-cloud", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    found: dict[str, t.Any] = {}
    with contextlib.suppress(ValueError):
        found = json.loads(done.stdout)
    return done.returncode, found, done.stderr
