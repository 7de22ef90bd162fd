# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis for each instance or one for all, and what moves when that changes."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from instance_tools import make

from ansible_collections.odoo_cloud.platform.plugins.filter.redis_servers import FilterModule
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.stateless import variables
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import redis_servers

SETTINGS: dict[str, t.Any] = {
    "name": "oc", "root": "/srv/oc", "image": "sha256:1", "shared": False, "networks": [], "limits": True, "memory": 268435456,
    "policy": "volatile-ttl", "persistence": "aof", "tls": False, "address": "127.0.0.1", "port": 6379, "certificate": "", "key": "",
    "admin_password": "an-admin-password-of-the-test",
}  # fmt: skip
ACME, BETA = make("acme"), make("beta", odoo_redis_memory="16m", odoo_redis_port=20001)
USERS = [{**one.redis.to_dict(), "password": "a-password-of-the-test"} for one in (ACME, BETA)]
FILTERS = FilterModule().filters()


def settings(**changes: t.Any) -> redis_servers.Settings:
    return redis_servers.Settings.from_dict({**SETTINGS, **changes})


def containers(**changes: t.Any) -> list[dict[str, t.Any]]:
    return redis_servers.containers(USERS, settings(**changes))


def test_each_instance_has_its_own_container_volume_folder_and_memory():
    acme, beta = containers()
    assert (acme["name"], beta["name"]) == ("oc-redis-acme", "oc-redis-beta")
    assert acme["aliases"] == ["acme.redis"]
    for one in (acme, beta):
        assert one["mounts"][0]["source"] == one["name"]
    for mount, other in zip(acme["mounts"][:3], beta["mounts"][:3], strict=True):
        assert mount["source"] != other["source"]
    assert acme["limits"]["memory"] == (2 * 64 + 64) * 1024**2
    assert beta["limits"]["memory"] == (2 * 16 + 64) * 1024**2
    assert (acme["network"], beta["network"]) == ("oc.acme", "oc.beta")


def test_a_server_lets_in_its_own_instance_only():
    users = {
        one["path"]: one["secret_content"]
        for one in redis_servers.files(USERS, settings())
        if one["path"].endswith("users.acl")
    }
    assert list(users) == [f"/srv/oc/redis/servers/{name}/config/users.acl" for name in ("acme", "beta")]
    acme, beta = users.values()
    assert "user acme " in acme and "user beta " not in acme
    assert "user beta " in beta and "user acme " not in beta


def test_a_shared_server_keeps_its_name_and_folder():
    (only,) = containers(shared=True)
    assert only["name"] == "oc-redis"
    assert only["aliases"] == ["redis"]
    assert only["mounts"][1]["source"] == "/srv/oc/redis/config"
    (acl,) = [one for one in redis_servers.files(USERS, settings(shared=True)) if one["path"].endswith("users.acl")]
    assert "user acme " in acl["secret_content"] and "user beta " in acl["secret_content"]


def test_no_definition_has_a_secret():
    shown = str(containers(tls=True, certificate="CERT", key="KEY-of-the-test"))
    assert "password-of-the-test" not in shown
    assert "KEY-of-the-test" not in shown


def test_ports_on_another_machine_are_the_instances_own():
    published = [one["published_ports"] for one in containers(tls=True, address="192.0.2.7", certificate="C", key="K")]
    assert published == [[f"192.0.2.7:{ACME.redis.port}:6380"], ["192.0.2.7:20001:6380"]]
    assert [one["published_ports"] for one in containers()] == [[], []]


def test_a_changed_memory_restarts_the_one_server():
    other = [{**USERS[0], "memory": 1024**3}, USERS[1]]
    before, after = containers(), redis_servers.containers(other, settings())
    assert before[0]["labels"] != after[0]["labels"]
    assert before[1] == after[1]


@pytest.mark.parametrize("persistence", ["aof", "rdb", "none"])
def test_memory_is_bounded_and_what_expires_first_goes_first(persistence):
    text = redis_servers.conf(redis_servers.servers(USERS, settings())[1], settings(persistence=persistence))
    assert "maxmemory 16777216\n" in text
    assert "maxmemory-policy volatile-ttl\n" in text
    assert "maxmemory-clients " in text
    assert ("appendonly yes" in text) == (persistence == "aof")


def test_users_without_an_instance_need_a_shared_server():
    users = [{"name": "one", "prefix": "one-odoo-prod", "password": "a-password-of-the-test"}]
    assert len(redis_servers.containers(users, settings(shared=True))) == 1
    with pytest.raises(
        AnsibleFilterError, match="instance, host, port, memory of 'one': missing; give .* redis_shared: true"
    ):
        FILTERS["redis_containers"](users, SETTINGS)
    assert FILTERS["redis_moves"](users, {**SETTINGS, "shared": True}, ["oc-redis-acme"]) == []


