# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The process in which Odoo does a run's work (child.py), as the runtime sees it: the order to it, its events, answers to it."""

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
    """Started before its order is known it imports Odoo meanwhile, connects to nothing, and waits. Main thread only."""

    def __init__(self, env: Mapping[str, str], imports: tuple[int, str] | None = None) -> None:
        """`imports`: version and executable of the Odoo that is needed for certain."""
        self.reading, self.writing = os.pipe()  # events
        self.hearing, self.replying = os.pipe()
        order, self.ordering = os.pipe()
        self.ends = [self.writing, self.hearing, order]  # the process's own
        own = dict(env)
        # The runtime's own folder comes back for the child; what the user's PYTHONPATH says stays behind it.
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
        self.child.start()

    def run(self, order: dict[str, Any], listen: Callable[[int, int], None], still_ours: Callable[[], bool]) -> int:
        """Does the order; the exit code. `listen` is a thread's work: it reads events from the first descriptor until their end,
        writes answers to the second, and closes both. See Child.run for `still_ours` and errors."""
        listener = threading.Thread(target=listen, args=(self.reading, self.replying), daemon=True)
        listener.start()
        self.reading = self.replying = -1
        order = {**order, "events": self.writing, "replies": self.hearing}
        try:
            self.start()
            # Nobody reads it: it has ended, and its exit code says more.
            with contextlib.suppress(BrokenPipeError), open(self.ordering, "w", encoding="utf-8") as stream:
                self.ordering = -1
                json.dump(order, stream)
            return self.child.run(still_ours)
        finally:
            self.close()
            listener.join(5)

    def close(self) -> None:
        """Also ends it, if it waits for an order that does not come."""
        self.child.stop()
        for descriptor in (*self.ends, self.reading, self.replying, self.ordering):
            if descriptor >= 0:
                os.close(descriptor)
        self.ends, self.reading, self.replying, self.ordering = [], -1, -1, -1
