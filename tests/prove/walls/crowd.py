# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strangers: a program of its own that opens many connections to one proxy, from many addresses of this machine.

`python crowd.py KIND SETTINGS`, both JSON; it prints one JSON object with what became of them. It asks for a bounded number of
things in a bounded time, and ends when its standard input is closed. Standard library only.
"""

from __future__ import annotations

import base64
import collections
import collections.abc
import contextlib
import errno
import json
import os
import resource
import selectors
import socket
import ssl
import sys
import threading
import time
import typing as t

KEY = base64.b64encode(bytes(16)).decode()


class Settings(t.NamedTuple):
    """target: address and port of the proxy. name: of the site. sources: addresses of this machine to connect from. number: how many
    things altogether. seconds: how long at most. at_once: threads. path, body, length: of requests. Bytes are in `length`."""

    target: tuple[str, int]
    name: str
    sources: list[str]
    number: int
    seconds: float
    at_once: int = 8
    path: str = "/"
    body: str = ""
    headers: dict[str, str] = {}
    length: int = 0
    sent: int = 0


def context() -> ssl.SSLContext:
    found = ssl.create_default_context()
    found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    return found


def plain(settings: Settings, number: int, timeout: float = 10) -> socket.socket:
    """A connection from the next address."""
    source = settings.sources[number % len(settings.sources)]
    return socket.create_connection(settings.target, timeout=timeout, source_address=(source, 0))


def encrypted(settings: Settings, number: int, tls: ssl.SSLContext, timeout: float = 10) -> ssl.SSLSocket:
    return tls.wrap_socket(plain(settings, number, timeout), server_hostname=settings.name)


def hello(name: str) -> bytes:
    """The first message of a handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context().wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def half_open(settings: Settings) -> dict[str, t.Any]:
    """Begins handshakes and finishes none: all are open before any is given up. `most`: how many at the same
    time; `kept`: of those that the proxy had answered; `longest`: seconds that it kept one of these."""
    first, poll = hello(settings.name), selectors.DefaultSelector()
    begun: dict[int, socket.socket] = {}
    found: collections.Counter[str] = collections.Counter()
    longest, most, kept, started = 0.0, 0, 0, 0
    answered: dict[int, float] = {}
    end, pace = time.monotonic() + settings.seconds, settings.number / min(6, settings.seconds / 3)
    begin = time.monotonic()
    while time.monotonic() < end and (begun or started < settings.number):
        while started < min(settings.number, int((time.monotonic() - begin) * pace) + 1):
            one = socket.socket()
            one.setblocking(False)
            one.bind((settings.sources[started % len(settings.sources)], 0))
            if one.connect_ex(settings.target) in (0, errno.EINPROGRESS):
                begun[one.fileno()] = one
                poll.register(one, selectors.EVENT_WRITE)
            started += 1
        for key, events in poll.select(0.05):
            one = begun[key.fd]
            gone = False
            try:
                if events & selectors.EVENT_WRITE:
                    one.send(first)
                    poll.modify(one, selectors.EVENT_READ)
                elif one.recv(65536):
                    found["answered"] += 1
                    answered.setdefault(key.fd, time.monotonic())
                else:
                    gone = True
            except OSError:
                found["refused"] += 1
                gone = True
            if gone:
                if key.fd in answered:
                    longest = max(longest, time.monotonic() - answered.pop(key.fd))
                poll.unregister(one)
                one.close()
                del begun[key.fd]
        most, kept = max(most, len(begun)), max(kept, len(answered))
    for one in begun.values():
        one.close()
    return {**found, "started": started, "most": most, "kept": kept, "left": len(begun), "longest": round(longest, 1)}


def threads(
    settings: Settings, work: collections.abc.Callable[[int, threading.Event], collections.Counter[str]]
) -> dict[str, t.Any]:
    """Runs `work` in each thread, with its number, until all have ended or the time is over; the sum of what they counted."""
    over, results = threading.Event(), []
    timer = threading.Timer(settings.seconds, over.set)
    timer.daemon = True
    timer.start()
    all_of_them = [
        threading.Thread(target=lambda number=one: results.append(work(number, over)))
        for one in range(settings.at_once)
    ]
    for one in all_of_them:
        one.start()
    for one in all_of_them:
        one.join()
    return dict(sum(results, collections.Counter()))


