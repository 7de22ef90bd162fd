# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role image. The code is in `module_utils/_images/plan.py`, the documentation in
the `.yml` files.
"""

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import plan as image_plan


class FilterModule:
    def filters(self):
        return {
            "image_build_item": image_plan.build_item,
            "image_build_error": image_plan.build_error,
            "image_context_files": image_plan.context_files,
            "image_failures": image_plan.failures,
            "image_ids": image_plan.resolve,
            "image_missing": image_plan.missing,
            "image_pip_failure": image_plan.pip_failure,
            "image_pip_home": image_plan.pip_home,
            "image_problems": image_plan.problems,
            "image_records": image_plan.records,
            "image_updates": image_plan.updates,
            "image_requirement_sets": image_plan.requirement_sets,
        }
