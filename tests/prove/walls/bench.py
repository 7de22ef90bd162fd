# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of this proof share: platforms, and how attempts are counted."""

from __future__ import annotations

import collections.abc
import dataclasses

from ..blockers.bench import Bench as SharedPlatforms
from ..frame import Line, sentence
from ..platforms import Platform


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One thing that was tried from inside an instance, or by a stranger.

    `what`: what was tried, in a few words. `succeeded`: whether it worked, judged by its effect. `seen`: what showed it.
    """

    what: str
    succeeded: bool
    seen: str = ""


def attempts_line(bar: str, attempts: collections.abc.Sequence[Attempt], least: int) -> Line:
    """The bar about attempts: at least `least` were made, none succeeded."""
    troubles = [f"{one.what}: {one.seen or 'succeeded'}" for one in attempts if one.succeeded]
    troubles += [f"only {len(attempts)} were made"] if len(attempts) < least else []
    good = f"{len(attempts)} attempts, 0 succeeded"
    return Line(bar, sentence(troubles, good), f"at least {least} attempts, 0 succeed", not troubles)


class Bench(SharedPlatforms):
    """Platforms that parts share."""

    def two(self) -> Platform:
        """The platform with the instances alpha and beta, created with the first use."""
        new = "two" not in self.sites
        site = self.site("two", 0, instances={name: {"odoo_modules": ["base"]} for name in ("alpha", "beta")})
        if new:
            site.site()
        return site
