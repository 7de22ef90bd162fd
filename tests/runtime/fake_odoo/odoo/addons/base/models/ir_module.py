# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


class _Model:
    def __init__(self, env, ident):
        self.env, self.id = env, ident

    def __len__(self):
        return 1

    def flush(self):
        pass

    def write(self, vals):
        names = ", ".join(f"{name} = %s" for name in vals)
        self.env.cr.execute(f"UPDATE ir_module_module SET {names} WHERE id = %s", [*vals.values(), self.id])  # noqa: S608
        return True


class Module(_Model):
    def update_list(self):
        from odoo.modules import loading

        loading.update_list(self.env.cr)

    def button_install(self):
        pass

    def button_upgrade(self):
        pass
