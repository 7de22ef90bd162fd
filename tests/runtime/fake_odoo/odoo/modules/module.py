# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import ast
import importlib
import os

from odoo.tools import config


def load_openerp_module(name):
    importlib.import_module("odoo.addons.base.models.ir_module")


def folders():
    here = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    return [os.path.join(here, "addons"), *config.get("addons_path", "").split(",")]


def manifests():
    found = {}
    for folder in folders():
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            path = os.path.join(folder, name, "__manifest__.py")
            if os.path.isfile(path) and name not in found:
                with open(path, encoding="utf-8") as handle:
                    found[name] = {**ast.literal_eval(handle.read()), "path": os.path.dirname(path)}
    return found
