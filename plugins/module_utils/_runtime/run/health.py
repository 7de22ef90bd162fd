# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The container's health check: one light request to Odoo itself, without the rest of the runtime."""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping

from ..common import values
from ..common.errors import ConfigError
from ..common.odoo_conf import read_odoo_conf
from ..common.odoo_facts import HTTP_PORT, LOGIN_PATH, ODOO_RC, health_path

TIMEOUT = 5.0


def accepted(status: int) -> bool:
    """Whether an HTTP status counts as healthy."""
    return status in (200, 303)


def _session_file() -> str:
    return f"/dev/shm/odoo-cloud-{os.getuid()}/health-session"


def check(env: Mapping[str, str]) -> tuple[bool, str]:
    """Request the health path from Odoo. Returns whether it is healthy, and a line that describes
    the result."""
    try:
        # As the table of variables says, which takes too long to import here.
        given = (env.get("HTTP_PORT") or "").strip()
        stated = given or read_odoo_conf(env.get("ODOO_RC") or ODOO_RC).get("http_port") or HTTP_PORT
        port = values.port("HTTP_PORT" if given else "http_port", stated)
    except (values.WrongValue, ConfigError) as exc:
        return False, str(exc)
    path = env.get("HEALTH_PATH") or health_path(env.get("ODOO_VERSION") or "")
    if not path.startswith("/"):
        return False, f"HEALTH_PATH is {path!r}: must begin with '/'"
    headers = {"Host": "127.0.0.1", "Connection": "close", "User-Agent": "odoo-cloud-health"}
    session = _session_file() if path == LOGIN_PATH else ""
    if session:  # otherwise each check would leave a new session file on 14
        try:
            with open(session, encoding="ascii") as handle:
                headers["Cookie"] = "session_id=" + handle.read().strip()
        except OSError:
            pass
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        status, cookie = response.status, response.getheader("Set-Cookie") or ""
    except (OSError, http.client.HTTPException) as exc:
        return False, f"no answer on port {port}: {exc}"
    finally:
        connection.close()
    if session and cookie.startswith("session_id="):
        value = cookie.split(";", 1)[0][len("session_id=") :]
        if headers.get("Cookie") != "session_id=" + value and os.path.isdir(os.path.dirname(session)):
            try:
                descriptor = os.open(session, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "w", encoding="ascii") as handle:
                    handle.write(value)
            except OSError:
                pass
    return accepted(status), f"{path} answered {status}"
