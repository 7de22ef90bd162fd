# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Which hosts `--limit` may leave out, decided from an inventory. No I/O.

A playbook about instances first works on machines (it stops replicas and updates databases) and
then on replicas. With only one of both it would stop halfway and report success.
"""

from __future__ import annotations

import typing as t

from .instance import MACHINE_GROUPS, ROOT_GROUP, Groups, Hostvars, instance_of, machine_of

SCOPES = ("machines", "platform", "instances")


def instance_groups(groups: Groups, hostvars: Hostvars) -> dict[str, str]:
    """The group of each replica's instance, for replicas in valid groups.

    The lookup `instances` reports the others.
    """
    found = {replica: instance_of(replica, groups, hostvars) for replica in groups.get(ROOT_GROUP) or []}
    return {replica: instance for replica, instance in found.items() if instance}


def whole(chosen: t.Collection[str], groups: Groups, hostvars: Hostvars) -> set[str]:
    """The smallest set of hosts that includes `chosen` and no part of an instance without the rest.

    A machine comes with the replicas on it; a replica with its machine, whose nginx serves it, and
    with the instance's other replicas.
    """
    instance = instance_groups(groups, hostvars)
    machines = {replica: machine_of(replica, groups, hostvars) for replica in instance}
    found: set[str] = set(chosen)
    while True:
        before = len(found)
        for replica, machine in machines.items():
            if replica in found or machine in found:
                siblings = [one for one, name in instance.items() if name == instance[replica]]
                found.update(siblings)
                found.update(str(machines[one]) for one in siblings if machines[one])
        if len(found) == before:
            return found


def shortest(hosts: t.Collection[str], groups: Groups, hostvars: Hostvars) -> str:
    """The hosts as a value of `--limit`; a whole instance is given by its group."""
    instance = instance_groups(groups, hostvars)
    complete = {name for name in instance.values() if set(groups[name]) <= set(hosts)}
    replicas = [host for host in groups.get(ROOT_GROUP) or [] if host in hosts]
    plain = [host for host in hosts if host not in replicas]
    names = [instance[one] if instance.get(one) in complete else one for one in replicas]
    return ",".join(dict.fromkeys([*sorted(plain), *sorted(names)]))


def limit_problems(
    limit: str,
    chosen: t.Sequence[str],
    groups: Groups,
    hostvars: Hostvars,
    scope: str = "platform",
    needs: t.Sequence[str] = MACHINE_GROUPS,
    choice: bool = False,
) -> list[str]:
    """Why a playbook can't work with these hosts: a list of one line, or none.

    - `limit`: the given `--limit`. `chosen`: the hosts that it leaves.
    - `scope`: `machines` for a playbook that never changes replicas, `platform` for one that may,
      `instances` for one that does nothing without an instance.
    - `needs`: groups of machines; the playbook needs a machine of at least one.
    - `choice`: whether `odoo_cloud_instance` selects one instance.
    """
    replicas = set(groups.get(ROOT_GROUP) or [])
    if scope == "instances" and not replicas:
        return ["group odoo: there is no replica in the inventory, so there is nothing to do; put the instances there"]
    members = {group: set(groups.get(group) or []) for group in needs}
    wanted = set(chosen) if scope == "machines" else whole(chosen, groups, hostvars)
    missing, reason = wanted - set(chosen), ""
    if missing:
        reason = f"it has a part of an instance without the rest, {_listed(missing)}"
    elif scope == "instances" and not wanted & replicas:
        reason = "it has no instance, so nothing would be done"
        wanted = whole(replicas, groups, hostvars)
    if any(members.values()) and not any(wanted & hosts for hosts in members.values()):
        reason = reason or f"it has no machine of the group {' or '.join(needs)}, so nothing would be done"
        wanted.add(next(groups[group][0] for group, hosts in members.items() if hosts))
        wanted = wanted if scope == "machines" else whole(wanted, groups, hostvars)
    if not reason:
        return []
    if scope == "machines":
        wanted -= replicas
    alone = "; one instance alone is chosen by -e odoo_cloud_instance=<name>" if choice else ""
    return [f"--limit {limit}: {reason}; right is --limit {shortest(wanted, groups, hostvars)}{alone}"]


def _listed(hosts: t.Collection[str]) -> str:
    names = sorted(hosts)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
