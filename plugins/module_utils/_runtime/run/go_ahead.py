# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The signal by which the caller allows a run to change the database, because its replicas are
stopped (GO_AHEAD_TIMEOUT)."""

from __future__ import annotations

import signal
import time
from typing import Any

from ..common import log
from ..common.errors import NoGoAhead
from ..common.events import EventFile
from ..database.lock import Lock

SIGNAL = signal.SIGUSR1

_given = False


def _on_signal(_signum: int, _frame: Any) -> None:
    global _given  # noqa: PLW0603 - no lock: the interrupted code might hold it
    _given = True


def listen() -> None:
    """Record the signal from now on; without this it would end the process."""
    signal.signal(SIGNAL, _on_signal)


def given() -> bool:
    """Whether the signal was received."""
    return _given


def wait(guard: Lock, limit: float, events: EventFile) -> None:
    """Tell the caller that this run has the lock, and wait until it signals that the replicas are
    stopped. `limit`: GO_AHEAD_TIMEOUT, in seconds.

    Raises `NoGoAhead` after that time, `LockLost` if the lock is lost meanwhile.
    """
    log.info(
        f"this run has the lock of database {guard.database!r}; waiting for the replicas to be stopped ({limit:.0f} s left)"
    )
    events.emit("lock_taken", seconds=limit)
    end = time.monotonic() + limit
    while not given():
        guard.check("the first change")
        if time.monotonic() > end:
            raise NoGoAhead(
                f"database {guard.database!r}: no signal within {limit:.0f} s that the replicas are stopped (GO_AHEAD_TIMEOUT);"
                " nothing was changed"
            )
        time.sleep(0.2)
    guard.check("the first change")
    events.emit("go_ahead")
