# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Which addresses outside the platform an instance may reach: the notation of `odoo_egress_allowed`. No I/O."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import urllib.parse

OPEN, LISTED, NONE = "open", "listed", "none"
POLICIES = (OPEN, LISTED, NONE)
RIGHT = (
    "give a list of addresses, networks or host names, each with a TCP port unless all ports are meant, such as"
    " ['smtp.example.com:587', '198.51.100.0/24:443', '[2001:db8::/32]:443']"
)

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+\Z")
_PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}


@dataclasses.dataclass(frozen=True, order=True)
class Target:
    """Something that an instance may reach.

    - `host`: an IPv4 or IPv6 network (of one address, too), or a host name.
    - `port`: the port; 0 for all ports and protocols.
    - `protocol`: tcp or udp.
    """

    host: str
    port: int
    protocol: str = "tcp"

    @property
    def family(self) -> int:
        """4 or 6 for a network, 0 for a host name."""
        try:
            return ipaddress.ip_network(self.host).version
        except ValueError:
            return 0


def parse(text: str) -> Target:
    """A target from its notation. Raises `ValueError`."""
    text = str(text).strip().lower()
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?", text)
    if bracketed:
        host, port = bracketed[1], bracketed[2]
        if ":" not in host:
            raise ValueError(RIGHT)
    elif text.count(":") > 1:
        host, port = text, None
    else:
        host, dummy, port = text.partition(":")
        if dummy and not port:
            raise ValueError(RIGHT)
    return Target(_host(host), _port(port))


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=True))
    except ValueError:
        # A name has a letter in its last part, else it would be a wrong address.
        if _NAME.match(text) and not text.rpartition(".")[2].isdigit():
            return text
    raise ValueError(RIGHT)


def _port(text: str | None) -> int:
    if not text:
        return 0
    if text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise ValueError(RIGHT)


def of_url(text: str) -> Target | None:
    """The target of an address such as https://s3.example.com; None for one inside of Docker's networks,
    whose names have no dot.
    """
    parts = urllib.parse.urlsplit(text)
    return of_host(parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))


def of_host(host: str, port: int, protocol: str = "tcp") -> Target | None:
    """The target of a host and a port; None for a name without a dot, as services have in Docker's
    networks, and for a path.
    """
    try:
        return Target(_host(host.lower()), port, protocol)
    except ValueError:
        return None
