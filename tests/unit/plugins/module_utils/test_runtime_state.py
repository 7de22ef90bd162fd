# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import itertools

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import config
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import state
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database.state import (
    Action,
    Contents,
    Entry,
    History,
)

TIMEOUT = 1800.0
HERE, ELSEWHERE = "1/100", "1/200"
EMPTY = Contents()
ODOO = Contents(tables=90, odoo=True, base="installed", installed=frozenset({"base"}))
HALF = Contents(tables=90, odoo=True, base="to install", pending=("base",))
PENDING = Contents(tables=90, odoo=True, base="installed", pending=("sale",), installed=frozenset({"base"}))


@dataclasses.dataclass(frozen=True)
class Wish:
    """What decide() looks at of the settings."""

    mode: str
    release: str = "r1"
    timeout: float = TIMEOUT
    reset_policy: str = "safe"
    serving = property(lambda self: self.mode in config.SERVING_MODES)
    installing = property(lambda self: self.mode in config.INSTALL_MODES)
    updating = property(lambda self: self.mode in config.UPDATE_MODES)
    forcing = property(lambda self: self.mode in config.FORCE_MODES)


def row(name, ours=True, age=10.0, release="r1", identity=HERE):
    return Entry(
        7,
        name,
        "2026-01-01 00:00:00+00",
        age,
        run_id="abc" if ours else "",
        host="h1" if ours else "",
        release=release if ours else "",
        database_identity=identity if ours else "",
    )


def history(name=None, ours=True, age=10.0, ever_open=None, release="r1", identity=HERE, attempts=1):
    if name is None:
        return History()
    ever = name in state.OPEN_STATES if ever_open is None else ever_open
    return History(True, row(name, ours, age, release, identity), ever, attempts)


def begun_elsewhere(name, ours):
    """Another tool's rows were first, and nobody ever wrote an open state."""
    return dataclasses.replace(history(name, ours, age=1e6), begun_by_us=False)


def used(name, **values):
    return history(name, ever_open=True, **values)


