# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
from odoo import api, models

KIND = "ovh"


class CloudPlatform(models.AbstractModel):
    """Adds the kind ovh, with attachments in Swift."""

    _inherit = "cloud.platform"

    @api.model
    def _platform_kinds(self):
        return [*super()._platform_kinds(), KIND]

    @api.model
    def install_ovh(self):
        """Set up this kind, like `install()`."""
        return self.install(KIND)
