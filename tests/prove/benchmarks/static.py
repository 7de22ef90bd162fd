"""Static files through the proxy against static files from Odoo's own port, side by side in one run.

Rounds alternate between the two, so that whatever else the machine does hits both alike; the medians are compared.
The load comes from `wrk` (Debian). Both are asked over loopback or the platform's own network; the proxy also does TLS.
Prints one JSON object and one line.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import typing as t
import urllib.parse

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


class BenchmarkError(Exception):
    """One line for people."""


def inside(pid: int) -> list[str]:
    """What runs a command in the network of a process, so that a container's own port is asked over its own loopback."""
    return ["nsenter", "--target", str(pid), "--net"] if pid else []


def fetch(url: str, host: str, pid: int = 0) -> tuple[int, int, dict[str, str]]:
    """Status, length and headers of one request; the name is checked by other tests, so not here."""
    command = [*inside(pid),
               "curl", "--silent", "--show-error", "--insecure", "--max-time", "30", "--dump-header", "-", "--output", "/dev/null",
               "--write-out", "\n%{http_code} %{size_download}", *resolve(url, host), url]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{url}: {done.stderr.strip()}")
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
        done = subprocess.run([*command, url], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"wrk {url}: {done.stderr.strip() or done.stdout.strip()}")
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)
    p99 = re.search(r"99%\s+([0-9.]+)(us|ms|s|m)", done.stdout)
    if not rate or not p99:
        raise BenchmarkError(f"wrk {url}: its answer was not understood: {done.stdout.strip()}")
    spoiled = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    if spoiled:
        raise BenchmarkError(f"{url}: {spoiled.group(1)} answers were no success")
    return {"rps": float(rate.group(1)), "p99_ms": float(p99.group(1)) * UNITS[p99.group(2)]}


def arguments(given: t.Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--proxy", required=True, help="address of the site through the proxy, https://demo.localhost:8443"
    )
    parser.add_argument("--odoo", required=True, help="address of Odoo's own port, http://127.0.0.1:8069")
    parser.add_argument(
        "--odoo-pid", type=int, default=0, help="process of the replica in whose network --odoo is asked"
    )
    parser.add_argument(
        "--path", default="/base/static/img/country_flags/ec.png", help="the static file (default %(default)s)"
    )
    parser.add_argument("--host", default="", help="Host header for both")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=3, help="seconds of a round (default %(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="open connections (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="wrk's threads (default %(default)s)")
    parser.add_argument("--at-least", type=float, default=0, help="exit 1 when the proxy isn't this many times faster")
    return parser.parse_args(given)


def run(options: argparse.Namespace) -> dict[str, t.Any]:
    urls = {"proxy": options.proxy.rstrip("/") + options.path, "odoo": options.odoo.rstrip("/") + options.path}
    pids = {"proxy": 0, "odoo": options.odoo_pid}
    sizes = {}
    for name, url in urls.items():
        status, sizes[name], headers = fetch(url, options.host, pids[name])
        if status != 200:
            raise BenchmarkError(f"{url}: answered {status}, a file that is there is needed; choose another --path")
        if name == "proxy" and "disk" not in headers.get("server-timing", ""):
            raise BenchmarkError(f"{url}: did not come from the proxy's disk, so the figure would mean nothing")
    if sizes["proxy"] != sizes["odoo"]:
        raise BenchmarkError(
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


def main() -> int:
    options = arguments()
    try:
        result = run(options)
    except FileNotFoundError as error:
        print(f"static: {error.filename} is not installed (apt-get install curl wrk)", file=sys.stderr)
        return 2
    except BenchmarkError as error:
        print(f"static: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result))
    proxy, odoo = result["proxy"], result["odoo"]
    print(
        f"static: proxy {proxy['rps']:.0f}/s (TLS, p99 {proxy['p99_ms']:.1f} ms), "
        f"Odoo {odoo['rps']:.0f}/s (p99 {odoo['p99_ms']:.1f} ms), {result['ratio']:.1f} times"
    )
    return int(result["ratio"] < options.at_least)


if __name__ == "__main__":
    sys.exit(main())
