# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The process in which Odoo does a run's work (child.py), as seen by the runtime: the order to it,
its events, answers to it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, Callable

from ..common.child import Child


class OdooProcess:
    """Starts before its order is known: it imports Odoo meanwhile, connects to nothing, and waits.
    Main thread only."""

    def __init__(self, env: Mapping[str, str], imports: tuple[int, str] | None = None) -> None:
        """`imports`: version and executable of the Odoo that will certainly be needed."""
        self.reading, self.writing = os.pipe()  # events
        self.hearing, self.replying = os.pipe()
        order, self.ordering = os.pipe()
        self.ends = [self.writing, self.hearing, order]  # the ends of the process
        own = dict(env)
        # The child needs the runtime's own folder again; the user's PYTHONPATH comes after it.
        root = os.path.realpath(__file__)
        for _level in __package__.split("."):
            root = os.path.dirname(root)
        own["PYTHONPATH"] = os.pathsep.join(item for item in (os.path.dirname(root), env.get("PYTHONPATH", "")) if item)
        own["ODOO_CLOUD_ORDER"] = str(order)
        self.child = Child(
            [
                sys.executable,
                "-m",
                f"{__package__.rpartition('.')[0]}.cli",
                "boot",
                *(str(item) for item in imports or ()),
            ],
            own,
            functools.partial(subprocess.Popen, pass_fds=tuple(self.ends)),
        )

    def start(self) -> None:
        """Start the process; a second call does nothing."""
        self.child.start()

    def run(self, order: dict[str, Any], listen: Callable[[int, int], None], still_ours: Callable[[], bool]) -> int:
        """Give the process its order and return its exit code. `listen` runs in a thread: it reads
        events from the first descriptor until their end, writes answers to the second, and closes
        both. See `Child.run` for `still_ours` and errors."""
        listener = threading.Thread(target=listen, args=(self.reading, self.replying), daemon=True)
        listener.start()
        self.reading = self.replying = -1
        order = {**order, "events": self.writing, "replies": self.hearing}
        try:
            self.start()
            # If nothing reads the order, the process has ended, and its exit code is reported.
            with contextlib.suppress(BrokenPipeError), open(self.ordering, "w", encoding="utf-8") as stream:
                self.ordering = -1
                json.dump(order, stream)
            return self.child.run(still_ours)
        finally:
            self.close()
            listener.join(5)

    def close(self) -> None:
        """Close all pipes and end the process, also if it still waits for an order."""
        self.child.stop()
        for descriptor in (*self.ends, self.reading, self.replying, self.ordering):
            if descriptor >= 0:
                os.close(descriptor)
        self.ends, self.reading, self.replying, self.ordering = [], -1, -1, -1
