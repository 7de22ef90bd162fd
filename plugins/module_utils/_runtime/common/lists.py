# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Lists in messages, which may be long."""

from __future__ import annotations

from collections.abc import Iterable


def some(names: Iterable[str], limit: int = 12, separator: str = ", ") -> str:
    """Return the names as one text; of a long list the first `limit` and the number of the others."""
    names = list(names)
    if len(names) <= limit + 1:
        return separator.join(names)
    return f"{separator.join(names[:limit])} and {len(names) - limit} more"
