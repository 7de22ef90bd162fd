# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
from odoo.addons.odoo_cloud_compat import compat

from . import models

# Existing migration files call songs by their old path.
compat.alias_openerp()
