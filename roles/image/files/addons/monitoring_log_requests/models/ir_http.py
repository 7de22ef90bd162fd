# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import json
import logging
import time

from odoo import models
from odoo.addons.odoo_cloud_compat import compat, request_id, settings
from odoo.addons.odoo_cloud_compat.masking import mask
from odoo.http import request

_logger = logging.getLogger("monitoring.http.requests")


class IrHttp(models.AbstractModel):
    """Logs each dispatched request as one JSON object."""

    _inherit = "ir.http"

    @classmethod
    def _dispatch(cls, *args):
        if not _logger.isEnabledFor(logging.INFO) or cls._monitoring_blacklist(request):
            return super()._dispatch(*args)
        begin = time.time()
        result = error = None
        try:
            result = super()._dispatch(*args)
            return result
        except Exception as caught:
            error = caught
            raise
        finally:
            cls._monitoring_log(cls._monitoring_info(request, result, begin, time.time(), error))

    @classmethod
    def _monitoring_blacklist(cls, http_request):
        return http_request.httprequest.path.startswith(("/longpolling/", "/websocket"))

    @classmethod
    def _monitoring_info(cls, http_request, result, begin, end, error=None):
        """Everything that is logged of a request."""
        environ = http_request.httprequest.environ
        params = compat.request_params()
        session = http_request.session or {}
        status = 500 if error is not None and not hasattr(error, "code") else compat.status_code(error or result)
        info = {
            "start_time": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(begin)),
            "duration": end - begin,
            "method": http_request.httprequest.method,
            "url": mask(http_request.httprequest.url),
            "path": environ.get("PATH_INFO"),
            "content_type": environ.get("CONTENT_TYPE"),
            "user_agent": environ.get("HTTP_USER_AGENT"),
            "db": session.get("db"),
            "uid": compat.request_uid(),
            "login": session.get("login"),
            "server_environment": settings.running_env() or None,
            "model": params.get("model"),
            "model_method": params.get("method"),
            "workflow_signal": params.get("signal"),
            "status": status,
            "request_id": request_id.current(),
        }
        if error is not None:
            info["error"] = type(error).__name__
        return info

    @classmethod
    def _monitoring_log(cls, info):
        _logger.info("%s", json.dumps(info, default=str))
