# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.naming import (
    NamingError,
    bridge_of,
    bridge_prefix,
    bucket_name,
    check_bucket_name,
    connections,
    network_of,
    redis_prefix,
)


@pytest.mark.parametrize(
    ("project", "environment", "name"),
    [
        ("demo", "prod", "demo-odoo-prod"),
        ("acme-ch", "integration", "acme-ch-odoo-integration"),
        ("acme", "labs_next", "acme-odoo-labs-next"),
        ("7up", "test", "7up-odoo-test"),
    ],
)
def test_structure(project, environment, name):
    assert bucket_name(project, environment) == name
    assert redis_prefix(project, environment) == name


@pytest.mark.parametrize(
    ("project", "environment", "said"),
    [
        ("", "prod", "project ''"),
        ("Acme", "prod", "project 'Acme'"),
        ("acme_ch", "prod", "project 'acme_ch'"),
        ("acme-", "prod", "project 'acme-'"),
        ("acme\n", "prod", "project"),
        ("acme", "", "environment ''"),
        ("acme", "Prod", "environment 'Prod'"),
        ("acme", "labs__x", "environment 'labs__x'"),
        ("acme", "prod-test", "production"),
        ("acme", "prod_old", "production"),
        ("acme", "production", "production"),
        ("acme-odoo-prod", "test", "production"),
        ("a" * 60, "prod", "3 to 63"),
    ],
)
def test_refused(project, environment, said):
    with pytest.raises(NamingError, match=said):
        bucket_name(project, environment)


@pytest.mark.parametrize("name", ["abc", "a.b-c", "0" * 63, "1.2.3"])
def test_bucket_names_of_s3(name):
    assert check_bucket_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["ab", "a" * 64, "Abc", "a_b", "-abc", "abc-", ".abc", "a..b", "a.-b", "a-.b", "1.2.3.4", "xn--abc", "abc-s3alias"]
    + ["a b", "abc\n", "a/b"],
)
def test_no_bucket_names(name):
    with pytest.raises(NamingError, match="bucket name"):
        check_bucket_name(name)


def test_networks_of_instances():
    assert network_of("odoo-cloud", "acme_prod") == "odoo-cloud.acme_prod"
    names = [network_of(platform, f"i{number}") for platform in ("a", "a-b", "b") for number in range(500)]
    bridges = {bridge_of(name) for name in names}
    assert len(bridges) == len(names)
    assert all(len(one) <= 15 for one in bridges)  # IFNAMSIZ of Linux
    assert {bridge_of(name)[:7] for name in names} == {bridge_prefix(platform) for platform in ("a", "a-b", "b")}


def test_a_platform_sorts_before_its_instances():
    # Docker takes the default route of a service, and its published ports, from the network that sorts first.
    assert min("oc", network_of("oc", "acme"), network_of("oc", "0")) == "oc"


def test_only_nginx_answers_to_the_host_names_of_an_instance():
    given = [("acme", ["acme.example.com"]), ("shop", [])]
    assert connections(given, "oc", "redis") == [
        {"name": "oc.acme", "aliases": ["redis"]},
        {"name": "oc.shop", "aliases": ["redis"]},
    ]
    assert connections(given, "oc", "nginx")[0] == {"name": "oc.acme", "aliases": ["nginx", "acme.example.com"]}
