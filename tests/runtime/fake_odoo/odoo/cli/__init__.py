# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import os
import signal
import sys


def main():
    """Loads the database as a worker does, says so, and serves until it is told to stop."""
    from odoo.modules.registry import Registry
    from odoo.tools import config

    args = sys.argv[1:]
    config.parse_config(args)
    Registry.new(config.get("db_name") or config["database"])
    signal.signal(signal.SIGTERM, lambda *_args: os._exit(0))
    sys.stderr.write("fake Odoo serves\n")
    sys.stderr.flush()
    if os.environ.get("FAKE_ODOO_ENDS"):
        return
    while True:
        signal.pause()
