# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What requests and the server's processes do while the database is away, with as much of Odoo as the addon touches."""

from __future__ import annotations

import io
import json
import sys
import types

import psycopg2
import pytest

pytest.importorskip("werkzeug")

REFUSED = psycopg2.OperationalError("connection refused")


class Odoo:
    """Odoo's modules with the shape that 16 and later have (`new`), or 14 and 15."""

    def __init__(self, new):
        self.server_answers, self.exists, self.work, self.broken, self.closed_by_us = True, True, None, False, False
        odoo = self

        class ConnectionPool:
            _readonly = False

            def borrow(self, connection_info):
                if not odoo.server_answers or not odoo.exists:
                    raise REFUSED
                return "a connection"

        class Cursor:
            def __init__(self):
                self._cnx = types.SimpleNamespace(closed=2 if odoo.broken else 1 if odoo.closed_by_us else 0)

            def execute(self, query):
                raise psycopg2.OperationalError("terminating connection due to administrator command")

            commit = rollback = lambda self: None

        class Request:
            def _serve_db(self):
                return odoo.work()

        class Application:
            def __call__(self, environ, start_response):
                if new:
                    try:
                        return Request()._serve_db()(environ, start_response)
                    except Exception as error:
                        if not hasattr(error, "error_response"):
                            raise
                        error.error_response = "a page of Odoo's own"
                        return error.error_response(environ, start_response)
                return odoo.work()(environ, start_response)

            def get_response(self, httprequest, result, explicit_session):
                return result

        class JsonRequest:
            def _handle_exception(self, exception):
                return "JSON 200 with an error in it"

        class HttpRequest(JsonRequest):
            pass

        self.pool, self.cursor, self.request, self.app, self.json = (
            ConnectionPool,
            Cursor,
            Request,
            Application,
            JsonRequest,
        )
        self.sql_db = types.SimpleNamespace(
            ConnectionPool=ConnectionPool,
            Cursor=Cursor,
            PoolError=type("PoolError", (Exception,), {}),
            connection_info_for=lambda name: (name, {"database": name}),
        )
        self.http = types.SimpleNamespace(
            root=Application(), request=None, JsonRequest=JsonRequest, HttpRequest=HttpRequest
        )
        if new:
            self.http.Request = Request
        self.model = types.SimpleNamespace(retrying=lambda work: work())
        self.db = types.SimpleNamespace(list_dbs=lambda force=False: [])
        self.server = types.SimpleNamespace(
            ThreadedServer=type("ThreadedServer", (), {"cron_thread": lambda self, number: None}),
            PreforkServer=Master,
            WorkerHTTP="http",
        )


class Master:
    """As much of the master as starts workers; 19 looks into the database first."""

    def __init__(self):
        self.workers_http, self.workers_cron, self.long_polling_pid, self.population = {}, {}, None, 2
        self.looks = None

    def worker_spawn(self, kind, registry):
        registry[len(registry)] = kind

    def process_spawn(self):
        if self.looks is not None:
            raise self.looks
        while len(self.workers_http) < self.population:
            self.worker_spawn("http", self.workers_http)
        self.long_polling_pid = 1
        while len(self.workers_cron) < 1:
            self.worker_spawn("cron", self.workers_cron)


@pytest.fixture(params=[True, False], ids=["16 and later", "14 and 15"])
def odoo(request, addon, monkeypatch):
    made = Odoo(request.param)
    made.new = request.param
    package = sys.modules["odoo"]
    registry = types.SimpleNamespace(Registry=None)
    made.config = {"db_name": ["shop"], "http_enable": True, "max_cron_threads": 1}
    for name, value in {
        "http": made.http,
        "sql_db": made.sql_db,
        "release": types.SimpleNamespace(version_info=(19 if request.param else 14,)),
    }.items():
        monkeypatch.setattr(package, name, value, raising=False)
    for name, content in {
        "odoo.modules": {"registry": registry},
        "odoo.tools": {"config": made.config},
        "odoo.service": {"db": made.db, "server": made.server, "model": made.model},
    }.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    spawn = Master.process_spawn
    monkeypatch.setattr(Master, "process_spawn", spawn)  # put back afterwards
    for name in ("odoo_cloud_compat.compat", "database_reconnect.outage"):
        monkeypatch.delitem(sys.modules, f"odoo.addons.{name}", raising=False)
    for name in ("odoo_cloud_compat", "database_reconnect"):
        for part in ("compat", "outage"):
            monkeypatch.delattr(sys.modules[f"odoo.addons.{name}"], part, raising=False)
    made.addon = addon("database_reconnect.outage")

    def connect(**info):
        made.asked = info
        if not made.server_answers:
            raise REFUSED
        if info["database"] == "shop" and not made.exists:
            raise psycopg2.OperationalError('database "shop" does not exist')
        return Connection(made.exists)

    monkeypatch.setattr(psycopg2, "connect", connect)
    made.addon.post_load()
    return made


