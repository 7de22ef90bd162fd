# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import functools
import importlib
import pkgutil

from ansible.plugins.loader import action_loader, filter_loader, lookup_loader, test_loader

COLLECTION = "odoo_cloud.platform"
BUILTIN = {
    lookup_loader: ("template", "file", "env", "config"),
    action_loader: ("assert", "set_fact", "validate_argument_spec", "debug", "fail", "include_role"),
    test_loader: ("match",),  # loading the first one loads all of them
}
LIBRARIES = ("cryptography.x509", "cryptography.hazmat.primitives.serialization", "_strptime")


@functools.cache
def load() -> None:
    """Loads the collection's controller plugins, and what they import, into this process; once."""
    for loader in (lookup_loader, filter_loader, action_loader):
        package = importlib.import_module(f"ansible_collections.{COLLECTION}.plugins.{loader.subdir.split('_')[0]}")
        for found in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{found.name}")
            if loader is not filter_loader:
                loader.get(f"{COLLECTION}.{found.name}", class_only=True)
    filter_loader.get(f"{COLLECTION}.preload")
    filter_loader.get("community.crypto.x509_certificate_info")
    for loader, names in BUILTIN.items():
        for name in names:
            loader.get(f"ansible.builtin.{name}", class_only=True)
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def preload(value):
    """The unchanged value, after loading the plugins."""
    load()
    return value


class FilterModule:
    def filters(self):
        return {"preload": preload}
