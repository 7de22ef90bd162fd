# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Static files of all addons on a shared folder, so that the proxy serves them from disk.

STATIC_DIR/<instance>/<release>/<module>/static is a full copy (symlinks followed, world-readable), made in a temporary
folder and renamed; `current` points to the release in use. The release before stays, `previous` points to it, for pages that are
still open and while replicas of both run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import log
from .addons import addons_folders, walk
from .config import Settings
from .errors import ConfigError, FilesError


def find_modules(folders: list[str]) -> dict[str, str]:
    """Module name to its static folder; the first addons folder wins."""
    result: dict[str, str] = {}
    seen: set[str] = set()
    for folder in folders:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            path = os.path.join(folder, name)
            if name in seen or name.startswith(".") or not os.path.isfile(os.path.join(path, "__manifest__.py")):
                continue
            seen.add(name)
            if os.path.isdir(os.path.join(path, "static")):
                result[name] = os.path.join(path, "static")
    return result


def scan(root: str) -> list[tuple[str, int, int]]:
    """Files below `root`: relative path, size, time. Sorted."""
    return sorted((path, info.st_size, info.st_mtime_ns) for path, info in walk(root))


def release_id(release: str, files: dict[str, list[tuple[str, int, int]]]) -> str:
    """Names the copy by its content: the same image gives the same name on every machine and in every replica."""
    digest = hashlib.sha256()
    for module in sorted(files):
        for name, size, mtime in files[module]:
            digest.update(f"{module}\0{name}\0{size}\0{mtime}\n".encode("utf-8", "surrogateescape"))
    slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", release).strip("-.")[:60]
    return f"{slug}-{digest.hexdigest()[:12]}" if slug else digest.hexdigest()[:12]


def _copy(source: str, target: str, names: list[str]) -> None:
    made: set[str] = set()
    for name in names:
        destination = os.path.join(target, name)
        parent = os.path.dirname(destination)
        if parent not in made:
            os.makedirs(parent, exist_ok=True)
            made.add(parent)
        shutil.copyfile(os.path.join(source, name), destination)


def _remove(path: str) -> None:
    shutil.rmtree(path, ignore_errors=True)


def _link(base: str, name: str, release: str) -> None:
    """Atomically makes the link `name` point to `release`."""
    temporary = os.path.join(base, f".{name}.new")
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink(release, temporary)
    os.replace(temporary, os.path.join(base, name))


def point_current(base: str, release: str) -> str:
    """Atomically makes `current` point to `release` and `previous` to what was current; returns that."""
    try:
        before = os.readlink(os.path.join(base, "current"))
    except OSError:
        before = ""
    if before != release:
        if before:
            _link(base, "previous", before)
        _link(base, "current", release)
    return before


def export(settings: Settings, executable: str = "") -> str:
    """Brings the static files of this image to STATIC_DIR and makes them current; returns the release's name."""
    started = time.monotonic()
    folders = addons_folders(settings, executable)
    modules = find_modules(folders)
    if "web" not in modules:
        raise ConfigError(
            f"addons_path in {settings.odoo_rc}: module web is in none of {', '.join(folders) or 'no folder'}"
        )
    files = {module: scan(path) for module, path in modules.items()}
    release = release_id(settings.release, files)
    base = os.path.join(settings.static_dir, settings.instance)
    mask = os.umask(0o022)
    try:
        os.makedirs(base, exist_ok=True)
        with open(os.path.join(base, ".lock"), "a", encoding="ascii") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            _export_locked(base, release, modules, files, started)
    except OSError as exc:
        raise FilesError(
            f"STATIC_DIR is {settings.static_dir!r}: {exc.strerror or exc} ({exc.filename or base}); it must be"
            f" a folder with room that uid {os.getuid()} can write"
        ) from exc
    finally:
        os.umask(mask)
    return release


def _export_locked(base: str, release: str, modules: dict[str, str], files: dict[str, Any], started: float) -> None:
    target = os.path.join(base, release)
    if not os.path.isdir(target):
        temporary = os.path.join(base, f".tmp-{os.getpid()}")
        for name in os.listdir(base):
            if name.startswith(".tmp-"):
                _remove(os.path.join(base, name))
        try:
            with ThreadPoolExecutor(max_workers=min(4, (os.cpu_count() or 1) + 1)) as pool:
                jobs = [
                    pool.submit(
                        _copy,
                        modules[module],
                        os.path.join(temporary, module, "static"),
                        [item[0] for item in files[module]],
                    )
                    for module in sorted(modules)
                ]
                for job in jobs:
                    job.result()
            os.rename(temporary, target)
        except BaseException:
            _remove(temporary)
            raise
        count = sum(len(item) for item in files.values())
        log.info(
            f"static files of {len(modules)} modules ({count} files) exported as {release}"
            f" in {time.monotonic() - started:.1f} s"
        )
    before = point_current(base, release)
    if before == release:
        return
    for name in os.listdir(base):
        if not name.startswith(".") and name not in (release, before, "current", "previous"):
            _remove(os.path.join(base, name))
