# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Names of databases that a run creates beside an instance's own: restore points, failed databases,
copies for rehearsals."""

from __future__ import annotations

import hashlib
import re

BEFORE, FAILED_NAME, REHEARSAL, RESTORING = "before", "failed", "rehearsal", "restoring"
KEPT = (BEFORE, FAILED_NAME)  # what has to survive the instance: the keeper owns them
MAX_NAME = 63  # PostgreSQL silently truncates longer names
_RUN = re.compile(r"[0-9a-f]{12}")


def derived_name(database: str, what: str, run_id: str) -> str:
    """Return `<db>--<what>-<run>`; a name that would be too long is shortened and contains a hash
    of the full one."""
    end = f"--{what}-{run_id}"
    if len(database) + len(end) > MAX_NAME:
        short = hashlib.sha256(database.encode()).hexdigest()[:8]
        database = f"{database[: MAX_NAME - len(end) - 9]}-{short}"
    return database + end


def run_of(database: str, what: str, name: str) -> str:
    """Return the run in a name that `derived_name()` built from `database`; empty for any other name."""
    run_id = name.rsplit("-", 1)[-1]
    return run_id if _RUN.fullmatch(run_id) and name == derived_name(database, what, run_id) else ""


def is_kept(database: str, name: str) -> bool:
    """Whether `name` is a restore point or a failed database of `database`."""
    return any(run_of(database, what, name) for what in KEPT)
