# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from odoo import fields, models


class Order(models.Model):
    _name = "shop.order"
    _description = "An order"

    name = fields.Char(required=True)
    product_id = fields.Many2one("shop.product", ondelete="restrict")
    number = fields.Integer(default=1)
    remark = fields.Char()  # since 1.1
