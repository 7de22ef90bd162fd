# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Mail: route",
    "summary": "All mail goes to the catcher, or to the configured server over checked TLS",
    "version": "1.0.0",
    "author": "odoo_cloud.platform contributors",
    "license": "LGPL-3",
    "category": "Extra Tools",
    "depends": ["base"],
    "post_load": "post_load",
}
