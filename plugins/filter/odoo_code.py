# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about own code; the knowledge is in module_utils/_odoo_code.py, the documentation in the .yml files beside."""

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils import _odoo_code


class FilterModule:
    def filters(self):
        return {
            "odoo_code": _odoo_code.code,
            "odoo_code_failures": _odoo_code.failures,
            "odoo_code_sets": _odoo_code.sets,
        }
