# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of version 1.2."""

import anthem

from songs.count import song


@anthem.log
def main(ctx):
    """Say so"""
    ctx.env["ir.config_parameter"].set_param("shop.release", "1.2")
    song(ctx, "v1_2")
