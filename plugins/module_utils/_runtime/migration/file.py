# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""migration.yml: marabunta's format, extended by kinds of steps besides commands, also as a folder
of files.

One reading reports every problem, each with file, line and the nearest right name. The result is
plain data: `Migration` -> `Version` -> `Step`. Nothing here uses a database; plan.py determines
which steps are still pending. docs/migrations.md is the reference of the format.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..addons.update_plan import nearest
from ..common.errors import ConfigError
from ..common.lists import some
from ..common.values import MODULE_NAME
from . import hidden_errors

SETUP = "setup"
NEXT = "next"  # folder of the version that has no number yet
PRE, UPDATE, POST = "pre", "update", "post"
PHASES = (PRE, UPDATE, POST)

SONG, SQL, COMMAND, INSTALL, UNINSTALL, CONFIG_PARAMETER, LOAD_CSV = (
    "song",
    "sql",
    "command",
    "install",
    "uninstall",
    "config_parameter",
    "load_csv",
)
# Keys that a step of each kind may have besides `id` and `timeout`.
KINDS: Mapping[str, tuple[str, ...]] = {
    SONG: ("kwargs",),
    SQL: (),
    COMMAND: (),
    INSTALL: (),
    UNINSTALL: (),
    CONFIG_PARAMETER: (),
    LOAD_CSV: ("model", "delimiter", "encoding"),
}
COMMON_KEYS = ("id", "timeout")
VERSION_KEYS = ("version", "operations", "addons", "modes", "backup", "override_translations")
OPTION_KEYS = ("install_command", "install_args", "backup", "modes")

_NUMBER = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:\.(\d+)\.(\d+))?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_MODEL = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*", re.ASCII)
# Python imports modules of any name if they are given as text, as `songs.14-0-1::main`.
TARGET = re.compile(r"[\w-]+(\.[\w-]+)*::[^\W\d]\w*")
MANY = 8  # more unknown modules of one list are one problem
SHOWN = 20  # so many problems are in the text of an error; the plan has all
# More nodes than any real file has, and far fewer than aliases of aliases can produce.
_MOST_NODES = 200_000
_DEEPEST = 100


