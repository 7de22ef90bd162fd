# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What stands in front of Odoo in every process that serves: the database manager is closed, and
an address that guesses passwords through RPC is refused for a while.

The proxy closes and limits too. This is for requests that reach Odoo past it, and for what the
proxy can't see: whether a password was right. It also logs the address of a wrong one, which Odoo
16 and later don't know for RPC. Odoo is given by `serve`, which imports it.
"""

from __future__ import annotations

import functools
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

# Wrong passwords of one address within so many seconds; each process counts its own requests.
FAILURES = 10
SECONDS = 60.0
ADDRESSES = 10000  # that are remembered at most

# As for the proxy (nginx_limits.py): also behind the prefix of a language, which Odoo takes away.
_MANAGER = re.compile(r"(?:/[^/]+)?/web/database(?:/|\Z)", re.IGNORECASE)
_RPC = re.compile(r"(?:/[^/]+)?(/(?:xmlrpc|jsonrpc|json))(?:/|\Z)", re.IGNORECASE)
# Methods of the service `db` that need no password and name no database.
_HARMLESS = ("list", "list_lang", "server_version")

# Odoo logs logins that failed here, with what was given as a name.
_LOGINS = "odoo.addons.base.models.res_users"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_logger = logging.getLogger("odoo_cloud.doors")
_current = threading.local()


class Guesses:
    """How many wrong passwords came from which address in the last minute. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def failed(self, address: str) -> None:
        """Count one wrong password."""
        with self._lock:
            count, since = self._found.pop(address, (0, self._clock()))
            if self._clock() - since >= SECONDS:
                count, since = 0, self._clock()
            if len(self._found) >= ADDRESSES:
                del self._found[next(iter(self._found))]
            self._found[address] = (count + 1, since)

    def left(self, address: str) -> float:
        """Return for how many seconds the address is refused, 0 if it isn't."""
        count, since = self._found.get(address, (0, 0.0))
        return max(0.0, since + SECONDS - self._clock()) if count >= FAILURES else 0.0


def is_manager(path: str) -> bool:
    """Whether the path belongs to the database manager."""
    return bool(_MANAGER.match(re.sub("/+", "/", path)))


def rpc_door(path: str) -> str:
    """Return where programs log in at this path, such as `/jsonrpc`, empty if nowhere."""
    found = _RPC.match(re.sub("/+", "/", path))
    return found[1].lower() if found else ""


def client(environ: Mapping[str, Any], proxy_mode: bool) -> str:
    """Return the address of who asks, by the same headers as Odoo itself."""
    address = str(environ.get("REMOTE_ADDR") or "")
    if proxy_mode and environ.get("HTTP_X_FORWARDED_HOST") and environ.get("HTTP_X_FORWARDED_FOR"):
        address = str(environ.get("HTTP_X_FORWARDED_FOR")).rsplit(",", 1)[-1].strip()
    return re.sub(r"[^0-9A-Za-z.:%_-]", "", address)[:64]


def _answer(start_response: Callable[..., Any], status: str, text: str, *headers: tuple[str, str]) -> Iterable[bytes]:
    body = text.encode()
    start_response(
        status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"), *headers]
    )  # fmt: skip
    return [body]


def note_failure() -> None:
    """Count a wrong password of the current request, once, and log its address."""
    if getattr(_current, "address", None) and not _current.failed:
        _current.failed = True
        _current.guesses.failed(_current.address)
        # fail2ban reads this line; nothing in it is as the client wrote it.
        _logger.warning("Login refused at %s from %s", _current.door, _current.address)


def one_line(record: logging.LogRecord) -> bool:
    """Keep what a client gives as its name from ending the line and beginning another one, which
    would accuse somebody else. A filter of a logger."""
    if isinstance(record.args, tuple):
        record.args = tuple(_CONTROLS.sub(" ", one) if isinstance(one, str) else one for one in record.args)
    return True


def guarded(application: Callable[..., Any], config: Mapping[str, Any], guesses: Guesses) -> Callable[..., Any]:
    """Return `application` (the method `__call__` of Odoo's WSGI application) behind the doors."""

    @functools.wraps(application)
    def __call__(self, environ, start_response):  # type: ignore[no-untyped-def]
        path = str(environ.get("PATH_INFO") or "/")
        if not config["list_db"] and is_manager(path):
            return _answer(start_response, "403 Forbidden", "The database manager is closed.\n")
        door = rpc_door(path)
        if not door:
            return application(self, environ, start_response)
        address = client(environ, bool(config["proxy_mode"]))
        left = guesses.left(address)
        if left:
            return _answer(
                start_response, "429 Too Many Requests", "Too many wrong passwords; try again later.\n",
                ("Retry-After", str(int(left) + 1)),
            )  # fmt: skip

        def start(status, headers, *more):  # type: ignore[no-untyped-def]
            if status.startswith("401"):
                note_failure()
            return start_response(status, headers, *more)

        _current.address, _current.door, _current.guesses, _current.failed = address, door, guesses, False
        try:
            return application(self, environ, start)
        finally:
            _current.address = None

    return __call__


def watch_passwords(common: Any, model: Any, db: Any, config: Mapping[str, Any], refusal: type[Exception]) -> None:
    """Let Odoo's services `common`, `object` and `db` note wrong passwords, and `db` refuse to tell
    whether a database exists. `refusal`: Odoo's AccessDenied."""
    authenticate, call, manage = common.exp_authenticate, model.dispatch, db.dispatch

    @functools.wraps(authenticate)
    def exp_authenticate(*args, **values):  # type: ignore[no-untyped-def]
        found = authenticate(*args, **values)
        if not found:
            note_failure()
        return found

    def noting(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def dispatch(*args, **values):  # type: ignore[no-untyped-def]
            try:
                return function(*args, **values)
            except refusal:
                note_failure()
                raise

        return dispatch

    @functools.wraps(manage)
    def manage_or_refuse(method, params):  # type: ignore[no-untyped-def]
        if method in _HARMLESS:
            return manage(method, params)
        if not config["list_db"]:
            note_failure()
            raise refusal()
        return noting(manage)(method, params)

    common.exp_authenticate = exp_authenticate
    model.dispatch = noting(call)
    db.dispatch = manage_or_refuse


def close(http: Any, service: Any, config: Mapping[str, Any], refusal: type[Exception]) -> None:
    """Put the doors in front of Odoo: its modules `http` and `service`, its configuration and its
    AccessDenied."""
    root = type(http.root)
    root.__call__ = guarded(root.__call__, config, Guesses())
    watch_passwords(service.common, service.model, service.db, config, refusal)
    logging.getLogger(_LOGINS).addFilter(one_line)
