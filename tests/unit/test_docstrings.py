# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public functions and classes of the packages have docstrings, in one markup.

The markup of Ansible's documentation (`C()`, `O()`, `V()`) belongs in the documentation of plugins, which is rendered. Docstrings and
comments are read as they are, so they have single backticks.
"""

from __future__ import annotations

import ast
import io
import pathlib
import re
import tokenize

import pytest

ROOT = pathlib.Path(__file__).parent.parent.parent
PLUGINS = ROOT / "plugins"
RUNTIME = PLUGINS / "module_utils" / "_runtime"
FILES = [path for path in sorted(PLUGINS.rglob("*.py")) if RUNTIME not in path.parents]
PACKAGES = [path for path in FILES if PLUGINS / "module_utils" in path.parents]
OTHER_MARKUP = re.compile(r"\b[CFIOV]\([^)]+\)|``")


def undocumented(source):
    """Lines of public functions, methods and classes without a docstring; those in functions or private classes are not public."""
    found, todo = [], [ast.parse(source)]
    while todo:
        for node in todo.pop().body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith(
                "_"
            ):
                if not ast.get_docstring(node):
                    found.append(f"{node.lineno}: {node.name}")
                if isinstance(node, ast.ClassDef):
                    todo.append(node)
            elif isinstance(node, (ast.If, ast.Try)):
                todo.append(node)
    return found


def foreign_markup(source):
    """Lines of docstrings and comments that have another markup than single backticks."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
    texts = [
        (node.body[0].lineno, ast.get_docstring(node))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, kinds) and node.body
    ]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            texts.append((token.start[0], token.string))
    return [f"{line}: {match.group()}" for line, text in texts for match in OTHER_MARKUP.finditer(text or "")]


def name(path):
    return str(path.relative_to(ROOT))


def test_there_is_something_to_check():
    assert len(PACKAGES) > 50
    assert len(FILES) > len(PACKAGES) + 50


@pytest.mark.parametrize("path", PACKAGES, ids=name)
def test_what_is_public_has_a_docstring(path):
    assert undocumented(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", FILES, ids=name)
def test_docstrings_and_comments_have_one_markup(path):
    assert foreign_markup(path.read_text(encoding="utf-8")) == []


def test_what_is_missing_is_found():
    source = '''
def public(): ...
def _private(): ...
if True:
    def chosen(): ...
class Kind:
    """A kind."""
    def method(self): ...
    def told(self):
        """Told."""
        def inner(): ...
class _Hidden:
    def method(self): ...
'''
    assert sorted(undocumented(source)) == ["2: public", "5: chosen", "8: method"]


def test_other_markup_is_found():
    source = 'def one():\n    """Takes C(x) and ``y``."""\n    return "C(z)"  # see O(name), not `x`\n'
    assert foreign_markup(source) == ["2: C(x)", "2: ``", "2: ``", "3: O(name)"]
