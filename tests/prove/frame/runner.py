# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a proof: its parts one after the other, a line for each bar, and a summary."""

from __future__ import annotations

import argparse
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import typing as t

import psycopg2

from .line import Line
from .place import Place
from .proof import Proof, Run
from .tools import ROOT, Shortfall
from .tree import broken_tree

# What a part may fail with; anything else is a fault of the proof itself.
FAILURES = (Shortfall, OSError, ValueError, LookupError, psycopg2.Error, subprocess.SubprocessError)


def execute(proof: Proof, given: argparse.Namespace) -> int:
    """Runs what the command line asks for; the exit code: 0 when every bar holds.

    The proof's place is cleared before and after, so that what an earlier run left can't be in the way.
    """
    place = Place.of(proof.name, proof.port)
    signal.signal(signal.SIGTERM, lambda *dummy: sys.exit(1))  # so that everything is put away
    place.clear()
    shutil.rmtree(place.logs, ignore_errors=True)
    place.logs.mkdir(parents=True)
    place.work.mkdir(parents=True)
    try:
        return all_mutants(proof, place, given) if given.all_mutants else once(proof, place, given)
    finally:
        if not given.keep:
            place.clear()


def once(proof: Proof, place: Place, given: argparse.Namespace) -> int:
    """The parts that are asked for, on the checkout or on a mutant."""
    begin = time.monotonic()
    mutant = proof.mutants[given.mutant] if given.mutant else None
    run = run_of(proof, place, given, given.mutant)
    names = given.part or list(mutant.parts if mutant else proof.sample if run.sample else proof.parts)
    in_lanes = proof.beside and not (given.part or mutant or run.sample)
    if in_lanes:
        names = [*proof.alone, *(name for name in names if name not in (*proof.alone, *proof.beside))]
    run.parts = names
    lines: list[Line] = []
    blind: list[str] = []  # parts that do not notice the mutant
    lane = None
    try:
        run.open()
        for name in names:
            if in_lanes and lane is None and name not in proof.alone:
                lane = Lane(proof, place, given, run.seed)
            found = run_part(proof, name, run, bool(given.version or mutant))
            lines += found
            if not noticed(found):
                blind.append(name)
        lines += lane.end() if lane else []
    finally:
        if lane:
            lane.stop()
        run.close()
    short = sum(not line.holds for line in lines)
    seconds = time.monotonic() - begin
    print(f"{len(lines) - short} passed, {short} failed in {seconds:.1f}s")
    print(
        f"{len(lines)} bars in {seconds:.0f} s"
        + (f" with the mutant {given.mutant}" if mutant else "")
        + f"; seed {run.seed}, logs in {place.logs.relative_to(ROOT)}"
    )
    if mutant:
        print(verdict(given.mutant, names, blind))
    return 1 if short or not lines else 0


class Lane:
    """The proof's second lane: another process of this program, with a place of its own, whose lines are shown as they come."""

    def __init__(self, proof: Proof, place: Place, given: argparse.Namespace, seed: int) -> None:
        own = {"PROVE_NAME": f"{place.name.removesuffix(f'-{proof.name}')}-lane", "PROVE_PORT": str(place.port + 1000)}
        parts = [word for name in proof.beside for word in ("--part", name)]
        arguments = [
            *parts,
            "--seed",
            str(seed),
            "--tree",
            str(given.tree),
            *(["--version", given.version] if given.version else []),
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "prove", proof.name, *arguments, *(["--keep"] if given.keep else [])],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, **own, "PYTHONPATH": str(ROOT / "tests")},
        )  # fmt: skip
        self._lines: list[Line] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for text in t.cast("t.IO[str]", self._process.stdout):
            if text.startswith(("holds  ", "FALLS SHORT  ", "DID NOT RUN  ")):
                self._lines.append(Line(text.strip(), "", "", text.startswith("holds"), not text.startswith("DID")))
            print(text, end="", flush=True)

    def end(self) -> list[Line]:
        """Waits for its end; a line for each of its bars, and one that falls short if it failed without one."""
        code = self._process.wait()
        self._reader.join()
        if bool(code) != any(not line.holds for line in self._lines):
            self._lines.append(Line("the second lane", f"ended with {code}", "ends with 0", False, ran=False))
            print(self._lines[-1], flush=True)
        return self._lines

    def stop(self) -> None:
        """Ends it, when the other lane was ended."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        self._reader.join()


def all_mutants(proof: Proof, place: Place, given: argparse.Namespace) -> int:
    """Every mutant one after the other; the exit code: 0 when each of their parts notices."""
    run: Run | None = None
    unseen = []
    try:
        for name, mutant in proof.mutants.items():
            given.mutant = name
            if run is None or not run.use(tree_of(proof, place, given, name)):
                if run is not None:
                    run.close()
                run = run_of(proof, place, given, name)
                run.open()
            blind = [part for part in mutant.parts if not noticed(run_part(proof, part, run, True))]
            unseen += [name] * bool(blind)
            print(verdict(name, mutant.parts, blind), flush=True)
    finally:
        if run is not None:
            run.close()
    print(f"{len(proof.mutants) - len(unseen)} of {len(proof.mutants)} mutants noticed")
    return int(bool(unseen))


def tree_of(proof: Proof, place: Place, given: argparse.Namespace, mutant: str | None) -> pathlib.Path:
    """The checkout itself, or a copy of it with what the proof or the mutant changes."""
    edits = (*proof.probes, *(proof.mutants[mutant].edits if mutant else ()))
    return broken_tree(given.tree, place.work / "tree" / (mutant or "probed"), edits) if edits else given.tree


def run_of(proof: Proof, place: Place, given: argparse.Namespace, mutant: str | None) -> Run:
    """What the parts are given."""
    broken = proof.mutants[mutant] if mutant else None
    version = given.version or (broken and (broken.version or proof.mutant_version))
    sample = bool(given.sample or (broken and (broken.sample or proof.mutant_sample)))
    versions = (version,) if version else (sample and proof.sample_versions) or proof.versions
    seed = given.seed if given.seed is not None else 1 if sample else random.SystemRandom().randrange(10**6)
    tree = tree_of(proof, place, given, mutant)
    return proof.run(place, tree, versions, sample, seed, given.keep, broken, given)


def run_part(proof: Proof, name: str, run: Run, may_be_empty: bool) -> list[Line]:
    """The lines of one part; a step that failed is a line that falls short.

    may_be_empty: with only one of Odoo's versions a part may have nothing to do.
    """
    lines: list[Line] = []
    begin = time.monotonic()
    run.part = name
    try:
        for line in proof.parts[name](run):
            lines.append(line)
            print(line, flush=True)
        if not lines and not may_be_empty:
            raise Shortfall("nothing was run")
    except FAILURES as error:
        lines.append(Line(name, f"{type(error).__name__}: {error}", "runs", False, ran=False))
        print(lines[-1], flush=True)
    print(f"             ({name}: {time.monotonic() - begin:.0f} s)", flush=True)
    return lines


def noticed(lines: t.Iterable[Line]) -> bool:
    """Whether a bar that was tried falls short."""
    return any(line.ran and not line.holds for line in lines)


def verdict(mutant: str, parts: t.Sequence[str], blind: t.Sequence[str]) -> str:
    return f"mutant {mutant}: " + (f"NOT noticed by {', '.join(blind)}" if blind else f"noticed by {', '.join(parts)}")
