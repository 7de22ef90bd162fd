# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Which machine runs what, and what other machines must reach, decided from an inventory. No I/O."""

from __future__ import annotations

import ipaddress
import typing as t

from .._runtime.common import values
from .instance import BUILDER_GROUP, MACHINE_GROUPS, ROOT_GROUP, Groups, Hostvars, instance_of, machine_of
from .model import Instance
from .settings import PORT

# For each service: the variable of its port, that variable's default, and the variable that names
# an external server.
SERVICES = {
    "postgres": ("postgres_port", 5432, "postgres_external"),
    "redis": ("redis_port", 6379, "redis_external"),
    "object_storage": ("object_storage_port", 8095, "object_storage_external"),
}
ADDRESS = "odoo_cloud_address"
SWIFT_PORT = 8080  # of the local object storage inside its container


def stated_address(machine: str, hostvars: Hostvars) -> str:
    """The address at which other machines reach this one, as the inventory states it."""
    variables = hostvars[machine]
    return str(variables.get(ADDRESS) or variables.get("ansible_host") or machine)


def address_of(machine: str | None, hostvars: Hostvars) -> str:
    """The address of `stated_address` if a port can be published on it, else empty.

    It must be an IP address, but neither the unspecified nor a loopback one.
    """
    if machine is None:
        return ""
    text = stated_address(machine, hostvars)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    return "" if address.is_unspecified or address.is_loopback else text


def builder(groups: Groups) -> str | None:
    """The machine that builds all images, None without machines."""
    for group in (BUILDER_GROUP, *MACHINE_GROUPS):
        for machine in groups.get(group) or []:
            return machine
    return None


def _port(value: t.Any, default: int, variable: str, owner: str) -> int:
    port = values.as_port(default if value is None or value == "" else value)
    if port is None:
        raise values.WrongValue(f"{variable}={value!r} of {owner}: {PORT}")
    return port


def _flag(value: t.Any, variable: str, machine: str | None) -> bool:
    found = values.as_boolean(value)
    if found is None:
        raise values.WrongValue(f"{variable}={value!r} of machine {machine!r}: give true or false")
    return found


def topology(groups: Groups, hostvars: Hostvars) -> dict[str, t.Any]:
    """Where each service is, and whether an Odoo on another machine needs it.

    Raises `WrongValue` for a port that is none, or a flag that is none.
    """
    places = {machine_of(replica, groups, hostvars) for replica in groups.get(ROOT_GROUP) or []} - {None}
    result: dict[str, t.Any] = {"image_builder": builder(groups), "instances": _numbers(groups, hostvars)}
    for service, (port, default, external) in SERVICES.items():
        machine = next(iter(groups.get(service) or []), None)
        variables = hostvars[machine] if machine else {}
        address = address_of(machine, hostvars)
        result[service] = {
            "machine": machine,
            "address": address,
            "port": _port(variables.get(port), default, port, f"machine {machine!r}"),
            "remote": bool(machine) and bool(places - {machine}) and not variables.get(external),
            # The name in its certificate, by which Odoo connects; old clients don't verify IP
            # addresses.
            "host": service.replace("_", "-"),
            "names": [service.replace("_", "-"), *([address] if address else [])],
        }
        theirs = variables.get(external) or {}
        if service == "postgres" and theirs:  # external server: Odoo connects by the server's own name
            result[service].update(
                host=str(theirs.get("host") or ""),
                port=_port(theirs.get("port"), default, f"{external}: port", f"machine {machine!r}"),
                rootcert=str(theirs.get("ssl_rootcert") or ""),
            )
        result[service]["external"] = bool(theirs)
    _addresses(result, groups, hostvars)
    return result


def _numbers(groups: Groups, hostvars: Hostvars) -> dict[str, int]:
    """How many instances each machine has, by its name; a machine without any is left out."""
    found: dict[str, set[str | None]] = {}
    for replica in groups.get(ROOT_GROUP) or []:
        machine = machine_of(replica, groups, hostvars)
        if machine is not None:
            found.setdefault(machine, set()).add(instance_of(replica, groups, hostvars))
    return {machine: len(names) for machine, names in found.items()}


