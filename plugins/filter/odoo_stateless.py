# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils import _platform_preflight, _s3_policy, _stateless


class FilterModule:
    def filters(self):
        return {
            "odoo_stateless_env": _stateless.variables,
            "odoo_sites": _stateless.sites,
            "odoo_preflight_instances": _platform_preflight.arguments,
            "s3_policy": _s3_policy.policy,
        }
