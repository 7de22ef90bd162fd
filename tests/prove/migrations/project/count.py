# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts what ran and was committed, and stops or fails where it is told to. migrations_lab.py puts this file beside the songs,
and as pre-, post- and end-count.py into the migration scripts of each addon.

A row goes through the cursor of the script or song: it is there if, and as often as, its effect was committed.
OC_HOLD and OC_RAISE name places, such as song/prices or shop_sale/post.
"""

import os
import time

HERE = os.path.abspath(__file__).split(os.sep)


def reach(place):
    if place in (os.environ.get("OC_HOLD") or "").split(","):
        os.write(2, f"oc-place {place}\n".encode())
        end = time.monotonic() + 120
        while time.monotonic() < end:
            time.sleep(0.1)
    if place in (os.environ.get("OC_RAISE") or "").split(","):
        raise RuntimeError(f"asked to fail at {place}")


def count(cr, module, version, stage):
    cr.execute(
        "CREATE TABLE IF NOT EXISTS oc_counter (module text, version text, stage text,"
        " at timestamptz DEFAULT clock_timestamp())"
    )
    cr.execute("INSERT INTO oc_counter (module, version, stage) VALUES (%s, %s, %s)", (module, version, stage))
    reach(f"{module}/{stage}")


def song(ctx, name):
    """A song's: the row, and the place song/<name>."""
    count(ctx.env.cr, "song", "", name)


def migrate(cr, version):
    """Called by Odoo: .../<module>/migrations/<version>/<stage>-count.py."""
    count(cr, HERE[-4], HERE[-2], HERE[-1].partition("-")[0])
