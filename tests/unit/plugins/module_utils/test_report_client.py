# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that stands as wkhtmltopdf: its command line, what it says to the service, and what it leaves behind."""

from __future__ import annotations

import http.server
import json
import os
import socket
import threading

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.report import client, frames, options

PDF = b"%PDF-1.7 whole"
ODOO_19 = [
    "--disable-local-file-access", "--quiet", "--page-size", "A4", "--margin-top", "40.0", "--dpi", "90", "--zoom", "1.0666",
    "--header-spacing", "35", "--margin-left", "7.0", "--margin-bottom", "28mm", "--margin-right", "7.0",
    "--orientation", "Landscape", "--header-line",
    "--javascript-delay", "1000",
]  # fmt: skip


# Options


def test_what_odoo_says():
    files = ["--header-html", "/tmp/h.html", "/tmp/b.0.html", "/tmp/b.1.html", "/tmp/out.pdf"]
    line = options.parse([*ODOO_19, "--cookie-jar", "/tmp/jar", *files])
    job = line.job
    assert (job.width, job.height, job.top, job.bottom, job.left) == (297, 210, 40, 28, 7)
    assert (job.header_spacing, job.zoom, job.header_line, job.shrink) == (35, 1.0666, True, True)
    assert (job.header, job.footer, job.bodies) == ("h.html", "", ["b.0.html", "b.1.html"])
    assert (line.output, line.cookie_jar) == ("/tmp/out.pdf", "/tmp/jar")
    assert options.Job.from_dict(json.loads(json.dumps(job.to_dict()))) == job


def test_own_paper_and_images():
    paper = ["--page-width", "57mm", "--page-height", "32mm", "-T", "2", "-B", "0.1in"]
    job = options.parse([*paper, "--disable-smart-shrinking", "a", "b"]).job
    assert (job.width, job.height, job.top, round(job.bottom, 2), job.shrink) == (57, 32, 2, 2.54, False)
    job = options.parse(
        ["--disable-javascript", "--width", "600", "--height", "400", "--format", "jpg", "a.html", "b.jpg"], "image"
    ).job
    assert (job.kind, job.width, job.height, job.format, job.script) == ("image", 600, 400, "jpeg", False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--header-left", "x", "a", "b"], "the option --header-left is not supported"),
        (["--page-size", "A44", "a", "b"], "--page-size 'A44': give one of A0, A1"),
        (["--margin-top", "wide", "a", "b"], "--margin-top 'wide': give a length such as 40 or 40mm"),
        (["--zoom", "0", "a", "b"], "--zoom '0': give a number above 0"),
        (["--margin-top", "200", "--margin-bottom", "100", "a", "b"], "the margins leave no room"),
        (["a"], "give at least one file"),
        (["--zoom"], "--zoom: its value is missing"),
        (["/x/a", "/y/a", "b"], "'/y/a': give files with names of their own"),
    ],
)
def test_refused(words, message):
    with pytest.raises(options.OptionError) as error:
        options.parse(words)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", [{"width": "wide"}, {"path": "/etc"}, {"bodies": "a"}])
def test_a_job_of_wrong_values(wrong):
    with pytest.raises(options.OptionError):
        options.Job.from_dict(wrong)


# Frames


def test_frames():
    data = frames.pack({"op": "wait"}, b"body")
    head, body = frames.lengths(data[:8])
    assert frames.read_head(data[8 : 8 + head]) == {"op": "wait"} and data[-body:] == b"body"
    with pytest.raises(frames.FrameError):
        frames.lengths(b"GET / HT")
    for text in (b"[]", b"{}", b"x"):
        with pytest.raises(frames.FrameError):
            frames.read_head(text)


# Odoo


class Handler(http.server.BaseHTTPRequestHandler):
    asked: list[tuple[str, dict[str, str]]]

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        away = {"/here": "/picture", "/away": "http://elsewhere.example/x", "/round": "/round"}.get(self.path)
        body = b"" if away else b"picture"
        self.send_response(303 if away else 200)
        if away:
            self.send_header("Location", away)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *dummy):
        pass


