# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine import api
from ansible_collections.odoo_cloud.platform.plugins.modules import container_wait

RUNNING = {"State": {"Running": True}}
ENDED = {"State": {"Running": False, "ExitCode": 72}}


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Engine:
    def __init__(self, *answers):
        self.answers = list(answers)

    def container(self, name):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def wait(engine, timeout=600):
    clock = Clock()
    return container_wait.wait(engine, "acme-run", timeout, clock, clock.sleep)


def test_until_it_has_ended():
    inspected, waited = wait(Engine(RUNNING, RUNNING, ENDED))
    assert inspected == ENDED
    assert waited == 2 * container_wait.POLL_SECONDS


def test_what_is_not_there_or_ended_already_is_not_waited_for():
    assert wait(Engine(None)) == (None, 0)
    assert wait(Engine(ENDED)) == (ENDED, 0)


def test_the_time_is_over():
    inspected, waited = wait(Engine(RUNNING), 30)
    assert inspected == RUNNING
    assert waited == 30


def test_an_engine_that_restarts_is_waited_for():
    away = api.EngineUnreachable("gone")
    assert wait(Engine(RUNNING, away, away, ENDED))[0] == ENDED
    with pytest.raises(api.EngineUnreachable):
        wait(Engine(RUNNING, away))
    with pytest.raises(api.EngineUnreachable):
        wait(Engine(away, ENDED))


def test_streams_are_told_apart():
    def frame(kind, text):
        return bytes([kind, 0, 0, 0]) + len(text).to_bytes(4, "big") + text

    body = frame(2, b"log\n") + frame(1, b"{}\n") + frame(2, b"end\n")
    assert list(api.frames(body)) == [(2, b"log\n"), (1, b"{}\n"), (2, b"end\n")]
    assert list(api.frames(b"a terminal has no frames")) == [(1, b"a terminal has no frames")]
