# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What Odoo's port answers while the runtime waits or works: 503, with a small page for visitors
and JSON for programs.

One thread serves all connections, so that a slow client delays no others and nothing keeps Odoo
from taking the port after `stop()`. Modules that only this server needs are imported by `start()`,
so a container that doesn't wait never loads them.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any, Callable

from ..common import log, times
from ..common.odoo_facts import HEALTH_PATH

RETRY_SECONDS = 5
RETRY_FAILED_SECONDS = 30
HEAD_SECONDS = 5.0  # slow-client limit for the whole request head
SEND_SECONDS = 5.0
DRAIN_SECONDS = 2.0  # an upload is read this long after the answer; closing earlier could lose the answer
HEAD_BYTES = 16384
CONNECTIONS = 256

_BLOCKS = {
    "Creating": ("Being set up", "This site is being set up for the first time. It opens by itself when that is done."),
    "Updating": ("Update in progress", "This site is being updated. It opens by itself when that is done."),
    "Maintenance": ("Maintenance in progress", "The last steps of the work on this site are under way. It opens soon."),
}
_WAITING = ("Starting", "This site is about to start. It opens by itself when everything that it needs is there.")
_FAILED = ("Out of service", "The work on this site stopped with an error. It stays closed so that no data is harmed.")

_STYLE = """
:root{color-scheme:light dark;--back:#f5f5f7;--card:#fff;--ink:#29292e;--soft:#5c5c66;--line:#e3e3e8;--mark:#714b67}
@media(prefers-color-scheme:dark){:root{--back:#1b1b1f;--card:#26262b;--ink:#ececf1;--soft:#a5a5b0;--line:#3a3a42;--mark:#c9a3bf}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;padding:1rem;background:var(--back);
color:var(--ink);font:1.0625rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{width:100%;max-width:34rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-top:4px solid var(--mark);
border-radius:.5rem;overflow-wrap:anywhere}
main.failed{--mark:#b3372f}
h1{margin:0 0 .75rem;font-size:1.75rem;line-height:1.2}
p{margin:0}
p+p{margin-top:.75rem}
progress{display:block;width:100%;height:.625rem;margin:1.5rem 0 0;appearance:none;border:0;border-radius:1rem;overflow:hidden;
background:var(--line);color:var(--mark)}
progress::-webkit-progress-bar{background:var(--line)}
progress::-webkit-progress-value{background:var(--mark)}
progress::-moz-progress-bar{background:var(--mark)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.375rem 1.25rem;margin:1.5rem 0 0}
dt{color:var(--soft)}
dd{margin:0}
span{white-space:nowrap}
.again{margin-top:1.5rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.9375rem}
@media(max-width:30rem){main{padding:1.5rem 1.25rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}
"""

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def _failed(status: Mapping[str, Any]) -> bool:
    """Whether the database is out of service. While a run works on a failed database it is not."""
    return bool(status.get("failed", status.get("state") == "Failed"))


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None


def _progress(status: Mapping[str, Any]) -> tuple[int, int] | None:
    step, steps = _number(status.get("step")), _number(status.get("of"))
    return (int(step), int(steps)) if step is not None and steps is not None and 0 < steps >= step else None


def _iso(value: Any) -> str | None:
    moment = times.parse(value)
    return moment.isoformat() if moment is not None else None


def retry_seconds(status: Mapping[str, Any]) -> int:
    """Return after how many seconds clients should try again."""
    return RETRY_FAILED_SECONDS if _failed(status) else RETRY_SECONDS


def is_stranger(headers: Mapping[str, str]) -> bool:
    """Whether the request came through the proxy, and not from an address that may see details."""
    return bool(headers.get("x-forwarded-for")) and headers.get("x-odoo-details") != "1"


def machine_answer(status: Mapping[str, Any], stranger: bool = False) -> dict[str, Any]:
    """Return the answer for programs. It doesn't contain the name of the database, because the port
    may be public. A stranger learns no more than that the site isn't up."""
    if stranger:
        return {"status": "failed" if _failed(status) else "starting", "retry_after": retry_seconds(status)}
    held, holder = status.get("holder"), None
    if isinstance(held, Mapping):
        holder = {**{name: held.get(name) for name in ("mode", "run_id", "host")}, "since": _iso(held.get("since"))}
    return {
        "status": "failed" if _failed(status) else "starting",
        "instance": status.get("instance"),
        "state": status.get("state"),
        "since": _iso(status.get("since")),
        **{name: status.get(name) for name in ("age_seconds", "phase", "step", "of", "version", "elapsed_seconds")},
        "holder": holder,
        "retry_after": retry_seconds(status),
    }


