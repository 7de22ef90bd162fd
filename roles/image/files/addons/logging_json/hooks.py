# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import logging

from odoo import netsvc
from odoo.addons.odoo_cloud_compat import compat, request_id, settings
from werkzeug.wsgi import ClosingIterator

_logger = logging.getLogger(__name__)


def post_load():
    """Called once in each process that loads the addon."""
    compat.middleware(with_request_id)
    if not settings.is_true("ODOO_LOGGING_JSON"):
        return
    try:
        from .formatter import OdooJsonFormatter
    except ImportError as error:
        _logger.error("ODOO_LOGGING_JSON is on, but logs stay text: %s", error)
        return
    for handler in logging.getLogger().handlers:
        if not isinstance(handler, netsvc.PostgreSQLHandler):
            handler.setFormatter(OdooJsonFormatter())


def with_request_id(application, environ, start_response):
    """Give the request an id until its answer is sent: the access log's line is written with the
    answer's first part."""
    value = request_id.begin(environ)

    def start(status, headers, exc_info=None):
        if not any(name.lower() == "x-request-id" for name, _value in headers):
            headers = [*headers, ("X-Request-ID", value)]
        return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

    try:
        return ClosingIterator(application(environ, start), [request_id.end])
    except BaseException:
        request_id.end()
        raise
