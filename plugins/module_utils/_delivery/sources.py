# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Reads what is delivered from folders and files: addons, Python packages, requirements, system
packages.

All problems are found before anything is changed, and reported together with file and line.
"""

from __future__ import annotations

import ast
import fnmatch
import os
import re
import typing as t

from .release import DeliveryError, File, Package, hash_file, safe_path

ADDON_MANIFESTS = ("__manifest__.py", "__openerp__.py")
DEFAULT_EXCLUDE = ("__pycache__", "*.py[co]", "*~", "*.sw[op]", ".DS_Store")
_ADDON_NAME = re.compile(r"[A-Za-z0-9_]+\Z")  # what every version of Odoo takes
_PACKAGE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*\Z")
_SERIES = re.compile(r"((?:saas[~-])?\d+\.\d+)\.\d+\.\d+(?:\.\d+)*\Z")
_SYSTEM_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(?::[a-z0-9]+)?(?:=[A-Za-z0-9.+:~-]+)?\Z")
_CREDENTIALS = re.compile(r"https?://[^/\s@$]+@|[a-z]://[^/\s@$]*:[^/\s@$]+@", re.IGNORECASE)
_INCLUDED = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s+|=|(?<=-[rc])(?=\S))(\S.*)\Z")
_LOCAL = re.compile(r"(?:-e|--editable)(?:\s|=)|(?:\.{0,2}/|file:|-f[\s=]|--find-links)")


# -- which files ---------------------------------------------------------------------------------------------------------------


def _translate(pattern: str) -> str:
    """A pattern with slashes as a regular expression: `*` stays within a folder, `**` does not."""
    out, position = [], 0
    while position < len(pattern):
        if pattern.startswith("**/", position):
            out.append("(?:[^/]+/)*")
            position += 3
        elif pattern.startswith("**", position):
            out.append(".*")
            position += 2
        elif pattern[position] == "*":
            out.append("[^/]*")
            position += 1
        elif pattern[position] == "?":
            out.append("[^/]")
            position += 1
        elif pattern[position] == "[" and "]" in pattern[position + 2 :]:
            end = pattern.index("]", position + 2)
            inner = pattern[position + 1 : end].replace("\\", "\\\\")
            out.append(f"[{'^' + inner[1:] if inner[0] == '!' else inner}]")
            position = end + 1
        else:
            out.append(re.escape(pattern[position]))
            position += 1
    return "".join(out)


class Globs:
    """A set of patterns; each also matches everything below what it names.

    A pattern without a slash is compared with every name of a path, one with a slash with the path
    from the parent folder on. So `.git` matches that folder and not `.github`.
    """

    def __init__(self, patterns: t.Iterable[str], option: str) -> None:
        names, paths = [], []
        for pattern in patterns:
            if not pattern.strip("/") or pattern.startswith("!"):
                raise DeliveryError(
                    f"{option}: {pattern!r} is no pattern; right is e.g. '.git', '*.po', 'sale_*/tests'"
                )
            anchored = "/" in pattern.rstrip("/")
            (paths if anchored else names).append(pattern.strip("/"))
        self._names = re.compile("|".join(fnmatch.translate(one) for one in names)) if names else None
        self._paths = re.compile("|".join(f"(?:{_translate(one)})\\Z" for one in paths)) if paths else None

    def __bool__(self) -> bool:
        return bool(self._names or self._paths)

    def match(self, name: str, path: str) -> bool:
        """Whether a pattern matches the last name of a path, or the path. Callers check the parents
        first.
        """
        return bool(self._names and self._names.match(name)) or bool(self._paths and self._paths.match(path))


class Filter:
    """Which files are delivered: those that match `include` (all without one) and not `exclude`."""

    def __init__(self, include: t.Iterable[str] = (), exclude: t.Iterable[str] = DEFAULT_EXCLUDE) -> None:
        self.include = Globs(include, "include")
        self.exclude = Globs([".git", *exclude], "exclude")  # it may hold credentials


def read_files(parent: str, name: str, globs: Filter, problems: list[str]) -> list[File]:
    """All files of a package, hashed. A link inside the package counts as its target.

    `parent`: folder of the package. `problems`: gets a line for each file that can't be delivered,
    such as a link that leaves the package.
    """
    found: list[File] = []
    top = os.path.realpath(os.path.join(parent, name))
    take_all = not globs.include
    exclude, include = globs.exclude.match, globs.include.match

    def add(path: str, full: str, executable: bool) -> None:
        if not safe_path(path):
            problems.append(f"{full!r}: a name that a store or another system can't hold; rename or exclude it")
            return
        digest, size = hash_file(full)
        found.append(File(path, digest, size, executable, full))

    def walk(folder: str, relative: str, taken: bool, above: tuple[str, ...]) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = f"{relative}/{entry.name}"
                if exclude(entry.name, path):
                    continue
                inside = taken or include(entry.name, path)
                real = entry.path
                if entry.is_symlink():
                    real = os.path.realpath(entry.path)
                    if real != top and not real.startswith(top + os.sep):
                        problems.append(
                            f"{entry.path}: is a link to {real}, outside of {name!r}; put the file there or exclude it"
                        )
                        continue
                    if real in above or not os.path.exists(real):
                        problems.append(
                            f"{entry.path}: is a link that leads nowhere or in a circle; mend or exclude it"
                        )
                        continue
                if entry.is_dir():
                    walk(real, path, inside, (*above, real))
                elif entry.is_file():
                    if inside:
                        add(path, entry.path, bool(entry.stat().st_mode & 0o100))
                else:
                    problems.append(f"{entry.path}: is neither file nor folder; exclude it")

    try:
        if os.path.isdir(top):
            walk(top, name, take_all or include(name, name), (top,))
        elif take_all or include(name, name):
            add(name, top, bool(os.stat(top).st_mode & 0o100))
    except OSError as error:
        problems.append(f"{error.filename or top}: {error.strerror}")
    return found


# -- addons --------------------------------------------------------------------------------------------------------------------


class AddonManifest(t.NamedTuple):
    """The relevant parts of an addon's manifest, with their line numbers."""

    path: str
    version: str
    version_line: int
    depends: dict[str, int]
    installable: bool


