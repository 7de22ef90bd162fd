# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the containers of an instance are made from, and the files beside them; ``test_odoo_rendered.py`` has them whole."""

from __future__ import annotations

import dataclasses
import json

import instance_tools
import pytest
from ansible.errors import AnsibleFilterError
from instance_tools import SURROUNDINGS
from instance_tools import surroundings as here

from ansible_collections.odoo_cloud.platform.plugins.filter.odoo_containers import FilterModule
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import (
    odoo_containers,
    odoo_files,
    odoo_one_off,
)

FILTERS = FilterModule().filters()


def replica(**settings):
    (definition,) = odoo_containers.replicas([instance_tools.make(**settings)], here(), "app1")
    return definition


def one_off(mode="UpdateOnly", now=True, page=False, **settings):
    return odoo_containers.one_off(instance_tools.make(**settings), here(), mode, page, now)


def targets(definition):
    return {mount["target"]: mount for mount in definition["mounts"]}


def test_replicas_can_neither_write_events_nor_go_back():
    definition = replica()
    assert "healthcheck" in definition
    assert not {"ON_FAILURE", "RESTORE_POINT", "DB_ADMIN_USER", "UPDATE"} & set(definition["env"])
    assert not {"/run/odoo-cloud", "/run/secrets-admin", "/var/lib/odoo-restore"} & set(targets(definition))


def test_the_administrators_first_password_is_only_where_it_is_needed():
    installs = {"InstallAndRun": True, "UpdateAndRun": True, "RunOnly": False}
    for mode, needed in installs.items():
        definition = replica(odoo_mode=mode)
        assert ("ADMIN_PASSWORD_FILE" in definition["env"]) == needed
        assert ("/run/secrets-install" in targets(definition)) == needed
    for mode, needed in {"InstallOnly": True, "UpdateOnly": False}.items():
        definition = one_off(mode)
        assert ("ADMIN_PASSWORD_FILE" in definition["env"]) == needed
        assert ("/run/secrets-install" in targets(definition)) == needed
    static = odoo_one_off.for_static(one_off("InstallOnly"))
    assert not [target for target in targets(static) if "secrets" in target]
    rehearsal = odoo_one_off.for_rehearsal(one_off("InstallOnly"))
    assert "/run/secrets-install" not in targets(rehearsal)
    assert "ADMIN_PASSWORD_FILE" not in rehearsal["env"]


def test_a_replica_writes_nowhere_on_the_machine():
    """Stateless ones at all; others have the volume of their data."""
    for found in targets(replica()).values():
        assert found["read_only"] is True
    writable = [found for found in targets(replica(odoo_stateless=False)).values() if not found.get("read_only")]
    assert [found["type"] for found in writable] == ["volume"]


@pytest.mark.parametrize("mode", ["RunOnly", "InstallAndRun", "UpdateAndRun"])
def test_static_files_are_written_by_one_offs_alone_and_only_their_own_instances(mode):
    definition = replica(odoo_mode=mode)
    assert "STATIC_DIR" not in definition["env"]
    assert [target for target in targets(definition) if target.startswith("/srv/static")] == []
    definition = one_off()
    assert definition["env"]["STATIC_DIR"] == "/srv/static"
    assert [mount for target, mount in targets(definition).items() if target.startswith("/srv/static")] == [
        {"type": "bind", "source": "/srv/oc/static/acme", "target": "/srv/static/acme"}
    ]


def test_one_offs_have_what_a_run_needs():
    definition = one_off()
    assert definition["name"] == "oc-acme-run"
    assert definition["network"] == "oc.acme"
    assert targets(definition)["/run/odoo-cloud"]["source"] == "/srv/oc/acme/runs"
    assert definition["env"]["INSTALL_MISSING"] == "True"
    assert "INSTALL_MISSING" not in one_off("InstallOnly")["env"]


def test_only_a_run_that_stops_the_replicas_stands_in_for_them():
    assert "page_aliases" not in one_off() and "WAITING_PAGE" not in one_off()["env"]
    shown = one_off(page=True)
    assert shown["env"]["WAITING_PAGE"] == "True"
    assert shown["page_aliases"] == [replica()["aliases"][-1]]


