# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The history of a database as a timeline: what was done from when to when, by whom, and its
outcome.
"""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import table as _table
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import times
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import state

WORK = (state.CREATING, state.UPDATING, state.MAINTENANCE)
NAMES = ("actor", "host", "mode", "run_id", "release")
COLUMNS = {
    "state": "State",
    "start": "Start (UTC)",
    "duration_seconds": "Duration",
    "mode": "Mode",
    "host": "Host",
    "actor": "Actor",
    "run_id": "Run",
    "release": "Release",
    "result": "Result",
    "detail": "Detail",
}
DETAIL_WIDTH = 100


class TimelineError(ValueError):
    """The value is no history."""


def timeline(history: t.Any, table: bool = False) -> list[t.Any]:
    """One entry per phase, oldest first; with `table` the lines of a text table. Raises
    `TimelineError`.
    """
    rows = _ordered(history)
    phases = [list(rows) for _key, rows in itertools.groupby(rows, _same_phase())]
    followers: list[dict[str, t.Any] | None] = [phase[0] for phase in phases[1:]]
    entries = [_entry(phase, after) for phase, after in zip(phases, [*followers, None])]
    return _lines(entries) if table else entries


def _ordered(history: t.Any) -> list[dict[str, t.Any]]:
    """The rows, oldest first."""
    if not isinstance(history, (list, tuple)) or not all(isinstance(row, dict) and "state" in row for row in history):
        raise TimelineError(
            "give the rows of a history, as the module odoo_state_info returns them: a list with id, state and since"
        )
    if all(isinstance(row.get("id"), int) for row in history):
        return sorted(history, key=lambda row: row["id"])
    return list(reversed(history))


def _same_phase() -> t.Callable[[dict[str, t.Any]], t.Any]:
    """A key that is equal for successive rows of one kind of work of one run, which are one phase."""
    numbers = itertools.count()

    def key(row: dict[str, t.Any]) -> t.Any:
        if row.get("run_id") and row["state"] in WORK:
            return row["run_id"], row["state"]
        return next(numbers)

    return key


def _entry(phase: list[dict[str, t.Any]], after: dict[str, t.Any] | None) -> dict[str, t.Any]:
    first, last = phase[0], phase[-1]
    details = dict.fromkeys(str(row["detail"]) for row in phase if row.get("detail"))
    return {
        "state": first["state"],
        "start": _moment(first),
        "end": _moment(after) if after is not None else None,
        "duration_seconds": _duration(first, after),
        **{name: last.get(name) or None for name in NAMES},
        "result": _result(last, after),
        "detail": "; ".join(details) or None,
    }


def _since(row: dict[str, t.Any]) -> t.Any:
    return row.get("since") or row.get("write_date")


def _moment(row: dict[str, t.Any]) -> str | None:
    moment = times.parse(_since(row))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else None


def _age(row: dict[str, t.Any]) -> float | None:
    age = row.get("age")
    return float(age) if isinstance(age, (int, float)) and not isinstance(age, bool) else None


def _duration(first: dict[str, t.Any], after: dict[str, t.Any] | None) -> float | None:
    """The length of a phase in seconds, None when it isn't known.

    Ages are used if both rows have them, because PostgreSQL returns them with fractions.
    """
    begin, end = _age(first), _age(after) if after is not None else 0.0
    if begin is not None and end is not None:
        return round(max(begin - end, 0), 1)
    start, stop = times.parse(_since(first)), times.parse(_since(after)) if after is not None else None
    return round(max((stop - start).total_seconds(), 0), 1) if start is not None and stop is not None else None


def _result(last: dict[str, t.Any], after: dict[str, t.Any] | None) -> str | None:
    """What the row says of itself; the outcome of work is in the row that came after it."""
    if last["state"] not in WORK or after is None:
        return last.get("result") or None
    if (last.get("run_id") or None) != (after.get("run_id") or None):
        return "interrupted"
    if after["state"] == state.FAILED:
        return "failed"
    # The original tool does not name runs. Ready follows completed work; any other state means
    # that the work never ended.
    ended_well = after["state"] == state.READY or (last.get("run_id") and after["state"] == state.MAINTENANCE)
    return "ok" if ended_well else "interrupted"


def _lines(entries: list[dict[str, t.Any]]) -> list[str]:
    """A table with the columns that say something."""
    return _table.table(list(COLUMNS.values()), [[_cell(name, entry[name]) for name in COLUMNS] for entry in entries])


def _cell(name: str, value: t.Any) -> str:
    if name == "duration_seconds":
        return "" if value is None else times.short(value)
    text = " ".join(str(value or "").split())
    if name == "start":
        return text.replace("T", " ").rstrip("Z")
    if name == "release" and text.startswith("sha256:"):
        return text[:19]  # as Docker shortens it
    return text if name != "detail" or len(text) <= DETAIL_WIDTH else text[: DETAIL_WIDTH - 3] + "..."
