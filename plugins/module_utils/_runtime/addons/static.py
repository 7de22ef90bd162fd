# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Static files of all addons in a shared folder, so that the proxy serves them from disk.

STATIC_DIR/<instance>/current/<module>/static is a full copy (symlinks followed, world-readable),
written to a temporary folder and renamed. The copy before stays as `previous`, for pages that are
still open and while replicas of both releases run. Both are real folders without links, so the
proxy doesn't have to follow any. Each copy has the name of its release in a file that the proxy
doesn't serve, so that every folder can be identified even after a crash.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..common import log
from ..common.config import Settings
from ..common.errors import ConfigError, FilesError
from .tree import addons_folders, walk

CURRENT, PREVIOUS = "current", "previous"
NAME_FILE = ".release"


def find_modules(folders: list[str]) -> dict[str, str]:
    """Return each module's static folder by the module's name; the first addons folder that has the
    module wins."""
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
    """Return the files below `root` as sorted (relative path, size in bytes, modification time in
    ns)."""
    return sorted((path, info.st_size, info.st_mtime_ns) for path, info in walk(root))


def release_id(release: str, files: dict[str, list[tuple[str, int, int]]]) -> str:
    """Return a name for the copy from its content: the same image gives the same name on every
    machine and in every replica."""
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
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    else:
        shutil.rmtree(path, ignore_errors=True)


def release_of(path: str) -> str:
    """Return the release of a copy; empty for anything else, such as a link or a foreign folder."""
    if os.path.islink(path):
        return ""
    try:
        with open(os.path.join(path, NAME_FILE), encoding="utf-8") as handle:
            return handle.read().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _unlink_releases(base: str) -> None:
    """Replace the links of older versions, which named `current` and `previous`, by the folders
    that they point to."""
    for name in (PREVIOUS, CURRENT):
        path = os.path.join(base, name)
        if not os.path.islink(path):
            continue
        release = os.path.basename(os.readlink(path))
        os.unlink(path)
        folder = os.path.join(base, release)
        if release not in ("", ".", "..") and os.path.isdir(folder) and not os.path.islink(folder):
            _write_name(folder, release)
            os.rename(folder, path)


def _write_name(folder: str, release: str) -> None:
    with open(os.path.join(folder, NAME_FILE), "w", encoding="utf-8") as handle:
        handle.write(release + "\n")


def _make_current(base: str, folder: str) -> None:
    """Rename `folder` to `current`, and the previous current copy to `previous`. For a moment there
    is no `current`: the proxy then takes the files from `previous`, or from Odoo."""
    current, previous = os.path.join(base, CURRENT), os.path.join(base, PREVIOUS)
    if release_of(current):
        # under another name, so that `previous` is never half removed
        aside = os.path.join(base, f".tmp-{os.getpid()}-old")
        if os.path.lexists(previous):
            os.rename(previous, aside)
        os.rename(current, previous)
        os.rename(folder, current)
        if os.path.lexists(aside):
            _remove(aside)
    else:
        if os.path.lexists(current):
            _remove(current)
        os.rename(folder, current)


def base_folder(settings: Settings) -> str:
    """Return the instance's folder in STATIC_DIR."""
    return os.path.join(settings.static_dir, settings.instance)


def _not_writable(settings: Settings, exc: OSError) -> FilesError:
    return FilesError(
        f"STATIC_DIR is {settings.static_dir!r}: {exc.strerror or exc} ({exc.filename or base_folder(settings)}); it must be"
        f" a folder with room that uid {os.getuid()} can write"
    )


def check(settings: Settings) -> None:
    """Raise `FilesError` if the folder can't be written, before a run starts that exports at its end."""
    base = base_folder(settings)
    try:
        os.makedirs(base, exist_ok=True)
        if not os.access(base, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), base)
    except OSError as exc:
        raise _not_writable(settings, exc) from exc


def export(settings: Settings, executable: str = "", check_only: bool = False) -> tuple[str, bool]:
    """Copy the static files of this image to STATIC_DIR and make them current. Returns the
    release's name, and whether another one was current before. `executable`: Odoo's program, to
    find its addons. `check_only`: write nothing.

    Raises `ConfigError` if Odoo's own addons are missing, `FilesError` if STATIC_DIR can't be
    written.
    """
    started = time.monotonic()
    folders = addons_folders(settings, executable)
    modules = find_modules(folders)
    if "web" not in modules:
        raise ConfigError(
            f"addons_path in {settings.odoo_rc}: module web is in none of {', '.join(folders) or 'no folder'}"
        )
    files = {module: scan(path) for module, path in modules.items()}
    release = release_id(settings.release, files)
    base = base_folder(settings)
    if check_only:
        return release, release_of(os.path.join(base, CURRENT)) != release
    mask = os.umask(0o022)
    try:
        os.makedirs(base, exist_ok=True)
        with open(os.path.join(base, ".lock"), "a", encoding="ascii") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            changed = _export_locked(base, release, modules, files, started)
    except OSError as exc:
        raise _not_writable(settings, exc) from exc
    finally:
        os.umask(mask)
    return release, changed


def _export_locked(base: str, release: str, modules: dict[str, str], files: dict[str, Any], started: float) -> bool:
    _unlink_releases(base)
    for name in os.listdir(base):  # left by a killed export, or put there by something else
        if name not in (CURRENT, PREVIOUS, ".lock"):
            _remove(os.path.join(base, name))
    if release_of(os.path.join(base, CURRENT)) == release:
        return False
    previous, temporary = os.path.join(base, PREVIOUS), os.path.join(base, f".tmp-{os.getpid()}")
    if release_of(previous) == release:
        os.rename(previous, temporary)
        _make_current(base, temporary)
        log.info(f"static files of {release} are current again")
        return True
    try:
        os.mkdir(temporary)
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
        _write_name(temporary, release)
        _make_current(base, temporary)
    except BaseException:
        _remove(temporary)
        raise
    count = sum(len(item) for item in files.values())
    log.info(
        f"static files of {len(modules)} modules ({count} files) exported as {release}"
        f" in {time.monotonic() - started:.1f} s"
    )
    return True