@pytest.mark.parametrize(("environment", "point"), [("prod", "auto"), ("test", "none")])
def test_the_keepers_password_is_there_only_for_restore_points(environment, point):
    definition = one_off(environment=environment)
    assert definition["env"]["RESTORE_POINT"] == point
    assert ("DB_ADMIN_PASSWORD_FILE" in definition["env"]) == (point == "auto")
    assert ("/run/secrets-admin" in targets(definition)) == (point == "auto")


def test_without_a_migration_file_nothing_is_said_of_it():
    assert not [name for name in one_off()["env"] if name.startswith("MIGRATION_")]


def test_migrations():
    settings = {
        "odoo_project_dir": "/srv/acme", "odoo_migration_file": "migration.yml", "odoo_migration_mode": "sample",
        "odoo_migration_force_version": "19.0.1.0.0", "odoo_addons_dirs": ["/srv/addons"],
    }  # fmt: skip
    definition = one_off(**settings)
    env = definition["env"]
    assert env["MIGRATION_FILE"] == "/opt/odoo-cloud/project/migration.yml"
    assert (env["MIGRATION_MODE"], env["MIGRATION_FORCE_VERSION"]) == ("sample", "19.0.1.0.0")
    assert env["PYTHONPATH"] == env["ODOO_DATA_PATH"] == "/opt/odoo-cloud/project"
    for target, source in (("/opt/odoo-cloud/project", "/srv/acme"), ("/mnt/addons/1", "/srv/addons")):
        assert targets(definition)[target] == {"type": "bind", "source": source, "target": target, "read_only": True}
    # What was decided for one run is not kept for others, nor for what serves.
    assert "MIGRATION_FORCE_VERSION" not in one_off(now=False, **settings)["env"]
    assert "MIGRATION_FORCE_VERSION" not in replica(**settings)["env"]
    assert replica(**settings)["env"]["MIGRATION_FILE"] == env["MIGRATION_FILE"]
    assert "/srv/addons" in replica(**settings)["config_paths"]


def test_the_users_variables_win_and_keep_their_names():
    # As text of YAML, OFF was read as the boolean false, and an emoji as two halves of one.
    env = replica(odoo_env={"OFF": "1", "ON": "yes", "NULL": "x", "FACE": "\N{GRINNING FACE}", "TIMEOUT": 5})["env"]
    assert [env[name] for name in ("OFF", "ON", "NULL", "FACE", "TIMEOUT")] == [
        "1",
        "yes",
        "x",
        "\N{GRINNING FACE}",
        "5",
    ]


@pytest.mark.parametrize(
    ("changed", "mode"), [({}, None), ({"db_socket": ""}, "require"), ({"db_ca_certificate": "PEM"}, "verify-full")]
)
def test_how_the_server_is_checked_is_the_same_for_odoo_and_the_runtime(changed, mode):
    instance, around = instance_tools.make(), here(**changed)
    env = odoo_containers.variables(instance, around, "acme-1", "RunOnly")
    assert env.get("DB_SSLMODE") == mode
    assert ("DB_SSLROOTCERT" in env) == (mode == "verify-full")
    files = {file["path"]: file for file in odoo_files.files([instance], around)}
    assert (f"db_sslmode = {mode}" in files["/srv/oc/acme/config/odoo.conf"]["content"]) == (mode is not None)
    assert ("/srv/oc/secrets/acme/db_ca.pem" in files) == (mode == "verify-full")


def test_no_definition_and_no_open_file_holds_a_secret():
    instance = instance_tools.make(odoo_metrics=True, odoo_metrics_token="secret-of-metrics", odoo_restore_point="auto")
    definitions = [
        *odoo_containers.replicas([instance], here(), "app1"),
        odoo_containers.one_off(instance, here(), page=True),
    ]
    assert "secret-of" not in json.dumps(definitions)
    files = odoo_files.files([instance], here())
    assert "secret-of" not in json.dumps([file.get("content") for file in files])
    hidden = [file for file in files if "secret_content" in file]
    assert {file["mode"] for file in hidden} == {"0400"}
    assert sorted(file["secret_content"] for file in hidden) == sorted(
        [*(f"secret-of-acme/{name}" for name in ("admin_password", "db_keeper_password", "db_password", "redis_password",
                                                 "s3_secret_key")), "acme:odoo", "secret-of-metrics"]
    )  # fmt: skip


