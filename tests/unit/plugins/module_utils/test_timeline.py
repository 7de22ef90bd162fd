# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.filter.odoo_state_timeline import odoo_state_timeline
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import times


def row(ident, state, since, age=None, run="", **values):
    ours = {"actor": "odoo-cloud", "host": "acme-1", "mode": "UpdateOnly", "release": "r1"} if run else {}
    time = {"since": f"2026-11-21 {since}+00", **({"age": age} if age is not None else {})}
    return {"id": ident, "state": state, **time, "run_id": run, "detail": "", "result": "", **ours, **values}


def states(entries):
    return [(entry["state"], entry["duration_seconds"], entry["result"]) for entry in entries]


def test_a_window_and_what_followed():
    history = [
        row(3, "Ready", "13:52:00", 59.5, "a", result="ok", detail="update sale"),
        row(2, "Maintenance", "13:51:10", 109.25, "a", detail="1 hooks"),
        row(1, "Updating", "13:50:01", 178.75, "a", detail="update sale"),
    ]
    assert odoo_state_timeline(history) == [
        {
            "state": "Updating",
            "start": "2026-11-21T13:50:01Z",
            "end": "2026-11-21T13:51:10Z",
            "duration_seconds": 69.5,
            "actor": "odoo-cloud",
            "host": "acme-1",
            "mode": "UpdateOnly",
            "run_id": "a",
            "release": "r1",
            "result": "ok",
            "detail": "update sale",
        },
        {
            "state": "Maintenance",
            "start": "2026-11-21T13:51:10Z",
            "end": "2026-11-21T13:52:00Z",
            "duration_seconds": 49.8,
            "actor": "odoo-cloud",
            "host": "acme-1",
            "mode": "UpdateOnly",
            "run_id": "a",
            "release": "r1",
            "result": "ok",
            "detail": "1 hooks",
        },
        {
            "state": "Ready",
            "start": "2026-11-21T13:52:00Z",
            "end": None,
            "duration_seconds": 59.5,
            "actor": "odoo-cloud",
            "host": "acme-1",
            "mode": "UpdateOnly",
            "run_id": "a",
            "release": "r1",
            "result": "ok",
            "detail": "update sale",
        },
    ]


def test_rows_of_the_original_tool():
    history = [
        {"id": 4, "state": "Force Ready", "since": "2026-11-21 15:00:00+00"},
        {"id": 3, "state": "Updating", "since": "2026-11-21 14:00:00+00"},
        {"id": 2, "state": "Ready", "since": "2026-11-21 13:50:00+00"},
        {"id": 1, "state": "Creating", "since": "2026-11-21 13:48:30+00"},
    ]
    entries = odoo_state_timeline(history)
    assert states(entries) == [
        ("Creating", 90.0, "ok"),
        ("Ready", 600.0, None),
        ("Updating", 3600.0, "interrupted"),
        ("Force Ready", None, None),
    ]
    assert {entry[name] for entry in entries for name in ("actor", "host", "mode", "run_id", "release", "detail")} == {
        None
    }


def test_how_work_ended():
    history = [
        row(9, "Ready", "10:09:00", 0, "e", result="ok"),
        row(8, "Updating", "10:08:00", 60, "e"),
        row(7, "Force Ready", "10:07:00", 120, "d", result="forced"),
        row(6, "Failed", "10:06:00", 180, "c", result="failed", detail="boom"),
        row(5, "Maintenance", "10:05:00", 240, "c"),
        row(4, "Updating", "10:04:00", 300, "c"),
        row(3, "Updating", "10:03:00", 360, "b"),
        row(2, "Updating", "10:02:00", 420),
        row(1, "Ready", "10:01:00", 480),
    ]
    assert states(odoo_state_timeline(history)) == [
        ("Ready", 60.0, None),
        ("Updating", 60.0, "interrupted"),
        ("Updating", 60.0, "interrupted"),
        ("Updating", 60.0, "ok"),
        ("Maintenance", 60.0, "failed"),
        ("Failed", 60.0, "failed"),
        ("Force Ready", 60.0, "forced"),
        ("Updating", 60.0, "ok"),
        ("Ready", 0.0, "ok"),
    ]


def test_work_that_goes_on_has_no_end():
    (entry,) = odoo_state_timeline([row(1, "Updating", "10:00:00", 12.34, "a")])
    assert (entry["end"], entry["duration_seconds"], entry["result"]) == (None, 12.3, None)


def test_a_takeover_and_its_work_are_one_phase():
    history = [
        row(4, "Ready", "10:03:00", 0, "b", result="ok"),
        row(3, "Updating", "10:02:00", 60, "b", detail="resumed"),
        row(2, "Updating", "10:01:00", 120, "b", result="taken over", detail="taken over from run a"),
        row(1, "Updating", "10:00:00", 180, "a"),
    ]
    entries = odoo_state_timeline(history)
    assert states(entries) == [("Updating", 60.0, "interrupted"), ("Updating", 120.0, "ok"), ("Ready", 0.0, "ok")]
    assert entries[1]["detail"] == "taken over from run a; resumed"


def test_the_order_follows_the_ids_not_the_clock():
    history = [row(1, "Updating", "10:00:00", run="a"), row(2, "Ready", "09:59:58", run="a")]
    for given in (history, history[::-1]):
        assert states(odoo_state_timeline(given)) == [("Updating", 0.0, "ok"), ("Ready", None, None)]


