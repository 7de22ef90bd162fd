# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's proofs: bars that say what the platform promises, tried for real, and mutants that show that the bars can fail.

`python -m prove NAME` with this folder's parent on PYTHONPATH; the Makefile has a target for each.
"""

from __future__ import annotations

import importlib
import typing as t

from .frame import Proof

# Name on the command line: the module with its PROOF.
PROOFS = {
    "demo": "demo.proof",
    "state": "state.proof",
    "migrations": "migrations.proof",
    "stateless": "stateless.proof",
    "delivery": "delivery.proof",
    "blockers": "blockers.proof",
    "house": "house.proof",
    "walls": "walls.proof",
    "real": "real.proof",
    "bench-static": "benchmarks.static",
    "bench-attachments": "benchmarks.attachments",
    "bench-migrations": "benchmarks.migrations",
    "bench-delivery": "benchmarks.delivery",
}


def load(name: str) -> Proof:
    """The proof of this name; KeyError when there is none."""
    return t.cast("Proof", importlib.import_module(f"{__name__}.{PROOFS[name]}").PROOF)
