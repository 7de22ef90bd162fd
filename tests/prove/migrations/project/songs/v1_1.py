# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of version 1.1, in which the label of a product becomes its title."""

import os

import anthem
from anthem.lyrics.loaders import load_csv
from anthem.lyrics.records import create_or_update

from songs.count import song


@anthem.log
def old_labels(ctx):
    """Give products without a label one"""
    ctx.env.cr.execute("UPDATE shop_product SET label = code WHERE label IS NULL")
    song(ctx, "old_labels")


def codes(ctx):
    # The new code's fields are not in the table yet; those that are can be read and written.
    for product in ctx.env["shop.product"].search([]):
        product.code = product.code.upper()
    ctx.log_line("codes are in capitals")
    song(ctx, "codes")


@anthem.log
def categories(ctx):
    """Put products into categories"""
    with ctx.log("the categories themselves"):
        tools = create_or_update(ctx, "shop.category", "__setup__.category_tools", {"name": "Tools"})
    ctx.env["shop.product"].search([]).write({"category_id": tools.id})
    song(ctx, "categories")


def prices(ctx, factor, only=None):
    for product in ctx.env["shop.product"].search([("code", "in", only)] if only else []):
        product.price = product.price * factor
    song(ctx, "prices")


@anthem.log
def customers(ctx):
    """Load customers"""
    load_csv(ctx, "res.partner", os.path.join("data", "res.partner.csv"))
    song(ctx, "customers")


@anthem.log
def last(ctx):
    """The last one"""
    song(ctx, "last")
