# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Numbers of all workers in one registry: each writes into files of its own, and whoever is asked adds them up."""

import hmac
import ipaddress
import os
import tempfile
import time

from odoo.addons.odoo_cloud_compat import compat, settings

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def _folder():
    """A folder that lives as long as the container (or machine): a counter never goes back while it runs."""
    with open("/proc/1/stat", encoding="utf-8") as stat:
        started = stat.read().rpartition(")")[2].split()[19]
    path = os.path.join(tempfile.gettempdir(), f"odoo-prometheus-{os.getuid()}-{started}")
    os.makedirs(path, mode=0o700, exist_ok=True)
    if os.stat(path).st_uid != os.getuid():
        raise PermissionError(path)
    return path


# prometheus_client looks for it once, when it is imported.
if not os.environ.get(VARIABLE):
    os.environ[VARIABLE] = _folder()

import prometheus_client  # noqa: E402
import prometheus_client.multiprocess  # noqa: E402

REQUESTS = prometheus_client.Summary("request_latency_sec", "Request response time in sec", ["query_type"])
LONGPOLLING = prometheus_client.Counter("longpolling", "Longpolling request count")


def query_type(path):
    """What kind of request it is: three kinds and no more, whatever people ask for."""
    if path.startswith("/web/assets") or "/static/" in path:
        return "assets"
    if path.startswith(("/web/content", "/web/image")):
        return "filestore"
    return "client"


def may_read(environ):
    """Whether the metrics are this client's business.

    With a token: who has it. Without: who comes directly from a private address, and not through the proxy.
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
    """(content type, text) of all workers' metrics."""
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.multiprocess.MultiProcessCollector(registry)
    return prometheus_client.CONTENT_TYPE_LATEST, prometheus_client.generate_latest(registry)


def measured(application, environ, start_response):
    """Counts every request once, also those that fail; answers /metrics without a session and without a database."""
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
