# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Extensions that the runtime creates in new databases, as Odoo itself does in those that it creates
(addons/install.py). Projects whose databases were created otherwise create them in their first
migration step, which must not fail because the extension exists already."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator
from typing import Any

NAMES = ("pg_trgm", "unaccent")
_CREATE = re.compile(r"(\bCREATE\s+EXTENSION\s+)(?!IF\s)(\\*\"?)(\w+)(\\*\"?)", re.IGNORECASE)


def there(cursor: Any) -> frozenset[str]:
    """Return those of `NAMES` that the database has."""
    cursor.execute(
        "SELECT extname::text FROM pg_catalog.pg_extension WHERE extname::text OPERATOR(pg_catalog.=) ANY (%s)",
        (list(NAMES),),
    )
    return frozenset(row[0] for row in cursor.fetchall())


def created(text: str) -> list[str]:
    """Return which of `NAMES` a text with SQL creates without IF NOT EXISTS."""
    return [match[3] for match in _CREATE.finditer(text) if match[3].lower() in NAMES]


def if_missing(text: str, existing: Collection[str]) -> str:
    """Return SQL, or a command with SQL in it, in which CREATE EXTENSION says IF NOT EXISTS for the
    extensions in `existing`."""

    def changed(match: re.Match[str]) -> str:
        if match[3].lower() not in existing:
            return match[0]
        return f"{match[1]}IF NOT EXISTS {match[2]}{match[3]}{match[4]}"

    return _CREATE.sub(changed, text) if existing else text


@contextlib.contextmanager
def tolerated(cursor: Any, existing: Collection[str]) -> Iterator[None]:
    """Apply `if_missing()` to the statements that are executed with Odoo's cursor within."""
    own = cursor.execute

    def execute(query: Any, *values: Any, **named: Any) -> Any:
        return own(if_missing(query, existing) if isinstance(query, str) else query, *values, **named)

    if existing:
        cursor.execute = execute
    try:
        yield
    finally:
        if existing:
            del cursor.execute
