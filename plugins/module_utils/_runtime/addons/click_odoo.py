# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The checksums of modules that click-odoo-update keeps, read and written so that a database can
switch from that tool to this runtime and back.

click-odoo-contrib 1.24 keeps one JSON object, module to SHA-1, in a system parameter. Its hash
covers every file's path and content, except paths that match a list of patterns and translations of
languages that are not active.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import ConfigError

INSTALLED = "module_auto_update.installed_checksums"
PATTERNS = "module_auto_update.exclude_patterns"
DEFAULT_PATTERNS = "*.pyc,*.pyo,i18n/*.pot,i18n_extra/*.pot,static/*,tests/*"


@dataclass(frozen=True)
class Foreign:
    """What click-odoo-update keeps in the database. `sums`: `None` if it was never used."""

    sums: Mapping[str, str] | None = None
    patterns: tuple[str, ...] = field(default=tuple(DEFAULT_PATTERNS.split(",")))


def read(cursor: Any) -> Foreign:
    """Read what click-odoo-update keeps. `cursor`: on the Odoo database."""
    cursor.execute("SELECT to_regclass('public.ir_config_parameter') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return Foreign()
    cursor.execute(
        "SELECT key, left(value, 4000000) FROM public.ir_config_parameter WHERE key IN (%s, %s)", (INSTALLED, PATTERNS)
    )
    found = dict(cursor.fetchall())
    sums: dict[str, str] | None = None
    try:
        known = json.loads(found.get(INSTALLED) or "null")
        if isinstance(known, dict):
            sums = {name: value for name, value in known.items() if isinstance(value, str)}
    except ValueError:
        pass  # not written by that tool: treated as missing
    patterns = tuple(item.strip() for item in (found.get(PATTERNS) or DEFAULT_PATTERNS).split(","))
    return Foreign(sums, patterns)


def checksum(path: str, patterns: Iterable[str], languages: Iterable[str]) -> str:
    """Return the hash of the addon in folder `path`, as click-odoo-update computes it. `patterns`:
    paths that don't count; `languages`: codes of the translations that count, all if empty.

    Raises `ConfigError` if a file can't be read.
    """
    wanted = tuple(patterns)
    kept = {item.split("_")[0] for item in languages}
    digest = hashlib.sha1()  # noqa: S324 - theirs
    try:
        for folder, folders, files in os.walk(path):
            folders.sort()
            below = os.path.relpath(folder, path)
            below = "" if below == "." else below
            for name in sorted(files):
                file = os.path.join(below, name)
                if any(fnmatch.fnmatch(file, pattern) for pattern in wanted):
                    continue
                stem, suffix = os.path.splitext(name)
                if kept and suffix == ".po" and below in ("i18n", "i18n_extra") and stem.split("_")[0] not in kept:
                    continue
                digest.update(file.encode("utf-8"))
                with open(os.path.join(path, file), "rb") as handle:
                    digest.update(handle.read())
    except OSError as exc:
        raise ConfigError(f"{exc.filename}: cannot be read: {exc.strerror}") from exc
    return digest.hexdigest()


def write(cursor: Any, sums: Mapping[str, Any]) -> None:
    """Store the checksums as click-odoo-update does after an update."""
    cursor.execute(
        "INSERT INTO public.ir_config_parameter (key, value, create_uid, write_uid, create_date, write_date)"
        " VALUES (%s, %s, 1, 1, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC') ON CONFLICT (key) DO UPDATE"
        " SET value = excluded.value, write_date = excluded.write_date",
        (INSTALLED, json.dumps(dict(sums))),
    )
