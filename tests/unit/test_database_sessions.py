# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions in PostgreSQL are opened in two places only, both of which pin the search path; no statement names a table without
its schema."""

from __future__ import annotations

import ast
import pathlib
import re

import pytest

PLUGINS = pathlib.Path(__file__).parents[2] / "plugins"
# file: how many calls of psycopg2.connect it has
OPENERS = {
    "module_utils/_runtime/database/pg.py": 1,  # the runtime's own sessions
    "module_utils/_services/database.py": 1,  # those of modules
}
# Sessions of Odoo itself, in its own process: it finds its tables by its own search path, and runs as the instance's role.
ODOO = ("module_utils/_runtime/boot/child.py",)
TABLES = r"(?:curq_state_history|odoo_cloud_\w+|marabunta_version|ir_\w+|res_\w+)"
# What modules of Odoo bring, run with the search path that they expect
NEUTRAL = "module_utils/_runtime/run/rehearsal.py"


def sources():
    return sorted(PLUGINS.rglob("*.py"))


def calls(path):
    """The calls of psycopg2.connect, by whatever name psycopg2 has."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "connect":
            of = node.func.value
            if (of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")) == "psycopg2":
                yield node.lineno


def test_sessions_are_opened_in_two_places():
    found = {str(path.relative_to(PLUGINS)): len(list(calls(path))) for path in sources()}
    assert {name: number for name, number in found.items() if number} == OPENERS


def test_both_places_pin_the_search_path():
    for name, sign in zip(OPENERS, ("cursor.execute(PIN_SQL)", "(settings or PINNED).items()")):
        assert sign in (PLUGINS / name).read_text(encoding="utf-8")


def texts(path):
    """The string constants of a file, but docstrings, and those that stand side by side as one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PLUGINS)))
def test_tables_have_their_schema(path):
    name = str(path.relative_to(PLUGINS))
    if name in ODOO or name == NEUTRAL or not name.startswith("module_utils/_runtime/"):
        return
    for line, text in texts(path):
        for match in re.finditer(rf"\b(FROM|JOIN|INTO|UPDATE|TABLE|EXISTS)\s+({TABLES})\b(?!\.)", text):
            raise AssertionError(f"{name}:{line}: {match[0]} has no schema")
