# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import odoo_image, settings

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "value, reference, pinned, by_id",
    [
        (DIGEST, True, True, True),
        (f"registry.example.com:5000/acme/odoo@{DIGEST}", True, True, False),
        (f"acme/odoo:16@{DIGEST}", True, True, False),
        ("acme/odoo:16", True, False, False),
        ("acme/odoo@sha256:12", False, False, False),
        ("two words", False, False, False),
        ("", False, False, False),
        (f"{DIGEST}\n", False, False, False),
    ],
)
def test_references(value, reference, pinned, by_id):
    assert (odoo_image.is_reference(value), odoo_image.is_pinned(value), odoo_image.is_id(value)) == (
        reference,
        pinned,
        by_id,
    )


def test_instances_with_the_same_image_share_its_name():
    assert odoo_image.name_of("19", "", "") == "odoo-19"
    own = odoo_image.name_of("16", f"acme@{DIGEST}", "")
    assert own == odoo_image.name_of("16", f"acme@{DIGEST}", "") and own.startswith("odoo-16-")
    assert len({own, odoo_image.name_of("16", "", "3.10"), odoo_image.name_of("16", f"acme@{DIGEST}", "3.10")}) == 3


@pytest.mark.parametrize(
    "name, value, right",
    [
        ("odoo_image", "two words", "give <repository>@sha256:<digest>"),
        ("odoo_python", "3.8", "supported are 3.9, 3.10"),
        ("odoo_python", 3.1, "as text"),
        ("odoo_image", DIGEST, ""),
        ("odoo_python", "3.10", ""),
    ],
)
def test_settings(name, value, right):
    found = [line for variable, dummy, line in settings.problems(settings.read({name: value})) if variable == name]
    assert (right in found[0]) if right else not found
