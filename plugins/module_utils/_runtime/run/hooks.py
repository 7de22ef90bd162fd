# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Hooks: the user's programs that run inside the window, as the same system user as Odoo.

HOOKS_DIR has a folder per kind (`pre-update.d`), whose files run in the order of their names; after
them runs the script that onesteinbv/odoo-docker runs at that point, from SCRIPTS_DIR. A hook that
fails ends the window.
"""

from __future__ import annotations

import collections
import hashlib
import os
import shutil
import stat
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from ..common import log
from ..common.child import Child, ended
from ..common.config import Settings
from ..common.errors import ConfigError, HookFailed
from ..database import pg

KINDS = ("pre-init", "pre-update", "post-update", "pre-start")
# kind: the script of onesteinbv/odoo-docker, which needs no executable bit
SCRIPTS = {"pre-init": "pre-init.sh", "pre-update": "pre-update.sh", "post-update": "run.sh"}
KEPT_LINES = 20
SHOWN_CHARACTERS = 500


@dataclass(frozen=True)
class Hook:
    """A user's program that is run at one point of a window."""

    kind: str
    name: str  # relative to its folder: pre-update.d/10-mail, run.sh
    path: str
    command: tuple[str, ...]


def skipped(name: str) -> bool:
    """Whether a file in a folder of hooks is to be ignored: hidden, an editor's copy, disabled, or
    documentation."""
    return name.startswith((".", "README")) or name.endswith(("~", ".bak", ".disabled"))


def find(settings: Settings, kind: str) -> list[Hook]:
    """Return the hooks of a kind in the order in which they run. Raises `ConfigError` for one that
    can't be run."""
    found = []
    if settings.hooks_dir:
        folder = os.path.join(settings.hooks_dir, f"{kind}.d")
        for name in _names(folder):
            path = os.path.join(folder, name)
            if skipped(name) or not _is_file("HOOKS_DIR", settings.hooks_dir, path):
                continue
            if not os.access(path, os.R_OK | os.X_OK):
                if os.stat(path).st_mode & 0o111:
                    cure = f"uid {os.getuid()} may not read and run it; check its mode, its folders, and that none is mounted noexec"
                else:
                    cure = f"is not executable: chmod +x {path}, or rename it to {name}.disabled"
                raise ConfigError(f"HOOKS_DIR is {settings.hooks_dir!r}: hook {path} {cure}")
            found.append(Hook(kind, f"{kind}.d/{name}", path, (path,)))
    script = SCRIPTS.get(kind)
    if script and settings.scripts_dir:
        path = os.path.join(settings.scripts_dir, script)
        if os.path.lexists(path) and _is_file("SCRIPTS_DIR", settings.scripts_dir, path):
            found.append(Hook(kind, script, path, _script_command(settings.scripts_dir, path)))
    return found


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise ConfigError(
            f"HOOKS_DIR: {folder} cannot be listed ({exc.strerror}); make it a folder that uid {os.getuid()} can read"
        ) from exc


def _is_file(variable: str, folder: str, path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError as exc:
        raise ConfigError(
            f"{variable} is {folder!r}: hook {path} cannot be read ({exc.strerror}); repair or remove it"
        ) from exc


def _script_command(folder: str, path: str) -> tuple[str, ...]:
    try:
        with open(path, "rb") as handle:
            start = handle.read(4)
    except OSError as exc:
        raise ConfigError(
            f"SCRIPTS_DIR is {folder!r}: {path} cannot be read ({exc.strerror}) by uid {os.getuid()}"
        ) from exc
    if os.access(path, os.X_OK) and (start.startswith(b"#!") or start == b"\x7fELF"):
        return (path,)
    return (shutil.which("bash") or "/bin/sh", path)


def fingerprint(hooks_by_kind: Mapping[str, list[Hook]]) -> str:
    """Return a hash that changes when a hook is added, removed, renamed or edited, but not with the
    location of its folder. Raises `ConfigError` if one can't be read."""
    total = hashlib.sha256()
    for kind in sorted(hooks_by_kind):
        for hook in hooks_by_kind[kind]:
            content = hashlib.sha256()
            try:
                with open(hook.path, "rb") as handle:
                    for block in iter(lambda: handle.read(1 << 20), b""):  # noqa: B023 - called within this turn only
                        content.update(block)
            except OSError as exc:
                raise ConfigError(f"hook {hook.path} cannot be read ({exc.strerror}) by uid {os.getuid()}") from exc
            total.update(b"\0".join(os.fsencode(item) for item in (kind, hook.name, content.hexdigest(), "")))
    return total.hexdigest()


def environment(
    base: Mapping[str, str], settings: Settings, kind: str, run_id: str, app_name: str, passfile: str | None = None
) -> dict[str, str]:
    """Return a hook's environment: Odoo's, and the database's address for psql, click-odoo and Odoo
    itself. The name of every session contains the run, so that a takeover ends it too."""
    result = dict(base)
    result.update(
        pg.libpq_variables(settings),
        PGAPPNAME=app_name,
        ODOO_PGAPPNAME=app_name,
        ODOO_RC=settings.odoo_rc,
        DATA_DIR=settings.data_dir,
        DB_NAME=settings.db_name,
        MODE=settings.mode,
        ODOO_CLOUD_RUN_ID=run_id,
        HOOK=kind,
    )
    if passfile is not None:
        result["PGPASSFILE"] = passfile
    return result


def _pass_through(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def run(
    hook: Hook, env: Mapping[str, str], held: Callable[[], bool], say: Callable[[str], None] = log.info
) -> list[str]:
    """Run a hook to its end, without a time limit, and return the last lines of its output. `held`:
    whether the lock is still held; `say`: logs a line.

    Raises `HookFailed`, which has the lines as `output`, `LockLost` or `Stopped`; then all of its
    processes have ended.
    """
    kept: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)

    def output(line: str) -> None:
        kept.append(line)
        _pass_through(line)

    folder = env.get("DATA_DIR") or "/"
    started = time.monotonic()
    child = Child(
        list(hook.command),
        env,
        what=f"hook {hook.path}",
        failure=HookFailed,
        cwd=folder if os.access(folder, os.X_OK) and os.path.isdir(folder) else "/",
        output=output,
    )
    code = child.run(held)
    lines = list(kept)
    if code:
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        failure = HookFailed(
            f"hook {hook.path} {ended(code)}: {last[:SHOWN_CHARACTERS] or 'it said nothing'}; correct it and start again"
        )
        failure.output = lines  # type: ignore[attr-defined]
        raise failure
    say(f"hook {hook.path} is done ({time.monotonic() - started:.1f} s)")
    return lines
