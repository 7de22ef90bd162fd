# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m prove NAME [--part ...] [--mutant ...] [--sample] [--list] ...; without a name: which there are."""

from __future__ import annotations

import os
import sys

from . import PROOFS, load
from .frame import command, runner


def main(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name not in PROOFS:
        print(__doc__)
        for one in PROOFS:
            print(f"  {one:18} {load(one).doc.strip().splitlines()[0]}")
        return 0 if name in ("", "-h", "--help") else 2
    # Of ours alone: the programs that a proof starts find their modules without it.
    os.environ.pop("PYTHONPATH", None)
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    proof = load(name)
    return runner.execute(proof, command.asked(proof, arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
