# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import odoo_conf
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._instances import of_instance


class FilterModule:
    def filters(self):
        return {"odoo_conf": of_instance("odoo_conf", odoo_conf.render)}