@functools.total_ordering
@dataclass(frozen=True, eq=False)
class Number:
    """The number of a version. `setup` sorts before all others, and a.b.c equals a.0.0.b.c."""

    text: str
    key: tuple[int, ...] = field(repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and self.key == other.key

    def __lt__(self, other: Number) -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self.text

    @property
    def canonical(self) -> str:
        """The same text for equal numbers."""
        return ".".join(map(str, self.key)) or SETUP


def number(text: str) -> Number | None:
    """Return the version number for `text`, or `None`."""
    if text == SETUP:
        return Number(text, ())
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    first, second, third, *rest = (int(part) for part in match.groups() if part is not None)
    return Number(text, (first, second, third, *rest) if rest else (first, 0, 0, second, third))


@dataclass(frozen=True)
class Place:
    """File and line of something in a migration file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Problem:
    """An error or a warning at a place."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{Place(self.file, self.line)}: {self.message}"


class MigrationError(ConfigError):
    """Everything that is wrong with the migration file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda item: (item.file, item.line)))
        super().__init__(some(map(str, self.problems), SHOWN, "; "))


def digest(kind: str, arguments: Mapping[str, Any]) -> str:
    """Return a SHA-256 of what a step does, independent of its place, id and timeout."""
    text = json.dumps([kind, arguments], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


@dataclass(frozen=True)
class Step:
    """One thing to do. `id` doesn't change as long as the step doesn't: it is given, or
    <phase>/[<mode>/][<file>/]<index>/<sha>."""

    id: str
    phase: str
    kind: str  # a key of KINDS, or `update`
    arguments: Mapping[str, Any]
    mode: str | None = None  # the only mode in which it is done
    timeout: float | None = None  # seconds
    sha: str = ""
    where: Place = field(default=Place("", 0), compare=False)
    given_id: bool = False
    notes: tuple[str, ...] = field(default=(), compare=False)  # remarks on how it was read
    # The place of each name in `arguments["modules"]`.
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        """A short line for operators: what it does."""
        value = self.arguments
        if self.kind == SONG:
            return str(value["target"])
        if self.kind == COMMAND:
            text = " ".join(value["argv"])
        elif self.kind == SQL:
            text = " ".join(value["sql"].split())
        elif self.kind == CONFIG_PARAMETER:
            text = ", ".join(value["values"])
        elif self.kind == LOAD_CSV:
            text = f"{value['path']} into {value['model']}"
        else:
            text = ", ".join(value["modules"])
        text = f"{self.kind} {text}"
        return text if len(text) <= 100 else text[:97] + "..."


def update_step(parts: Sequence[Step]) -> Step:
    """Return the one update of a version, merged from those of the base and of a mode."""
    modules = list(dict.fromkeys(name for part in parts for name in part.arguments["modules"]))
    places = {name: place for part in reversed(parts) for name, place in part.places.items()}
    arguments = {"modules": modules, "override_translations": parts[0].arguments["override_translations"]}
    sha = digest(UPDATE, {**arguments, "modules": sorted(modules)})  # their order has no meaning for Odoo
    return Step(UPDATE, UPDATE, UPDATE, arguments, None, None, sha, parts[0].where, True, places=places)


@dataclass(frozen=True)
class Version:
    """One version: its steps for all modes in the order of the file, pre, update, post."""

    number: Number
    steps: tuple[Step, ...]
    backup: bool
    override_translations: bool = False
    where: Place = field(default=Place("", 0), compare=False)

    @property
    def noop(self) -> bool:
        """Whether there is nothing to do in any mode."""
        return not self.steps

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes that add steps."""
        return tuple(sorted({step.mode for step in self.steps if step.mode}))

    def steps_for(self, mode: str | None) -> tuple[Step, ...]:
        """Return what is done in `mode`, in order: pre, one update, post; in pre and post the steps
        of the base come before those of the mode."""
        wanted = (None, mode) if mode else (None,)
        ordered: list[Step] = []
        for phase in PHASES:
            parts = [step for name in wanted for step in self.steps if step.phase == phase and step.mode == name]
            if phase == UPDATE:
                ordered += [update_step(parts)] if parts else []
            else:
                ordered += parts
        return tuple(ordered)


@dataclass(frozen=True)
class Backup:
    """The backup of options.backup."""

    command: str
    ignore_if: str | bool = False  # command that succeeds if no backup is needed; true: never back up
    stop_on_failure: bool = True


@dataclass(frozen=True)
class FileOptions:
    """The options of a migration file."""

    install_command: str = "odoo"
    backup: Backup | None = None
    modes: tuple[str, ...] = ()  # declared names; empty: not declared


@dataclass(frozen=True)
class Migration:
    """A whole migration file or folder, its versions in ascending order."""

    path: str
    versions: tuple[Version, ...]
    options: FileOptions = FileOptions()
    warnings: tuple[Problem, ...] = ()

    @property
    def modes(self) -> tuple[str, ...]:
        """The names of modes: those that are declared, else those that are used."""
        return self.options.modes or tuple(sorted({mode for version in self.versions for mode in version.modes}))

    def version(self, wanted: Number) -> Version | None:
        """Return the version with this number, or `None`."""
        return next((version for version in self.versions if version.number == wanted), None)


def unknown_modules(migration: Migration, known: Iterable[str], mode: str | None = None) -> list[Problem]:
    """Return a problem for each module to be installed or updated that is not in `known`, the names
    in the addons folders."""
    names = frozenset(known)
    found: list[Problem] = []
    for version in migration.versions:
        for step in version.steps_for(mode):
            if step.kind in (UPDATE, INSTALL):
                lacking = [name for name in step.arguments["modules"] if name not in names]
                if len(lacking) > MANY:
                    place = step.places.get(lacking[0], step.where)
                    text = f"there are no modules {some(map(repr, lacking), MANY)}: {len(lacking)} of {len(step.arguments['modules'])}"
                    found.append(Problem(place.file, place.line, text))
                    continue
                for name in lacking:
                    place = step.places.get(name, step.where)
                    found.append(Problem(place.file, place.line, f"there is no module {name!r}{nearest(name, names)}"))
    return found


# Commands


def split_command(text: str) -> list[str]:
    """Split a command into words as marabunta does: without a shell, so without variables and
    pipes. Both kinds of quotes keep everything between them; outside of them a backslash keeps the
    next character.

    Raises `ValueError` for an open quote or a backslash at the end.
    """
    words: list[str] = []
    word: str | None = None
    quote = ""
    characters = iter(text)
    for char in characters:
        if quote:
            if char == quote:
                quote = ""
            else:
                word = (word or "") + char
        elif char in "'\"":
            quote, word = char, word or ""
        elif char == "\\":
            following = next(characters, None)
            if following is None:
                raise ValueError("it ends with a backslash")
            word = (word or "") + following
        elif char.isspace():
            if word is not None:
                words.append(word)
            word = None
        else:
            word = (word or "") + char
    if quote:
        raise ValueError(f"a quote {quote} is never closed")
    if word is not None:
        words.append(word)
    return words


_SHELL = re.compile(r"(?<!\\)(\|\|?|&&?|;|>>?|<|`|\$\(|\$\{?\w)")


def _looks_like_shell(text: str) -> str:
    """The first character or word in the unquoted part of a command that only a shell would
    interpret; empty if there is none."""
    plain = re.sub(r"'[^']*'|\"[^\"]*\"", " ", text)
    match = _SHELL.search(plain)
    return match.group(0) if match else ""


def anthem_song(argv: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """Return the song's arguments, and notes, for a command `anthem ...`; `None` for another
    command, or an option that anthem doesn't have."""
    if os.path.basename(argv[0]) != "anthem":
        return None
    notes: list[str] = []
    arguments: dict[str, Any] = {}
    rest = list(argv[1:])
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        name, equals, value = option.partition("=")
        if option in ("-q", "--quiet"):
            arguments["quiet"] = True
        elif option in ("-i", "--interactive"):
            notes.append(f"{option} is ignored: there is no terminal")
        elif name == "--odoo-data-path" and (equals or rest):
            arguments["data_path"] = value if equals else rest.pop(0)
        else:
            return None
    if not rest:
        return None
    arguments["target"] = rest.pop(0)
    arguments["kwargs"] = {}
    if rest:
        notes.append(f"{' '.join(rest)} is ignored: Odoo is started once for all steps, with the runtime's own options")
    return arguments, tuple(notes)


# YAML


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as exc:
        raise ConfigError(
            "a migration file can't be read: the Python module yaml is missing; install python3-yaml (PyYAML)"
        ) from exc
    return yaml


_MERGE = "tag:yaml.org,2002:merge"
_TAGS = "tag:yaml.org,2002:"


@functools.cache
def _loader() -> Any:
    """A loader that returns nodes with line numbers and reads plain words as YAML 1.2 does, like
    marabunta's: `no` and `on` are words, 1:30 is not a number, a date is text."""
    yaml = _yaml()
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = type("Loader", (base,), {"yaml_implicit_resolvers": {}})
    for tag, pattern, first in (
        ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
        ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
        ("float", r"^(?:[-+]?(?:\.[0-9]+|[0-9]+\.?[0-9]*)(?:[eE][-+]?[0-9]+)?)$", "-+.0123456789"),
        ("merge", r"^<<$", "<"),
    ):
        loader.add_implicit_resolver(_TAGS + tag, re.compile(pattern), list(first))
    return loader


def _compose(text: str, file: str) -> Any:
    """The root node of the only document, or `None` if there is none."""
    yaml = _yaml()
    try:
        root = yaml.compose(text, Loader=_loader())
        if root is not None:
            _check_size(root, file)
        return root
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        message = " ".join(filter(None, (exc.context, exc.problem)))
        raise MigrationError([Problem(file, mark.line + 1 if mark else 0, f"is not YAML: {message}")]) from exc
    except yaml.reader.ReaderError as exc:
        raise MigrationError([Problem(file, _unprintable_line(text, exc), f"is not YAML: {exc.reason}")]) from exc
    except yaml.YAMLError as exc:
        raise MigrationError([Problem(file, 0, f"is not YAML: {' '.join(str(exc).split())}")]) from exc
    except RecursionError as exc:
        raise MigrationError([Problem(file, 0, "is nested too deeply")]) from exc


def _check_size(root: Any, file: str) -> None:
    """Refuses aliases that contain themselves, a small file that aliases expand to a huge one, and
    one that is nested too deeply to be walked."""
    sizes: dict[int, int] = {}

    def size(node: Any, depth: int) -> int:
        known = sizes.get(id(node))
        if depth > _DEEPEST:
            raise MigrationError([Problem(file, node.start_mark.line + 1, "is nested too deeply")])
        if known == 0:
            raise MigrationError([Problem(file, node.start_mark.line + 1, "contains itself")])
        if known is None:
            sizes[id(node)] = 0
            children: list[Any] = []
            if node.id == "mapping":
                children = [child for pair in node.value for child in pair]
            elif node.id == "sequence":
                children = node.value
            sizes[id(node)] = known = 1 + sum(size(child, depth + 1) for child in children)
        return known

    if size(root, 0) > _MOST_NODES:
        raise MigrationError([Problem(file, 1, f"has more than {_MOST_NODES} nodes, aliases counted")])


def _unprintable_line(text: str, exc: Any) -> int:
    position = getattr(exc, "position", None)
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else 0


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _suggest(name: str, names: Sequence[str]) -> str:
    return nearest(name, names) or (f"; there is {', '.join(names)}" if names else "")


@dataclass
class _Part:
    """What one file contains for a version."""

    steps: list[Step] = field(default_factory=list)
    backup: bool | None = None
    override_translations: bool | None = None
    backup_line: Place | None = None
    override_line: Place | None = None


class _Reader:
    """Converts the nodes of one file to data and collects what is wrong."""

    def __init__(self, file: str, problems: list[Problem], warnings: list[Problem]) -> None:
        self.file, self.problems, self.warnings = file, problems, warnings
        self.stem = ""  # of the file, in the folder form
        self.used_modes: dict[str, Place] = {}

    # Nodes

    def place(self, node: Any) -> Place:
        return Place(self.file, node.start_mark.line + 1)

    def wrong(self, node: Any, message: str) -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, message))

    def warn(self, node: Any, message: str) -> None:
        self.warnings.append(Problem(self.file, node.start_mark.line + 1, message))

    @staticmethod
    def what(node: Any) -> str:
        """Describes a node, for a message."""
        if node.id == "mapping":
            return "a mapping"
        if node.id == "sequence":
            return "a list"
        kind = node.tag[len(_TAGS) :] if node.tag.startswith(_TAGS) else node.tag
        if kind == "null":
            return "nothing"
        if kind in ("int", "float"):
            return f"the number {node.value}"
        if kind == "bool":
            return f"the truth value {node.value}"
        if kind == "str":
            return repr(node.value if len(node.value) <= 40 else node.value[:37] + "...")
        return f"tagged {node.tag}"

    @staticmethod
    def is_null(node: Any) -> bool:
        return node.id == "scalar" and node.tag == _TAGS + "null"

    def pairs(self, node: Any, what: str) -> dict[str, tuple[Any, Any]] | None:
        """Key text -> (key node, value node) of a mapping, with merge keys (<<) resolved; `None` if
        it is no mapping."""
        if node.id != "mapping" or node.tag != _TAGS + "map":
            self.wrong(node, f"{what} must be a mapping, not {self.what(node)}")
            return None
        found: dict[str, tuple[Any, Any]] = {}
        merged: dict[str, tuple[Any, Any]] = {}
        for key, value in node.value:
            if key.id == "scalar" and key.tag == _MERGE:
                sources = value.value if value.id == "sequence" else [value]
                for source in sources:
                    for name, pair in (self.pairs(source, "what << merges") or {}).items():
                        merged.setdefault(name, pair)
            elif key.id != "scalar" or self.is_null(key) or not key.value:
                self.wrong(key, f"a key of {what} must be a word, not {self.what(key)}")
            elif key.value in found:
                line = found[key.value][0].start_mark.line + 1
                self.wrong(key, f"{key.value!r} is there twice in {what}, first in line {line}")
            else:
                found[key.value] = (key, value)
        return {**merged, **found}

    def known(self, node: Any, what: str, keys: Sequence[str]) -> dict[str, Any]:
        """Key -> value node of a mapping; keys other than `keys` are a problem."""
        result = {}
        for name, (key, value) in (self.pairs(node, what) or {}).items():
            if name in keys:
                result[name] = value
            else:
                self.wrong(key, f"unknown key {name!r} in {what}{_suggest(name, keys)}")
        return result

    def text(self, node: Any, what: str) -> str | None:
        """Non-empty text; `None` and a problem for anything else."""
        if node.id != "scalar" or node.tag != _TAGS + "str":
            hint = ""
            if node.id == "scalar" and not self.is_null(node) and node.tag.startswith(_TAGS):
                hint = f"; write {node.value!r} in quotes if that is meant"
            self.wrong(node, f"{what} must be text, not {self.what(node)}{hint}")
            return None
        if not node.value.strip():
            self.wrong(node, f"{what} is empty")
            return None
        if "\0" in node.value:
            self.wrong(node, f"{what} holds a NUL character")
            return None
        return str(node.value)

    def switch(self, node: Any, what: str) -> bool | None:
        if node.id == "scalar" and node.tag == _TAGS + "bool":
            return node.value.lower() == "true"
        self.wrong(node, f"{what} must be true or false, not {self.what(node)}")
        return None

    def items(self, node: Any, what: str) -> list[Any]:
        if node.id != "sequence" or node.tag != _TAGS + "seq":
            self.wrong(node, f"{what} must be a list, not {self.what(node)}")
            return []
        return list(node.value)

    def texts(self, node: Any, what: str) -> list[tuple[str, Any]]:
        """The texts of a list, each with its node."""
        found = []
        for item in self.items(node, what):
            value = self.text(item, f"an item of {what}")
            if value is not None:
                found.append((value, item))
        return found

    def value(self, node: Any, what: str) -> Any:
        """Data of any kind."""
        if node.id == "mapping":
            return {name: self.value(value, what) for name, (_key, value) in (self.pairs(node, what) or {}).items()}
        if node.id == "sequence":
            return [self.value(item, what) for item in node.value]
        return self.scalar(node, what)

    def scalar(self, node: Any, what: str) -> Any:
        kind = node.tag[len(_TAGS) :] if node.tag.startswith(_TAGS) else ""
        try:
            if kind == "str":
                return node.value
            if kind == "null":
                return None
            if kind == "bool":
                return node.value.lower() == "true"
            if kind == "int":
                sign = node.value[:2].lower()
                return int(node.value, 8 if sign == "0o" else 16 if sign == "0x" else 10)
            if kind == "float" and math.isfinite(float(node.value)):
                return float(node.value)
        except ValueError:
            pass
        self.wrong(node, f"{what}: {self.what(node)} is not a value that can be given here")
        return None

    # The file

    def root(self, node: Any) -> tuple[Any, Any]:
        """The nodes of `options` and `versions`, `None` where missing."""
        if node is None or self.is_null(node):
            self.problems.append(Problem(self.file, 1, "is empty; it must begin with 'migration:'"))
            return None, None
        pairs = self.pairs(node, "the file")
        if pairs is None:
            return None, None
        unknown = [name for name in pairs if name != "migration" and not name.startswith("x-")]
        for name in unknown:
            self.wrong(pairs[name][0], f"unknown key {name!r} in the file{_suggest(name, ('migration',))}")
        if "migration" not in pairs:
            if not unknown:
                self.wrong(node, "the key 'migration' is missing")
            return None, None
        found = self.known(pairs["migration"][1], "'migration'", ("options", "versions"))
        return found.get("options"), found.get("versions")

    def options(self, node: Any) -> FileOptions:
        found = self.known(node, "'options'", OPTION_KEYS)
        install_command, backup, modes = "odoo", None, ()
        if "install_command" in found and not self.is_null(found["install_command"]):
            install_command = self.text(found["install_command"], "install_command") or "odoo"
            if install_command != "odoo":
                self.warn(found["install_command"], "install_command is not used: the runtime starts Odoo itself")
        if "install_args" in found:
            self.warn(found["install_args"], "install_args is not used, nor is it by marabunta since 0.10")
        if "backup" in found and not self.is_null(found["backup"]):
            backup = self.backup(found["backup"])
        if "modes" in found:
            modes = tuple(dict.fromkeys(self.names(found["modes"], "options.modes", "mode", _NAME)))
        return FileOptions(install_command, backup, modes)

    def backup(self, node: Any) -> Backup | None:
        found = self.known(node, "'backup'", ("command", "ignore_if", "stop_on_failure"))
        command: str | None = None
        ignore_if: str | bool = False
        stop = True
        if "command" in found:
            command = self.text(found["command"], "backup.command")
        elif node.id == "mapping":
            self.wrong(node, "backup.command is missing")
        if "ignore_if" in found and not self.is_null(found["ignore_if"]):
            value = found["ignore_if"]
            if value.id == "scalar" and value.tag == _TAGS + "bool":
                ignore_if = value.value.lower() == "true"
            else:
                ignore_if = self.text(value, "backup.ignore_if") or False
        if "stop_on_failure" in found:
            stop = self.switch(found["stop_on_failure"], "backup.stop_on_failure") is not False
        return Backup(command, ignore_if, stop) if command else None

    def versions(self, node: Any) -> list[tuple[Number, _Part, Place]]:
        found = []
        for item in self.items(node, "'versions'"):
            what = self.version_name(item)
            stated = self.known(item, what, VERSION_KEYS)
            if "version" not in stated:
                if item.id == "mapping":
                    self.wrong(item, "a version without 'version', its number")
                self.part(stated, what)
                continue
            value = self.version_number(stated["version"])
            part = self.part(stated, what)
            if value is not None:
                found.append((value, part, self.place(item)))
        return found

    @staticmethod
    def version_name(node: Any) -> str:
        """The name of a version in messages, before it is read."""
        if node.id == "mapping":
            for key, value in node.value:
                if key.value == "version" and value.id == "scalar" and number(value.value):
                    return f"version {value.value}"
        return "a version"

    def version_number(self, node: Any) -> Number | None:
        if node.id != "scalar":
            self.wrong(node, f"a version's number must be text, not {self.what(node)}")
            return None
        value = number(node.value)
        if value is None:
            near = nearest(node.value, (SETUP,)) if not re.match(r"\d", node.value) else ""
            self.wrong(node, f"{node.value!r} is not a version: give {SETUP}, a.b.c or a.b.c.d.e, all numbers{near}")
        return value

    def part(self, stated: Mapping[str, Any], what: str) -> _Part:
        """What the keys of a version contain."""
        part = _Part()
        if "override_translations" in stated and not self.is_null(stated["override_translations"]):
            node = stated["override_translations"]
            part.override_translations = self.switch(node, "override_translations")
            part.override_line = self.place(node)
        if "backup" in stated and not self.is_null(stated["backup"]):
            part.backup = self.switch(stated["backup"], "backup")
            part.backup_line = self.place(stated["backup"])
        override = bool(part.override_translations)
        self.operations_and_addons(stated, what, None, override, part)
        if "modes" in stated:
            for name, (key, value) in (self.pairs(stated["modes"], f"modes of {what}") or {}).items():
                if not _NAME.fullmatch(name):
                    self.wrong(key, f"{name!r} is not a name for a mode: letters, digits, '_', '-' and '.' only")
                    continue
                self.used_modes.setdefault(name, self.place(key))
                found = self.known(value, f"mode {name} of {what}", ("operations", "addons"))
                self.operations_and_addons(found, f"mode {name} of {what}", name, override, part)
        return part

    def operations_and_addons(
        self, stated: Mapping[str, Any], what: str, mode: str | None, override: bool, part: _Part
    ) -> None:
        operations: dict[str, Any] = {}
        if "operations" in stated and not self.is_null(stated["operations"]):
            operations = self.known(stated["operations"], f"operations of {what}", (PRE, POST))
        for phase in (PRE, POST):
            if phase in operations:
                for index, item in enumerate(self.items(operations[phase], f"{phase!r} of {what}"), 1):
                    step = self.step(item, phase, mode, index)
                    if step is not None:
                        part.steps.append(step)
        if "addons" in stated and not self.is_null(stated["addons"]):
            found = self.known(stated["addons"], f"addons of {what}", ("upgrade", "remove"))
            if "remove" in found and not self.is_null(found["remove"]) and found["remove"].value != []:
                self.wrong(found["remove"], "addons.remove: use a step instead: - uninstall: [names]")
            if "upgrade" in found and not self.is_null(found["upgrade"]):
                places: dict[str, Place] = {}
                node = found["upgrade"]
                modules = self.names(node, f"addons.upgrade of {what}", "module", MODULE_NAME, places)
                if modules:
                    arguments = {"modules": modules, "override_translations": override}
                    part.steps.append(
                        Step(UPDATE, UPDATE, UPDATE, arguments, mode, where=self.place(node), places=places)
                    )

    def names(
        self, node: Any, what: str, kind: str, pattern: re.Pattern[str], places: dict[str, Place] | None = None
    ) -> list[str]:
        """The names in a list, without duplicates."""
        found: list[str] = []
        for name, item in self.texts(node, what):
            if not pattern.fullmatch(name):
                self.wrong(item, f"{name!r} in {what} is not the name of a {kind}")
            elif name not in found:
                found.append(name)
                if places is not None:
                    places[name] = self.place(item)
        return found

    # Steps

    def step(self, node: Any, phase: str, mode: str | None, index: int) -> Step | None:
        kind, arguments, given, timeout = "", None, None, None
        notes: tuple[str, ...] = ()
        places: dict[str, Place] = {}
        if node.id == "mapping":
            pairs = self.pairs(node, "a step") or {}
            kinds = [name for name in pairs if name in KINDS]
            if len(kinds) != 1:
                unknown = [name for name in pairs if name not in COMMON_KEYS and name not in KINDS]
                if kinds:
                    self.wrong(node, f"a step does one thing, and this one has {_quoted(kinds)}")
                elif unknown:
                    key = pairs[unknown[0]][0]
                    self.wrong(key, f"unknown step {unknown[0]!r}{_suggest(unknown[0], tuple(KINDS))}")
                else:
                    self.wrong(node, f"a step without anything to do; there is {', '.join(KINDS)}")
                return None
            kind = kinds[0]
            allowed = (kind, *KINDS[kind], *COMMON_KEYS)
            bad = [name for name in pairs if name not in allowed]
            for name in bad:
                of = next((other for other, keys in KINDS.items() if name in keys), "")
                hint = f"; it belongs to {of!r}" if of else _suggest(name, allowed)
                self.wrong(pairs[name][0], f"unknown key {name!r} in a step {kind!r}{hint}")
            values = {name: pair[1] for name, pair in pairs.items()}
            before = len(self.problems)
            if "id" in values:
                given = self.identifier(values["id"])
            if "timeout" in values:
                timeout = self.timeout(values["timeout"])
            arguments = getattr(self, "_" + kind)(values[kind], values, places)
            if bad or len(self.problems) > before or arguments is None:
                return None
            if kind == COMMAND:
                kind, arguments, notes = self.sung(values[kind], arguments)
        else:
            kind = COMMAND
            arguments = self.operation(node)
            if arguments is not None:
                kind, arguments, notes = self.sung(node, arguments)
        if arguments is None:
            return None
        if kind == SONG:
            for note in notes:
                self.warn(node, note)
        sha = digest(kind, arguments)
        # The index in the id distinguishes equal steps. It changes when steps are added to the
        # file, the sha does not, and plan.py compares by sha.
        ident = given or "/".join(filter(None, (phase, mode, self.stem, str(index), sha[:8])))
        return Step(
            ident, phase, kind, arguments, mode, timeout, sha, self.place(node), given is not None, notes, places
        )

    def identifier(self, node: Any) -> str | None:
        value = self.text(node, "id")
        if value is None:
            return None
        if not _NAME.fullmatch(value) or value == UPDATE:
            why = "is the id of the version's own update" if value == UPDATE else "is not an id"
            self.wrong(node, f"{value!r} {why}: letters, digits, '_', '-' and '.' only, 64 at most")
            return None
        return value

    def timeout(self, node: Any) -> float | None:
        if node.id == "scalar" and node.tag in (_TAGS + "int", _TAGS + "float"):
            value = self.scalar(node, "timeout")
            if value is not None and 0 < value <= 31_536_000:
                return float(value)
        self.wrong(node, f"timeout must be a number of seconds, more than 0, not {self.what(node)}")
        return None

    def operation(self, node: Any) -> dict[str, Any] | None:
        """An operation of marabunta: a command, or a list of texts that form one when joined by
        spaces."""
        if node.id == "sequence":
            texts = self.texts(node, "a command")
            if not texts or len(texts) != len(node.value):
                if not node.value:
                    self.wrong(node, "a command is empty")
                return None
            return self.words(node, " ".join(text for text, _node in texts))
        value = self.text(node, "an operation")
        return None if value is None else self.words(node, value)

    def words(self, node: Any, text: str) -> dict[str, Any] | None:
        try:
            argv = split_command(text)
        except ValueError as exc:
            self.wrong(node, f"the command can't be split into words: {exc}")
            return None
        if not argv or not argv[0]:
            self.wrong(node, "a command is empty")
            return None
        special = _looks_like_shell(text)
        if special:
            self.warn(node, f"{special!r} means nothing here: commands run without a shell; write sh -c '...'")
        return {"argv": argv}

    def sung(self, node: Any, arguments: dict[str, Any]) -> tuple[str, dict[str, Any] | None, tuple[str, ...]]:
        """Turns a command that starts anthem into a song."""
        song = anthem_song(arguments["argv"])
        if song is None:
            return COMMAND, arguments, hidden_errors.of_command(arguments["argv"])
        values, notes = song
        if not self.target(node, values["target"]):
            return SONG, None, ()
        return SONG, values, notes

    def target(self, node: Any, text: str) -> bool:
        if TARGET.fullmatch(text):
            return True
        self.wrong(node, f"{text!r} is not a song: give package.module::function")
        return False

    # One method for each kind: returns the step's arguments, or `None` after reporting a problem

    def _song(self, node: Any, values: Mapping[str, Any], _places: dict[str, Place]) -> dict[str, Any] | None:
        target = self.text(node, "song")
        kwargs: dict[str, Any] = {}
        if "kwargs" in values:
            for name, (key, value) in (self.pairs(values["kwargs"], "kwargs") or {}).items():
                if not name.isidentifier():
                    self.wrong(key, f"{name!r} is not the name of an argument")
                kwargs[name] = self.value(value, f"kwargs.{name}")
        if target is None or not self.target(node, target):
            return None
        return {"target": target, "kwargs": kwargs}

    def _sql(self, node: Any, _values: Mapping[str, Any], _places: dict[str, Place]) -> dict[str, Any] | None:
        text = self.text(node, "sql")
        return None if text is None else {"sql": text}

    def _command(self, node: Any, _values: Mapping[str, Any], _places: dict[str, Place]) -> dict[str, Any] | None:
        if node.id != "sequence":
            text = self.text(node, "command")
            return None if text is None else self.words(node, text)
        argv = []
        for item in node.value:  # in this form each item is one word, whatever it contains
            if item.id == "scalar" and item.tag == _TAGS + "str" and not item.value and argv:
                argv.append("")
                continue
            value = self.text(item, "an item of command")
            if value is not None:
                argv.append(value)
        if not node.value:
            self.wrong(node, "command is empty")
        return {"argv": argv} if argv else None

    def _install(self, node: Any, _values: Mapping[str, Any], places: dict[str, Place]) -> dict[str, Any] | None:
        return self.modules(node, INSTALL, places)

    def _uninstall(self, node: Any, _values: Mapping[str, Any], places: dict[str, Place]) -> dict[str, Any] | None:
        return self.modules(node, UNINSTALL, places)

    def modules(self, node: Any, kind: str, places: dict[str, Place]) -> dict[str, Any] | None:
        names = self.names(node, kind, "module", MODULE_NAME, places)
        if node.id == "sequence" and not node.value:
            self.wrong(node, f"{kind} names no module")
        if kind == UNINSTALL and "base" in names:
            self.wrong(node, "base can't be uninstalled")
        return {"modules": names} if names else None

    def _config_parameter(
        self, node: Any, _values: Mapping[str, Any], _places: dict[str, Place]
    ) -> dict[str, Any] | None:
        found: dict[str, Any] = {}
        for name, (_key, value) in (self.pairs(node, "config_parameter") or {}).items():
            if value.id != "scalar":
                self.wrong(value, f"parameter {name!r} must be one value, not {self.what(value)}")
            elif self.is_null(value):
                found[name] = None  # the parameter is removed
            elif value.tag == _TAGS + "bool":
                found[name] = value.value.capitalize()  # as Odoo itself stores it
            elif value.tag.startswith(_TAGS):
                found[name] = value.value
            else:
                self.wrong(value, f"parameter {name!r}: {self.what(value)} is not a value that can be given here")
        if node.id == "mapping" and not node.value:
            self.wrong(node, "config_parameter names no parameter")
        return {"values": found} if found else None

    def _load_csv(self, node: Any, values: Mapping[str, Any], _places: dict[str, Place]) -> dict[str, Any] | None:
        path = self.text(node, "load_csv")
        result: dict[str, Any] = {"path": path, "model": "", "delimiter": ",", "encoding": "utf-8"}
        for name in ("delimiter", "encoding"):
            if name in values:
                if name == "delimiter" and values[name].id == "scalar" and values[name].value == "\t":
                    result[name] = "\t"
                    continue
                value = self.text(values[name], name)
                if value is not None and name == "delimiter" and len(value) != 1:
                    self.wrong(values[name], f"delimiter must be one character, not {value!r}")
                result[name] = value
        if isinstance(result["encoding"], str):
            try:
                "".encode(result["encoding"])
            except LookupError:
                self.wrong(values["encoding"], f"there is no encoding {result['encoding']!r}")
        if path is None:
            return None
        stem, dot, suffix = os.path.basename(path).rpartition(".")
        if "model" in values:
            result["model"] = self.text(values["model"], "model") or ""
            if result["model"] and not _MODEL.fullmatch(result["model"]):
                self.wrong(values["model"], f"{result['model']!r} is not the name of a model")
        elif dot and suffix.lower() == "csv" and _MODEL.fullmatch(stem):
            result["model"] = stem
        else:
            self.wrong(node, f"which model {path!r} is for is not clear from its name; give model")
        return result if result["model"] else None


