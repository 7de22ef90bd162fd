# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


class Package:
    def __init__(self, name, data):
        self.name, self.data = name, data
        self.id, self.state, self.installed_version = 0, "uninstalled", None


class Graph(dict):
    def update_from_db(self, cr):
        cr.execute("SELECT name, id, state, latest_version FROM ir_module_module")
        for name, ident, state, version in cr.fetchall():
            if name in self:
                self[name].id, self[name].state, self[name].installed_version = ident, state, version

    def __iter__(self):
        """Dependencies first."""
        done = []
        while len(done) < len(self):
            for name in sorted(self.keys()):
                if name not in done and all(d in done or d not in self for d in self[name].data.get("depends", [])):
                    done.append(name)
        return iter([self[name] for name in done])
