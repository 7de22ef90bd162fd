# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""How many connections to PostgreSQL each instance may have, and how many the server must allow. No
I/O.

The arithmetic, for one instance (`docs/security-services.md` explains it):

    replicas x (workers x 4 + cron workers x 4 + db_maxconn of the gevent process + 2)
    + 2 one-off containers x (db_maxconn + 4) + 5 for playbooks

The server must allow the sum over all instances, 10 for the keeper of each, and what is reserved
for the administrator. Its number is 200, 400, 800, ..., so that another instance rarely restarts it.
"""

from __future__ import annotations

import typing as t

from .._inventory.model import Instance
from .._runtime.common.values import as_whole
from . import odoo_conf

# A process that serves one request, or one job, at a time: the request's own connection, a second
# one that it opens itself (sequences without gaps, logging, `registry.cursor()`), two to spare.
PER_PROCESS = 4
PER_REPLICA = 2  # Odoo's parent process, or the runtime before Odoo starts: lock and history
ONE_OFFS = 2  # an installation or update, and beside it a rehearsal or a move of attachments
PER_ONE_OFF = 4  # the runtime's lock and history, a hook's psql; besides the pool of its Odoo
PLAYBOOKS = 5  # sessions of modules that read the database as its owner
KEEPER = 10  # restore points, rehearsals, rollbacks: two sessions each
ADMINISTRATOR = 10  # reserved for the administrator of the databases, the role postgres_admin_role
SUPERUSER = 5  # reserved for the superuser: health check, repairs inside the container
FEWEST, MOST = 200, 10000  # of a server


class ConnectionsError(ValueError):
    """The connections can't be computed; the message is one line for operators."""


def of_replica(instance: Instance, machine: t.Mapping[str, t.Any]) -> int:
    """How many connections one replica may need. `machine`: `cpus` and `memory_bytes`."""
    pool = _pool(instance, "db_maxconn") or odoo_conf.DB_MAXCONN
    workers = odoo_conf.workers_of(instance, machine)
    if not workers:
        return pool + PER_REPLICA  # threads of one process share one pool
    single = workers + odoo_conf.crons_of(instance)
    return single * min(PER_PROCESS, pool) + (_pool(instance, "db_maxconn_gevent") or pool) + PER_REPLICA


def of_instance(instance: Instance, machine: t.Mapping[str, t.Any]) -> int:
    """How many connections the role of an instance may have at once: as stated, else computed."""
    if instance.database.connections is not None:
        return instance.database.connections
    pool = _pool(instance, "db_maxconn") or odoo_conf.DB_MAXCONN
    replicas = max(1, len(instance.replicas))
    return replicas * of_replica(instance, machine) + ONE_OFFS * (pool + PER_ONE_OFF) + PLAYBOOKS


def _pool(instance: Instance, option: str) -> int | None:
    return as_whole(instance.conf.get(option)) if option in instance.conf else None


def databases(
    instances: t.Iterable[Instance], machines: t.Mapping[str, t.Mapping[str, t.Any]]
) -> list[dict[str, t.Any]]:
    """The option `databases` of the module `odoo_database`, with the connections of each.

    `machines`: size of the machines of Odoo by inventory host, as far as this run knows it. Raises
    `ConnectionsError` when one that is needed is missing.
    """
    found = []
    for instance in instances:
        machine = machines.get(instance.machine or "") or {}
        if instance.database.connections is None and "cpus" not in machine:
            raise ConnectionsError(
                f"--limit: the size of machine {instance.machine!r}, from which the connections of instance {instance.name!r}"
                " follow, isn't known; leave the limit out, or set odoo_db_connections"
            )
        found.append(
            {
                **instance.database.to_dict(),
                "connections": of_instance(instance, machine),
                "keeper_connections": KEEPER,
            }
        )
    return found


def needed(given: t.Iterable[t.Mapping[str, t.Any]]) -> int:
    """How many connections a server with these databases must allow."""
    roles: dict[str, int] = {}
    for one in given:
        roles[str(one.get("owner") or one.get("name"))] = int(one.get("connections") or 0)
        roles[str(one.get("keeper") or "")] = int(one.get("keeper_connections") or 0)
    return sum(roles.values()) + ADMINISTRATOR + SUPERUSER


def max_connections(given: t.Iterable[t.Mapping[str, t.Any]]) -> int:
    """The `max_connections` of a server with these databases, unless the inventory states one."""
    least, found = needed(given), FEWEST
    while found < least:
        found *= 2
    return min(found, MOST)


def problems(given: t.Sequence[t.Mapping[str, t.Any]], stated: t.Any = "") -> list[str]:
    """A line when the connections of all instances don't fit.

    `stated`: `postgres_max_connections` of the inventory, empty for none.
    """
    least = needed(given)
    allowed = max_connections(given) if stated in (None, "") else as_whole(stated) or 0
    if least <= allowed:
        return []
    most = max(given, key=lambda one: int(one.get("connections") or 0))
    reserved = ADMINISTRATOR + SUPERUSER
    return [
        f"postgres_max_connections={allowed}: the roles of all {len(given)} databases may have {least} connections, {reserved} of"
        f" them reserved for the administrator; give {least} or more, or lower odoo_db_connections of instances (the most has"
        f" database {str(most.get('name'))!r}: {most.get('connections')})"
    ]
