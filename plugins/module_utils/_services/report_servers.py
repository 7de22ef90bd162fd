# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The report services of a machine: folders and containers. No I/O.

Each instance has one of its own, on the machine of its replicas. A report is HTML that an instance made,
and a browser is a large program: what breaks out of it finds one instance's documents, no network, no
capabilities, and nothing that can be written. Odoo reaches it by a socket in a folder that both have
mounted.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._inventory.model import Instance, plain
from .._inventory.naming import report_container
from .._inventory.settings import CHROMIUM
from .._runtime.common.odoo_facts import UID as ODOO_UID
from . import limits, report_seccomp

UID = "8087"
FOLDER = "report/servers"  # below the platform's root: a folder for each instance
SOCKET = "report.sock"
SOCKET_DIR = "/run/report"  # in the service's container
LABEL = "org.odoo-cloud.report"  # of its containers, with the instance's name
HEALTHCHECK = {
    "test": ["CMD", "python3", "-m", "odoo_cloud_report", "health"],
    "interval": "60s",
    "timeout": "40s",
    "retries": 3,
    "start_period": "60s",
}

Definition = dict[str, t.Any]


class ReportError(ValueError):
    """The settings of the services can't be used; the message is one line for operators."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the services of a machine have in common.

    - `name`: the platform's name. `root`: its folder on the machine. `image`: ID of the image.
    - `memory`: bytes that one may take. `limits`: whether containers have limits besides that of memory.
    - `jobs`: prints of an instance at the same time. `timeout`: seconds that one may take.
    - `idle`: seconds without a print after which the browser ends.
    - `sandbox`: `auto` or `required`.
    """

    name: str
    root: str
    image: str
    memory: int
    limits: bool
    jobs: int
    timeout: int
    idle: int
    sandbox: str

    @classmethod
    def from_dict(cls, mapping: t.Any) -> Settings:
        """The settings from the dictionary that the role `report` provides. Raises `ReportError`."""
        values = plain(mapping)
        known = {one.name for one in dataclasses.fields(cls)}
        for problem, wrong in (("missing", known - set(values)), ("unknown", set(values) - known)):
            if wrong:
                raise ReportError(f"settings of the report service: {', '.join(sorted(wrong))}: {problem}")
        numbers = {name: int(values[name]) for name in ("memory", "jobs", "timeout", "idle")}
        return cls(**{**values, **numbers})


def prints(instance: Instance) -> bool:
    """Whether an instance has a report service."""
    return instance.report_engine == CHROMIUM


def socket_folder(root: str, instance: str) -> str:
    """The folder of an instance's socket on its machine. `root`: the platform's folder."""
    return f"{root}/{FOLDER}/{instance}"


def files(instances: t.Iterable[Instance], settings: Settings) -> list[Definition]:
    """The folders of all services, as a list for the module `files`. Only the service and Odoo enter a socket's folder."""
    root = settings.root
    found: list[Definition] = [
        {"path": root, "state": "directory", "mode": "0711"},
        {"path": f"{root}/report", "state": "directory", "mode": "0711"},
        {"path": f"{root}/{FOLDER}", "state": "directory", "mode": "0711"},
    ]
    return found + [
        {
            "path": socket_folder(root, one.name),
            "state": "directory",
            "mode": "0750",
            "owner": UID,
            "group": str(ODOO_UID),
        }
        for one in instances
        if prints(one)
    ]


def containers(instances: t.Iterable[Instance], settings: Settings) -> list[Definition]:
    """The definitions of all containers, for the role `container`."""
    return [definition(one, settings) for one in instances if prints(one)]


def definition(instance: Instance, settings: Settings) -> Definition:
    """The definition of the container that prints an instance's reports."""
    return {
        "name": f"{settings.name}-{report_container(instance.name)}",
        "image": settings.image,
        # Odoo's group, so that Odoo may open the socket
        "user": f"{UID}:{ODOO_UID}",
        "network_mode": "none",
        "labels": {LABEL: instance.name},
        "env": {
            "REPORT_SOCKET": f"{SOCKET_DIR}/{SOCKET}",
            "REPORT_JOBS": str(settings.jobs),
            "REPORT_TIMEOUT": str(settings.timeout),
            "REPORT_IDLE": str(settings.idle),
            "REPORT_SANDBOX": settings.sandbox,
        },
        "mounts": [{"type": "bind", "source": socket_folder(settings.root, instance.name), "target": SOCKET_DIR}],
        "tmpfs": [limits.tmpfs("/tmp", settings.memory // 2)],
        "healthcheck": dict(HEALTHCHECK),
        "limits": limits.report(instance, settings.memory, enabled=settings.limits),
        "init": True,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opts": ["no-new-privileges", f"seccomp={report_seccomp.profile()}"],
        "stop_timeout": 10,
    }


def candidates(instances: t.Iterable[Instance], platform: str, existing: t.Iterable[str]) -> list[str]:
    """The containers that may be services of instances that have none any more; their label tells.

    `instances`: all that the machine has, so that those that a run leaves out keep theirs. `existing`:
    names of the platform's containers.
    """
    wanted = {f"{platform}-{report_container(one.name)}" for one in instances if prints(one)}
    begin = f"{platform}-{report_container('')}"
    return sorted(name for name in existing if name.startswith(begin) and name not in wanted)
