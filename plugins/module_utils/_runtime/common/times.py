# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Points in time as PostgreSQL and ISO 8601 write them, and durations in words."""

from __future__ import annotations

import datetime
import re

# '2026-11-21 13:50:01+00', '2026-11-21T13:50:01.25Z', '2026-11-21 19:20:01+05:30'. Python's own
# parser accepts these only from 3.11 on.
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*"
    r"(Z|UTC|([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?)?",
    re.IGNORECASE,
)


def parse(value: object) -> datetime.datetime | None:
    """Return the point in time in UTC, `None` if `value` isn't one. A time without a zone is taken
    as UTC."""
    if isinstance(value, datetime.datetime):
        zone = value.tzinfo or datetime.timezone.utc
        return value.replace(tzinfo=zone).astimezone(datetime.timezone.utc)
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _zone, sign, *offset = match.groups()
    hours, minutes, seconds = (int(part or 0) for part in offset)
    shift = datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds) * (-1 if sign == "-" else 1)
    micro = int((fraction or "0").ljust(6, "0")[:6])
    try:
        local = datetime.datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micro)
        return (local - shift).replace(tzinfo=datetime.timezone.utc)
    except (ValueError, OverflowError):
        return None


def words(seconds: float) -> str:
    """Express a duration in words, with its two largest units: `2 hours 5 minutes`."""
    left = max(int(seconds), 0)
    if left < 60:
        return "less than a minute"
    days, left = divmod(left, 86400)
    hours, left = divmod(left, 3600)
    parts = [(days, "day"), (hours, "hour"), (left // 60, "minute")]
    while not parts[0][0]:
        del parts[0]
    return " ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts[:2] if count)


def short(seconds: float) -> str:
    """Format a duration for a table: `0.4 s`, `48 s`, `3 min 05 s`, `2 h 05 min`, `3 d 04 h`."""
    left = max(seconds, 0)
    if left < 9.95:
        return f"{left:.1f} s"
    left = round(left)
    if left < 60:
        return f"{left} s"
    if left < 3600:
        return f"{left // 60} min {left % 60:02d} s"
    if left < 86400:
        return f"{left // 3600} h {left % 3600 // 60:02d} min"
    return f"{left // 86400} d {left % 86400 // 3600:02d} h"
