# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.instance import (
    InventoryError,
    build_instances,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.model import AddonsFolder, Image, Replica

GROUPS = {
    "all": ["localhost", "acme-1", "acme-2"],
    "docker_hosts": ["localhost"],
    "postgres": ["localhost"],
    "odoo": ["acme-1", "acme-2"],
    "prod": ["acme-1", "acme-2"],
    "acme_prod": ["acme-1", "acme-2"],
}


def build(groups=None, **variables):
    values = {"ansible_host": "localhost", **variables}
    hostvars = {host: dict(values) for host in ("acme-1", "acme-2")}
    hostvars["localhost"] = {}
    return build_instances(groups or GROUPS, hostvars, lambda name: f"secret of {name}", 8443)


def problems(groups=None, **variables):
    with pytest.raises(InventoryError) as caught:
        build(groups, **variables)
    return caught.value.problems


def test_an_instance_is_a_group_below_an_environment():
    (instance,) = build()
    assert instance.name == "acme_prod"
    assert instance.environment == "prod"
    assert instance.project == "acme"
    assert instance.bucket.name == "acme-odoo-prod"
    assert instance.replicas == (Replica("acme-1", "localhost"), Replica("acme-2", "localhost"))
    assert instance.database.to_dict() == {
        "name": "acme_prod",
        "owner": "acme_prod",
        "password": "secret of acme_prod/db_password",
        "keeper": "acme_prod_keeper",
        "keeper_password": "secret of acme_prod/db_keeper_password",
        "lock": "acme_prod--lock",
        "connections": None,
    }
    assert instance.owner_login.to_dict() == {
        "database": "acme_prod",
        "user": "acme_prod",
        "password": "secret of acme_prod/db_password",
    }
    assert instance.base_url == "https://acme-prod.localhost:8443"
    assert instance.image == Image("odoo-19", "odoo", "19", "", "")


def test_given_values_win():
    (instance,) = build(
        odoo_version="14.0", odoo_db_password="given", odoo_hostnames=["odoo.acme.example"], odoo_workers="4"
    )
    assert instance.version == "14"
    assert instance.database.password == "given"
    assert instance.hostnames == ("odoo.acme.example",)
    assert instance.workers == 4


def test_the_way_back_depends_on_the_environment():
    def way_back(groups=None, **variables):
        (instance,) = build(groups, **variables)
        return instance.on_failure, instance.restore_point

    test = {**{name: hosts for name, hosts in GROUPS.items() if name != "prod"}, "test": GROUPS["prod"]}
    assert way_back() == ("rollback", "auto")
    assert way_back(test) == ("hold", "none")
    assert way_back(test, odoo_on_failure="rollback") == ("rollback", "auto")
    assert way_back(odoo_restore_point="none") == ("hold", "none")
    assert way_back(odoo_on_failure="hold", odoo_restore_point="dump") == ("hold", "dump")
    assert way_back(odoo_on_failure="hold") == ("hold", "auto")  # who has to decide needs a way back
    assert way_back(test, odoo_on_failure="hold") == ("hold", "none")
    assert "there is nothing to go back to" in problems(odoo_on_failure="rollback", odoo_restore_point="none")[0]
    assert "give hold or rollback" in problems(odoo_on_failure="undo")[0]
    assert "give none, auto, clone or dump" in problems(odoo_restore_point="copy")[0]


def test_a_migration_file_is_in_the_project_or_in_the_image():
    (instance,) = build()
    assert (instance.migration.file, instance.project_dir, instance.addons_dirs) == ("", "", ())
    (instance,) = build(
        odoo_project_dir="/srv/acme/", odoo_migration_file="migrations", odoo_migration_allow_serie="yes",
        odoo_addons_dirs=["/srv/acme/addons/", "/srv/oca"],
    )  # fmt: skip
    assert instance.migration.file == "/opt/odoo-cloud/project/migrations"
    assert (instance.migration.allow_serie, instance.project_dir) == (True, "/srv/acme")
    assert instance.addons_dirs == (
        AddonsFolder("/srv/acme/addons", "/mnt/addons/1"),
        AddonsFolder("/srv/oca", "/mnt/addons/2"),
    )
    (instance,) = build(odoo_migration_file="/odoo/migration.yml")
    assert instance.migration.file == "/odoo/migration.yml"
    assert "begins in odoo_project_dir, which is not set" in problems(odoo_migration_file="migration.yml")[0]
    assert "without '..'" in problems(odoo_migration_file="/odoo/../x")[0]
    assert "absolute paths" in problems(odoo_addons_dirs=["addons"])[0]
    assert "absolute path" in problems(odoo_project_dir="acme")[0]
    assert "give true or false" in problems(odoo_migration_allow_serie="maybe")[0]


