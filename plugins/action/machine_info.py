# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import secrets

from ansible.plugins.action import ActionBase

from ansible_collections.odoo_cloud.platform.plugins.plugin_utils import _run_snapshot as run_snapshot


class ActionModule(ActionBase):
    """Runs the module, and keeps the snapshot that it returns for later tasks instead of showing it."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        host = run_snapshot.machine_of(self, task_vars)
        arguments = dict(self._task.args)
        if arguments.get("root") and not arguments.get("snapshot_key"):
            arguments["snapshot_key"] = secrets.token_hex(32)
        result = self._execute_module(module_args=arguments, task_vars=task_vars)
        snapshot = result.pop("snapshot", None)
        run_snapshot.drop(host)
        if snapshot:
            run_snapshot.keep(host, snapshot, arguments["snapshot_key"])
        return result
