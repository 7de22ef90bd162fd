# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
from odoo import models
from odoo.addons.odoo_cloud_compat import compat

from .. import direct


class IrHttp(models.AbstractModel):
    """14 and 15 know no streams. Who may read what, and the headers, are their business, for a content that isn't read."""

    _inherit = "ir.http"

    def binary_content(self, *args, **kwargs):
        # Elsewhere than there the content itself is needed: images are scaled.
        if not compat.request_path().startswith("/web/content") or not direct.is_possible():
            return super().binary_content(*args, **kwargs)
        wanted = direct.Wanted()
        status, headers, content = super(IrHttp, self.with_context(object_wanted=wanted)).binary_content(
            *args, **kwargs
        )
        if wanted.headers:
            compat.invalidate(self.env["ir.attachment"])  # what is remembered isn't its content
        if wanted.headers and status == 200:
            found = dict(wanted.headers, **{"X-Odoo-Range": direct.part(dict(headers).get("ETag"))})
            del found["Content-Length"]  # the controller's
            return status, [*headers, *found.items()], b""
        return status, headers, content
