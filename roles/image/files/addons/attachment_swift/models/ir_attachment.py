# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
from odoo import api, models
from odoo.addons.odoo_cloud_compat import settings  # noqa: F401 # pylint: disable=unused-import # finds the runtime
from odoo_cloud_runtime.store import swift as store


class IrAttachment(models.Model):
    """Adds Swift to the object stores."""

    _inherit = "ir.attachment"

    @api.model
    def _object_stores(self):
        return dict(super()._object_stores(), **{store.SCHEME: store})
