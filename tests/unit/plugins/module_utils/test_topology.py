# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.instance import build_instances
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.topology import (
    address_of,
    problems,
    topology,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.values import WrongValue

GROUPS = {
    "docker_hosts": ["app"],
    "nginx": ["app"],
    "postgres": ["data"],
    "redis": ["data"],
    "object_storage": ["data"],
    "odoo": ["acme-1", "acme-2"],
    "prod": ["acme-1", "acme-2"],
    "acme_prod": ["acme-1", "acme-2"],
}
HOSTVARS = {
    "app": {"ansible_host": "192.0.2.11"},
    "data": {"ansible_host": "data.example.com", "odoo_cloud_address": "192.0.2.10", "postgres_port": 5433},
    "acme-1": {"ansible_host": "192.0.2.11"},
    "acme-2": {"ansible_host": "192.0.2.11"},
}
ONE = {group: ["app"] for group in ("docker_hosts", "nginx", "postgres", "redis", "object_storage")}


def found(groups=None, **hostvars):
    groups = {**GROUPS, **(groups or {})}
    variables = {**HOSTVARS, **hostvars}
    return problems(groups, variables, build_instances(groups, variables, lambda name: name))


def test_services_on_another_machine_are_reached_at_its_address():
    where = topology(GROUPS, HOSTVARS)
    assert where["image_builder"] == "app"
    assert where["postgres"] == {
        "machine": "data",
        "address": "192.0.2.10",
        "port": 5433,
        "remote": True,
        "host": "postgres",
        "names": ["postgres", "192.0.2.10"],
        "external": False,
    }
    assert where["redis"]["remote"] is True
    assert where["object_storage"]["port"] == 8095
    assert found() == []


def test_on_one_machine_nothing_is_remote():
    where = topology({**GROUPS, **ONE}, HOSTVARS)
    assert [where[name]["remote"] for name in ("postgres", "redis", "object_storage")] == [False, False, False]
    assert found(ONE) == []


def test_a_service_that_somebody_else_runs_is_not_remote():
    where = topology(GROUPS, {**HOSTVARS, "data": {"postgres_external": {"host": "db.example.com"}}})
    assert where["postgres"]["remote"] is False


def test_a_group_of_builders_wins():
    assert topology({**GROUPS, "image_builder": ["build"]}, HOSTVARS)["image_builder"] == "build"


def test_an_inventory_without_anything():
    assert topology({}, {})["postgres"]["machine"] is None
    assert topology({}, {})["image_builder"] is None


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "::", "data.example.com", ""])
def test_a_port_is_published_on_a_real_address_only(address):
    variables = {"odoo_cloud_address": address}
    assert address_of("data", {"data": variables}) == ""
    lines = found(data=variables)
    assert len(lines) == 3
    assert all(line.startswith("odoo_cloud_address=") and "'data'" in line and "IP address" in line for line in lines)


def test_two_machines_for_one_service_are_refused():
    assert found({"redis": ["data", "app"]}) == ["group redis: data, app are in it; one machine is right"]


def test_replicas_of_an_instance_are_on_one_machine():
    groups = {"docker_hosts": ["app", "app2"], "nginx": ["app", "app2"]}
    (line,) = found(groups, app2={}, **{"acme-2": {"ansible_host": "app2"}})
    assert line.startswith("ansible_host of the replicas of instance 'acme_prod'")


def test_nginx_is_on_the_machine_of_the_replicas():
    (line,) = found({"nginx": ["data"]})
    assert line.startswith("group nginx: instance 'acme_prod' runs on machine 'app'")
    assert found({"nginx": []}) == []


def test_odoo_calls_somebody_elses_server_by_its_own_name():
    theirs = {"host": "db.example.com", "port": 6432, "ssl_rootcert": "/etc/ssl/db.pem"}
    where = topology(GROUPS, {**HOSTVARS, "data": {"postgres_external": theirs}})["postgres"]
    assert (where["host"], where["port"], where["rootcert"]) == ("db.example.com", 6432, "/etc/ssl/db.pem")
    assert where["external"] is True
    assert where["remote"] is False