def read_addon_manifest(path: str) -> AddonManifest:
    """Reads a manifest without executing it. Raises `DeliveryError` when it is not a dictionary of
    literals.
    """
    try:
        with open(path, "rb") as stream:
            source = stream.read()
        tree = ast.parse(source, filename=path)
    except SyntaxError as error:
        raise DeliveryError(f"{path}:{error.lineno or 1}: does not parse: {error.msg}") from error
    except (OSError, ValueError) as error:
        raise DeliveryError(f"{path}:1: can't be read: {getattr(error, 'strerror', None) or error}") from error
    statements = [node for node in tree.body if isinstance(node, ast.Expr)]
    if len(tree.body) != 1 or not statements or not isinstance(statements[0].value, ast.Dict):
        line = next((node.lineno for node in tree.body if node not in statements), 1)
        raise DeliveryError(f"{path}:{line}: a manifest is one dictionary and nothing else")
    values: dict[str, t.Any] = {}
    nodes: dict[str, ast.expr] = {}
    for key, value in zip(statements[0].value.keys, statements[0].value.values):
        try:
            if key is None:
                raise ValueError("** is not possible in a manifest")
            name = ast.literal_eval(key)
            values[name], nodes[name] = ast.literal_eval(value), value
        except (ValueError, TypeError) as error:
            line = value.lineno if key is None else key.lineno
            raise DeliveryError(
                f"{path}:{line}: only plain values are possible in a manifest, nothing that is computed"
            ) from error
    depends = values.get("depends", [])
    if not isinstance(depends, (list, tuple)) or not all(isinstance(one, str) for one in depends):
        raise DeliveryError(f"{path}:{nodes['depends'].lineno}: depends={depends!r} must be a list of names")
    lines = dict.fromkeys(depends, nodes["depends"].lineno if depends else 1)
    for node in getattr(nodes.get("depends"), "elts", []):
        if isinstance(node, ast.Constant):
            lines[node.value] = node.lineno
    version = values.get("version", "")
    if not isinstance(version, str):
        raise DeliveryError(f"{path}:{nodes['version'].lineno}: version={version!r} must be text, such as '19.0.1.0.0'")
    return AddonManifest(
        path,
        version,
        nodes["version"].lineno if "version" in nodes else 1,
        lines,
        bool(values.get("installable", True)),
    )


