# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proof: its parts, its mutants, and what its parts work on."""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import random
import typing as t

from .line import Line
from .mutant import Edit, Mutant
from .place import Place
from .tools import ROOT

# `make test` runs wherever somebody runs it: there a figure is judged against the target times this, so that a slow or busy
# machine is no failure and a lost order of magnitude still is.
SAMPLE_SLACK = 5


class Run:
    """What the parts of a proof share. A proof derives its own from it, with what its parts work on."""

    def __init__(
        self,
        place: Place,
        tree: pathlib.Path = ROOT,
        versions: tuple[str, ...] = (),
        sample: bool = False,
        seed: int = 0,
        keep: bool = False,
        mutant: Mutant | None = None,
        options: argparse.Namespace | None = None,
    ) -> None:
        """tree: the checkout that is tried, or a copy of it with one protection broken. versions: of Odoo. seed: of random moments.
        keep: everything stays at the end. options: what the command line says beside."""
        self.place, self.tree, self.versions, self.sample = place, tree, versions, sample
        self.seed, self.keep, self.mutant, self.options = seed, keep, mutant, options or argparse.Namespace()
        self.random = random.Random(seed)
        self.parts: t.Sequence[str] = ()  # all that are run, in their order
        self.part = ""  # the one that is run now

    @property
    def slack(self) -> int:
        """What a target in seconds is multiplied by."""
        return SAMPLE_SLACK if self.sample else 1

    def has(self, version: str) -> bool:
        return version in self.versions

    def any(self, wanted: str) -> str:
        """`wanted` if it is among the versions, else one that is."""
        return wanted if wanted in self.versions else self.versions[0]

    def each(self) -> tuple[str, ...]:
        """The versions; in a sample the first alone."""
        return self.versions[:1] if self.sample else self.versions

    def open(self) -> None:
        """Makes what all parts need."""

    def close(self) -> None:
        """Ends what open() and the parts began, and keeps what is to be read later; what has the place's name is removed anyway."""

    def figures(self, found: t.Mapping[str, t.Any]) -> None:
        """Prints what a benchmark measured, all of it, and keeps it beside the logs."""
        text = json.dumps(found)
        (self.place.logs / "figures.json").write_text(text)
        print(text, flush=True)

    def use(self, tree: pathlib.Path) -> bool:
        """Takes another checkout's code for all that follows, if that is possible without a new run."""
        return False


Part = t.Callable[[t.Any], t.Iterator[Line]]


@dataclasses.dataclass(frozen=True)
class Proof:
    """What `python -m prove NAME` runs."""

    name: str
    doc: str  # what it proves, and on what; shown by --help
    run: type[Run]
    parts: t.Mapping[str, Part]
    port: int  # the first of the hundred that it may use, and of another hundred for its second lane
    mutants: t.Mapping[str, Mutant] = dataclasses.field(default_factory=dict)
    sample: t.Sequence[str] = ()  # the parts of the small share that `make test` runs
    versions: tuple[str, ...] = ("19", "14")
    sample_versions: tuple[str, ...] = ()  # empty: the same
    mutant_version: str = ""  # of mutants that don't say one; empty: all
    mutant_sample: bool = False  # whether a sample is enough for all of them
    probes: tuple[Edit, ...] = ()  # edits that are made in every run, in a copy
    # Parts that run in a second process beside the others, in a place of their own; and those that measure time, which run first and
    # alone. Only when all parts are run.
    beside: t.Sequence[str] = ()
    alone: t.Sequence[str] = ()
    options: t.Callable[[argparse.ArgumentParser], None] | None = None  # what its command line has beside


def parts_of(names: t.Mapping[str, t.Any]) -> dict[str, Part]:
    """The functions part_... of a module, which gives its globals()."""
    mine = names["__name__"]
    return {
        name.removeprefix("part_").replace("_", "-"): function
        for name, function in names.items()
        if name.startswith("part_") and function.__module__ == mine
    }
