# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Songs that do what songs should not, and small ones."""

import sys
import urllib.request

from songs.count import song


def leaves(ctx):
    song(ctx, "leaves")
    sys.exit(0)


def commits(ctx):
    song(ctx, "commits")
    ctx.env.cr.commit()
    song(ctx, "commits_more")


def posts(ctx, url):
    """Tells somebody, and takes it easy when nobody listens."""
    try:
        urllib.request.urlopen(url, data=b"done", timeout=3).close()
        ctx.log_line("told")
    except OSError as error:
        ctx.log_line(f"nobody was told: {error}")
    song(ctx, "posts")


def sets(ctx, key, value):
    """Sets a system parameter"""
    ctx.env["ir.config_parameter"].set_param(key, value)


def small(ctx):
    """What a song costs that does next to nothing."""
    ctx.env["ir.config_parameter"].set_param("shop.small", "1")


small_1 = small
small_2 = small
small_3 = small
small_4 = small
small_5 = small
small_6 = small
small_7 = small
small_8 = small
small_9 = small
small_10 = small
