# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Texts that an instance wrote (events, output of containers, rows of its database), made into data
that is safe to keep, to compare and to show. No I/O.
"""

from __future__ import annotations

import json
import math
import typing as t

DEEPEST = 24  # of lists and dictionaries inside each other
LONGEST = 20_000  # characters of one text
MOST_DIGITS = 400  # of one number; Python needs minutes to read one with millions
_CUT = "…"


def printable(value: t.Any) -> t.Any:
    """The value without characters that would act on a terminal, also in keys."""
    if isinstance(value, str):
        if value.isprintable():
            return value
        return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in value)
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [printable(item) for item in value]
    return value


def plain(value: t.Any, depth: int = DEEPEST) -> t.Any:
    """A value of JSON that anybody may use: printable, no text beyond `LONGEST`, finite numbers, and
    nothing deeper than `depth`.
    """
    if isinstance(value, str):
        return printable(value if len(value) <= LONGEST else value[:LONGEST] + _CUT)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {plain(str(key)): plain(item, depth - 1) for key, item in value.items()} if depth else _CUT
    if isinstance(value, list):
        return [plain(item, depth - 1) for item in value] if depth else _CUT
    return value


def _whole(text: str) -> int | None:
    return int(text) if len(text) <= MOST_DIGITS else None


def parse(text: str | bytes) -> t.Any:
    """The JSON in a text, as `plain` returns it. Raises `ValueError` for a text that is no JSON, also
    for one that is too deep to be read.
    """
    try:
        return plain(json.loads(text, parse_int=_whole))
    except RecursionError:
        raise ValueError("too deep") from None
