# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Stands as wkhtmltopdf and wkhtmltoimage in Odoo's containers and lets the report service print.

The service has no network. What a page wants, it asks back on the same connection: this client gets
it from Odoo in its own container and adds the cookie, which so never leaves the container. Without a
service (`ODOO_REPORT_SOCKET`) the image's own program is run instead.

Exit codes as Odoo reads them: 0; 1 for a whole result with warnings; others with one line that Odoo
shows to the person who prints.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import os
import re
import shutil
import socket
import sys
import threading
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from ..common.odoo_facts import GEVENT_PORT, HTTP_PORT
from . import frames, options

SOCKET = "ODOO_REPORT_SOCKET"
# Odoo asks at its start, or at the first print, and remembers the answer; so it must not depend on the service.
VERSION = "0.12.6.1 (with patched qt)"
MAGIC = {"pdf": b"%PDF-", "png": b"\x89PNG", "jpeg": b"\xff\xd8"}
WARNED, USAGE, FAILED, NO_PROGRAM = 1, 2, 3, 127
PATIENCE = 20.0  # seconds for a service that was just restarted
SILENCE = frames.BEAT * 6.0  # seconds without a frame after which the service is gone
MOST_ANSWER = 64 * 1024 * 1024  # bytes of one picture or stylesheet
REDIRECTS = 5
_BASE = re.compile(rb"<base\s[^>]*?href\s*=\s*[\"']?([^\"'>\s]+)", re.IGNORECASE)
_NO_ORIGIN = "http://odoo.invalid"


class Failure(Exception):
    """The print failed; the message is one line for the person who prints."""


class Lost(Failure):
    """The connection ended before there was a result."""


def origin_of(html: bytes) -> str:
    """Scheme, host and port of a document's `<base>`, by which Odoo says where its links begin."""
    match = _BASE.search(html)
    parts = urllib.parse.urlsplit(match.group(1).decode("utf-8", "replace") if match else "")
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        return _NO_ORIGIN
    return f"{parts.scheme}://{parts.netloc}"


def cookie_of(line: options.CommandLine) -> str:
    """The header `Cookie` for Odoo. A jar is a file with cookies as servers set them."""
    found = [f"{name}={value}" for name, value in line.cookies]
    if line.cookie_jar:
        with open(line.cookie_jar, encoding="utf-8", errors="replace") as stream:
            found += [one.split(";", 1)[0].strip() for one in stream.read().splitlines() if "=" in one]
    return "; ".join(one for one in found if not re.search(r"[\x00-\x1f]", one))


class Odoo:
    """The Odoo of this container, asked at its own ports."""

    def __init__(self, origin: str, cookie: str, ports: Sequence[int]) -> None:
        """`origin`: of the links in the documents. `ports`: the first that is open is asked."""
        self.origin, self.ports = origin, list(ports)
        parts = urllib.parse.urlsplit(origin)
        self.headers = {
            "Host": parts.netloc,
            "X-Forwarded-Host": parts.netloc,
            "X-Forwarded-Proto": parts.scheme,
            "X-Forwarded-For": "127.0.0.1",
            "User-Agent": "odoo-cloud-report",
            **({"Cookie": cookie} if cookie else {}),
        }

    def get(self, path: str) -> tuple[int, str, bytes]:
        """Status, type and body of what is at a path. Odoo's own redirects are followed; none leads elsewhere."""
        for dummy in range(REDIRECTS):
            if not re.match(r"/(?!/)[\x21-\x7e]*\Z", path):
                return 403, "text/plain", b"not a path of Odoo"
            status, kind, body, target = self._ask(path)
            if status not in (301, 302, 303, 307, 308):
                return status, kind, body
            there = urllib.parse.urlsplit(urllib.parse.urljoin(self.origin + path, target))
            if f"{there.scheme}://{there.netloc}" != self.origin:
                return 403, "text/plain", b"a redirect to another server"
            path = there.path + (f"?{there.query}" if there.query else "")
        return 403, "text/plain", b"too many redirects"

    def _ask(self, path: str) -> tuple[int, str, bytes, str]:
        error: OSError | http.client.HTTPException | None = None
        for port in self.ports:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                connection.request("GET", path, headers=self.headers)
                answer = connection.getresponse()
                body = answer.read(MOST_ANSWER + 1)
                if len(body) > MOST_ANSWER:
                    return 413, "text/plain", b"", ""
                kind = answer.getheader("Content-Type") or "application/octet-stream"
                return answer.status, kind, body, answer.getheader("Location") or ""
            except ConnectionRefusedError as found:
                error = found
            except (OSError, http.client.HTTPException) as found:
                return 504, "text/plain", f"{type(found).__name__}: {found}".encode(), ""
            finally:
                connection.close()
        return 502, "text/plain", f"Odoo does not listen: {error}".encode(), ""


