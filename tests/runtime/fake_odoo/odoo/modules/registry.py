# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import odoo.modules
import odoo.modules.loading


class Registry:
    registries = {}

    @classmethod
    def new(cls, database, force_demo=False, status=None, update_module=False):
        registry = cls.registries[database] = object.__new__(cls)
        registry._init_modules = set()
        try:
            odoo.modules.load_modules(database, force_demo, status, update_module)
        except Exception:
            odoo.modules.loading.reset_modules_state(database)
            raise
        return registry

    def signal_changes(self):
        pass
