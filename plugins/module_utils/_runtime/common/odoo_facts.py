# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What is true of Odoo itself: supported versions, ports, paths that differ between versions.

A version may be given as `16` or `16.0`. The container's health check imports this module every few
seconds, so it imports nothing itself.
"""

from __future__ import annotations

VERSIONS = ("14", "15", "16", "17", "18", "19")
HTTP_PORT = 8069
GEVENT_PORT = 8072  # for websockets and long polling
ODOO_RC = "/etc/odoo/odoo.conf"  # in every image
UID = 8069  # user and group of Odoo in every image
# Odoo's own files. Not /var/lib/odoo, which official images declare as a volume: what a build writes
# into a declared volume is thrown away, its owner too.
DATA_DIR = "/srv/odoo"


def major(version: str) -> int:
    """Return the first number of a version. Raises `ValueError` if it isn't one."""
    return int(version.split(".", 1)[0])


def has_websocket(version: str) -> bool:
    """Whether this version uses websockets; before 16 it was long polling."""
    return major(version) >= 16


def realtime_path(version: str) -> str:
    """Return the path that is sent to the gevent port: `/websocket` or `/longpolling`."""
    return "/websocket" if has_websocket(version) else "/longpolling"


def gevent_port_option(version: str) -> str:
    """Return the option of odoo.conf for the gevent port: `gevent_port` or `longpolling_port`."""
    return "gevent_port" if has_websocket(version) else "longpolling_port"


def server_wide_modules(version: str) -> list[str]:
    """Return the modules that every worker loads. 19 moved the RPC routes out of `base`."""
    return ["base", "rpc", "web"] if major(version) >= 19 else ["base", "web"]


HEALTH_PATH = "/web/health"  # from 15 on
LOGIN_PATH = "/web/login"


def health_path(version: str) -> str:
    """Return the path that says whether Odoo serves. 14 has none, so its login page is rendered. An
    empty version counts as a newer one."""
    return LOGIN_PATH if version.split(".", 1)[0] == "14" else HEALTH_PATH