def page(status: Mapping[str, Any]) -> str:
    """Return the HTML page for visitors. It contains no hosts, users or errors, so a failed run's
    phase isn't shown either."""
    from html import escape

    failed = _failed(status)
    title, text = _FAILED if failed else _BLOCKS.get(str(status.get("state")), _WAITING)
    retry = retry_seconds(status)
    rows = []
    if status.get("phase") and not failed:
        rows.append(("Now", escape(str(status["phase"]))))
    if status.get("version") and not failed:
        rows.append(("Version", escape(str(status["version"]))))
    since, age = times.parse(status.get("since")), _number(status.get("age_seconds"))
    if since is not None:
        day = f"{since.day} {_MONTHS[since.month - 1]} {since.year}, {since:%H:%M} UTC"
        shown = f'<time datetime="{since:%Y-%m-%dT%H:%M:%SZ}">{day}</time>'
        if age is not None:
            shown += f" <span>({times.words(age)})</span>"
        rows.append(("Since", shown))
    elif age is not None:
        rows.append(("For", times.words(age)))
    if failed:
        (label, value), rows = (rows or [("", "")])[0], []
        text += f"</p>\n<p>An operator has been needed {label.lower()} {value}." if label else " An operator is needed."
    details = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in rows)
    steps = None if failed else _progress(status)
    meter = (
        f'<progress max="{steps[1]}" value="{steps[0]}" aria-label="Progress">{steps[0]} of {steps[1]}</progress>'
        if steps
        else ""
    )
    hint = "There is nothing that you have to do: this page" if not failed else "This page"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="robots" content="noindex">\n'
        f'<meta http-equiv="refresh" content="{retry}">\n<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n'
        f'<main{" class=failed" if failed else ""}>\n<div role="status">\n<h1>{title}</h1>\n<p>{text}</p>\n{meter}'
        f"{f'<dl>{details}</dl>' if details else ''}\n</div>\n"
        f'<p class="again">{hint} looks again every {retry} seconds.</p>\n</main>\n</body>\n</html>\n'
    )


def _preference(accept: str, kind: str) -> float:
    """How much the client prefers `kind`, which it must name explicitly; 0: not at all."""
    for place, item in enumerate(accept.split(",")):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        if name != kind:
            continue
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        return quality - place / 1e6  # the first one of equal quality
    return 0.0


def wants_json(target: str, headers: Mapping[str, str]) -> bool:
    """Whether the client is a program: a health check, JSON-RPC, a script of a page, or one that
    prefers JSON to HTML."""
    path = target.split("?", 1)[0].split("#", 1)[0]
    accept = headers.get("accept", "")
    return (
        path == HEALTH_PATH
        or "x-requested-with" in headers
        or headers.get("content-type", "").split(";", 1)[0].strip().lower() == "application/json"
        or _preference(accept, "application/json") > _preference(accept, "text/html")
    )


class _Refused(Exception):
    """The request is invalid and doesn't get the usual answer."""


def parse_head(received: bytes) -> tuple[str, str, dict[str, str]] | None:
    """Return method, target and headers as soon as the head is complete, until then `None`.

    Raises an error with the HTTP status if the request is invalid.
    """
    data = received.lstrip(b"\r\n")
    if data and not data[:1].isalpha():
        raise _Refused("400 Bad Request")
    end, unix = data.find(b"\r\n\r\n"), data.find(b"\n\n")
    if unix >= 0 and (end < 0 or unix < end):
        end = unix
    if end < 0:
        if len(received) > HEAD_BYTES:
            raise _Refused("431 Request Header Fields Too Large")
        return None
    first, *lines = data[:end].decode("latin-1").split("\n")
    words = first.split()
    if len(words) != 3 or not words[0].isalpha() or not words[2].startswith("HTTP/1."):
        raise _Refused("400 Bad Request")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    target = words[1]
    if "://" in target:  # the form for proxies, http://host/path
        target = "/" + target.split("://", 1)[1].partition("/")[2]
    return words[0], target, headers


