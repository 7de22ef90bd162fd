# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the rules of cloud_platform, which is that of the unit test."""

from __future__ import annotations

import importlib
import sys
import typing as t

from ..frame import ROOT


def knowledge(name: str) -> t.Any:
    """A module of the collection, as Ansible imports it."""
    folder = str(ROOT / ".work" / "collections")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(f"ansible_collections.odoo_cloud.platform.{name}")


def rule_cases() -> list[tuple[str, str, str, dict[str, str], str]]:
    """(kind, environment, location, variables, sentence): each rule wrong once, from the table of the unit test; '' is right."""
    module = knowledge("tests.unit.plugins.module_utils.test_cloud_platform")
    cases = []
    for environment, location, changes, words in module.test_wrong.pytestmark[0].args[1]:
        cases.append(
            ("exoscale", environment, location, module.setup(environment, module.REDIS, module.S3, **changes), words)
        )
    for name in ("SWIFT_AUTH_URL", "SWIFT_ACCOUNT", "SWIFT_PASSWORD"):
        values = module.setup("prod", module.REDIS, module.SWIFT, **{name: None})
        cases.append(
            ("ovh", "prod", "swift", values, f"{name} is not set: it is needed when ir_attachment.location is 'swift'")
        )
    for environment in ("prod", "integration", "labs-next"):
        cases.append(("exoscale", environment, "s3", module.setup(environment, module.REDIS, module.S3), ""))
        cases.append(("ovh", environment, "swift", module.setup(environment, module.REDIS, module.SWIFT), ""))
    cases.append(("exoscale", "test", "db", module.setup("test", module.REDIS), ""))
    cases.append(("ovh", "dev", "db", {}, ""))
    return cases
