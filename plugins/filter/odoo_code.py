# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for custom code. The code is in `module_utils/_delivery/choice.py`, the documentation in
the `.yml` files.
"""

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery import choice
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._instances import of_instances


class FilterModule:
    def filters(self):
        return {
            "odoo_code": of_instances("odoo_code", choice.code),
            "odoo_code_failures": of_instances("odoo_code_failures", choice.failures),
            "odoo_code_sets": of_instances("odoo_code_sets", choice.sets),
        }
