# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Whether a song (`package.module::function`) exists and accepts its arguments, read from the
source without importing it: before the lock is taken, without Odoo, and in check mode.

What the source doesn't show (a name created at run time, a decorator that changes the arguments) is
reported as unchecked, never as wrong.
"""

from __future__ import annotations

import ast
import os
import re
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..addons.update_plan import nearest
from .file import SONG, Migration, Problem

# Decorators that don't change a function's arguments.
_TRANSPARENT = ("log", "wraps", "cache", "lru_cache", "contextmanager")
_MODULE_SUFFIX = ".py"
_IMPORTABLE = re.compile(r"[\w-]+")


class SongError(Exception):
    """Why a song can't be run."""


@dataclass(frozen=True)
class Found:
    """A song in its source."""

    target: str
    file: str = ""
    line: int = 0
    title: str = ""  # first line of its docstring
    unchecked: str = ""  # why it can't be checked


class _Unclear(Exception):
    """The source doesn't show it."""


@dataclass
class _Module:
    """The source of a module or package: `names` are those defined at its top level."""

    name: str
    file: str  # empty for a package without __init__.py
    folders: tuple[str, ...] = ()  # folders of a package's modules; none for a module
    names: dict[str, ast.AST | tuple[str, str]] = field(
        default_factory=dict
    )  # or (module, name) where it is imported from
    stars: list[str] = field(default_factory=list)
    dynamic: bool = False  # has `__getattr__`, or sets names or modules itself

    def define(self, name: str, item: ast.AST | tuple[str, str], always: bool) -> None:
        """`always` is false within if, try and the like: a name that is also defined elsewhere may
        be either."""
        self.names[name] = item if always or name not in self.names else ast.Pass()


