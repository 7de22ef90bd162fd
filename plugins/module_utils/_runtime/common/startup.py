# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What every command of the runtime does first and last: set up signals, drop root, execute the
program that it turns into."""

from __future__ import annotations

import os
import pwd
import signal
import sys
from collections.abc import Mapping
from typing import Any

from .errors import CommandNotFound, FilesError, Stopped
from .odoo_facts import UID


def end_on_signals() -> None:
    """Let SIGTERM and SIGINT raise `Stopped` in the main thread, so that the current work is
    cleaned up first."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)


def _stop(signum: int, _frame: Any) -> None:
    raise Stopped(signum)


def become_odoo(data_dir: str) -> None:
    """If started as root, give the folder `data_dir` (not its contents) to Odoo's fixed user ID and
    continue as that user. Usually the container already runs as it.

    Raises `FilesError` if the folder can't be created or its owner can't be changed.
    """
    if os.getuid() != 0:
        return
    try:
        os.makedirs(data_dir, exist_ok=True)
        os.chown(data_dir, UID, UID)
    except OSError as exc:
        raise FilesError(f"DATA_DIR is {data_dir!r}: cannot be given to uid {UID}: {exc.strerror}") from exc
    try:
        name: str | None = pwd.getpwuid(UID).pw_name
    except KeyError:
        name = None
    if name:
        os.initgroups(name, UID)
    else:
        os.setgroups([UID])
    os.setgid(UID)
    os.setuid(UID)


def exec_command(command: list[str], env: Mapping[str, str]) -> None:
    """Replace this process by `command` with the environment `env`; never returns.

    Raises `CommandNotFound` if there is no such program or it can't be executed.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(command[0], command, dict(env))
    except FileNotFoundError as exc:
        raise CommandNotFound(
            f"{command[0]!r}: there is no such program; arguments are run, health, state or a command"
        ) from exc
    except OSError as exc:
        failure = CommandNotFound(f"{command[0]!r} cannot be run: {exc.strerror}")
        failure.exit_code = 126
        raise failure from exc
