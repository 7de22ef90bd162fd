# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a proof runs its parts and prints its bars: one line each, and one that was not run counts as falling short."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import typing as t

import psycopg2
from lab import LOGS, ROOT, Shortfall


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


def asked(
    doc: str, parts: t.Iterable[str], mutants: t.Mapping[str, t.Any], sample: t.Iterable[str], **more: dict[str, t.Any]
) -> argparse.Namespace:
    """What the command line says; ends here when it only asks for names. `more`: options of one proof alone."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=sorted(parts), action="append")
    parser.add_argument("--mutant", choices=sorted(mutants))
    parser.add_argument("--version", choices=("14", "19"), help="only this version's share")
    parser.add_argument("--sample", action="store_true", help=f"a small share of the parts {' '.join(sample)}")
    parser.add_argument("--list", action="store_true", help="name parts and mutants")
    parser.add_argument("--keep", action="store_true", help="leave databases and containers there at the end")
    for name, options in more.items():
        parser.add_argument(f"--{name}", **options)
    found = parser.parse_args()
    if found.list:
        print("parts:", *parts, "\nmutants:", *(f"{name} ({' '.join(one.parts)})" for name, one in mutants.items()))
        raise SystemExit(0)
    signal.signal(signal.SIGTERM, lambda *dummy: sys.exit(1))  # so that everything is put away
    return found


def run_parts(
    run: t.Any,
    names: t.Sequence[str],
    parts: t.Mapping[str, t.Callable[[t.Any], t.Iterator[Line]]],
    mutant: str = "",
    seed: int = 0,
    may_be_empty: bool = False,
) -> int:
    """These parts on the bench of `run`, which is put away afterwards; the exit code."""
    begin = time.monotonic()
    for old in LOGS.glob("state-*.log"):
        old.unlink()
    lines: list[Line] = []
    blind: list[str] = []  # parts that do not notice the mutant
    try:
        run.lab.start(run.versions)
        for name in names:
            found = run_part(name, parts[name], run, may_be_empty)
            lines += found
            if mutant and all(line.holds or not line.ran for line in found):
                blind.append(name)
    finally:
        run.lab.close()
    return summary(lines, time.monotonic() - begin, LOGS, seed, mutant, names, blind)


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