def series_of(odoo_version: str) -> str:
    """The series with which versions of addons begin, such as `19.0` for `19` or `19.0`.

    Raises `DeliveryError` for another text.
    """
    if not re.match(r"\d+(\.\d+)?\Z|saas[~-]\d+\.\d+\Z", odoo_version):
        raise DeliveryError(f"odoo_version={odoo_version!r}: right is e.g. '19'")
    return odoo_version if "." in odoo_version else f"{odoo_version}.0"


def other_series(version: str, series: str) -> str:
    """The Odoo series that an addon's version is for, if it is another one; else empty."""
    match = _SERIES.match(version)
    if not match or match[1] == series:
        return ""
    major = re.match(r"\d+", match[1].replace("saas~", "").replace("saas-", ""))
    # 1.2.3.4 is an addon's own numbering, not Odoo 1.2: such versions began with series 6.
    return match[1] if major and int(major[0]) >= 6 else ""


def _children(path: str, option: str) -> list[str]:
    if not os.path.isabs(path):
        raise DeliveryError(f"{option}: {path!r} must be an absolute path")
    try:
        return sorted(name for name in os.listdir(path) if not name.startswith("."))
    except OSError as error:
        raise DeliveryError(f"{option}: {path!r}: {error.strerror}") from error


def _addon_manifest_of(folder: str) -> str:
    return next((path for name in ADDON_MANIFESTS if os.path.isfile(path := os.path.join(folder, name))), "")


