# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import errors
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import lock, override, state
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import database as _database
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import tenant
from ansible_collections.odoo_cloud.platform.plugins.modules import odoo_state

PARAMS = {
    "database": "acme",
    "state": "force_ready",
    "reason": " the fix comes tomorrow ",
    "take_over": False,
    "actor": None,
    "login_host": "/run/postgresql",
    "login_user": "admin",
    "login_db": "postgres",
    "lock": None,
}
HELD = lock.Holder(42, "odoo-cloud UpdateOnly run=abc host=acme-run", "2026-01-01 00:00:00+00", 5.0)


class Connection:
    def cursor(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        pass

    def execute(self, *_arguments):
        pass

    def fetchall(self):
        return [("acme",), ("acme--lock",)]

    def close(self):
        pass


@pytest.fixture
def world(monkeypatch):
    """A database in state Failed, and what force() was called with."""
    seen = {"held": None, "latest": state.Entry(3, "Failed", "then", 9.0, run_id="r"), "calls": [], "base": "installed"}
    seen.update(opened=[], ever_open=True)

    def open_server(params, database="", name=""):
        seen["opened"].append(database)
        return Connection()

    monkeypatch.setattr(_database, "open_server", open_server)
    monkeypatch.setattr(tenant, "login", lambda params, control, name: tenant.Login(name, "owner"))
    monkeypatch.setattr(tenant, "session", lambda *arguments, **more: contextlib.nullcontext(Connection()))
    monkeypatch.setattr(lock, "holder", lambda connection, name: seen["held"])
    monkeypatch.setattr(lock, "sessions", lambda connection, name, run_id: [(1, run_id), (2, run_id)])
    monkeypatch.setattr(
        state, "read_history", lambda connection: state.History(True, seen["latest"], seen["ever_open"])
    )
    monkeypatch.setattr(state, "next_numbers", lambda cursor, repair: None)
    monkeypatch.setattr(state, "read_contents", lambda connection: state.Contents(9, True, seen["base"]))

    def force(control, database, name, wanted, actor, reason, **more):
        seen["calls"].append((name, wanted, actor, reason, more["take_over"]))
        return override.Forced(True, "Failed", wanted, 2 if seen["held"] else 0)

    monkeypatch.setattr(override, "force", force)
    return seen


def test_actor_and_reason_reach_the_history(world, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "jane")
    found = odoo_state.ensure(PARAMS, False)
    assert world["calls"] == [("acme", "Force Ready", "jane", "the fix comes tomorrow", False)]
    assert found["diff"] == {
        "before": {"state": "Failed"},
        "after": {"state": "Force Ready", "actor": "jane", "reason": "the fix comes tomorrow"},
    }


@pytest.mark.parametrize(("lock_name", "opened"), [(None, [""]), ("acme--lock", ["", "acme--lock"]), ("not-yet", [""])])
def test_the_lock_is_taken_where_the_containers_take_it(world, lock_name, opened):
    assert odoo_state.ensure({**PARAMS, "lock": lock_name}, False)["changed"]
    assert world["opened"] == opened


def test_check_mode_never_writes_and_tells_the_same(world):
    found = odoo_state.ensure({**PARAMS, "state": "reset"}, True)
    assert world["calls"] == []
    assert (found["changed"], found["before"], found["after"]) == (True, "Failed", "Reset")
    world["held"] = HELD
    found = odoo_state.ensure({**PARAMS, "take_over": True}, True)
    assert (found["changed"], found["ended_sessions"], found["holder"]) == (True, 2, str(HELD))
    assert world["calls"] == []


@pytest.mark.parametrize("check_mode", [True, False])
def test_an_open_database_is_left_alone_in_check_mode_too(world, check_mode, monkeypatch):
    world["latest"] = state.Entry(3, "Ready", "then", 9.0)
    monkeypatch.setattr(override, "force", lambda *arguments, **more: override.Forced(False, "Ready", "Ready"))
    found = odoo_state.ensure(PARAMS, check_mode)
    assert not found["changed"]
    assert found["diff"] == {"before": {"state": "Ready"}, "after": {"state": "Ready"}}


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_live_holder_stops_it(world, check_mode):
    world["held"] = HELD
    with pytest.raises(odoo_state.StateError, match=r"held by odoo-cloud UpdateOnly.*take_over"):
        odoo_state.ensure(PARAMS, check_mode)
    assert world["calls"] == []


def test_who_took_the_lock_meanwhile_is_named(world, monkeypatch):
    def force(*arguments, **more):
        raise errors.Held("its lock is held by somebody")

    monkeypatch.setattr(override, "force", force)
    with pytest.raises(odoo_state.StateError, match="held by somebody"):
        odoo_state.ensure(PARAMS, False)


@pytest.mark.parametrize("base", ["to install", "installed"])
def test_a_database_that_never_was_ready_is_not_opened(world, base):
    """Also when all is installed: its administrator may still have Odoo's own password."""
    world.update(base=base, ever_open=False)
    with pytest.raises(odoo_state.StateError, match="its first installation has not ended"):
        odoo_state.ensure(PARAMS, False)
    assert world["calls"] == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"reason": "  "}, "reason is '  ': say why"),
        ({"reason": "a\nb"}, "reason is 'a\\\\nb': must be one line"),
        ({"actor": "a\nb"}, "actor is 'a\\\\nb': must be one line"),
    ],
)
def test_wrong_options(options, text):
    with pytest.raises(odoo_state.StateError, match=text):
        odoo_state.ensure({**PARAMS, **options}, False)
