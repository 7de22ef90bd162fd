# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What the waiting page shows of the database and of the run that works on it."""

from __future__ import annotations

import re
import time
from typing import Any

from ..common.config import Settings
from ..database import lock, state
from .progress import Progress


def describe(
    settings: Settings, run_id: str, latest: state.Entry | None, held: lock.Holder | None, progress: Progress
) -> dict[str, Any]:
    """Return the state of the database as plain data, for waiting_page.py.

    - `settings`: of this container, whose run is `run_id`.
    - `latest`: the newest row of the history when it was last read; `None`: there is none, or it
      was not read yet.
    - `held`: the holder of the lock, if it is another run.
    - `progress`: of our own run; while it has a phase, we are the holder.
    """
    phase, step, of, version = progress.phase, progress.step, progress.of, progress.version
    name = latest.state if latest is not None else None
    since: str | None = latest.since if latest is not None else None
    age = round(latest.age) if latest is not None else None
    if progress.state:  # our own rows are newer than what was read
        name, since, age = progress.state, progress.since, None
    holder = None
    if phase:
        holder = {"mode": settings.mode, "run_id": run_id, "host": settings.host, "since": None}
    elif held is not None:
        parsed = held.parsed()
        theirs = latest is not None and latest.run_id == parsed.get("run_id")
        holder = {
            "mode": parsed.get("what"),
            "run_id": parsed.get("run_id"),
            "host": latest.host if latest is not None and theirs else parsed.get("host"),
            "since": held.since,
        }
        if latest is not None and theirs:
            phase = latest.phase
        count = re.search(r"\((\d+) of (\d+)\)", phase)
        if count:
            step, of = int(count[1]), int(count[2])
        number = re.match(r"version (\S+): ", phase)
        version = number[1] if number else version
    return {
        "database": settings.db_name,
        "instance": settings.instance,
        "state": name,
        "since": since,
        "age_seconds": age,
        "phase": phase,
        "step": step,
        "of": of,
        "version": version or None,
        "elapsed_seconds": round(time.monotonic() - progress.began) if progress.began is not None else age,
        "holder": holder,
        "failed": name == state.FAILED and not progress.phase,
    }
