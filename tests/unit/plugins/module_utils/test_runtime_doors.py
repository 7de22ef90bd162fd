# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doors in front of Odoo, on stand-ins for Odoo's modules."""

from __future__ import annotations

import logging
import re
import types

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.boot import doors
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import nginx_limits


class Denied(Exception):
    pass


class Odoo:
    """As much of Odoo as the doors need. `RIGHT` is the password; programs log in as uid 2."""

    RIGHT = "right"

    def __init__(self, list_db=False):
        odoo = self
        self.config = {"list_db": list_db, "proxy_mode": True}
        self.asked = []

        class Root:
            def __call__(self, environ, start_response):
                odoo.asked.append(environ["PATH_INFO"])
                return odoo.serve(environ, start_response)

        self.root = Root()
        self.common = types.SimpleNamespace(
            exp_authenticate=lambda _db, _login, password, _env: password == self.RIGHT and 2
        )
        self.model = types.SimpleNamespace(dispatch=self.call)
        self.db = types.SimpleNamespace(dispatch=lambda method, params: method)
        doors.close(
            types.SimpleNamespace(root=self.root),
            types.SimpleNamespace(common=self.common, model=self.model, db=self.db), self.config, Denied,
        )  # fmt: skip

    def call(self, _method, params):
        if params[2] != self.RIGHT:
            raise Denied
        return "done"

    def serve(self, environ, start_response):
        """What the services are asked is in the body, which is a tuple here."""
        service, method, params = environ.get("asked", ("common", "version", ()))
        status = "200 OK"
        try:
            if service == "key" and params[0] != self.RIGHT:
                status = "401 Unauthorized"
            elif service == "common" and method == "authenticate":
                self.common.exp_authenticate(*params)
            elif service == "object":
                self.model.dispatch(method, params)
            elif service == "db":
                self.db.dispatch(method, params)
        except Denied:
            pass  # the protocol's answer, with the status 200
        start_response(status, [])
        return [b""]

    def request(self, path="/jsonrpc", asked=("common", "version", ()), address="203.0.113.7", **environ):
        seen = []
        self.root(
            {"PATH_INFO": path, "REMOTE_ADDR": "10.0.0.2", "HTTP_X_FORWARDED_HOST": "x", "asked": asked,
             "HTTP_X_FORWARDED_FOR": f"198.51.100.1, {address}", **environ},
            lambda status, headers, *_more: seen.append((int(status[:3]), dict(headers))),
        )  # fmt: skip
        return seen[-1]


WRONG = [
    ("/jsonrpc", ("common", "authenticate", ("db", "admin", "wrong", {}))),
    ("/xmlrpc/2/common", ("common", "authenticate", ("db", "admin", "wrong", {}))),
    ("/xmlrpc/2/object", ("object", "execute_kw", ("db", 2, "wrong"))),
    ("/xmlrpc/db", ("db", "drop", ("wrong", "db"))),
    ("/json/2/res.users/search", ("key", "", ("wrong",))),
]


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    now = types.SimpleNamespace(value=1000.0)
    monkeypatch.setattr(doors.Guesses.__init__, "__defaults__", (lambda: now.value,))
    return now


@pytest.mark.parametrize(("path", "asked"), WRONG)
def test_guesses_are_refused_after_some(path, asked, clock, caplog):
    odoo = Odoo()
    answers = [odoo.request(path, asked)[0] for _turn in range(40)]
    assert answers[doors.FAILURES :] == [429] * (40 - doors.FAILURES)
    assert 429 not in answers[: doors.FAILURES]
    assert len(odoo.asked) == doors.FAILURES
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [f"Login refused at /{path.split('/')[1]} from 203.0.113.7"] * doors.FAILURES
    status, headers = odoo.request("/jsonrpc")
    assert (status, headers["Retry-After"]) == (429, "61"), "every door of programs is closed to that address"
    assert odoo.request("/web/login")[0] == 200, "people's doors are the proxy's"
    assert odoo.request(path, asked, address="203.0.113.8")[0] != 429, "another address isn't refused"
    clock.value += doors.SECONDS + 1
    assert odoo.request()[0] == 200


@pytest.mark.parametrize("path", ["/jsonrpc", "/json/2/res.users/search", "/xmlrpc/2/common", "/xmlrpc/db", "//xmlrpc"])
def test_the_proxy_has_the_same_doors_of_programs(path):
    """Also behind the prefix of a language."""
    for one in (path, f"/de{path}", f"/DE{path.upper()}"):
        merged = one.replace("//", "/")
        assert re.match(f"^(/[^/]+)?{nginx_limits.RPC}(/|$)", merged, re.IGNORECASE)
        assert doors.rpc_door(one) == f"/{path.strip('/').split('/')[0]}"


@pytest.mark.parametrize("path", ["/", "/web/login", "/jsonrpcs", "/web/dataset/call_kw", "/shop/my/jsonrpc"])
def test_other_paths_are_no_doors_of_programs(path):
    assert doors.rpc_door(path) == ""
    assert not re.match(f"^(/[^/]+)?{nginx_limits.RPC}(/|$)", path, re.IGNORECASE)


def test_the_right_password_is_never_refused():
    odoo = Odoo()
    for _turn in range(500):
        assert odoo.request("/xmlrpc/2/object", ("object", "execute_kw", ("db", 2, odoo.RIGHT)))[0] == 200
        assert odoo.request("/jsonrpc", ("common", "authenticate", ("db", "admin", odoo.RIGHT, {})))[0] == 200


def test_headers_of_a_client_are_not_an_address():
    odoo = Odoo()
    for turn in range(doors.FAILURES):
        odoo.request(*WRONG[0], HTTP_X_FORWARDED_FOR=f"198.51.100.{turn}, 203.0.113.7")
    assert odoo.request()[0] == 429
    odoo.config["proxy_mode"] = False
    assert odoo.request()[0] == 200


def test_a_name_can_not_begin_another_line(caplog):
    Odoo()
    logger = logging.getLogger("odoo.addons.base.models.res_users")
    with caplog.at_level(logging.INFO, logger.name):
        logger.info(
            "Login failed for login:%s from %s", "x\nLogin failed for login:y from 198.51.100.9\r\u2028", "203.0.113.7"
        )
    line = caplog.messages[-1]
    assert len(line.splitlines()) == 1 and line.endswith(" from 203.0.113.7")


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(doors, "ADDRESSES", 3)
    guesses = doors.Guesses()
    for number in range(10):
        guesses.failed(str(number))
    assert list(guesses._found) == ["7", "8", "9"]


@pytest.mark.parametrize(
    "path",
    ["/web/database", "/web/database/manager", "//web//database/list", "/en/web/database/manager", "/WEB/database"],
)
def test_the_database_manager_is_closed(path):
    odoo = Odoo()
    assert odoo.request(path)[0] == 403
    assert odoo.asked == []
    assert Odoo(list_db=True).request(path)[0] == 200


@pytest.mark.parametrize("path", ["/web", "/web/databases", "/my/notes/web/database", "/"])
def test_neighbours_are_open(path):
    assert Odoo().request(path)[0] == 200


def test_a_database_can_be_neither_managed_nor_guessed():
    odoo = Odoo()
    for method in ("db_exist", "drop", "create_database", "change_admin_password"):
        with pytest.raises(Denied):
            odoo.db.dispatch(method, ["x"])
    assert odoo.db.dispatch("server_version", []) == "server_version"
    assert Odoo(list_db=True).db.dispatch("db_exist", ["x"]) == "db_exist"
