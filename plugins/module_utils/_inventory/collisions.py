# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Names that are derived from instances and may belong to only one of them. No I/O.

Two instances that share a bucket overwrite each other's files, two that share a Redis prefix share
their logins, and an instance called `postgres` would get the server's folder. So `claims` lists
every derived name, and names that two instances have in common are refused before anything is
changed.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .model import Instance
from .naming import ONE_OFF_SUFFIXES, RESERVED_REDIS_USERS, mail_container, redis_container, report_container

# Services have containers `<platform>-<service>` and folders below the platform's root and in the
# secrets folder; so do instances, by their names.
SERVICES = ("postgres", "redis", "swift", "nginx")
FOLDERS = (*SERVICES, "object_storage", "report", "secrets", "images", "applied", "static", "tls")


@dataclasses.dataclass(frozen=True)
class Claim:
    """One name that an instance takes.

    - `kind`: what it names; equal names of different kinds don't collide.
    - `value`: what is compared. `shown`: the name in messages.
    - `variable`, `given`: the variable that decides it, and its value.
    - `fix`: how to resolve a collision.
    """

    kind: str
    value: t.Any
    shown: str
    variable: str
    given: t.Any
    fix: str


def claims(instance: Instance) -> list[Claim]:
    """Every name that an instance takes for itself."""
    name, database, stateless = instance.name, instance.database, instance.stateless
    bucket, prefix = instance.bucket.name, instance.redis.prefix
    by_project = ("odoo_project", instance.project, "give one of the two another odoo_project")
    # Buckets of the same name in two stores are different buckets.
    store = stateless.swift.auth_url if stateless.kind == "ovh" else stateless.s3.endpoint
    by_bucket = ("odoo_bucket", bucket, "give one of the two another odoo_bucket, or another odoo_project")
    found = [
        Claim("database", database.name, "the database", "odoo_db_name", database.name, "give it another one"),
        Claim("role of PostgreSQL", database.owner, "the database's role",
              "odoo_db_name" if database.owner == database.name else "odoo_db_user", database.owner,
              "give it another one: whoever has a role has all of its databases"),
        Claim("role of PostgreSQL", database.keeper, f"the role {database.keeper!r}, which creates restore points",
              "odoo_db_name", database.name, "give it another odoo_db_name"),
        Claim("database", database.lock, f"the database {database.lock!r}, in which its lock is taken", "odoo_db_name",
              database.name, "give it another odoo_db_name"),
        Claim("prefix in Redis", prefix, f"the prefix {prefix!r} of its sessions in Redis", *by_project),
        Claim("bucket", (store or "", bucket), f"the bucket {bucket!r}", *by_bucket),
        *(Claim("host name", one, "the host name", "odoo_hostnames", one, "give it another one")
          for one in instance.hostnames),
    ]  # fmt: skip
    own = instance.code.own_bucket if instance.code else None
    if own:
        shown = f"the bucket {own.name!r} of its releases"
        variable = ("odoo_release_bucket", own.name, "give one of the two an odoo_release_bucket of its own")
        found.append(Claim("bucket", (store or "", own.name), shown, *variable))
    found += [
        Claim("container", f"{name}-{suffix}", f"the container {name}-{suffix}", "instance group", name, "rename it")
        for suffix in ONE_OFF_SUFFIXES
    ]
    found += [
        Claim("container", service, f"the container {service}", "instance group", name, "rename it")
        for service in (redis_container(name), report_container(name), mail_container(name))
    ]
    page = instance.mail.hostname
    if page:
        found.append(
            Claim(
                "host name",
                page,
                f"the host name {page!r} of its mail catcher",
                "odoo_mail_hostname",
                page,
                "give it another one",
            )
        )
    return found


def problems(instances: t.Sequence[Instance]) -> list[str]:
    """One line for each name that two instances, or an instance and the platform itself, would both
    have.
    """
    found: list[str] = []
    told: set[tuple[str, str, str]] = set()  # one line per variable, even if several names follow from it
    taken: dict[tuple[str, t.Any], str] = {("container", one): "the platform's own service" for one in SERVICES}
    for instance in instances:
        name = instance.name
        if name in FOLDERS:
            found.append(
                f"instance group {name!r}: the platform has a folder of this name for itself; rename the group, and set"
                f" odoo_db_name={name!r} in it if the database has to keep its name"
            )
        if instance.redis.name in RESERVED_REDIS_USERS:
            found.append(
                f"odoo_db_name={instance.redis.name!r} of instance {name!r}: Redis has a user of this name for itself; give"
                " it another one"
            )
        for claim in claims(instance):
            owner = taken.setdefault((claim.kind, claim.value), name)
            if owner == name or (owner, name, claim.variable) in told:
                continue
            told.add((owner, name, claim.variable))
            found.append(
                f"{claim.variable}={claim.given!r} of instance {name!r}: {_whose(owner)} has {claim.shown} already;"
                f" {claim.fix}"
            )
    for instance in instances:
        for replica in instance.replicas:
            holder = taken.get(("container", replica.name))
            if holder is not None:
                found.append(
                    f"inventory host {replica.name!r}: {_whose(holder)} has a container of this name; give the replica"
                    f" another one, such as {instance.name}-1"
                )
    return found


def _whose(owner: str) -> str:
    return owner if owner.startswith("the ") else f"instance {owner!r}"