def test_the_file_on_the_machine_is_the_definition_that_is_kept():
    instance = instance_tools.make(odoo_migration_file="/m.yml", odoo_migration_force_version="19.0.1.0.0")
    (file,) = [one for one in odoo_files.files([instance], here()) if one["path"] == "/srv/oc/acme/one-off.json"]
    assert json.loads(file["content"]) == odoo_containers.one_off(instance, here(), now=False)


def test_what_is_said_for_one_run_is_in_its_container_and_not_in_the_file():
    usual = instance_tools.make(odoo_migration_file="/m.yml", odoo_update="none", odoo_migration_mode="demo")
    migration = dataclasses.replace(usual.migration, mode="full", allow_serie=True)
    told = dataclasses.replace(usual, update_modules="all", migration=migration)
    names = ("UPDATE", "MIGRATION_MODE", "MIGRATION_ALLOW_SERIE")
    run = odoo_containers.one_off(told, here(), now=True)["env"]
    assert [run[name] for name in names] == ["all", "full", "True"]
    kept = json.loads(odoo_files.kept_one_off(told, here()))
    assert [kept["env"][name] for name in names] == ["none", "demo", "False"]
    assert odoo_files.files([told], here()) == odoo_files.files([usual], here()), "the next plain run changes nothing"


def test_replicas_are_those_of_the_machine_and_of_no_instance_that_is_left_out():
    instance = instance_tools.make(replicas=("app1", "app2", "app1"))
    for machine, names in (("app1", ["oc-acme-1", "oc-acme-3"]), ("app2", ["oc-acme-2"]), ("app3", [])):
        assert [one["name"] for one in odoo_containers.replicas([instance], here(), machine)] == names
    assert odoo_containers.replicas([instance], here(), "app1", without=["acme"]) == []


def test_filters_take_what_the_lookup_and_the_role_give():
    instance = instance_tools.make()
    given = [instance.to_dict()]
    assert FILTERS["odoo_containers"](given, SURROUNDINGS, "app1") == odoo_containers.replicas(
        [instance], here(), "app1"
    )
    assert FILTERS["odoo_containers"](given, SURROUNDINGS, "app1", without=["acme"]) == []
    assert FILTERS["odoo_files"](given, SURROUNDINGS) == odoo_files.files([instance], here())
    made = FILTERS["odoo_one_off"](given, SURROUNDINGS, "acme", "InstallOnly", page=True, now=True)
    assert made == odoo_containers.one_off(instance, here(), "InstallOnly", True, True)
    assert "oc-acme-attachments" in FILTERS["odoo_one_off_names"](given, "oc")


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("odoo_one_off", (SURROUNDINGS, "acne"), r"odoo_one_off: instance 'acne' is not one of those given"),
        ("odoo_one_off", (SURROUNDINGS, "acme", "RunOnly"), r"mode 'RunOnly' .* InstallOnly or UpdateOnly is right"),
        ("odoo_files", ({**SURROUNDINGS, "code": {}},), r"odoo_files: surroundings: code has nothing of instance 'acme'"),
        ("odoo_files", ({"name": "oc"},), r"surroundings: db_ca_certificate, .*: missing"),
        ("odoo_files", ({**SURROUNDINGS, "rooot": ""},), r"surroundings: rooot: unknown"),
        ("odoo_files", ("oc",), r"surroundings: a dictionary is right"),
        ("odoo_containers", ({**SURROUNDINGS, "code": {"acme": {"image": "x"}}}, "app1"), r"code of acme: folder, .*: missing"),
    ],
)  # fmt: skip
def test_what_filters_say_of_wrong_arguments(name, given, says):
    with pytest.raises(AnsibleFilterError, match=says):
        FILTERS[name]([instance_tools.make().to_dict()], *given)
