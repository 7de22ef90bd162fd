# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from instance_tools import make

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import failure, need
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import errors

SETTINGS = {"odoo_modules": ["base", "sale"], "odoo_server_wide_modules": ["queue_job"], "odoo_stateless": False}
READY = {
    "exists": True,
    "initialised": True,
    "installed": ["base", "database_reconnect", "mail_route", "queue_job", "sale", "web"],
    "open": True,
    "ever_open": True,
    "first_installation": False,
    "interrupted": False,
    "state": "Ready",
    "since": "then",
    "release": "new",
    "holder": None,
}
HOLDER = {"mode": "UpdateOnly", "host": "acme-run", "application_name": "x"}


def runs(settings=None, always=False, machine="app1", **database):
    instance = make("acme", replicas=(machine,), **{**SETTINGS, **(settings or {})})
    return need.runs([instance], {"acme": {**READY, **database}}, {"odoo-19": "new"}, "app1", always)


def test_nothing_to_do():
    assert runs() == []
    assert [(one["reason"], one["ask"]) for one in runs(always=True)] == [("odoo_run_always is set", True)]


def test_what_lies_on_the_machine_is_asked_for():
    file = {"odoo_project_dir": "/srv/acme", "odoo_migration_file": "migration.yml"}
    assert [(one["ask"], one["modes"]) for one in runs(file)] == [(True, ["UpdateOnly"])]
    assert [one["ask"] for one in runs({"odoo_addons_dirs": ["/srv/a"]})] == [True]
    # What the database tells is no question.
    assert [one["ask"] for one in runs(file, release="old")] == [False]


def test_a_new_database_is_installed_and_then_migrated():
    new = {"exists": False, "initialised": False}
    assert [one["modes"] for one in runs(**new)] == [["InstallOnly"]]
    file = {"odoo_migration_file": "/odoo/migration.yml"}
    assert [one["modes"] for one in runs(file, **new)] == [["InstallOnly", "UpdateOnly"]]


@pytest.mark.parametrize("installed", [True, False, None])
def test_a_first_installation_that_has_not_ended_is_finished_as_one(installed):
    """Whatever is installed by now: an update would leave the administrator with Odoo's own password."""
    left = {"first_installation": True, "ever_open": False, "open": False, "state": "Failed", "initialised": installed}
    assert [one["modes"] for one in runs(**left)] == [["InstallOnly"]]
    file = {"odoo_migration_file": "/odoo/migration.yml"}
    assert [one["modes"] for one in runs(file, **left)] == [["InstallOnly", "UpdateOnly"]]
    (one,) = runs(**{**left, "initialised": True})
    assert one["reason"] == "its first installation has not ended (state Failed since then)"


def test_instances_of_other_machines_are_left_to_them():
    assert runs(machine="app2", open=False) == []


@pytest.mark.parametrize("mode", ["InstallAndRun", "UpdateAndRun"])
def test_replicas_that_do_it_themselves(mode):
    assert runs({"odoo_mode": mode}, initialised=False, open=False) == []


@pytest.mark.parametrize(
    ("database", "mode", "reason"),
    [
        ({"exists": False, "initialised": False}, "InstallOnly", "its database has to be created first"),
        ({"initialised": False, "state": None}, "InstallOnly", "its database is not initialised"),
        (
            {"initialised": False, "state": "Creating"},
            "InstallOnly",
            "its database is not initialised (state Creating)",
        ),
        ({"state": None, "open": False, "release": None}, "UpdateOnly", "its database has no history"),
        (
            {"state": "Updating", "open": False, "interrupted": True},
            "UpdateOnly",
            "a run was interrupted (state Updating since then)",
        ),
        ({"state": "Failed", "open": False}, "UpdateOnly", "its state is Failed since then"),
        ({"installed": ["base", "database_reconnect", "mail_route", "sale"]}, "UpdateOnly", "not installed: queue_job"),
        ({"release": "old"}, "UpdateOnly", "its last run was of release old, this is new"),
        ({"release": None}, "UpdateOnly", "no run of a release is recorded"),
        (
            {"holder": HOLDER, "initialised": None, "installed": None},
            "UpdateOnly",
            "UpdateOnly on acme-run is at work on its database",
        ),
        (
            {"holder": HOLDER, "initialised": None, "installed": None, "ever_open": False},
            "InstallOnly",
            "UpdateOnly on acme-run is at work on its database",
        ),
        ({"initialised": None, "installed": None}, "UpdateOnly", "its database is being changed by another process"),
    ],
)
def test_what_needs_a_run(database, mode, reason):
    (found,) = runs(**database)
    assert (found["mode"], found["reason"]) == (mode, reason)
    assert found["replicas"] == ["acme-1"]


def test_a_new_image_needs_no_run_when_nothing_shall_be_updated():
    assert runs({"odoo_update": "none"}, release="old") == []
    assert runs({"odoo_update": "none"}, installed=["base"]) != []


def test_image_ids_are_short():
    (found,) = runs(release="sha256:" + "ab" * 32)
    assert "release abababababab," in found["reason"]


def result(**values):
    return {
        "name": "oc-acme-run",
        "exists": True,
        "running": False,
        "exit_code": 72,
        "waited": 3.0,
        "stdout": "",
        "output": "2026-01-01 00:00:00,000 1 INFO odoo-cloud: Updating\n"
        "2026-01-01 00:00:01,000 1 ERROR odoo-cloud: module sale: no such field\n",
        **values,
    }


def test_a_failure_names_code_meaning_and_reason():
    text = failure.describe(result(), "UpdateOnly of instance acme")
    assert text.startswith(
        "UpdateOnly of instance acme ended with exit code 72 (installing or updating modules failed; the state is Failed):"
        " module sale: no such field\n"
    )
    assert "docker logs oc-acme-run" in text
    assert failure.describe(result(exit_code=0), "") == ""
    assert "is still at work after 3 s" in failure.describe(result(running=True, exit_code=None), "x")
    assert "is gone" in failure.describe(result(exists=False, exit_code=None), "x")
    assert "memory" in failure.describe(result(exit_code=137, oom_killed=True, output=""), "x")
    assert "signal 11" in failure.describe(result(exit_code=139), "x")


def test_every_exit_code_has_a_meaning():
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert codes - set(failure.MEANINGS) == set()


def test_a_database_that_can_not_be_read_is_its_instances_failure_alone():
    instances = [make(name, replicas=("m1", "m2")) for name in ("alpha", "beta")]
    databases = {"alpha": {"error": "role 'alpha' is not let in"}, "beta": {"error": None}}
    assert need.unreadable(instances, databases, "m2") == [
        {
            "instance": "alpha",
            "replicas": ["alpha-2"],
            "message": "instance alpha: database 'alpha' can't be read: role 'alpha' is not let in",
        }
    ]
    assert need.unreadable(instances, {}) == []
