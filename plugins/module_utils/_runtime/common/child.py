# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""A child process that does part of a run's work. It ends when the runtime ends or loses the lock,
together with everything it started."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from typing import Any, Callable

from .errors import InitFailed, LockLost, RuntimeFailure, Stopped

HOLD_CHECK_SECONDS = 1.0
STOP_SECONDS = 8.0
DRAIN_SECONDS = 1.0
LINE_BYTES = 65536
PR_SET_PDEATHSIG = 1


def dying_with(parent: int) -> Callable[[], None] | None:
    """Return a function for the new process to call before it executes its program: the kernel
    kills it as soon as the process `parent` (a process ID) dies for any reason. `None` where the
    system has no `prctl`."""
    import ctypes  # slow to import, and processes that only wait don't need it

    # resolved here, so that as little as possible happens between fork and exec
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:
        return None

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before `prctl` took effect
            os._exit(1)

    return ask


def ended(code: int) -> str:
    """Describe how a process ended. `code`: its exit code, or `-n` after signal `n`."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "?"
    return f"was ended by signal {-code} ({name})"


class Child:
    """A program in its own process group, to which SIGTERM and SIGINT of this process are passed
    on. Use it in the main thread only.

    `what` names the program in messages and `failure` is the error raised if it can't be started.
    With `output`, stdout and stderr go to that function line by line; without it the program
    inherits ours. Processes of the group that are still running when the program has ended are
    killed.
    """

    def __init__(
        self,
        command: list[str],
        env: Mapping[str, str],
        popen: Callable[..., Any] = subprocess.Popen,
        *,
        what: str = "Odoo",
        failure: type[RuntimeFailure] = InitFailed,
        cwd: str | None = None,
        output: Callable[[str], None] | None = None,
    ) -> None:
        self.command, self.env, self.popen, self.cwd = command, dict(env), popen, cwd
        self.what, self.failure, self.output = what, failure, output
        self.process: Any = None
        self.reader: threading.Thread | None = None
        self.signal = 0

    def _pass_on(self, signum: int, _frame: Any) -> None:
        self.signal = self.signal or signum
        if self.process is not None and self.process.poll() is None:
            self._send(signum)

    def _send(self, signum: int) -> None:
        # the group is empty, or its ID was reused by another user's process
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signum)

    def start(self) -> None:
        """Start the program ahead of `run()`; a second call does nothing. A caller that then
        doesn't get to `run()` must call `stop()`.

        Raises `self.failure` if the program can't be executed.
        """
        if self.process is None:
            self.reader = self._start()

    def stop(self) -> None:
        """Kill whatever is still running in the process group."""
        if self.process is not None:
            self._send(signal.SIGKILL)
            self.process.wait()

    def _start(self) -> threading.Thread | None:
        options: dict[str, Any] = {}
        if self.output is not None:
            options.update(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            self.process = self.popen(
                self.command,
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=dying_with(os.getpid()),
                **options,
            )
        except OSError as exc:
            cure = "; its first line must name its interpreter (#!/bin/sh)" if exc.errno == errno.ENOEXEC else ""
            raise self.failure(f"{self.what}: {self.command[0]!r} cannot be run: {exc.strerror}{cure}") from exc
        if self.signal:  # the signal arrived before there was a process to pass it on to
            self._send(self.signal)
        if self.output is None:
            return None
        reader = threading.Thread(target=self._read, args=(self.process.stdout, self.output), daemon=True)
        reader.start()
        return reader

    @staticmethod
    def _read(stream: Any, output: Callable[[str], None]) -> None:
        with stream:
            for line in iter(lambda: stream.readline(LINE_BYTES), b""):
                with contextlib.suppress(OSError, ValueError):  # a closed or full log must not block the child
                    output(line.decode("utf-8", "replace").rstrip("\r\n"))

    def _ended(self, pause: float) -> int | None:
        """The exit code if the process ends within `pause` seconds, else `None`. Uses a pidfd where
        the kernel has them (Linux 5.3 and newer), because `Popen.wait()` with a timeout polls every
        50 ms."""
        descriptor = -1
        with contextlib.suppress(AttributeError, OSError):
            descriptor = os.pidfd_open(self.process.pid)
        try:
            if descriptor >= 0:
                select.select([descriptor], [], [], pause)
                pause = 0.001
            return self.process.wait(timeout=pause)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _wait(self, still_ours: Callable[[], bool]) -> int:
        stop_at = 0.0
        while True:
            pause = HOLD_CHECK_SECONDS
            if self.signal:
                stop_at = stop_at or time.monotonic() + STOP_SECONDS
                pause = min(pause, max(stop_at - time.monotonic(), 0.01))
            code = self._ended(pause)
            if code is not None:
                return code
            if stop_at and time.monotonic() >= stop_at:
                self._send(signal.SIGKILL)
            elif not still_ours():
                self._send(signal.SIGKILL)
                self.process.wait()
                if not self.signal:
                    raise LockLost(
                        f"the lock was lost while {self.what} was running; it was stopped, the next start finishes the work"
                    )

    def run(self, still_ours: Callable[[], bool]) -> int:
        """Run the program to its end and return its exit code, `-n` after signal `n`. `still_ours`
        is called every second and says whether the lock is still held.

        Raises `Stopped` if this process got a signal, `LockLost` if `still_ours` returned false
        (everything is killed), and `self.failure` if the program can't be executed.
        """
        previous = {number: signal.signal(number, self._pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self.start()
            code = self._wait(still_ours)
            if self.reader is not None:
                # don't wait longer: output redirected as in `> >(tee log)` outlives the shell
                self.reader.join(DRAIN_SECONDS)
        finally:
            self.stop()
            if self.reader is not None:
                self.reader.join(DRAIN_SECONDS)
            for number, handler in previous.items():
                signal.signal(number, handler)
        if self.signal:
            raise Stopped(self.signal)
        return code
