# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime import state
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.state import Action, Contents, Entry, History

TIMEOUT = 1800.0
EMPTY = Contents()
ODOO = Contents(tables=90, odoo=True, base="installed", installed=frozenset({"base"}))
HALF = Contents(tables=90, odoo=True, base="to install", pending=("base",))
PENDING = Contents(tables=90, odoo=True, base="installed", pending=("sale",), installed=frozenset({"base"}))


def row(name, ours=True, age=10.0):
    return Entry(7, name, "2026-01-01 00:00:00+00", age, run_id="abc" if ours else "", host="h1" if ours else "")


def history(name=None, ours=True, age=10.0, ever_open=None):
    if name is None:
        return History()
    return History(True, row(name, ours, age), name in state.OPEN_STATES if ever_open is None else ever_open)


@pytest.mark.parametrize(
    ("past", "contents", "mode", "expected"),
    [
        (history(), EMPTY, "InstallAndRun", Action.INITIALISE),
        (history(), EMPTY, "InstallOnly", Action.INITIALISE),
        (history(), EMPTY, "RunOnly", Action.WAIT),
        (history(), Contents(tables=3), "InstallAndRun", Action.REFUSE),
        (history(), HALF, "InstallAndRun", Action.REFUSE),
        (history(), ODOO, "InstallAndRun", Action.ADOPT),
        (history(), ODOO, "RunOnly", Action.ADOPT),
        (history(), PENDING, "InstallAndRun", Action.WAIT),
        (History(True), ODOO, "InstallAndRun", Action.ADOPT),
        # our own first initialisation, ended at any point
        (history("Creating"), EMPTY, "InstallAndRun", Action.INITIALISE),
        (history("Creating"), Contents(tables=7), "InstallAndRun", Action.INITIALISE),
        (history("Creating"), HALF, "InstallAndRun", Action.INITIALISE),
        (history("Creating"), ODOO, "InstallAndRun", Action.INITIALISE),
        (history("Failed"), ODOO, "InstallAndRun", Action.INITIALISE),
        (history("Failed"), EMPTY, "RunOnly", Action.WAIT),
        # ours, on a database that was in use: never opened by itself
        (history("Updating", ever_open=True, age=999999), ODOO, "InstallAndRun", Action.REFUSE),
        (history("Failed", ever_open=True), PENDING, "InstallAndRun", Action.REFUSE),
        (history("Creating", ever_open=True), EMPTY, "InstallAndRun", Action.REFUSE),
        # open
        (history("Ready"), ODOO, "InstallAndRun", Action.RUN),
        (history("Ready"), ODOO, "RunOnly", Action.RUN),
        (history("Reset", ours=False), ODOO, "RunOnly", Action.RUN),
        (history("Force Ready", ours=False), ODOO, "RunOnly", Action.RUN),
        (history("Ready"), EMPTY, "InstallAndRun", Action.REFUSE),
        (history("Ready"), HALF, "InstallAndRun", Action.REFUSE),
        # another tool's row: the documented rule
        (history("Updating", ours=False, age=60, ever_open=True), ODOO, "InstallAndRun", Action.WAIT),
        (history("Updating", ours=False, age=1799, ever_open=True), ODOO, "RunOnly", Action.WAIT),
        (history("Updating", ours=False, age=1801, ever_open=True), ODOO, "RunOnly", Action.RESET),
        (history("Maintenance", ours=False, age=65 * 60, ever_open=True), ODOO, "InstallAndRun", Action.RESET),
        (history("Creating", ours=False, age=60), EMPTY, "InstallAndRun", Action.WAIT),
    ],
)
def test_decisions(past, contents, mode, expected):
    action, why = state.decide(past, contents, mode, TIMEOUT)
    assert action is expected, why
    assert why
    assert "\n" not in why


def test_nothing_is_initialised_that_was_ever_open_and_nothing_runs_that_is_not():
    """Whatever is found: these two would do harm, so all combinations are tried."""
    names = [None, "Creating", "Updating", "Maintenance", "Failed", "Ready", "Reset", "Force Ready", "ready", ""]
    contents = [EMPTY, ODOO, HALF, PENDING, Contents(tables=4)]
    seen = set()
    for name, ours, age, ever, content, mode in itertools.product(
        names, (True, False), (1.0, 1e9), (True, False), contents, ("InstallAndRun", "RunOnly", "InstallOnly")
    ):
        past = history(name, ours, age, ever or name in state.OPEN_STATES)
        action, _why = state.decide(past, content, mode, TIMEOUT)
        seen.add(action)
        if action is Action.INITIALISE:
            assert not past.ever_open
            assert mode != "RunOnly"
        if action is Action.RUN:
            assert past.latest.open
            assert content.initialised
        if action is Action.ADOPT:
            assert past.latest is None
        if action is Action.RESET:
            assert not past.latest.ours
    assert seen == set(Action)


def test_table_form():
    assert state.CREATE_SQL.startswith(
        "CREATE TABLE public.curq_state_history (id serial PRIMARY KEY, state varchar(255),"
        " write_date timestamp with time zone DEFAULT CURRENT_TIMESTAMP, actor"
    )
    assert "NOT NULL" not in state.CREATE_SQL, "a reader of the original form inserts state only"
    original = {"id", "state", "write_date"}
    extended = state.extend_sql(original)
    for name, _kind in state.COLUMNS:
        assert f"ADD COLUMN {name} " in extended
    assert state.extend_sql(original | {name for name, _kind in state.COLUMNS}) == ""
    assert state.extend_sql(original | {name for name, _kind in state.COLUMNS} - {"token"}) == (
        "ALTER TABLE public.curq_state_history ADD COLUMN token bigint DEFAULT NULL"
    )


def test_a_row_of_the_original_form_is_read():
    found = state.entry((3, "Updating", "2026-01-01", 61.5, {"id": 3, "state": "Updating", "write_date": "x"}))
    assert not found.ours
    assert not found.open
    assert found.token is None


def test_another_major_version_is_never_opened():
    nineteen = state.Contents(tables=90, odoo=True, base="installed", series="19")
    assert state.other_series(nineteen, 19) == ""
    assert "belongs to Odoo 19 and this image is Odoo 14" in state.other_series(nineteen, 14)
    assert state.other_series(state.Contents(), 14) == ""
