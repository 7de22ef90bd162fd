# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""How Odoo is started: its environment and its command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from ..common import config
from ..common.config import Settings
from ..common.errors import FilesError


def runtime_folder() -> str:
    """Return the folder on sys.path that contains the runtime."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def odoo_environment(env: Mapping[str, str], settings: Settings | None, passfile: str | None) -> dict[str, str]:
    """Return Odoo's environment: ours without the variables of the runtime, plus those by which
    libpq finds password and CA."""
    result = {name: value for name, value in env.items() if name not in config.OWN_VARIABLES}
    ours = runtime_folder()
    others = [
        item for item in (env.get("PYTHONPATH") or "").split(os.pathsep) if item and os.path.realpath(item) != ours
    ]
    if others:
        result["PYTHONPATH"] = os.pathsep.join(others)
    if passfile is not None:
        result["PGPASSFILE"] = passfile
        result.pop("PGPASSWORD", None)
    if settings is not None:
        result["ODOO_RC"] = settings.odoo_rc
        if settings.db_sslrootcert:
            result["PGSSLROOTCERT"] = settings.db_sslrootcert
        if result.get("HOME", "/") in ("", "/", "/root"):
            result["HOME"] = settings.data_dir
    return result


def check_data_dir(data_dir: str) -> None:
    """Raise `FilesError` if Odoo can't write to the folder."""
    if not os.path.isdir(data_dir) or not os.access(data_dir, os.W_OK | os.X_OK):
        raise FilesError(f"DATA_DIR is {data_dir!r}: must be a folder that uid {os.getuid()} can write")


def odoo_command(arguments: list[str]) -> list[str]:
    """Return the command that starts Odoo (ODOO_CLOUD_EXECUTABLE) through serve.py, which closes
    the database manager and keeps a plain start from upgrading left-over modules."""
    return [
        sys.executable,
        os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "boot", "serve.py"),
        *arguments,
    ]
