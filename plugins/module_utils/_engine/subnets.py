# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Chooses the addresses of networks from a pool, beside what the engine and the machine use. No I/O
apart from `routes`.

The engine's own pools hold some 30 networks. A block of 64 addresses is enough for the containers
of one instance and its services, so a pool of 65,536 addresses (/16) holds 1,024 instances.
"""

from __future__ import annotations

import hashlib
import ipaddress
import typing as t

VARIABLE = "odoo_cloud_network_pool"
DEFAULT_POOL = "172.30.0.0/16"
BLOCK = 26  # prefix length of one network: 64 addresses, of which containers get 61


class SubnetError(ValueError):
    """There are no addresses for a network; the message is one line for operators."""


def pool_of(text: str) -> ipaddress.IPv4Network:
    """The pool as a network. Raises `SubnetError`."""
    try:
        pool = ipaddress.IPv4Network(str(text))
        if pool.prefixlen > BLOCK:
            raise ValueError
    except ValueError:
        raise SubnetError(
            f"{VARIABLE}={text!r}: give an IPv4 network of at least 64 addresses, such as {DEFAULT_POOL}"
        ) from None
    return pool


def choose(text: str, taken: t.Iterable[str], names: t.Sequence[str]) -> dict[str, str]:
    """A subnet for each network of `names`.

    - `text`: the pool.
    - `taken`: subnets that the engine's networks and the machine's routes use.

    Where the search begins follows from the name, so that two runs at the same time rarely choose the
    same. Raises `SubnetError` when there is not enough room for all of them.
    """
    pool = pool_of(text)
    count = 2 ** (BLOCK - pool.prefixlen)
    size = 2 ** (32 - BLOCK)
    begin, used = int(pool.network_address), set()
    for one in taken:
        try:
            other = ipaddress.ip_network(str(one), strict=False)
        except ValueError:
            continue
        if other.version == 4 and other.overlaps(pool):
            first = max(int(other.network_address) - begin, 0) // size
            last = min((int(other.broadcast_address) - begin) // size, count - 1)
            used.update(range(first, last + 1))
    if count - len(used) < len(names):
        raise SubnetError(
            f"{VARIABLE}={text!r}: {len(names)} more instances need a network of {size} addresses each, and there is room for"
            f" {count - len(used)} of {count}; give a larger IPv4 network that nothing else uses"
        )
    found = {}
    for name in names:
        index = int(hashlib.sha256(name.encode("utf-8")).hexdigest(), 16) % count
        while index in used:
            index = (index + 1) % count
        used.add(index)
        found[name] = f"{ipaddress.IPv4Address(begin + index * size)}/{BLOCK}"
    return found


def routes(path: str = "/proc/net/route") -> list[str]:
    """The IPv4 networks to which the machine has a route, without the default route."""
    found = []
    try:
        with open(path, encoding="ascii") as stream:
            rows = [line.split() for line in stream.readlines()[1:]]
    except OSError:
        return []
    for row in rows:
        target, mask = (int.from_bytes(bytes.fromhex(row[column]), "little") for column in (1, 7))
        if mask:
            found.append(f"{ipaddress.IPv4Address(target)}/{bin(mask).count('1')}")
    return found


def of_networks(networks: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    """The subnets of the engine's networks, as it lists them."""
    return [
        str(one["Subnet"])
        for network in networks
        for one in (network.get("IPAM") or {}).get("Config") or []
        if one.get("Subnet")
    ]
