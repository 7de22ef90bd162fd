# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public functions, classes and methods of the runtime have a docstring, in one markup.

Not required: a method that a base class describes, or a Protocol of the runtime whose methods the class all has; the setter of
a property; and everything inside functions and private classes.
"""

from __future__ import annotations

import ast
import pathlib

RUNTIME = pathlib.Path(__file__).resolve().parents[2] / "plugins/module_utils/_runtime"


def _name(node: ast.expr) -> str:
    """The last part of a base class's or decorator's name."""
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _methods(node: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    """The class's methods by name; a property's setter is left out."""
    return {
        item.name: item
        for item in node.body
        if isinstance(item, ast.FunctionDef) and "setter" not in [_name(decorator) for decorator in item.decorator_list]
    }


def _described(node: ast.ClassDef) -> set[str]:
    return {name for name, method in _methods(node).items() if ast.get_docstring(method)}


def _inherited(node: ast.ClassDef, classes: list[ast.ClassDef]) -> set[str]:
    """The methods that base classes of the runtime describe."""
    names: set[str] = set()
    bases = {_name(base) for base in node.bases}
    for parent in classes:
        if parent.name in bases and parent is not node:
            names |= _described(parent) | _inherited(parent, classes)
    return names


def _implemented(node: ast.ClassDef, classes: list[ast.ClassDef]) -> set[str]:
    """The methods that Protocols describe of which the class has all methods."""
    names: set[str] = set()
    for protocol in classes:
        is_other = protocol is not node and "Protocol" in map(_name, protocol.bases)
        if is_other and _methods(protocol).keys() <= _methods(node).keys():
            names |= _described(protocol)
    return names


def faults(sources: dict[str, str]) -> list[str]:
    """One line for each public name without a docstring and each docstring in another markup. `sources`: text by file."""
    trees = {file: ast.parse(text) for file, text in sources.items()}
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = []
    for file, tree in trees.items():
        for node in tree.body:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                found.append(f"{file}: {node.name} has no docstring")
            if isinstance(node, ast.ClassDef):
                exempt = _inherited(node, classes) | _implemented(node, classes)
                found += [
                    f"{file}: {node.name}.{name} has no docstring"
                    for name, method in _methods(node).items()
                    if not (name.startswith("_") or name in exempt or ast.get_docstring(method))
                ]
        documented = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
        texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
        if any("``" in text for text in texts):
            found.append(f"{file}: a docstring has double backticks")
    return found


def test_runtime():
    sources = {
        str(path.relative_to(RUNTIME)): path.read_text(encoding="utf-8") for path in sorted(RUNTIME.rglob("*.py"))
    }
    assert len(sources) > 60
    assert faults(sources) == []


def test_faults():
    base = '''
class Place(Protocol):
    """Described."""
    def read(self):
        """Described."""
    def check(self):
        """Described."""
class Kind:
    """Described."""
    def parse(self):
        """Described."""
'''
    text = '''
def bare(): pass
def described():
    """Has `one` markup."""
    def inner(): pass
def _private(): pass
class _Hidden:
    def method(self): pass
class Bare: pass
class Files:
    """All methods of Place."""
    def read(self): pass
    def check(self): pass
    def other(self): pass
class Half:
    """Only one method of Place."""
    def read(self): pass
class Text(base.Kind):
    """Described."""
    def parse(self): pass
    @property
    def unit(self): pass
    @unit.setter
    def unit(self, value): pass
class Long(Text):
    """Has ``two`` backticks."""
    def parse(self): pass
'''
    assert faults({"a.py": base, "b.py": text}) == [
        "b.py: bare has no docstring",
        "b.py: Bare has no docstring",
        "b.py: Files.other has no docstring",
        "b.py: Half.read has no docstring",
        "b.py: Text.unit has no docstring",
        "b.py: a docstring has double backticks",
    ]
