# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What only the first installation of a database needs besides installing modules."""

from __future__ import annotations

import shutil
from typing import Any

from ..common import values
from ..common.config import Settings
from ..common.errors import ConfigError, InitFailed
from ..common.password import password_hash
from ..database import administrator, pg
from ..database.state import OPEN_STATES


def odoo_executable(settings: Settings) -> str:
    """Return the path of Odoo's program. Raises `ConfigError` if there is none."""
    name = settings.odoo_bin or "odoo"
    path = shutil.which(name) or (None if settings.odoo_bin else shutil.which("odoo-bin"))
    if path is None:
        raise ConfigError(f"ODOO_BIN is {name!r}: there is no such program; the image must have Odoo on its PATH")
    return path


def password_rounds(version: int) -> int:
    """Return the number of rounds with which an Odoo of this major version hashes passwords. Fewer
    would be rehashed at the first login, more are slower."""
    if version >= 17:
        return 600_000
    return 350_000 if version == 16 else 25_000


def prepare_database(connection: Any, settings: Settings) -> None:
    """Create the extensions that Odoo creates in its own new databases, as far as the owner may
    (trusted ones)."""
    wanted = ["pg_trgm"]
    if values.as_boolean(settings.conf.get("unaccent")):
        wanted.append("unaccent")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.name FROM pg_catalog.pg_available_extension_versions v"
            " JOIN pg_catalog.pg_available_extensions e ON e.name = v.name AND e.default_version = v.version"
            " WHERE v.name = ANY(%s) AND e.installed_version IS NULL AND v.trusted"
            " AND has_database_privilege(current_database(), 'CREATE') ORDER BY v.name",
            (wanted,),
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"CREATE EXTENSION IF NOT EXISTS {name} SCHEMA public")


def parameters(settings: Settings) -> dict[str, str]:
    """Return the system parameters of a new database."""
    result = {"report.url": f"http://127.0.0.1:{settings.http_port}"}
    if settings.base_url:
        result["web.base.url"] = settings.base_url
        result["web.base.url.freeze"] = "True"
    return result


def settle(connection: Any, settings: Settings) -> None:
    """Set login and password of the administrator and the system parameters of a new database. It
    was never open, so the user is still the one Odoo created.

    Raises `InitFailed` if the administrator doesn't exist.
    """
    hashed = None
    if settings.admin_password is not None:
        hashed = password_hash(settings.admin_password, password_rounds(settings.version))
    with pg.transaction(connection) as cursor:
        if hashed is not None:
            cursor.execute(
                "UPDATE public.res_users SET login = %s, password = %s WHERE id ="
                " (SELECT res_id FROM public.ir_model_data"
                " WHERE module = 'base' AND name = 'user_admin' AND model = 'res.users')",
                (settings.admin_login, hashed),
            )
            if cursor.rowcount != 1:
                raise InitFailed("the user base.user_admin is not there; its password could not be set")
            users = administrator.suspects(cursor)
            if [user.password for user in users] == [hashed]:  # config.py refuses the default password
                administrator.remember(cursor, users)
        for key, value in parameters(settings).items():
            cursor.execute(
                "INSERT INTO public.ir_config_parameter"
                " (key, value, create_uid, write_uid, create_date, write_date)"
                " VALUES (%s, %s, 1, 1, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')"
                " ON CONFLICT (key) DO UPDATE"
                " SET value = excluded.value, write_uid = 1, write_date = excluded.write_date",
                (key, value),
            )


def mover(connection: Any) -> str:
    """Return the module whose update moves files from the disk to where the platform keeps them, if
    some are still on the disk: a run that was killed after its last module has not moved them.
    Empty if there are none, or the platform has no such place."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.ir_attachment'), to_regclass('public.ir_config_parameter')")
        if None in cursor.fetchone():
            return ""
        cursor.execute(
            "SELECT 'cloud_platform_' || value FROM public.ir_config_parameter WHERE key = 'cloud.platform.kind'"
            " AND EXISTS (SELECT 1 FROM public.ir_attachment WHERE type = 'binary' AND store_fname !~ '://')"
        )
        row = cursor.fetchone()
    return row[0] if row and row[0] else ""


def empty(connection: Any) -> None:
    """Remove everything but the history from a database that was never Ready
    (`REBUILD_UNFINISHED`), in one transaction.

    Raises `InitFailed` if it was Ready before.
    """
    with pg.transaction(connection) as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT 1 FROM public.curq_state_history WHERE state = ANY(%s))",
            (list(OPEN_STATES),),
        )
        if not cursor.fetchone()[0]:
            raise InitFailed("the database was in use before; it is not emptied")
        cursor.execute("CREATE SCHEMA odoo_cloud_kept")
        cursor.execute("ALTER TABLE public.curq_state_history SET SCHEMA odoo_cloud_kept")
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
        cursor.execute("ALTER TABLE odoo_cloud_kept.curq_state_history SET SCHEMA public")
        cursor.execute("DROP SCHEMA odoo_cloud_kept")
