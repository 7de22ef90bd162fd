# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The mail catchers of a machine: a container for each instance whose mail is caught. No I/O.

A catcher is in its instance's network alone, so no other instance reaches it, and what it sends out
ends at the first router (a time to live of 1): it answers its neighbours and nobody else.
"""

from __future__ import annotations

import base64
import hashlib
import typing as t

from .._inventory.mail import PAGE_USER
from .._inventory.model import Instance
from .._inventory.naming import mail_alias, mail_container, network_of
from . import limits

UID = "8025"
MEMORY = 256 * 1024 * 1024
KEPT = 32 * 1024 * 1024  # bytes of mail; parsed, mail takes a multiple of it
HEALTHCHECK = {"test": ["CMD", "mail-health"], "interval": "30s", "timeout": "10s", "retries": 3, "start_period": "30s"}

Definition = dict[str, t.Any]


def containers(
    instances: t.Iterable[Instance], platform: str, image: str, machine: t.Mapping[str, t.Any], enabled: bool
) -> list[Definition]:
    """The definitions of all catchers of a machine, in the terms of the role `container`.

    - `platform`: the platform's name. `image`: ID of the image.
    - `machine`: size of the machine. `enabled`: whether containers have limits besides the memory.
    """
    return [
        {
            "name": f"{platform}-{mail_container(instance.name)}",
            "image": image,
            "user": f"{UID}:{UID}",
            "network": network_of(platform, instance.name),
            "aliases": [mail_alias(instance.name)],
            "env": {"CATCHER_BYTES": str(KEPT)},
            "tmpfs": [limits.tmpfs("/tmp", 16 * limits.MIB)],
            "limits": limits.service("mail", machine, MEMORY, enabled=enabled),
            "sysctls": {"net.ipv4.ip_default_ttl": "1", "net.ipv6.conf.all.disable_ipv6": "1"},
            "read_only": True,
            "init": True,
            "cap_drop": ["ALL"],
            "security_opts": ["no-new-privileges"],
            "stop_timeout": 2,
            "healthcheck": dict(HEALTHCHECK),
        }
        for instance in instances
        if instance.mail.caught
    ]


def left(instances: t.Iterable[Instance], platform: str, existing: t.Iterable[str]) -> list[str]:
    """The catchers that no instance has any more. `existing`: containers of the platform there."""
    prefix = f"{platform}-{mail_container('')}"
    kept = {f"{platform}-{mail_container(one.name)}" for one in instances if one.mail.caught}
    # A replica may be called mail-1.
    kept |= {f"{platform}-{replica.name}" for one in instances for replica in one.replicas}
    return sorted(name for name in existing if name.startswith(prefix) and name not in kept)


def page_file(password: str) -> str:
    """The text of nginx's file with the user of a catcher's page. The same password gives the same
    text, so the file doesn't change. Passwords are generated, or have 16 characters or more.
    """
    salt = hashlib.sha256(b"odoo_cloud.platform mail:" + password.encode()).digest()[:16]
    digest = hashlib.sha1(password.encode() + salt).digest()  # noqa: S324 # the format that nginx knows without crypt
    return f"{PAGE_USER}:{{SSHA}}{base64.b64encode(digest + salt).decode()}\n"


def page_files(instances: t.Iterable[Instance], folder: str) -> list[Definition]:
    """The files with the users of all catchers' pages, as a list for the module `files`. `folder`: on
    nginx's machine. nginx's workers read them, whatever user they are.
    """
    return [
        {"path": f"{folder}/{one.name}", "secret_content": page_file(one.mail.page_password), "mode": "0444"}
        for one in instances
        if one.mail.caught
    ]


def page(instance: Instance) -> str:
    """The address of an instance's catcher's page; empty without a catcher."""
    if not instance.mail.caught:
        return ""
    port = instance.base_url.rpartition("/")[2].partition(":")[2]
    return f"https://{instance.mail.hostname}" + (f":{port}" if port else "")


def status(instance: Instance, counted: t.Mapping[str, t.Any] | None) -> list[str]:
    """Lines about an instance's mail for operators.

    `counted`: the key `mail` of the module `odoo_state_info`, None if nothing is known.
    """
    if instance.mail.caught:
        warned = "; NOBODY IN PROD GETS MAIL" if instance.environment == "prod" else ""
        found = [f"caught, none is sent to people{warned}: {page(instance)}"]
    elif instance.mail.server:
        found = [f"sent by {instance.mail.server}:{instance.mail.port} ({instance.mail.tls})"]
    else:
        found = ["NO MAIL SERVER: give odoo_smtp_server, or mail leaves only by servers in Odoo's own settings"]
    if counted and counted.get("problem"):
        found.append(f"not counted: {counted['problem']}")
    elif counted:
        numbers = ", ".join(f"{counted[name]} {name}" for name in ("sent", "bounced", "failed"))
        why = f" (the last one: {counted['failure']})" if counted["failed"] and counted["failure"] else ""
        found.append(f"in 7 days {numbers}{why}; {counted['waiting']} waiting")
    return found