# Merging files and folders


@dataclass
class _Collected:
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    versions: dict[Number, tuple[_Part, Place]] = field(default_factory=dict)
    used_modes: dict[str, Place] = field(default_factory=dict)
    options: FileOptions = FileOptions()

    def reader(self, file: str) -> _Reader:
        return _Reader(file, self.problems, self.warnings)

    def add(self, value: Number, part: _Part, place: Place) -> None:
        other = self.versions.get(value)
        if other is None:
            self.versions[value] = (part, place)
            return
        first = f"line {other[1].line}" if other[1].file == place.file else str(other[1])
        self.problems.append(Problem(place.file, place.line, f"version {value} is there twice, first in {first}"))

    def whole_file(self, text: str, file: str, versions_elsewhere: bool = False) -> None:
        reader = self.reader(file)
        try:
            options, versions = reader.root(_compose(text, file))
        except MigrationError as exc:
            self.problems += exc.problems
            return
        if options is not None:
            self.options = reader.options(options)
        if versions is not None and not (reader.is_null(versions) or versions.id == "sequence" and not versions.value):
            found = reader.versions(versions)
            if found and found[0][0].key and not versions_elsewhere:
                self.warnings.append(Problem(file, found[0][2].line, f"the first version should be {SETUP!r}"))
            for value, part, place in found:
                self.add(value, part, place)
        elif not versions_elsewhere and not self.problems:
            self.problems.append(Problem(file, 1, "there are no versions"))
        self.note_modes(reader)

    def note_modes(self, reader: _Reader) -> None:
        for name, place in reader.used_modes.items():
            self.used_modes.setdefault(name, place)

    def finish(self, path: str) -> Migration:
        if self.options.modes:
            for name, place in self.used_modes.items():
                if name not in self.options.modes:
                    hint = _suggest(name, self.options.modes)
                    self.problems.append(
                        Problem(place.file, place.line, f"mode {name!r} is not in options.modes{hint}")
                    )
        versions = []
        for value in sorted(self.versions):
            part, place = self.versions[value]
            first: dict[str, Step] = {}
            for step in part.steps:
                if step.kind == UPDATE:
                    continue
                if step.id in first:
                    self.problems.append(
                        Problem(
                            step.where.file,
                            step.where.line,
                            f"id {step.id!r} is there twice in version {value}, first in {first[step.id].where}",
                        )
                    )
                first.setdefault(step.id, step)
            backup = part.backup if part.backup is not None else bool(part.steps)
            ordered = sorted(part.steps, key=lambda step: PHASES.index(step.phase))
            versions.append(Version(value, tuple(ordered), backup, bool(part.override_translations), place))
        if self.problems:
            raise MigrationError(self.problems)
        return Migration(path, tuple(versions), self.options, tuple(self.warnings))


