# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils._preflight.machine import machine_problems

GIB = 1024 * 1024 * 1024
MACHINE = {
    "name": "m",
    "memory_bytes": 4 * GIB,
    "disk_free_bytes": {"/var/lib/docker": 20 * GIB},
    "ports_listening": [22, 8443],
    "platform_ports": [],
    "platform_containers": [],
    "platform_networks": ["p", "p.a"],
    "subnets_taken": ["172.30.0.0/24", "10.0.0.0/8"],
}


def test_a_good_machine():
    assert machine_problems(MACHINE, {"odoo_cloud_https_port": 9443}) == []


def test_a_port_in_use_by_another_program():
    (line,) = machine_problems(MACHINE, {"odoo_cloud_https_port": 8443})
    assert line.startswith("odoo_cloud_https_port=8443: another program listens")


def test_a_port_in_use_by_the_platform_itself():
    assert machine_problems({**MACHINE, "platform_ports": [8443]}, {"odoo_cloud_https_port": 8443}) == []


def test_impossible_and_double_ports():
    assert "a port is a number" in machine_problems(MACHINE, {"a": "https"})[0]
    assert "a port is a number" in machine_problems(MACHINE, {"a": 70000})[0]
    assert "has the same port" in machine_problems(MACHINE, {"a": 81, "b": 81})[0]


def test_too_little_room_for_networks():
    assert machine_problems(MACHINE, {}, networks=["p.a", "p.b"], pool="172.30.0.0/23") == []
    assert machine_problems(MACHINE, {}, networks=["p.a"], pool="172.30.0.0/24") == []
    (line,) = machine_problems(MACHINE, {}, networks=["p.a", "p.b"], pool="172.30.0.0/24")
    assert line == (
        "odoo_cloud_network_pool='172.30.0.0/24': 1 more instances need a network of 64 addresses each, and there is room for 0 of 4;"
        " give a larger IPv4 network that nothing else uses (machine 'm')"
    )
    (line,) = machine_problems(MACHINE, {}, pool="172.30.0.1/24")
    assert line.startswith("odoo_cloud_network_pool='172.30.0.1/24': give an IPv4 network of at least 64 addresses")


def test_too_little_memory_or_disk():
    assert "memory" in machine_problems({**MACHINE, "memory_bytes": GIB}, {})[0]
    assert "free" in machine_problems({**MACHINE, "disk_free_bytes": {"/x": GIB}}, {})[0]


def test_a_machine_that_carries_the_platform_already_keeps_running_on_a_full_disk():
    machine = {**MACHINE, "disk_free_bytes": {"/x": GIB}, "platform_containers": ["p-nginx"]}
    assert machine_problems(machine, {}) == []
