# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.server
import threading

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.odoo_facts import health_path
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.run import health


@pytest.fixture
def server():
    class Handler(http.server.BaseHTTPRequestHandler):
        status = 200
        seen = []

        def do_GET(self):
            self.seen.append((self.path, self.headers.get("Cookie")))
            self.send_response(self.status)
            self.send_header("Set-Cookie", "session_id=abc; Path=/")
            self.end_headers()

        def log_message(self, *args):
            pass

    Handler.seen = []
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield Handler, str(httpd.server_address[1])
    httpd.shutdown()


def test_path_by_version():
    assert health_path("14") == health_path("14.0") == "/web/login"
    assert health_path("15") == health_path("19.0") == "/web/health"


@pytest.mark.parametrize(("status", "good"), [(200, True), (303, True), (500, False), (404, False), (502, False)])
def test_answers(server, status, good):
    handler, port = server
    handler.status = status
    assert health.check({"HTTP_PORT": port, "ODOO_VERSION": "19"})[0] is good


def test_14_keeps_one_session(server, tmp_path, monkeypatch):
    handler, port = server
    monkeypatch.setattr(health, "_session_file", lambda: str(tmp_path / "session"))
    for _number in range(3):
        assert health.check({"HTTP_PORT": port, "ODOO_VERSION": "14"})[0]
    assert handler.seen == [("/web/login", None), ("/web/login", "session_id=abc"), ("/web/login", "session_id=abc")]


def test_nobody_there():
    good, line = health.check({"HTTP_PORT": "1", "ODOO_VERSION": "19"})
    assert not good
    assert "no answer on port 1" in line
    for port in ("x", "0", "65536", "²"):
        good, line = health.check({"HTTP_PORT": port})
        assert not good
        assert line == f"HTTP_PORT is {port!r}: must be a port number from 1 to 65535"


def test_without_the_variable_the_port_is_that_of_odoo_conf(server, tmp_path):
    port = server[1]
    conf = tmp_path / "odoo.conf"
    conf.write_text(f"[options]\nhttp_port = {port}\n")
    assert health.check({"ODOO_RC": str(conf), "ODOO_VERSION": "19"})[0]
    conf.write_text("[options]\nhttp_port = x\n")
    assert health.check({"ODOO_RC": str(conf)}) == (False, "http_port is 'x': must be a port number from 1 to 65535")
    conf.unlink()
    good, line = health.check({"ODOO_RC": str(conf)})
    assert not good
    assert line.startswith(f"ODOO_RC is {str(conf)!r}: cannot be read")
