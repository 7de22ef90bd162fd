# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The rules that close the machine, the metadata service and unwanted egress to instances. No I/O.

They are one table of nftables, which the container `<platform>-firewall` keeps loaded in the kernel.
Rules name the bridges of instances, not addresses, so they hold for whatever is connected to them,
and before the bridges exist. What is refused here is refused whatever rules Docker or the machine's
owner has; what is let through here still has to pass those.
"""

from __future__ import annotations

import typing as t

from .._inventory import egress
from .._inventory.egress import Target
from .._inventory.model import Instance
from .._inventory.naming import bridge_of, bridge_prefix, network_of
from .._inventory.stateless import redis_at
from .odoo_containers import Surroundings

RESOLVERS = "resolvers"  # the set of the machine's name servers
# Link-local addresses, of which cloud providers use 169.254.169.254 for metadata, and those of Azure,
# Alibaba, Amazon and Google besides
METADATA = {4: "{ 169.254.0.0/16, 168.63.129.16, 100.100.100.200 }", 6: "{ fd00:ec2::254, fd20:ce::254 }"}
_FAMILIES = {4: "ip", 6: "ip6"}
_REFUSE = "reject with icmpx type admin-prohibited"
# Where mail is sent and fetched: closed to instances whose mail is caught, whatever they may reach
# otherwise, so that code that opens connections itself reaches nobody either.
MAIL_PORTS = (25, 110, 143, 465, 587, 993, 995, 2525)


def table_of(platform: str) -> str:
    """The name of a platform's table."""
    return f"odoo_cloud_{bridge_prefix(platform)}"


def needs(instance: Instance, here: Surroundings) -> list[Target]:
    """The services outside of Docker's networks that an instance is configured with."""
    stateless, redis = instance.stateless, here.redis
    found = [egress.of_host(here.etc_hosts.get(here.db_host, here.db_host), here.db_port)]
    if stateless.enabled:
        if redis.get("url"):
            found.append(egress.of_url(str(redis["url"])))
        elif not redis.get("own") or redis.get("tls"):  # otherwise it is in the instance's network
            host, port = redis_at(instance, redis)
            found.append(egress.of_host(here.etc_hosts.get(str(host or ""), str(host or "")), int(port or 0)))
        region = stateless.s3.region or str(here.storage.get("region") or "")
        endpoint = str(here.storage.get("endpoint") or "")
        if stateless.kind == "ovh":
            found.append(egress.of_url(stateless.swift.auth_url or endpoint))
        else:
            found.append(egress.of_url(stateless.s3.endpoint or endpoint or f"https://s3.{region}.amazonaws.com"))
    mail = instance.mail
    if not mail.caught:
        for host, port in ((mail.server, mail.port), (mail.incoming.server, mail.incoming.port)):
            found.append(egress.of_host(here.etc_hosts.get(host, host), port))
    if stateless.statsd.host:
        found.append(egress.of_host(stateless.statsd.host, stateless.statsd.port, "udp"))
    return sorted({one for one in found if one})


def rules(instances: t.Iterable[Instance], here: Surroundings) -> dict[str, str]:
    """The table as text for nft, `rules`; its name, `table`; and `names`: a line `<set> <host name>` for
    each name whose addresses have to be put into sets.
    """
    prefix, chosen = bridge_prefix(here.name), sorted(instances, key=lambda one: one.name)
    needed = {one.name: needs(one, here) for one in chosen}
    targets = {one.name: _targets(one, needed[one.name]) for one in chosen}
    everything = [*needed.values(), *(some or [] for some in targets.values())]
    hosts = sorted({one.host for some in everything for one in some if not one.family})
    sets = {host: f"name{number}" for number, host in enumerate(hosts)}
    bridges = {one.name: bridge_of(network_of(here.name, one.name)) for one in chosen}
    asking = [bridges[name] for name, some in targets.items() if some is None or any(not one.family for one in some)]
    lines = [f"# Platform {here.name}. Written by Ansible.", f"table inet {table_of(here.name)} {{"]
    for name in (RESOLVERS, *sets.values()):
        for family in _FAMILIES:
            lines += [f"    set {name}_{family} {{", f"        type ipv{family}_addr", "    }"]
    lines += _chain("machine", _machine(prefix, asking), "type filter hook prerouting priority -150; policy accept;")
    lines += _chain("input", [f'iifname "{prefix}*" jump own'], "type filter hook input priority -10; policy accept;")
    services = [row for name, some in needed.items() for row in _accepted(some, sets, f'iifname "{bridges[name]}" ')]
    lines += _chain("own", _own(asking, services))
    lines += _chain(
        "forward",
        [f'iifname "{prefix}*" jump outgoing', f'oifname "{prefix}*" jump incoming'],
        "type filter hook forward priority -10; policy accept;",
    )
    lines += _chain("incoming", ["ct state established,related accept", "drop"])
    listed = ", ".join(f'"{bridges[one.name]}" : jump {_chain_of(one)}' for one in chosen)
    # A network that no instance has any more reaches nothing.
    lines += _chain("outgoing", [*([f"iifname vmap {{ {listed} }}"] if listed else []), _REFUSE])
    for one in chosen:
        lines += [f"    # {one.name}: {one.egress}"]
        lines += _chain(
            _chain_of(one), _instance(bridges[one.name], prefix, targets[one.name], sets, asking, one.mail.caught)
        )
    return {
        "table": table_of(here.name),
        "rules": "\n".join([*lines, "}"]) + "\n",
        "names": "".join(f"{sets[host]} {host}\n" for host in hosts),
    }