def test_addresses_of_the_object_storage_for_containers_and_machines():
    def where(groups, hostvars=HOSTVARS):
        place = topology(groups, hostvars)["object_storage"]
        return place["endpoint"], place["machine_endpoint"]

    assert where(GROUPS) == ("http://192.0.2.10:8095", "http://192.0.2.10:8095")
    assert where({**GROUPS, **ONE}) == ("http://swift:8080", "http://127.0.0.1:8095")
    # Docker refuses a port that a container of another network publishes on the same machine.
    assert topology(GROUPS, HOSTVARS)["object_storage"]["network_endpoint"] == "http://swift:8080"
    aws = {**GROUPS, "object_storage": []}
    assert where(aws) == ("", "")
    theirs = {**HOSTVARS, "acme-1": {**HOSTVARS["acme-1"], "object_storage_external": "https://s3.example.com/"}}
    assert where(aws, theirs) == ("https://s3.example.com", "https://s3.example.com")
    assert topology(aws, theirs)["object_storage"]["external"] is True


def test_somebody_elses_redis_needs_no_machine():
    theirs = {
        **HOSTVARS,
        "acme-1": {**HOSTVARS["acme-1"], "redis_external": {"url": "rediss://cache.example.com:6379/0"}},
    }
    redis = topology({**GROUPS, "redis": []}, theirs)["redis"]
    assert redis["url"] == "rediss://cache.example.com:6379/0"
    assert (redis["external"], redis["remote"]) == (True, False)
    assert topology(GROUPS, HOSTVARS)["redis"]["url"] == ""


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"postgres_port": "54x"}, "postgres_port='54x' of machine 'data': give a port from 1 to 65535"),
        (
            {"postgres_external": {"host": "db", "port": 70000}},
            "postgres_external: port=70000 of machine 'data': give a port from 1 to 65535",
        ),
    ],
)
def test_a_port_that_is_none(variables, problem):
    assert found(data={**HOSTVARS["data"], **variables}) == [problem]


def test_port_zero_is_no_port():
    with pytest.raises(WrongValue, match="postgres_port=0 of machine 'data'"):
        topology(GROUPS, {**HOSTVARS, "data": {**HOSTVARS["data"], "postgres_port": 0}})


@pytest.mark.parametrize(
    ("variables", "own"),
    [
        ({}, True),
        ({"data": {"redis_shared": True}}, False),
        ({"data": {"redis_shared": "no"}}, True),
        ({"data": {"redis_external": {"url": "rediss://cache.example.com:6379/0"}}}, False),
        ({"acme-1": {"odoo_redis": {"host": "mine"}}}, False),
    ],
)
def test_each_instance_has_a_redis_of_its_own_unless_it_is_shared_or_elsewhere(variables, own):
    hostvars = {host: {**HOSTVARS[host], **variables.get(host, {})} for host in HOSTVARS}
    assert topology(GROUPS, hostvars)["redis"]["own"] is own


def test_without_a_machine_for_redis_nothing_is_own():
    assert topology({**GROUPS, "redis": []}, HOSTVARS)["redis"]["own"] is False


def test_a_flag_that_is_none():
    (problem,) = found(data={**HOSTVARS["data"], "redis_shared": "perhaps"})
    assert problem == "redis_shared='perhaps' of machine 'data': give true or false"


def test_two_redis_on_one_port_are_refused_where_ports_are_published():
    groups = {
        **GROUPS,
        "odoo": ["acme-1", "beta-1"],
        "prod": ["acme-1", "beta-1"],
        "acme_prod": ["acme-1"],
        "beta_prod": ["beta-1"],
    }
    given = {"ansible_host": "192.0.2.11", "odoo_redis_port": 6400}
    (problem,) = found(groups, **{"acme-1": given, "beta-1": given})
    assert problem.startswith(
        "odoo_redis_port=6400 of instance 'beta_prod': the Redis of instance 'acme_prod' is published on this port; give one"
    )
    assert found({**groups, **ONE}, **{"acme-1": given, "beta-1": given}) == []
    assert found(groups, **{"acme-1": given, "beta-1": given, "data": {**HOSTVARS["data"], "redis_shared": True}}) == []
