# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.run import waiting_page

STATUS = {
    "database": "acme_prod",
    "instance": "acme",
    "state": "Updating",
    "since": "2026-11-21T13:50:01+00:00",
    "age_seconds": 185.4,
    "phase": "updating module sale (3 of 12)",
    "step": 3,
    "of": 12,
    "holder": {"mode": "UpdateAndRun", "run_id": "0a1b2c", "host": "acme-prod-1", "since": "2026-11-21T13:50:00+00:00"},
    "failed": False,
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def status():
    return dict(STATUS)


@pytest.fixture
def server(status):
    page = waiting_page.Waiting(free_port(), lambda: status, host="127.0.0.1")
    assert page.start()
    yield page
    page.stop()


def ask(server, method="GET", path="/", headers=None, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.address[1], timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode("utf-8")
    finally:
        connection.close()


def talk(server, data, timeout=10):
    """Everything that comes back for these bytes until the server closes."""
    with socket.create_connection(("127.0.0.1", server.address[1]), timeout=timeout) as connection:
        connection.sendall(data)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize(
    "path", ["/", "/web", "/web/login?redirect=x", "/shop/1", "/websocket", "/longpolling/poll", "/%00<script>"]
)
def test_every_page_is_503_for_now_and_kept_by_nobody(server, path):
    code, headers, text = ask(server, path=path.replace("<", "%3C"))
    assert code == 503
    assert headers["Retry-After"] == "5"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Connection"] == "close"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Server"] is None
    assert "<h1>Update in progress</h1>" in text


def test_the_style_is_the_one_that_the_policy_allows(server):
    import base64
    import hashlib

    _code, headers, text = ask(server)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in headers["Content-Security-Policy"]
    assert "style=" not in text


def test_people_read_what_happens_since_when_and_how_far(server):
    text = ask(server)[2]
    assert "updating module sale (3 of 12)" in text
    assert '<time datetime="2026-11-21T13:50:01Z">21 November 2026, 13:50 UTC</time>' in text
    assert "3 minutes" in text
    assert '<progress max="12" value="3"' in text
    assert '<meta http-equiv="refresh" content="5">' in text
    assert '<html lang="en">' in text and 'role="status"' in text


def test_people_are_told_no_names(server):
    text = ask(server)[2]
    for name in ("acme", "0a1b2c", "UpdateAndRun"):
        assert name not in text


def test_the_page_needs_nothing_from_elsewhere(server):
    text = ask(server)[2]
    assert not re.search(r"https?://|src=|href=|url\(|@import|<script", text)


@pytest.mark.parametrize(
    "state,words",
    [
        ("Creating", "first time"),
        ("Updating", "being updated"),
        ("Maintenance", "last steps"),
        ("Ready", "about to start"),
        (None, "about to start"),
        ("Something Else", "about to start"),
    ],
)
def test_words_of_each_state(server, status, state, words):
    status["state"] = state
    assert words in ask(server)[2]


@pytest.mark.parametrize("failure", [{"failed": True}, {"failed": True, "state": "Failed"}, {"state": "Failed"}])
def test_a_failure_asks_for_an_operator_and_shows_no_error(server, status, failure):
    del status["failed"]
    status.update(failure, phase="KeyError: secret at 10.0.0.7")
    code, headers, text = ask(server)
    assert (code, headers["Retry-After"]) == (503, "30")
    assert "An operator has been needed since" in text
    assert '<meta http-equiv="refresh" content="30">' in text
    assert "KeyError" not in text and "<progress" not in text
    answer = json.loads(ask(server, path="/web/health")[2])
    assert (answer["status"], answer["retry_after"]) == ("failed", 30)


def test_who_works_on_a_failed_database_needs_no_operator(server, status):
    status.update(state="Failed", failed=False)
    text = ask(server)[2]
    assert "operator" not in text and "updating module sale" in text


def test_times_are_iso_8601_for_machines_however_they_came(server, status):
    status.update(since="2026-11-21 13:50:01+00", holder={**STATUS["holder"], "since": "2026-11-21 14:50:00+01"})
    answer = json.loads(ask(server, path="/web/health")[2])
    assert (answer["since"], answer["holder"]["since"]) == ("2026-11-21T13:50:01+00:00", "2026-11-21T13:50:00+00:00")
    status.update(since="?", holder={"mode": None})
    answer = json.loads(ask(server, path="/web/health")[2])
    assert (answer["since"], answer["holder"]["since"], answer["holder"]["host"]) == (None, None, None)


def test_strangers_learn_only_that_it_is_not_up(server, status):
    through = {"X-Forwarded-For": "203.0.113.7"}
    assert json.loads(ask(server, path="/web/health", headers=through)[2]) == {"status": "starting", "retry_after": 5}
    assert json.loads(ask(server, headers={**through, "Accept": "application/json"})[2]).keys() == {
        "status",
        "retry_after",
    }
    assert json.loads(ask(server, path="/web/health", headers={**through, "X-Odoo-Details": "1"})[2])["holder"]
    assert json.loads(ask(server, path="/web/health")[2])["holder"]


def test_html_in_a_value_is_text(server, status):
    status["phase"] = "<script>alert('&\"')</script>"
    text = ask(server)[2]
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#x27;&amp;&quot;&#x27;)&lt;/script&gt;" in text
    status.update(since="<b>", age_seconds="<b>", step="<b>", of="<b>", state="<b>")
    assert "<b>" not in ask(server)[2]


@pytest.mark.parametrize(
    "path,headers",
    [
        ("/web/health", {}),
        ("/web/health?db_server_status=1", {"Accept": "text/html"}),
        ("/", {"Accept": "application/json"}),
        ("/", {"Accept": "application/json, text/plain, */*"}),
        ("/", {"Accept": "application/json, text/html"}),
        ("/", {"Accept": "text/html;q=0.5, application/json"}),
        ("/web/dataset/call_kw", {"Content-Type": "application/json"}),
        ("/web/dataset/call_kw", {"Content-Type": "application/json; charset=utf-8", "Accept": "text/html"}),
        ("/", {"X-Requested-With": "XMLHttpRequest", "Accept": "text/html"}),
    ],
)
def test_machines_get_json(server, path, headers):
    code, answered, text = ask(server, path=path, headers=headers)
    assert (code, answered["Content-Type"], answered["Retry-After"]) == (503, "application/json", "5")
    answer = json.loads(text)
    assert answer["status"] == "starting"
    assert answer["retry_after"] == 5
    for name in ("instance", "state", "since", "age_seconds", "phase", "step", "of", "holder"):
        assert answer[name] == STATUS[name]
    assert "database" not in answer


@pytest.mark.parametrize(
    "path,headers",
    [
        ("/", {}),
        ("/", {"Accept": "*/*"}),
        ("/", {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}),
        ("/", {"Accept": "text/html, application/json"}),
        ("/", {"Accept": "application/json;q=0.1, text/html"}),
        ("/", {"Accept": "application/json;q=nonsense, text/html;q=0.1"}),
        ("/web/healthy", {}),
        ("/shop", {"Content-Type": "application/x-www-form-urlencoded"}),
    ],
)
def test_people_get_a_page(server, path, headers):
    assert ask(server, path=path, headers=headers)[1]["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/", "/web/health"])
