# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arithmetic of connections: enough for Odoo and an update, and all together fit the server."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from instance_tools import make

from ansible_collections.odoo_cloud.platform.plugins.filter.postgres_connections import FilterModule
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.settings import LEAST_DB_CONNECTIONS
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import connections, odoo_conf

SMALL = {"cpus": 2, "memory_bytes": 4 * 1024**3}
FILTERS = FilterModule().filters()


def test_two_replicas_of_the_demo():
    instance = make(replicas=("app1", "app1"))
    assert odoo_conf.workers_of(instance, SMALL) == 2
    assert connections.of_replica(instance, SMALL) == 2 * 4 + 1 * 4 + 16 + 2
    assert connections.of_instance(instance, SMALL) == 2 * 30 + 2 * (16 + 4) + 5


@pytest.mark.parametrize(
    ("settings", "of_replica"),
    [
        ({"odoo_workers": 8, "odoo_max_cron_threads": 2}, 8 * 4 + 2 * 4 + 16 + 2),
        ({"odoo_workers": 0}, 16 + 2),
        ({"odoo_workers": 2, "odoo_conf": {"db_maxconn": 64}}, 3 * 4 + 64 + 2),
        ({"odoo_workers": 2, "odoo_conf": {"db_maxconn": 2}}, 3 * 2 + 2 + 2),
        ({"odoo_workers": 2, "odoo_conf": {"db_maxconn_gevent": 32}}, 3 * 4 + 32 + 2),
        ({"odoo_conf": {"workers": "5", "max_cron_threads": 0}}, 5 * 4 + 16 + 2),
    ],
)
def test_a_replica_follows_from_its_workers(settings, of_replica):
    assert connections.of_replica(make(**settings), SMALL) == of_replica


def test_a_stated_number_wins_and_is_enough_for_an_update():
    instance = make(odoo_db_connections=50)
    assert connections.of_instance(instance, {}) == 50
    assert odoo_conf.DB_MAXCONN + connections.PER_ONE_OFF <= LEAST_DB_CONNECTIONS


def test_databases_have_their_numbers():
    (database,) = FILTERS["odoo_databases"]([make().to_dict()], {"app1": {}}, {"app1": SMALL})
    assert database["connections"] == connections.of_instance(make(), SMALL)
    assert database["keeper_connections"] == connections.KEEPER
    assert database["owner"] == "acme"


def test_a_machine_of_unknown_size_is_no_guess():
    with pytest.raises(
        AnsibleFilterError,
        match="--limit: the size of machine 'app1', .* leave the limit out, or set odoo_db_connections",
    ):
        FILTERS["odoo_databases"]([make().to_dict()], {"app1": {}})
    assert FILTERS["odoo_databases"]([make(odoo_db_connections=30).to_dict()], {})[0]["connections"] == 30


def databases(*numbers: int) -> list[dict]:
    return [
        {
            "name": f"db{n}",
            "owner": f"db{n}",
            "keeper": f"db{n}_keeper",
            "connections": number,
            "keeper_connections": 10,
        }
        for n, number in enumerate(numbers)
    ]


@pytest.mark.parametrize(
    ("given", "most"),
    [([], 200), ([105], 200), ([105, 105], 400), ([175], 200), ([176], 400), ([100] * 30, 6400), ([5000, 6000], 10000)],
)
def test_the_server_allows_them_all_in_steps(given, most):
    assert connections.max_connections(databases(*given)) == most


def test_the_administrator_is_counted():
    given = databases(100, 50)
    assert connections.needed(given) == 100 + 50 + 2 * 10 + connections.ADMINISTRATOR + connections.SUPERUSER


def test_roles_that_several_databases_share_count_once():
    first, second = databases(100, 100)
    assert connections.needed([first, {**second, "owner": "db0", "keeper": "db0_keeper"}]) == connections.needed(
        [first]
    )


def test_what_does_not_fit_is_one_line_with_the_cure():
    given = databases(105, 120)
    assert connections.problems(given) == connections.problems(given, "") == connections.problems(given, 260) == []
    (line,) = connections.problems(given, 259)
    assert line == (
        "postgres_max_connections=259: the roles of all 2 databases may have 260 connections, 15 of them reserved for the"
        " administrator; give 260 or more, or lower odoo_db_connections of instances (the most has database 'db1': 120)"
    )
    assert connections.problems(databases(9000, 9000))[0].startswith("postgres_max_connections=10000: ")
