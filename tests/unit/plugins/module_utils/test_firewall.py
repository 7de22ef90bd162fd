# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance may reach: the notation of targets, and the rules that follow."""

from __future__ import annotations

import re

import instance_tools
import pytest
from instance_tools import SURROUNDINGS

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import egress
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.egress import Target
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.naming import bridge_of
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import firewall
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.odoo_containers import Surroundings


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("smtp.example.com:587", Target("smtp.example.com", 587)),
        ("SMTP.example.com", Target("smtp.example.com", 0)),
        ("198.51.100.0/24:443", Target("198.51.100.0/24", 443)),
        ("198.51.100.7", Target("198.51.100.7/32", 0)),
        ("[2001:db8::/32]:443", Target("2001:db8::/32", 443)),
        ("2001:db8::1", Target("2001:db8::1/128", 0)),
    ],
)
def test_targets(text, target):
    assert egress.parse(text) == target


@pytest.mark.parametrize(
    "text",
    ["", "smtp", "smtp.example.com:", "smtp.example.com:0", "smtp.example.com:99999", "smtp.example.com:smtp", "10.0.0.300",
     "10.0.0.1/24:443", "*.example.com:443", "https://example.com", "example.com;drop", "a b.com", "[example.com]:443", "1.2.3.4.5"],
)  # fmt: skip
def test_what_is_no_target(text):
    with pytest.raises(ValueError, match="give a list of addresses"):
        egress.parse(text)


def test_services_inside_of_docker_are_no_targets():
    assert egress.of_url("http://swift:8080") is None
    assert egress.of_host("/run/postgresql", 5432) is None
    assert egress.of_url("https://s3.example.com/x") == Target("s3.example.com", 443)


def chains(rules):
    """The rules of each chain."""
    found = re.findall(r"chain (\S+) \{\n(.*?)\n    \}", rules, re.DOTALL)
    return {name: [row.strip() for row in body.splitlines()] for name, body in found}


def written(*instances, **more):
    return firewall.rules(instances, Surroundings.from_dict({**SURROUNDINGS, **more}))


POLICIES = ("open", "listed", "none")


@pytest.mark.parametrize("policy", POLICIES)
def test_the_machine_the_metadata_and_other_instances_are_closed_with_every_policy(policy):
    rules = chains(written(instance_tools.make(odoo_egress=policy))["rules"])
    bridge = bridge_of("oc.acme")
    assert rules["machine"][-3:] == [
        "ip daddr { 169.254.0.0/16, 168.63.129.16, 100.100.100.200 } drop",
        "ip6 daddr { fd00:ec2::254, fd20:ce::254 } drop",
        "fib daddr type local jump own",
    ]
    assert rules["own"][-1] == rules["incoming"][-1] == "drop"
    assert rules["outgoing"] == [
        f'iifname vmap {{ "{bridge}" : jump of_acme }}',
        "reject with icmpx type admin-prohibited",
    ]
    first = [row for row in rules["of_acme"] if "@resolvers" not in row][:3]
    assert first == [
        f'oifname "{bridge}" accept',
        f'oifname "{bridge[:7]}*" reject with icmpx type admin-prohibited',
        "ip daddr { 169.254.0.0/16, 168.63.129.16, 100.100.100.200 } reject with icmpx type admin-prohibited",
    ]
    assert rules["of_acme"][-1] == ("accept" if policy == "open" else "reject with icmpx type admin-prohibited")


def test_listed_is_open_to_what_is_listed_and_names_have_sets():
    allowed = ["smtp.example.com:587", "198.51.100.0/24:443", "[2001:db8::/32]:443", "203.0.113.7"]
    found = written(instance_tools.make(odoo_egress="listed", odoo_egress_allowed=allowed))
    rules = chains(found["rules"])["of_acme"]
    assert found["names"] == "name0 smtp.example.com\n"
    for row in ("ip daddr @name0_4 tcp dport 587 accept", "ip6 daddr @name0_6 tcp dport 587 accept",
                "ip daddr 198.51.100.0/24 tcp dport 443 accept", "ip6 daddr 2001:db8::/32 tcp dport 443 accept",
                "ip daddr 203.0.113.7/32 accept"):  # fmt: skip
        assert row in rules
    assert any("@resolvers_4 udp dport 53 accept" in row for row in rules)
    assert "set name0_4 {" in found["rules"]


def test_none_asks_no_name_servers_unless_a_service_has_a_name():
    assert "dport 53" not in written(instance_tools.make(odoo_egress="none"))["rules"]
    storage = {"endpoint": "https://s3.example.com", "region": "eu"}
    found = written(instance_tools.make(odoo_egress="none"), storage=storage)
    assert found["names"] == "name0 s3.example.com\n"
    assert "ip daddr @name0_4 tcp dport 443 accept" in chains(found["rules"])["of_acme"]


def test_services_on_other_machines_stay_open():
    found = written(
        instance_tools.make(odoo_egress="none"),
        db_host="postgres", db_port=5433, db_socket="", etc_hosts={"postgres": "192.0.2.10", "redis": "192.0.2.11"},
        redis={"host": "redis", "port": 6380, "tls": True, "ca": "", "url": ""},
    )  # fmt: skip
    rules = chains(found["rules"])["of_acme"]
    assert "ip daddr 192.0.2.10/32 tcp dport 5433 accept" in rules
    assert "ip daddr 192.0.2.11/32 tcp dport 6380 accept" in rules


@pytest.mark.parametrize("tls", [True, False])
def test_an_instances_own_redis_is_open_at_its_own_port(tls):
    instance = instance_tools.make(odoo_egress="none", odoo_redis_port=20001)
    found = written(
        instance,
        etc_hosts={"redis": "192.0.2.11"} if tls else {},
        redis={"host": "redis", "port": 6379, "tls": tls, "own": True, "ca": "", "url": ""},
    )  # fmt: skip
    rules = "\n".join(chains(found["rules"])["of_acme"])
    assert ("ip daddr 192.0.2.11/32 tcp dport 20001 accept" in rules) is tls
    assert "6379" not in rules and not found["names"]


def test_a_machine_without_instances_closes_what_is_left_of_them():
    assert chains(written()["rules"])["outgoing"] == ["reject with icmpx type admin-prohibited"]


def test_a_configured_service_on_the_machine_itself_is_open_to_its_instance_alone():
    found = written(
        instance_tools.make(odoo_egress="open", odoo_statsd_host="192.0.2.1"),
        redis={"host": "", "port": 0, "tls": False, "ca": "", "url": "redis://cache.example.com:6390/0"},
    )
    rules, bridge = chains(found["rules"]), bridge_of("oc.acme")
    assert f'iifname "{bridge}" ip daddr 192.0.2.1/32 udp dport 8125 accept' in rules["own"]
    assert f'iifname "{bridge}" ip daddr @name0_4 tcp dport 6390 accept' in rules["own"]
    assert rules["own"][-1] == "drop"
