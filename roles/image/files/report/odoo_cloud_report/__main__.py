# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python3 -m odoo_cloud_report [health]: the service, or its health check."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from . import service
from .settings import Settings


def main(arguments: list[str]) -> int:
    settings = Settings.read(os.environ)
    if arguments == ["health"]:
        return asyncio.run(service.health(settings))
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stdout)
    asyncio.run(service.serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