def test_head_has_the_headers_of_get_and_no_body(server, path):
    code, headers, text = ask(server, "HEAD", path)
    assert (code, text) == (503, "")
    answered = talk(server, f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answered.endswith(b"\r\n\r\n")
    assert int(headers["Content-Length"]) == len(ask(server, "GET", path)[2].encode())


def test_a_request_body_is_ignored_however_large(server):
    code, _headers, text = ask(server, "POST", "/jsonrpc", {"Content-Type": "application/json"}, b"x" * 3_000_000)
    assert code == 503
    assert json.loads(text)["state"] == "Updating"


def test_an_upload_that_goes_on_after_the_answer_is_not_cut_off(server):
    with socket.create_connection(("127.0.0.1", server.address[1]), timeout=10) as connection:
        connection.sendall(b"POST /upload HTTP/1.1\r\nContent-Length: 2000010\r\n\r\n" + b"x" * 10)
        time.sleep(0.2)
        for _piece in range(20):
            connection.sendall(b"x" * 100_000)
        assert connection.recv(12) == b"HTTP/1.1 503"


def test_a_request_in_pieces(server):
    with socket.create_connection(("127.0.0.1", server.address[1]), timeout=10) as connection:
        for piece in (b"\r\nGE", b"T /web/hea", b"lth HTTP/1.1\r\nHo", b"st: x\r\n\r", b"\n"):
            connection.sendall(piece)
            time.sleep(0.02)
        assert connection.recv(12) == b"HTTP/1.1 503"


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2,
        b"\x00" * 100,
        b"hello\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET / x HTTP/1.1\n\n",
    ],
)
def test_garbage_gets_a_400_and_harms_nobody(server, data):
    answered = talk(server, data)
    assert answered.startswith(b"HTTP/1.1 400 ") or not answered  # a reset may overtake the answer
    assert ask(server)[0] == 503


