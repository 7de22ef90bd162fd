# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
from odoo import models
from odoo.addons.odoo_cloud_compat import compat

from .. import direct


class IrHttp(models.AbstractModel):
    """14 and 15 have no streams. Odoo still checks access and sets the headers, for a content that
    isn't read."""

    _inherit = "ir.http"

    def binary_content(self, *args, **kwargs):
        """Return status, headers and content; for files that nginx can send, the headers redirect
        it and the content is empty."""
        # Other paths need the content itself, for example to scale images.
        if not compat.request_path().startswith("/web/content") or not direct.is_possible():
            return super().binary_content(*args, **kwargs)
        wanted = direct.Wanted()
        status, headers, content = super(IrHttp, self.with_context(object_wanted=wanted)).binary_content(
            *args, **kwargs
        )
        if wanted.headers:
            compat.invalidate(self.env["ir.attachment"])  # the cache holds the replacement, not the content
        if wanted.headers and status == 200:
            found = dict(wanted.headers, **{"X-Odoo-Range": direct.part(dict(headers).get("ETag"))})
            del found["Content-Length"]  # the controller sets it
            return status, [*headers, *found.items()], b""
        return status, headers, content
