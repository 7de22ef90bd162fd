# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Applies the rules of environment.py before Odoo starts: first to the variables alone, then to
what the database contains.

Nothing is checked if neither `ODOO_CLOUD_PLATFORM_KIND` is set nor the parameter
cloud.platform.kind is in the database.
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
    """Return the name of the environment, from the places in which the addons read it, in the same
    order. `conf`: the options of odoo.conf."""
    named = conf.get("running_env") or (env.get("RUNNING_ENV") or "").strip() or (env.get("ODOO_STAGE") or "").strip()
    return named.strip()


def variable_problems(env: Mapping[str, str], conf: Mapping[str, str], database: str) -> list[str]:
    """Return what is wrong with the variables regardless of the database, in the same sentences as
    the pre-flight."""
    kind = (env.get(KIND) or "").strip()
    if not kind:
        return []
    return environment.set_up_problems(
        kind, environment_of(env, conf), env, (env.get("ODOO_CLOUD_PROJECT") or "").strip(), database
    )


def database_problems(
    env: Mapping[str, str], conf: Mapping[str, str], database: str, parameters: Mapping[str, str]
) -> list[str]:
    """Return what is wrong with the `parameters` (system parameters) of the database."""
    wanted, kind = (env.get(KIND) or "").strip(), (parameters.get("cloud.platform.kind") or "").strip()
    if not (wanted or kind):
        return []
    if wanted and wanted != kind:
        return [f"cloud.platform.kind is {kind!r} in database {database!r}: must be {wanted!r} as {KIND} says; {HOW}"]
    project = (env.get("ODOO_CLOUD_PROJECT") or "").strip()
    location = parameters.get("ir_attachment.location") or ""
    return environment.problems(kind, environment_of(env, conf), location, env, project, database)


def secret_problems(env: Mapping[str, str]) -> list[str]:
    """Return an error for each secret's file that can't be read, so that it shows now and not at
    the first login."""
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
    """Raise `PlatformRefused` if the variables break the rules."""
    if (env.get(KIND) or "").strip():
        _refuse(env, variable_problems(env, settings.conf, settings.db_name) + secret_problems(env))


def of_database(env: Mapping[str, str], settings: Settings) -> None:
    """Raise `PlatformRefused` if the database breaks the rules; log how many attachments are local
    files of this machine."""
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