def parse(text: str, file: str = "migration.yml") -> Migration:
    """Read a migration file's text. `file`: its name in messages.

    Raises `MigrationError` with everything that is wrong.
    """
    collected = _Collected()
    collected.whole_file(text, file)
    return collected.finish(file)


def parse_steps(text: str, file: str = "STEPS") -> tuple[Step, ...]:
    """Read steps given as JSON, a list like that of `post`. In messages the line is the number of
    the item.

    Raises `MigrationError` with everything that is wrong.
    """
    try:
        items = json.loads(text)
    except ValueError as exc:
        raise MigrationError([Problem(file, 0, f"is not JSON: {exc}")]) from exc
    if not isinstance(items, list):
        raise MigrationError([Problem(file, 0, "must be a list of steps, as in 'post'")])
    problems: list[Problem] = []
    reader = _Reader(file, problems, [])
    # JSON is YAML; with one item per line, an item's line is its number.
    root = _compose("[" + ",\n".join(json.dumps(item, ensure_ascii=True) for item in items) + "]", file)
    steps = [reader.step(node, POST, None, index) for index, node in enumerate(root.value, 1)]
    first: dict[str, Step] = {}
    for step in steps:
        if step is not None and first.setdefault(step.id, step) is not step:
            problems.append(
                Problem(file, step.where.line, f"id {step.id!r} is there twice, first in {first[step.id].where}")
            )
    if problems:
        raise MigrationError(problems)
    return tuple(step for step in steps if step is not None)