class Connection:
    def __init__(self, exists):
        self.exists = exists

    def cursor(self):
        return self

    def __enter__(self):
        return self

    def execute(self, *args):
        """Nothing to do."""

    close = __exit__ = execute

    def fetchone(self):
        return (1,) if self.exists else None


def ask(odoo, work, **environ):
    """Status, headers and body of a request that does this work."""
    said = {}

    def start_response(status, headers, exc_info=None):
        said.update(status=int(status.split()[0]), headers=dict(headers))

    odoo.work = work
    given = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/odoo", "wsgi.input": io.BytesIO(), "SERVER_NAME": "x", "SERVER_PORT": "1",
        "wsgi.url_scheme": "http", **environ,
    }  # fmt: skip
    body = b"".join(odoo.http.root(given, start_response))
    return said["status"], said["headers"], body


def good(environ, start_response):
    start_response("200 OK", [])
    return [b"fine"]


def borrow(odoo, database="shop"):
    return lambda: odoo.pool().borrow({"database": database}) and good


def test_a_request_as_ever(odoo):
    assert ask(odoo, borrow(odoo))[::2] == (200, b"fine")


def test_a_browser_gets_a_page(odoo):
    odoo.server_answers = False
    status, headers, body = ask(odoo, borrow(odoo))
    assert status == 503 and headers["Retry-After"] == "2" and headers["Cache-Control"] == "no-store"
    assert headers["Content-Type"].startswith("text/html") and b"<h1>The database is not available</h1>" in body
    assert b"http-equiv" in body and "Set-Cookie" not in headers
    assert b"http-equiv" not in ask(odoo, borrow(odoo), REQUEST_METHOD="POST")[2]  # it would not be sent again


def test_json_rpc_gets_its_own_form(odoo):
    odoo.server_answers = False
    sent = json.dumps({"jsonrpc": "2.0", "id": 7, "params": {}}).encode()
    status, headers, body = ask(
        odoo, borrow(odoo), REQUEST_METHOD="POST", CONTENT_TYPE="application/json; charset=utf-8", CONTENT_LENGTH=str(len(sent)),
        **{"wsgi.input": io.BytesIO(sent)},
    )  # fmt: skip
    found = json.loads(body)
    assert status == 503 and headers["Retry-After"] == "2" and headers["Content-Type"].startswith("application/json")
    assert (found["jsonrpc"], found["id"], found["error"]["code"]) == ("2.0", 7, 503)
    assert found["error"]["data"]["name"] == "werkzeug.exceptions.ServiceUnavailable"


def test_json_2_gets_its_own_form(odoo):
    odoo.server_answers = False
    status, dummy, body = ask(odoo, borrow(odoo), PATH_INFO="/json/2/res.users/read", CONTENT_TYPE="application/json")
    found = json.loads(body)
    assert status == 503 and "jsonrpc" not in found and found["name"] == "werkzeug.exceptions.ServiceUnavailable"


def test_a_body_that_can_not_be_read_again(odoo):
    odoo.server_answers = False
    body = ask(odoo, borrow(odoo), CONTENT_TYPE="application/json", CONTENT_LENGTH="9")[2]
    assert json.loads(body)["id"] is None


def test_a_database_that_does_not_exist_is_odoos_business(odoo):
    odoo.exists = False
    with pytest.raises(psycopg2.OperationalError):
        ask(odoo, borrow(odoo))


def test_an_existing_one_that_can_not_be_connected_to(odoo, monkeypatch):
    def full(self, info):
        raise psycopg2.OperationalError("sorry, too many clients already")

    odoo.pool.borrow = full
    odoo.addon.patch_database()
    assert ask(odoo, borrow(odoo))[0] == 503


def test_a_read_replica_that_is_away_is_odoos_business(odoo):
    odoo.server_answers, odoo.pool._readonly = False, True
    with pytest.raises(psycopg2.OperationalError):
        ask(odoo, borrow(odoo))


def test_outside_of_requests_errors_are_psycopgs(odoo):
    odoo.server_answers = False
    with pytest.raises(psycopg2.OperationalError):
        odoo.pool().borrow({"database": "shop"})
    ask(odoo, lambda: good)
    with pytest.raises(psycopg2.OperationalError):  # a request before it changes nothing
        odoo.pool().borrow({"database": "shop"})


def test_a_connection_that_ends_in_a_transaction(odoo):
    odoo.broken = True
    assert ask(odoo, lambda: odoo.cursor().execute("SELECT 1"))[0] == 503


def test_another_error_of_a_statement(odoo):
    with pytest.raises(psycopg2.OperationalError):
        ask(odoo, lambda: odoo.cursor().execute("SELECT 1"))
    odoo.closed_by_us = True
    with pytest.raises(psycopg2.OperationalError):
        ask(odoo, lambda: odoo.cursor().execute("SELECT 1"))