def test_updates_are_one_text_for_the_environment():
    (instance,) = build(odoo_update=["sale", "stock"], odoo_update_live="true", odoo_hooks_dir="/srv/hooks/")
    assert (instance.update_modules, instance.update_live, instance.hooks_dir) == (
        "sale,stock",
        True,
        "/srv/hooks",
    )
    (instance,) = build()
    assert (instance.mode, instance.update_modules, instance.update_live) == ("RunOnly", "changed", False)
    assert (instance.hooks_dir, instance.hooks, instance.reset_policy) == ("", "changed", "safe")


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"odoo_version": "13"}, "odoo_version='13' of instance 'acme_prod': supported are 14, 15, 16, 17, 18, 19"),
        ({"odoo_project": "Acme Corp"}, "odoo_project='Acme Corp' of instance 'acme_prod': project 'Acme Corp': use"),
        ({"odoo_db_name": "postgres"}, "odoo_db_name='postgres' of instance 'acme_prod'"),
        ({"odoo_bucket": "a..b"}, "odoo_bucket='a..b' of instance 'acme_prod'"),
        ({"odoo_db_name": "a;drop"}, "odoo_db_name='a;drop'"),
        ({"odoo_hostnames": "x.example"}, "odoo_hostnames='x.example' of instance 'acme_prod': give a list"),
        (
            {"odoo_admin_password": "admin"},
            "odoo_admin_password='********' of instance 'acme_prod': 'admin' is Odoo's default",
        ),
        ({"odoo_workers": "many"}, "odoo_workers='many' of instance 'acme_prod': give a whole number"),
        (
            {"odoo_mode": "Forever"},
            "odoo_mode='Forever' of instance 'acme_prod': give RunOnly, InstallAndRun or UpdateAndRun",
        ),
        (
            {"odoo_update": ["all", "sale"]},
            "odoo_update=['all', 'sale'] of instance 'acme_prod': changed, all and none stand",
        ),
        ({"odoo_update": "sale; rm"}, "odoo_update='sale; rm' of instance 'acme_prod': give changed, all or none"),
        ({"odoo_update": []}, "odoo_update=[] of instance 'acme_prod': give changed, all or none"),
        ({"odoo_update_live": "maybe"}, "odoo_update_live='maybe' of instance 'acme_prod': give true or false"),
        ({"odoo_hooks_dir": "hooks"}, "odoo_hooks_dir='hooks' of instance 'acme_prod': give the absolute path"),
        ({"odoo_hooks": "never"}, "odoo_hooks='never' of instance 'acme_prod': give changed or always"),
        ({"odoo_reset_policy": "bold"}, "odoo_reset_policy='bold' of instance 'acme_prod': give safe or seed"),
        ({"odoo_holder_timeout": -1}, "odoo_holder_timeout=-1 of instance 'acme_prod': give a whole number, 0 or more"),
        ({"odoo_server_wide_modules": "x"}, "odoo_server_wide_modules='x' of instance 'acme_prod': give a list"),
        ({"odoo_modules": ["base; rm"]}, "odoo_modules=['base; rm']"),
        (
            {"ansible_host": "elsewhere"},
            "ansible_host='elsewhere' of replica 'acme-1': no machine of the group docker_hosts",
        ),
    ],
)
def test_a_wrong_value_names_variable_value_and_what_is_right(variables, text):
    assert text in problems(**variables)[0]


def test_every_problem_is_reported_at_once():
    assert len(problems(odoo_version="13", odoo_db_name="A", odoo_workers=-1)) == 3


def test_a_replica_outside_an_instance_group():
    groups = {key: value for key, value in GROUPS.items() if key != "acme_prod"}
    assert "it is a replica outside an instance group" in problems(groups)[0]


def test_an_instance_without_environment():
    groups = {key: value for key, value in GROUPS.items() if key != "prod"}
    assert "its environment is none" in problems(groups)[0]


def test_two_environments_are_one_too_many():
    assert "its environment is prod and test" in problems({**GROUPS, "test": ["acme-1"]})[0]


def test_a_foreign_group_needs_odoo_instance():
    groups = {**GROUPS, "europe": ["acme-1", "acme-2"]}
    assert "could be acme_prod or europe; set odoo_instance" in problems(groups)[0]
    assert build(groups, odoo_instance="acme_prod")[0].name == "acme_prod"


def test_labs_environment_keeps_its_name():
    groups = {**GROUPS, "prod": [], "labs_new": ["acme-1", "acme-2"]}
    assert build(groups)[0].environment == "labs-new"


def two(first, second, thorough=True):
    """What is wrong with two replicas of one instance that have these variables."""
    hostvars = {
        "acme-1": {"ansible_host": "localhost", **first},
        "acme-2": {"ansible_host": "localhost", **second},
        "localhost": {},
    }
    try:
        build_instances(GROUPS, hostvars, lambda name: name, thorough=thorough)
    except InventoryError as error:
        return error.problems
    return []


