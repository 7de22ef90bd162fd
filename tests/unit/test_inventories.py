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


def test_what_is_said_for_one_run_is_not_kept(tmp_path):
    """`update -e odoo_update=all` updates all once. What the inventory says stays in the file that modules read later, so the next
    unchanged run doesn't write it anew."""
    host = {
        "ansible_host": "localhost",
        "ansible_connection": "local",
        "odoo_update": "{{ usual }}",
        "usual": ["sale"],
        "odoo_migration_file": "m.yml",
        "odoo_project_dir": "/p",
        "odoo_migration_mode": "demo",
    }
    groups = {
        "docker_hosts": {"hosts": {"localhost": {"ansible_connection": "local"}}},
        "odoo": {"children": {"prod": {"children": {"acme": {"hosts": {"acme-1": host}}}}}},
    }
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"children": groups}}))
    fields = "[one.update_modules, one.standing, one.migration.mode, one.migration.allow_serie]"
    one = "{{ query('odoo_cloud.platform.instances') | first }}"
    copy = {"content": f"{{{{ {fields} | to_json }}}}", "dest": str(tmp_path / "found.json")}
    task = {"ansible.builtin.copy": copy, "vars": {"one": one, "ansible_python_interpreter": sys.executable}}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [task]}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    common = {"odoo_cloud_secrets_dir": str(tmp_path / "secrets")}

    def found(**given):
        command = [sys.executable, "-m", "ansible.cli.playbook", "-i", str(tmp_path / "hosts.json")]
        subprocess.run(
            [*command, "-e", json.dumps({**common, **given}), str(tmp_path / "play.yml")],
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            check=True,
            capture_output=True,
        )
        return json.loads((tmp_path / "found.json").read_text())

    standing = {"update_modules": "sale", "migration_mode": "demo", "allow_serie": False}
    assert found() == ["sale", standing, "demo", False]
    once = found(odoo_update="all", odoo_migration_allow_serie="true", odoo_migration_mode="full")
    assert once == ["all", standing, "full", True]
