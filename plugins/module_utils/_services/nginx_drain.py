# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection odoo_cloud.platform.
"""Takes a replica out of the proxy without losing a request, and puts it back.

nginx asks the common name of all replicas, which is in a small file of each site. Draining writes
the names of the other replicas to that file and reloads nginx: new workers ask the others alone,
old ones finish their requests.
"""

from __future__ import annotations

import os
import signal
import time
import typing as t

from .._runtime.common.odoo_facts import HTTP_PORT
from .nginx import upstream_config

RELOAD_SECONDS = 10.0
SETTLE_SECONDS = 1.0
POLL_SECONDS = 0.2
ESTABLISHED = "01"


class DrainError(Exception):
    """The replica can't be drained; the message is one line for operators."""


class NotTaken(DrainError):
    """nginx did not take the new configuration and continues with the old one."""


def others_that_serve(engine: t.Any, platform: str, replica: str, replicas: t.Sequence[str]) -> list[str]:
    """The instance's other replicas that can serve: they run, and their health check passes now."""
    found = []
    for name in replicas:
        inspected = engine.container(f"{platform}-{name}") if name != replica else None
        if inspected is not None and engine.healthy(inspected, ask=True)[0]:
            found.append(name)
    return found


def requests_in_flight(table: str, port: int = HTTP_PORT) -> int:
    """Number of open connections to a port. `table`: the text of `/proc/<pid>/net/tcp`."""
    count = 0
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[3] == ESTABLISHED and int(fields[1].rpartition(":")[2], 16) == port:
            count += 1
    return count


def read_table(pid: int) -> str:
    """The TCP connections of the container with the first process `pid`; empty if it has ended."""
    text = ""
    for name in ("tcp", "tcp6"):
        try:
            with open(f"/proc/{pid}/net/{name}", encoding="ascii") as stream:
                text += stream.read()
        except OSError:
            continue
    return text


def process_of(inspected: t.Mapping[str, t.Any] | None) -> int:
    """The first process of a container, 0 when it does not run.

    No signal may be sent to 0, which is the sender's own process group.
    """
    state = (inspected or {}).get("State") or {}
    return int(state.get("Pid") or 0) if state.get("Running") else 0


def children(pid: int) -> set[int]:
    """The child processes of a process."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as stream:
            return {int(one) for one in stream.read().split()}
    except OSError:
        return set()


def write(path: str, text: str) -> bool:
    """Replaces a file by one rename. Returns False when it has that content already. Raises
    `OSError`.
    """
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
    """Reloads the configuration of nginx and waits until new workers run.

    `pid`: its first process. Raises `NotTaken` when no worker starts within `RELOAD_SECONDS`,
    because a rejected configuration starts none.
    """
    before = look(pid)
    kill(pid, signal.SIGHUP)
    waited = 0.0
    while not look(pid) - before:
        if waited >= RELOAD_SECONDS:
            raise NotTaken("nginx did not take its configuration within 10 s; its log says why")
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS


def wait_idle(count: t.Callable[[], int], timeout: float, sleep: t.Callable[[float], None] = time.sleep) -> int:
    """Waits until `count` returns 0 twice in a row. Returns the last count when `timeout` (seconds)
    is over.
    """
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
    """Makes nginx ask the given replicas. Returns whether that was a change.

    - `path`: the upstream file. `upstream`: the common name of all replicas.
    - `servers`: the replicas that are asked; empty for all.
    - `nginx_pid`: first process of nginx.
    - `stamp`: file whose time says when a configuration was last applied.

    Raises `DrainError` when nginx does not take it. The file then has its earlier text, unless all
    replicas were wanted.
    """
    if not os.path.isfile(path):
        raise DrainError(f"{path}: is not there; run the playbook proxy first")
    with open(path, encoding="utf-8") as stream:
        before = stream.read()
    if not write(path, upstream_config(upstream, servers)):
        return False
    try:
        reload(nginx_pid)
    except NotTaken:
        if servers:  # the file must not take the replica out at the next start
            write(path, before)
        raise
    os.makedirs(os.path.dirname(stamp), mode=0o755, exist_ok=True)
    with open(stamp, "a", encoding="ascii"):
        os.utime(stamp)  # applied: no further reload is needed
    return True
