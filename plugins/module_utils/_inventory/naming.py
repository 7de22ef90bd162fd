# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Names that follow from a project and an environment, and their rules.

Existing Odoo cloud addons refuse to start in production unless the bucket is `<project>-odoo-prod`,
and elsewhere if the bucket's name begins like that. So no name is created here that they would
mistake for the other.
"""

from __future__ import annotations

import hashlib
import re
import typing as t
import zlib

from .._runtime.rules.environment import like_production

PROJECT_RULE = "lower-case letters, digits and single hyphens between them, such as 'acme' or 'acme-ch'"
ENVIRONMENT_RULE = (
    "lower-case letters, digits and single hyphens or underscores between them, such as 'prod' or 'labs_next'"
)

# Suffixes of the one-off containers `<platform>-<instance>-<suffix>`; no replica may be called
# `<instance>-<suffix>`.
ONE_OFF_SUFFIXES = ("run", "plan", "rehearsal", "rollback", "attachments", "static")
RESERVED_REDIS_USERS = ("admin", "default", "health", "loader")  # users of the server itself

# Ports of instances' own Redis servers: below those that Linux gives to outgoing connections.
FIRST_REDIS_PORT, REDIS_PORTS = 20000, 10000

_PROJECT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_ENVIRONMENT = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*\Z")
_BUCKET = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+\Z")
# Reserved by AWS: "General purpose bucket naming rules" of the S3 user guide.
_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


class NamingError(ValueError):
    """A name is not possible; the message is one line for operators."""


def check_project(project: str) -> str:
    """The project's short name, checked. Raises `NamingError`."""
    if not _PROJECT.match(project):
        raise NamingError(f"project {project!r}: use {PROJECT_RULE}")
    return project


def check_environment(environment: str) -> str:
    """The environment's name, checked. Raises `NamingError`."""
    if not _ENVIRONMENT.match(environment):
        raise NamingError(f"environment {environment!r}: use {ENVIRONMENT_RULE}")
    return environment


def structured_name(project: str, environment: str) -> str:
    """`<project>-odoo-<environment>`; underscores of the environment become hyphens.

    Raises `NamingError`.
    """
    name = f"{check_project(project)}-odoo-{check_environment(environment).replace('_', '-')}"
    if environment != "prod" and like_production(name):
        raise NamingError(
            f"project {project!r}, environment {environment!r}: {name!r} begins like the name of a production "
            "('<project>-odoo-prod'); choose another environment or project name"
        )
    return name


def redis_prefix(project: str, environment: str) -> str:
    """The prefix of an instance's keys in Redis. Raises `NamingError`."""
    return structured_name(project, environment)


def redis_container(instance: str) -> str:
    """The name of the container of an instance's own Redis, after the platform's name."""
    return f"redis-{instance}"


def report_container(instance: str) -> str:
    """The name of the container of an instance's report service, after the platform's name."""
    return f"report-{instance}"


def redis_alias(instance: str) -> str:
    """The name of an instance's own Redis on its network."""
    return f"{instance}.redis"


def mail_container(instance: str) -> str:
    """The name of the container of an instance's mail catcher, after the platform's name."""
    return f"mail-{instance}"


def mail_alias(instance: str) -> str:
    """The name of an instance's mail catcher on its network."""
    return f"{instance}.mail"


def redis_port(instance: str) -> int:
    """The port on which an instance's own Redis is published when Odoo is on another machine.

    It follows from the name, so another instance changes no port. Two instances may get the same
    one; `topology.problems` says so.
    """
    return FIRST_REDIS_PORT + zlib.crc32(instance.encode()) % REDIS_PORTS


def bucket_name(project: str, environment: str) -> str:
    """The name of an instance's bucket. Raises `NamingError`."""
    return check_bucket_name(structured_name(project, environment))


def network_of(platform: str, instance: str) -> str:
    """The network of an instance's own containers. A platform's name has no dot, so neither another
    platform nor another instance has a network of this name.

    Docker takes the default route and the published ports of a container from the network whose
    name sorts first. That stays the platform's network, whose name this one begins with.
    """
    return f"{platform}.{instance}"


def bridge_prefix(platform: str) -> str:
    """What the bridges of all instances of a platform begin with. Rules of the firewall name it, so
    that they also hold for networks of instances that are no longer in the inventory.
    """
    return f"oc{_short(platform, 5)}"


def bridge_of(network: str) -> str:
    """The network device of an instance's network on its machine; Linux allows 15 characters."""
    return f"{bridge_prefix(network.partition('.')[0])}{_short(network, 8)}"


def _short(text: str, length: int) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:length]


def connections(
    instances: t.Iterable[tuple[str, t.Sequence[str]]], platform: str, service: str
) -> list[dict[str, t.Any]]:
    """The networks of instances that a service is connected to, with its names there.

    `instances`: name and host names of each. `service`: its name, by which containers reach it;
    nginx also has the host names of the instance, so that Odoo can call its own address.
    """
    return [
        {"name": network_of(platform, name), "aliases": [service, *(hosts if service == "nginx" else ())]}
        for name, hosts in instances
    ]


def check_bucket_name(name: str) -> str:
    """The name of a bucket, checked against the rules of S3. Raises `NamingError`."""
    problem = ""
    if not 3 <= len(name) <= 63:
        problem = f"has {len(name)} characters, 3 to 63 are allowed"
    elif not _BUCKET.match(name):
        problem = "only lower-case letters, digits, dots and hyphens are allowed, with a letter or digit at both ends"
    elif ".." in name or ".-" in name or "-." in name:
        problem = "a dot must stand between letters or digits"
    elif _ADDRESS.match(name):
        problem = "looks like an IP address"
    elif name.startswith(_RESERVED_STARTS) or name.endswith(_RESERVED_ENDS):
        problem = "begins or ends with something that S3 keeps for itself"
    if problem:
        raise NamingError(f"bucket name {name!r}: {problem}")
    return name