class Sources:
    """Collects packages from their parent folders and all problems with them; `finish` raises those."""

    def __init__(self, odoo_version: str, globs: Filter | None = None) -> None:
        self.series = series_of(odoo_version)
        self.globs = globs or Filter()
        self.problems: list[str] = []
        self.packages: dict[str, Package] = {}
        self.manifests: dict[str, AddonManifest] = {}
        self.unchecked: list[str] = []
        self.requirements = ""
        self.constraints = ""
        self.system_packages: list[str] = []

    def _add(self, kind: str, parent: str, name: str, globs: Filter, version: str = "") -> None:
        source = os.path.join(parent, name)
        package = Package(kind, name, read_files(parent, name, globs, self.problems), version, source)
        if not package.files:
            return
        # foo/ and foo.py in the same folder: which of them is imported depends on Python.
        stem = name[:-3] if kind == "python" and name.endswith(".py") else name
        for other in self.packages.values():
            other_stem = other.name[:-3] if kind == "python" and other.name.endswith(".py") else other.name
            if other.kind == kind and other_stem == stem:
                self.problems.append(
                    f"two {'addons' if kind == 'addon' else 'Python packages'} with the name {stem!r}: {other.source} and {source}; "
                    "rename or exclude one"
                )
                return
        self.packages[package.id] = package

    def _nothing_left(self, option: str, parent: str) -> None:
        """A wrong pattern must not look like a removal of everything. Name clashes are reported
        anyway.
        """
        if not self.problems:
            self.problems.append(
                f"{option}: {parent!r}: include and exclude leave nothing of it; mend them or take the path out"
            )

    def add_addons(self, parent: str, option: str = "odoo_custom_modules_paths", globs: Filter | None = None) -> None:
        """Adds all addons of a parent folder. `option`: the option that named it, for messages."""
        globs = globs or self.globs
        try:
            children = _children(parent, option)
        except DeliveryError as error:
            self.problems += error.problems
            return
        if _addon_manifest_of(parent):
            self.problems.append(f"{option}: {parent!r} is an addon itself; give the folder that holds it")
            return
        found = False
        for name in children:
            folder = os.path.join(parent, name)
            path = _addon_manifest_of(folder)
            if not path:
                continue
            found = True
            if globs.exclude.match(name, name):
                continue
            if not _ADDON_NAME.match(name):
                self.problems.append(f"{folder}: Odoo can't load an addon with this name; rename or exclude it")
                continue
            version = ""
            try:
                manifest = read_addon_manifest(path)
                version = manifest.version
            except DeliveryError as error:
                self.problems += error.problems
                manifest = None
            count = len(self.packages)
            self._add("addon", parent, name, globs, version)
            if manifest and len(self.packages) > count:
                self.manifests[name] = manifest
                package_files = {one.path for one in self.packages[f"addon/{name}"].files}
                if f"{name}/{os.path.basename(path)}" not in package_files:
                    self.problems.append(
                        f"{path}: include and exclude leave the manifest out but not the whole addon; mend them"
                    )
        if found and not any(one.source.startswith(os.path.join(parent, "")) for one in self.packages.values()):
            self._nothing_left(option, parent)
        if not found:
            self.problems.append(f"{option}: {parent!r} holds no addon (a folder with {' or '.join(ADDON_MANIFESTS)})")

    def add_python(
        self, parent: str, option: str = "odoo_python_dependencies_paths", globs: Filter | None = None
    ) -> None:
        """Adds all Python packages and modules of a folder that would be in PYTHONPATH.

        `option`: the option that named it, for messages.
        """
        globs = globs or self.globs
        try:
            children = _children(parent, option)
        except DeliveryError as error:
            self.problems += error.problems
            return
        if os.path.isfile(os.path.join(parent, "__init__.py")):
            self.problems.append(f"{option}: {parent!r} is a Python package itself; give the folder that holds it")
            return
        found = False
        for name in children:
            path = os.path.join(parent, name)
            is_module = os.path.isfile(path) and name.endswith(".py")
            if not is_module and not (os.path.isdir(path) and _holds_python(path)):
                continue
            found = True
            if globs.exclude.match(name, name):
                continue
            if not _PACKAGE_NAME.match(name):
                self.problems.append(f"{path}: Python can't import a package with this name; rename or exclude it")
                continue
            self._add("python", parent, name, globs)
        if found and not any(one.source.startswith(os.path.join(parent, "")) for one in self.packages.values()):
            self._nothing_left(option, parent)
        if not found:
            self.problems.append(f"{option}: {parent!r} holds no Python package or module")

    def add_requirements(
        self, path: str, known_packages: t.Mapping[str, str] | None = None, markers: t.Mapping[str, str] | None = None
    ) -> None:
        """Adds a requirements file and the files that it includes.

        `known_packages`: version of each package that Odoo itself needs; a requirement for another
        version is a problem. `markers`: see `conflict`.
        """
        text = _read_requirements(
            path, (), self.problems, False, lambda one: conflict(one, known_packages or {}, markers)
        )
        self.requirements += "".join(f"{line}\n" for line in text[0])
        self.constraints += "".join(f"{line}\n" for line in text[1])

    def add_system_packages(self, path: str) -> None:
        """Adds a file with names of Debian packages, one per line."""
        for number, line in _lines(path, "system_packages_file", self.problems):
            text = line.split("#", 1)[0].strip()
            if not text:
                continue
            if not _SYSTEM_PACKAGE.match(text):
                self.problems.append(
                    f"{path}:{number}: {text!r} is no name of a Debian package; right is one name a line"
                )
            elif text not in self.system_packages:
                self.system_packages.append(text)

    def finish(self, known_addons: t.Collection[str] = ()) -> list[Package]:
        """Checks what only the whole release shows, and returns the packages.

        `known_addons`: names of addons that exist anyway; without any, dependencies that are not
        delivered are listed in `unchecked`. Raises `DeliveryError` with all problems.
        """
        known = {*known_addons, *self.manifests}
        unchecked: set[str] = set()
        for name, manifest in sorted(self.manifests.items()):
            if not manifest.installable:
                continue
            series = other_series(manifest.version, self.series)
            if series:
                self.problems.append(
                    f"{manifest.path}:{manifest.version_line}: {name!r} has version {manifest.version!r}, made for Odoo {series}, "
                    f"but this release is for {self.series}"
                )
            for depends, line in manifest.depends.items():
                if depends in known:
                    continue
                if known_addons:
                    self.problems.append(
                        f"{manifest.path}:{line}: {name!r} depends on {depends!r}, which is neither delivered nor in known_addons"
                    )
                else:
                    unchecked.add(depends)
        self.unchecked = sorted(unchecked)
        if self.problems:
            raise DeliveryError(*self.problems)
        return [self.packages[key] for key in sorted(self.packages)]


