# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service's settings, from its environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Settings:
    """
    - `socket`: path of the socket. `jobs`: prints at the same time. `timeout`: seconds that one may take.
    - `recycle`: prints after which a new browser is started. `idle`: seconds without a print after which the
      browser ends.
    - `sandbox`: `required`, or `auto` for a browser without its own sandbox where the kernel refuses it.
    - `browser`: path of Chromium.
    """

    socket: str = "/run/report/report.sock"
    jobs: int = 2
    timeout: float = 300
    recycle: int = 200
    idle: float = 300
    sandbox: str = "auto"
    browser: str = "/usr/bin/chromium-headless-shell"

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """From variables such as `REPORT_JOBS`. Raises `ValueError` for one that is no number."""
        values = {}
        for one in dataclasses.fields(cls):
            text = environment.get(f"REPORT_{one.name.upper()}", "")
            if text:
                values[one.name] = type(one.default)(text)
        return cls(**values)
