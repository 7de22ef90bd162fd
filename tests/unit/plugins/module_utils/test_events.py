# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import events as _events

STARTED = {"event": "run_started", "run_id": "abc", "database": "acme", "mode": "UpdateOnly"}
SONG = {"version": "1.0.1", "step_id": "company", "kind": "song", "name": "songs.a::b", "step": 1, "of": 2}
SQL = {"version": "1.0.1", "step_id": "pre/2/x", "kind": "sql", "name": "UPDATE x", "step": 2, "of": 2}
ERROR = {"type": "ValueError", "message": "no\n such company", "where": "songs/a.py:7", "pgcode": "40001"}
ENDED = {"event": "run_ended", "run_id": "abc", "status": "done", "code": 0}


def write(path, *events, tail=""):
    path.write_text("".join(json.dumps(event) + "\n" for event in events) + tail, encoding="utf-8")


def test_a_line_that_is_being_written_is_read_the_next_time(tmp_path):
    path = tmp_path / "run.ndjson"
    assert _events.read(str(path)) == ([], 0)
    write(path, STARTED, tail='{"event": "boo')
    found, offset = _events.read(str(path))
    assert found == [STARTED]
    write(path, STARTED, {"event": "booted", "seconds": 1.5}, tail="not json\n[1]\n")
    found, offset = _events.read(str(path), offset)
    assert found == [{"event": "booted", "seconds": 1.5}]
    assert _events.read(str(path), offset) == ([], offset)


def test_steps_are_told_when_they_end():
    events = [
        STARTED,
        {"event": "plan", "plan": {}},
        {"event": "step_started", **SONG},
        {"event": "step_done", **SONG, "seconds": 0.04, "changed": True, "self_committed": True},
        {"event": "step_started", **SQL},
    ]
    assert _events.lines(events) == [
        "run abc begins on database acme: UpdateOnly",
        "step 1 of 2 of 1.0.1: song songs.a::b done (0.0 s), committed by itself",
    ]
    assert _events.doing(events) == "step 2 of 2 of 1.0.1: sql UPDATE x"
    module = {"event": "module", "name": "shop", "before": "1.0", "version": "1.1"}
    assert _events.doing([*events, module]) == "step 2 of 2 of 1.0.1: sql UPDATE x; module shop: 1.0 -> 1.1"
    assert _events.doing(events[:4]) == "step 1 of 2 of 1.0.1: song songs.a::b done (0.0 s), committed by itself"
    assert _events.doing(events[:2]) == "run abc begins on database acme: UpdateOnly"
    assert _events.doing([]) == ""


def test_a_step_says_its_kind_once():
    assert _events.what({"kind": "config_parameter", "name": "config_parameter a.b"}) == "config_parameter a.b"
    assert _events.what({"kind": "update", "name": "install shop"}) == "install shop"
    assert _events.what({"kind": "update", "name": "shop"}) == "update shop"
    assert _events.what({"kind": "sql", "id": "pre/1"}) == "sql pre/1"


def test_every_event_has_its_words():
    lines = _events.lines(
        [
            {"event": "state", "state": "Updating", "detail": "update shop"},
            {"event": "restore_point", "kind": "clone", "name": "acme--before-abc", "seconds": 2},
            {"event": "step_failed", **SONG, "seconds": 75, "error": ERROR},
            {"event": "module", "name": "shop", "before": "1.0", "version": "1.1"},
            {"event": "module", "name": "new", "before": None, "version": "1.1"},
            {"event": "module", "name": "old", "before": "1.0", "version": None},
            {"event": "step_done", **SQL, "changed": False},
            {"event": "version_started", "version": "1.0.1", "resumed": "abc"},
            {"event": "version_done", "version": "1.0.1"},
            {"event": "verified"},
            {"event": "rolled_back"},
            {"event": "held", "detail": "somebody wrote"},
            {"event": "run_ended", "status": "failed", "code": 81},
            {"event": "something new"},
        ]
    )
    assert lines == [
        "state Updating: update shop",
        "restore point clone acme--before-abc (2.0 s)",
        "step 1 of 2 of 1.0.1: song songs.a::b FAILED (1 min 15 s): ValueError: no such company [40001] (songs/a.py:7)",
        "module shop: 1.0 -> 1.1",
        "module new: 1.1",
        "module old: 1.0 -> gone",
        "step 2 of 2 of 1.0.1: sql UPDATE x done, nothing to change",
        "version 1.0.1 goes on",
        "version 1.0.1 is done",
        "verified",
        "ROLLED BACK: the database is as it was before",
        "HELD: somebody wrote",
        "ended: failed (exit code 81)",
    ]


