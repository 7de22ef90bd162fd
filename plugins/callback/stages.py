# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: stages
type: aggregate
short_description: Shows at the end how long each play took
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Prints one line with the seconds of each play after the recap. A play that is run in batches counts as one.
requirements:
  - Enable it in C(ansible.cfg) with C(callbacks_enabled=odoo_cloud.platform.stages).
"""

import time

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "odoo_cloud.platform.stages"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._begin = self._mark = time.monotonic()
        self._name = ""
        self._seconds = {}

    def _close(self):
        now = time.monotonic()
        if self._name:
            self._seconds[self._name] = self._seconds.get(self._name, 0.0) + now - self._mark
        self._mark = now

    def v2_playbook_on_play_start(self, play):
        self._close()
        self._name = play.get_name()

    def v2_playbook_on_stats(self, stats):
        self._close()
        stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self._seconds.items() if seconds >= 0.05)
        self._display.display(f"seconds: {stages}; {time.monotonic() - self._begin:.1f} in all\n")
