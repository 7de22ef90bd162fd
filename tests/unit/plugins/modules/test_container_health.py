# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.api import (
    Engine,
    EngineError,
    EngineUnreachable,
)
from ansible_collections.odoo_cloud.platform.plugins.modules import container_health


def container(status="starting", running=True, test=("CMD", "check", "--now"), **state):
    health = {"Health": {"Status": status}} if status else {}
    return {
        "Id": "c1",
        "State": {"Running": running, "Status": "running" if running else "exited", **health, **state},
        "Config": {"Healthcheck": {"Test": list(test)}} if test else {},
    }


class Asked(Engine):
    """An engine in which the health check answers what is wanted; the commands that it was run with are kept."""

    def __init__(self, *answers):
        super().__init__("unix:///nowhere.sock")
        self.answers, self.commands = list(answers), []

    def execute(self, name, command, timeout=30.0):
        self.commands.append(command)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_what_the_engine_calls_healthy_is_not_asked_again():
    engine = Asked()
    assert engine.healthy(container("healthy")) == (True, "")
    assert engine.commands == []


def test_a_container_that_starts_is_asked_now():
    engine = Asked((1, "no answer on port 8069"), (0, "answered 200"))
    assert engine.healthy(container("starting")) == (False, "no answer on port 8069")
    assert engine.healthy(container("unhealthy")) == (True, "answered 200")
    assert engine.commands == [["check", "--now"]] * 2


def test_ask_runs_the_check_of_a_healthy_one_too():
    engine = Asked((1, ""))
    assert engine.healthy(container("healthy"), ask=True) == (False, "its health check ended with exit code 1")


def test_a_check_for_a_shell():
    engine = Asked((0, ""))
    assert engine.healthy(container(test=("CMD-SHELL", "a && b")))[0]
    assert engine.commands == [["/bin/sh", "-c", "a && b"]]


@pytest.mark.parametrize(
    "inspected",
    [container(running=False), container("healthy", Restarting=True), container("healthy", Paused=True)],
)
def test_what_does_not_run_is_not_healthy(inspected):
    engine = Asked()
    assert not engine.healthy(inspected)[0]
    assert engine.commands == []


def test_without_a_health_check_running_is_enough():
    assert Asked().healthy(container(status="", test=()))[0]
    assert Asked().healthy(container(test=("NONE",)))[0]


def test_a_container_that_stops_meanwhile_is_not_healthy_and_an_engine_that_stops_is_told():
    assert Asked(EngineError("container c1 is not running")).healthy(container()) == (
        False,
        "container c1 is not running",
    )
    with pytest.raises(EngineUnreachable):
        Asked(EngineUnreachable("gone")).healthy(container())


class Clock:
    def __init__(self):
        self.now, self.pauses = 0.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds


class Becoming:
    """Its container is healthy after some looks; ``gone`` looks find none."""

    def __init__(self, looks, gone=0):
        self.looks, self.gone = looks, gone

    def container(self, name):
        self.gone -= 1
        return None if self.gone >= 0 else {"name": name}

    def healthy(self, inspected):
        self.looks -= 1
        return self.looks < 0, "not yet"


def test_it_is_asked_often_at_first_and_seldom_later():
    clock = Clock()
    good, dummy, waited = container_health.wait(Becoming(50), "c", 600, clock, clock.sleep)
    assert good
    assert clock.pauses == [0.5] * 40 + [2.0] * 10
    assert waited == 40.0


def test_the_time_is_over():
    clock = Clock()
    assert container_health.wait(Becoming(1000), "c", 3, clock, clock.sleep) == (False, "not yet", 3.0)
    assert container_health.wait(Becoming(0, gone=1000), "c", 0, clock, clock.sleep) == (
        False,
        "there is no such container",
        0.0,
    )


def test_execute_speaks_to_the_engine(monkeypatch):
    said = []

    def request(self, method, path, query, content=None, timeout=None):
        said.append((method, path, content))
        if path.endswith("/exec"):
            return 201, b'{"Id": "e1"}'
        if path == "/exec/e1/start":
            return 200, b"\x01\0\0\0\0\0\0\x03yes"
        return 200, json.dumps({"ExitCode": 3}).encode()

    monkeypatch.setattr(Engine, "_request", request)
    assert Engine("unix:///x").execute("c 1", ["a", "b"]) == (3, "yes")
    assert said[0] == (
        "POST",
        "/containers/c%201/exec",
        {"AttachStdout": True, "AttachStderr": True, "Cmd": ["a", "b"]},
    )
