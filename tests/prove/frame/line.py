# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bar as it is printed."""

from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass
class Line:
    """One bar: what was tried, what came out, what was wanted, and whether it holds.

    ran: False when it could not be tried; that counts as falling short.
    """

    bar: str
    figure: str
    target: str
    holds: bool
    ran: bool = True

    def __str__(self) -> str:
        verdict = "holds      " if self.holds else "FALLS SHORT" if self.ran else "DID NOT RUN"
        return f"{verdict}  {self.bar}: {self.figure}  (target: {self.target})"


def sentence(troubles: t.Sequence[str], good: str = "all as it should be") -> str:
    """The first six troubles and how many more there are, or that there are none."""
    more = f" and {len(troubles) - 6} more" if len(troubles) > 6 else ""
    return "; ".join(troubles[:6]) + more or good
