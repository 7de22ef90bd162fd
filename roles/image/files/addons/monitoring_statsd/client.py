# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""The connection to statsd, opened when first needed; it is UDP, so no request ever waits for it."""

import os
import re
from dataclasses import dataclass

import statsd
from odoo.addons.odoo_cloud_compat import settings

PREFIX = "odoo"  # fixed, as STATSD_PREFIX never had an effect
_clients = {}


class SettingsError(ValueError):
    """A variable is missing; the message is one line for operators."""


@dataclass(frozen=True)
class Where:
    """Address and names of the metrics."""

    customer: str
    environment: str
    host: str
    port: int
    maxudpsize: int
    ipv6: bool


def load(env=None):
    """Return the settings, `None` if statsd is off. Raises `SettingsError`."""
    if not settings.is_true("ODOO_STATSD", env):
        return None
    customer = settings.text("STATSD_CUSTOMER", env)
    environment = settings.text("STATSD_ENVIRONMENT", env) or settings.running_env()
    if not customer:
        raise SettingsError("STATSD_CUSTOMER is not set: it is part of the names of all metrics")
    if not environment:
        raise SettingsError("STATSD_ENVIRONMENT is not set, and neither is RUNNING_ENV: one is part of all names")
    return Where(
        clean(customer),
        clean(environment),
        settings.text("STATSD_HOST", env),
        settings.number("STATSD_PORT", env),
        settings.number("STATSD_MAXUDPSIZE", env),
        settings.is_true("STATSD_IPV6", env),
    )


def client(where):
    """Return the client of this process."""
    key = (os.getpid(), where)
    if key not in _clients:
        _clients.clear()
        _clients[key] = statsd.StatsClient(
            host=where.host, port=where.port, prefix=PREFIX, maxudpsize=where.maxudpsize, ipv6=where.ipv6
        )
    return _clients[key]


def clean(name):
    """Return a name as a part of a metric's name, in which dots would separate parts."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", str(name)) or "undefined"
