# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processor time at rest: of the platform's containers and of what the engine does for them."""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import socket
import time
import typing as t

from ..frame import Line, Shortfall, docker
from ..platforms import Platform

SETTLE_SECONDS, SECONDS = 60, 120
DEMO_PERCENT, REPLICA_PERCENT = 8.0, 1.5
SOCKET = "/var/run/docker.sock"
ENGINE = ("dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v2", "runc")
TICKS = os.sysconf("SC_CLK_TCK")


class _Engine(http.client.HTTPConnection):
    """The engine's interface, which tells a container's processor time without starting anything."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(os.environ.get("DOCKER_HOST", f"unix://{SOCKET}").removeprefix("unix://"))


def container_seconds(name: str) -> float:
    """Processor time of a container since its start, what its health checks took included."""
    connection = _Engine("localhost", timeout=30)
    try:
        connection.request("GET", f"/containers/{name}/stats?stream=false&one-shot=true")
        answer = connection.getresponse()
        if answer.status != 200:
            raise Shortfall(f"the engine tells nothing of {name}: {answer.status}")
        return float(json.loads(answer.read())["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9
    finally:
        connection.close()


def engine_ticks() -> dict[int, int]:
    """Processor time of each process of the engine by its number: its own, and that of all that it started and that has ended."""
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            name, dummy, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if name in (one[:15] for one in ENGINE):
            found[int(folder.name)] = sum(int(one) for one in rest.split()[11:15])
    return found


def measured(names: t.Sequence[str], seconds: float) -> tuple[dict[str, float], float]:
    """Percent of a core that each container takes meanwhile, and that the engine takes.

    Of the engine only processes that were there all the time count: the one that watched a container gets all the container's time
    when it ends, and takes it along when it ends itself a little later.
    """
    before, engine, begin = {name: container_seconds(name) for name in names}, engine_ticks(), time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - begin
    after = {name: container_seconds(name) for name in names}
    share = {name: 100 * (after[name] - before[name]) / passed for name in names}
    ticks = sum(now - engine[number] for number, now in engine_ticks().items() if number in engine)
    return share, 100 * ticks / TICKS / passed


def like(platform: Platform, name: str, *options: str) -> str:
    """A further replica: a container with all that the first one has. options: more of `docker create`."""
    one = json.loads(docker("inspect", f"{platform.name}-demo-1"))[0]
    arguments = ["create", "--name", name, "--label", platform.place.label, "--network", platform.network(),
                 "--user", one["Config"]["User"], "--init", "--read-only", "--cap-drop", "ALL",
                 "--security-opt", "no-new-privileges"]  # fmt: skip
    for mount in one["Mounts"]:
        if mount["Type"] in ("bind", "volume"):
            source = mount.get("Name") or mount["Source"]
            access = "" if mount["RW"] else ",readonly"
            arguments += ["--mount", f"type={mount['Type']},source={source},target={mount['Destination']}{access}"]
    for path, settings in (one["HostConfig"]["Tmpfs"] or {}).items():
        arguments += ["--tmpfs", f"{path}:{settings}" if settings else path]
    for value in one["Config"]["Env"]:
        arguments += ["--env", f"REPLICA={name}" if value.startswith("REPLICA=") else value]
    docker(*arguments, *options, one["Image"])
    docker("start", name)
    return name


def health_options(platform: Platform) -> list[str]:
    """The health check of the demo's replicas, as `docker create` takes it."""
    check = json.loads(docker("inspect", "-f", "{{json .Config.Healthcheck}}", f"{platform.name}-demo-1"))
    options = ["--health-cmd", " ".join(check["Test"][1:])]
    for key, option in (("Interval", "interval"), ("Timeout", "timeout"), ("StartPeriod", "start-period")):
        if check.get(key):
            options += [f"--health-{option}", f"{check[key] // 10**9}s"]
    return options


def part_rest(run: t.Any) -> t.Iterator[Line]:
    """The demo with two replicas; then two more of them, one with and one without a health check."""
    platform = run.up()
    names = platform.containers()
    docker("stop", *names)
    dummy, idle = measured([], SECONDS / 2)  # what the engine does for others
    docker("start", *names)
    platform.wait_for_login(180)
    time.sleep(SETTLE_SECONDS)
    share, engine = measured(names, SECONDS)
    own = max(engine - idle, 0.0)
    total = sum(share.values()) + own
    parts = ", ".join(f"{name.removeprefix(platform.name + '-')} {value:.1f}" for name, value in sorted(share.items()))
    yield Line(
        "the demo at rest, two replicas", f"{total:.1f} % of a core: {parts}, the engine for them {own:.1f}",
        f"<= {DEMO_PERCENT:g} % of a core", total <= DEMO_PERCENT,
    )  # fmt: skip
    further = [like(platform, f"{platform.name}-checked", *health_options(platform)),
               like(platform, f"{platform.name}-unchecked", "--no-healthcheck")]  # fmt: skip
    try:
        time.sleep(2 * SETTLE_SECONDS)
        share, both = measured(further, SECONDS)
    finally:
        docker("rm", "-f", "-v", *further, check=False)
    checked, unchecked = share[further[0]], share[further[1]]
    more = checked - unchecked + max(both - engine, 0.0)
    yield Line(
        "a further replica at rest, beside one without a health check",
        f"{checked:.2f} % and {unchecked:.2f} % of a core, the engine {max(both - engine, 0.0):.2f} % more: {more:.2f} % for the check",
        f"<= {REPLICA_PERCENT:g} %", more <= REPLICA_PERCENT,
    )  # fmt: skip
