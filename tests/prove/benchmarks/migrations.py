# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Songs, migrations and updates against anthem 0.15, marabunta 0.15 and click-odoo-contrib 1.24 of PyPI, side by side in one run.

On the same databases, in the same container, with real Odoo 14 and 19. Timed are whole commands, from inside the container, so that
starting one counts for nobody. By turns: each round does all the tools, each on a fresh copy of the database where the command changes
it. It needs what the proof of migrations needs, whose project it uses.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import time
import typing as t

from ..containers.lab import Database, LabRun
from ..containers.wheels import click_odoo, tools
from ..frame import Line, Proof, Shortfall, docker
from ..migrations.lab import CODE_ONLY, MigrationLab, Release

# bar: ((ours, theirs, at least so many times faster), ...)
BARS = {
    "10 songs": (("ours", "anthem", 8.0),),
    "update of 3 small modules and 10 songs": (("ours", "marabunta", 4.0),),
    "nothing to do": (("ours", "click-odoo-update", 3.0), ("ours", "marabunta", 3.0)),
    "one changed module": (("ours", "click-odoo-update", 1.0),),
}
TIMER = (
    "import subprocess, sys, time\n"
    "begin = time.perf_counter()\n"
    "done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)\n"
    "print(time.perf_counter() - begin, done.returncode)\n"
    "print(done.stdout[-3000:])\n"
)
TEN = json.dumps([{"song": f"songs.odd::small_{number}"} for number in range(1, 11)])
BENCHMARK = "/mnt/project/benchmark.yml"


class Bench:
    """One container with all the tools, in which commands are timed."""

    def __init__(self, lab: MigrationLab, database: Database, release: Release) -> None:
        self.lab = lab
        click = click_odoo(database.version)
        lab.compile(database.version, tools("marabunta"), click, release.folder)  # as pip and an image would have it
        done = lab.prepared(
            database, release, "UpdateOnly", "sleep", "infinity", EVENTS_FILE="", MIGRATION_FILE="",
            mounts=[f"type=bind,source={tools('marabunta')},target=/opt/tools,readonly",
                    f"type=bind,source={click},target=/opt/click,readonly"],
        )  # fmt: skip
        self.box = done.box
        docker("start", self.box.name)

    def time(self, database: Database, *command: str, **env: str) -> float:
        options = [f"--env={name}={value}" for name, value in {"DB_NAME": database.name, **env}.items()]
        out = docker("exec", *options, self.box.name, "python3", "-c", TIMER, *command, timeout=900)
        first, dummy, rest = out.partition("\n")
        seconds, code = first.split()
        if int(code):
            raise Shortfall(f"{' '.join(command[-4:])}: exit {code}: {rest.strip()[-400:]}")
        return float(seconds)

    def ours(self, database: Database, **env: str) -> float:
        return self.time(database, "odoo-cloud", "run", **env)

    def anthem(self, database: Database) -> float:
        calls = " && ".join(f"anthem songs.odd::small_{number}" for number in range(1, 11))
        return self.time(database, "/mnt/project/bin/tool", "sh", "-c", calls)

    def marabunta(self, database: Database) -> float:
        return self.time(
            database, "/mnt/project/bin/tool", "python3", "-m", "marabunta.core", "-f", BENCHMARK, "-d", database.name, "-u", "oc",
            "--web-port", "8079",
        )  # fmt: skip

    def click(self, database: Database) -> float:
        return self.time(
            database, "/mnt/project/bin/tool", "env", "PYTHONPATH=/opt/click", "python3", "-m", "click_odoo_contrib.update",
            "-c", "/tmp/odoo.conf", "-d", database.name, "--ignore-core-addons",
        )  # fmt: skip


