# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


class Config(dict):
    def parse_config(self, args):
        for arg in args:
            name, _equals, value = arg.partition("=")
            if name.startswith("--db_") or name == "--database":
                self[name[2:]] = value
            elif name == "--addons-path":
                self["addons_path"] = value
            elif name == "--load-language":
                self["load_language"] = value
        path = args[args.index("-c") + 1]
        with open(path, encoding="utf-8") as handle:
            for line in handle:
                name, equals, value = line.partition("=")
                if equals:
                    self.setdefault(name.strip(), value.strip())


config = Config(init={}, update={})