def test_the_runs_own_result_counts():
    told = {"changed": False, "versions": [], "modules": {}, "database": "acme"}
    found = _events.result([STARTED, {"event": "step_done", **SONG}, {**ENDED, "status": "nothing", "result": told}])
    assert (found["changed"], found["versions"], found["status"], found["run_id"]) == (False, [], "nothing", "abc")


def test_a_run_that_was_killed_has_a_result_too():
    found = _events.result(
        [
            STARTED,
            {"event": "restore_point", "kind": "clone", "name": "before", "run_id": "abc"},
            {"event": "step_started", **SONG},
            {"event": "step_done", **SONG, "seconds": 1, "changed": True},
            {"event": "module", "name": "shop", "before": "1.0", "version": "1.1"},
            {"event": "module", "name": "shop", "before": "1.1", "version": "1.2"},
            {"event": "module", "name": "same", "before": "1.0", "version": "1.0"},
            {"event": "step_started", **SQL},
        ]
    )
    assert (found["status"], found["changed"], found["database"]) == ("killed", True, "acme")
    assert found["restore_point"] == {"kind": "clone", "name": "before"}
    assert found["modules"] == {"shop": {"from": "1.0", "to": "1.2"}}
    (version,) = found["versions"]
    assert (version["version"], version["status"]) == ("1.0.1", "running")
    assert [(step["id"], step["status"]) for step in version["steps"]] == [("company", "done"), ("pre/2/x", "running")]


def test_after_a_rollback_no_module_is_another_one():
    told = {"modules": {"shop": {"from": "1", "to": "2"}}, "versions": [{"version": "2", "steps": []}]}
    ended = {"event": "run_ended", "run_id": "abc", "code": 84, "result": told}
    assert _events.result([{**ended, "status": "rolled_back"}])["modules"] == {}
    assert _events.result([{**ended, "status": "failed"}])["modules"] == told["modules"]


def test_nothing_happened():
    found = _events.result([])
    assert (found["status"], found["changed"], found["versions"], found["modules"]) == (None, False, [], {})
    assert _events.result([STARTED, {**ENDED, "status": "nothing"}])["changed"] is False


def test_why_it_failed():
    failed = {"event": "step_failed", **SONG, "error": ERROR}
    ended = {**ENDED, "status": "failed", "code": 81}
    assert _events.failure([STARTED, failed, ended]) == (
        "step song songs.a::b of version 1.0.1: ValueError: no such company [40001] (songs/a.py:7)"
    )
    assert (
        _events.failure([STARTED, failed, {**ended, "error": "no such company;\n rolled back"}])
        == "no such company; rolled back"
    )
    assert _events.failure([STARTED, ENDED]) == ""


def test_how_far_a_run_is_before_it_changes_anything():
    awaited = {"event": "lock_awaited", "holder": "odoo-cloud RunOnly run=x host=h (backend 7, since 2026)"}
    taken, plan, state = (
        {"event": "lock_taken", "seconds": 180},
        {"event": "plan"},
        {"event": "state", "state": "Updating"},
    )
    events = [STARTED, awaited]
    assert _events.awaited(events).startswith("odoo-cloud RunOnly run=x") and not _events.begun(events)
    assert not _events.took_lock(events) and not _events.holds(events)
    events.append(taken)
    assert _events.took_lock(events) and _events.holds(events) and not _events.begun(events)
    assert not _events.holds([*events, ENDED])
    events += [{"event": "go_ahead"}, plan]
    assert not _events.holds(events) and _events.begun(events) and not _events.changed(events)
    assert _events.changed([*events, state])
    assert _events.awaited([STARTED]) == ""
    assert _events.lines([awaited, taken, {"event": "go_ahead"}]) == [
        "waiting for odoo-cloud RunOnly run=x host=h (backend 7, since 2026)",
        "the lock is taken; the replicas are stopped before anything is changed",
        "the replicas are stopped",
    ]


def test_how_long_ago_an_event_was():
    assert _events.seconds_since({"event": "x", "at": "2026-01-01T00:00:00.000Z"}) > 0
    assert _events.seconds_since({"event": "x"}) == _events.seconds_since({"event": "x", "at": "soon"}) == 0.0
