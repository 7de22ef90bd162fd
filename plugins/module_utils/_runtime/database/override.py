# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The operators' way past a blocking state: a row that opens the database and records who did it
and why."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..common.errors import Held, LockLost, Refused
from . import lock, shape, state
from .pg import one_line, psycopg2


@dataclass(frozen=True)
class Forced:
    """What a forced change of the state did."""

    changed: bool
    before: str | None  # the state; `None`: there was no row
    after: str
    ended_sessions: int = 0
    set_aside: str = ""  # new name of a history that could not be used; empty: it could


def force(
    control: Any,
    database: Any,
    name: str,
    wanted: str,
    actor: str,
    reason: str,
    take_over: bool = False,
    host: str = "",
    run_id: str = "",
    mode: str = "odoo_state",
    release: str = "",
) -> Forced:
    """Write `Force Ready` or `Reset` over a blocking state. Nothing changes if the state is open
    already. A history that can't be read or written is set aside, and a new one begins with this row.

    - `control`, `database`: connections to the maintenance database and to the database `name`.
    - `wanted`: the state, one of `state.OPEN_STATES`.
    - `actor`, `reason`, `host`, `run_id`, `mode`, `release`: recorded in the row; `run_id` is a new
      one by default.
    - `take_over`: first end every session of the run that holds the lock; without it a live lock is
      left alone.

    Raises `Held` while another run has the lock, `Refused` for a first installation that has not
    ended.
    """
    history, broken = read(database)
    if history.first_installation:
        raise Refused(f"database {name!r}: {state.unended(history.latest)}")
    guard = lock.Lock(control, name)
    ended = 0
    held = None if guard.acquire() else lock.holder(control, name)
    if held is not None or not guard.held():
        if not take_over:
            if held is None:
                raise Held(f"database {name!r}: {lock.held_by(control, name)}")
            raise Held(f"database {name!r}: its lock is held by {held}; wait for it, or end it explicitly (take_over)")
        ended = lock.take_over(guard, held)
    try:
        history, broken = read(database)
        latest = history.latest
        if latest is not None and latest.open and not ended:
            return Forced(False, latest.state, latest.state)
        before = broken or (str(latest) if latest is not None else "no state")
        detail = f"{reason or 'no reason given'}; before: {before}"

        def write(more: str) -> None:
            writer = state.open_writer(database, guard, run_id or os.urandom(6).hex(), host, mode, release, actor)
            writer.append(wanted, f"{detail[: 4000 - len(more)]}{more}", "forced")

        kept = write_anyhow(database, guard, write, bool(broken))
        return Forced(True, latest.state if latest is not None else None, wanted, ended, kept)
    finally:
        guard.release()


def read(database: Any) -> tuple[state.History, str]:
    """Return the history, and why it can't be read or another row can't be written; an empty one
    then. `database`: connection to the Odoo database.

    A table of the right shape can still have values that can't be read, or give its owner no right
    to read it. Other errors are no reason to set it aside, and are raised.
    """
    try:
        history = state.read_history(database)
        if history.table:
            with database.cursor() as cursor:
                state.next_numbers(cursor, repair=False)
        return history, ""
    except (shape.Unusable, psycopg2.DataError, psycopg2.errors.InsufficientPrivilege) as exc:
        return state.History(), one_line(exc)


def write_anyhow(database: Any, guard: lock.Lock, write: Callable[[str], None], broken: bool = False) -> str:
    """Call `write`, after setting the history aside if it is `broken` or turns out to be. Returns
    the new name of the one that was set aside; empty if none was.

    `write` gets what has to be added to the detail of its row. Raises `LockLost`, and the errors of
    `write` with a new history.
    """
    why = ""
    if not broken:
        try:
            write("")
            return ""
        except (shape.Unusable, LockLost, psycopg2.Error) as exc:
            if database.closed or not guard.held():
                raise
            why = f" (it could not be written: {one_line(exc)[:500]})"
    kept = state.set_aside(database)
    write(f"; the history before is in table {kept}{why}" if kept else "")
    return kept
