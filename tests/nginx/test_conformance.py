"""What the proxy promises, asked over the wire. tests/nginx/converge.yml sets it up; NGINX_TEST_DIR is its nginx_test_dir."""

from __future__ import annotations

import base64
import concurrent.futures
import gzip
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import time
import typing as t

import pytest

FOLDER = os.environ.get("NGINX_TEST_DIR", "")
HTTP_PORT = int(os.environ.get("NGINX_TEST_HTTP_PORT", "28080"))
HTTPS_PORT = int(os.environ.get("NGINX_TEST_HTTPS_PORT", "28443"))
NAME = os.environ.get("NGINX_TEST_NAME", "ngx-test")
CA = os.path.join(FOLDER, "secrets", "tls", "ca.crt")

pytestmark = pytest.mark.skipif(not FOLDER, reason="NGINX_TEST_DIR is not set: tests/nginx/converge.yml did not run")


class Answer(t.NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key == name.lower())

    @property
    def seen(self) -> dict[str, t.Any]:
        return json.loads(self.body)

    def upstream_header(self, name: str) -> list[str]:
        return [value for key, value in self.seen["headers"] if key == name.lower()]


def connect(host: str, tls: bool = True, context: ssl.SSLContext | None = None) -> socket.socket:
    """A connection to the proxy; the certificate is checked against our CA and the name."""
    plain = socket.create_connection(("127.0.0.1", HTTPS_PORT if tls else HTTP_PORT), timeout=20)
    if not tls:
        return plain
    return (context or ssl.create_default_context(cafile=CA)).wrap_socket(plain, server_hostname=host)


def exchange(connection: socket.socket, data: bytes) -> Answer:
    with connection:
        connection.sendall(data)
        stream = connection.makefile("rb")
        line = stream.readline()
        if not line:
            return Answer(0, [], b"")
        headers = []
        for raw in iter(stream.readline, b"\r\n"):
            if not raw:
                break
            key, dummy, value = raw.decode("latin-1").partition(":")
            headers.append((key.lower(), value.strip()))
        status = int(line.split()[1])
        known = dict(headers)
        if status == 101 or data.startswith(b"HEAD"):
            return Answer(status, headers, b"")
        if known.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(stream.readline(), 16):
                body += stream.read(size)
                stream.readline()
        else:
            body = stream.read(int(known.get("content-length") or 0))
        return Answer(status, headers, body)


def ask(
    path: str,
    host: str = "new.localhost",
    method: str = "GET",
    headers: t.Sequence[str] = (),
    body: bytes = b"",
    tls: bool = True,
    host_header: str | None = None,
) -> Answer:
    port = HTTPS_PORT if tls else HTTP_PORT
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host_header or f'{host}:{port}'}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return exchange(connect(host, tls), "\r\n".join([*lines, "", ""]).encode() + body)


# Redirects and names


def test_plain_http_is_redirected_and_keeps_method_host_port_and_parameters() -> None:
    answer = ask("/web?a=1&b=%20", tls=False, method="POST")
    assert answer.status == 308
    assert answer.header("location") == f"https://new.localhost:{HTTPS_PORT}/web?a=1&b=%20"


def test_plain_http_on_the_https_port_is_redirected() -> None:
    plain = socket.create_connection(("127.0.0.1", HTTPS_PORT), timeout=20)
    answer = exchange(plain, f"GET /x HTTP/1.1\r\nHost: new.localhost:{HTTPS_PORT}\r\n\r\n".encode())
    assert (answer.status, answer.header("location")) == (308, f"https://new.localhost:{HTTPS_PORT}/x")


@pytest.mark.parametrize("tls", [False, True])
def test_an_unknown_host_header_gets_no_answer(tls: bool) -> None:
    assert ask("/", tls=tls, host_header="evil.example").status == 0


@pytest.mark.parametrize("name", ["evil.example", "localhost"])
def test_an_unknown_name_gets_no_certificate(name: str) -> None:
    context = ssl.create_default_context(cafile=CA)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.raises(ssl.SSLError, match="(?i)unrecognized"):
        connect(name, context=context)


