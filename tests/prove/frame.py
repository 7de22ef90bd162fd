# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a proof runs its parts and prints its bars: one line each, and one that was not run counts as falling short."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import subprocess
import time
import typing as t

import psycopg2
from lab import ROOT, Shortfall


@dataclasses.dataclass
class Line:
    """One bar as it is printed."""

    bar: str
    figure: str
    target: str
    holds: bool
    ran: bool = True


def show(line: Line) -> None:
    verdict = "holds      " if line.holds else "FALLS SHORT" if line.ran else "DID NOT RUN"
    print(f"{verdict}  {line.bar}: {line.figure}  (target: {line.target})", flush=True)


def sentence(troubles: list[str], good: str = "all as it should be") -> str:
    return "; ".join(troubles[:6]) + (f" and {len(troubles) - 6} more" if len(troubles) > 6 else "") or good


def run_part(
    name: str, part: t.Callable[[t.Any], t.Iterator[Line]], run: t.Any, may_be_empty: bool = False
) -> list[Line]:
    """The lines of one part; a step that failed is a line that falls short."""
    lines: list[Line] = []
    begin = time.monotonic()
    run.lab.part = name
    try:
        for line in part(run):
            lines.append(line)
            show(line)
        if not lines and not may_be_empty:
            raise Shortfall("nothing was run")
    except (Shortfall, OSError, ValueError, LookupError, psycopg2.Error, subprocess.SubprocessError) as error:
        lines.append(Line(name, f"{type(error).__name__}: {error}", "runs", False, ran=False))
        show(lines[-1])
    print(f"             ({name}: {time.monotonic() - begin:.0f} s)", flush=True)
    return lines


def mutated(
    name: str, edits: t.Iterable[tuple[str, str, str]], source: pathlib.Path, folders: t.Iterable[str]
) -> pathlib.Path:
    """A copy of these folders of the collection, with one protection broken."""
    tree = ROOT / ".work" / "prove" / "mutant" / name
    shutil.rmtree(tree, ignore_errors=True)
    for folder in folders:
        shutil.copytree(source / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path, old, new in edits:
        text = (tree / path).read_text()
        if text.count(old) != 1:
            raise SystemExit(f"mutant {name}: {old!r} is in {path} {text.count(old)} times, not once")
        (tree / path).write_text(text.replace(old, new))
    return tree


def summary(
    lines: list[Line], seconds: float, logs: pathlib.Path, seed: int, mutant: str = "", parts: t.Sequence[str] = (),
    blind: t.Sequence[str] = (),
) -> int:  # fmt: skip
    """The last lines; the exit code. `blind`: parts that did not notice the mutant."""
    short = sum(not line.holds for line in lines)
    print(f"{len(lines) - short} passed, {short} failed")
    print(
        f"{len(lines)} bars in {seconds:.0f} s"
        + (f" with the mutant {mutant}" if mutant else "")
        + f"; seed {seed}, logs in {logs.relative_to(ROOT)}"
    )
    if mutant:
        print(
            f"mutant {mutant}: " + (f"NOT noticed by {', '.join(blind)}" if blind else f"noticed by {', '.join(parts)}")
        )
    return 1 if short or not lines else 0
