# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.filter.values import FilterModule

FILTERS = FilterModule().filters()
ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    ("value", "found"), [("y", True), ("On", True), (1, True), (True, True), ("off", False), ("f", False), (0, False)]
)
def test_booleans(value, found):
    assert FILTERS["boolean"](value, "x") is found


@pytest.mark.parametrize("value", ["ja", "", "2"])
def test_no_boolean(value):
    with pytest.raises(AnsibleFilterError, match=re.escape(f"odoo_cloud_rehearse={value!r}: give true or false")):
        FILTERS["boolean"](value, "odoo_cloud_rehearse")


@pytest.mark.parametrize(
    ("value", "found"),
    [("8m", 8388608), ("256M", 268435456), ("1.5g", 1610612736), (8388608, 8388608), ("16MiB", 16777216)],
)
def test_sizes(value, found):
    assert FILTERS["size"](value, "redis_memory", "8m") == found


@pytest.mark.parametrize("value", ["7m", "much", "", "-1", "256 mm"])
def test_no_size(value):
    with pytest.raises(
        AnsibleFilterError, match=re.escape(f"redis_memory={value!r}: give a size such as 256m or 1g, 8m or more")
    ):
        FILTERS["size"](value, "redis_memory", "8m")


def test_no_limit_is_named_that_is_none():
    with pytest.raises(AnsibleFilterError, match=re.escape("x='y': give a size such as 256m or 1g") + r"\Z"):
        FILTERS["size"]("y", "x")


def test_playbooks_and_roles_read_with_these():
    """What Ansible's own filters make of a word that they don't know is false, or 0 bytes. Parameters with a type in the argument specs of
    their role are checked by Ansible."""
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in ("playbooks", "roles")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".yml", ".j2")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\|\s*(ansible\.builtin\.)?(bool|human_to_bytes|human_readable)\b", line)
        and "odoo_run_always" not in line
    ]
    assert found == []