def test_an_absolute_address_does_not_smuggle_another_host() -> None:
    answer = ask(f"https://new.localhost:{HTTPS_PORT}/x", host_header="evil.example:99")
    if answer.status == 200:
        assert "evil" not in " ".join(value for key, value in answer.seen["headers"])
    else:
        assert answer.status in (0, 400, 403, 421)


def test_a_second_name_of_a_site_has_a_certificate() -> None:
    assert ask("/x", host="alias.localhost").status == 200


# TLS


@pytest.mark.parametrize(
    ("version", "works"), [("TLSv1", False), ("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)]
)
def test_tls_versions(version: str, works: bool) -> None:
    context = ssl.create_default_context(cafile=CA)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    number = getattr(ssl.TLSVersion, version)
    context.minimum_version = context.maximum_version = number
    if works:
        connect("new.localhost", context=context).close()
    else:
        with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
            connect("new.localhost", context=context)


def test_http2_is_offered() -> None:
    context = ssl.create_default_context(cafile=CA)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with connect("new.localhost", context=context) as connection:
        assert t.cast(ssl.SSLSocket, connection).selected_alpn_protocol() == "h2"


def test_strict_transport_security_only_where_asked_for() -> None:
    assert ask("/x", host="old.localhost").header("strict-transport-security") == "max-age=60"
    assert ask("/web/static/src/from_disk.js", host="old.localhost").header("strict-transport-security") == "max-age=60"
    assert ask("/x").header("strict-transport-security") == ""


def test_the_ca_may_only_sign_and_its_key_is_private() -> None:
    text = subprocess.run(
        ["openssl", "x509", "-in", CA, "-noout", "-text"], check=True, capture_output=True, text=True
    ).stdout
    assert "CA:TRUE, pathlen:0" in text
    assert "Certificate Sign, CRL Sign" in text
    for key in ("ca.key", "new.key"):
        assert oct(os.stat(os.path.join(os.path.dirname(CA), key)).st_mode & 0o777) == "0o600"


# Headers


def test_forwarded_headers_of_a_client_never_arrive() -> None:
    lies = ["X-Forwarded-For", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix",
            "X-Forwarded-Server", "Forwarded", "Proxy", "X_Forwarded_For", "X_Forwarded_Host", "X-Request-ID"]  # fmt: skip
    answer = ask("/x", headers=[f"{name}: lie-6.6.6.6" for name in lies])
    assert "lie-" not in " ".join(value for key, value in answer.seen["headers"])
    [client] = answer.upstream_header("x-forwarded-for")
    assert re.fullmatch(r"[0-9.]+", client)
    assert answer.upstream_header("x-real-ip") == [client]
    assert answer.upstream_header("x-forwarded-proto") == ["https"]
    assert answer.upstream_header("x-forwarded-host") == [f"new.localhost:{HTTPS_PORT}"]
    assert answer.upstream_header("host") == [f"new.localhost:{HTTPS_PORT}"]


def test_the_session_cookie_is_secure_and_lax() -> None:
    cookie = ask("/x").header("set-cookie").lower()
    assert "secure" in cookie
    assert "samesite=lax" in cookie
    assert "httponly" in cookie


def test_answers_say_nosniff_once_and_no_version() -> None:
    answer = ask("/x")
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("server") == "nginx"


def test_large_headers_pass_both_ways() -> None:
    answer = ask("/x?" + "a" * 12000, headers=["Cookie: b=" + "c" * 12000])
    assert answer.status == 200
    assert len(answer.header("x-large")) == 20000
    assert answer.seen["path"] == "/x?" + "a" * 12000


def test_the_path_reaches_odoo_as_it_was_written() -> None:
    assert ask("/web/content/a%2Fb%20c//d?x=%2F").seen["path"] == "/web/content/a%2Fb%20c//d?x=%2F"


# Realtime


def websocket(path: str, host: str, upgrade: str = "websocket") -> Answer:
    key = base64.b64encode(os.urandom(16)).decode()
    return ask(
        path,
        host,
        headers=[
            f"Upgrade: {upgrade}",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ],
    )


def test_a_websocket_is_upgraded_on_the_gevent_port_for_16_and_later() -> None:
    answer = websocket("/websocket?version=19.0-1", "new.localhost")
    assert (answer.status, answer.header("upgrade").lower()) == (101, "websocket")


@pytest.mark.parametrize(
    ("host", "path", "port"),
    [
        ("new.localhost", "/websocket/health", 8072),
        ("new.localhost", "/longpolling/poll", 8069),
        ("old.localhost", "/longpolling/poll", 8072),
        ("old.localhost", "/websocket", 8069),
        ("new.localhost", "/web", 8069),
        ("old.localhost", "/web", 8069),
    ],
)
def test_the_realtime_path_of_the_version_goes_to_the_gevent_port(host: str, path: str, port: int) -> None:
    answer = ask(path, host)
    assert answer.seen["port"] == port
    assert answer.upstream_header("x-forwarded-host") == [f"{host}:{HTTPS_PORT}"]


@pytest.mark.parametrize(("path", "upgrade"), [("/web", "websocket"), ("/web", "h2c"), ("/websocket", "h2c")])
def test_no_other_upgrade_is_passed_on(path: str, upgrade: str) -> None:
    answer = websocket(path, "new.localhost", upgrade)
    assert answer.upstream_header("upgrade") == []
    assert answer.upstream_header("connection") == ["close"]


# Closed paths

DATABASE_SPELLINGS = [
    "/web/database", "/web/database/", "/web/database/manager", "/web/database/selector",
    "/web//database/manager", "//web/database/manager",
    "/web/%64atabase/manager", "/web%2Fdatabase/manager", "/WEB/DATABASE/manager", "/web/Database/backup", "/web/./database/manager",
    "/x/../web/database/manager", "/x/%2e%2e/web/database/manager", "/en/web/database/manager", "/pt_BR/web/database/manager",
    "/web/database?x=1", "/web/database/../database/manager", "/web/database%2Fmanager",
]  # fmt: skip


@pytest.mark.parametrize("path", DATABASE_SPELLINGS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_database_manager_is_closed(path: str, method: str) -> None:
    assert ask(path, method=method, body=b"x" if method == "POST" else b"").status == 403


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/METRICS", "//metrics", "/%6detrics", "/metrics/x"])
def test_metrics_are_closed(path: str) -> None:
    assert ask(path).status == 403


@pytest.mark.parametrize(
    "path", ["/metricsfoo", "/shop/metrics", "/web/data", "/blog/web-database", "/my/notes/web/database-tips"]
)
def test_neighbours_of_closed_paths_are_open(path: str) -> None:
    assert ask(path).status == 200


# Static files


def test_a_static_file_comes_from_disk_with_cache_headers() -> None:
    answer = ask("/web/static/src/from_disk.js")
    assert answer.status == 200
    assert answer.body.startswith(b"// from disk")
    assert answer.header("cache-control") == "public, max-age=604800"
    assert answer.header("server-timing") == "disk"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("set-cookie") == ""
    again = ask("/web/static/src/from_disk.js", headers=[f"If-None-Match: {answer.header('etag')}"])
    assert again.status == 304


def test_a_static_file_that_is_not_on_disk_is_asked_of_odoo() -> None:
    answer = ask("/new_addon/static/src/x.js?v=%2F1")
    assert answer.seen["port"] == 8069
    assert answer.seen["path"] == "/new_addon/static/src/x.js?v=%2F1"
    assert answer.header("server-timing") == ""


@pytest.mark.parametrize("path", ["/web/static/../../../../../etc/passwd", "/web/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
                                  "/web/static/..%2f..%2f..%2f..%2f..%2fetc/passwd"])  # fmt: skip
def test_static_files_end_at_their_root(path: str) -> None:
    assert b"root:" not in ask(path).body


# Instances write their own files: a link that one of them puts there leads nowhere.
@pytest.mark.parametrize(
    "target", ["/run/secrets/new.key", "/etc/passwd", "/srv/static/old/current/web/static/src/from_disk.js"]
)
@pytest.mark.parametrize("of", ["file", "folder"])
def test_a_link_is_not_followed(target: str, of: str) -> None:
    folder = pathlib.Path(FOLDER, "root/static/new/current/web/static")
    link = folder / "link"
    link.symlink_to(target if of == "file" else os.path.dirname(target))
    path = "/web/static/link" + ("" if of == "file" else "/" + os.path.basename(target))
    try:
        answer = ask(path)
    finally:
        link.unlink()
    assert answer.header("server-timing") == ""
    assert answer.seen["path"] == path, "it is asked of Odoo, as if nothing were there"


def test_a_folder_that_is_replaced_by_a_link_is_not_served() -> None:
    site = pathlib.Path(FOLDER, "root/static/old")
    (site / "previous").symlink_to("/srv/static/new/current")
    try:
        (site / "current").rename(site / "aside")
        (site / "current").symlink_to("/srv/static/new/current")
        answer = ask("/web/static/src/image.svg", host="old.localhost")
        assert answer.header("server-timing") == "" and answer.seen["path"] == "/web/static/src/image.svg"
    finally:
        (site / "previous").unlink()
        if (site / "aside").is_dir():
            (site / "current").unlink(missing_ok=True)
            (site / "aside").rename(site / "current")


def test_an_image_opened_as_a_page_runs_no_scripts() -> None:
    answer = ask("/web/static/src/image.svg")
    assert answer.header("content-type") == "image/svg+xml"
    assert answer.header("content-security-policy") == "default-src 'none'"


@pytest.mark.parametrize("path", ["/web/static/src/from_disk.js", "/web/dataset/x"])
def test_text_is_compressed_for_those_who_ask(path: str) -> None:
    plain, packed = ask(path), ask(path, headers=["Accept-Encoding: gzip"])
    assert plain.header("content-encoding") == ""
    assert packed.header("content-encoding") == "gzip"
    assert "Accept-Encoding" in packed.header("vary")
    assert gzip.decompress(packed.body)[:8] == plain.body[:8]
    assert len(packed.body) < len(plain.body) / 2


# Uploads and limits


def test_a_large_upload_arrives_and_is_kept_out_of_memory() -> None:
    size = 300 * 1024 * 1024  # more than the container's memory limit of 256 MB
    with connect("new.localhost") as connection:
        head = f"POST /web/binary/upload HTTP/1.1\r\nHost: new.localhost:{HTTPS_PORT}\r\nConnection: close\r\n"
        head += f"Content-Length: {size}\r\n\r\n"
        connection.sendall(head.encode())
        block = bytes(1 << 20)
        for dummy in range(size >> 20):
            connection.sendall(block)
        stream = connection.makefile("rb")
        assert b" 200 " in stream.readline()
        assert f'"received": {size}'.encode() in stream.read()
    left = [
        path
        for path in pathlib.Path(FOLDER, "root", "nginx", "tmp").rglob("*")
        if path.is_file() and path.name != "effective.conf"
    ]
    assert left == []


def test_an_upload_above_the_limit_of_its_site_is_refused() -> None:
    assert (
        ask("/web/binary/upload", host="old.localhost", method="POST", headers=["Content-Length: 2000000"]).status
        == 413
    )


def test_too_many_logins_are_slowed_down_but_pages_are_not() -> None:
    for dummy in range(40):  # an earlier run may have used up what this address may try
        if ask("/web/login", method="POST", body=b"login=x", host="alias.localhost").status == 200:
            break
        time.sleep(1)
    doors = ["/web/login", "/en/web/login", "/web/session/authenticate", "//web/%6cogin", "/web/login/totp",
             "/web/reset_password", "/web/signup", "/my/security"]  # fmt: skip
    paths = doors * 12
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        logins = list(pool.map(lambda path: ask(path, method="POST", body=b"x", host="alias.localhost").status, paths))
        pages = list(pool.map(lambda path: ask(path, host="alias.localhost").status, paths))
    assert set(logins) == {200, 429}
    for path in doors:
        assert (path, 429) in set(zip(paths, logins))
    assert set(pages) == {200}


def test_a_large_body_is_taken_only_where_odoo_takes_uploads() -> None:
    body = b"x" * 3000000
    for path in ("/web/dataset/call_kw/res.partner/write", "/en/website/form/crm.lead", "/jsonrpc", "/xmlrpc/2/object"):
        assert ask(path, method="POST", body=body).seen["received"] == len(body), path
    for path in ("/web", "/web/login", "/x", "/web/static/src/from_disk.js", "/web/health", "/web/dataset/../session"):
        length = [f"Content-Length: {len(body)}"]
        assert ask(path, method="POST", headers=length).status == 413, path
    # a GET takes none anywhere, also one that tells no length
    chunks = b"".join(b"10000\r\n" + bytes(65536) + b"\r\n" for dummy in range(48)) + b"0\r\n\r\n"
    head = (
        f"GET /web/dataset/call_kw HTTP/1.1\r\nHost: new.localhost:{HTTPS_PORT}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert exchange(connect("new.localhost"), head.encode() + chunks).status == 413


def begun(path: str, length: int, host: str = "new.localhost") -> socket.socket:
    """An upload that was begun and goes on no further."""
    connection = connect(host)
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{HTTPS_PORT}\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode() + b"x" * 1000)
    return connection


@pytest.mark.parametrize(("length", "most"), [(100000000, 2), (5000000, 16)])
def test_few_large_uploads_of_one_address_at_the_same_time(length: int, most: int) -> None:
    held = [begun("/web/dataset/call_kw", length) for dummy in range(most)]
    try:
        time.sleep(0.5)
        assert ask("/mail/attachment/upload", method="POST", headers=[f"Content-Length: {length}"]).status == 429
        assert ask("/web/dataset/call_kw", method="POST", body=b"{}").status == 200, "others work"
        assert ask("/x").status == 200
    finally:
        for connection in held:
            connection.close()


def test_what_is_half_open_ends_early() -> None:
    """A handshake of which only the beginning comes, one that isn't finished, and a head that isn't."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    half = ssl.create_default_context(cafile=CA).wrap_bio(incoming, outgoing, server_hostname="new.localhost")
    with pytest.raises(ssl.SSLWantReadError):
        half.do_handshake()
    hello = outgoing.read()
    held = []
    for first in (hello[:20], hello):
        connection = socket.create_connection(("127.0.0.1", HTTPS_PORT), timeout=20)
        connection.sendall(first)
        held.append(connection)
    slow = connect("new.localhost")
    slow.sendall(b"GET / HTTP/1.1\r\nHost: new")
    start = time.monotonic()
    for connection in [*held, slow]:
        with connection:
            connection.settimeout(15)
            try:
                while connection.recv(65536):
                    pass
            except ConnectionResetError:
                pass
    assert time.monotonic() - start < 13


def test_connections_fit_into_the_memory() -> None:
    text = pathlib.Path(FOLDER, "root/nginx/config/nginx.conf").read_text(encoding="utf-8")
    numbers = {
        name: int(re.findall(rf"{name} ([0-9]+);", text)[0]) for name in ("worker_processes", "worker_connections")
    }
    assert numbers["worker_processes"] * numbers["worker_connections"] * 56 * 1024 < 1024 * 1024 * 1024
    top = subprocess.run(["docker", "top", f"{NAME}-nginx"], check=True, capture_output=True, text=True).stdout
    assert top.count("nginx: worker process") == numbers["worker_processes"]


def test_websockets_of_one_address_are_counted() -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    head = f"GET /websocket?hold HTTP/1.1\r\nHost: new.localhost:{HTTPS_PORT}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    held, statuses = [], []
    for dummy in range(25):
        connection = connect("new.localhost")
        connection.sendall(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        statuses.append(int(connection.recv(4096).split()[1]))
        held.append(connection)
    for connection in held:
        connection.close()
    assert statuses == [101] * 20 + [429] * 5


@pytest.mark.parametrize("host", ["closed.localhost", "inner.localhost"])
@pytest.mark.parametrize(
    "path",
    [
        "/jsonrpc",
        "/xmlrpc/2/object",
        "/xmlrpc/common",
        "/json/2/res.users/search",
        "//jsonrpc",
        "/%6asonrpc",
        "/en/jsonrpc",
    ],
)
def test_doors_of_programs_can_be_closed(host: str, path: str) -> None:
    assert ask(path, host=host, method="POST", body=b"x").status == 403
    assert ask(path, method="POST", body=b"x").status == 200
    assert ask("/web/dataset/call_kw", host=host, method="POST", body=b"x").status == 200, "people's own calls"


def test_strangers_learn_of_the_health_no_more_than_up_or_down() -> None:
    seen = ask("/web/health?db_server_status=1", headers=["X-Odoo-Details: 1"])
    assert seen.seen["path"] == "/web/health"
    assert seen.upstream_header("x-odoo-details") == []
    assert ask("/monitoring/readiness", headers=["X-Odoo-Details: 1"]).upstream_header("x-odoo-details") == []


# Large files, past Odoo


def test_a_file_comes_from_the_store_with_odoos_headers() -> None:
    answer = ask(
        "/direct?/bucket/key?sign=1",
        headers=["Cookie: session_id=mine", "Authorization: me", "If-None-Match: x", "Range: bytes=0-"],
    )
    assert answer.status == 200
    # The store is asked for this, and told nothing of who asks.
    assert answer.seen["path"] == "/bucket/key?sign=1"
    assert answer.seen["headers"] == [["host", "new.odoo:8069"], ["range", "bytes=5-9"], ["connection", "close"]]
    found = {
        name: answer.header(name)
        for name in ("content-type", "etag", "last-modified", "content-disposition", "content-security-policy")
    }
    assert found == {
        "content-type": "application/pdf", "etag": '"odoo"', "last-modified": "Wed, 25 Nov 2026 10:00:00 GMT",
        "content-disposition": "attachment; filename=a.pdf", "content-security-policy": "default-src 'none'",
    }  # fmt: skip
    assert answer.header("x-content-type-options") == "nosniff"
    assert "abc" in answer.header("set-cookie") and "store" not in answer.header("set-cookie")
    assert not any("sign=1" in value or "store" in value for dummy, value in answer.headers)
    assert not answer.header("x-amz-request-id") + answer.header("x-odoo-target") + answer.header("x-accel-redirect")


@pytest.mark.parametrize("target", ["@127.0.0.1:8081/status", ".evil.example/", ""])
def test_no_other_host_than_the_store_is_asked(target: str) -> None:
    assert ask(f"/direct?{target}").status == 404


def test_what_the_store_says_when_it_refuses_is_not_shown() -> None:
    answer = ask("/direct?/bucket/refused")
    assert answer.status == 502
    assert b"Back in a moment" in answer.body


def test_nobody_can_ask_for_the_place_itself() -> None:
    assert ask("/.odoo-store").status == 404
    # A site without a store doesn't have it: the answer is Odoo's.
    assert ask("/.odoo-store", host="old.localhost").status == 200


@pytest.mark.parametrize(("host", "told"), [("new.localhost", ["http://new.odoo:8069"]), ("old.localhost", [])])
def test_odoo_is_told_of_the_store_by_nginx_alone(host: str, told: list[str]) -> None:
    assert ask("/x", host=host, headers=["X-Odoo-Store: http://evil.example"]).upstream_header("x-odoo-store") == told


# Replicas


def test_all_replicas_are_asked() -> None:
    assert len({ask("/x").seen["replica"] for dummy in range(40)}) == 2


@pytest.mark.parametrize("host", ["none.localhost", "listed.localhost"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("path", ["/web", "/my/home"])
def test_a_friendly_page_when_no_replica_answers(host: str, method: str, path: str) -> None:
    start = time.monotonic()
    answer = ask(path, host=host, method=method, body=b"x" if method == "POST" else b"")
    assert answer.status == 503
    assert answer.header("retry-after") == "15"
    assert answer.header("cache-control") == "no-store"
    assert method == "HEAD" or b"Back in a moment" in answer.body
    assert time.monotonic() - start < 12


@pytest.mark.skipif(not shutil.which("docker"), reason="no docker client")
def test_a_replica_that_goes_and_comes_back_is_not_noticed() -> None:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(many_gets, 12.0) for dummy in range(4)]
        subprocess.run(["docker", "kill", f"{NAME}-echo-2"], check=True, capture_output=True)
        time.sleep(4)
        subprocess.run(["docker", "start", f"{NAME}-echo-2"], check=True, capture_output=True)
        statuses = [status for future in asked for status in future.result()]
    assert len(statuses) > 100
    assert {status for status in statuses if status != 200} == set()


def many_gets(seconds: float) -> list[int]:
    end = time.monotonic() + seconds
    result = []
    while time.monotonic() < end:
        result.append(ask("/x").status)
        time.sleep(0.15)  # below what one address may ask
    return result


# The container


@pytest.mark.skipif(not shutil.which("docker"), reason="no docker client")
def test_the_container_is_unprivileged_and_holds_no_secret_in_its_description() -> None:
    text = subprocess.run(["docker", "inspect", f"{NAME}-nginx"], check=True, capture_output=True, text=True).stdout
    [inspected] = json.loads(text)
    assert inspected["HostConfig"]["ReadonlyRootfs"] is True
    assert inspected["HostConfig"]["CapDrop"] == ["ALL"]
    capabilities = {name.removeprefix("CAP_") for name in inspected["HostConfig"]["CapAdd"]}
    assert capabilities == {"CHOWN", "SETGID", "SETUID"}
    assert "PRIVATE KEY" not in text


@pytest.mark.skipif(not shutil.which("docker"), reason="no docker client")
def test_workers_are_another_user_than_the_one_that_reads_the_keys() -> None:
    top = subprocess.run(
        ["docker", "top", f"{NAME}-nginx", "-eo", "pid,uid,args"], check=True, capture_output=True, text=True
    ).stdout
    [user] = {line.split()[1] for line in top.splitlines() if "nginx: worker" in line}
    assert user != "0"
    read = ["docker", "exec", "--user", f"{user}:{user}", f"{NAME}-nginx", "cat", "/run/secrets/new.key"]
    assert subprocess.run(read, check=False, capture_output=True).returncode != 0


@pytest.mark.skipif(not shutil.which("docker"), reason="no docker client")
def test_the_log_is_json_without_parameters() -> None:
    ask("/x?token=do-not-log-me", headers=["Referer: https://new.localhost/y?token=do-not-log-me"])
    time.sleep(0.5)
    lines = subprocess.run(
        ["docker", "logs", "--tail", "20", f"{NAME}-nginx"], check=True, capture_output=True, text=True
    ).stdout
    assert "do-not-log-me" not in lines
    last = json.loads(lines.splitlines()[-1])
    assert (last["path"], last["response"]) == ("/x", 200)


# The last one, because it uses up what this address may ask.
def test_one_address_asks_odoo_only_so_often_and_static_files_as_often_as_it_likes() -> None:
    def many(path: str) -> list[int]:
        statuses = []
        for dummy in range(8):  # several requests on one connection, since handshakes take longest
            with connect("new.localhost") as connection:
                stream = connection.makefile("rb")
                for dummy in range(30):
                    connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: new.localhost:{HTTPS_PORT}\r\n\r\n".encode())
                    statuses.append(int(stream.readline().split()[1]))
                    while stream.readline() != b"\r\n":
                        pass
        return statuses

    def all_of(path: str) -> set[int]:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return {status for found in pool.map(many, [path] * 4) for status in found}

    assert all_of("/web/static/src/from_disk.js") == {200}
    assert all_of("/x") == {200, 429}
    time.sleep(5)
    assert ask("/x").status == 200
