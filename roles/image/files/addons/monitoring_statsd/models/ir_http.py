# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import logging
import time

from odoo import models
from odoo.addons.odoo_cloud_compat import compat
from odoo.http import request

from .. import client

_logger = logging.getLogger(__name__)
METHODS_SEEN = 2000  # maximum number of model.method pairs per process, the rest counts as 'other'
_seen = set()


class IrHttp(models.AbstractModel):
    """Sends the time of each dispatched request to statsd."""

    _inherit = "ir.http"

    @classmethod
    def _dispatch(cls, *args):
        where = client.load()
        if where is None or request.httprequest.path.startswith(("/longpolling/", "/websocket")):
            return super()._dispatch(*args)
        begin = time.monotonic()
        try:
            return super()._dispatch(*args)
        finally:
            cls._statsd_send(where, (time.monotonic() - begin) * 1000)

    @classmethod
    def _statsd_send(cls, where, milliseconds):
        """Sends timers; an error must never affect the answer."""
        try:
            with client.client(where).pipeline() as pipe:
                for name in cls._statsd_names(where, compat.request_params()):
                    pipe.timing(name, milliseconds)
        except Exception as error:
            _logger.info("No metrics could be sent to statsd: %s", error)

    @classmethod
    def _statsd_names(cls, where, params):
        """The timers of a request. Names contain only known models and methods, nothing that a
        visitor can invent."""
        place = f"{where.customer}.{where.environment}"
        names = [f"http.request.{place}"]
        model = params.get("model")
        if not isinstance(model, str) or model not in request.env.registry:
            return names
        for key, kind in (("method", "button"), ("signal", "workflow")):
            action = params.get(key)
            if not isinstance(action, str):
                continue
            if key == "method" and not hasattr(request.env.registry[model], action):
                action = "undefined"
            pair = (model, action)
            if pair not in _seen and len(_seen) >= METHODS_SEEN:
                pair = ("other", "other")
            _seen.add(pair)
            names.append(f"http.{kind}.{place}.{client.clean(pair[0])}.{client.clean(pair[1])}")
        return names
