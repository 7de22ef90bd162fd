# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The operators' way past a blocking state: a row that opens the database and records who did it
and why."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ..common.errors import Held, Refused
from . import lock, state


@dataclass(frozen=True)
class Forced:
    """What a forced change of the state did."""

    changed: bool
    before: str | None  # the state; `None`: there was no row
    after: str
    ended_sessions: int = 0


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
    already.

    - `control`, `database`: connections to the maintenance database and to the database `name`.
    - `wanted`: the state, one of `state.OPEN_STATES`.
    - `actor`, `reason`, `host`, `run_id`, `mode`, `release`: recorded in the row; `run_id` is a new
      one by default.
    - `take_over`: first end every session of the run that holds the lock; without it a live lock is
      left alone.

    Raises `Held` while another run has the lock, `Refused` for a first installation that has not
    ended.
    """
    history = state.read_history(database)
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
        history = state.read_history(database)
        latest = history.latest
        if latest is not None and latest.open and not ended:
            return Forced(False, latest.state, latest.state)
        writer = state.open_writer(database, guard, run_id or os.urandom(6).hex(), host, mode, release, actor)
        before = str(latest) if latest is not None else "no state"
        writer.append(wanted, f"{reason or 'no reason given'}; before: {before}"[:4000], "forced")
        return Forced(True, latest.state if latest is not None else None, wanted, ended)
    finally:
        guard.release()
