# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import contextlib


class Environment:
    @classmethod
    @contextlib.contextmanager
    def manage(cls):
        yield

    @classmethod
    def reset(cls):
        pass

    def __init__(self, cr, uid, context):
        self.cr, self.uid, self.context = cr, uid, context

    def __contains__(self, name):
        return name in MODELS

    def __getitem__(self, name):
        return MODELS[name](self)


class Base:
    def __init__(self, env):
        self.env = env

    def flush(self):
        pass

    def context_get(self):
        return {"lang": "en_US", "tz": False}

    def with_context(self, **_values):
        return self


class Parameters(Base):
    def get_param(self, key, default=False):
        self.env.cr.execute("SELECT value FROM ir_config_parameter WHERE key = %s", (key,))
        row = self.env.cr.fetchone()
        return row[0] if row else default

    def set_param(self, key, value):
        self.env.cr.execute("DELETE FROM ir_config_parameter WHERE key = %s", (key,))
        if value is not False:
            self.env.cr.execute("INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s)", (key, value))


class Languages(Base):
    def load(self, header, rows):
        for number, row in enumerate(rows):
            if len(row) != len(header):
                return {"ids": False, "messages": [{"type": "error", "message": "a cell", "rows": {"from": number}}]}
            self.env.cr.execute("INSERT INTO res_lang (code, active) VALUES (%s, false)", (row[header.index("code")],))
        return {"ids": list(range(len(rows))), "messages": []}


class Modules(Base):
    names = ()

    def search(self, domain):
        self.names = next(value for name, _operator, value in domain if name == "name")
        return self

    def button_immediate_uninstall(self):
        from odoo.modules.registry import Registry

        for name in self.names:
            self.env.cr.execute(f"DROP TABLE IF EXISTS model_{name}")
            self.env.cr.execute(
                "UPDATE ir_module_module SET state = 'uninstalled', latest_version = NULL WHERE name = %s", (name,)
            )
        self.env.cr.commit()
        Registry.new(self.env.cr.dbname, update_module=True)


MODELS = {
    "base": Base,
    "res.users": Base,
    "res.lang": Languages,
    "ir.config_parameter": Parameters,
    "ir.module.module": Modules,
}
__all__ = ["Environment"]