def status(stream: t.Any) -> int:
    """The status of the next answer, whose body is read too."""
    line = stream.readline()
    if not line:
        raise ConnectionError("closed")
    length, closes = 0, False
    for raw in iter(stream.readline, b"\r\n"):
        name, dummy, value = raw.decode("latin-1").partition(":")
        if name.lower() == "content-length":
            length = int(value)
        if name.lower() in ("transfer-encoding", "upgrade"):
            closes = True
    number = int(line.split()[1])
    if closes and number != 101:
        while size := int(stream.readline(), 16):
            stream.read(size + 2)
        stream.readline()
    stream.read(length)
    return number


def requests(settings: Settings) -> dict[str, t.Any]:
    """The same request again and again, on connections that stay open as long as the proxy keeps them. Counts the answers."""
    tls, body = context(), settings.body.encode()
    headers = {"Host": f"{settings.name}:{settings.target[1]}", "Content-Length": str(len(body)), **settings.headers}
    if not body:
        del headers["Content-Length"]
    head = f"{'POST' if body else 'GET'} {settings.path} HTTP/1.1\r\n" + "".join(
        f"{k}: {v}\r\n" for k, v in headers.items()
    )
    data = f"{head}\r\n".encode() + body

    def work(number: int, over: threading.Event) -> collections.Counter[str]:
        found: collections.Counter[str] = collections.Counter()
        left, which = settings.number // settings.at_once, number
        while left and not over.is_set():
            with contextlib.suppress(OSError, ValueError):
                found["connections"] += 1
                with encrypted(settings, which, tls) as connection:
                    stream = connection.makefile("rb")
                    while left and not over.is_set():
                        left -= 1
                        connection.sendall(data)
                        number_of = status(stream)
                        found[str(number_of)] += 1
                        if number_of == 101:
                            break
            which += settings.at_once
        return found

    return threads(settings, work)


def websockets(settings: Settings) -> dict[str, t.Any]:
    """Handshakes of websockets; each that is accepted is closed at once."""
    wanted = {
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13",
        "Origin": f"https://{settings.name}:{settings.headers['port']}",
        "Host": f"{settings.name}:{settings.headers['port']}",
    }  # fmt: skip
    return requests(settings._replace(headers=wanted, body=""))


def uploads(settings: Settings) -> dict[str, t.Any]:
    """Uploads that send `sent` bytes and then hardly anything, all at the same time, until the time is over."""
    tls, block = context(), bytes(1 << 16)

    def work(number: int, over: threading.Event) -> collections.Counter[str]:
        found: collections.Counter[str] = collections.Counter()
        try:
            with encrypted(settings, number, tls, 5) as connection:
                head = f"POST {settings.path} HTTP/1.1\r\nHost: {settings.name}\r\nContent-Length: {settings.length}\r\n\r\n"
                connection.sendall(head.encode())
                sent = 0
                while sent < settings.sent and not over.is_set():
                    connection.sendall(block)
                    sent += len(block)
                    connection.settimeout(0.01)
                    with contextlib.suppress(TimeoutError, ssl.SSLWantReadError):
                        answer = connection.recv(64)
                        found[answer[9:12].decode() if answer else "closed"] += 1
                        return found
                    connection.settimeout(5)
                found["held"] += 1
                while not over.wait(1):
                    connection.settimeout(5)
                    connection.sendall(b"x")
        except OSError as error:
            found[type(error).__name__] += 1
        return found

    return threads(settings._replace(at_once=settings.number), work)


KINDS = {one.__name__: one for one in (half_open, uploads, websockets, requests)}


def main() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    os.nice(15)  # whoever measures beside it shall measure the platform
    # who started this is gone when the input ends; so is this
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
    given = json.loads(sys.argv[2])
    given["target"] = tuple(given["target"])
    print(json.dumps(KINDS[sys.argv[1]](Settings(**given))), flush=True)


if __name__ == "__main__":
    main()
