# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.comparison import (
    DEFINITION_LABEL,
    PLATFORM_LABEL,
    canonical,
    decide,
    owner_of,
    started_at,
)

DEFINITION = {
    "name": "p-a",
    "image": "x",
    "network": "p",
    "env": {"A": "1"},
    "config_paths": ["/a"],
    "reload": ["true"],
}
WANTED = canonical(DEFINITION, "sha256:1")
START = "2026-11-21T06:17:36.5Z"


def container(**state):
    return {
        "Config": {"Labels": {DEFINITION_LABEL: WANTED}},
        "NetworkSettings": {"Networks": {"p": {}}},
        "State": {"Running": True, "Status": "running", "StartedAt": START, **state},
    }


def action(inspected, **values):
    return decide(inspected, WANTED, **values).action


def test_nothing_to_do():
    assert action(container()) == "none"
    assert action(container(Health={"Status": "healthy"})) == "none"


def test_absent_is_created():
    assert action(None) == "create"


def test_another_definition_is_recreated_and_names_what_changed():
    other = canonical({**DEFINITION, "env": {"A": "2"}}, "sha256:2")
    decision = decide(container(), other)
    assert decision.action == "recreate"
    assert decision.reason.endswith("env, image")


def test_a_container_with_a_folder_that_was_made_again_is_recreated_and_names_it():
    decision = decide(container(), WANTED, other_mount="/srv/p/static", config_time=2e9, can_reload=True)
    assert decision.action == "recreate"
    assert decision.reason == "/srv/p/static was removed and created again since its start"
    # One that doesn't run finds the new one by starting.
    stopped = container(Running=False, Status="exited")
    assert action(stopped, other_mount="/srv/p/static") == "start"


def test_connections_are_not_part_of_the_definition_and_recreate_nothing():
    assert canonical({**DEFINITION, "connections": [{"name": "p.a"}]}, "sha256:1") == WANTED
    assert decide(container(), WANTED, unconnected="p.a").reason == "it is not connected to p.a"
    assert action(container(), unconnected="p.a", config_time=2e9, can_reload=True) == "reload"
    assert action(container(Running=False), unconnected="p.a") == "start"


def test_config_paths_are_not_part_of_the_definition():
    assert canonical({**DEFINITION, "config_paths": ["/b"], "reload": None}, "sha256:1") == WANTED


def test_a_container_off_the_network_is_recreated():
    inspected = container()
    inspected["NetworkSettings"]["Networks"] = {}
    assert action(inspected) == "recreate"


@pytest.mark.parametrize("state", [{"Running": False, "Status": "exited"}, {"Paused": True}])
def test_stopped_is_started(state):
    assert action(container(**state)) == "start"


def test_newer_files_restart_or_reload():
    later = started_at(container()) + 5
    assert action(container(), config_time=later) == "restart"
    assert action(container(), config_time=later, can_reload=True) == "reload"
    assert action(container(), config_time=later, applied_time=later + 1, can_reload=True) == "none"
    assert action(container(), config_time=later - 10) == "none"


@pytest.mark.parametrize("health", ["starting", "unhealthy"])
def test_not_healthy_is_waited_for(health):
    assert action(container(Health={"Status": health}), healthy=False) == "wait"
    # The engine's own look is seconds old; the one of now counts.
    assert action(container(Health={"Status": health}), healthy=True) == "none"


def test_never_started():
    assert started_at({"State": {"StartedAt": "0001-01-01T00:00:00Z"}}) == 0.0


def test_whose_a_container_is_takes_label_and_name():
    def listed(name, **labels):
        return {"Names": [f"/{name}"], "Labels": labels}

    mine = {PLATFORM_LABEL: "shop"}
    assert owner_of(listed("shop-nginx", **mine)) == "shop"
    # Run by somebody from an image that the platform built: the label is the image's.
    assert owner_of(listed("trial", **mine)) == ""
    assert owner_of(listed("shopping-nginx", **mine)) == ""
    assert owner_of(listed("shop-nginx")) == ""
    assert owner_of({"Names": None, "Labels": None}) == ""