def _addresses(result: dict[str, t.Any], groups: Groups, hostvars: Hostvars) -> None:
    """Where Redis and the object storage are, for a container of Odoo and for its machine.

    An external server needs no machine in its group; then the variable is read from a replica.
    """
    anybody = next(iter(groups.get(ROOT_GROUP) or []), None)

    def theirs(service: str) -> t.Any:
        member = result[service]["machine"] or anybody
        return hostvars[member].get(SERVICES[service][2]) if member else None

    redis, storage = result["redis"], result["object_storage"]
    redis["url"] = str((theirs("redis") or {}).get("url") or "")
    redis["external"] = redis["external"] or bool(redis["url"])
    shared = hostvars[redis["machine"]].get("redis_shared", False) if redis["machine"] else True
    # Whoever says where Redis is (odoo_redis of the role odoo) means one server.
    stated = anybody is not None and bool(hostvars[anybody].get("odoo_redis"))
    redis["own"] = not (redis["external"] or stated or _flag(shared, "redis_shared", redis["machine"]))
    external = str(theirs("object_storage") or "").rstrip("/")
    storage["external"] = storage["external"] or bool(external)
    published = f"http://{storage['address']}:{storage['port']}"
    # On its own machine Odoo reaches it in the instance's network, where Docker refuses ports that
    # containers of other networks publish.
    storage["network_endpoint"] = f"http://swift:{SWIFT_PORT}"
    if external or storage["machine"] is None:
        storage["endpoint"] = storage["machine_endpoint"] = storage["network_endpoint"] = external
    elif storage["remote"]:
        storage["endpoint"] = storage["machine_endpoint"] = published
    else:
        storage["endpoint"] = storage["network_endpoint"]
        storage["machine_endpoint"] = f"http://127.0.0.1:{storage['port']}"


def problems(groups: Groups, hostvars: Hostvars, instances: t.Sequence[Instance]) -> list[str]:
    """One line for each reason why this release can't work with these machines."""
    found = []
    try:
        places = topology(groups, hostvars)
    except values.WrongValue as error:
        return [str(error)]
    for service, place in places.items():
        if service not in SERVICES:
            continue
        members = list(groups.get(service) or [])
        if len(members) > 1:
            found.append(f"group {service}: {', '.join(members)} are in it; one machine is right")
        if place["remote"] and not place["address"]:
            found.append(
                f"{ADDRESS}={stated_address(members[0], hostvars)!r} of machine {members[0]!r}: Odoo on another machine needs "
                f"{service} there; give the IP address on which the port shall be published"
            )
    if places["redis"]["own"] and places["redis"]["remote"]:
        found += _same_ports(instances)
    proxies = list(groups.get("nginx") or [])
    for instance in instances:
        machines = sorted({replica.machine for replica in instance.replicas})
        if len(machines) > 1:
            found.append(
                f"ansible_host of the replicas of instance {instance.name!r}: they are on {' and '.join(machines)}; one machine is "
                "right, since it holds the instance's files"
            )
        elif proxies and machines and machines[0] not in proxies:
            found.append(
                f"group nginx: instance {instance.name!r} runs on machine {machines[0]!r}, which is not in it (there: "
                f"{', '.join(proxies)}); nginx has to run on the same machine as the replicas that it serves"
            )
    return found


def _same_ports(instances: t.Sequence[Instance]) -> list[str]:
    """One line for each instance whose Redis would be published on another one's port."""
    found = []
    taken: dict[int, str] = {}
    for instance in instances:
        owner = taken.setdefault(instance.redis.port, instance.name)
        if owner != instance.name:
            found.append(
                f"odoo_redis_port={instance.redis.port} of instance {instance.name!r}: the Redis of instance {owner!r} is"
                " published on this port; give one of the two another odoo_redis_port"
            )
    return found
