# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from odoo import fields, models


class Thing(models.Model):
    _name = "oc.c.thing"
    _description = "A thing of oc_c"

    name = fields.Char()
