# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of the versions in the folder migrations."""

from songs.count import song


def language(ctx):
    """Dutch, with the words that the modules bring"""
    ctx.env["res.lang"]._activate_lang("nl_NL")
    ctx.env["ir.module.module"].search([("name", "=", "shop_base")])._update_translations(["nl_NL"])
    song(ctx, "language")


def own_words(ctx):
    """What a user makes of them"""
    tag = ctx.env.ref("shop_base.tag_shop").with_context(lang="nl_NL")
    assert tag.name == "Winkelklant", tag.name
    tag.name = "Eigen woord"
    song(ctx, "own_words")


def without_units(ctx):
    """After the module has gone nothing of it is there"""
    assert "uom.uom" not in ctx.env, "the model is still there"
    song(ctx, "without_units")


def sample(ctx):
    song(ctx, "sample")
