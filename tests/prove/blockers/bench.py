# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of this proof work with: whole platforms that Ansible creates, and the bench of single containers."""

from __future__ import annotations

import typing as t

from ..containers.lab import Lab
from ..frame import Run
from ..platforms import Platform


class Bench(Run):
    """Platforms that parts share, and single containers."""

    def open(self) -> None:
        self.sites: dict[str, Platform] = {}
        self.lab = Lab(self.place, self.tree, self.keep)

    def single(self) -> Lab:
        """The bench of single containers, started with the first use."""
        if not self.lab.open:
            self.lab.start(self.versions)
        self.lab.part = self.part
        return self.lab

    def site(self, what: str, number: int, **keywords: t.Any) -> Platform:
        """A platform of this proof; parts that name the same one share it. See Platform."""
        if what not in self.sites:
            keywords.setdefault("instances", {"demo": {}})
            self.sites[what] = Platform(self.place, what, number, keywords.pop("tree", self.tree), **keywords)
        return self.sites[what]

    def close(self) -> None:
        if hasattr(self, "lab"):
            self.lab.close()
