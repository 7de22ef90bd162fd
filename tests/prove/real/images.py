# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images with which the other parts work."""

from __future__ import annotations

import collections.abc

from ..containers.services import image_id
from ..frame import IMAGES, Line, Mutant, docker, parts_of, sentence
from .bench import Bench

MUTANTS: dict[str, Mutant] = {}


def part_images(run: Bench) -> collections.abc.Iterator[Line]:
    """Odoo of each version starts in its image."""
    troubles = []
    for version in run.versions:
        said = docker(
            "run", "--rm", "--network", "none", "--entrypoint", "odoo", image_id(f"{IMAGES}/odoo-{version}"), "--version", check=False
        )  # fmt: skip
        if f" {version}." not in said:
            troubles.append(f"{IMAGES}/odoo-{version}: {said.strip()[-200:]}")
    yield Line("images of Odoo", sentence(troubles), "each has the version that its name says", not troubles)


PARTS = parts_of(globals())
