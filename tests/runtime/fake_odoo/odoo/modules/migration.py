# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import importlib.util
import os

from odoo.release import series


class MigrationManager:
    def __init__(self, cr, graph):
        self.cr, self.graph = cr, graph

    def migrate_module(self, pkg, stage):
        state = pkg.state if stage in ("pre", "post") else getattr(pkg, "load_state", None)
        if state != "to upgrade":
            return
        before = getattr(pkg, "load_version", pkg.installed_version) or ""
        folder = os.path.join(pkg.data["path"], "migrations")
        for version in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            if not before < f"{series}.{version}" <= f"{series}.{pkg.data['version']}":
                continue
            for name in sorted(os.listdir(os.path.join(folder, version))):
                if name.startswith(stage + "-") and name.endswith(".py"):
                    spec = importlib.util.spec_from_file_location("script", os.path.join(folder, version, name))
                    module = importlib.util.module_from_spec(spec)
                    spec.loader.exec_module(module)
                    module.migrate(self.cr, before)
