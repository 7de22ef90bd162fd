# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.limit import limit_problems, whole

# app1 has two instances, app2 one; data has the services.
GROUPS = {
    "docker_hosts": ["app1", "app2"],
    "nginx": ["app1", "app2"],
    "postgres": ["data"],
    "redis": ["data"],
    "object_storage": ["data"],
    "odoo": ["acme-1", "acme-2", "beta-1", "gamma-1"],
    "prod": ["acme-1", "acme-2", "beta-1", "gamma-1"],
    "acme": ["acme-1", "acme-2"],
    "beta": ["beta-1"],
    "gamma": ["gamma-1"],
}
HOSTVARS = {
    "app1": {"ansible_host": "192.0.2.11"},
    "app2": {},
    "data": {},
    "acme-1": {"ansible_host": "192.0.2.11"},
    "acme-2": {"ansible_host": "192.0.2.11"},
    "beta-1": {"ansible_host": "app1"},
    "gamma-1": {"ansible_host": "app2"},
}
ALL = list(HOSTVARS)


def refused(chosen, scope="platform", **keywords):
    return limit_problems("L", chosen, GROUPS, HOSTVARS, scope, **keywords)


@pytest.mark.parametrize(
    "chosen, right",
    [
        (["app1"], "app1,acme,beta"),
        (["acme-1", "acme-2"], "app1,acme,beta"),
        (["acme-1"], "app1,acme,beta"),
        (["app1", "acme-1", "beta-1"], "app1,acme,beta"),
        (["app1", "acme-1", "acme-2"], "app1,acme,beta"),
        (["gamma-1"], "app2,gamma"),
        (["data", "app2"], "app2,data,gamma"),
        ([one for one in ALL if one != "acme-2"], "app1,app2,data,acme,beta,gamma"),
    ],
)
@pytest.mark.parametrize("scope", ["platform", "instances"])
def test_a_part_of_an_instance_is_refused_with_the_limit_that_works(chosen, right, scope):
    (line,) = refused(chosen, scope)
    assert line.startswith("--limit L: it has a part of an instance without the rest, ")
    assert line.endswith(f"; right is --limit {right}")


@pytest.mark.parametrize("chosen", [["app2", "gamma-1"], ["app1", "acme-1", "acme-2", "beta-1"], ALL])
@pytest.mark.parametrize("scope", ["platform", "instances", "machines"])
def test_whole_instances_are_taken(chosen, scope):
    assert refused(chosen, scope) == []


def test_the_limit_that_is_named_is_taken():
    assert refused(sorted(whole(["acme-1"], GROUPS, HOSTVARS)), "instances") == []


def test_machines_of_services_alone_are_taken_unless_the_playbook_is_about_instances():
    assert refused(["data"], "platform") == []
    (line,) = refused(["data"], "instances", choice=True)
    assert line == (
        "--limit L: it has no instance, so nothing would be done; right is --limit app1,app2,acme,beta,gamma; "
        "one instance alone is chosen by -e odoo_cloud_instance=<name>"
    )


def test_what_is_missing_is_named():
    assert "without the rest, acme-1, acme-2, beta-1; right" in refused(["app1"])[0]


def test_a_playbook_of_one_service_needs_its_machine_and_no_replica():
    assert refused(["data"], "machines", needs=["postgres"]) == []
    assert refused(["app1"], "machines", needs=["docker_hosts"]) == []
    assert refused(["acme-1", "acme-2"], "machines", needs=["postgres"]) == [
        "--limit L: it has no machine of the group postgres, so nothing would be done; right is --limit data"
    ]


def test_a_playbook_that_works_on_the_database_server_needs_it_beside_whole_instances():
    assert refused(["data", "app2", "gamma-1"], "instances", needs=["postgres"]) == []
    (line,) = refused(["app2", "gamma-1"], "instances", needs=["postgres"])
    assert line.endswith("right is --limit app2,data,gamma")
    (line,) = refused(["gamma-1"], "instances", needs=["postgres"])
    assert line.endswith("right is --limit app2,data,gamma")


def test_a_service_that_is_nowhere_is_not_needed():
    groups = {**GROUPS, "postgres": []}
    assert limit_problems("L", ["app2", "gamma-1"], groups, HOSTVARS, "instances", ["postgres"]) == []


def test_an_inventory_without_replicas_has_nothing_for_a_playbook_about_instances():
    # What a slice of AWX may be.
    groups = {**GROUPS, "odoo": [], "prod": [], "acme": [], "beta": [], "gamma": []}
    assert "no replica in the inventory" in limit_problems("", ["app1"], groups, HOSTVARS, "instances")[0]
    assert limit_problems("", ["app1"], groups, HOSTVARS, "platform") == []


def test_a_replica_in_wrong_groups_is_left_to_the_check_of_the_inventory():
    groups = {**GROUPS, "prod": ["acme-1"], "beta": [], "gamma": []}
    assert refused(["data"]) == []
    assert limit_problems("L", ["app2"], groups, HOSTVARS) == []