def test_a_variable_that_differs_between_replicas_is_refused():
    assert two({"odoo_workers": 4}, {"odoo_workers": 2}) == [
        "odoo_workers=2 of replica 'acme-2': replica 'acme-1' of the same instance 'acme_prod' has 4; give all replicas of an"
        " instance the same, in its group"
    ]
    # A replica that doesn't have it has the default.
    assert two({}, {"odoo_max_cron_threads": 2})[0].startswith(
        "odoo_max_cron_threads=2 of replica 'acme-2': replica 'acme-1'"
    )
    assert "has 1; give" in two({}, {"odoo_max_cron_threads": 2})[0]
    assert len(two({"odoo_workers": 4}, {"odoo_language": "de_DE", "odoo_db_name": "x"})) == 3


def test_what_is_the_same_in_other_words_does_not_differ():
    assert two({"odoo_workers": 4, "odoo_version": "19"}, {"odoo_workers": "4", "odoo_language": ""}) == []
    assert two({"odoo_max_cron_threads": 1, "odoo_modules": ("base",)}, {"odoo_modules": ["base"]}) == []


def test_what_is_a_replicas_own_may_differ():
    assert two({"odoo_instance": "acme_prod"}, {}) == []
    hostvars = {"ansible_port": 22, "note": "first", "odoo_replica_plan": [1], "odoo_drained": {"changed": True}}
    assert two(hostvars, {"ansible_port": 23, "note": "second"}) == []


@pytest.mark.parametrize(
    "variable", ["odoo_db_password", "odoo_s3_secret_key", "odoo_metrics_token", "odoo_release_secret_key"]
)
def test_secrets_that_differ_are_not_shown(variable):
    (found,) = two({variable: "first-value"}, {variable: "second-value"})
    assert found.startswith(f"{variable}='********' of replica 'acme-2': ") and "has '********';" in found
    assert "value" not in found.replace(variable, "")


def test_a_secret_is_fetched_once_unless_all_is_checked():
    """It may come from a vault, and the lookup runs many times."""

    class Vault(dict):
        fetched = 0

        def get(self, name, default=None):
            if name == "odoo_db_password":
                Vault.fetched += 1
            return super().get(name, default)

    for thorough, times in ((False, 1), (True, 2)):
        Vault.fetched = 0
        variables = {"ansible_host": "localhost", "odoo_db_password": "x"}
        hostvars = {"acme-1": Vault(variables), "acme-2": Vault(variables), "localhost": {}}
        build_instances(GROUPS, hostvars, lambda name: name, thorough=thorough)
        assert Vault.fetched == times
    assert two({"odoo_db_password": "x"}, {"odoo_db_password": "y"}, thorough=False) == []
    assert len(two({"odoo_workers": 3}, {"odoo_workers": 2}, thorough=False)) == 1


def test_what_prints():
    def engine(**settings):
        hostvars = {
            "acme-1": {"ansible_host": "localhost", **settings},
            "acme-2": {"ansible_host": "localhost"},
            "localhost": {},
        }
        return build_instances(GROUPS, hostvars, lambda name: name)[0].report_engine

    first = {"image_source": "registry"}
    assert (engine(), engine(image_source="debian"), engine(**first)) == ("chromium", "chromium", "wkhtmltopdf")
    both = [{"odoo_report_engine": "chromium", **first}] * 2
    assert two(*both) == []
    for wrong in ({"odoo_workers": 1}, {"odoo_workers": "1"}, {"odoo_conf": {"workers": 1}}):
        (found,) = problems(**wrong)
        assert "Odoo prints no reports with one worker; give 2 or more, or 0 for threads" in found
    (found,) = problems(odoo_report_engine="weasyprint")
    assert found.endswith("give chromium or wkhtmltopdf")


def test_a_token_in_the_address_of_a_repository_is_not_shown():
    (found,) = problems(odoo_git_sources=["https://token@example.com/x.git"])
    assert found == (
        "odoo_git_sources='********' of instance 'acme_prod': give a list of dictionaries with url and revision"
    )


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"odoo_limit_time_cpu": "long"}, "odoo_limit_time_cpu='long' of instance 'acme_prod': give a whole number"),
        (
            {"odoo_limit_memory_hard": "much"},
            "odoo_limit_memory_hard='much' of instance 'acme_prod': give a number of bytes, or a size such as 2g",
        ),
        ({"odoo_max_upload": "much"}, "odoo_max_upload='much' of instance 'acme_prod': give a size such as 256m or 1g"),
        ({"odoo_addons_path": "/x"}, "odoo_addons_path='/x' of instance 'acme_prod': give a list"),
        ({"odoo_release": "x" * 16}, "odoo_release='xxxxxxxxxxxxxxxx' of instance 'acme_prod': give the name"),
        (
            {"odoo_release": "0" * 16},
            "odoo_release='0000000000000000' of instance 'acme_prod': give odoo_release_bucket",
        ),
        ({"odoo_release_bucket": "A"}, "odoo_release_bucket='A' of instance 'acme_prod': bucket name 'A'"),
        (
            {"odoo_bucket": "x" * 60, "odoo_custom_modules_paths": ["/x"]},
            "odoo_release_bucket=None of instance 'acme_prod': bucket name",
        ),
    ],
)
def test_more_wrong_values(variables, text):
    (found,) = problems(**variables)
    assert found.startswith(text)


