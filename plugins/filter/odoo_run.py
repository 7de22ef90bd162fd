# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role odoo for runs. The code is in `module_utils/_runs/need.py` and `failure.py`,
the documentation in the `.yml` files.
"""

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import failure, need
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._instances import of_instances


class FilterModule:
    def filters(self):
        return {
            "odoo_run_failure": failure.describe,
            "odoo_runs": of_instances("odoo_runs", need.runs),
            "odoo_unreadable": of_instances("odoo_unreadable", need.unreadable),
        }