def test_what_is_left_after_a_change_of_the_arrangement():
    moves = redis_servers.moves(USERS, settings(), ["oc-redis", "oc-redis-acme", "oc-nginx"])
    assert [one["container"] for one in moves] == ["oc-redis"]
    assert moves[0]["source"] == "unix:///srv/oc/redis/socket/redis.sock"
    assert moves[0]["targets"][1] == {
        "name": "beta",
        "prefix": "beta-odoo-prod",
        "url": "unix:///srv/oc/redis/servers/beta/socket/redis.sock",
    }
    back = redis_servers.moves(USERS, settings(shared=True), ["oc-redis", "oc-redis-acme", "oc-redis-gone"])
    assert [one["container"] for one in back] == ["oc-redis-acme"]
    assert [one["url"] for one in back[0]["targets"]] == ["unix:///srv/oc/redis/socket/redis.sock"]
    assert redis_servers.moves(USERS, settings(), ["oc-redis-acme", "oc-redis-beta"]) == []


PLACES = {
    "own": {"host": "redis", "port": 6379, "tls": False, "own": True},
    "own, remote": {"host": "redis", "port": 6379, "tls": True, "own": True},
    "shared": {"host": "redis", "port": 6379, "tls": False, "own": False},
    "shared, remote": {"host": "redis", "port": 6379, "tls": True, "own": False},
}


def inspected(place: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    env = [f"{key}={value}" for key, value in variables(ACME, place, {}).items()]
    return [{"item": {"name": "acme-1"}, "exists": True, "container": {"Config": {"Env": env}}}]


@pytest.mark.parametrize("now", PLACES)
@pytest.mark.parametrize("before", PLACES)
def test_a_replica_that_was_not_replaced_still_needs_the_other_server(before, now):
    found = redis_servers.elsewhere([ACME], inspected(PLACES[before]), PLACES[now])
    same = before == now or {before, now} == {"shared", "shared, remote"}  # one name and port, encrypted or not
    assert found == ([] if same else ["acme-1"])


def test_a_replica_that_is_not_there_needs_nothing():
    assert redis_servers.elsewhere([ACME], [{"item": {"name": "acme-1"}, "exists": False, "container": None}], {}) == []


@pytest.mark.parametrize(
    ("place", "address"),
    [
        ({"url": "unix:///srv/oc/redis/socket/redis.sock", "servers": False, "root": "/srv/oc"}, "unix:///srv/oc/redis/socket/redis.sock"),
        ({"url": "unix:///srv/oc/redis/socket/redis.sock", "servers": True, "root": "/srv/oc"},
         "unix:///srv/oc/redis/servers/beta/socket/redis.sock"),
        ({"url": "rediss://192.0.2.7:6379", "servers": True, "root": "/srv/oc"}, "rediss://192.0.2.7:20001"),
        ({"url": "rediss://cache.example.com:6379/0", "servers": False}, "rediss://cache.example.com:6379/0"),
        ({}, ""),
    ],
)  # fmt: skip
def test_where_a_machine_finds_it(place, address):
    assert redis_servers.address_on_machine(BETA, place) == address


def test_settings_that_lack_something_are_refused():
    with pytest.raises(AnsibleFilterError, match="settings of Redis: policy: missing"):
        FILTERS["redis_files"](USERS, {key: value for key, value in SETTINGS.items() if key != "policy"})


def test_filters_report_a_wrong_user_in_one_line():
    with pytest.raises(AnsibleFilterError, match="redis_users: the password of 'acme' is too short"):
        FILTERS["redis_files"]([{**USERS[0], "password": "short"}], SETTINGS)


TOPOLOGY = {"url": "", "host": "redis", "port": 6400, "machine": "data", "remote": True, "own": True}


@pytest.mark.parametrize(
    ("changes", "machine", "port", "tls"),
    [
        ({}, "app", 6400, True),
        ({}, "data", 6379, False),  # in the instance's network, though another machine needs it too
        ({"own": False}, "app", 6400, True),
        ({"own": False}, "data", 6380, True),
        ({"remote": False}, "data", 6379, False),
    ],
)
def test_where_containers_of_a_machine_find_it(changes, machine, port, tls):
    redis = {**TOPOLOGY, **changes}
    found = FILTERS["redis_place"](redis, machine)
    assert found == {"url": "", "host": "redis", "port": port, "tls": tls, "own": redis["own"]}


def test_replicas_on_both_machines_use_the_servers_of_their_own():
    here, away = make("acme", replicas=("data",)), make("beta", replicas=("app",), odoo_redis_port=20001)
    seen = []
    for instance, machine in ((here, "data"), (away, "app")):
        env = variables(instance, redis_servers.place_for(TOPOLOGY, machine), {})
        seen.append(
            {
                "item": {"name": f"{instance.name}-1"},
                "container": {"Config": {"Env": [f"{key}={value}" for key, value in env.items()]}},
            }
        )
        assert env["ODOO_SESSION_REDIS_HOST"] == ("acme.redis" if instance is here else "redis")
        assert env["ODOO_SESSION_REDIS_PORT"] == ("6379" if instance is here else "20001")
    assert redis_servers.elsewhere([here, away], seen, TOPOLOGY) == []
    assert redis_servers.elsewhere([here, away], list(reversed(seen)), {**TOPOLOGY, "own": False}) == [
        "beta-1",
        "acme-1",
    ]
