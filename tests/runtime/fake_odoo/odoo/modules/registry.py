# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import odoo.modules
import odoo.modules.loading
import odoo.sql_db


class Registry:
    registries = {}

    def __new__(cls, database):
        return cls.registries.get(database) or cls.new(database)

    @classmethod
    def delete(cls, database):
        cls.registries.pop(database, None)

    @classmethod
    def new(cls, database, force_demo=False, status=None, update_module=False):
        registry = cls.registries[database] = object.__new__(cls)
        registry._init_modules, registry.database = set(), database
        try:
            odoo.modules.load_modules(database, force_demo, status, update_module)
        except Exception:
            odoo.modules.loading.reset_modules_state(database)
            raise
        return registry

    def cursor(self):
        return odoo.sql_db.Cursor(self.database)

    def signal_changes(self):
        pass
