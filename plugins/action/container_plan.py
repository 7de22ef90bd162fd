# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.plugins.action import ActionBase

from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine.containers import PlanError, compare
from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine.snapshot import Unknown
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils import _run_snapshot as run_snapshot

FROM_SNAPSHOT = {"platform", "applied_dir", "containers", "once", "look_for", "networks", "connect"}
ONLY_ON_THE_MACHINE = {"network_pool"}  # needed only for what is to be created


class ActionModule(ActionBase):
    """Runs the module unless the snapshot shows that all containers are as defined."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        host = run_snapshot.machine_of(self, task_vars)
        unchanged = self._nothing_to_do(host)
        if unchanged is not None:
            return unchanged
        result = self._execute_module(task_vars=task_vars)
        # The tasks that follow act on the plan, so the snapshot will no longer be valid.
        if result.get("failed") or result.get("plan") or result.get("networks_missing") or result.get("done"):
            run_snapshot.drop(host)
        return result

    def _nothing_to_do(self, host):
        arguments = self._task.args
        if not {"platform", "applied_dir", "containers"} <= set(arguments) <= FROM_SNAPSHOT | ONLY_ON_THE_MACHINE:
            return None
        snapshot = run_snapshot.load(host)
        if snapshot is None:
            return None
        try:
            given = {key: value for key, value in arguments.items() if value is not None and key in FROM_SNAPSHOT}
            outcome = compare(snapshot, **given)
        except (Unknown, PlanError, KeyError, TypeError) as error:
            self._display.vv(f"{host}: the module itself runs, since the snapshot does not show: {error}")
            return None
        return {**outcome.result(), "changed": False} if outcome.nothing_to_do else None
