# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from odoo import fields, models


class Category(models.Model):
    _name = "shop.category"
    _description = "A category of products"

    name = fields.Char(required=True)


class Product(models.Model):
    _name = "shop.product"
    _description = "A product"

    code = fields.Char(required=True)
    label = fields.Char()  # until 1.0
    title = fields.Char()  # since 1.1
    category_id = fields.Many2one("shop.category")  # since 1.1
    price = fields.Float()