def test_odd_headers_are_not_garbage(server):
    head = (
        b"GET http://acme.example/web/health HTTP/1.1\r\nno colon\r\n: x\r\nX-\xff: \xfe\r\nHost: a\r\nHost: b\r\n\r\n"
    )
    assert b'"status": "starting"' in talk(server, head)


@pytest.mark.parametrize("head", [b"GET /" + b"x" * 200_000, b"GET / HTTP/1.1\r\n" + b"X-Y: z\r\n" * 30_000])
def test_an_endless_head_is_cut_off(server, head):
    begin = time.monotonic()
    try:
        answered = talk(server, head)
    except (ConnectionResetError, BrokenPipeError):
        answered = b""
    assert answered.startswith(b"HTTP/1.1 431 ") or not answered
    assert time.monotonic() - begin < waiting_page.HEAD_SECONDS / 2
    assert ask(server)[0] == 503


def test_slow_clients_hold_up_nobody_and_are_sent_away(server, monkeypatch):
    monkeypatch.setattr(waiting_page, "HEAD_SECONDS", 0.5)
    slow = [socket.create_connection(("127.0.0.1", server.address[1])) for _i in range(50)]
    for connection in slow[:25]:
        connection.sendall(b"GET / HTTP/1.1\r\nX-")
    begin = time.monotonic()
    assert ask(server)[0] == 503
    assert time.monotonic() - begin < 0.4
    # A byte now and then doesn't prolong it.
    gone = False
    while not gone and time.monotonic() - begin < 5:
        time.sleep(0.1)
        try:
            slow[0].sendall(b"a")
            slow[0].settimeout(0.01)
            gone = slow[0].recv(1) == b""
        except TimeoutError:
            pass
        except OSError:
            gone = True
    assert gone and time.monotonic() - begin < 2
    for connection in slow:
        connection.close()
    assert ask(server)[0] == 503


