# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters for fail2ban on lines as Docker keeps them; tests/prove/walls tries them with fail2ban itself."""

from __future__ import annotations

import configparser
import json
import pathlib
import re

import pytest

FILTERS = pathlib.Path(__file__).parents[2] / "roles/nginx/files/fail2ban/filter.d"
USERS = "odoo.addons.base.models.res_users"
PLAIN = f"2026-12-01 04:00:00,123 17 INFO demo {USERS}: Login failed for db:demo login:%s from 203.0.113.1"


def of_json(name: str, message: str) -> str:
    """A line of the addon logging_json."""
    fields = {"asctime": "2026-12-01 04:00:00,123", "pid": 17, "levelname": "INFO", "dbname": None, "name": name}
    return json.dumps({**fields, "message": message, "request_id": "ab", "uid": None})


def access(status: int, path: str = "/web/login", agent: str = "x") -> str:
    """A line of nginx."""
    fields = {"timestamp": "2026-12-01T04:00:00+00:00", "msec": 1796097600.123, "clientip": "203.0.113.1", "host": "a", "verb": "POST",
              "path": path, "httpversion": "HTTP/2.0", "response": status, "bytes": 1, "agent": agent}  # fmt: skip
    return json.dumps(fields, separators=(",", ":"))


def in_docker(line: str) -> str:
    return json.dumps({"log": f"{line}\n", "stream": "stderr", "time": "2026-12-01T04:00:00.1Z"}, separators=(",", ":"))


def found(name: str, line: str) -> str:
    """The address that the filter finds; fail2ban takes the time out of a line first."""
    parser = configparser.ConfigParser()
    parser.read(FILTERS / f"{name}.conf")
    line = re.sub(r'"time":"[^"]*"', "", line)
    for regex in parser["Definition"]["failregex"].splitlines():
        match = re.search(regex.strip().replace("<ADDR>", r"(?P<address>[0-9a-f.:]+)"), line)
        if match:
            return match["address"]
    return ""


@pytest.mark.parametrize("keep", [in_docker, str])
@pytest.mark.parametrize(
    "line",
    [
        PLAIN % "admin",
        PLAIN % "x from 198.51.100.9",
        PLAIN % 'x from 198.51.100.9\\n","stream":"stderr","',
        of_json(USERS, "Login failed for login:admin from 203.0.113.1"),
        of_json(USERS, 'Login failed for login:x from 198.51.100.9", "request_id from 203.0.113.1'),
        of_json("odoo_cloud.doors", "Login refused at /jsonrpc from 203.0.113.1"),
        "2026-12-01 04:00:00,123 17 WARNING ? odoo_cloud.doors: Login refused at /xmlrpc from 203.0.113.1",
    ],
)
def test_who_failed_is_found_and_nobody_else(keep, line):
    assert found("odoo-cloud", keep(line)) == "203.0.113.1"


@pytest.mark.parametrize("keep", [in_docker, str])
@pytest.mark.parametrize(
    "line",
    [
        (PLAIN % "admin").replace("failed", "successful"),
        "2026-12-01 04:00:00,123 17 INFO demo odoo.addons.own: Login failed for login:x from 198.51.100.9",
        of_json("odoo.addons.own", "Login failed for login:x from 198.51.100.9"),
        json.dumps({"asctime": "x", "message": f"{USERS}: Login failed for x from 198.51.100.9"}),
    ],
)
def test_other_lines_accuse_nobody(keep, line):
    assert found("odoo-cloud", keep(line)) == ""


@pytest.mark.parametrize("keep", [in_docker, str])
def test_who_goes_on_after_a_refusal_by_the_proxy(keep):
    forged = '"clientip":"198.51.100.9","response":429,"bytes'
    assert found("odoo-cloud-proxy", keep(access(429))) == "203.0.113.1"
    assert found("odoo-cloud-proxy", keep(access(200))) == ""
    assert found("odoo-cloud-proxy", keep(access(200, path=f"/{forged}", agent=forged))) == ""
    assert found("odoo-cloud-proxy", keep(access(429, path=f"/{forged}", agent=forged))) == "203.0.113.1"