@pytest.fixture
def odoo():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_odoo_is_asked_as_the_proxy_does_it(odoo):
    asked = client.Odoo("https://shop.example.com", "session_id=s", (closed_port(), odoo.server_port))
    assert asked.get("/picture") == (200, "image/png", b"picture")
    headers = odoo.asked[0][1]
    assert (headers["Host"], headers["X-Forwarded-Host"], headers["X-Forwarded-Proto"]) == (
        "shop.example.com",
        "shop.example.com",
        "https",
    )
    assert headers["Cookie"] == "session_id=s"


def test_redirects_stay_with_odoo(odoo):
    asked = client.Odoo("http://odoo.example", "", (odoo.server_port,))
    assert asked.get("/here")[0] == 200
    assert asked.get("/away")[0] == 403 and asked.get("/round")[0] == 403
    assert {path for path, dummy in odoo.asked} == {"/here", "/picture", "/away", "/round"}


@pytest.mark.parametrize("path", ["//elsewhere/", "http://elsewhere/", "", "x", "/a b", "/a\r\nX: y", "/ü", "None"])
def test_only_paths_are_asked(odoo, path):
    assert client.Odoo("http://odoo.example", "", (odoo.server_port,)).get(path)[0] == 403
    assert odoo.asked == []


def test_no_odoo():
    assert client.Odoo("http://odoo.example", "", (closed_port(),)).get("/x")[0] == 502


def test_origin():
    assert (
        client.origin_of(b'<head><base href="https://shop.example.com:8443/web"/>') == "https://shop.example.com:8443"
    )
    assert client.origin_of(b"<base target=x href='http://a'>") == "http://a"
    for html in (b"", b'<base href="file:///etc/">', b'<base href="http://u:p@a/">'):
        assert client.origin_of(html) == "http://odoo.invalid"


# The service


class Service(threading.Thread):
    """Plays the service: answers each connection with the next of its scripts."""

    def __init__(self, path, scripts):
        super().__init__()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        self.scripts, self.seen = scripts, []
        self.start()

    def run(self):
        for script in self.scripts:
            connection = self.server.accept()[0]
            with connection, connection.makefile("rb") as stream:
                self.seen.append(self.receive(stream))
                for head, body in script:
                    connection.sendall(frames.pack(head, body))
                    if head["op"] == "get":
                        self.seen.append(self.receive(stream))
        self.server.close()

    def receive(self, stream):
        head, body = frames.lengths(stream.read(8))
        return frames.read_head(stream.read(head)), stream.read(body)


@pytest.fixture
def page(tmp_path):
    (tmp_path / "page.html").write_text('<base href="http://odoo.example/"><p>x</p>')
    (tmp_path / "jar").write_text("session_id=secret; HttpOnly; domain=x; path=/;")
    (tmp_path / "out.pdf").write_bytes(b"")
    return [str(tmp_path / "page.html"), str(tmp_path / "out.pdf")]


def prints(tmp_path, page, scripts, odoo=None, monkeypatch=None):
    service = Service(tmp_path / "sock", scripts)
    words = ["wkhtmltopdf", "--quiet", "--cookie", "a", "b-secret", "--cookie-jar", str(tmp_path / "jar"), *page]
    if odoo:
        monkeypatch.setattr(client, "GEVENT_PORT", odoo.server_port)
    code = client.main(words, {client.SOCKET: str(tmp_path / "sock")})
    service.join()
    return code, service


