# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers may leave in a folder or write, and that nobody trips over it."""

from __future__ import annotations

import json
import os
import socket
import threading

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine import api, untrusted_text
from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine import snapshot, untrusted
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import events, module, one_off
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.odoo_one_off import OneOffError


@pytest.fixture
def secret(tmp_path):
    """A file that a container must not get at."""
    path = tmp_path / "outside" / "key"
    path.parent.mkdir()
    path.write_text('{"event": "stolen"}\n')
    return path


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


def plant(folder, kind, target):
    """Puts one thing into a folder that is no file."""
    path = folder / "run-1.ndjson"
    if kind == "link":
        path.symlink_to(target)
    elif kind == "link to a folder":
        path.symlink_to(target.parent)
    elif kind == "broken link":
        path.symlink_to(folder / "nowhere")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    return path


KINDS = ("link", "link to a folder", "broken link", "pipe", "folder", "socket")


@pytest.mark.parametrize("kind", KINDS)
def test_only_files_are_read(runs, secret, kind):
    path = plant(runs, kind, secret)
    with pytest.raises(untrusted.Untrusted, match="is not a file"):
        untrusted.read(str(path))
    with pytest.raises(OneOffError, match="events of the run in .*run-1.ndjson: 'run-1.ndjson' is not a file"):
        events.read(str(path))


def test_a_folder_that_is_a_link_is_not_entered(tmp_path, secret):
    (tmp_path / "swapped").symlink_to(secret.parent)
    for ask in (
        untrusted.names,
        lambda folder: untrusted.read(f"{folder}/key"),
        lambda folder: untrusted.remove(folder, ["key"]),
    ):
        with pytest.raises(OSError):
            ask(str(tmp_path / "swapped"))
    assert secret.exists()


@pytest.mark.parametrize("name", ["", ".", "..", "../outside/key", "/etc/passwd", "a\0b"])
def test_a_name_is_no_path(runs, secret, name):
    with untrusted.opened(str(runs)) as folder, pytest.raises(untrusted.Untrusted):
        untrusted.open_file(folder, name)
    with pytest.raises(untrusted.Untrusted):
        untrusted.remove(str(runs), [name])
    assert secret.exists()


def test_a_file_of_terabytes_is_not_read(runs):
    path = runs / "run-1.ndjson"
    with open(path, "wb") as stream:
        stream.truncate(1 << 42)
    with pytest.raises(untrusted.Untrusted, match="more than 16 MB"):
        untrusted.read(str(path))
    with pytest.raises(untrusted.Untrusted, match="more than 16 MB"):
        untrusted.read(str(path), offset=(1 << 42) - 10)


def test_a_file_that_grows_while_it_is_read_has_an_end():
    with pytest.raises(untrusted.Untrusted, match="more than"):
        untrusted.read(f"/proc/{os.getpid()}/smaps", most=10)  # its size is 0


def test_links_are_removed_and_not_what_they_name(runs, secret):
    for kind in ("link", "pipe", "socket"):
        path = plant(runs, kind, secret)
        untrusted.remove(str(runs), [path.name])
        assert not os.path.lexists(path)
    plant(runs, "folder", secret)
    untrusted.remove(str(runs), ["run-1.ndjson", "gone"])
    assert secret.exists()


def test_old_events_are_removed_among_anything(runs, secret):
    for number in range(30):
        (runs / f"run-{number:02}.ndjson").symlink_to(secret)
    (runs / "run-folder.ndjson").mkdir()
    (runs / "plan-1.ndjson").write_text("")
    one_off.prune(str(runs), "run", 5)
    assert sorted(path.name for path in runs.iterdir()) == [
        "plan-1.ndjson", "run-26.ndjson", "run-27.ndjson", "run-28.ndjson", "run-29.ndjson", "run-folder.ndjson"
    ]  # fmt: skip
    assert secret.exists()


def test_a_folder_swapped_for_a_link_at_any_moment(tmp_path, runs, secret):
    """Somebody exchanges file and link as fast as possible; what is read is never the link's target."""
    (runs / "a").write_text("mine")
    (runs / "b").symlink_to(secret)
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            for name in ("a", "b"):
                os.link(runs / name, runs / "new", follow_symlinks=False)
                os.rename(runs / "new", runs / "run-1.ndjson")

    (runs / "run-1.ndjson").write_text("mine")
    thread = threading.Thread(target=swap)
    thread.start()
    found = set()
    try:
        for dummy in range(2000):
            try:
                found.add(untrusted.read(str(runs / "run-1.ndjson")))
            except OSError:
                found.add(None)
    finally:
        stop.set()
        thread.join()
    assert found <= {b"mine", None}
    assert len(found) == 2


