# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import child
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.child import Child
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import (
    HookFailed,
    LockLost,
    Stopped,
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(child, "HOLD_CHECK_SECONDS", 0.05)


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int, seconds: float = 10) -> bool:
    limit = time.monotonic() + seconds
    while runs(pid):
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def number_in(path: pathlib.Path, seconds: float = 10) -> int:
    limit = time.monotonic() + seconds
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < limit
        time.sleep(0.02)
    return int(path.read_text())


def test_code():
    assert Child(["sh", "-c", "exit 7"], os.environ).run(lambda: True) == 7
    assert Child(["sh", "-c", "kill -9 $$"], os.environ).run(lambda: True) == -9


@pytest.mark.parametrize("tells", [True, False], ids=["told by the kernel", "asked again and again"])
def test_the_end_is_seen_with_and_without_the_kernels_help(tells, monkeypatch):
    if not tells:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    asked = []
    assert Child(["sh", "-c", "sleep 0.12; exit 3"], os.environ).run(lambda: asked.append(1) or True) == 3
    assert asked  # the lock, meanwhile


def test_a_program_that_is_not_there():
    with pytest.raises(HookFailed, match="the hook: '/nowhere' cannot be run: No such file"):
        Child(["/nowhere"], os.environ, what="the hook", failure=HookFailed).run(lambda: True)


def test_everything_is_killed_when_the_lock_is_lost(tmp_path):
    work = Child(["sh", "-c", f"trap '' TERM; sleep 60 & echo $! > {tmp_path}/pid; wait"], os.environ, what="the work")
    started = time.monotonic()
    with pytest.raises(LockLost, match="while the work was running"):
        work.run(lambda: not (tmp_path / "pid").exists())
    assert time.monotonic() - started < 5
    assert work.process.returncode == -signal.SIGKILL
    assert gone(number_in(tmp_path / "pid"))


def test_lock_is_asked_for_until_the_end():
    asked = []
    Child(["sleep", "0.4"], os.environ).run(lambda: asked.append(1) or True)
    assert 3 <= len(asked) <= 8


def test_what_was_left_running_is_killed_at_the_end(tmp_path):
    assert Child(["sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid"], os.environ).run(lambda: True) == 0
    assert gone(number_in(tmp_path / "pid"))


def test_an_error_while_asking_leaves_nothing_behind():
    def broken():
        raise RuntimeError("broken")

    work = Child(["sleep", "60"], os.environ)
    with pytest.raises(RuntimeError):
        work.run(broken)
    assert work.process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_the_whole_group(number, tmp_path):
    # the shell itself would answer only when its child has ended
    work = Child(["sh", "-c", f"sleep 60; echo late > {tmp_path}/late"], os.environ)
    before = signal.getsignal(number)
    threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
    started = time.monotonic()
    with pytest.raises(Stopped) as caught:
        work.run(lambda: True)
    assert caught.value.exit_code == 128 + number
    assert time.monotonic() - started < 5
    assert not (tmp_path / "late").exists()
    assert signal.getsignal(number) is before


def test_a_deaf_child_is_killed(monkeypatch):
    monkeypatch.setattr(child, "STOP_SECONDS", 0.3)
    work = Child(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], os.environ)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with pytest.raises(Stopped):
        work.run(lambda: True)
    assert work.process.returncode == -signal.SIGKILL


def test_lock_lost_while_stopping_ends_it_at_once():
    work = Child(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], os.environ)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    started = time.monotonic()
    with pytest.raises(Stopped):
        work.run(lambda: not work.signal)
    assert time.monotonic() - started < 3


OUR_DEATH = """
import os, sys
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.child import Child
Child(["sh", "-c", "echo $$ > " + sys.argv[1] + "; exec sleep 60"], os.environ).run(lambda: True)
"""


def test_it_does_not_survive_us(tmp_path):
    ours = subprocess.Popen([sys.executable, "-c", OUR_DEATH, str(tmp_path / "pid")])
    try:
        pid = number_in(tmp_path / "pid")
        assert runs(pid)
    finally:
        ours.kill()
        ours.wait()
    assert gone(pid)


def test_output_line_by_line():
    lines = []
    code = Child(
        ["sh", "-c", "echo one; echo two >&2; printf '\\377 last'; exit 3"], os.environ, output=lines.append
    ).run(lambda: True)
    assert (code, lines) == (3, ["one", "two", "\ufffd last"])


def test_output_of_a_background_process_is_waited_for_but_not_for_ever(monkeypatch):
    lines = []
    Child(["sh", "-c", "(sleep 0.3; echo late) & exit 0"], os.environ, output=lines.append).run(lambda: True)
    assert lines == ["late"]
    monkeypatch.setattr(child, "DRAIN_SECONDS", 0.2)
    started = time.monotonic()
    Child(["sh", "-c", "sleep 60 & exit 0"], os.environ, output=lines.append).run(lambda: True)
    assert time.monotonic() - started < 5


def test_output_goes_on_when_nobody_listens():
    def closed(_line):
        raise BrokenPipeError

    assert Child(["sh", "-c", "yes | head -n 200000"], os.environ, output=closed).run(lambda: True) == 0
