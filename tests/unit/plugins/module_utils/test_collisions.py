# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import collisions
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import instance as _instance
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.instance import (
    InventoryError,
    build_instances,
)


def inventory(instances, replicas=None):
    """Instances by name, each with its environment and variables, one replica each unless ``replicas`` names them."""
    groups = {"docker_hosts": ["localhost"], "odoo": []}
    hostvars = {"localhost": {}}
    for name, (environment, variables) in instances.items():
        hosts = (replicas or {}).get(name) or [f"{name}-1"]
        groups["odoo"] += hosts
        groups.setdefault(environment, []).extend(hosts)
        groups[name] = hosts
        hostvars.update({host: {"ansible_host": "localhost", **variables} for host in hosts})
    return groups, hostvars


def problems(instances, replicas=None):
    groups, hostvars = inventory(instances, replicas)
    try:
        build_instances(groups, hostvars, lambda name: f"secret of {name}")
    except InventoryError as error:
        return error.problems
    return []


def test_demo_and_demo_prod_would_share_bucket_and_sessions():
    assert problems({"demo": ("prod", {}), "demo_prod": ("prod", {})}) == [
        "odoo_project='demo' of instance 'demo_prod': instance 'demo' has the prefix 'demo-odoo-prod' of its sessions in Redis already;"
        " give one of the two another odoo_project",
        "odoo_bucket='demo-odoo-prod' of instance 'demo_prod': instance 'demo' has the bucket 'demo-odoo-prod' already; give one of the"
        " two another odoo_bucket, or another odoo_project",
    ]
    assert problems({"demo": ("prod", {}), "demo_prod": ("prod", {"odoo_project": "other"})}) == []


@pytest.mark.parametrize(
    ("first", "second", "variables"),
    [
        ({"odoo_db_name": "one"}, {"odoo_db_name": "one"}, ["odoo_db_name"]),
        ({"odoo_hostnames": ["a.example"]}, {"odoo_hostnames": ["b.example", "a.example"]}, ["odoo_hostnames"]),
        ({"odoo_db_user": "both"}, {"odoo_db_user": "both"}, ["odoo_db_user"]),
        # The keeper of one is the role of the other.
        ({}, {"odoo_db_user": "alpha_keeper"}, ["odoo_db_user"]),
        ({"odoo_db_user": "beta_keeper"}, {}, ["odoo_db_name"]),
        # Names that PostgreSQL's limit makes equal.
        ({"odoo_db_name": "x" * 56 + "1"}, {"odoo_db_name": "x" * 56 + "2"}, ["odoo_db_name"]),
        ({"odoo_bucket": "same"}, {"odoo_bucket": "same"}, ["odoo_bucket"]),
        ({"odoo_platform_kind": "ovh", "odoo_bucket": "same"}, {"odoo_platform_kind": "ovh", "odoo_bucket": "same"}, ["odoo_bucket"]),
        # The releases of one in the bucket of the other's attachments.
        ({"odoo_bucket": "mine-code"}, {"odoo_bucket": "mine", "odoo_custom_modules_paths": ["/srv/code"]}, ["odoo_release_bucket"]),
    ],
)  # fmt: skip
def test_what_two_instances_may_not_share(first, second, variables):
    found = problems({"alpha": ("prod", first), "beta": ("prod", second)})
    assert [one.split("=")[0] for one in found] == variables
    assert all("'beta'" in one and "'alpha'" in one for one in found)


def test_what_looks_alike_and_is_not():
    stores = [{"odoo_bucket": "same", "odoo_s3_endpoint": f"https://{where}.example"} for where in ("a", "b")]
    assert problems({"alpha": ("prod", stores[0]), "beta": ("prod", stores[1])}) == []
    assert problems({"acme": ("prod", {}), "acme_test": ("test", {})}) == []
    # One bucket of releases for several is a choice.
    shared = {"odoo_release_bucket": "releases", "odoo_custom_modules_paths": ["/srv/code"]}
    assert problems({"alpha": ("prod", shared), "beta": ("prod", shared)}) == []


@pytest.mark.parametrize("name", collisions.FOLDERS)
def test_an_instance_has_no_name_of_the_platforms_own(name):
    found = problems({name: ("prod", {})})
    if name in _instance.MACHINE_GROUPS:  # such a group is never taken for an instance's
        assert "it is a replica outside an instance group" in found[0]
    else:
        assert found[0].startswith(
            f"instance group {name!r}: the platform has a folder of this name for itself; rename the group"
        )


@pytest.mark.parametrize("name", ["admin", "default", "health", "loader"])
def test_a_user_of_redis_that_the_server_needs(name):
    (found,) = problems({name: ("prod", {})})
    assert found.startswith(f"odoo_db_name={name!r} of instance {name!r}: Redis has a user of this name")
    assert problems({name: ("prod", {"odoo_db_name": "odoo_admin"})}) == []


@pytest.mark.parametrize("suffix", collisions.ONE_OFF_SUFFIXES)
def test_a_replica_is_not_called_like_a_one_off_container(suffix):
    mine = problems({"demo": ("prod", {})}, {"demo": [f"demo-{suffix}"]})
    assert mine == [
        f"inventory host 'demo-{suffix}': instance 'demo' has a container of this name; give the replica another one, such as demo-1"
    ]
    # Nor like another instance's.
    theirs = problems({"demo": ("prod", {}), "other": ("prod", {})}, {"other": [f"demo-{suffix}"]})
    assert theirs[0].startswith(f"inventory host 'demo-{suffix}': instance 'demo' has a container of this name")


@pytest.mark.parametrize("service", collisions.SERVICES)
def test_a_replica_is_not_called_like_a_service(service):
    (found,) = problems({"demo": ("prod", {})}, {"demo": [service]})
    assert found.startswith(f"inventory host {service!r}: the platform's own service has a container of this name")


def test_every_derived_name_of_an_instance_is_claimed():
    groups, hostvars = inventory({"acme": ("prod", {"odoo_custom_modules_paths": ["/srv/code"]})})
    (instance,) = build_instances(groups, hostvars, lambda name: "secret")
    claimed = {claim.value[1] if claim.kind == "bucket" else claim.value for claim in collisions.claims(instance)}
    derived = {
        instance.database.name, instance.database.owner, instance.database.keeper, instance.database.lock,
        instance.redis.prefix,
        instance.bucket.name, instance.code.own_bucket.name, *instance.hostnames,
    }  # fmt: skip
    assert derived <= claimed
    groups, hostvars = inventory({"acme": ("test", {})})
    (instance,) = build_instances(groups, hostvars, lambda name: "secret")
    assert {"mail-acme", "mail.acme.localhost"} <= {claim.value for claim in collisions.claims(instance)}
    assert _instance.upstream_alias("acme") == "acme.odoo"  # by the group's name, which is there once