class Songs:
    """Songs below folders like those of sys.path. `addons`: the addons folders, in which
    `odoo.addons.<module>` is."""

    def __init__(self, paths: Iterable[str], addons: Iterable[str] = ()) -> None:
        self.paths = tuple(dict.fromkeys(path for path in paths if path))
        self.addons = tuple(addons)
        self._modules: dict[str, _Module] = {}

    def find(self, target: str, kwargs: Mapping[str, Any] | None = None) -> Found:
        """Return the song `target` of the form `package.module::function`. `kwargs`: the arguments
        it will get.

        Raises `SongError` with what is wrong and the nearest name.
        """
        module_name, _colons, name = target.partition("::")
        try:
            module = self._module(module_name)
            definition, where = self._definition(module, name, ())
        except _Unclear as exc:
            return Found(target, unchecked=str(exc))
        line = getattr(definition, "lineno", 0)
        if isinstance(definition, ast.ClassDef):
            return Found(target, where.file, line, unchecked="it is a class")
        if isinstance(definition, ast.AsyncFunctionDef):
            raise SongError(f"{target} is an async function, which nobody would wait for ({where.file}:{line})")
        if isinstance(definition, ast.FunctionDef):
            title = (ast.get_docstring(definition) or "").strip().split("\n", 1)[0]
            other = [_decorator(item) for item in definition.decorator_list]
            unknown = [item for item in other if item.rpartition(".")[2] not in _TRANSPARENT]
            if unknown:
                return Found(target, where.file, line, title, f"decorator {unknown[0]} may change its arguments")
            self._check(target, definition.args, kwargs or {}, f"{where.file}:{line}")
            return Found(target, where.file, line, title)
        if isinstance(definition, ast.Lambda):
            self._check(target, definition.args, kwargs or {}, f"{where.file}:{line}")
            return Found(target, where.file, line)
        if isinstance(definition, (ast.Constant, ast.List, ast.Dict, ast.Tuple, ast.Set, ast.JoinedStr)):
            raise SongError(f"{target} is not a function ({where.file}:{line})")
        return Found(target, where.file, line, unchecked="it is defined at run time, or in more than one way")

    # Modules

    def _module(self, name: str) -> _Module:
        if name not in self._modules:
            self._modules[name] = self._load(name)
        return self._modules[name]

    def _load(self, name: str) -> _Module:
        parent, _dot, last = name.rpartition(".")
        if name == "odoo" or name.startswith("odoo.") and not name.startswith("odoo.addons."):
            if name != "odoo.addons":
                raise _Unclear(f"{name} is Odoo's own")
            return _Module(name, "", self.addons)
        folders = self._module(parent).folders if parent else self.paths
        above = self._module(parent) if parent else None
        if above is not None and not folders and (above.dynamic or last in above.names):
            raise _Unclear(f"module {name} is created at run time")
        if parent and not folders:
            raise SongError(f"module {name} is not there: {parent} is no package")
        spaces = []
        for folder in folders:
            place = os.path.join(folder, last)
            if os.path.isfile(os.path.join(place, "__init__.py")):
                return self._package(name, place, folders, last)
            if os.path.isfile(place + _MODULE_SUFFIX):
                return self._parsed(_Module(name, place + _MODULE_SUFFIX))
            if any(_is_compiled(folder, last)):
                raise _Unclear(f"module {name} is there without its source")
            if os.path.isdir(place):
                spaces.append(place)
        if spaces:
            return _Module(name, "", tuple(spaces))
        if above is not None and above.dynamic:
            raise _Unclear(f"module {name} may be created at run time")
        hint = nearest(last, _siblings(folders))
        where = f"in package {parent}" if parent else f"in {', '.join(self.paths) or 'no folder at all'}"
        raise SongError(f"module {name} is not there, {where}{hint}")

    def _package(self, name: str, place: str, folders: Sequence[str], last: str) -> _Module:
        module = self._parsed(_Module(name, os.path.join(place, "__init__.py"), (place,)))
        with tokenize.open(module.file) as handle:
            text = handle.read()
        # a package of the old kind, spread over several folders
        if "extend_path" in text or "declare_namespace" in text:
            others = [os.path.join(folder, last) for folder in folders]
            module.folders = tuple(dict.fromkeys([place, *(item for item in others if os.path.isdir(item))]))
        return module

    def _parsed(self, module: _Module) -> _Module:
        try:
            with tokenize.open(module.file) as handle:  # in the encoding that the file declares
                text = handle.read()
            tree = ast.parse(text, module.file)
        except SyntaxError as exc:
            raise SongError(f"{module.file}:{exc.lineno or 0}: is not Python: {exc.msg}") from exc
        except (OSError, UnicodeDecodeError, ValueError) as exc:
            raise SongError(f"{module.file}: can't be read: {exc}") from exc
        package = module.name if module.folders else module.name.rpartition(".")[0]
        self._collect(tree.body, module, package, True)
        module.dynamic = "__getattr__" in module.names or "sys.modules" in text or "globals()[" in text
        return module

    def _collect(self, body: Iterable[ast.stmt], module: _Module, package: str, always: bool) -> None:
        """Records what the top level defines, also inside if, try, with and loops."""
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                module.define(node.name, node, always)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    self._assign(target, node.value, module, always)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self._assign(node.target, node.value, module, always)
            elif isinstance(node, ast.Delete):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        module.names.pop(target.id, None)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name.split(".", 1)[0]
                    module.define(name, (alias.name if alias.asname else name, ""), always)
            elif isinstance(node, ast.ImportFrom):
                source = _source(node, package)
                for alias in node.names:
                    if alias.name == "*":
                        module.stars.append(source)
                    else:
                        module.define(alias.asname or alias.name, (source, alias.name), always)
            else:
                for name in ("body", "handlers", "orelse", "finalbody"):
                    for item in getattr(node, name, ()):
                        if isinstance(item, ast.ExceptHandler):
                            self._collect(item.body, module, package, False)
                        elif isinstance(item, ast.stmt):
                            self._collect([item], module, package, False)

    @staticmethod
    def _assign(target: ast.expr, value: ast.expr, module: _Module, always: bool) -> None:
        if isinstance(target, ast.Name):
            module.define(target.id, value, always)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for item in target.elts:
                if isinstance(item, ast.Name):
                    module.define(item.id, ast.Pass(), always)  # the single values are not needed

    # Names

    def _definition(self, module: _Module, name: str, seen: tuple[tuple[str, str], ...]) -> tuple[ast.AST, _Module]:
        """The node that defines `name`, and its module; imports are followed."""
        if (module.name, name) in seen:
            raise _Unclear(f"{name} is imported in a circle")
        seen = (*seen, (module.name, name))
        item = module.names.get(name)
        if isinstance(item, tuple):
            source, wanted = item
            if not wanted or (source, wanted) == (module.name, name) and self._is_module(module, name):
                raise SongError(f"{name} in {module.name} is a module, not a function")
            try:
                return self._definition(self._module(source), wanted, seen)
            except SongError as exc:
                if not self._own(source):
                    raise _Unclear(f"{name} comes from {source}, which is elsewhere") from exc
                raise
        if isinstance(item, ast.Name) and item.id != name and item.id in module.names:
            return self._definition(module, item.id, seen)
        if item is not None:
            return item, module
        unclear = "it defines names at run time" if module.dynamic else ""
        for source in module.stars:
            try:
                return self._definition(self._module(source), name, seen)
            except SongError:
                if not self._own(source):
                    unclear = f"it imports all of {source}, which is elsewhere"
            except _Unclear as exc:
                unclear = str(exc)
        if unclear:
            raise _Unclear(f"{module.name} may have {name}: {unclear}")
        if module.folders and self._is_module(module, name):
            raise SongError(f"{name} in {module.name} is a module, not a function")
        hint = nearest(name, self._callables(module))
        raise SongError(f"{module.name} has no function {name}{hint}" + (f" ({module.file})" if module.file else ""))

    def _own(self, name: str) -> bool:
        """Whether the top package of a module is in our folders, so that what it lacks is really
        missing."""
        top = name.split(".", 1)[0]
        return top != "odoo" and any(
            os.path.isdir(os.path.join(path, top)) or os.path.isfile(os.path.join(path, top + _MODULE_SUFFIX))
            for path in self.paths
        )

    @staticmethod
    def _is_module(module: _Module, name: str) -> bool:
        return name in _siblings(module.folders)

    def _callables(self, module: _Module) -> list[str]:
        """Names for suggestions: functions and imported names."""
        return [
            name
            for name, item in module.names.items()
            if isinstance(item, (ast.FunctionDef, ast.Lambda)) or isinstance(item, tuple) and item[1]
        ]

    # Arguments

    @staticmethod
    def _check(target: str, args: ast.arguments, kwargs: Mapping[str, Any], where: str) -> None:
        only = [item.arg for item in args.posonlyargs]
        usual = [item.arg for item in args.args]
        places = only + usual
        if not places and args.vararg is None:
            raise SongError(f"{target} takes no context: its first argument must be ctx ({where})")
        named = (usual if only else usual[1:]) + [item.arg for item in args.kwonlyargs]
        for name in kwargs:
            if places and name == places[0]:
                raise SongError(f"{target}: {name} is the context, which is given to every song ({where})")
            if name in only:
                raise SongError(f"{target} takes {name} by its place only, not by name ({where})")
            if name not in named and args.kwarg is None:
                takes = nearest(name, named) or (
                    f"; it takes {', '.join(named)}" if named else "; it takes none but ctx"
                )
                raise SongError(f"{target} takes no argument {name}{takes} ({where})")
        required = places[1 : len(places) - len(args.defaults)]
        required += [item.arg for item, value in zip(args.kwonlyargs, args.kw_defaults) if value is None]
        missing = [name for name in required if name not in kwargs]
        if missing:
            raise SongError(f"{target} needs {', '.join(missing)}: give kwargs ({where})")


