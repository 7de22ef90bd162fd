# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""The id that connects what one request left in the logs of several programs. Plain Python."""

import re
import threading
import uuid

_GOOD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,127}\Z")
_local = threading.local()


def current():
    """Return the id of the request that this thread works on, `None` if there is none."""
    return getattr(_local, "value", None)


def begin(environ):
    """Start a request in this thread and return its id: the proxy's (X-Request-ID), or a new one."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    _local.value = given if _GOOD.match(given) else str(uuid.uuid4())
    return _local.value


def end():
    """End the request of this thread."""
    _local.value = None
