# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import lock, state
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import tenant
from ansible_collections.odoo_cloud.platform.plugins.modules import odoo_state_info

HELD = lock.Holder(42, "odoo-cloud InstallAndRun run=abc host=acme-prod-1", "2026-01-01 00:00:00+00", 5.0)


@pytest.fixture
def world(monkeypatch):
    """A database with what is set here, and whether its contents were looked at."""
    seen = {"entries": [], "held": [None], "looked": 0, "ever_open": True}
    monkeypatch.setattr(tenant, "login", lambda params, control, name: tenant.Login(name, "owner"))
    monkeypatch.setattr(tenant, "session", lambda params, who: contextlib.nullcontext())
    monkeypatch.setattr(
        lock, "holder", lambda control, name: seen["held"].pop(0) if len(seen["held"]) > 1 else seen["held"][0]
    )
    monkeypatch.setattr(
        state,
        "read_history",
        lambda connection: state.History(
            bool(seen["entries"]), seen["entries"][0] if seen["entries"] else None, seen["ever_open"]
        ),
    )
    monkeypatch.setattr(state, "read_entries", lambda connection, limit: seen["entries"][:limit])
    monkeypatch.setattr(state, "identity", lambda connection: "here/1")
    monkeypatch.setattr(odoo_state_info.state, "last_release", lambda connection: "r1")

    def contents(connection):
        seen["looked"] += 1
        return state.Contents(9, True, "installed", (), frozenset({"web", "base"}), "19")

    monkeypatch.setattr(odoo_state_info, "read_contents", contents)
    return seen


def describe(limit=20):
    return odoo_state_info.describe({"limit": limit, "mail": False}, "acme", None)


def test_ready(world):
    world["entries"] = [
        state.Entry(2, "Ready", "then", 9.6, run_id="r"),
        state.Entry(1, "Creating", "before", 30, run_id="r"),
    ]
    found = describe(1)
    assert (found["state"], found["since"], found["age_seconds"], found["open"]) == ("Ready", "then", 10, True)
    assert (found["initialised"], found["installed"], found["series"]) == (True, ["base", "web"], "19")
    assert (found["holder"], found["release"], found["interrupted"]) == (None, "r1", False)
    assert [item["id"] for item in found["history"]] == [2]
    assert [item["duration_seconds"] for item in describe()["history"]] == [9.6, 20.4]


def test_a_busy_database_is_not_waited_for(world):
    world["held"] = [HELD]
    world["entries"] = [
        state.Entry(
            1,
            "Creating",
            "2026-01-01 00:00:00+00",
            7.0,
            run_id="abc",
            host="a-long-name-of-a-replica",
            phase="Odoo is starting",
            heartbeat="2026-01-01T00:00:05+00:00",
        )
    ]
    found = describe()
    assert world["looked"] == 0
    assert (found["initialised"], found["installed"], found["interrupted"]) == (None, None, False)
    assert not found["open"]
    holder = found["holder"]
    assert (holder["host"], holder["run_id"], holder["mode"]) == ("a-long-name-of-a-replica", "abc", "InstallAndRun")
    assert (holder["phase"], holder["heartbeat_age_seconds"]) == ("Odoo is starting", 2.0)


def test_a_row_of_another_run_says_nothing_of_the_holder(world):
    world["held"] = [HELD]
    world["entries"] = [state.Entry(1, "Ready", "then", 7.0, run_id="older", host="other")]
    assert describe()["holder"]["host"] == "acme-prod-1"
    assert describe()["holder"]["heartbeat_age_seconds"] is None


@pytest.mark.parametrize(
    ("entry", "interrupted"),
    [
        ({"state": "Updating", "run_id": "r", "database_identity": "here/1"}, True),
        ({"state": "Creating", "run_id": "r"}, True),
        ({"state": "Failed", "run_id": "r"}, False),
        ({"state": "Updating", "run_id": "r", "database_identity": "elsewhere/1"}, False),
        ({"state": "Updating"}, False),
        ({"state": "Ready", "run_id": "r"}, False),
    ],
)
def test_interrupted_is_a_blocking_row_of_ours_and_a_free_lock(world, entry, interrupted):
    world["entries"] = [state.Entry(1, since="then", age=5.0, **entry)]
    assert describe()["interrupted"] is interrupted


def test_a_run_that_came_between_two_looks_is_not_interrupted(world):
    world["held"] = [None, HELD]
    world["entries"] = [state.Entry(1, "Updating", "then", 0.1, run_id="abc")]
    found = describe()
    assert (found["interrupted"], found["initialised"], found["holder"]["run_id"]) == (False, None, "abc")


def test_what_can_not_be_read_is_told_with_its_holder(world, monkeypatch):
    def refuse(params, who):
        raise tenant.TenantError(f"role {who.user!r} is not let in")

    monkeypatch.setattr(tenant, "session", refuse)
    world["held"] = [HELD]
    found = describe()
    assert (found["exists"], found["error"]) == (True, "role 'owner' is not let in")
    assert (found["installed"], found["initialised"], found["holder"]["run_id"]) == (None, None, "abc")
    assert set(found) == set(odoo_state_info.NOTHING)


def test_no_history(world):
    world["ever_open"] = False
    found = describe()
    assert (found["state"], found["release"], found["history"]) == (None, None, [])
    assert set(found) == set(odoo_state_info.NOTHING)
