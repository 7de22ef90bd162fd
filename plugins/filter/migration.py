# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for plans and results of migrations. The code is in `module_utils/_runs/report.py`, the
documentation in the `.yml` files.
"""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import report


def _filter(name, function):
    def wrapped(value):
        try:
            return function(value)
        except report.PlanError as error:
            raise AnsibleFilterError(f"{name}: {error}") from error

    return wrapped


class FilterModule:
    def filters(self):
        return {
            "migration_plan": _filter("migration_plan", report.plan_lines),
            "migration_progress": _filter("migration_progress", report.progress),
            "migration_report": _filter("migration_report", report.report),
            "migration_steps": _filter("migration_steps", report.steps),
        }