def read(path: str, next_number: str = "") -> Migration:
    """Read the migration file or folder at `path`. `next_number`: the version number for the folder
    `next`; empty to ignore that folder.

    Raises `MigrationError` with everything that is wrong.
    """
    if not os.path.isdir(path):
        return parse(_text(path), path)
    return _read_folder(path, next_number)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as handle:
            return handle.read()
    except OSError as exc:
        folder, name = os.path.split(path)
        near = nearest(name, os.listdir(folder or ".")) if os.path.isdir(folder or ".") else ""
        raise MigrationError([Problem(path, 0, f"can't be read: {exc.strerror}{near}")]) from exc
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise MigrationError([Problem(path, line, "is not UTF-8 text")]) from exc


def _is_yaml(name: str) -> bool:
    return name.endswith((".yml", ".yaml")) and not name.startswith(".")


def _read_folder(path: str, next_number: str) -> Migration:
    collected = _Collected()
    problems = collected.problems
    main = [name for name in ("migration.yml", "migration.yaml") if os.path.isfile(os.path.join(path, name))]
    if len(main) > 1:
        problems.append(Problem(path, 0, f"{' and '.join(main)} are both there"))
    folders: list[tuple[Number, str]] = []
    for name in sorted(os.listdir(path)):
        inside = os.path.join(path, name)
        if os.path.isdir(inside) and not name.startswith((".", "_")):
            value = number(name)
            if name == NEXT:
                value = number(next_number) if next_number else None
                if next_number and value is None:
                    problems.append(Problem(inside, 0, f"{next_number!r} is not a version that {NEXT!r} could become"))
                    continue
                if value is None:
                    collected.warnings.append(Problem(inside, 0, "has no version number yet, so it is left out"))
                    _read_version(collected, Number(NEXT, (-1,)), inside)  # problems in it are reported all the same
                    del collected.versions[Number(NEXT, (-1,))]
                    continue
            if value is None:
                hint = nearest(name, (SETUP, NEXT))
                problems.append(
                    Problem(inside, 0, f"{name!r} is not a version: a.b.c, a.b.c.d.e, {SETUP} or {NEXT}{hint}")
                )
            else:
                folders.append((value, inside))
        elif _is_yaml(name) and name not in main:
            problems.append(Problem(inside, 0, "belongs into the folder of a version"))
    if main:
        try:
            collected.whole_file(_text(os.path.join(path, main[0])), os.path.join(path, main[0]), True)
        except MigrationError as exc:
            problems += exc.problems
    for value, inside in sorted(folders):
        _read_version(collected, value, inside)
    if not collected.versions and not problems:
        problems.append(Problem(path, 0, "there are no versions"))
    return collected.finish(path)


