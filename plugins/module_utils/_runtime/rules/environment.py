# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The rules of the platform: where an environment keeps its attachments and sessions, and how these
places are named.

Pure functions: no Ansible, no Odoo, no connection. The Odoo addon `cloud_platform`, the runtime and
the pre-flight all use them, so that a wrong set-up gives the same sentence everywhere. The
variables are those of the original addons.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..common import values
from ..common.container_variables import VARIABLES

ENVIRONMENTS = ("prod", "integration", "labs", "test", "dev")
ENVIRONMENT_RULE = "must be one of prod, integration, labs-*, test, dev"


@dataclass(frozen=True)
class Store:
    """An object store, as the rules see it."""

    name: str  # the value of ir_attachment.location
    bucket: str  # the variable that names the bucket
    credentials: tuple[str, ...]  # the variables required to reach it
    instead: str = ""  # a variable that makes the credentials unnecessary

    @property
    def unstructured(self) -> str:
        """The variable that switches off the rules of the bucket's name."""
        return f"{self.bucket}_UNSTRUCTURED"


S3 = Store("s3", "AWS_BUCKETNAME", ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "AWS_USE_IRSA")
SWIFT = Store("swift", "SWIFT_WRITE_CONTAINER", ("SWIFT_AUTH_URL", "SWIFT_ACCOUNT", "SWIFT_PASSWORD"))
STORES = {store.name: store for store in (S3, SWIFT)}

# cloud.platform.kind -> its store
KINDS = {"exoscale": S3, "ovh": SWIFT}

# The variables of the addons that are secrets; each is also read from the file that X_FILE names.
SECRETS = tuple(one.name for one in VARIABLES.values() if one.secret and not one.own)

# The start of the name decides: "acme-odoo-prod-old" also counts as production's.
_LIKE_PRODUCTION = re.compile(r"[a-z0-9-]+-odoo-prod")
_PREFIX = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*?)-odoo-([a-z0-9]+(?:[-_][a-z0-9]+)*)\Z")


class CloudPlatformError(ValueError):
    """A set-up that must not be used in service. `problems` has one sentence for each reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def is_true(env: Mapping[str, str], name: str) -> bool:
    """Whether a variable is true. An unclear value isn't; `unclear()` reports it."""
    return values.as_boolean(env.get(name)) is True


def unclear(env: Mapping[str, str], *names: str) -> list[str]:
    """Return one sentence for each of the switches that is neither true nor false."""
    found = []
    for name in names:
        try:
            VARIABLES[name].read(env)
        except values.WrongValue as exc:
            found.append(str(exc))
    return found


def is_set(env: Mapping[str, str], name: str) -> bool:
    """Whether a variable is set, itself or with the suffix `_FILE`."""
    return bool((env.get(name) or "").strip() or (env.get(f"{name}_FILE") or "").strip())


def unsafe(env: Mapping[str, str]) -> bool:
    """Whether the checks are switched off."""
    return is_true(env, "ODOO_CLOUD_PLATFORM_UNSAFE")


def group(environment: str) -> str:
    """Return the environment as the rules know it: every name that begins with labs counts as labs.
    Empty for an unknown one."""
    if environment.startswith("labs"):
        return "labs"
    return environment if environment in ENVIRONMENTS else ""


def like_production(name: str) -> bool:
    """Whether a bucket's name is production's or begins like it."""
    return _LIKE_PRODUCTION.match(name) is not None


def location_for(kind: str, environment: str) -> str:
    """Return the value of ir_attachment.location: the provider's store, in test and dev the
    database. `kind`: one of `KINDS`."""
    return KINDS[kind].name if group(environment) in ("prod", "integration", "labs") else "db"


def _store_used(location: str, kind: str) -> Store | None:
    """The store that the location names; with a kind, only that kind's store counts."""
    store = STORES.get(location)
    return store if not kind or store is KINDS[kind] else None


def filestore_problems(
    kind: str, environment: str, location: str, env: Mapping[str, str], project: str = "", database: str = ""
) -> list[str]:
    """Return what is wrong with the place of the attachments. Without a kind (nothing is installed
    yet) no place is required."""
    known = group(environment)
    problems = []
    if kind and known in ("prod", "integration") and location != KINDS[kind].name:
        problems.append(
            f"ir_attachment.location is {location or 'file'!r}: in {environment} attachments of kind {kind!r} must be in"
            f" {KINDS[kind].name!r}; env['cloud.platform'].install() sets this"
        )
    if kind and known == "test" and location != "db":
        problems.append(
            f"ir_attachment.location is {location or 'file'!r}: in {environment} attachments must be in the database ('db');"
            " env['cloud.platform'].install() sets this"
        )
    store = _store_used(location, kind)
    if store is None:
        return problems
    doubts = unclear(env, store.instead) if store.instead else []
    problems += doubts
    if not doubts and not (store.instead and is_true(env, store.instead)):
        problems.extend(
            f"{name} is not set: it is needed when ir_attachment.location is {location!r}"
            for name in store.credentials
            if not is_set(env, name)
        )
    bucket = (env.get(store.bucket) or "").strip()
    if not bucket:
        if known in ("prod", "integration", "labs"):
            problems.append(f"{store.bucket} is not set: it must name the bucket of {environment}")
        return problems
    if env.get(store.unstructured):
        return problems
    return problems + bucket_problems(store.bucket, bucket, environment, project, database)


