# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from odoo.modules import loading
from odoo.modules.module import manifests


def initialize(cr):
    """As Odoo does it: an `auto_install` module is marked when none of its known dependencies keeps it from that."""
    cr.execute(loading.TABLES)
    loading.update_list(cr)
    cr.execute("UPDATE ir_module_module SET state = 'to install' WHERE name = 'base'")
    for name, data in manifests().items():
        if data.get("auto_install"):
            cr.execute("UPDATE ir_module_module SET auto_install = true, state = 'to install' WHERE name = %s", (name,))
