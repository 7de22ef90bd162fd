#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_info
short_description: The facts of a machine that the platform needs for its decisions
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Returns processors, memory, free disk space, listening TCP ports, and the platform's containers,
    if there is an engine.
  - With O(root) it also returns to which platform that folder belongs, and digests that are
    compared with the secrets on the controller.
  - It takes 0.2 seconds, where gathering facts takes one.
  - With O(root) it also takes a snapshot of the machine, which spares later tasks of the same
    playbook run a module run of their own.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - It changes nothing.
  idempotent:
    support: full
options:
  name:
    description: Name of the machine, returned for messages.
    type: str
    required: true
  platform:
    description: Name of the platform (C(odoo_cloud_name)) whose containers are listed.
    type: str
    required: true
  paths:
    description:
      Folders whose free disk space is measured. For a folder that does not exist, its nearest
      existing parent is measured.
    type: list
    elements: path
    default: [/var/lib/docker]
  root:
    description:
      Folder of the platform on the machine, see P(odoo_cloud.platform.root#lookup). Without it, no
      folder is inspected and no snapshot is taken.
    type: path
  snapshot_key:
    description:
      - Key for the digests of the snapshot. With it, the module also reads the platform's files
        below O(root), its containers, and the names of the engine's networks.
      - Set by the action plugin of this name, which keeps the snapshot on the controller until the
        end of the run and out of the result. M(odoo_cloud.platform.files) and
        M(odoo_cloud.platform.container_plan) use it to recognise that nothing has to be done.
    type: str
"""

EXAMPLES = r"""
- name: Inspect the machine
  odoo_cloud.platform.machine_info:
    name: "{{ inventory_hostname }}"
    platform: odoo-cloud
    root: "{{ lookup('odoo_cloud.platform.root') }}"
  register: machine
"""

RETURN = r"""
name:
  description: Value of O(name).
  returned: always
  type: str
  sample: localhost
cpus:
  description: Processors that may be used.
  returned: always
  type: int
  sample: 2
memory_bytes:
  description: Memory in bytes; the limit of the control group if that is less.
  returned: always
  type: int
  sample: 25165824000
memory_coarse_bytes:
  description:
    - The same in coarse steps. Services and containers are sized from it, so none is restarted because
      a new kernel keeps some megabytes more for itself.
  returned: always
  type: int
  sample: 24696061952
disk_free_bytes:
  description: Free bytes for each of O(paths).
  returned: always
  type: dict
  sample: {"/var/lib/docker": 85899345920}
ports_listening:
  description: TCP ports on which a program listens.
  returned: always
  type: list
  elements: int
  sample: [22, 8443]
engine:
  description: Whether a Docker engine answers.
  returned: always
  type: bool
  sample: true
images:
  description:
    Images that a platform built on this machine, with the keys C(Id), C(RepoTags) and C(Labels) as
    the engine returns them.
  returned: always
  type: list
  elements: dict
  sample:
    - Id: sha256:4bb46517cac3
      RepoTags: ["odoo-cloud/redis:5cb1f0a3d0f1"]
      Labels: {"org.odoo-cloud.platform": odoo-cloud}
python_modules:
  description:
    Which of the Python modules C(requests) and C(psycopg2) the interpreter of modules can import.
  returned: always
  type: list
  elements: str
  sample: [requests, psycopg2]
platform_containers:
  description: Names of the platform's containers, also stopped ones.
  returned: always
  type: list
  elements: str
  sample: [odoo-cloud-postgres]
platform_ports:
  description: TCP ports that the platform's containers publish.
  returned: always
  type: list
  elements: int
  sample: [8443]
platform_volumes:
  description: Names of the platform's volumes.
  returned: always
  type: list
  elements: str
  sample: [odoo-cloud-postgres]
platform_networks:
  description: Names of the platform's networks.
  returned: always
  type: list
  elements: str
  sample: [odoo-cloud, odoo-cloud.acme_prod]
subnets_taken:
  description: Subnets that the engine's networks and the machine's routes use.
  returned: always
  type: list
  elements: str
  sample: [172.18.0.0/16]
root:
  description:
    - What the folder O(root) shows. C(mark) is the mark that a platform left there, its name
      (C(platform)) and the fingerprint of its secrets.
    - C(others) lists other platforms that use a folder in, above or below it. C(own_roots) are the
      folders that are mounted in the platform's containers, C(mounted) is whether O(root) is one of
      them. C(digests) are those of generated secrets and of the CA, C(swift) those of the object
      storage alone.
  returned: when O(root) is given
  type: dict
  sample: {"path": "/srv/odoo-cloud", "exists": true, "empty": false, "mark": {"platform": "odoo-cloud", "secrets": "5e88…"}, "others": []}
"""

import importlib.util
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine import subnets
from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.api import Engine, EngineError
from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.comparison import PLATFORM_LABEL, owner_of
from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine import snapshot
from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine.containers import other_mounts
from ansible_collections.odoo_cloud.platform.plugins.module_utils._preflight import owner

PYTHON_MODULES = (
    "requests",
    "psycopg2",
)  # needed by modules on the machine; the role docker_engine installs them

LISTEN = "0A"  # st column of /proc/net/tcp, include/net/tcp_states.h
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_bytes() -> int:
    """Memory in bytes of the machine, or of its control group when that has less."""
    total = 0
    with open("/proc/meminfo", encoding="ascii") as handle:
        for line in handle:
            if line.startswith("MemTotal:"):
                total = int(line.split()[1]) * 1024
    for path in CGROUP_LIMITS:
        try:
            with open(path, encoding="ascii") as handle:
                text = handle.read().strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total


def coarse(memory: int) -> int:
    """The memory in steps of 1/16 of the power of two below it, such as 1 GiB on a machine of 24 GiB."""
    step = max(1 << max(memory.bit_length() - 1, 0), 16) // 16
    return memory // step * step


def ports_listening() -> list[int]:
    """TCP ports in state LISTEN, IPv4 and IPv6."""
    ports = set()
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(path, encoding="ascii") as handle:
                rows = [line.split() for line in handle.readlines()[1:]]
        except OSError:
            continue
        ports.update(int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTEN)
    return sorted(ports)


def disk_free(path: str) -> int:
    """Bytes available to unprivileged users in a folder or its nearest existing parent."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "platform": {"type": "str", "required": True},
            "paths": {"type": "list", "elements": "path", "default": ["/var/lib/docker"]},
            "root": {"type": "path"},
            "snapshot_key": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    platform, root, key = (module.params[name] for name in ("platform", "root", "snapshot_key"))
    everything: list[dict[str, t.Any]] = []
    volumes: list[str] = []
    images: list[dict[str, t.Any]] = []
    networks: list[dict[str, t.Any]] = []
    engine: Engine | None = None
    try:
        engine = Engine()
        everything = engine.containers()
        images = snapshot.read_images(engine)
        networks = engine.networks()
        volumes = engine.volumes(label=[f"{PLATFORM_LABEL}={platform}"])
    except EngineError:
        engine = None
    memory = memory_bytes()
    containers = [one for one in everything if owner_of(one) == platform]
    published = {port["PublicPort"] for one in containers for port in one.get("Ports") or [] if port.get("PublicPort")}
    module.exit_json(
        changed=False,
        name=module.params["name"],
        cpus=len(os.sched_getaffinity(0)),
        memory_bytes=memory,
        memory_coarse_bytes=coarse(memory),
        disk_free_bytes={path: disk_free(path) for path in module.params["paths"]},
        ports_listening=ports_listening(),
        engine=engine is not None,
        images=images,
        python_modules=[name for name in PYTHON_MODULES if importlib.util.find_spec(name) is not None],
        platform_containers=sorted(name.lstrip("/") for one in containers for name in one["Names"][:1]),
        platform_ports=sorted(published),
        platform_volumes=sorted(volumes),
        platform_networks=sorted(
            str(one["Name"]) for one in networks if (one.get("Labels") or {}).get(PLATFORM_LABEL) == platform
        ),
        subnets_taken=subnets.of_networks(networks) + subnets.routes(),
        **({"root": owner.inspect_root(root, platform, everything)} if root else {}),
        **(_snapshot(engine, platform, root, key, everything, networks) if root and key else {}),
    )


def _snapshot(
    engine: Engine | None,
    platform: str,
    root: str,
    key: str,
    everything: list[dict[str, t.Any]],
    networks: list[dict[str, t.Any]],
) -> dict[str, t.Any]:
    """The part of the result that the action plugin keeps and does not show."""
    names = [str(name).lstrip("/") for one in everything for name in one["Names"][:1]]
    return {"snapshot": snapshot.read(engine, platform, root, key, names, networks, other_mounts)}


if __name__ == "__main__":
    main()
