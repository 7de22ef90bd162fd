# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role odoo gives to its containers."""

from __future__ import annotations

import json
from pathlib import Path

import jinja2
import pytest
import yaml

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import stateless
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.instance import build_instances
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._instances import of_instance

TEMPLATES = Path(__file__).parents[2] / "roles/odoo/templates"
SECRET = "secret-of-the-test"


def definitions(once=None, environment="prod", socket="/srv/oc/postgres/socket", **variables):
    groups = {name: ["acme-1"] for name in ("all", "odoo", environment, "acme")} | {"docker_hosts": ["app1"]}
    hostvars = {"acme-1": {"ansible_host": "app1", **variables}, "app1": {}}
    environment_of_jinja = jinja2.Environment(trim_blocks=True, loader=jinja2.FileSystemLoader(TEMPLATES))
    environment_of_jinja.filters["to_json"] = json.dumps
    environment_of_jinja.filters["odoo_cloud.platform.odoo_stateless_env"] = of_instance(
        "odoo_stateless_env", stateless.variables
    )
    text = environment_of_jinja.get_template("containers.yml.j2").render(
        odoo_instances=[one.to_dict() for one in build_instances(groups, hostvars, lambda name: SECRET)],
        odoo_name="oc", odoo_root="/srv/oc", odoo_images={"odoo-19": "sha256:1"}, odoo_db_socket=socket,
        odoo_db_host="/run/postgresql", odoo_db_port=5432, odoo_db_ca_certificate="", odoo_etc_hosts={},
        odoo_redis={}, odoo_storage={},
        odoo_code={"acme": {"image": "sha256:1", "release": "sha256:1", "folder": ""}},
        odoo_db_login={"user": "admin", "password": SECRET}, inventory_hostname="app1",
        __odoo_once=once or {}, __odoo_failures=[],
    )  # fmt: skip
    assert SECRET not in text
    return yaml.safe_load(text)


def one_off(mode="UpdateOnly", now=True, **variables):
    (definition,) = definitions({"instance": "acme", "mode": mode, "now": now}, **variables)
    return definition


def targets(definition):
    return {mount["target"]: mount for mount in definition["mounts"]}


def test_replicas_can_neither_write_events_nor_go_back():
    (replica,) = definitions()
    assert "healthcheck" in replica
    assert not {"ON_FAILURE", "RESTORE_POINT", "DB_ADMIN_USER", "UPDATE"} & set(replica["env"])
    assert not {"/run/odoo-cloud", "/run/secrets-admin", "/var/lib/odoo-restore"} & set(targets(replica))


@pytest.mark.parametrize("mode", ["RunOnly", "InstallAndRun", "UpdateAndRun"])
def test_static_files_are_written_by_one_offs_alone_and_only_their_own_instances(mode):
    (replica,) = definitions(odoo_mode=mode)
    assert "STATIC_DIR" not in replica["env"]
    assert [target for target in targets(replica) if target.startswith("/srv/static")] == []
    definition = one_off()
    assert definition["env"]["STATIC_DIR"] == "/srv/static"
    assert [mount for target, mount in targets(definition).items() if target.startswith("/srv/static")] == [
        {"type": "bind", "source": "/srv/oc/static/acme", "target": "/srv/static/acme"}
    ]


def test_one_offs_have_what_a_run_needs():
    definition = one_off()
    assert definition["name"] == "oc-acme-run"
    assert definition["network"] == "oc"
    assert targets(definition)["/run/odoo-cloud"]["source"] == "/srv/oc/acme/runs"
    assert definition["env"]["INSTALL_MISSING"] == "True"
    assert "INSTALL_MISSING" not in one_off("InstallOnly")["env"]


def test_only_a_run_that_stops_the_replicas_stands_in_for_them():
    assert "page_aliases" not in one_off() and "WAITING_PAGE" not in one_off()["env"]
    (shown,) = definitions({"instance": "acme", "mode": "UpdateOnly", "now": True, "page": True})
    assert shown["env"]["WAITING_PAGE"] == "True"
    (replica,) = definitions()
    assert shown["page_aliases"] == [replica["aliases"][-1]]


@pytest.mark.parametrize(("environment", "point"), [("prod", "auto"), ("test", "none")])
def test_the_administrators_password_is_there_only_for_restore_points(environment, point):
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
    (replica,) = definitions(**settings)
    assert "MIGRATION_FORCE_VERSION" not in replica["env"]
    assert replica["env"]["MIGRATION_FILE"] == env["MIGRATION_FILE"]
    assert "/srv/addons" in replica["config_paths"]
