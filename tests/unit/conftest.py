# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ast
import functools
import pathlib
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.odoo_cloud.platform."


@functools.cache
def imported(path: pathlib.Path) -> tuple[str, ...]:
    """Full names of all modules that a file may import, also those inside functions."""
    return tuple(dict.fromkeys(_imported(path)))


def _imported(path: pathlib.Path) -> t.Iterator[str]:
    # That of the package for what is imported relatively; a test is in none.
    package = ".".join((COLLECTION.rstrip("."), *path.relative_to(ROOT).parent.parts))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = package.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(filter(None, (parent, node.module)))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def file_of(name: str) -> pathlib.Path:
    """Where a module of the collection is, if it is one."""
    return ROOT.joinpath(*name.removeprefix(COLLECTION).split(".")).with_suffix(".py")


@functools.cache
def touches_ansible(path: pathlib.Path) -> bool:
    """Whether a test or a plugin imports Ansible, by itself or through the collection, or starts one of its programs."""
    if "ansible-inventory" in path.read_text(encoding="utf-8"):
        return True
    for name in imported(path):
        if name.split(".")[0] == "ansible":
            return True
        if name.startswith(COLLECTION) and file_of(name).is_file() and touches_ansible(file_of(name)):
            return True
    return False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what has to be run with every supported ansible-core; the rest is the same with all of them."""
    for item in items:
        if touches_ansible(item.path.resolve()):
            item.add_marker("ansible")


@pytest.fixture(scope="session")
def collection_root() -> pathlib.Path:
    """The top folder of the collection."""
    return ROOT