def test_the_snapshot_survives_what_is_planted(tmp_path, secret):
    folder = tmp_path / "root" / "static" / "demo"
    folder.mkdir(parents=True)
    for kind in ("link", "pipe"):
        os.rename(plant(folder, kind, secret), folder / kind)
    with open(os.fsencode(folder) + b"/\xff\x1b[2J", "w"):
        pass
    found = snapshot.read_files(str(tmp_path / "root"), "key")
    kinds = {name: one["kind"] for name, one in found["entries"].items()}
    assert kinds["static/demo/link"] == "link"
    assert kinds["static/demo/pipe"] == "other"
    assert json.dumps(found, ensure_ascii=False).encode()


# Events


def written(runs, *lines):
    path = runs / "run-1.ndjson"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return str(path)


HOSTILE = {
    "run_started": {"run_id": ["x"], "database": {"a": 1}, "mode": "\x1b[2J\x1b]0;owned\x07{{ lookup('pipe', 'id') }}"},
    "step_done": {"step_id": {}, "seconds": "soon", "version": [1], "name": [], "kind": {}, "changed": []},
    "step_started": {"step": "9" * 5000, "of": [], "log_tail": {"a": []}},
    "step_failed": {"error": {"message": ["x"], "type": {}, "pgcode": []}, "log_tail": 7},
    "module": {"name": [], "before": {}, "version": []},
    "state": {"state": [], "detail": "a\nb\x9b31m"},
    "plan": {"plan": ["no plan"]},
    "lock_awaited": {"holder": {"a": "b"}},
    "run_ended": {
        "code": "7", "status": {"a": 1}, "error": [1],
        "result": {
            "ansible_facts": {"odoo_compared": {}}, "add_host": {"host_name": "evil"}, "add_group": "evil", "exception": "x",
            "_ansible_no_log": False, "warnings": ["x"], "diff": {}, "msg": "x", "failed": "x", "changed": True,
            "versions": [1, {"steps": 3}, {"version": [], "steps": [1, {"name": {}, "error": {"message": 1}}]}],
            "modules": {"base": 1, "web": {"from": [], "to": "2"}}, "restore_point": 3, "held": {"name": "x"},
        },
    },
}  # fmt: skip


def test_forged_events_break_nothing(runs):
    lines = [json.dumps({"event": name, **values}).encode() for name, values in HOSTILE.items()]
    others = [b"[" * 100_000, b'{"event": ' + b"9" * 100_000 + b"}", b"\xff\xfe", b"null", b'{"event": ["run_ended"]}',
              b'{"event": "state", "detail": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}",
              b'{"event": "x", "text": "' + b"a" * (2 << 20) + b'"}', b'{"event": "x", "seconds": 1e999}']  # fmt: skip
    found, dummy = events.read(written(runs, *others, *lines))
    assert [one["event"] for one in found if one["event"] != "x"] == list(HOSTILE)
    told = "\n".join(
        [*events.lines(found, started=True), events.doing(found), events.failure(found), events.awaited(found)]
    )
    assert "\x1b" not in told
    assert "\x9b" not in told
    result = events.result(found)
    assert set(result) <= {*events._RESULT}
    module.report.report(result)
    assert result["modules"] == {"web": {"to": "2"}}
    assert result["held"] == {"name": "x"}
    assert result["changed"] is True


def test_no_return_value_of_ansible_comes_from_a_container(runs):
    """Ansible adds hosts and sets variables when a module returns these, whichever module it is."""
    forged = {"event": "run_ended", "status": "done", "code": 0, "result": HOSTILE["run_ended"]["result"]}
    result = events.result(events.read(written(runs, json.dumps(forged).encode()))[0])
    assert not {
        "ansible_facts",
        "add_host",
        "add_group",
        "exception",
        "_ansible_no_log",
        "warnings",
        "diff",
        "msg",
    } & set(result)
    assert "failed" not in result


def test_as_many_events_as_somebody_likes(runs):
    found, dummy = events.read(written(runs, *[b'{"event":"x"}'] * 120_000))
    assert len(found) == events.MOST_EVENTS


# Output


def test_a_text_is_parsed_or_refused():
    for text in ("[" * 1_000_000, '{"a":' * 1_000_000, "", "nothing"):
        with pytest.raises(ValueError):
            untrusted_text.parse(text)
    assert untrusted_text.parse('{"\\u001b": ["\\u001b[1m", 1e999, ' + "1" * 500 + "]}") == {"�": ["�[1m", None, None]}
    assert len(untrusted_text.parse(json.dumps("a" * 100_000))) == untrusted_text.LONGEST + 1


def test_an_output_of_braces_is_searched_quickly():
    assert module.last_json("{\n" * 200_000) is None
    assert module.last_json("{\n" * 1000 + '{\n"a": 1\n}') == {"a": 1}


def test_many_small_frames_are_read_in_time():
    body = b"\1\0\0\0\0\0\0\1x" * 200_000
    assert sum(1 for dummy in api.frames(body)) == 200_000
    assert api.last((part for dummy, part in api.frames(body)), 10) == "x" * 10
