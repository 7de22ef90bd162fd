# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import instance_tools
import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.filter.limits import container_limits
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import one_off
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import limits, odoo_conf, odoo_containers
from ansible_collections.odoo_cloud.platform.plugins.modules.machine_info import coarse

MIB, GIB = 1024**2, 1024**3
MACHINES = [(2, 2), (2, 4), (4, 8), (4, 16), (16, 64), (64, 256)]  # processors, GiB


def machine(cpus, gib):
    return {"cpus": cpus, "memory_bytes": gib * GIB}


@pytest.mark.parametrize("size", MACHINES)
@pytest.mark.parametrize("instances", [1, 2, 5, 20])
@pytest.mark.parametrize("replicas", [1, 2, 4])
def test_a_normal_odoo_has_enough_and_services_keep_theirs(size, instances, replicas):
    here = machine(*size)
    instance = instance_tools.make(replicas=("app1",) * replicas)
    found = limits.odoo(instance, here, instances)
    conf = odoo_conf.options(instance, here, "db", 5432)
    workers, hard = int(conf["workers"]), int(conf["limit_memory_hard"])
    room = limits.for_odoo(here)
    assert room <= here["memory_bytes"] - here["memory_bytes"] // 4
    assert found["memory"] <= room
    # All processes as the deployment guide has them, and one at its own limit; where the machine has that for Odoo at all
    enough = (workers + instance.max_cron_threads) * odoo_conf.WORKER_MEMORY + hard
    assert found["memory"] >= min(enough, room) // MIB * MIB
    assert found["memory_swap"] == found["memory"]
    assert found["pids_limit"] >= 16 * (workers + 2)
    assert limits.odoo(instance, here, instances, run=True)["memory"] == room // MIB * MIB


def test_cron_workers_of_odoo_conf_count_like_those_of_the_variable():
    here = machine(8, 64)
    by_conf = instance_tools.make(odoo_conf={"max_cron_threads": 20})
    assert limits.odoo(by_conf, here, 8) == limits.odoo(instance_tools.make(odoo_max_cron_threads=20), here, 8)
    assert limits.odoo(by_conf, here, 8) != limits.odoo(instance_tools.make(), here, 8)


def test_replicas_share_the_weight_of_their_instance():
    here = machine(4, 16)
    one, four = (limits.odoo(instance_tools.make(replicas=("app1",) * number), here, 2) for number in (1, 4))
    assert one["cpu_shares"] == 4 * four["cpu_shares"] == limits.INSTANCE_SHARES
    assert limits.service("postgres", here)["cpu_shares"] > one["cpu_shares"]


def test_who_is_ended_first_when_the_machine_has_no_memory_left():
    here, instance = machine(2, 4), instance_tools.make()
    order = [
        limits.odoo(instance, here, 1, run=True),
        limits.odoo(instance, here, 1),
        limits.service("redis", here, GIB),
    ]
    scores = [one.get("oom_score_adj", 0) for one in order]
    assert scores == sorted(set(scores), reverse=True)
    assert min(scores) >= 0  # an engine in a container may not lower it


def test_one_neighbour_more_rarely_changes_anything():
    instance, here = instance_tools.make(), machine(8, 64)
    found = [limits.odoo(instance, here, number) for number in range(1, 17)]
    assert len({one["memory"] for one in found}) <= 5
    assert found[4] == found[7]


@pytest.mark.parametrize("gib", [1.9, 3.83, 7.7, 15.6, 23.54, 62.6, 251.8])
def test_some_megabytes_change_nothing(gib):
    memory = int(gib * GIB)
    assert {coarse(memory + more * MIB) for more in range(-20, 21)} == {coarse(memory)}
    assert memory * 15 // 16 <= coarse(memory) <= memory
    assert coarse(coarse(memory)) == coarse(memory)


def test_what_the_inventory_says_wins():
    instance = instance_tools.make(odoo_memory="3g", odoo_run_memory="5g", odoo_pids=200, odoo_cpu_shares=4096)
    found, run = (limits.odoo(instance, machine(2, 4), 1, run) for run in (False, True))
    assert (found["memory"], found["pids_limit"], found["cpu_shares"]) == (3 * GIB, 200, 4096)
    assert (run["memory"], run["pids_limit"], run["cpu_shares"]) == (5 * GIB, 1024, 4096)


@pytest.mark.parametrize(
    ("conf", "workers"), [({"workers": "9"}, 9), ({"workers": 0}, 0), ({"limit_memory_hard": 3 * GIB}, None)]
)
def test_workers_of_odoo_conf_count(conf, workers):
    instance = instance_tools.make(odoo_conf=conf)
    found = odoo_conf.size_of(instance, machine(2, 16))
    assert workers in (None, found[0])
    assert found[1] == conf.get("limit_memory_hard", odoo_conf.LIMIT_MEMORY_HARD)
    assert limits.odoo(instance, machine(2, 16), 16)["memory"] >= found[1]


def test_every_container_has_limits_and_a_bounded_tmp():
    here = instance_tools.surroundings()
    for definition in (
        *odoo_containers.replicas([instance_tools.make()], here, "app1"),
        odoo_containers.one_off(instance_tools.make(), here, "InstallOnly"),
        odoo_containers.one_off(instance_tools.make(), here, "UpdateOnly"),
    ):
        assert set(definition["limits"]) >= {"memory", "memory_swap", "pids_limit", "cpu_shares"}
        assert all("size=" in one for one in definition["tmpfs"])
        host = one_off.body({**definition, "image": "sha256:1"}, "oc")["HostConfig"]
        assert host["Memory"] == host["MemorySwap"] == definition["limits"]["memory"]
        assert host["PidsLimit"] == definition["limits"]["pids_limit"]
        assert host["CpuShares"] == definition["limits"]["cpu_shares"]


def test_without_limits_tmp_is_bounded_all_the_same():
    (definition,) = odoo_containers.replicas([instance_tools.make()], instance_tools.surroundings(limits=False), "app1")
    assert definition["limits"] == {}
    assert all("size=" in one for one in definition["tmpfs"])


def test_the_filter():
    found = container_limits("postgres", "8g", reservation="2g", pids=456)
    assert found["memory"] == 6 * GIB
    assert found["memory_reservation"] == 2 * GIB
    assert found["pids_limit"] == 456
    assert container_limits("redis", 0, memory="576m")["memory"] == 576 * MIB
    assert container_limits("redis", 0, memory="576m", enabled="no") == {"memory": 576 * MIB}
    assert container_limits("postgres", "8g", enabled=False) == {}
    with pytest.raises(AnsibleFilterError, match="memory='much' of redis: give a size such as 256m"):
        container_limits("redis", 0, memory="much")
    with pytest.raises(AnsibleFilterError, match="odoo_cloud_limits='perhaps': give true or false"):
        container_limits("redis", 0, enabled="perhaps")