def _read_version(collected: _Collected, value: Number, folder: str) -> None:
    """Reads all files of one version's folder, ordered by name."""
    whole = _Part()
    names = sorted(name for name in os.listdir(folder) if _is_yaml(name))
    if not names:
        collected.problems.append(Problem(folder, 0, "holds no .yml file"))
    override = False
    parts: list[_Part] = []
    for name in names:
        file = os.path.join(folder, name)
        reader = collected.reader(file)
        reader.stem = re.sub(r"[^A-Za-z0-9_.-]", "_", name.rpartition(".")[0])
        try:
            node = _compose(_text(file), file)
        except MigrationError as exc:
            collected.problems += exc.problems
            continue
        if node is None or reader.is_null(node):
            continue  # an empty file is valid: the version does nothing
        part = reader.part(reader.known(node, "a version's file", VERSION_KEYS[1:]), f"version {value}")
        parts.append(part)
        collected.note_modes(reader)
        for key, line in (("backup", "backup_line"), ("override_translations", "override_line")):
            stated, before = getattr(part, key), getattr(whole, key)
            if stated is None:
                continue
            if before is not None and before is not stated:
                place, other = getattr(part, line), getattr(whole, line)
                collected.problems.append(Problem(place.file, place.line, f"{key} is said otherwise in {other}"))
            setattr(whole, key, stated)
            setattr(whole, line, getattr(part, line))
        override = override or bool(part.override_translations)
    for part in parts:
        for step in part.steps:
            if step.kind == UPDATE:
                arguments = {**step.arguments, "override_translations": override}
                step = Step(UPDATE, UPDATE, UPDATE, arguments, step.mode, where=step.where, places=step.places)
            whole.steps.append(step)
    collected.add(value, whole, Place(folder, 0))
