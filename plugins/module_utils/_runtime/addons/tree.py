# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Addons on disk: where they are, what their manifests contain, and a hash of their content. Odoo
is not imported."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
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
MANIFEST = "__manifest__.py"
OLD_MANIFEST = "__openerp__.py"  # which Odoo read until 16 if there was no other
_PLAIN = re.compile(r"[\w-]+")
_NAME_19 = re.compile(r"\w{1,256}")
_VERSION_17 = re.compile(r"\d+\.\d+(\.\d+)?", re.ASCII)


class NoDictionary(ConfigError):
    """A manifest is Python data of another kind."""


class Folders(list[str]):
    """The addons folders in Odoo's own order, with what else Odoo's rules about addons depend on."""

    def __init__(self, paths: Iterable[str], series: int = 0, own: Iterable[str] = ()) -> None:
        """`series`: Odoo's major version, 0 if no rule of a version counts. `own`: the folders of
        Odoo's own addons."""
        super().__init__(paths)
        self.series, self.own = series, frozenset(own)


def _series(folders: Iterable[str]) -> int:
    return folders.series if isinstance(folders, Folders) else 0


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


def addons_folders(settings: Settings, executable: str = "") -> Folders:
    """Return all addons folders in Odoo's own order: the first that has a module wins."""
    folders, beside = odoo_addons_folders(executable)
    own = [os.path.realpath(item) for item in (*folders, *beside)]
    folders.append(os.path.join(settings.data_dir, "addons", f"{settings.version}.0"))
    stated = settings.conf.get("addons_path", "").split(",")
    folders += [os.path.expanduser(item.strip()) for item in stated if item.strip()]
    folders += beside
    paths = dict.fromkeys(os.path.realpath(item) for item in folders)
    return Folders((path for path in paths if os.path.isdir(path)), settings.version, own)


def manifest_of(path: str, series: int) -> str:
    """Return the manifest that Odoo of this major version reads in an addon's folder; empty if there
    is none."""
    for name in (MANIFEST, OLD_MANIFEST) if 0 < series < 17 else (MANIFEST,):
        file = os.path.join(path, name)
        if os.path.isfile(file):
            return file
    return ""


def find(name: str, folders: list[str]) -> str | None:
    """Return the folder of addon `name`, or `None`."""
    if not name or "/" in name or name.startswith("."):
        return None  # the name may come from the database, and is a path here
    for folder in folders:
        path = os.path.join(folder, name)
        if manifest_of(path, _series(folders)):
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
    series: int = 0  # of the Odoo whose rules count; 0: none

    def version(self, series: int) -> str:
        """Return the version as Odoo of this series stores it in ir_module_module.latest_version
        (odoo.modules.module.adapt_version); empty if the manifest has none."""
        version, serie = str(self.manifest.get("version") or ""), f"{series}.0"
        if not version:
            return ""
        return version if version != serie and version.startswith(serie + ".") else f"{serie}.{version}"

    @property
    def installable(self) -> bool:
        """Whether Odoo can load it: its manifest allows that, and nothing is wrong with it."""
        return bool(self.manifest.get("installable", True)) and not self.fault

    @property
    def fault(self) -> str:
        """What is wrong with name or manifest, so that this Odoo doesn't load the module, or ends
        with an error; empty if nothing is."""
        return self._wrong_name() or self._wrong_lists() or self._wrong_version()

    @property
    def fatal(self) -> bool:
        """Whether Odoo ends with an error as soon as it reads all manifests, also if the module
        isn't used."""
        if self.series < 19:
            return False
        unreadable = self._full_version() is None and bool(self.manifest.get("installable", True))
        return bool(self._wrong_name() or self._wrong_lists()) or unreadable

    def _wrong_name(self) -> str:
        if self.series < 19 or _NAME_19.fullmatch(self.name):
            return ""
        return f"Odoo {self.series} takes only letters, digits and '_' in the name of a module"

    def _wrong_lists(self) -> str:
        if not isinstance(self.manifest.get("depends") or (), (list, tuple, set)):
            return "'depends' in its manifest is not a list"
        trigger = self.manifest.get("auto_install")
        more = [item for item in trigger if item not in self.depends] if isinstance(trigger, (list, tuple, set)) else []
        return f"'auto_install' in its manifest names {_quoted(more)}, which 'depends' doesn't" if more else ""

    def _full_version(self) -> str | None:
        """The version as Odoo 19 completes it; `None` if it can't read it."""
        parts = str(self.manifest.get("version", "1.0")).split(".")
        if not 2 <= len(parts) <= 5 or not all(part.isdigit() for part in parts):
            return None
        text, serie = ".".join(parts), f"{self.series}.0"
        return f"{serie}.{text}" if len(parts) <= 3 and not text.startswith(serie) else text

    def _wrong_version(self) -> str:
        """What is wrong with the version, which Odoo checks from 17 on."""
        text, serie = str(self.manifest.get("version", "1.0")), f"{self.series}.0"
        if self.series >= 19:
            right = (self._full_version() or "").startswith(serie + ".")
        else:
            inner = text[len(serie) + 1 :] if text.startswith(serie + ".") else text
            right = self.series < 17 or bool(_VERSION_17.fullmatch(inner))
        if right:
            return ""
        return (
            f"version {text!r} in its manifest is none for Odoo {self.series}, which takes x.y, x.y.z, {serie}.x.y and"
            f" {serie}.x.y.z"
        )

    @property
    def depends(self) -> tuple[str, ...]:
        """The modules that Odoo loads before it. Without any it needs `base`."""
        named = self.manifest.get("depends") or ()
        return tuple(item for item in named if isinstance(item, str)) if isinstance(named, (list, tuple, set)) else ()

    def lacking_files(self, demo: bool = False) -> list[str]:
        """Return the data files that the manifest names and that are not there. `demo`: also those
        with demonstration data."""
        found: list[str] = []
        for key in ("init_xml", "update_xml", "data", *(("demo", "demo_xml") if demo else ())):
            named = self.manifest.get(key)
            for item in named if isinstance(named, (list, tuple)) else ():
                if isinstance(item, str) and item and not os.path.isfile(os.path.join(self.path, item)):
                    found.append(item)
        return found

    def lacking_programs(self) -> list[str]:
        """Return the Python packages and programs that the manifest requires and that are not here:
        Odoo neither installs nor updates the module then."""
        needed = self.manifest.get("external_dependencies")
        needed = needed if isinstance(needed, dict) else {}
        found = [
            f"Python package {item}" for item in _texts(needed.get("python")) if not _has_package(item, self.series)
        ]
        return found + [f"program {item}" for item in _texts(needed.get("bin")) if shutil.which(item) is None]


