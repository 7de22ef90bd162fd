# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from odoo import api, fields, models


class Order(models.Model):
    _inherit = "shop.order"

    amount = fields.Float(compute="_compute_amount", store=True)

    @api.depends("number", "product_id.price")
    def _compute_amount(self):
        for order in self:
            order.amount = order.number * order.product_id.price