class Connection:
    """A connection to the service."""

    def __init__(self, path: str, patience: float = PATIENCE) -> None:
        """`path`: of its socket. `patience`: seconds in which a refused connection is tried again. Raises `Failure`."""
        end = time.monotonic() + patience
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(SILENCE)
            try:
                self._socket.connect(path)
                break
            except OSError as error:
                self._socket.close()
                if time.monotonic() > end:
                    raise Failure(f"the report service can't be reached ({path}: {error.strerror or error})") from error
            time.sleep(0.2)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Ends it."""
        self._socket.close()

    def send(self, head: Mapping[str, Any], body: bytes = b"") -> None:
        """Sends a frame. Raises `Lost`, and `FrameError` for one that is too large."""
        data = frames.pack(head, body)
        try:
            with self._lock:
                self._socket.sendall(data)
        except OSError as error:
            raise Lost(f"the connection to the report service was lost ({error})") from error

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """The next frame. Raises `Lost`."""
        try:
            head, body = frames.lengths(self._exactly(frames.LENGTHS.size))
            return frames.read_head(self._exactly(head)), self._exactly(body)
        except frames.FrameError as error:
            raise Failure(f"the report service: {error}") from error

    def _exactly(self, number: int) -> bytes:
        found = bytearray()
        while len(found) < number:
            try:
                part = self._socket.recv(min(number - len(found), 1 << 20))
            except OSError as error:
                raise Lost(f"the report service does not answer ({error})") from error
            if not part:
                raise Lost("the report service ended before the print was done")
            found += part
        return bytes(found)


def let_print(
    path: str, line: options.CommandLine, odoo: Odoo, contents: Mapping[str, bytes]
) -> tuple[list[str], bytes]:
    """Warnings and the result. `contents`: the files by their names. Raises `Failure`."""
    connection = Connection(path)
    try:
        files = [(name, len(body)) for name, body in contents.items()]
        job = {**line.job.to_dict()}
        connection.send(
            {"op": "print", "protocol": frames.PROTOCOL, "origin": odoo.origin, "job": job, "files": files},
            b"".join(contents.values()),
        )

        def answer(head: Mapping[str, Any]) -> None:
            status, kind, body = odoo.get(str(head.get("path")))
            with contextlib.suppress(Failure):  # the main thread sees the same
                connection.send({"op": "got", "id": head.get("id"), "status": status, "type": kind}, body)

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            while True:
                head, body = connection.receive()
                if head["op"] == "get":
                    pool.submit(answer, head)
                elif head["op"] == "done":
                    return [str(one) for one in head.get("warnings") or ()], body
                elif head["op"] == "failed":
                    raise Failure(f"the report service: {head.get('message')}")
                elif head["op"] != "wait":
                    raise Failure(f"the report service said {head['op'][:40]!r}")
    finally:
        connection.close()


def run(kind: str, arguments: Sequence[str], path: str, ports: Sequence[int]) -> int:
    """Prints. `kind`: `pdf` or `image`. Returns the exit code; raises `Failure` and `options.OptionError`."""
    line = options.parse(arguments, kind)
    contents = {}
    for name, file in line.files.items():
        try:
            with open(file, "rb") as stream:
                contents[name] = stream.read()
        except OSError as error:
            raise Failure(f"{file}: {error.strerror or error}") from error
    odoo = Odoo(origin_of(contents[line.job.bodies[0]]), cookie_of(line), ports)
    try:
        warnings, result = let_print(path, line, odoo, contents)
    except Lost:  # once more: by now it has been restarted
        warnings, result = let_print(path, line, odoo, contents)
    if not result.startswith(MAGIC["pdf" if kind == "pdf" else line.job.format]):
        raise Failure("the report service returned no document")
    try:
        with open(line.output, "wb") as stream:
            stream.write(result)
    except OSError as error:
        raise Failure(f"{line.output}: {error.strerror or error}") from error
    for one in warnings:
        sys.stderr.write(f"{one}\n")
    return WARNED if warnings and kind == "pdf" else 0


def own_program(name: str, environment: Mapping[str, str]) -> str:
    """The path of the image's own program of this name; empty when there is none."""
    mine = os.path.realpath(sys.argv[0])
    for folder in (environment.get("PATH") or os.defpath).split(os.pathsep):
        found = shutil.which(name, path=folder) if folder else None
        if found and os.path.realpath(found) != mine:
            return found
    return ""


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The program. `arguments`: with its name."""
    name = os.path.basename(arguments[0])
    kind = "image" if name == "wkhtmltoimage" else "pdf"
    path = environment.get(SOCKET, "")
    if not path:
        own = own_program(name, environment)
        if own:
            os.execv(own, [own, *arguments[1:]])
        sys.stderr.write(f"{name}: this image has no program of this name, and no report service is configured\n")
        return NO_PROGRAM
    if "--version" in arguments or "-V" in arguments:
        sys.stdout.write(f"{name} {VERSION}\n")
        return 0
    try:
        http_port = int(environment.get("HTTP_PORT") or HTTP_PORT)
        return run(kind, arguments[1:], path, (GEVENT_PORT, http_port))
    except options.OptionError as error:
        sys.stderr.write(f"{name}: {error}\n")
        return USAGE
    except Failure as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
