# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""A log record as one line of JSON. Whatever is in the record: a line comes out, and nothing is raised."""

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
    """Any object as text."""
    try:
        return str(value)
    except Exception:  # also a recursion that is too deep
        return f"<{type(value).__name__}>"


class OdooJsonFormatter(JsonFormatter):
    """python-json-logger with Odoo's fields."""

    def __init__(self):
        super().__init__(
            " ".join(f"%({name})s" for name in FIELDS), json_default=safe_text, reserved_attrs=self._reserved()
        )

    @staticmethod
    def _reserved():
        """What isn't repeated from the record: its own attributes, and those of Odoo's filter for the access log."""
        own = logging.LogRecord("", 0, "", 0, "", (), None).__dict__
        return [*own, "asctime", "message", "perf_info", "pid", "dbname", "taskName"]

    def add_fields(self, log_data, record, message_dict):  # pylint: disable=unknown-option-value,missing-return
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
        try:
            line = super().format(record)
        except Exception:  # an argument that doesn't fit, an object that can't be shown, a recursion
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
