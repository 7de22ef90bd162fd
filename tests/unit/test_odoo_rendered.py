# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers and files of the role odoo are those that were recorded: what differs is recreated or written again at every user."""

from __future__ import annotations

import json

import odoo_rendered
import pytest


@pytest.mark.parametrize("inventory", odoo_rendered.INVENTORIES)
def test_the_role_hands_over_what_was_recorded(inventory, tmp_path):
    recorded = json.loads((odoo_rendered.RECORDED / f"{inventory}.json").read_text(encoding="utf-8"))
    found = odoo_rendered.rendered(inventory, tmp_path.resolve())
    # Compared as text, in which 1 isn't true; the lines show what differs.
    assert odoo_rendered.pretty(found).splitlines() == odoo_rendered.pretty(recorded).splitlines()


def test_the_record_has_what_it_is_for():
    recorded = {
        name: json.loads((odoo_rendered.RECORDED / f"{name}.json").read_text(encoding="utf-8"))
        for name in odoo_rendered.INVENTORIES
    }
    assert {name: list(machines) for name, machines in recorded.items()} == {
        "local": ["localhost"], "cluster": ["app1", "app2"], "aws": ["app1", "app2"],
    }  # fmt: skip
    for machines in recorded.values():
        for machine in machines.values():
            assert machine["files"] and machine["replicas"] and machine["one_offs"]
