# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances for tests, made as the lookup makes them."""

from __future__ import annotations

import typing as t

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.instance import build_instances
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.model import Instance
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.odoo_containers import Surroundings

SOFTWARE = {
    "image": "sha256:1",
    "release": "sha256:1",
    "folder": "",
    "mount": "/mnt/release",
    "pythonpath": "/mnt/release/python",
}
# As the role odoo gives it to its filters
SURROUNDINGS: dict[str, t.Any] = {
    "name": "oc",
    "root": "/srv/oc",
    "machine": {"cpus": 2, "memory_bytes": 4294967296},
    "db_host": "/run/postgresql",
    "db_port": "5432",
    "db_socket": "/srv/oc/postgres/socket",
    "db_ca_certificate": "",
    "etc_hosts": {},
    "redis": {},
    "storage": {},
    "code": {"acme": SOFTWARE},
    "limits": True,
    "instances": 1,
}


def make(name: str = "acme", environment: str = "prod", replicas: t.Any = ("app1",), **settings: t.Any) -> Instance:
    """The instance C(name) with one replica on each of the machines C(replicas), and inventory variables of its group."""
    hosts = {f"{name}-{number}": machine for number, machine in enumerate(replicas, 1)}
    groups = {one: list(hosts) for one in ("odoo", environment.replace("-", "_"), name)}
    groups["docker_hosts"] = list(dict.fromkeys(replicas))
    hostvars = {host: {"ansible_host": machine, **settings} for host, machine in hosts.items()}
    (instance,) = build_instances(
        groups, {**hostvars, **{machine: {} for machine in replicas}}, lambda one: f"secret-of-{one}"
    )
    return instance


def surroundings(**changed: t.Any) -> Surroundings:
    """What the instance C(acme) has around it on its machine."""
    return Surroundings.from_dict({**SURROUNDINGS, **changed})