def _targets(instance: Instance, needed: list[Target]) -> list[Target] | None:
    """What an instance may reach; None for everything."""
    if instance.egress == egress.OPEN:
        return None
    allowed = instance.egress_allowed if instance.egress == egress.LISTED else ()
    return sorted({*needed, *map(egress.parse, allowed)})


def _chain(name: str, rows: t.Iterable[str], hook: str = "") -> list[str]:
    return [f"    chain {name} {{", *(f"        {row}" for row in (*([hook] if hook else []), *rows)), "    }"]


def _chain_of(instance: Instance) -> str:
    return f"of_{instance.name}"


def _dns(asking: t.Sequence[str]) -> list[str]:
    """Rules that let these bridges ask the machine's name servers."""
    if not asking:
        return []
    names = ", ".join(f'"{one}"' for one in asking)
    return [
        f"iifname {{ {names} }} {ip} daddr @{RESOLVERS}_{family} {protocol} dport 53 accept"
        for family, ip in _FAMILIES.items()
        for protocol in ("udp", "tcp")
    ]


def _machine(prefix: str, asking: t.Sequence[str]) -> list[str]:
    """Before addresses are translated: so ports that containers publish are closed, too."""
    return [
        f'iifname != "{prefix}*" accept',
        "ct direction reply accept",
        *_dns(asking),  # some providers' name server has the address of their metadata
        *(f"{ip} daddr {METADATA[family]} drop" for family, ip in _FAMILIES.items()),
        "fib daddr type local jump own",
    ]


def _own(asking: t.Sequence[str], services: t.Sequence[str]) -> list[str]:
    """What may reach the machine itself: answers, neighbour discovery of IPv6, name servers, and
    configured services that run on it, not in a container.
    """
    return [
        "ct direction reply accept",
        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
        *_dns(asking),
        *services,
        "drop",
    ]


def _instance(
    bridge: str,
    prefix: str,
    targets: t.Sequence[Target] | None,
    sets: t.Mapping[str, str],
    asking: t.Collection[str],
    caught: bool,
) -> list[str]:
    """What leaves the network of one instance. `caught`: whether its mail goes to a catcher there."""
    ports = ", ".join(str(port) for port in MAIL_PORTS)
    found = [
        f'oifname "{bridge}" accept',
        f'oifname "{prefix}*" {_REFUSE}',
        *([f"tcp dport {{ {ports} }} {_REFUSE}"] if caught else []),
        *_dns([bridge] if bridge in asking else []),
        *(f"{ip} daddr {METADATA[family]} {_REFUSE}" for family, ip in _FAMILIES.items()),
    ]
    if targets is None:
        return [*found, "accept"]
    return [*found, *_accepted(targets, sets), _REFUSE]


def _accepted(targets: t.Iterable[Target], sets: t.Mapping[str, str], begin: str = "") -> list[str]:
    """The rules that let these targets through. `begin`: a further condition."""
    found = []
    for one in targets:
        port = f" {one.protocol} dport {one.port}" if one.port else ""
        for family in [one.family] if one.family else _FAMILIES:
            where = one.host if one.family else f"@{sets[one.host]}_{family}"
            found.append(f"{begin}{_FAMILIES[family]} daddr {where}{port} accept")
    return found
