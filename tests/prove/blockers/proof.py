#!/usr/bin/env python3
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that nothing lets a stranger in, stops a platform or harms another one, one line for each bar; exits 1 when one falls short.

Whole platforms of its own name (`oc-block…`), folders and ports, and single containers, all with the images of `make demo` (Odoo 19,
for some parts 14). A platform that runs beside it is not touched.

--part NAME      run one bar (`--list` names them)
--mutant NAME    put back the code of before in a copy of the collection and run the bar that must notice
--version 14     only what is done with Odoo 14
--sample         a small fixed share of it; what `make test` runs
"""

from __future__ import annotations

import importlib
import pathlib
import random
import shutil
import subprocess
import sys
import time
import typing as t

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from blockers.bench import ROOT, WORK, Bench, Mutant
from frame import Line, asked, run_part, summary
from lab import LOGS

GROUPS = sorted(
    path.stem
    for path in (pathlib.Path(__file__).parent / "blockers").glob("*.py")
    if path.stem not in ("__init__", "bench")
)
PARTS: dict[str, t.Callable[[Bench], t.Iterator[Line]]] = {}
MUTANTS: dict[str, Mutant] = {}
SAMPLE: list[str] = []
for group in GROUPS:
    module = importlib.import_module(f"blockers.{group}")
    PARTS.update(module.PARTS)
    MUTANTS.update(module.MUTANTS)
    SAMPLE.extend(module.SAMPLE)


def mutated(name: str) -> pathlib.Path:
    """A copy of the collection with one protection broken."""
    tree = WORK / "mutant" / name
    shutil.rmtree(tree, ignore_errors=True)
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    for one in filter(None, tracked.split("\n")):
        if (ROOT / one).exists():
            (tree / one).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / one, tree / one)
    link = tree / ".work" / "collections" / "ansible_collections" / "odoo_cloud" / "platform"
    link.parent.mkdir(parents=True)
    link.symlink_to(tree)
    for path, old, new in MUTANTS[name].edits:
        text = (tree / path).read_text()
        if text.count(old) != 1:
            raise SystemExit(f"mutant {name}: {old!r} is in {path} {text.count(old)} times, not once")
        (tree / path).write_text(text.replace(old, new))
    return tree


def main() -> int:
    given = asked(__doc__, PARTS, MUTANTS, SAMPLE, seed={"type": int, "default": None})
    mutant = MUTANTS.get(given.mutant or "")
    seed = given.seed if given.seed is not None else 1 if given.sample else random.SystemRandom().randrange(10**6)
    names = given.part or list(mutant.parts if mutant else SAMPLE if given.sample else PARTS)
    versions = (given.version,) if given.version else ("19",) if given.sample else ("19", "14")
    bench = Bench(mutated(given.mutant) if mutant else ROOT, versions, given.sample, seed, given.keep)
    begin, lines, blind = time.monotonic(), [], []
    try:
        for name in names:
            bench.part = name
            found = run_part(name, PARTS[name], bench)
            lines += found
            if mutant and all(line.holds or not line.ran for line in found):
                blind.append(name)
    finally:
        bench.close()
    return summary(lines, time.monotonic() - begin, LOGS, seed, given.mutant or "", names, blind)


if __name__ == "__main__":
    sys.exit(main())
