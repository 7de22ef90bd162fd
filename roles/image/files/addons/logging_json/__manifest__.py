# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Logs as JSON",
    "summary": "One JSON object a line, with database, user and request id",
    "version": "1.0.0",
    "author": "odoo_cloud.platform contributors",
    "license": "LGPL-3",
    "category": "Extra Tools",
    "depends": ["base"],
    "external_dependencies": {"python": ["python-json-logger"]},
    "post_load": "post_load",
}
