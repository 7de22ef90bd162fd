# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The rules of environment.py, asked before Odoo starts: first of the variables alone, then of what the database says.

Whoever neither sets ODOO_CLOUD_PLATFORM_KIND nor has the parameter cloud.platform.kind in the database is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common import log, variables
from ..common.config import Settings
from ..common.errors import PlatformRefused
from ..database import pg
from . import environment

KIND = "ODOO_CLOUD_PLATFORM_KIND"
HOW = "env['cloud.platform'].install() sets this"


def environment_of(env: Mapping[str, str], conf: Mapping[str, str]) -> str:
    """The environment, in the order in which the addons read it."""
    named = conf.get("running_env") or (env.get("RUNNING_ENV") or "").strip() or (env.get("ODOO_STAGE") or "").strip()
    return named.strip()


def variable_problems(env: Mapping[str, str], conf: Mapping[str, str], database: str) -> list[str]:
    """What is wrong with the variables, whatever the database says. The very sentences of the pre-flight."""
    kind = (env.get(KIND) or "").strip()
    if not kind:
        return []
    return environment.set_up_problems(
        kind, environment_of(env, conf), env, (env.get("ODOO_CLOUD_PROJECT") or "").strip(), database
    )


def database_problems(
    env: Mapping[str, str], conf: Mapping[str, str], database: str, parameters: Mapping[str, str]
) -> list[str]:
    """What is wrong with what the database says of itself."""
    wanted, kind = (env.get(KIND) or "").strip(), (parameters.get("cloud.platform.kind") or "").strip()
    if not (wanted or kind):
        return []
    if wanted and wanted != kind:
        return [f"cloud.platform.kind is {kind!r} in database {database!r}: must be {wanted!r} as {KIND} says; {HOW}"]
    project = (env.get("ODOO_CLOUD_PROJECT") or "").strip()
    location = parameters.get("ir_attachment.location") or ""
    return environment.problems(kind, environment_of(env, conf), location, env, project, database)


def secret_problems(env: Mapping[str, str]) -> list[str]:
    """Files of secrets that can't be read: found now, and not by the first who logs in."""
    found = []
    for name in environment.SECRETS:
        if env.get(f"{name}_FILE"):
            try:
                variables.secret(name, env)
            except variables.SettingsError as exc:
                found.append(str(exc))
    return found


def _refuse(env: Mapping[str, str], problems: list[str]) -> None:
    if environment.unsafe(env):
        log.warning("ODOO_CLOUD_PLATFORM_UNSAFE is on: nothing of the platform is checked")
    elif problems:
        raise PlatformRefused("; ".join(problems))


def before_database(env: Mapping[str, str], settings: Settings) -> None:
    """Refuses variables that break the rules."""
    if (env.get(KIND) or "").strip():
        _refuse(env, variable_problems(env, settings.conf, settings.db_name) + secret_problems(env))


def of_database(env: Mapping[str, str], settings: Settings) -> None:
    """Refuses to serve a database that breaks the rules; tells of files that only another disk has."""
    if settings.list_db:
        return
    connection = pg.connect(settings, settings.db_name, "odoo-cloud platform check")
    try:
        parameters, local = _read(connection)
    finally:
        connection.close()
    problems = database_problems(env, settings.conf, settings.db_name, parameters)
    if problems:
        _refuse(env, problems)
    if local and (env.get(KIND) or "").strip():
        log.warning(
            f"{local} attachments of database {settings.db_name!r} are local files: a replica without that disk can't show them;"
            " the playbook move_attachments moves them"
        )


def _read(connection: Any) -> tuple[dict[str, str], int]:
    """The parameters that matter, and how many attachments are local files."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.ir_config_parameter'), to_regclass('public.ir_attachment')")
        if None in cursor.fetchone():
            return {}, 0
        cursor.execute(
            "SELECT key, value FROM public.ir_config_parameter WHERE key IN ('cloud.platform.kind', 'ir_attachment.location')"
        )
        parameters = {str(key): str(value or "") for key, value in cursor.fetchall()}
        cursor.execute("SELECT count(*) FROM public.ir_attachment WHERE store_fname !~ '://'")
        local = int(cursor.fetchone()[0])
    return parameters, local
