# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The target of a move: checks against the rules of the environment and the database, and making it
the place of new attachments."""

from __future__ import annotations

from ..common import log, variables
from ..common.errors import ConfigError, PlatformRefused
from ..database import pg
from ..rules import check
from ..rules import environment as rules
from ..store import objects as object_store
from .places import DATABASE, FILE, PLACES, Broken, StoreFailed
from .session import LOCATION, Session


def check_buckets(session: Session) -> None:
    """Raise `PlatformRefused` if a bucket breaks the rules of the environment: a copy with
    production's bucket would write and delete in it."""
    environment = check.environment_of(session.env, session.settings.conf)
    if not environment or rules.unsafe(session.env):
        return
    project = variables.text("ODOO_CLOUD_PROJECT", env=session.env)
    problems = []
    for scheme, rule in rules.STORES.items():
        bucket = variables.text(rule.bucket, env=session.env)
        if scheme in session.places and bucket and not session.env.get(rule.unstructured):
            problems += rules.bucket_problems(rule.bucket, bucket, environment, project, session.settings.db_name)
    if problems:
        raise PlatformRefused("; ".join(problems))


def warn_of_place(session: Session, target: str) -> None:
    """Log what is wrong with this place by the rules: moving back is right before a database leaves
    the platform, and wrong otherwise."""
    kind = variables.text(check.KIND, env=session.env)
    environment = check.environment_of(session.env, session.settings.conf)
    if kind not in rules.KINDS or not environment or rules.unsafe(session.env):
        return
    for problem in rules.filestore_problems(kind, environment, target, session.env):
        log.warning(f"the next start will refuse the database: {problem}")
    if target == FILE:
        log.warning("replicas without this disk can't show what is moved to local files")


def set_location(session: Session, target: str) -> bool:
    """Make the target the place of new attachments, and signal Odoo's processes to reload it.
    Returns whether that was a change."""
    if session.location == target:
        return False
    with pg.transaction(session.database) as cursor:
        cursor.execute("UPDATE public.ir_config_parameter SET value = %s WHERE key = %s", (target, LOCATION))
        if not cursor.rowcount:
            cursor.execute(
                "INSERT INTO public.ir_config_parameter (key, value, create_date, write_date)"
                " VALUES (%s, %s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')", (LOCATION, target),
            )  # fmt: skip
        # Up to 18 each kind of cache has a sequence, from 19 on a table.
        cursor.execute(
            "SELECT relname, relkind FROM pg_catalog.pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND (relkind = 'S' AND relname LIKE 'base\\_cache\\_signaling%%'"
            "  OR relkind = 'r' AND relname LIKE 'orm\\_signaling\\_%%' AND relname <> 'orm_signaling_registry')"
        )
        for name, kind in cursor.fetchall():
            cursor.execute(
                f"SELECT nextval('public.{name}')" if kind == "S" else f"INSERT INTO public.{name} DEFAULT VALUES"
            )
    session.location = target
    return True


def check_target(session: Session, target: str) -> None:
    """Check, before anything is changed, that Odoo can read what is written to the target. Raises
    `ConfigError`, or `StoreFailed` if the store doesn't answer."""
    if target not in PLACES:
        raise ConfigError(
            f"system parameter {LOCATION} is {target!r}: must be one of {', '.join(PLACES)}, or give --to"
        )
    if target == DATABASE:
        return
    place = session.place(target)
    if target in object_store.SCHEMES:
        module = f"attachment_{target}"
        if module not in session.installed:
            raise ConfigError(
                f"--to {target}: module {module} is not installed in {session.settings.db_name!r}; install it first"
            )
        try:
            place.check()
        except Broken as exc:
            raise StoreFailed(str(exc)) from exc
    elif not session.options.dry_run:
        place.check()
