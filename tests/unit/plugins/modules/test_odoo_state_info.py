# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils import _database
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime import lock, state
from ansible_collections.odoo_cloud.platform.plugins.modules import odoo_state_info

HELD = lock.Holder(42, "odoo-cloud InstallAndRun run=abc host=acme-prod-1", "2026-01-01 00:00:00+00", 5.0)


class Connection:
    def close(self):
        pass


def prepare(monkeypatch, entries):
    looked = []
    monkeypatch.setattr(_database, "open_server", lambda params, name: Connection())
    monkeypatch.setattr(state, "read_entries", lambda connection, limit: entries[:limit])

    def contents(connection):
        looked.append(1)
        return state.Contents(9, True, "installed")

    monkeypatch.setattr(state, "read_contents", contents)
    return looked


def test_ready(monkeypatch):
    prepare(monkeypatch, [state.Entry(2, "Ready", "then", 9.6, run_id="r"), state.Entry(1, "Creating", "before", 30)])
    found = odoo_state_info.describe({"limit": 1}, "acme", None)
    assert (found["state"], found["since"], found["age_seconds"], found["open"]) == ("Ready", "then", 10, True)
    assert found["initialised"] is True
    assert found["holder"] is None
    assert [item["id"] for item in found["history"]] == [2]


def test_a_busy_database_is_not_waited_for(monkeypatch):
    looked = prepare(monkeypatch, [state.Entry(1, "Creating", "then", 1, run_id="abc")])
    found = odoo_state_info.describe({"limit": 20}, "acme", HELD)
    assert looked == []
    assert found["initialised"] is None
    assert not found["open"]
    assert found["holder"]["host"] == "acme-prod-1"
    assert found["holder"]["run_id"] == "abc"
    assert found["holder"]["mode"] == "InstallAndRun"


def test_no_history(monkeypatch):
    prepare(monkeypatch, [])
    found = odoo_state_info.describe({"limit": 20}, "acme", None)
    assert found["state"] is None
    assert set(found) == set(odoo_state_info.NOTHING)
