# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts what ran and was committed. lab.py puts this file into each addon: beside __init__.py for the installation,
and as pre-, post- and end-count.py into migrations/<version>/.

The row goes through the script's own cursor: it is there if, and as often as, Odoo committed the script's effect.
OC_SLEEP seconds are spent around it, so that a kill finds the script at work.
"""

import os
import time

HERE = os.path.abspath(__file__).split(os.sep)


def count(cr, module, version, stage):
    pause = float(os.environ.get("OC_SLEEP") or 0) / 2
    cr.execute(
        "CREATE TABLE IF NOT EXISTS oc_counter (module text, version text, stage text,"
        " at timestamptz DEFAULT clock_timestamp())"
    )
    time.sleep(pause)
    cr.execute("INSERT INTO oc_counter (module, version, stage) VALUES (%s, %s, %s)", (module, version, stage))
    time.sleep(pause)


def migrate(cr, version):
    """Called by Odoo: .../<module>/migrations/<version>/<stage>-count.py."""
    count(cr, HERE[-4], HERE[-2], HERE[-1].partition("-")[0])


def count_install(first, *dummy):
    """The post_init_hook: Odoo 14 gives a cursor and the registry, newer ones give an environment."""
    count(first.cr if hasattr(first, "registry") else first, HERE[-2], "1.0", "install")