def _source(node: ast.ImportFrom, package: str) -> str:
    """The full name of the module that is imported from."""
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _decorator(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _decorator(node.func)
    if isinstance(node, ast.Attribute):
        return f"{_decorator(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def _siblings(folders: Iterable[str]) -> list[str]:
    """The modules and packages in folders."""
    found: dict[str, None] = {}
    for folder in folders:
        try:
            entries = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in entries:
            stem, suffix = os.path.splitext(name)
            if (
                _IMPORTABLE.fullmatch(stem)
                and stem != "__init__"
                and (suffix == _MODULE_SUFFIX or not suffix and os.path.isdir(os.path.join(folder, name)))
            ):
                found[stem] = None
    return [name for name in found if name != "__pycache__"]


def _is_compiled(folder: str, name: str) -> Iterable[bool]:
    """Whether a module exists in a form without source."""
    yield os.path.isfile(os.path.join(folder, name + ".pyc"))
    try:
        yield any(item.startswith(name + ".") and item.endswith(".so") for item in os.listdir(folder))
    except OSError:
        yield False


def check(migration: Migration, songs: Songs, mode: str | None = None) -> tuple[list[Problem], list[Problem]]:
    """Return the problems with the songs of a migration, and notes on those that can't be checked."""
    problems: list[Problem] = []
    unchecked: list[Problem] = []
    for version in migration.versions:
        for step in version.steps_for(mode):
            if step.kind != SONG:
                continue
            try:
                found = songs.find(step.arguments["target"], step.arguments["kwargs"])
            except SongError as exc:
                problems.append(Problem(step.where.file, step.where.line, str(exc)))
                continue
            if found.unchecked:
                message = f"{found.target} is not checked: {found.unchecked}"
                unchecked.append(Problem(step.where.file, step.where.line, message))
    return problems, unchecked
