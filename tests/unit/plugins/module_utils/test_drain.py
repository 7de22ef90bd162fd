# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A replica out of nginx: what is written, when nginx has taken it, and which requests are waited for."""

from __future__ import annotations

import os
import re
import signal

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import nginx_drain
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.nginx import upstream_config, upstream_files

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F85 00000000:0000 0A 00000000:00000000 00:00000000 00000000  8069        0 1
   1: 0A0011AC:1F85 0B0011AC:A3F2 01 00000000:00000000 00:00000000 00000000  8069        0 2
   2: 0A0011AC:1F88 0B0011AC:A3F3 01 00000000:00000000 00:00000000 00000000  8069        0 3
   3: 0A0011AC:1F85 0B0011AC:A3F4 06 00000000:00000000 00:00000000 00000000  8069        0 4
   4: 0A0011AC:C350 0C0011AC:1538 01 00000000:00000000 00:00000000 00000000  8069        0 5
"""


class Engine:
    def __init__(self, **containers):
        self.containers = containers

    def container(self, name):
        return self.containers.get(name.replace("-", "_"))

    def healthy(self, inspected, ask=False):
        assert ask  # what the engine saw last may be seconds old
        state = inspected["State"]
        return bool(state.get("Running")) and (state.get("Health") or {}).get("Status", "healthy") == "healthy", ""


def running(health=None):
    return {"State": {"Running": True, "Pid": 7, **({"Health": {"Status": health}} if health else {})}}


def test_a_container_between_two_starts_has_no_process():
    assert nginx_drain.process_of(running()) == 7
    for state in ({"Running": True, "Restarting": True, "Pid": 0}, {"Running": False, "Pid": 7}, {}):
        assert nginx_drain.process_of({"State": state}) == 0
    assert nginx_drain.process_of(None) == 0


def test_only_requests_that_are_open_count():
    assert nginx_drain.requests_in_flight(TABLE) == 1  # not the listener, the websocket, a closed one, the database
    assert nginx_drain.requests_in_flight(TABLE, 8072) == 1
    assert nginx_drain.requests_in_flight("") == 0


def test_only_healthy_others_stand_in():
    engine = Engine(
        oc_a_1=running("healthy"), oc_a_2=running("starting"), oc_a_3=running(), oc_a_4={"State": {"Running": False}}
    )
    assert nginx_drain.others_that_serve(engine, "oc", "a-1", ["a-1", "a-2", "a-3", "a-4", "a-5"]) == ["a-3"]


@pytest.mark.parametrize("servers", [["a-2"], ["a-2", "a-3"], ["a-2", "a-3", "a-4"], [f"a-{n}" for n in range(20)]])
def test_every_request_has_a_replica_and_each_replica_gets_some(servers):
    text = upstream_config("a.odoo", servers)
    got = []
    for digit in "0123456789abcdef":
        chosen = re.search(r"^set \$odoo_upstream (\S+);", text, re.M)[1]
        for digits, server in re.findall(r'if \(\$request_id ~ "\^\[(\w+)\]"\) \{ set \$odoo_upstream (\S+); \}', text):
            chosen = server if digit in digits else chosen
        got.append(chosen)
    assert set(got) == set(servers[:16])
    assert "a.odoo" not in text


def test_the_file_of_every_day_names_all_replicas():
    sites = [{"instance": "a", "upstream_name": "a.odoo"}, {"instance": "b", "upstream_name": ""}]
    folder, file = upstream_files(sites, "/x/upstream")
    assert folder["state"] == "directory"
    assert file["path"] == "/x/upstream/a.conf" and "set $odoo_upstream a.odoo;" in file["content"]


def test_nginx_has_taken_it_when_new_workers_are_there():
    looks, killed = iter([{1, 2}, {1, 2}, {1, 2, 3}]), []
    nginx_drain.reload(
        9, lambda pid, number: killed.append((pid, number)), lambda pid: next(looks), lambda seconds: None
    )
    assert killed == [(9, signal.SIGHUP)]


def test_a_configuration_that_nginx_refuses_is_an_error():
    with pytest.raises(nginx_drain.DrainError, match="its log says why"):
        nginx_drain.reload(9, lambda pid, number: None, lambda pid: {1}, lambda seconds: None)


def test_requests_are_waited_for_until_two_looks_see_none():
    counts = iter([2, 0, 1, 0, 0])
    assert nginx_drain.wait_idle(lambda: next(counts), 30, lambda seconds: None) == 0
    assert list(counts) == []
    assert nginx_drain.wait_idle(lambda: 3, 1, lambda seconds: None) == 3


def test_upstream_is_written_once_and_noted_as_loaded(tmp_path, monkeypatch):
    reloaded = []
    monkeypatch.setattr(nginx_drain, "reload", reloaded.append)
    path, stamp = tmp_path / "a.conf", tmp_path / "applied" / "nginx"
    with pytest.raises(nginx_drain.DrainError, match="playbook proxy"):
        nginx_drain.set_upstream(str(path), "a.odoo", [], 9, str(stamp))
    path.write_text(upstream_config("a.odoo"))
    assert not nginx_drain.set_upstream(str(path), "a.odoo", [], 9, str(stamp))
    assert nginx_drain.set_upstream(str(path), "a.odoo", ["a-2"], 9, str(stamp))
    assert path.read_text() == upstream_config("a.odoo", ["a-2"])
    assert reloaded == [9]
    assert os.stat(stamp).st_mtime >= os.stat(path).st_mtime - 1
