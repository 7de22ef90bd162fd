# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Metrics of all workers in one registry: each worker writes its own files, and the one that
answers adds them up."""

import hmac
import ipaddress
import os
import tempfile
import time

from odoo.addons.odoo_cloud_compat import compat, settings

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def _folder():
    """A folder that lasts as long as the container (or machine), so that counters never decrease
    while it runs."""
    with open("/proc/1/stat", encoding="utf-8") as stat:
        started = stat.read().rpartition(")")[2].split()[19]
    path = os.path.join(tempfile.gettempdir(), f"odoo-prometheus-{os.getuid()}-{started}")
    os.makedirs(path, mode=0o700, exist_ok=True)
    if os.stat(path).st_uid != os.getuid():
        raise PermissionError(path)
    return path


# prometheus_client reads the variable once, when it is imported.
if not os.environ.get(VARIABLE):
    os.environ[VARIABLE] = _folder()

import prometheus_client  # noqa: E402
import prometheus_client.multiprocess  # noqa: E402

REQUESTS = prometheus_client.Summary("request_latency_sec", "Request response time in sec", ["query_type"])
LONGPOLLING = prometheus_client.Counter("longpolling", "Longpolling request count")


def query_type(path):
    """Return the kind of a request: one of three, whatever the path is."""
    if path.startswith("/web/assets") or "/static/" in path:
        return "assets"
    if path.startswith(("/web/content", "/web/image")):
        return "filestore"
    return "client"


def may_read(environ):
    """Whether this client may read the metrics.

    With a token: clients that send it. Without: clients that connect directly from a private
    address, not through the proxy.
    """
    token = settings.secret("ODOO_METRICS_TOKEN")
    if token:
        given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        return given[0].lower() == "bearer" and hmac.compare_digest(given[2].encode(), token.encode())
    if any(name in environ for name in ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED")):
        return False
    try:
        address = ipaddress.ip_address(environ.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return address.is_loopback or address.is_private


def exposition():
    """Return (content type, text) of all workers' metrics."""
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.multiprocess.MultiProcessCollector(registry)
    return prometheus_client.CONTENT_TYPE_LATEST, prometheus_client.generate_latest(registry)


def measured(application, environ, start_response):
    """Count every request once, including failing ones; answer /metrics without a session and
    without a database."""
    path = environ.get("PATH_INFO", "")
    if path in ("/metrics", "/metrics/"):
        if not may_read(environ):
            start_response("403 Forbidden", [("Content-Type", "text/plain"), ("Content-Length", "0")])
            return [b""]
        kind, text = exposition()
        start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(text)))])
        return [text]
    if path.startswith(("/longpolling/", "/websocket")):
        LONGPOLLING.inc()
        return application(environ, start_response)
    begin = time.perf_counter()
    try:
        return application(environ, start_response)
    finally:
        REQUESTS.labels(query_type(path)).observe(time.perf_counter() - begin)


compat.middleware(measured)