def bucket_problems(variable: str, bucket: str, environment: str, project: str = "", database: str = "") -> list[str]:
    """Return what is wrong with the bucket's name: only production may use production's buckets,
    and it may use no others."""
    production = like_production(bucket)
    if group(environment) == "prod" and not production:
        return [f"{variable} is {bucket!r}: in prod it must be '<project>-odoo-prod'"]
    if group(environment) != "prod" and production:
        return [
            f"{variable} is {bucket!r}: only prod may write to a bucket that begins with '<project>-odoo-prod';"
            f" name {environment}'s own bucket, the files of production are read from where they are"
        ]
    if project:
        wanted = f"{project}-odoo-{environment.replace('_', '-')}"
        name = bucket.replace("{db}", database.replace("_", "-").lower()) if database else bucket
        if name != wanted and not name.startswith(f"{wanted}-"):
            return [f"{variable} is {bucket!r}: project {project!r} in {environment} has the bucket {wanted!r}"]
    return []


def redis_problems(environment: str, env: Mapping[str, str], project: str = "") -> list[str]:
    """Return what is wrong with the place of the sessions."""
    if group(environment) in ("", "dev"):
        return []
    problems = unclear(env, "ODOO_SESSION_REDIS")
    if not problems and not is_true(env, "ODOO_SESSION_REDIS"):
        problems.append(f"ODOO_SESSION_REDIS is not 1: in {environment} sessions must be in Redis")
    places = ("ODOO_SESSION_REDIS_HOST", "ODOO_SESSION_REDIS_SENTINEL_HOST", "ODOO_SESSION_REDIS_URL")
    if not any(is_set(env, name) for name in places):
        problems.append(f"none of {', '.join(places)} is set: one must say where Redis is")
    prefix = (env.get("ODOO_SESSION_REDIS_PREFIX") or "").strip()
    if not prefix:
        problems.append("ODOO_SESSION_REDIS_PREFIX is not set: it must be '<project>-odoo-<environment>'")
        return problems
    return problems + prefix_problems(prefix, environment, project)


def prefix_problems(prefix: str, environment: str, project: str = "") -> list[str]:
    """Return what is wrong with the prefix of the sessions' keys."""
    name = "ODOO_SESSION_REDIS_PREFIX"
    match = _PREFIX.match(prefix)
    if not match:
        return [f"{name} is {prefix!r}: must be '<project>-odoo-<environment>'"]
    if (match.group(2) == "prod") != (group(environment) == "prod"):
        return [f"{name} is {prefix!r}: in {environment} it must not be another environment's"]
    if project:
        wanted = f"{project}-odoo-{environment.replace('_', '-')}"
        if prefix.replace("_", "-") != wanted:
            return [f"{name} is {prefix!r}: project {project!r} in {environment} has the prefix {wanted!r}"]
    return []


def problems(
    kind: str,
    environment: str,
    location: str,
    env: Mapping[str, str] | None = None,
    project: str = "",
    database: str = "",
) -> list[str]:
    """Return everything that is wrong, one sentence each; nothing if the checks are switched off.

    `kind` is the provider (empty before it was chosen), `location` the parameter
    ir_attachment.location, `project` the project's short name if it is known (then the names must
    be that project's too).
    """
    env = os.environ if env is None else env
    if unsafe(env):
        return []
    found = unclear(env, "ODOO_CLOUD_PLATFORM_UNSAFE")
    if not group(environment):
        found.append(f"RUNNING_ENV is {environment!r}: {ENVIRONMENT_RULE}")
    if kind and kind not in KINDS:
        return [*found, f"cloud.platform.kind is {kind!r}: must be one of {', '.join(sorted(KINDS))}"]
    found += filestore_problems(kind, environment, location, env, project, database)
    return found + redis_problems(environment, env, project)


def set_up_problems(
    kind: str, environment: str, env: Mapping[str, str] | None = None, project: str = "", database: str = ""
) -> list[str]:
    """Return what is wrong before there is a database; its attachments will be where install() puts
    them."""
    if kind not in KINDS:
        return [f"ODOO_CLOUD_PLATFORM_KIND is {kind!r}: must be one of {', '.join(sorted(KINDS))}"]
    location = location_for(kind, environment) if group(environment) else ""
    return problems(kind, environment, location, env, project, database)


def check(
    kind: str,
    environment: str,
    location: str,
    env: Mapping[str, str] | None = None,
    project: str = "",
    database: str = "",
) -> None:
    """Raise `CloudPlatformError` if `problems()` returns any."""
    found = problems(kind, environment, location, env, project, database)
    if found:
        raise CloudPlatformError(found)
