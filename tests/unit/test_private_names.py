# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A name that begins with an underscore belongs to its own package: no other one imports it or reaches for it.

import-linter knows modules only, so names are looked for here. Packages and modules are called with an underscore by convention of
Ansible collections; which of those may import which is in pyproject.toml.
"""

from __future__ import annotations

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent.parent
COLLECTION = "ansible_collections.odoo_cloud.platform."


def is_private(name):
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def module_path(module):
    """The path of a module or package below the collection; None when there is none, so it is a name in a module."""
    path = ROOT / module.replace(".", "/")
    return path if path.is_dir() or path.with_suffix(".py").is_file() else None


def absolute(node, package):
    """The module that `from ... import` names, below the collection; None for everything else."""
    if node.level:
        parts = package.split(".")
        base = parts[: len(parts) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])
    return node.module[len(COLLECTION) :] if (node.module or "").startswith(COLLECTION) else None


def offences(source, package):
    """Private names of other packages in the code of a module, as `module.name`. `package`: the module's own."""
    found, modules = [], {}
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = absolute(node, package)
        if module is None:
            continue
        for alias in node.names:
            if module_path(f"{module}.{alias.name}") is not None:
                modules[alias.asname or alias.name] = f"{module}.{alias.name}"
            elif is_private(alias.name) and module.rpartition(".")[0] != package:
                found.append(f"{module}.{alias.name}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and is_private(node.attr):
            module = modules.get(node.value.id)
            if module is not None and module.rpartition(".")[0] != package:
                found.append(f"{module}.{node.attr}")
    return found


def test_no_private_name_of_another_package():
    found = []
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        package = ".".join(path.relative_to(ROOT).parent.parts)
        names = offences(path.read_text(encoding="utf-8"), package)
        found += [f"{path.relative_to(ROOT)}: {name}" for name in names]
    assert found == []


LOCK = "plugins.module_utils._runtime.database.lock"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from ..database.lock import _find", [f"{LOCK}._find"]),
        ("from ..database import lock\nlock._find(1)", [f"{LOCK}._find"]),
        ("from ..database import lock as other\nother._find(1)", [f"{LOCK}._find"]),
        (f"from {COLLECTION}{LOCK} import _find", [f"{LOCK}._find"]),
        (f"def late():\n    from {COLLECTION}{LOCK} import _find", [f"{LOCK}._find"]),
        ("from ..database.lock import holder, __doc__", []),
        ("from ..._runs import need", []),  # packages are called so, names in them are not
        (f"from {COLLECTION}plugins.module_utils import _runs", []),
        ("from .gate import _hidden\nfrom . import gate\ngate._hidden", []),  # of the same package
        ("from os import _exit\nimport os\nos._exit(1)", []),
    ],
)
def test_what_counts(source, expected):
    assert offences(source, "plugins.module_utils._runtime.run") == expected
