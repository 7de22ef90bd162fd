# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import json
import logging
import time

from odoo import http
from odoo.addons.odoo_cloud_compat import compat, settings
from odoo_cloud_runtime.database import space
from odoo_cloud_runtime.database.state import OPEN_STATES
from werkzeug.wrappers import Response

_logger = logging.getLogger(__name__)

STATUS = "/monitoring/status"
READINESS = "/monitoring/readiness"
DETAILS = "HTTP_X_ODOO_DETAILS"  # set by the proxy for addresses that may see them; a client's own is thrown away
SECONDS = 5  # for so long an answer about Redis and the store is reused
_last = {}


class HealthCheckFilter(logging.Filter):
    """Keeps requests that come every few seconds out of the access log."""

    def filter(self, record):
        """Whether the record stays in the log."""
        message = record.getMessage()
        return f'"GET {STATUS} ' not in message and f'"GET {READINESS} ' not in message


logging.getLogger("werkzeug").addFilter(HealthCheckFilter())


def _answer(data, status=200):
    return Response(
        json.dumps(data), status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def _details():
    """Whether who asks may know which check failed: the proxy says so, or the request came past it
    (from the container itself, or a neighbour of it)."""
    environ = compat.request_environ()
    return environ.get(DETAILS) == "1" or not environ.get("HTTP_X_FORWARDED_FOR")


def _ready(checks):
    good = all(checks.values())
    answer = {"status": int(good), "checks": checks} if _details() else {"status": int(good)}
    return _answer(answer, 200 if good else 503)


def _remembered(name, check):
    """Returns the check's result, repeated only after some seconds, so that frequent requests don't
    burden the store."""
    when, good = _last.get(name, (0, False))
    if time.monotonic() - when > SECONDS:
        good = _passes(name, check)
        _last[name] = (time.monotonic(), good)
    return good


def _passes(name, check):
    """Runs a check. Its error goes to the log, not to the client."""
    try:
        check()
    except Exception as error:
        _logger.warning("Not ready: %s: %s", name, error)
        return False
    return True


def check_database():
    """Raise an error unless the database answers and accepts writes (a replica in recovery doesn't, nor
    a server whose disk is full)."""
    cr = compat.request_cursor()
    cr.execute("SELECT pg_is_in_recovery()")
    if cr.fetchone()[0]:
        raise RuntimeError("the server is in recovery and takes no writes")
    full = space.problem(getattr(cr, "_obj", cr))  # Odoo's own cursor would log the statement too
    if full:
        raise RuntimeError(full)


def check_state():
    """Raise an error while an update is running or has failed, if the database has such a history."""
    cr = compat.request_cursor()
    cr.execute("SELECT to_regclass('public.curq_state_history')")
    if not cr.fetchone()[0]:
        return
    cr.execute("SELECT state FROM public.curq_state_history ORDER BY id DESC LIMIT 1")
    row = cr.fetchone()
    if not row or row[0] not in OPEN_STATES:
        raise RuntimeError(f"the database's state is {row and row[0]!r}")


def check_sessions():
    """Raise an error if sessions are in Redis and it doesn't answer."""
    if settings.is_true("ODOO_SESSION_REDIS"):
        compat.session_store().redis.ping()


def check_storage():
    """Raise an error if attachments are in a bucket and it doesn't answer."""
    attachments = http.request.env["ir.attachment"].sudo()
    storage = attachments._storage()
    if hasattr(attachments, "_get_stores") and storage in attachments._get_stores():
        attachments._store_check(storage)


class Monitoring(http.Controller):
    """Answers whether this process is alive, and whether it can serve."""

    @http.route(STATUS, type="http", auth="none", save_session=False)
    def status(self):
        """Answer that this process is alive, without checking anything else. For programs that
        restart processes."""
        return _answer({"status": 1})

    @http.route(READINESS, type="http", auth="none", save_session=False)
    def readiness(self):
        """Answer whether this process can serve users. For programs that route users to processes."""
        if not compat.request_database():
            return _ready({"database": False})
        checks = {"database": _passes("database", check_database)}
        checks["state"] = checks["database"] and _passes("state", check_state)
        checks["sessions"] = _remembered("sessions", check_sessions)
        checks["storage"] = checks["database"] and _remembered("storage", check_storage)
        return _ready(checks)
