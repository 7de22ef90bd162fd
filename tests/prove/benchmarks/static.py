# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static files through the proxy against static files from Odoo's own port, side by side in one run.

Rounds alternate between the two, so that whatever else the machine does hits both alike; the medians are compared. The load comes from
`wrk` (Debian). Both are asked over loopback or the platform's own network; the proxy also does TLS. It asks a platform that is there.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import statistics
import subprocess
import tempfile
import typing as t
import urllib.parse

from ..frame import Line, Proof, Run, Shortfall, add_options, given_options, option

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


@dataclasses.dataclass(frozen=True)
class Load:
    """What is asked, and how much."""

    proxy: str = option("https://demo.localhost:8443", "address of the site through the proxy")
    odoo: str = option("http://127.0.0.1:8069", "address of Odoo's own port")
    odoo_pid: int = option(0, "process of the replica in whose network --odoo is asked")
    path: str = option("/base/static/img/country_flags/ec.png", "the static file")
    host: str = option("", "Host header for both")
    rounds: int = option(5, "rounds of each")
    seconds: int = option(3, "seconds of a round")
    connections: int = option(16, "open connections")
    threads: int = option(2, "wrk's threads")
    at_least: float = option(0.0, "so many times faster the proxy has to be")


def inside(pid: int) -> list[str]:
    """What runs a command in the network of a process, so that a container's own port is asked over its own loopback."""
    return ["nsenter", "--target", str(pid), "--net"] if pid else []


def _ran(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Shortfall(f"{error.filename} is not installed (apt-get install curl wrk)") from error


def fetch(url: str, host: str, pid: int = 0) -> tuple[int, int, dict[str, str]]:
    """Status, length and headers of one request; the name is checked by other tests, so not here."""
    command = [*inside(pid),
               "curl", "--silent", "--show-error", "--insecure", "--max-time", "30", "--dump-header", "-", "--output", "/dev/null",
               "--write-out", "\n%{http_code} %{size_download}", *resolve(url, host), url]  # fmt: skip
    done = _ran(command)
    if done.returncode:
        raise Shortfall(f"{url}: {done.stderr.strip()}")
    *lines, last = done.stdout.strip().splitlines()
    status, size = last.split()
    headers = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return int(status), int(size), headers


def resolve(url: str, host: str) -> list[str]:
    """curl's options for a Host header of its own. Names below localhost it finds by itself."""
    return ["--header", f"Host: {host}"] if host else []


# wrk asks the system for names, and not every system knows the names below localhost.
LOOPBACK = """
wrk.resolve = function(host, service)
  local found = {}
  for _, address in ipairs(wrk.lookup("127.0.0.1", service)) do
    if wrk.connect(address) then found[#found + 1] = address end
  end
  wrk.addrs = found
end
"""


def measure(url: str, host: str, seconds: int, connections: int, threads: int, pid: int = 0) -> dict[str, float]:
    """One round of wrk; an answer that isn't a success spoils the round."""
    command = [
        *inside(pid),
        "wrk",
        f"-t{threads}",
        f"-c{connections}",
        f"-d{seconds}s",
        "--latency",
        "--timeout",
        "30s",
    ]
    if host:
        command += ["-H", f"Host: {host}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if (urllib.parse.urlsplit(url).hostname or "").endswith(".localhost"):
            script.write(LOOPBACK)
            script.flush()
            command += ["-s", script.name]
        done = _ran([*command, url])
    if done.returncode:
        raise Shortfall(f"wrk {url}: {done.stderr.strip() or done.stdout.strip()}")
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)
    p99 = re.search(r"99%\s+([0-9.]+)(us|ms|s|m)", done.stdout)
    if not rate or not p99:
        raise Shortfall(f"wrk {url}: its answer was not understood: {done.stdout.strip()}")
    spoiled = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    if spoiled:
        raise Shortfall(f"{url}: {spoiled.group(1)} answers were no success")
    return {"rps": float(rate.group(1)), "p99_ms": float(p99.group(1)) * UNITS[p99.group(2)]}


def measured(options: Load) -> dict[str, t.Any]:
    """The figures of both: answers a second, milliseconds of the slowest hundredth, and the ratio."""
    urls = {"proxy": options.proxy.rstrip("/") + options.path, "odoo": options.odoo.rstrip("/") + options.path}
    pids = {"proxy": 0, "odoo": options.odoo_pid}
    sizes = {}
    for name, url in urls.items():
        status, sizes[name], headers = fetch(url, options.host, pids[name])
        if status != 200:
            raise Shortfall(f"{url}: answered {status}, a file that is there is needed; choose another --path")
        if name == "proxy" and "disk" not in headers.get("server-timing", ""):
            raise Shortfall(f"{url}: did not come from the proxy's disk, so the figure would mean nothing")
    if sizes["proxy"] != sizes["odoo"]:
        raise Shortfall(
            f"{options.path}: {sizes['proxy']} bytes from the proxy, {sizes['odoo']} from Odoo; both should be the same file"
        )
    rounds: dict[str, list[dict[str, float]]] = {"proxy": [], "odoo": []}
    for name, url in urls.items():
        measure(url, options.host, 1, options.connections, options.threads, pids[name])
    for _ in range(options.rounds):
        for name, url in urls.items():
            rounds[name].append(
                measure(url, options.host, options.seconds, options.connections, options.threads, pids[name])
            )
    result: dict[str, t.Any] = {
        name: {
            "rps": round(statistics.median(entry["rps"] for entry in measured), 1),
            "rps_all": [round(entry["rps"], 1) for entry in measured],
            "p99_ms": round(statistics.median(entry["p99_ms"] for entry in measured), 2),
        }
        for name, measured in rounds.items()
    }
    result.update(path=options.path, bytes=sizes["proxy"], connections=options.connections, seconds=options.seconds,
                  ratio=round(result["proxy"]["rps"] / result["odoo"]["rps"], 1))  # fmt: skip
    return result


def line(found: t.Mapping[str, t.Any], bar: str, needed: float) -> Line:
    """The bar. needed: so many times faster the proxy has to be; 0 when it is only reported."""
    proxy, odoo = found["proxy"], found["odoo"]
    return Line(
        bar,
        f"nginx {proxy['rps']:.0f}/s (TLS, p99 {proxy['p99_ms']:.1f} ms), Odoo itself {odoo['rps']:.0f}/s (p99 {odoo['p99_ms']:.1f} ms):"
        f" {found['ratio']:.1f} x",
        f">= {needed:g} x" if needed else "reported",
        found["ratio"] >= needed,
    )


def part_static(run: Run) -> t.Iterator[Line]:
    """The one measurement."""
    options = given_options(Load, run.options)
    found = measured(options)
    run.figures(found)
    yield line(found, "static files", options.at_least)


def options(parser: argparse.ArgumentParser) -> None:
    add_options(parser, Load)


PROOF = Proof("bench-static", __doc__, Run, {"static": part_static}, port=0, versions=(), options=options)
