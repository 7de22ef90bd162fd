# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that an instance that was broken into reaches nothing but itself, and that strangers can't stop the platform.

Whole platforms of its own names, with the images of `make demo` (Odoo 19). A platform that runs beside it is not touched.
"""

from __future__ import annotations

import types

from ..frame import Proof
from . import database, networks, replica, services, stranger, supply
from .bench import Bench

# One line for each module, so that each has its own.
GROUPS: tuple[types.ModuleType, ...] = (
    database,
    networks,
    replica,
    services,
    stranger,
    supply,
)  # fmt: skip

PROOF = Proof(
    "walls", __doc__, Bench, {name: part for group in GROUPS for name, part in group.PARTS.items()}, port=9400,
    mutants={name: mutant for group in GROUPS for name, mutant in group.MUTANTS.items()}, versions=("19",),
)  # fmt: skip
