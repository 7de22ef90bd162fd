# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A demo that an older commit made becomes one of this checkout."""

from __future__ import annotations

import collections
import subprocess
import typing as t

from ..frame import IMAGES, PLATFORM_LABEL, Line, docker, of_commit, sentence
from ..platforms import Platform

BEFORE = "0f6289a"  # the last commit before packages, containers and runs were put in order


class Made:
    """How often each container is made while a block runs, and which were there in between; as the engine tells it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.times: collections.Counter[str] = collections.Counter()

    def __enter__(self) -> Made:
        self._process = subprocess.Popen(
            ["docker", "events", "--filter", f"label={PLATFORM_LABEL}={self.platform.name}", "--filter", "event=create",
             "--filter", "type=container", "--format", "{{.Actor.Attributes.name}}"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, *dummy: object) -> None:
        self._process.terminate()
        for line in self._process.communicate()[0].splitlines():
            self.times[line.removeprefix(f"{self.platform.name}-")] += 1


def part_takeover(run: t.Any) -> t.Iterator[Line]:
    """No container is lost, each is recreated once at most, each instance is checked once, and the run after it changes nothing."""
    commit = run.options.commit
    old = of_commit(commit, run.place.work / "before")
    # Images of a name of its own, so that an older runtime is in nobody else's way; what is the same needs no build.
    images = f"{run.place.name}-before"
    for tag in docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"{IMAGES}/*").split():
        docker("tag", tag, images + tag.removeprefix(IMAGES))
    platform = Platform(run.place, "before", 2, old, odoo_version=run.versions[0], image_name=images)
    try:
        platform.site()
        cookie = platform.wait_for_login(60)
        before = set(platform.containers())
        rows = platform.psql("SELECT count(*) FROM curq_state_history", "demo")
        platform.tree = run.tree
        with Made(platform) as made:
            done = platform.site()
        moved = {f"{platform.name}-redis"}  # its sessions are in the Redis of the instance now
        lost = sorted(before - set(platform.containers()) - moved)
        often = [f"{name} was made {number} times" for name, number in made.times.items() if number > 1]
        looks = {name: number for name, number in made.times.items() if name.endswith("-plan")}
        again = platform.site().changed
        troubles = [f"{name} is gone" for name in lost] + often
        troubles += [] if platform.logged_in(cookie) else ["the session is lost"]
        troubles += [f"the run after it changes {again}"] if again else []
        now = platform.psql("SELECT count(*) FROM curq_state_history", "demo")
        recreated = sorted(name for name in made.times if f"{platform.name}-{name}" in before)
        yield Line(
            f"a demo made by {commit}, taken over",
            f"changed={done.changed} in {done.seconds:.0f} s, recreated: {', '.join(recreated) or 'none'} of {len(before)}, checks:"
            f" {sum(looks.values())}, history of {rows} and then {now} rows;"
            f" {sentence(troubles, 'nothing is lost, then changed=0')}",
            "no container lost, each recreated once at most, one check for an update for each instance, then changed=0",
            not troubles and sum(looks.values()) <= 1,
        )
    finally:
        platform.remove()
