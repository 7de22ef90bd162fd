# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import logging

import pytest

pytest.importorskip("pythonjsonlogger")


class Odd:
    def __str__(self):
        raise ValueError("no text")

    __repr__ = __str__


def _deep():
    endless = []
    for _turn in range(100_000):
        endless = [endless]
    return endless


def _circle():
    circle = {}
    circle["self"] = circle
    return circle


@pytest.mark.parametrize(
    ("message", "args", "extra"),
    [
        ("hello %s", ("you",), {}),
        ("two\nlines", (), {}),
        ("%s", (Odd(),), {}),
        ("%d", ("no number",), {}),
        (Odd(), (), {}),
        (b"\xff", (), {}),
        ({"a": Odd()}, (), {}),
        ("x", (), {"odd": Odd(), ("a", "b"): 1}),
        ("x", (), {"circle": _circle()}),
        ("%s", (_circle(),), {}),
        ("%s %s", ("one",), {}),
    ],
)
def test_always_one_line_of_json(addon, message, args, extra):
    formatter = addon("logging_json.formatter").OdooJsonFormatter()
    record = logging.LogRecord("name", logging.INFO, "file", 1, message, args, None)
    record.__dict__.update(extra)
    line = formatter.format(record)
    assert "\n" not in line
    data = json.loads(line)
    assert set(data) >= {"asctime", "pid", "levelname", "dbname", "name", "message", "request_id", "uid"}
    assert data["levelname"] == "INFO"


def test_too_deep(addon):
    formatter = addon("logging_json.formatter").OdooJsonFormatter()
    record = logging.LogRecord("name", logging.INFO, "file", 1, "x", (), None)
    record.deep = _deep()
    assert json.loads(formatter.format(record))["message"] == "x"


def test_masked(addon):
    formatter = addon("logging_json.formatter").OdooJsonFormatter()
    record = logging.LogRecord("name", logging.INFO, "file", 1, "GET /x?access_token=%s", ("abc",), None)
    assert json.loads(formatter.format(record))["message"] == "GET /x?access_token=***"
