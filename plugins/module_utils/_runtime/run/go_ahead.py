# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The signal by which the caller allows a run to change the database, because its replicas are
stopped (GO_AHEAD_TIMEOUT)."""

from __future__ import annotations

import signal
from typing import Any

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
