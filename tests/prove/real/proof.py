# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what a company meets in the first week with its real Odoo: it prints, sends mail, runs its version, brings its database.

Real Odoo in single containers and whole platforms of its own names, with the images of `make demo`. Each module of this package has
parts (functions `part_...`) and MUTANTS; the names of parts begin with their subject, such as `pdf-` or `mail-`.
"""

from __future__ import annotations

import argparse
import types

from ..frame import Proof
from . import images, mail, reports, untidy, versions
from .bench import Bench

# One line for each module, so that each has its own.
GROUPS: tuple[types.ModuleType, ...] = (
    images,
    mail,
    reports,
    untidy,
    versions,
)  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--record", action="store_true", help="record the pages of the reports anew; look at them before you commit"
    )


PROOF = Proof(
    "real", __doc__, Bench, {name: part for group in GROUPS for name, part in group.PARTS.items()}, port=9100,
    mutants={name: mutant for group in GROUPS for name, mutant in group.MUTANTS.items()},
    options=options,
)  # fmt: skip