@pytest.mark.parametrize(
    ("past", "contents", "mode", "expected"),
    [
        (history(), EMPTY, "InstallAndRun", Action.INITIALISE),
        (history(), EMPTY, "InstallOnly", Action.INITIALISE),
        (history(), EMPTY, "Init", Action.INITIALISE),
        (history(), EMPTY, "RunOnly", Action.WAIT),
        (history(), EMPTY, "UpdateOnly", Action.REFUSE),
        (history(), EMPTY, "ForceReadyState", Action.REFUSE),
        (history(), Contents(tables=3), "InstallAndRun", Action.REFUSE),
        (history(), HALF, "InstallAndRun", Action.REFUSE),
        # no table: adopted without force, in every mode
        *((history(), ODOO, mode, Action.ADOPT) for mode in config.MODES),
        (history(), PENDING, "InstallAndRun", Action.WAIT),
        (history(), PENDING, "UpdateOnly", Action.ADOPT),
        (History(True), ODOO, "InstallAndRun", Action.ADOPT),
        # our own first initialisation, ended at any point
        (history("Creating"), EMPTY, "InstallAndRun", Action.INITIALISE),
        (history("Creating"), Contents(tables=7), "InstallAndRun", Action.INITIALISE),
        (history("Creating"), HALF, "InstallAndRun", Action.INITIALISE),
        (history("Creating"), ODOO, "InstallAndRun", Action.INITIALISE),
        (history("Creating"), ODOO, "UpdateAndRun", Action.INITIALISE),
        (history("Maintenance"), ODOO, "InstallOnly", Action.INITIALISE),
        (history("Failed"), ODOO, "InstallAndRun", Action.INITIALISE),
        (history("Failed"), EMPTY, "RunOnly", Action.WAIT),
        # whatever is installed by now, it is finished as a first installation: only that sets the administrator's password
        *(
            (history(name, identity=where), contents, mode, Action.INITIALISE)
            for name in ("Creating", "Updating", "Maintenance", "Failed")
            for where in (HERE, ELSEWHERE)
            for contents in (EMPTY, HALF, PENDING, ODOO)
            for mode in (*config.INSTALL_MODES, *config.UPDATE_MODES)
        ),
        *(
            (history(name, age=age, identity=where), contents, mode, Action.REFUSE)
            for name in ("Creating", "Failed")
            for age in (1.0, 1e9)
            for where in (HERE, ELSEWHERE)
            for contents in (EMPTY, ODOO)
            for mode in ("ForceRunOnly", "ForceReadyState")
        ),
        (history("Failed"), ODOO, "RunOnly", Action.WAIT),
        (history("Updating"), ODOO, "RunOnly", Action.INITIALISE),
        (history("Creating", release="r2"), ODOO, "RunOnly", Action.WAIT),
        (history("Creating", attempts=5), ODOO, "RunOnly", Action.WAIT),
        (history("Creating", age=1e9, identity=ELSEWHERE), ODOO, "RunOnly", Action.WAIT),
        # another tool writes Creating when it adopts somebody's production: never installed again, nobody's password is set
        *(
            (begun_elsewhere(name, ours), ODOO, mode, Action.RESUME)
            for name, ours in (("Creating", False), ("Updating", True), ("Failed", True))
            for mode in ("UpdateOnly", "UpdateAndRun")
        ),
        (begun_elsewhere("Creating", False), ODOO, "InstallAndRun", Action.RESET),
        (begun_elsewhere("Failed", True), ODOO, "InstallOnly", Action.REFUSE),
        (begun_elsewhere("Updating", True), ODOO, "InstallAndRun", Action.RESUME),
        (begun_elsewhere("Failed", True), ODOO, "ForceReadyState", Action.FORCE),
        # a waiting replica of the same release finishes it, one of another release waits
        (history("Creating"), HALF, "RunOnly", Action.INITIALISE),
        (history("Creating", release="r2"), HALF, "RunOnly", Action.WAIT),
        (history("Creating", attempts=5), HALF, "RunOnly", Action.WAIT),
        # ours, on a database that was in use, and nobody runs it any more
        (used("Updating"), ODOO, "UpdateOnly", Action.RESUME),
        (used("Updating", release="r2"), PENDING, "UpdateAndRun", Action.RESUME),
        (used("Maintenance"), ODOO, "UpdateOnly", Action.RESUME),
        (used("Updating"), PENDING, "RunOnly", Action.RESUME),
        (used("Maintenance"), ODOO, "InstallAndRun", Action.RESUME),
        (used("Updating", age=999999), ODOO, "RunOnly", Action.RESUME),
        (used("Updating", release="r2", age=999999), ODOO, "RunOnly", Action.WAIT),
        (used("Updating", release="r2"), ODOO, "InstallOnly", Action.REFUSE),
        (used("Updating", attempts=5), ODOO, "RunOnly", Action.WAIT),
        (used("Updating", attempts=5), ODOO, "UpdateOnly", Action.RESUME),
        # a failure is never opened, and tried again only by who was told to update
        (used("Failed", age=999999), PENDING, "RunOnly", Action.WAIT),
        (used("Failed"), ODOO, "InstallAndRun", Action.WAIT),
        (used("Failed"), ODOO, "InstallOnly", Action.REFUSE),
        (used("Failed"), ODOO, "UpdateOnly", Action.RESUME),
        (used("Creating"), EMPTY, "InstallAndRun", Action.REFUSE),
        # force modes override the state
        *((used(name), ODOO, mode, Action.FORCE) for name in ("Updating", "Failed") for mode in config.FORCE_MODES),
        (used("Updating", ours=False), ODOO, "ForceRunOnly", Action.FORCE),
        # open
        *((history("Ready"), ODOO, mode, Action.RUN) for mode in config.MODES),
        (history("Reset", ours=False), ODOO, "RunOnly", Action.RUN),
        (history("Force Ready", ours=False), ODOO, "RunOnly", Action.RUN),
        (history("Ready", identity=ELSEWHERE), ODOO, "RunOnly", Action.RUN),
        (history("Ready"), EMPTY, "InstallAndRun", Action.REFUSE),
        (history("Ready"), HALF, "InstallAndRun", Action.REFUSE),
        # another tool's row: the documented rule
        (used("Updating", ours=False, age=60), ODOO, "InstallAndRun", Action.WAIT),
        (used("Updating", ours=False, age=60), ODOO, "UpdateOnly", Action.WAIT),
        (used("Updating", ours=False, age=1799), ODOO, "RunOnly", Action.WAIT),
        (used("Updating", ours=False, age=1801), ODOO, "RunOnly", Action.RESET),
        (used("Updating", ours=False, age=1801), ODOO, "UpdateOnly", Action.RESUME),
        (used("Maintenance", ours=False, age=65 * 60), ODOO, "InstallAndRun", Action.RESET),
        (history("Creating", ours=False, age=60), EMPTY, "InstallAndRun", Action.WAIT),
        # a row that was copied here with another database: nobody works here, so it is as foreign as another tool's
        (used("Updating", identity=ELSEWHERE, age=60), ODOO, "RunOnly", Action.WAIT),
        (used("Updating", identity=ELSEWHERE, age=1801), ODOO, "RunOnly", Action.RESET),
        (used("Updating", identity=ELSEWHERE, age=1801), PENDING, "RunOnly", Action.WAIT),
        (used("Failed", identity=ELSEWHERE, age=1801), ODOO, "RunOnly", Action.WAIT),
        (used("Updating", identity=ELSEWHERE, age=60), ODOO, "UpdateOnly", Action.RESUME),
    ],
)
def test_decisions(past, contents, mode, expected):
    action, why = state.decide(past, contents, Wish(mode), HERE)
    assert action is expected, why
    assert why
    assert "\n" not in why


