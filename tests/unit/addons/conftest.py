# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the Odoo addons that need no Odoo are imported without it."""

from __future__ import annotations

import importlib
import pathlib
import sys
import types

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
ADDONS = ROOT / "roles" / "image" / "files" / "addons"


def _package(name: str, folder: pathlib.Path) -> None:
    """A package whose own code is not run."""
    module = types.ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module


@pytest.fixture(scope="session")
def addon():
    """Imports a module of an addon by its name, such as session_redis.store."""
    before = {name: sys.modules.get(name) for name in ("odoo", "odoo.addons", "odoo_cloud_runtime")}
    if any(before.values()):
        pytest.skip("Odoo itself is installed here")
    _package("odoo", ADDONS.parent)
    _package("odoo.addons", ADDONS)
    _package("odoo_cloud_runtime", ROOT / "plugins" / "module_utils" / "_runtime")
    for folder in ADDONS.iterdir():
        if (folder / "__manifest__.py").exists():
            _package(f"odoo.addons.{folder.name}", folder)
    yield lambda name: importlib.import_module(f"odoo.addons.{name}")
    for name in list(sys.modules):
        if name.split(".")[0] in ("odoo", "odoo_cloud_runtime"):
            del sys.modules[name]