def _quoted(names: Iterable[Any]) -> str:
    return ", ".join(repr(name) for name in names)


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, (list, tuple, set)) else []


def _has_package(text: str, series: int) -> bool:
    """Whether a requirement of a manifest is fulfilled for this major version of Odoo: that of a
    distribution, or the name of a module that can be imported."""
    try:
        return _has_distribution(text, series)
    except LookupError:
        pass
    try:
        return find_spec(text.strip()) is not None
    except (ImportError, ValueError):
        return False


def _has_distribution(text: str, series: int) -> bool:
    """Whether a distribution is there in a version that the requirement allows. Raises `LookupError`
    if there is none."""
    from importlib import metadata

    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        if series < 18:
            return _has_distribution_14(text)  # which Odoo asks itself
        if not _PLAIN.fullmatch(text):
            return False  # Odoo fails to read a version or a condition without `packaging`
        try:
            return bool(metadata.version(text))
        except metadata.PackageNotFoundError as exc:
            raise LookupError(text) from exc
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        return False
    if wanted.marker is not None and not wanted.marker.evaluate():
        return True
    try:
        return wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)
    except metadata.PackageNotFoundError as exc:
        raise LookupError(text) from exc


def _has_distribution_14(text: str) -> bool:
    try:
        import pkg_resources
    except ImportError:
        return True  # it can't be told
    try:
        pkg_resources.get_distribution(text)
    except pkg_resources.DistributionNotFound as exc:
        raise LookupError(text) from exc
    except (pkg_resources.VersionConflict, ValueError):
        return False
    return True


def read(name: str, folders: list[str]) -> Addon | None:
    """Return the addon `name`, or `None` if no folder has it.

    Raises `ConfigError`, with file and line, if its manifest can't be read.
    """
    path = find(name, folders)
    if path is None:
        return None
    file = manifest_of(path, _series(folders))
    try:
        with open(file, encoding="utf-8") as handle:
            manifest = ast.literal_eval(handle.read())
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file}: cannot be read: {exc}") from exc
    except (SyntaxError, ValueError) as exc:
        where = f"{file}, line {exc.lineno}" if isinstance(exc, SyntaxError) else file
        raise ConfigError(f"{where}: is not a manifest: {exc}") from exc
    if not isinstance(manifest, dict):
        raise NoDictionary(f"{file}: is not a manifest: it must be one dictionary")
    return Addon(name, path, manifest, _series(folders))


def fatal_manifests(folders: list[str], snapshot: Snapshot) -> list[str]:
    """Return one line for each addon that no database uses, but whose manifest makes Odoo fail as
    soon as it reads all of them, which it does for every installation and update."""
    found: dict[str, str] = {}
    own = folders.own if isinstance(folders, Folders) else frozenset()
    others = Folders((folder for folder in folders if folder not in own), _series(folders))
    for name in snapshot.names(others):
        try:
            addon = snapshot.read(name, folders)
        except NoDictionary as exc:
            if _series(folders) >= 19:
                found[name] = f"{exc}; correct it, or take the folder away"
            continue
        except ConfigError:
            continue  # Odoo leaves out a manifest that it can't read
        if addon is not None and addon.fatal:
            found[name] = f"{addon.path}: {addon.fault}; correct it, or take the folder away"
    return list(found.values())


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
                if not name.startswith(".") and manifest_of(os.path.join(folder, name), _series(folders))
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