def test_the_old_rule_does_not_open_a_first_installation():
    wish = Wish("RunOnly", reset_policy="seed")
    assert state.decide(history("Creating", age=1e9, attempts=9), ODOO, wish, HERE)[0] is Action.WAIT
    assert state.decide(history("Failed", age=1e9), ODOO, wish, HERE)[0] is Action.WAIT


def test_a_forced_opening_says_what_finishes_a_first_installation():
    why = state.decide(history("Failed"), ODOO, Wish("ForceReadyState"), HERE)[1]
    assert why == (
        "its first installation has not ended (state Failed), so its administrator still has Odoo's own password;"
        " MODE=InstallOnly finishes it, which the playbook odoo does"
    )


def test_the_old_rule_can_be_had_back():
    past = used("Updating", age=1801, release="r2")
    assert state.decide(past, ODOO, Wish("RunOnly", reset_policy="seed"), HERE)[0] is Action.RESET
    assert state.decide(past, ODOO, Wish("RunOnly"), HERE)[0] is Action.WAIT


def test_nothing_is_initialised_that_was_ever_open_and_nothing_runs_that_is_not():
    """Whatever is found: these would do harm, so all combinations are tried."""
    names = [None, "Creating", "Updating", "Maintenance", "Failed", "Ready", "Reset", "Force Ready", "ready", ""]
    contents = [EMPTY, ODOO, HALF, PENDING, Contents(tables=4)]
    seen = set()
    for name, ours, age, ever, content, mode, release, identity, attempts in itertools.product(
        names, (True, False), (1.0, 1e9), (True, False), contents, config.MODES, ("r1", "r2"), (HERE, ELSEWHERE), (1, 9)
    ):
        past = history(name, ours, age, ever or name in state.OPEN_STATES, release, identity, attempts)
        action, _why = state.decide(past, content, Wish(mode), HERE)
        seen.add(action)
        if action is Action.INITIALISE:
            assert not past.ever_open
            assert past.latest is None or past.latest.ours or not content.initialised
            assert mode in (*config.INSTALL_MODES, *config.UPDATE_MODES) or (mode == "RunOnly" and release == "r1")
        if action is Action.RUN:
            assert past.latest.open
            assert content.initialised
        if action is Action.ADOPT:
            assert past.latest is None
        if action is Action.RESUME:
            assert content.initialised
            assert mode in config.UPDATE_MODES or (release == "r1" and past.latest.written_in(HERE))
        if action in (Action.RUN, Action.FORCE, Action.RESET, Action.RESUME, Action.ADOPT):
            assert not past.first_installation, "it would be opened with Odoo's own password"
        if action is Action.FORCE:
            assert mode in config.FORCE_MODES
            assert not past.latest.open
        if action is Action.RESET:
            assert not past.latest.written_in(HERE)
    assert seen == set(Action) - {Action.UNCHANGED, Action.ROLL_BACK}


@pytest.mark.parametrize("mode", config.MODES)
@pytest.mark.parametrize("release", ["r1", "r2"])
def test_around_a_restore_point(mode, release):
    """Whoever comes next opens a database that was not changed, and finishes a rollback, unless it is forced."""
    forced = mode in config.FORCE_MODES

    def decided(name, result, identity=HERE):
        latest = dataclasses.replace(row(name, release=release, identity=identity), result=result)
        return state.decide(History(True, latest, True, 1), ODOO, Wish(mode), HERE)[0]

    assert decided("Maintenance", state.POINT) is (Action.FORCE if forced else Action.UNCHANGED)
    assert decided("Failed", state.ROLLING_BACK) is (Action.FORCE if forced else Action.ROLL_BACK)
    assert decided("Failed", state.ROLLING_BACK, ELSEWHERE) not in (Action.ROLL_BACK, Action.RUN)
    # the release that was rolled back comes back only when somebody says so; all others go on
    blocked = release == "r1" and not forced and mode != "UpdateOnly"
    expected = Action.RUN if not blocked else Action.WAIT if mode in config.SERVING_MODES else Action.REFUSE
    assert decided("Ready", state.ROLLED_BACK) is expected
    assert decided("Ready", state.ROLLED_BACK, ELSEWHERE) is Action.RUN


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
