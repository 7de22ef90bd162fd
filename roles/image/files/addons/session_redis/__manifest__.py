# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Sessions in Redis",
    "summary": "Keeps the web sessions in Redis, so that any replica can serve any user",
    "version": "1.0.0",
    "author": "odoo_cloud.platform contributors",
    "license": "LGPL-3",
    "category": "Extra Tools",
    "depends": ["base"],
    "external_dependencies": {"python": ["redis"]},
    "post_load": "post_load",
}