def test_rows_without_ids_are_newest_first():
    history = [
        {"state": "Ready", "since": "2026-11-21 10:01:00+00"},
        {"state": "Creating", "since": "2026-11-21 10:00:00+00"},
    ]
    assert [entry["state"] for entry in odoo_state_timeline(history)] == ["Creating", "Ready"]


def test_unknown_times_stay_unknown():
    history = [{"id": 2, "state": "Ready", "since": "?"}, {"id": 1, "state": "Creating", "since": None}]
    entries = odoo_state_timeline(history)
    assert [(entry["start"], entry["duration_seconds"]) for entry in entries] == [(None, None), (None, None)]
    assert odoo_state_timeline(history, table=True)


def test_nothing():
    assert odoo_state_timeline([]) == []
    assert odoo_state_timeline([], table=True) == []


@pytest.mark.parametrize("wrong", [None, "Ready", {"history": []}, [1], [{"id": 1}]])
def test_what_is_no_history_is_refused(wrong):
    with pytest.raises(AnsibleFilterError, match="give the rows of a history"):
        odoo_state_timeline(wrong)


def test_the_table():
    history = [
        row(2, "Ready", "13:51:06", 3900, "5f0c2d9a7b1e", result="ok", detail="update sale\nand more " + "x" * 200),
        row(1, "Updating", "13:50:01", 3965, "5f0c2d9a7b1e", release="", detail="update sale"),
    ]
    header, rule, first, second = odoo_state_timeline(history, table=True)
    assert header.split() == [
        "State",
        "Start",
        "(UTC)",
        "Duration",
        "Mode",
        "Host",
        "Actor",
        "Run",
        "Release",
        "Result",
        "Detail",
    ]
    assert set(rule) == {"-", " "}
    assert first.startswith("Updating  2026-11-21 13:50:01  1 min 05 s  UpdateOnly  acme-1  odoo-cloud  5f0c2d9a7b1e")
    assert first.endswith("ok      update sale")
    assert second.startswith("Ready     2026-11-21 13:51:06  1 h 05 min")
    assert second.endswith("xxx...") and "\n" not in second


def test_the_table_shortens_the_digest_of_an_image():
    (line,) = odoo_state_timeline(
        [row(1, "Ready", "10:00:00", 1, "a", release="sha256:" + "0123456789ab" * 5)], table=True
    )[2:]
    assert " sha256:0123456789ab" in line and "0123456789ab0" not in line


def test_the_table_leaves_out_what_nobody_wrote():
    header = odoo_state_timeline([{"id": 1, "state": "Ready", "since": "2026-11-21 10:00:00+00"}], table=True)[0]
    assert header == "State  Start (UTC)"


@pytest.mark.parametrize(
    "text,expected",
    [
        ("2026-11-21 13:50:01+00", "2026-11-21T13:50:01+00:00"),
        ("2026-11-21 13:50:01.25+00", "2026-11-21T13:50:01.250000+00:00"),
        ("2026-11-21 13:50:01.123456789+00", "2026-11-21T13:50:01.123456+00:00"),
        ("2026-11-21 14:50:01+01", "2026-11-21T13:50:01+00:00"),
        ("2026-11-21 19:20:01+05:30", "2026-11-21T13:50:01+00:00"),
        ("2026-11-21 08:50:01-0500", "2026-11-21T13:50:01+00:00"),
        ("2026-01-01 00:00:00-03:30:52", "2026-01-01T03:30:52+00:00"),
        ("2026-11-21T13:50:01Z", "2026-11-21T13:50:01+00:00"),
        ("2026-11-21T13:50:01+00:00", "2026-11-21T13:50:01+00:00"),
        (" 2026-11-21 13:50 ", "2026-11-21T13:50:00+00:00"),
        (datetime.datetime(2026, 11, 21, 13, 50, 1), "2026-11-21T13:50:01+00:00"),
    ],
)
def test_times_of_postgresql_and_of_others(text, expected):
    assert times.parse(text).isoformat() == expected


@pytest.mark.parametrize(
    "text", ["", "?", None, 5, "infinity", "2026-13-01 00:00:00", "21.11.2026", "2026-11-21", "0001-01-01 00:00:00+05"]
)
def test_what_is_no_time(text):
    assert times.parse(text) is None


@pytest.mark.parametrize(
    "seconds,long,brief",
    [
        (-1, "less than a minute", "0.0 s"),
        (0.44, "less than a minute", "0.4 s"),
        (9.96, "less than a minute", "10 s"),
        (59.4, "less than a minute", "59 s"),
        (59.6, "less than a minute", "1 min 00 s"),
        (60, "1 minute", "1 min 00 s"),
        (185, "3 minutes", "3 min 05 s"),
        (3600, "1 hour", "1 h 00 min"),
        (9000, "2 hours 30 minutes", "2 h 30 min"),
        (86400, "1 day", "1 d 00 h"),
        (2 * 86400 + 3600, "2 days 1 hour", "2 d 01 h"),
        (86400 + 120, "1 day", "1 d 00 h"),
    ],
)
def test_durations(seconds, long, brief):
    assert times.words(seconds) == long
    assert times.short(seconds) == brief
