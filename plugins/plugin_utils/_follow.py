# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection odoo_cloud.platform.
"""Shows the events of a long run while it works: the module starts the run, short calls of it
return new events, and a last call returns the result.
"""

from __future__ import annotations

import time

from ansible.plugins.action import ActionBase

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.times import short
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.values import as_boolean, as_number
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils import _run_snapshot as run_snapshot

LOOK = "odoo_cloud.platform.odoo_run_info"
LOOK_SECONDS = 10  # seconds that one call waits for new events
SILENT_SECONDS = 30  # seconds without new events after which the output says that the run goes on


class FollowAction(ActionBase):
    """Runs the module of the same name, and shows the events of its run meanwhile."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        # The run starts, stops and removes containers by itself.
        run_snapshot.drop(run_snapshot.machine_of(self, task_vars))
        arguments = dict(self._task.args)
        name = self._task.resolved_action or self._task.action
        waits = as_boolean(arguments.get("wait", True))
        if self._task.async_val or self._task.check_mode or not waits or arguments.get("run"):
            return self._execute_module(
                module_name=name, module_args=arguments, task_vars=task_vars, wrap_async=self._task.async_val
            )
        return self._followed(name, arguments, task_vars)

    def _followed(self, name, arguments, task_vars):
        # The module refuses what is no number.
        deadline = time.monotonic() + (as_number(arguments.get("timeout")) or 7200)
        while True:
            started = self._execute_module(
                module_name=name, module_args={**arguments, "wait": False}, task_vars=task_vars
            )
            if started.get("failed") or not started.get("run"):
                return started
            ours = bool(started.get("ours"))
            if not ours:
                self._say(arguments, f"another run is at work ({started.get('container')}), waiting for it")
            given = arguments if ours or "stop_first" not in arguments else {**arguments, "stop_first": []}
            ended = self._look_until_end(name, started["run"], given, task_vars, deadline)
            if isinstance(ended, dict):
                return ended
            if ours or not ended:
                left = max(int(deadline - time.monotonic()), 0)
                ended = {"run": started["run"], "events_file": started.get("events_file") or None, "timeout": left}
                return self._execute_module(module_name=name, module_args={**given, **ended}, task_vars=task_vars)

    def _look_until_end(self, name, run, arguments, task_vars, deadline):
        """Follows the run until it ends. Returns True, or the result of a step that failed.

        After a call that fails it returns True too: the last call of the module then reports the
        reason.
        """
        begin = told = time.monotonic()
        offset, doing = 0, ""
        while time.monotonic() < deadline:
            look = self._execute_module(
                module_name=LOOK,
                module_args={
                    "container": run,
                    "offset": offset,
                    "until": "news",
                    "timeout": max(min(LOOK_SECONDS, int(deadline - time.monotonic())), 0),
                    **({"docker_host": arguments["docker_host"]} if arguments.get("docker_host") else {}),
                },
                task_vars=task_vars,
            )
            if look.get("failed"):
                return True
            offset, doing = look["offset"], look["doing"] or doing
            for line in look["lines"]:
                self._say(arguments, line)
            if arguments.get("stop_first") and {one.get("event") for one in look["events"]} & {"lock_taken", "plan"}:
                step = self._execute_module(
                    module_name=name, module_args={**arguments, "run": run, "wait": False}, task_vars=task_vars
                )
                if step.get("failed"):
                    return step
            now = time.monotonic()
            if look["lines"]:
                told = now
            if not look["running"]:
                return True
            if now - told >= SILENT_SECONDS:
                self._say(arguments, f"at work for {short(now - begin)}" + (f": {doing}" if doing else ""))
                told = now
        return False

    def _say(self, arguments, line):
        self._display.display(f"  {arguments.get('instance')}: {line}")
