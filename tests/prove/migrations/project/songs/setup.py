# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of the version `setup`."""

import anthem

from songs.count import song


@anthem.log
def main(ctx):
    """Name the company, and add a product that no addon knows"""
    ctx.env.ref("base.main_company").name = "Shop"
    ctx.env["shop.product"].create({"code": "own-1", "price": 4})
    song(ctx, "setup")
