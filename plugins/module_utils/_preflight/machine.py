# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""What a machine must have before anything is changed on it: decisions over measured facts. No I/O."""

from __future__ import annotations

import typing as t

from .._engine import subnets
from .._runtime.common import values

MIB = 1024 * 1024
# Measured: PostgreSQL, Redis, Swift, nginx and one Odoo of two workers take 1.1 GiB at rest
# (docs/benchmarks.md).
LEAST_MEMORY = 2048 * MIB
# The images of one Odoo version take 2.6 GB, the others 1.3 GB; the rest is for a database.
LEAST_DISK = 8192 * MIB


def _gib(number: float) -> str:
    return f"{number / 1024 / MIB:.1f} GiB"


def machine_problems(
    machine: dict[str, t.Any],
    ports: dict[str, t.Any],
    least_memory: int = LEAST_MEMORY,
    least_disk: int = LEAST_DISK,
    networks: t.Iterable[str] = (),
    pool: str = subnets.DEFAULT_POOL,
) -> list[str]:
    """One line for each reason why the machine can't be used.

    - `machine`: the return values of the module `machine_info`.
    - `ports`: the TCP ports that the platform is going to publish there, by variable.
    - `least_memory`, `least_disk`: what it must have, in bytes.
    - `networks`: names of the networks of its instances.
    - `pool`: the IPv4 network from which those that are missing get their addresses.
    """
    problems = []
    name = machine["name"]
    if machine["memory_bytes"] < least_memory:
        problems.append(
            f"machine {name!r} has {_gib(machine['memory_bytes'])} of memory: {_gib(least_memory)} are needed "
            "(preflight_least_memory lowers the limit)"
        )
    for path, free in machine["disk_free_bytes"].items():
        if free < least_disk and not machine["platform_containers"]:
            problems.append(
                f"{path!r} on machine {name!r} has {_gib(free)} free: {_gib(least_disk)} are needed "
                "(preflight_least_disk lowers the limit)"
            )
    seen: dict[int, str] = {}
    for variable, value in sorted(ports.items()):
        port = values.as_port(value)
        if port is None:
            problems.append(f"{variable}={value!r}: a port is a number from 1 to 65535")
            continue
        if port in seen:
            problems.append(f"{variable}={port}: {seen[port]} has the same port; choose another one")
        seen[port] = variable
        if port in machine["ports_listening"] and port not in machine["platform_ports"]:
            problems.append(
                f"{variable}={port}: another program listens on this port of machine {name!r}; choose another port or stop it"
            )
    try:
        missing = [one for one in networks if one not in machine["platform_networks"]]
        subnets.choose(pool, machine["subnets_taken"], missing)
    except subnets.SubnetError as error:
        problems.append(f"{error} (machine {name!r})")
    return problems