def test_a_print(tmp_path, page, odoo, monkeypatch, capsys):
    script = [
        ({"op": "wait"}, b""),
        ({"op": "get", "id": 7, "path": "/picture"}, b""),
        ({"op": "done", "warnings": [], "pages": 1}, PDF),
    ]
    code, service = prints(tmp_path, page, [script], odoo, monkeypatch)
    assert (code, (tmp_path / "out.pdf").read_bytes(), capsys.readouterr()) == (0, PDF, ("", ""))
    (head, body), (got, picture) = service.seen
    assert head["files"] == [["page.html", len(body)]] and head["origin"] == "http://odoo.example"
    assert (got["op"], got["id"], got["status"], picture) == ("got", 7, 200, b"picture")
    # The cookies are for Odoo alone.
    assert odoo.asked[0][1]["Cookie"] == "a=b-secret; session_id=secret"
    assert "secret" not in json.dumps([head, got]) and b"secret" not in body


def test_warnings_are_a_result(tmp_path, page, capsys):
    code, dummy = prints(tmp_path, page, [[({"op": "done", "warnings": ["/logo could not be loaded (404)"]}, PDF)]])
    assert code == 1 and (tmp_path / "out.pdf").read_bytes() == PDF
    assert capsys.readouterr().err == "/logo could not be loaded (404)\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            [({"op": "failed", "message": "the stylesheet /x could not be loaded (500)"}, b"")],
            "the report service: the stylesheet /x",
        ),
        ([({"op": "done", "warnings": []}, b"")], "the report service returned no document"),
        ([({"op": "odd"}, b"")], "the report service said 'odd'"),
    ],
)
def test_a_failed_print_leaves_nothing_and_says_why_in_one_line(tmp_path, page, script, said, capsys):
    code, dummy = prints(tmp_path, page, [script])
    error = capsys.readouterr().err
    assert code == 3 and (tmp_path / "out.pdf").read_bytes() == b""
    assert error.startswith(said) and error.count("\n") == 1


def test_a_service_that_ends_is_asked_again_once(tmp_path, page, capsys):
    code, dummy = prints(tmp_path, page, [[], [({"op": "done", "warnings": []}, PDF)]])
    assert code == 0 and (tmp_path / "out.pdf").read_bytes() == PDF
    os.unlink(tmp_path / "sock")
    code, dummy = prints(tmp_path, page, [[], []])
    assert code == 3 and "ended before the print was done" in capsys.readouterr().err


def test_no_service(tmp_path, page, monkeypatch, capsys):
    monkeypatch.setattr(client, "PATIENCE", 0.0)
    with pytest.raises(client.Failure, match="can't be reached"):
        client.Connection(str(tmp_path / "none"), patience=0)
    assert client.main(["wkhtmltopdf", "--odd", *page], {client.SOCKET: "/none"}) == 2
    assert capsys.readouterr().err == "wkhtmltopdf: the option --odd is not supported\n"


def test_the_version_depends_on_nobody(capsys):
    assert client.main(["/x/wkhtmltoimage", "--version"], {client.SOCKET: "/none"}) == 0
    assert capsys.readouterr().out == "wkhtmltoimage 0.12.6.1 (with patched qt)\n"


def test_without_a_service_the_images_own_program_is_run(tmp_path, monkeypatch, capsys):
    for folder in ("mine", "own"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "wkhtmltopdf").write_text("#!/bin/sh\n")
        (tmp_path / folder / "wkhtmltopdf").chmod(0o755)
    monkeypatch.setattr("sys.argv", [str(tmp_path / "mine" / "wkhtmltopdf")])
    run = []
    monkeypatch.setattr(os, "execv", lambda *given: run.append(given))
    path = f"{tmp_path / 'mine'}{os.pathsep}{tmp_path / 'own'}"
    assert client.own_program("wkhtmltopdf", {"PATH": path}) == str(tmp_path / "own" / "wkhtmltopdf")
    client.main(["wkhtmltopdf", "--version"], {"PATH": path})
    assert run == [(str(tmp_path / "own" / "wkhtmltopdf"), [str(tmp_path / "own" / "wkhtmltopdf"), "--version"])]
    assert client.main(["wkhtmltopdf", "--version"], {"PATH": str(tmp_path / "mine")}) == 127
    assert "no program of this name" in capsys.readouterr().err
