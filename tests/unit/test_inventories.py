# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories that the project gives as examples are right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.instance import build_instances
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.topology import problems, topology

ROOT = Path(__file__).resolve().parents[2]
INVENTORIES = sorted(ROOT.glob("inventories/*/hosts"))


def load(path: Path) -> tuple[dict, dict]:
    """Groups and variables of the hosts, as ansible-inventory tells them."""
    command = [sys.executable, "-m", "ansible.cli.inventory", "-i", str(path), "--list"]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    listed = json.loads(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)
    hostvars = listed.pop("_meta")["hostvars"]

    def members(group: str) -> list[str]:
        entry = listed.get(group, {})
        found = list(entry.get("hosts", []))
        for child in entry.get("children", []):
            found += [host for host in members(child) if host not in found]
        return found

    groups = {group: members(group) for group in listed}
    return groups, {host: hostvars.get(host, {}) for host in members("all")}


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.parent.name)
def test_inventory_has_no_problems(path):
    groups, hostvars = load(path)
    instances = build_instances(groups, hostvars, lambda name: name)
    assert len(instances) == (0 if path.parent.name == "aws" else 1)  # on AWS, ECS has the instance
    assert problems(groups, hostvars, instances) == []


def test_the_cluster_is_one():
    groups, hostvars = load(ROOT / "inventories/cluster/hosts")
    where = topology(groups, hostvars)
    assert where["image_builder"] == "localhost"
    assert [where[service]["remote"] for service in ("postgres", "redis", "object_storage")] == [True, True, True]
    # Addresses of the documentation range: nobody's.
    assert all(hostvars[host]["odoo_cloud_address"].startswith("192.0.2.") for host in ("app1", "data1"))


@pytest.mark.parametrize("playbook", ["update", "status", "clean"])
def test_a_misspelt_variable_of_the_command_line_is_refused_first(playbook, tmp_path):
    """Before a machine is touched or a secret is made."""
    given = {"odoo_cloud_secrets_dir": str(tmp_path / "secrets"), "odoo_updat": "all", "odoo_cloud_reeson": "why"}
    command = [sys.executable, "-m", "ansible.cli.playbook", "-i", str(ROOT / "inventories/cluster/hosts")]
    run = subprocess.run(
        [*command, "-e", json.dumps(given), str(ROOT / f"playbooks/{playbook}.yml")],
        env={**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2, run.stdout + run.stderr
    lines = (run.stdout + run.stderr).splitlines()
    assert [line for line in lines if "odoo_updat=" in line and "did you mean odoo_update?" in line]
    assert [line for line in lines if "odoo_cloud_reeson=" in line and "did you mean odoo_cloud_reason?" in line]
    assert sum(line.startswith("TASK [") for line in lines) == 1
    assert list(tmp_path.iterdir()) == []