def test_an_error_that_was_made_of_it(odoo):
    """Authentication makes AccessDenied of whatever goes wrong in it."""
    odoo.server_answers = False

    def authenticate():
        try:
            borrow(odoo)()
        except Exception:
            raise PermissionError("access denied")  # noqa: B904 - as Odoo does

    assert ask(odoo, authenticate)[0] == 503
    if odoo.new:

        def work():
            # Before Odoo takes away what led to the error, as it does with AccessDenied.
            with pytest.raises(odoo.addon.DatabaseUnavailable):
                odoo.model.retrying(authenticate)
            return good

        assert ask(odoo, work)[0] == 200


def test_a_page_of_odoos_own_is_not_taken(odoo):
    """16 and 17 put one into each error."""
    error = odoo.addon.DatabaseUnavailable({})
    error.error_response = "a page of Odoo's own"
    assert error.error_response.status_code == 503


def test_an_error_that_has_nothing_to_do_with_it(odoo):
    def fail():
        raise KeyError("name")

    with pytest.raises(KeyError):
        ask(odoo, fail)


def test_an_answer_that_was_made_of_it(odoo):
    """Up to 15 errors become answers inside of Odoo."""
    if odoo.new:
        pytest.skip("16 and later have one place for errors")
    odoo.server_answers = False

    def swallow(status):
        with pytest.raises(Exception, match="503"):
            borrow(odoo)()
        return odoo.http.root.get_response(None, types.SimpleNamespace(status_code=status), False) and good

    assert ask(odoo, lambda: swallow(500))[0] == 503
    assert ask(odoo, lambda: swallow(200))[0] == 200

    def as_json():
        try:
            borrow(odoo)()
        except Exception as error:
            odoo.json()._handle_exception(error)

    assert ask(odoo, as_json)[0] == 503
    assert odoo.json()._handle_exception(KeyError("name")) == "JSON 200 with an error in it"


def test_a_list_of_databases_that_could_not_be_made(odoo):
    odoo.server_answers = False
    original, calls = odoo.db.list_dbs, []

    def swallow(force=False):
        with pytest.raises(Exception, match="503"):
            borrow(odoo, "postgres")()
        calls.append(force)
        return []

    odoo.db.list_dbs = swallow
    odoo.addon.patch_database()
    assert ask(odoo, lambda: odoo.db.list_dbs(True) or good)[0] == 503 and calls == [True]
    assert original() == []  # nobody asked for a page


def test_the_list_is_empty_because_there_is_none(odoo):
    assert ask(odoo, lambda: odoo.db.list_dbs(True) or good)[0] == 200


def test_the_master_waits(odoo):
    master = Master()
    odoo.server_answers = False
    master.looks = REFUSED  # 19
    master.process_spawn()
    assert len(master.workers_http) == 2 and not master.workers_cron and master.long_polling_pid is None
    odoo.server_answers, master.looks = True, None
    master.process_spawn()
    assert len(master.workers_http) == 2 and len(master.workers_cron) == 1 and master.long_polling_pid
    odoo.asked = None
    master.process_spawn()
    assert odoo.asked is None  # nothing to start, nobody asked


def test_the_master_finds_it_gone_in_the_moment(odoo):
    master = Master()
    master.looks = REFUSED
    master.process_spawn()  # it answers when the addon asks, and not when Odoo does
    assert len(master.workers_http) == 2 and not master.workers_cron


def test_the_master_ends_as_ever_without_a_database(odoo):
    master = Master()
    odoo.exists, master.looks = False, REFUSED
    with pytest.raises(psycopg2.OperationalError):
        master.process_spawn()


def test_scheduled_actions_go_on(odoo, monkeypatch):
    ends, waited = [REFUSED, psycopg2.InterfaceError("connection already closed"), None], []

    def cron_thread(self, number):
        end = ends.pop(0)
        if end:
            raise end
        return "the server stops"

    odoo.server.ThreadedServer.cron_thread = cron_thread
    odoo.addon.patch_server()
    monkeypatch.setattr(odoo.addon.time, "sleep", waited.append)
    assert odoo.server.ThreadedServer().cron_thread(2) == "the server stops" and len(waited) == 2
    ends[:] = [KeyError("a bug")]
    with pytest.raises(KeyError):
        odoo.server.ThreadedServer().cron_thread(2)


@pytest.mark.parametrize(
    ("names", "first"),
    [(["shop", "b"], "shop"), ("shop, b", "shop"), ([], "postgres"), (False, "postgres"), ("", "postgres")],
)
def test_the_configured_database(odoo, names, first):
    odoo.config["db_name"] = names
    assert odoo.addon.compat.configured_database() == first
