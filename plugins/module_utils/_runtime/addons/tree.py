# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Addons on disk: where they are, what their manifests contain, and a hash of their content. Odoo
is not imported."""

from __future__ import annotations

import ast
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Callable

from ..common.config import Settings
from ..common.errors import ConfigError

# What `-u` does not read from an addon: compiled files, translation templates, tests, and static
# files (they are for the browser, unless the manifest names one as data). The same as
# click-odoo-update's default.
SKIPPED_FOLDERS = ("__pycache__", "static", "tests")
SKIPPED_SUFFIXES = (".pyc", ".pyo", ".pot", "~", ".swp")
TRANSLATIONS = ("i18n", "i18n_extra")


def odoo_addons_folders(executable: str = "") -> tuple[list[str], list[str]]:
    """Return Odoo's own addons folders, those inside its package and those beside it, without
    importing it. `executable`: Odoo's program."""
    inside: list[str] = []
    beside: list[str] = []
    spec = find_spec("odoo")
    places = list(spec.submodule_search_locations or []) if spec else []
    if executable:
        places.append(os.path.join(os.path.dirname(os.path.realpath(executable)), "odoo"))
    for place in places:
        if os.path.isfile(os.path.join(place, "addons", "base", "__manifest__.py")):
            inside.append(os.path.join(place, "addons"))
            beside.append(os.path.join(os.path.dirname(place), "addons"))
    return inside, beside


def addons_folders(settings: Settings, executable: str = "") -> list[str]:
    """Return all addons folders in Odoo's own order: the first that has a module wins."""
    folders, beside = odoo_addons_folders(executable)
    folders.append(os.path.join(settings.data_dir, "addons", f"{settings.version}.0"))
    stated = settings.conf.get("addons_path", "").split(",")
    folders += [os.path.expanduser(item.strip()) for item in stated if item.strip()]
    folders += beside
    return [path for path in dict.fromkeys(os.path.realpath(item) for item in folders) if os.path.isdir(path)]


def find(name: str, folders: list[str]) -> str | None:
    """Return the folder of addon `name`, or `None`."""
    for folder in folders:
        path = os.path.join(folder, name)
        if os.path.isfile(os.path.join(path, "__manifest__.py")):
            return path
    return None


def missing_modules(names: Iterable[str], folders: list[str]) -> list[str]:
    """Return those of `names` that are in no addons folder."""
    return [name for name in names if find(name, folders) is None]


@dataclass(frozen=True)
class Addon:
    """An addon on disk."""

    name: str
    path: str
    manifest: Mapping[str, Any] = field(repr=False)

    def version(self, series: int) -> str:
        """Return the version as Odoo of this series stores it in ir_module_module.latest_version
        (odoo.modules.module.adapt_version); empty if the manifest has none."""
        version, serie = str(self.manifest.get("version") or ""), f"{series}.0"
        if not version:
            return ""
        return version if version != serie and version.startswith(serie + ".") else f"{serie}.{version}"

    @property
    def installable(self) -> bool:
        """Whether the manifest allows installing it."""
        return bool(self.manifest.get("installable", True))

    @property
    def depends(self) -> tuple[str, ...]:
        """The modules that Odoo loads before it."""
        named = self.manifest.get("depends") or ()
        return tuple(item for item in named if isinstance(item, str)) if isinstance(named, (list, tuple)) else ()


def read(name: str, folders: list[str]) -> Addon | None:
    """Return the addon `name`, or `None` if no folder has it.

    Raises `ConfigError`, with file and line, if its manifest can't be read.
    """
    path = find(name, folders)
    if path is None:
        return None
    file = os.path.join(path, "__manifest__.py")
    try:
        with open(file, encoding="utf-8") as handle:
            manifest = ast.literal_eval(handle.read())
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file}: cannot be read: {exc}") from exc
    except (SyntaxError, ValueError) as exc:
        where = f"{file}, line {exc.lineno}" if isinstance(exc, SyntaxError) else file
        raise ConfigError(f"{where}: is not a manifest: {exc}") from exc
    if not isinstance(manifest, dict):
        raise ConfigError(f"{file}: is not a manifest: it must be one dictionary")
    return Addon(name, path, manifest)


