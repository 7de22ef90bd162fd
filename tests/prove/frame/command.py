# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of all proofs."""

from __future__ import annotations

import argparse
import pathlib
import typing as t

from .proof import Proof
from .tools import ROOT


def parser_of(proof: Proof) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m prove {proof.name}", description=proof.doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    parser.add_argument(
        "--part", choices=sorted(proof.parts), action="append", help="only this one; may be given again"
    )
    if proof.mutants:
        parser.add_argument(
            "--mutant", choices=sorted(proof.mutants), help="break one protection in a copy, and run the parts that must notice"
        )  # fmt: skip
        parser.add_argument("--all-mutants", action="store_true", help="every mutant, one after the other")
    if proof.versions:
        parser.add_argument(
            "--version", choices=sorted({"14", "19", *proof.versions}), help="only this version's share"
        )
    if proof.sample:
        parser.add_argument(
            "--sample", action="store_true", help=f"a small share of the parts {' '.join(proof.sample)}"
        )
    parser.add_argument("--seed", type=int, help="of random moments; every run prints its own")
    parser.add_argument("--tree", type=pathlib.Path, default=ROOT, help="another checkout, whose code is tried")
    parser.add_argument(
        "--keep", action="store_true", help="leave everything there at the end; the next run removes it"
    )
    parser.add_argument("--list", action="store_true", help="name parts and mutants")
    if proof.options:
        proof.options(parser)
    parser.set_defaults(mutant=None, all_mutants=False, version=None, sample=False)
    return parser


def listing(proof: Proof) -> str:
    """Parts, and mutants with the parts that must notice them."""
    mutants = " ".join(f"{name} ({' '.join(one.parts)})" for name, one in proof.mutants.items())
    return f"parts: {' '.join(proof.parts)}\nmutants: {mutants or 'none'}"


def asked(proof: Proof, arguments: t.Sequence[str]) -> argparse.Namespace:
    """What the command line says; ends here when it only asks for names."""
    found = parser_of(proof).parse_args(arguments)
    if found.list:
        print(listing(proof))
        raise SystemExit(0)
    found.tree = found.tree.resolve()
    return found
