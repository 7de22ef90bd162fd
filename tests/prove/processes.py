# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others see of running programs."""

from __future__ import annotations

import pathlib
import threading


class ProcessList:
    """Collects command lines and environments of all processes, again and again, while the block runs.

    Environments of the playbook's own processes are part of it too.
    """

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._collect, daemon=True)

    def _collect(self) -> None:
        while not self._stop.wait(0.1):
            self._look()

    def _look(self) -> None:
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    self.texts.add((folder / name).read_bytes().decode("utf-8", "replace"))
                except OSError:
                    continue

    def __enter__(self) -> ProcessList:
        self._thread.start()
        return self

    def __exit__(self, *dummy: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()