def test_many_connections_at_once(server):
    idle = [socket.create_connection(("127.0.0.1", server.address[1])) for _i in range(waiting_page.CONNECTIONS + 40)]
    codes = []
    threads = [threading.Thread(target=lambda: codes.append(ask(server)[0])) for _i in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [503] * 40
    assert server.server is not None and len(server.server.clients) <= waiting_page.CONNECTIONS
    for connection in idle:
        connection.close()


@pytest.mark.parametrize("reuse", [True, False])
def test_another_server_takes_the_port_at_once_after_stop(status, reuse):
    """Also one that doesn't set SO_REUSEADDR, as long as no answer was sent: that would leave its TIME_WAIT."""
    for _round in range(20):
        page = waiting_page.Waiting(free_port(), lambda: status, host="127.0.0.1")
        assert page.start()
        port = page.address[1]
        if reuse:
            assert ask(page)[0] == 503
        idle = [socket.create_connection(("127.0.0.1", port)) for _i in range(5)]
        for connection in idle[:3]:
            connection.sendall(b"GET / HTTP/1.1\r\nConnection: keep-alive\r\n")
        if reuse:  # one that got its answer and leaves the connection open
            idle[0].sendall(b"\r\n")
            assert idle[0].recv(12) == b"HTTP/1.1 503"
        else:
            time.sleep(0.02)  # until all are accepted
        begin = time.monotonic()
        page.stop()
        with socket.socket() as other:
            if reuse:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
        assert time.monotonic() - begin < 0.5
        for connection in idle:
            connection.close()


def test_a_taken_port_is_said_once_and_nothing_more(status, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        page = waiting_page.Waiting(other.getsockname()[1], lambda: status, host="127.0.0.1")
        assert page.start() is False
        page.stop()
    assert capsys.readouterr().err.count("\n") == 1
    assert page.start()  # free again
    page.stop()


def test_an_impossible_port_is_no_accident(status):
    assert waiting_page.Waiting(70000, lambda: status).start() is False


def test_start_and_stop_can_be_called_twice_and_again(server):
    assert server.start()
    server.stop()
    server.stop()
    assert server.start()
    assert ask(server)[0] == 503


def test_nothing_is_left_after_stop(status):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    before, threads = descriptors(), threading.active_count()
    page = waiting_page.Waiting(free_port(), lambda: status, host="127.0.0.1")
    assert page.start()
    connection = socket.create_connection(("127.0.0.1", page.address[1]))
    assert ask(page)[0] == 503
    page.stop()
    connection.close()
    assert (descriptors(), threading.active_count()) == (before, threads)


def test_a_describe_that_fails_leaves_a_page(capsys):
    page = waiting_page.Waiting(free_port(), lambda: 1 / 0, host="127.0.0.1")
    assert page.start()
    try:
        assert "about to start" in ask(page)[2]
        assert json.loads(ask(page, path="/web/health")[2])["status"] == "starting"
    finally:
        page.stop()
    assert capsys.readouterr().err.count("ZeroDivisionError") == 1


def test_a_describe_that_hangs_keeps_nobody_from_the_port():
    hang = threading.Event()
    page = waiting_page.Waiting(free_port(), lambda: hang.wait(20) and {}, host="127.0.0.1")
    assert page.start()
    connection = socket.create_connection(("127.0.0.1", page.address[1]))
    connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
    time.sleep(0.1)
    page.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", page.address[1]))
        other.listen()
    hang.set()
    connection.close()


def test_a_child_process_keeps_no_socket(server):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False) as child:
        server.stop()
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(server.address)
            other.listen()
        child.communicate(b"\n")


@pytest.mark.parametrize(
    "values,words",
    [
        ({"step": 0, "of": 0}, None),
        ({"step": 5, "of": 3}, None),
        ({"step": None, "of": 3}, None),
        ({"step": True, "of": 3}, None),
        ({"step": 0, "of": 3}, 'max="3" value="0"'),
    ],
)
def test_a_bar_is_shown_for_steps_that_make_sense(values, words):
    text = waiting_page.page({**STATUS, **values})
    assert (words in text) if words else ("<progress" not in text)


def test_importing_it_costs_next_to_nothing():
    names = ("http.server", "json", "hashlib", "html", "email", "psycopg2")
    code = f"import sys, {waiting_page.__name__}; print([name for name in {names!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "values,words",
    [
        ({}, "needed since <time"),
        ({"since": None}, "needed for 3 minutes."),
        ({"since": None, "age_seconds": None}, "An operator is needed."),
        ({"since": "2026-11-21 13:50:01+00", "age_seconds": None}, "13:50 UTC</time>."),
    ],
)
def test_a_failure_says_since_when_as_far_as_it_is_known(values, words):
    assert words in waiting_page.page({**STATUS, "failed": True, **values})
