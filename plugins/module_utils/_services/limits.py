# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""What each container may take of its machine: memory, processes, and its weight for processors.
No I/O.

Memory. A machine of M bytes (in coarse steps, see `machine_info`) leaves M/4 to PostgreSQL, which is what the role
`postgres` plans, and OTHERS to nginx, Redis and the store; the rest R is for Odoo. A replica has W
workers for requests, C for crons, and one for websockets. Each of them may take `limit_memory_hard`
before the kernel refuses it more, and takes WORKER_MEMORY on average (odoo_conf.py has both). So

    most  = BASE + (W + C + 1) * hard              all of them at their own limit: more is never used
    least = BASE + (W + C) * WORKER_MEMORY + hard  one of them at its limit, the others as usual
    fair  = R * OVERCOMMIT / (N * replicas)        N instances on the machine, rounded up to 1, 2, 4, 8 ...

and its limit is `fair`, but not below `least`, not above `most`, and never above R. So a normal Odoo is
not killed for memory where it could work without a limit, and one that takes whatever it gets ends
before it takes what PostgreSQL needs. The limits of all containers together may be more than the
machine has. When it has nothing left, the kernel ends one-off containers first, then replicas, and
services last (`oom_score_adj`; never below 0, which an engine inside a container may not set).

Processors. Containers get time by their weight when there is not enough for all. Services have twice
the weight of an instance, since all instances wait for them, and the replicas of an instance share its
weight. So an instance gets no more by having more replicas or more load.
"""

from __future__ import annotations

import typing as t

from .._inventory.model import Instance
from . import odoo_conf

Limits = dict[str, t.Any]

MIB = 1024 * 1024
OTHERS = 256 * MIB  # of nginx, Redis and the store at rest
BASE = 256 * MIB  # of Odoo's master process, the runtime and /tmp
OVERCOMMIT = 1.5
INSTANCE_SHARES, SERVICE_SHARES, LEAST_SHARES = 1024, 2048, 2
# Processes and threads. A worker that prints starts wkhtmltopdf, whose threads count too.
WORKER_PIDS, LEAST_PIDS, RUN_PIDS, REPORT_PIDS = 32, 512, 1024, 512
SERVICE_PIDS = {"postgres": 512, "redis": 128, "nginx": 512, "swift": 512, "mail": 64}
# Whom the kernel ends first when the machine has no memory left, the highest number
REPLICA_OOM, RUN_OOM = 300, 600


def for_odoo(machine: t.Mapping[str, t.Any]) -> int:
    """Bytes of a machine's memory that all Odoo containers may take together. `machine`: its size."""
    memory = int(machine["memory_bytes"])
    return max(memory - memory // 4 - OTHERS, memory // 2)


def _crowd(instances: int) -> int:
    """The number of instances, rounded up to a power of two: so that one more rarely changes others."""
    return 1 << max(instances - 1, 0).bit_length()


def _of(memory: int, pids: int, shares: int) -> Limits:
    """The limits in the terms of the role `container`. There is no swap beyond the memory."""
    memory = memory // MIB * MIB
    return {"memory": memory, "memory_swap": memory, "pids_limit": pids, "cpu_shares": shares}


def odoo(instance: Instance, machine: t.Mapping[str, t.Any], instances: int, run: bool = False) -> Limits:
    """The limits of one container of an instance.

    - `machine`: its `cpus` and `memory_bytes`. `instances`: how many run there.
    - `run`: whether it is a one-off container. It may take all memory that is Odoo's, because an
      update that is killed costs most; replicas may be stopped meanwhile.
    """
    room, replicas = for_odoo(machine), max(len(instance.replicas), 1)
    workers, hard = odoo_conf.size_of(instance, machine)
    processes = workers + odoo_conf.crons_of(instance) + 1 if workers else 1
    least = BASE + (processes - 1) * odoo_conf.WORKER_MEMORY + hard
    most = BASE + processes * hard
    fair = int(room * OVERCOMMIT) // (_crowd(instances) * replicas)
    wanted, shares = instance.limits, instance.limits.cpu_shares or INSTANCE_SHARES
    if run:
        found = _of(wanted.run_memory or room, max(wanted.pids or 0, RUN_PIDS), shares)
        return {**found, "oom_score_adj": RUN_OOM}
    found = _of(
        wanted.memory or min(max(least, min(fair, most)), room),
        wanted.pids or max(LEAST_PIDS, processes * WORKER_PIDS),
        max(shares // replicas, LEAST_SHARES),
    )
    return {**found, "oom_score_adj": REPLICA_OOM}


def service(
    name: str,
    machine: t.Mapping[str, t.Any],
    memory: int = 0,
    reservation: int = 0,
    pids: int = 0,
    enabled: bool = True,
) -> Limits:
    """The limits of a container of a service.

    - `name`: postgres, redis, nginx, swift, mail; another one gets as many processes as Redis.
    - `machine`: its `memory_bytes`, for a service without `memory`.
    - `memory`: bytes that it may take; 0 for three quarters of the machine, most of which PostgreSQL
      uses for the cache of its files.
    - `reservation`: bytes that are left to it when the machine has no memory left; 0 for none.
    - `pids`: processes and threads; 0 for as many as the service needs at most.
    - `enabled`: whether there are limits; else `memory` is the only one, if it is given.
    """
    if not enabled:
        return {"memory": memory} if memory else {}
    found = _of(
        memory or int(machine["memory_bytes"]) * 3 // 4,
        pids or SERVICE_PIDS.get(name, SERVICE_PIDS["redis"]),
        SERVICE_SHARES,
    )
    return {**found, "memory_reservation": reservation // MIB * MIB} if reservation else found


def report(instance: Instance, memory: int, enabled: bool = True) -> Limits:
    """The limits of the container that prints an instance's reports.

    It has half the weight of the instance, and is ended as early as one-off containers: a browser that
    takes all the memory prints what the instance gave it. `memory`: bytes. `enabled`: as for `service`.
    """
    if not enabled:
        return {"memory": memory}
    shares = max((instance.limits.cpu_shares or INSTANCE_SHARES) // 2, LEAST_SHARES)
    return {**_of(memory, REPORT_PIDS, shares), "oom_score_adj": RUN_OOM}


def tmpfs(path: str, size: int, options: str = "") -> str:
    """A file system in memory with a limit, in the notation of a definition. It counts as memory of
    the container. `size`: bytes.
    """
    return f"{path}:{options + ',' if options else ''}size={max(size // MIB, 16)}m"