def _holds_python(path: str) -> bool:
    if path.endswith((".dist-info", ".egg-info")):
        return True
    for dummy, folders, names in os.walk(path):
        if any(name.endswith((".py", ".so")) for name in names):
            return True
        folders[:] = [name for name in folders if not name.startswith(".")]
    return False


# -- requirements --------------------------------------------------------------------------------------------------------------


def _lines(path: str, option: str, problems: list[str]) -> list[tuple[int, str]]:
    """The lines of a text file with their numbers; continued lines are joined."""
    try:
        with open(path, encoding="utf-8-sig") as stream:
            raw = stream.read().splitlines()
    except UnicodeDecodeError as error:
        problems.append(f"{path}: {option} must be UTF-8 text: {error.reason}")
        return []
    except OSError as error:
        problems.append(f"{option}: {path!r}: {error.strerror}")
        return []
    found: list[tuple[int, str]] = []
    begun = ""
    first = 0
    for number, line in enumerate(raw, 1):
        first = first or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            begun += line[:-1].rstrip() + " "
            continue
        found.append((first, begun + (line.strip() if begun else line)))
        begun, first = "", 0
    if begun:
        found.append((first, begun))
    return found


def conflict(text: str, known: t.Mapping[str, str], markers: t.Mapping[str, str] | None = None) -> str:
    """Why a requirement conflicts with the packages of Odoo's image; empty when it doesn't.

    `known`: version of each package by its normalised name. `markers`: values of environment
    markers in the image. Raises `DeliveryError` when the library packaging is missing.
    """
    if not known:
        return ""
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError as error:
        raise DeliveryError(
            "known_packages needs the Python library packaging for the Python of this module"
        ) from error
    try:
        wanted = Requirement(re.split(r"\s--", text)[0])
    except InvalidRequirement:
        return ""  # an option, or an address without a name: pip checks it
    version = known.get(re.sub(r"[-_.]+", "-", wanted.name).lower())
    if version is None or (wanted.marker is not None and not wanted.marker.evaluate(dict(markers or {}))):
        return ""
    if wanted.url is None and wanted.specifier.contains(version, prereleases=True):
        return ""
    return (
        f"{text!r} conflicts with {wanted.name} {version} of Odoo's image, which Odoo itself needs and which is imported first; "
        "take a version that fits, or leave it out"
    )


def _read_requirements(
    path: str, above: tuple[str, ...], problems: list[str], constraints: bool, wrong: t.Callable[[str], str]
) -> tuple[list[str], list[str]]:
    """Requirements and constraints as flat lists without comments.

    Included files are read at their place. `wrong`: says what else is wrong with a requirement.
    """
    required: list[str] = []
    constrained: list[str] = []
    real = os.path.realpath(path)
    if real in above:
        problems.append(f"{path}: includes itself")
        return required, constrained
    for number, line in _lines(path, "python_requirements_file", problems):
        text = re.sub(r"(^|\s)#.*$", "", line).strip()
        if not text:
            continue
        where = f"{path}:{number}"
        if _CREDENTIALS.search(text):
            problems.append(
                f"{where}: has credentials in an address; they would end up in the image: take them out, give them beside it"
            )
            continue
        included = _INCLUDED.match(text)
        if included:
            if "://" in included[2]:
                problems.append(
                    f"{where}: {text!r}: only files beside this one can be included, so that the release is known"
                )
                continue
            below = os.path.join(os.path.dirname(path), included[2].strip())
            as_constraints = constraints or included[1] in ("-c", "--constraint")
            if not os.path.isfile(below):
                problems.append(f"{where}: {included[2]!r}: no such file")
                continue
            more = _read_requirements(below, (*above, real), problems, as_constraints, wrong)
            required += more[0]
            constrained += more[1]
        elif _LOCAL.match(text) or re.search(r"@\s*(file:|\.{0,2}/)", text):
            problems.append(
                f"{where}: {text!r} is a folder or file of this machine, which the build does not see; use odoo_python_dependencies_paths"
            )
        elif not text.startswith("-") and not re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*|[a-z+]+://", text):
            problems.append(f"{where}: {text!r} is no requirement")
        elif trouble := wrong(text):
            problems.append(f"{where}: {trouble}")
        else:
            (constrained if constraints else required).append(text)
    return required, constrained
