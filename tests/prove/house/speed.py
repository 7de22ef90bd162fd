# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an unchanged run costs, side by side with other things that take time on the same machine in the same minute."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import statistics
import typing as t

from ..frame import Line, Shortfall, docker
from ..platforms import Platform
from . import conventional

ROUNDS = 5
PINGS = 20
PINGS_MAX, PINGS_AIM = 35, 25
COMPACT_TIMES, ROLES_TIMES = 1.5, 3.0
INSTANCES = (1, 4, 10)
INSTANCE_SECONDS, PING_SECONDS = 0.3, 0.21  # a run of ping on the machine for which the first was asked
FORMS = pathlib.Path(__file__).resolve().parents[1] / "benchmarks" / "conventional"


def ping_book(folder: pathlib.Path, number: int) -> pathlib.Path:
    """A play that runs the module ping so often, each in a task of its own."""
    tasks = [{"name": f"Ping {one + 1}", "ansible.builtin.ping": {}} for one in range(number)]
    path = folder / f"ping-{number}.yml"
    path.write_text(json.dumps([{"name": "Ping", "hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    return path


def seconds_of(platform: Platform, book: pathlib.Path, *args: str) -> float:
    """Seconds of a playbook anywhere, started as a user starts those of the collection."""
    return platform.play(os.path.relpath(book.with_suffix(""), platform.tree / "playbooks"), *args).seconds


class Pings:
    """What one run of the module ping costs now: of many of them, without what a playbook costs anyway."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.few, self.many = (ping_book(platform.place.work, number) for number in (1, PINGS + 1))

    def seconds(self) -> float:
        return (seconds_of(self.platform, self.many) - seconds_of(self.platform, self.few)) / PINGS


def at_rest(platform: Platform) -> float:
    """Seconds of a run that changes nothing."""
    done = platform.site()
    if done.changed:
        raise Shortfall(f"a run of {platform.name} that should change nothing changed {done.changed}")
    return done.seconds


def part_speed(run: t.Any) -> t.Iterator[Line]:
    """By turns, so that whatever else the machine does hits both."""
    platform = run.up()
    pings = Pings(platform)
    ours, unit = [], [pings.seconds()]
    for dummy in range(ROUNDS):
        ours.append(at_rest(platform))
        unit.append(pings.seconds())
    # Each run by the two measurements around it.
    ratios = [seconds / statistics.mean(unit[number : number + 2]) for number, seconds in enumerate(ours)]
    ratio = statistics.median(ratios)
    yield Line(
        "unchanged make demo, in runs of ansible.builtin.ping",
        f"{ratio:.1f} ({min(ratios):.1f} to {max(ratios):.1f} in {ROUNDS} rounds); {statistics.median(ours):.1f} s, a ping"
        f" {statistics.median(unit):.3f} s",
        f"<= {PINGS_MAX} (aim {PINGS_AIM})",
        ratio <= PINGS_MAX,
    )


def part_conventional(run: t.Any) -> t.Iterator[Line]:
    """The same containers and files, managed with community.docker and the builtin modules."""
    platform = run.up()
    given = conventional.described(platform, f"{run.place.name}-plain", run.place.work / "conventional.tar")
    file = run.place.work / "conventional.json"
    file.touch(0o600)
    file.write_text(json.dumps(given))
    forms = {"compact": FORMS / "compact.yml", "a role for each service": FORMS / "roles.yml"}
    arguments = ("-e", f"@{shlex.quote(str(file))}")
    for name, book in forms.items():
        for dummy in range(2):
            done = platform.play(os.path.relpath(book.with_suffix(""), platform.tree / "playbooks"), *arguments)
        if done.changed:
            raise Shortfall(f"the form {name!r} changes {done.changed} in its second run")
    times: dict[str, list[float]] = {"ours": []}
    for dummy in range(ROUNDS):
        times["ours"].append(at_rest(platform))
        for name, book in forms.items():
            times.setdefault(name, []).append(seconds_of(platform, book, *arguments))
    what = f"{len(given['plain_files'])} files, {len(given['plain_directories'])} folders, {len(given['plain_containers'])} containers"
    for name, target in (("compact", COMPACT_TIMES), ("a role for each service", ROLES_TIMES)):
        ratios = [ours / theirs for ours, theirs in zip(times["ours"], times[name])]
        if name != "compact":
            ratios = [1 / one for one in ratios]
        ratio = statistics.median(ratios)
        slow = name == "compact"
        yield Line(
            f"unchanged make demo against the conventional form: {name} ({what})",
            f"ours {statistics.median(times['ours']):.1f} s, {statistics.median(times[name]):.1f} s: {ratio:.2f} times as"
            f" {'slow' if slow else 'fast'} ({min(ratios):.2f} to {max(ratios):.2f})",
            f"{'<=' if slow else '>='} {target:g} times as {'slow' if slow else 'fast'}",
            ratio <= target if slow else ratio >= target,
        )


def stubbed(platform: Platform, instance: str) -> None:
    """In the place of a replica a container that sleeps: the same definition for whoever compares, and hardly any memory."""
    name = f"{platform.name}-{instance}-1"
    one = json.loads(docker("inspect", name))[0]
    arguments = ["run", "-d", "--name", name, "--network", platform.network(instance), "--restart", "unless-stopped",
                 "--entrypoint", "sleep", "--health-cmd", "true", "--health-interval", "300s"]  # fmt: skip
    for key, value in one["Config"]["Labels"].items():
        arguments += ["--label", f"{key}={value}"]
    for mount in one["Mounts"]:
        source, access = mount.get("Name") or mount["Source"], "" if mount["RW"] else ",readonly"
        arguments += ["--mount", f"type={mount['Type']},source={source},target={mount['Destination']}{access}"]
    docker("rm", "-f", "-v", name)
    docker(*arguments, one["Image"], "infinity")


def part_instances(run: t.Any) -> t.Iterator[Line]:
    """One, four and ten instances on one machine."""
    names = [f"shop{number:02}" for number in range(1, max(INSTANCES) + 1)]
    platform = Platform(run.place, "many", 1, run.tree, {}, odoo_version=run.versions[0])
    pings = Pings(platform)
    seconds: dict[int, float] = {}
    unit = []
    try:
        for number in INSTANCES:
            new = [name for name in names[:number] if name not in (platform.instances or {})]
            platform.instances = {name: {"odoo_modules": ["base"]} for name in names[:number]}
            platform.site()
            for name in new:
                stubbed(platform, name)
            at_rest(platform)  # settles what the change of containers left to do, and would tell of a change
            times = []
            for dummy in range(3):
                unit.append(pings.seconds())
                times.append(at_rest(platform))
            seconds[number] = statistics.median(times)
    finally:
        platform.remove()
    first, middle, last = INSTANCES
    each = (seconds[last] - seconds[first]) / (last - first)
    later = (seconds[last] - seconds[middle]) / (last - middle)
    ping = statistics.median(unit)
    limit = INSTANCE_SECONDS * max(ping / PING_SECONDS, 1.0)
    yield Line(
        f"each further instance in an unchanged run, {first} to {last}",
        f"{each:.2f} s ({', '.join(f'{number}: {one:.1f} s' for number, one in seconds.items())}; from {middle} on {later:.2f} s each;"
        f" a ping {ping:.2f} s)",
        f"<= {INSTANCE_SECONDS} s where a ping costs {PING_SECONDS} s, here {limit:.2f} s; linear",
        each <= limit and later <= 1.5 * limit,
    )