def measure(lab: MigrationLab, version: str, rounds: int) -> t.Iterator[tuple[str, dict[str, list[float]]]]:
    """Seconds of each tool, for each bar."""

    def fresh(of: Database) -> Database:
        copy = Database(lab, lab.next_name("p"), version)
        lab.copy(of, copy)
        return copy

    old = lab.project(version)
    new, changed = lab.release(version, "1.1"), lab.release(version, "1.1", CODE_ONLY)
    # Of marabunta's own kind from the start, so that both read the same rows.
    old.rows("DELETE FROM marabunta_version; DELETE FROM odoo_cloud_step; DELETE FROM odoo_cloud_run")
    first, second, third = Bench(lab, old, lab.release(version, "1.0")), Bench(lab, old, new), Bench(lab, old, changed)
    times: dict[str, list[float]] = {"ours": [], "anthem": []}
    songs = fresh(old)
    for dummy in range(rounds):
        times["ours"].append(first.ours(songs, STEPS=TEN, PYTHONPATH="/mnt/project"))
        times["anthem"].append(first.anthem(songs))
    yield "10 songs", times
    times = {"ours": [], "marabunta": []}
    done = old
    for dummy in range(rounds):
        done, theirs = fresh(old), fresh(old)
        times["ours"].append(second.ours(done, MIGRATION_FILE=BENCHMARK))
        times["marabunta"].append(second.marabunta(theirs))
        lab.drop(theirs)
    yield "update of 3 small modules and 10 songs", times
    times = {"ours": [], "marabunta": [], "click-odoo-update": []}
    for dummy in range(rounds):
        times["ours"].append(second.ours(done, MIGRATION_FILE=BENCHMARK))
        times["marabunta"].append(second.marabunta(done))
        times["click-odoo-update"].append(second.click(done))
    yield "nothing to do", times
    times = {"ours": [], "click-odoo-update": []}
    for dummy in range(rounds):
        mine, theirs = fresh(done), fresh(done)
        times["ours"].append(third.ours(mine, MIGRATION_FILE=BENCHMARK))
        times["click-odoo-update"].append(third.click(theirs))
        lab.drop(mine)
        lab.drop(theirs)
    yield "one changed module", times


@dataclasses.dataclass(frozen=True)
class Ratio:
    """What came out for one bar against one tool."""

    bar: str
    tool: str
    ours: float  # medians in seconds
    theirs: float
    ratios: tuple[float, ...]  # of each round by itself, so that a load that comes and goes is on both sides
    wanted: float
    seconds: dict[str, list[float]]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    def line(self) -> Line:
        figure = (
            f"{self.ours:.2f} s, {self.tool} {self.theirs:.2f} s, {self.ratio:.1f} times"
            f" (rounds {min(self.ratios):.1f} to {max(self.ratios):.1f})"
        )
        return Line(self.bar, figure, f"{self.wanted:g} times", self.ratio >= self.wanted)


def compared(lab: MigrationLab, version: str, rounds: int) -> t.Iterator[Ratio]:
    """Every bar with that version."""
    for bar, times in measure(lab, version, rounds):
        for ours, theirs, wanted in BARS[bar]:
            ratios = tuple(one / two for one, two in zip(times[theirs], times[ours]))
            yield Ratio(
                f"{bar}, Odoo {version}",
                theirs,
                statistics.median(times[ours]),
                statistics.median(times[theirs]),
                ratios,
                wanted,
                times,
            )


class Run(LabRun):
    """On single containers with a project."""

    lab_class = MigrationLab
    lab: MigrationLab


def part_migrations(run: Run) -> t.Iterator[Line]:
    """All bars with each version."""
    found: dict[str, t.Any] = {"load at start": os.getloadavg()[0], "rounds": run.options.rounds}
    for version in run.versions:
        for one in compared(run.lab, version, run.options.rounds):
            medians = {name: round(statistics.median(values), 3) for name, values in one.seconds.items()}
            found[one.bar] = {"medians": medians, "seconds": one.seconds}
            yield one.line()
    found["load at end"] = os.getloadavg()[0]
    found["at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    run.figures(found)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5)


PROOF = Proof("bench-migrations", __doc__, Run, {"migrations": part_migrations}, port=0, options=options)
