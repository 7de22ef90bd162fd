# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ipaddress

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine import subnets

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


def test_a_thousand_networks_fit_and_none_overlaps():
    names = [f"p.i{number}" for number in range(1000)]
    found = subnets.choose(subnets.DEFAULT_POOL, ["172.30.5.0/24", "172.17.0.0/16"], names)
    assert list(found) == names
    blocks = [ipaddress.ip_network(one) for one in found.values()]
    assert len(set(blocks)) == 1000
    pool, other = ipaddress.ip_network(subnets.DEFAULT_POOL), ipaddress.ip_network("172.30.5.0/24")
    assert all(one.subnet_of(pool) and not one.overlaps(other) and one.num_addresses == 64 for one in blocks)


def test_a_name_gets_the_same_addresses_again():
    assert subnets.choose(subnets.DEFAULT_POOL, [], ["p.a"]) == subnets.choose(subnets.DEFAULT_POOL, [], ["p.a"])


@pytest.mark.parametrize(
    ("taken", "room"),
    [
        ([], 4),
        (["10.1.2.0/25"], 2),
        (["10.1.2.64/27"], 3),
        (["10.0.0.0/8"], 0),
        (["10.1.1.0/24", "10.1.3.0/24", "fd00::/8"], 4),
    ],
)
def test_what_is_taken_leaves_room_for_the_rest(taken, room):
    names = [f"p.{number}" for number in range(room)]
    assert len(subnets.choose("10.1.2.0/24", taken, names)) == room
    with pytest.raises(subnets.SubnetError, match=f"there is room for {room} of 4"):
        subnets.choose("10.1.2.0/24", taken, [*names, "p.more"])


@pytest.mark.parametrize("text", ["", "10.0.0.0/27", "10.0.0.1/24", "fd00::/64", "many", "10.0.0.0/24,10.1.0.0/24"])
def test_a_pool_that_is_none_is_refused(text):
    with pytest.raises(subnets.SubnetError, match="^odoo_cloud_network_pool="):
        subnets.pool_of(text)


def test_routes_without_the_default_one(tmp_path):
    (tmp_path / "route").write_text(ROUTES)
    assert subnets.routes(str(tmp_path / "route")) == ["172.17.0.0/16", "192.0.2.0/24"]
    assert subnets.routes(str(tmp_path / "none")) == []