STORE = {**GROUPS, "object_storage": ["localhost"]}
SOURCES = {"odoo_custom_modules_paths": ["/src"]}


def code_of(groups=STORE, **variables):
    (instance,) = build(groups, **{**SOURCES, **variables})
    return instance.code


def test_releases_have_an_account_of_their_own():
    (instance,) = build(STORE, **SOURCES)
    code, key = instance.code, "secret of acme_prod/code_secret_key"
    assert code.account.to_dict() == {"account": "acme_prod-code", "user": "odoo", "key": key, "quota": None}
    assert code.own_bucket.to_dict() == {
        "name": "acme-odoo-prod-code", "access_key": "acme_prod-code:odoo", "secret_key": key,
    }  # fmt: skip
    assert (code.access_key, code.secret_key, code.protected) == ("acme_prod-code:odoo", key, True)
    assert key not in instance.secret_files.values()
    assert instance.bucket.access_key == "acme_prod:odoo" != code.access_key


@pytest.mark.parametrize(
    ("groups", "variables"),
    [
        (GROUPS, {}),  # nobody runs a store for it
        (STORE, {"object_storage_external": "https://s3.example.com"}),
        (STORE, {"odoo_cloud_s3_endpoint": "https://s3.example.com"}),
        (STORE, {"odoo_release_endpoint": "https://s3.example.com"}),
    ],
)
def test_in_another_store_releases_keep_the_keys_of_the_bucket_and_that_is_said(groups, variables):
    code = code_of(groups, odoo_s3_access_key="AKIA", odoo_s3_secret_key="theirs", **variables)
    assert code.account is None
    assert (code.access_key, code.secret_key, code.protected) == ("AKIA", "theirs", False)
    assert (code.own_bucket.access_key, code.own_bucket.secret_key) == ("AKIA", "theirs")


def test_keys_of_the_store_that_a_machine_alone_states_count():
    hostvars = {host: {"ansible_host": "localhost", **SOURCES} for host in ("acme-1", "acme-2")}
    hostvars["localhost"] = {"object_storage_external": "https://s3.example.com"}
    (instance,) = build_instances(STORE, hostvars, lambda name: f"secret of {name}")
    assert instance.code.account is None and not instance.code.protected


@pytest.mark.parametrize(
    ("variables", "protected"),
    [
        ({"odoo_release_access_key": "AK", "odoo_release_secret_key": "another"}, True),
        ({"odoo_release_access_key": "AK", "odoo_release_secret_key": "secret of acme_prod/s3_secret_key"}, False),
        ({}, True),  # what the machine finds by itself
    ],
)
def test_a_stated_bucket_has_no_account_and_is_protected_by_another_key(variables, protected):
    code = code_of(odoo_release_bucket="theirs", **variables)
    assert code.account is None and code.own_bucket is None and code.protected is protected


def test_stated_keys_of_the_own_bucket_do_not_protect_it():
    code = code_of(odoo_release_access_key="AK", odoo_release_secret_key="another")
    assert code.account is None and code.own_bucket.access_key == "acme_prod:odoo" and not code.protected


def test_the_old_key_of_another_instances_releases_is_refused():
    groups = {**STORE, "odoo": ["acme-1", "acme-2", "next-1"], "test": ["next-1"], "next": ["next-1"]}
    hostvars = {host: {"ansible_host": "localhost", **SOURCES} for host in ("acme-1", "acme-2")}
    hostvars["localhost"] = {}
    follower = {"odoo_release_bucket": "acme-odoo-prod-code", "odoo_release_secret_key": "x"}
    hostvars["next-1"] = {"ansible_host": "localhost", **follower, "odoo_release_access_key": "acme_prod:odoo"}
    with pytest.raises(InventoryError) as caught:
        build_instances(groups, hostvars, lambda name: f"secret of {name}")
    (line,) = caught.value.problems
    assert line.startswith("odoo_release_access_key='acme_prod:odoo' of instance 'next': ")
    assert "'acme_prod-code:odoo'" in line and "acme_prod/code_secret_key" in line and "secret of" not in line
    hostvars["next-1"]["odoo_release_access_key"] = "acme_prod-code:odoo"
    assert len(build_instances(groups, hostvars, lambda name: f"secret of {name}")) == 2
