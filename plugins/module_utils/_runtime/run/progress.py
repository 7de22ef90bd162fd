# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The current work of a run. The waiting page shows it, and the heartbeat writes it to the run's
row in the history."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from ..common.config import Settings
from ..common.errors import RuntimeFailure
from ..database import pg, state
from ..database.pg import psycopg2

BEAT_SECONDS = 5.0


@dataclass
class Progress:
    """The current work of the run."""

    phase: str = ""  # one line; empty: this run is doing nothing
    step: int | None = None  # within this phase, and their number
    of: int | None = None
    state: str = ""  # of the row that the run wrote last
    since: str = ""  # time of that row: ISO 8601, UTC
    version: str = ""  # the version of the migration file that is being done
    began: float | None = None  # seconds of time.monotonic()

    def report(self, phase: str, step: int | None = None, of: int | None = None) -> None:
        """Set the current work; `step` of `of` if it is one of several."""
        self.phase, self.step, self.of = phase, step, of


class Heartbeat:
    """Writes the phase to the run's row every few seconds and whenever it changes. It uses its own
    connection, which is never opened again after it broke: then the run or the server was stopped,
    which the next check of the lock reports."""

    def __init__(self, settings: Settings, name: str, writer: state.Writer, progress: Progress) -> None:
        self.settings, self.name, self.writer, self.progress = settings, name, writer, progress
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def _run(self) -> None:
        try:
            connection = pg.connect(self.settings, self.settings.db_name, self.name)
        except (RuntimeFailure, psycopg2.Error):
            return
        try:
            written, beaten = "", 0.0
            while not self.stopped.wait(0.5):
                phase, now = self.progress.phase, time.monotonic()
                if phase != written or now - beaten >= BEAT_SECONDS:
                    self.writer.beat(connection, phase)
                    written, beaten = phase, now
        except psycopg2.Error:
            pass
        finally:
            connection.close()

    def __enter__(self) -> Heartbeat:
        self.thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stopped.set()
        self.thread.join(BEAT_SECONDS)
