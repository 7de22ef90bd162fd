# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
from odoo.addons.odoo_cloud_compat import compat

from . import models

# Songs are called by their old path in existing migration files.
compat.alias_openerp()
