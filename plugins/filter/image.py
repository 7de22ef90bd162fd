# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role image. The code is in `module_utils/_images/`, the documentation in the `.yml`
files.
"""

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import plan as image_plan
from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import records as image_records
from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import security as image_security


class FilterModule:
    def filters(self):
        return {
            "image_build_item": image_plan.build_item,
            "image_build_error": image_plan.build_error,
            "image_context_files": image_plan.context_files,
            "image_facts": image_security.image_facts,
            "image_failures": image_plan.failures,
            "image_ids": image_plan.resolve,
            "image_labels": image_security.labels,
            "image_look_errors": image_security.look_errors,
            "image_looks": image_security.looks,
            "image_missing": image_plan.missing,
            "image_pip_failure": image_plan.pip_failure,
            "image_pip_home": image_plan.pip_home,
            "image_problems": image_plan.problems,
            "image_records": image_records.records,
            "image_security": image_records.of_plan,
            "image_security_report": image_security.report,
            "image_status": image_security.lines,
            "image_updates": image_security.updates,
            "image_requirement_sets": image_plan.requirement_sets,
        }
