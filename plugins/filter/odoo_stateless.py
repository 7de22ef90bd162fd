# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import stateless as _stateless
from ansible_collections.odoo_cloud.platform.plugins.module_utils._preflight import stateless
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store import s3_policy
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._instances import of_instance, of_instances


class FilterModule:
    def filters(self):
        return {
            "odoo_stateless_env": of_instance("odoo_stateless_env", _stateless.variables),
            "odoo_sites": of_instances("odoo_sites", _stateless.sites),
            "odoo_preflight_instances": of_instances("odoo_preflight_instances", stateless.arguments),
            "s3_policy": s3_policy.policy,
        }
