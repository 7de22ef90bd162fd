# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""A text table."""

from __future__ import annotations

import typing as t


def table(heads: t.Sequence[str], rows: t.Sequence[t.Sequence[str]]) -> list[str]:
    """The lines of a table, without columns that are empty in every row; no lines without rows."""
    if not rows:
        return []
    shown = [index for index in range(len(heads)) if any(row[index] for row in rows)]
    widths = {index: max(len(heads[index]), *(len(row[index]) for row in rows)) for index in shown}
    rule = ["-" * widths.get(index, 0) for index in range(len(heads))]
    return ["  ".join(row[index].ljust(widths[index]) for index in shown).rstrip() for row in (heads, rule, *rows)]
