# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.plugins.action import ActionBase

from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine.files import as_wanted
from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine.snapshot import Unknown
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils import _run_snapshot as run_snapshot


class ActionModule(ActionBase):
    """Runs the module unless the snapshot shows that all files are as wanted."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        host = run_snapshot.machine_of(self, task_vars)
        if self._all_as_wanted(host):
            return {"changed": False, "changed_paths": [], "diff": []}
        result = self._execute_module(task_vars=task_vars)
        if result.get("changed") or result.get("failed"):
            run_snapshot.drop(host)
        return result

    def _all_as_wanted(self, host):
        arguments = self._task.args
        files = arguments.get("files")
        if set(arguments) != {"files"} or not isinstance(files, list):
            return False
        snapshot = run_snapshot.load(host)
        if snapshot is None:
            return False
        try:
            return all(as_wanted(entry, snapshot) for entry in files)
        except (Unknown, TypeError) as error:
            self._display.vv(f"{host}: the module itself runs, since the snapshot does not show: {error}")
            return False
