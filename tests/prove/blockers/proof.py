# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that nothing lets a stranger in, stops a platform or harms another one.

Whole platforms of its own names, and single containers, all with the images of `make demo` (Odoo 19, for some parts 14). A platform
that runs beside it is not touched.
"""

from __future__ import annotations

from ..frame import Proof
from . import installation, names, outage, platforms, static, tenants
from .bench import Bench

GROUPS = (installation, names, outage, platforms, static, tenants)

PROOF = Proof(
    "blockers", __doc__, Bench, {name: part for group in GROUPS for name, part in group.PARTS.items()}, port=9800,
    mutants={name: mutant for group in GROUPS for name, mutant in group.MUTANTS.items()},
    sample=[name for group in GROUPS for name in group.SAMPLE], sample_versions=("19",),
    beside=("installation-kills", "installation-repaired", "installation-password", "updates-auto-install", "updates-gone", "takeover"),
    alone=("postgres-restart",),
)  # fmt: skip
