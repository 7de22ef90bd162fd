# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection odoo_cloud.platform.
"""Takes a replica out of the proxy without losing a request, and puts it back.

The proxy asks the name of all replicas, which stands in a small file of each site. Draining writes the names of the others there and
lets the proxy load it anew: its new workers ask the others alone, its old ones finish what they have begun.
"""

from __future__ import annotations

import os
import signal
import time
import typing as t

from .nginx import HTTP_PORT, upstream_config

RELOAD_SECONDS = 10.0
SETTLE_SECONDS = 1.0
POLL_SECONDS = 0.2
ESTABLISHED = "01"


class DrainError(Exception):
    """One line for people."""


class NotTaken(DrainError):
    """nginx goes on with the configuration that it had."""


def others_that_serve(engine: t.Any, platform: str, replica: str, replicas: t.Sequence[str]) -> list[str]:
    """The other replicas of the instance that can take the requests: they run, and their health check says so now."""
    found = []
    for name in replicas:
        inspected = engine.container(f"{platform}-{name}") if name != replica else None
        if inspected is not None and engine.healthy(inspected, ask=True)[0]:
            found.append(name)
    return found


def requests_in_flight(table: str, port: int = HTTP_PORT) -> int:
    """How many connections to a port are open, out of the text of C(/proc/<pid>/net/tcp)."""
    count = 0
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[3] == ESTABLISHED and int(fields[1].rpartition(":")[2], 16) == port:
            count += 1
    return count


def read_table(pid: int) -> str:
    """The TCP connections of a container, by the number of its first process; nothing of one that is gone."""
    text = ""
    for name in ("tcp", "tcp6"):
        try:
            with open(f"/proc/{pid}/net/{name}", encoding="ascii") as stream:
                text += stream.read()
        except OSError:
            continue
    return text


def process_of(inspected: t.Mapping[str, t.Any] | None) -> int:
    """The main process of a container; 0 when there is none, for which nobody must send a signal: 0 is the sender's own group."""
    state = (inspected or {}).get("State") or {}
    return int(state.get("Pid") or 0) if state.get("Running") else 0


def children(pid: int) -> set[int]:
    """The processes that a process has started."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as stream:
            return {int(one) for one in stream.read().split()}
    except OSError:
        return set()


def write(path: str, text: str) -> bool:
    """Replaces a file by one rename; False when it says that already."""
    try:
        with open(path, encoding="utf-8") as stream:
            if stream.read() == text:
                return False
    except FileNotFoundError:
        pass
    temporary = f"{path}.new"
    with open(temporary, "w", encoding="utf-8") as stream:
        stream.write(text)
        os.fchmod(stream.fileno(), 0o644)
    os.replace(temporary, path)
    return True


def reload(
    pid: int,
    kill: t.Callable[[int, int], None] = os.kill,
    look: t.Callable[[int], set[int]] = children,
    sleep: t.Callable[[float], None] = time.sleep,
) -> None:
    """Lets nginx load its configuration anew, and waits until new workers are there. A configuration that it refuses has none."""
    before = look(pid)
    kill(pid, signal.SIGHUP)
    waited = 0.0
    while not look(pid) - before:
        if waited >= RELOAD_SECONDS:
            raise NotTaken("nginx did not take its configuration within 10 s; its log says why")
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS


def wait_idle(count: t.Callable[[], int], timeout: float, sleep: t.Callable[[float], None] = time.sleep) -> int:
    """Waits until no request is in flight in two looks one after the other; returns how many are when the time is over."""
    sleep(SETTLE_SECONDS)
    waited, quiet, number = 0.0, 0, 0
    while quiet < 2:
        number = count()
        quiet = quiet + 1 if number == 0 else 0
        if waited >= timeout:
            break
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS
    return number


def set_upstream(path: str, upstream: str, servers: t.Sequence[str], nginx_pid: int, stamp: str) -> bool:
    """Tells nginx whom to ask; returns whether that was new to it."""
    if not os.path.isfile(path):
        raise DrainError(f"{path}: is not there; run the playbook proxy first")
    with open(path, encoding="utf-8") as stream:
        before = stream.read()
    if not write(path, upstream_config(upstream, servers)):
        return False
    try:
        reload(nginx_pid)
    except NotTaken:
        if servers:  # a replica that is not out must not be out after the next start either
            write(path, before)
        raise
    os.makedirs(os.path.dirname(stamp), mode=0o755, exist_ok=True)
    with open(stamp, "a", encoding="ascii"):
        os.utime(stamp)  # the file is in use: nobody needs to load it once more
    return True