class _Client:
    """One connection: its head is read, the answer is sent, then input is discarded until the
    client closes."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""
        self.answer = b""
        self.draining = False
        self.deadline = time.monotonic() + HEAD_SECONDS


class Waiting:
    """The page on `port`, shown between `start()` and `stop()`. `describe` is called for each
    request and must answer from memory."""

    def __init__(self, port: int, describe: Callable[[], Mapping[str, Any]], host: str = "0.0.0.0") -> None:
        self.address = (host, port)
        self.describe = describe
        self.server: _Server | None = None

    def start(self) -> bool:
        """Open the port; returns whether it answers now. If another process has the port, the
        runtime continues without a page."""
        if self.server is not None:
            return True
        try:
            self.server = _Server(self.address, self.describe)
        except (OSError, OverflowError, RuntimeError) as exc:
            reason = getattr(exc, "strerror", None) or str(exc)
            log.warning(f"no waiting page on port {self.address[1]}: {reason}")
            return False
        return True

    def stop(self) -> None:
        """Close everything; afterwards another server can take the port."""
        server, self.server = self.server, None
        if server is not None:
            server.stop()


class _Server:
    def __init__(self, address: tuple[str, int], describe: Callable[[], Mapping[str, Any]]) -> None:
        import base64
        import hashlib
        import json

        self.json = json
        digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
        self.policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
        self.describe = describe
        self.complained = False
        self.stopping = False
        self.clients: dict[int, _Client] = {}
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            # Odoo sets the same option, so connections that are still closing block neither server.
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(address)
            self.listener.listen(128)
            self.listener.setblocking(False)
            self.wake, self.waker = socket.socketpair()
            self.selector = selectors.DefaultSelector()
            self.selector.register(self.wake, selectors.EVENT_READ)
            self.selector.register(self.listener, selectors.EVENT_READ)
            self.thread = threading.Thread(target=self._serve, name="waiting-page", daemon=True)
            self.thread.start()
        except BaseException:
            self.listener.close()
            raise

    def stop(self) -> None:
        self.stopping = True
        self.waker.close()  # readable at the other end
        self.thread.join(2)
        if self.thread.is_alive():  # it hangs in describe() and won't close anything itself
            self._close_all()

    def _serve(self) -> None:
        try:
            while not self.stopping:
                soonest = min((client.deadline for client in self.clients.values()), default=None)
                for key, _events in self.selector.select(soonest and max(soonest - time.monotonic(), 0)):
                    if self.stopping:
                        break
                    if key.fileobj is self.listener:
                        self._accept()
                    elif key.data is not None:
                        self._advance(key.data)
                now = time.monotonic()
                for client in [item for item in self.clients.values() if item.deadline <= now]:
                    self._close(client)
        except Exception as exc:  # the page is optional: its failure must not end the run
            if not self.stopping:
                log.warning(f"the waiting page ends: {type(exc).__name__}: {exc}")
        finally:
            self._close_all()
            self.selector.close()
            self.wake.close()

    def _close_all(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # close() alone leaves it open while a thread waits on it
        self.listener.close()
        for client in list(self.clients.values()):
            self._close(client, at_once=not client.draining)

    def _close(self, client: _Client, at_once: bool = False) -> None:
        self.clients.pop(id(client), None)
        with contextlib.suppress(KeyError, OSError, RuntimeError, ValueError):
            self.selector.unregister(client.connection)
        with contextlib.suppress(OSError):
            if at_once:  # with a reset, so that no connection remains
                client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.connection.close()

    def _accept(self) -> None:
        try:
            connection, _address = self.listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:
            time.sleep(0.05)  # probably no free descriptor: don't try again immediately
            return
        connection.setblocking(False)
        if len(self.clients) >= CONNECTIONS:
            self._close(next(iter(self.clients.values())), at_once=True)  # the oldest one
        client = _Client(connection)
        self.clients[id(client)] = client
        self.selector.register(connection, selectors.EVENT_READ, client)

    def _advance(self, client: _Client) -> None:
        try:
            if not client.answer:
                data = client.connection.recv(65536)
                if not data:
                    self._close(client)
                    return
                if client.draining:
                    return
                client.received += data
                client.answer = self._respond(client.received)
                if not client.answer:
                    return
                client.deadline = time.monotonic() + SEND_SECONDS
                self.selector.modify(client.connection, selectors.EVENT_WRITE, client)
            client.answer = client.answer[client.connection.send(client.answer) :]
            if not client.answer:
                client.draining = True
                client.deadline = time.monotonic() + DRAIN_SECONDS
                client.connection.shutdown(socket.SHUT_WR)
                self.selector.modify(client.connection, selectors.EVENT_READ, client)
        except (BlockingIOError, InterruptedError):
            pass
        except Exception:  # an error of one connection doesn't affect others
            self._close(client, at_once=True)

    def _respond(self, received: bytes) -> bytes:
        """The complete answer, empty while the head is incomplete."""
        try:
            request = parse_head(received)
        except _Refused as exc:
            return self._message(str(exc), "text/plain; charset=utf-8", f"{exc}\n", {})
        if request is None:
            return b""
        method, target, headers = request
        status: Mapping[str, Any] = {}
        try:
            status = dict(self.describe())
        except Exception as exc:  # a page with few details is better than none
            if not self.complained:
                log.warning(f"the waiting page cannot show what happens: {type(exc).__name__}: {exc}")
            self.complained = True
        more = {
            "Retry-After": str(retry_seconds(status)),
            "Vary": "Accept, Content-Type, X-Requested-With",
            "Content-Security-Policy": self.policy,
            "Referrer-Policy": "no-referrer",
        }
        if wants_json(target, headers):
            kind, text = (
                "application/json",
                self.json.dumps(machine_answer(status, is_stranger(headers)), default=str) + "\n",
            )
        else:
            kind, text = "text/html; charset=utf-8", page(status)
        return self._message("503 Service Unavailable", kind, text, more, method == "HEAD")

    def _message(self, status: str, kind: str, text: str, more: Mapping[str, str], head: bool = False) -> bytes:
        body = text.encode("utf-8", "replace")
        lines = [
            f"HTTP/1.1 {status}",
            f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime())}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            "Connection: close",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            *(f"{name}: {value}" for name, value in more.items()),
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (b"" if head else body)