class Snapshot:
    """Addons as they are at one moment: each is read only once. For a later moment create a new one."""

    def __init__(self) -> None:
        self._addons: dict[tuple[str, tuple[str, ...]], Addon | None] = {}
        self._sums: dict[tuple[str, frozenset[str]], str] = {}
        self._names: dict[tuple[str, ...], list[str]] = {}

    def read(self, name: str, folders: list[str]) -> Addon | None:
        """Return the addon `name` as `read()` of this module does."""
        key = (name, tuple(folders))
        if key not in self._addons:
            self._addons[key] = read(name, folders)
        return self._addons[key]

    def checksum(self, addon: Addon, languages: Iterable[str]) -> str:
        """Return the addon's hash as `checksum()` of this module does."""
        key = (addon.path, frozenset(languages))
        if key not in self._sums:
            self._sums[key] = checksum(addon, key[1])
        return self._sums[key]

    def names(self, folders: Iterable[str]) -> list[str]:
        """Return the names of all addons in the addons folders."""
        key = tuple(folders)
        if key not in self._names:
            self._names[key] = [
                name
                for folder in key
                for name in (sorted(os.listdir(folder)) if os.path.isdir(folder) else ())
                if os.path.isfile(os.path.join(folder, name, "__manifest__.py"))
            ]
        return self._names[key]


def _translation_counts(name: str, languages: frozenset[str]) -> bool:
    """Whether a translation belongs to one of the languages: nl.po to nl_NL and nl_BE, nl_BE.po to
    nl_BE."""
    code = name[: -len(".po")]
    return code in languages or code in {item.split("_", 1)[0] for item in languages}


def walk(
    root: str, skip: Callable[[str, bool], bool] = lambda name, folder: False
) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files below `root` with their status. Symlinks are followed, except loops and
    broken ones. `skip` is called with a name and whether it is a folder's."""

    def below(path: str, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, os.stat_result]]:
        with os.scandir(path) as entries:
            for item in entries:
                try:
                    info = item.stat()
                except OSError:
                    continue  # a broken symlink
                folder = stat.S_ISDIR(info.st_mode)
                if skip(item.name, folder):
                    continue
                if folder:
                    key = (info.st_dev, info.st_ino)
                    if key not in above:
                        yield from below(item.path, f"{prefix}{item.name}/", (*above, key))
                elif stat.S_ISREG(info.st_mode):
                    yield prefix + item.name, info

    top = os.stat(root)
    return below(root, "", ((top.st_dev, top.st_ino),))


def _files(root: str, languages: frozenset[str]) -> list[str]:
    def skip(name: str, folder: bool) -> bool:
        return name.startswith(".") or name.endswith(SKIPPED_SUFFIXES) or (folder and name in SKIPPED_FOLDERS)

    def counts(path: str) -> bool:
        folder, _slash, name = path.rpartition("/")
        return folder not in TRANSLATIONS or not name.endswith(".po") or _translation_counts(name, languages)

    return [path for path, _info in walk(root, skip) if counts(path)]


def _named_static(manifest: Mapping[str, Any]) -> list[str]:
    """Static files that the manifest loads as data."""
    names = []
    for key in ("data", "demo", "init_xml", "update_xml"):
        value = manifest.get(key)
        if isinstance(value, (list, tuple)):
            names += [item for item in value if isinstance(item, str) and item.startswith("static/")]
    return names


def checksum(addon: Addon, languages: Iterable[str]) -> str:
    """Return a SHA-256 over the paths and contents that `-u` reads, with the translations of
    `languages` only.

    The same content has the same hash: times, owners and the folder don't count, so a new checkout
    or image changes nothing. Raises `ConfigError` if a file can't be read.
    """
    names = _files(addon.path, frozenset(languages)) + _named_static(addon.manifest)
    digest = hashlib.sha256()
    for name in sorted(set(names)):
        try:
            with open(os.path.join(addon.path, name), "rb") as handle:
                content = handle.read()
        except FileNotFoundError:
            continue
        except OSError as exc:
            raise ConfigError(f"{os.path.join(addon.path, name)}: cannot be read: {exc.strerror}") from exc
        digest.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
    return digest.hexdigest()
