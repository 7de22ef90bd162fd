# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Formats a log record as one line of JSON. Any record results in a line, and nothing is raised."""

import json
import logging
import os
import threading

from odoo.addons.odoo_cloud_compat import request_id
from odoo.addons.odoo_cloud_compat.masking import mask

try:  # 3.1 and later
    from pythonjsonlogger.json import JsonFormatter
except ImportError:
    from pythonjsonlogger.jsonlogger import JsonFormatter

FIELDS = ("asctime", "pid", "levelname", "dbname", "name", "message", "request_id", "uid")
LONGEST = 32 * 1024


def safe_text(value):
    """Return any object as text, without raising errors."""
    try:
        return str(value)
    except Exception:  # including a recursion that is too deep
        return f"<{type(value).__name__}>"


class OdooJsonFormatter(JsonFormatter):
    """The formatter of python-json-logger with Odoo's fields."""

    def __init__(self):
        super().__init__(
            " ".join(f"%({name})s" for name in FIELDS), json_default=safe_text, reserved_attrs=self._reserved()
        )

    @staticmethod
    def _reserved():
        """Attributes that aren't copied from the record: its own, and those of Odoo's filter for
        the access log."""
        own = logging.LogRecord("", 0, "", 0, "", (), None).__dict__
        return [*own, "asctime", "message", "perf_info", "pid", "dbname", "taskName"]

    def add_fields(self, log_data, record, message_dict):  # pylint: disable=unknown-option-value,missing-return
        """Add Odoo's fields to those of python-json-logger."""
        super().add_fields(log_data, record, message_dict)
        thread = threading.current_thread()
        log_data["pid"] = os.getpid()
        log_data["dbname"] = getattr(thread, "dbname", None)
        log_data["uid"] = getattr(thread, "uid", None)
        log_data["request_id"] = request_id.current()
        performance = getattr(record, "perf_info", "")
        if performance and performance.strip("- "):
            log_data["perf_info"] = performance
        for name in ("message", "exc_info", "stack_info"):
            if isinstance(log_data.get(name), str):
                log_data[name] = mask(log_data[name])

    def format(self, record):
        """Return the record as one line of JSON."""
        try:
            line = super().format(record)
        except Exception:  # an argument that doesn't fit, an object without text form, a recursion
            line = self._plain(record)
        return line.replace("\n", "\\n")

    def _plain(self, record):
        try:
            message = record.getMessage()
        except Exception:
            message = safe_text(record.msg)
        return json.dumps(
            {
                "asctime": self.formatTime(record),
                "pid": os.getpid(),
                "levelname": record.levelname,
                "dbname": getattr(threading.current_thread(), "dbname", None),
                "name": record.name,
                "message": mask(message[:LONGEST]),
                "request_id": request_id.current(),
                "uid": getattr(threading.current_thread(), "uid", None),
            },
            default=safe_text,
        )
