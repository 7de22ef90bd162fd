# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Cloud platform",
    "summary": "Checks that an environment's attachments and sessions are where they belong, and sets them up",
    "version": "1.0.0",
    "author": "odoo_cloud.platform contributors",
    "license": "LGPL-3",
    "category": "Extra Tools",
    "depends": ["session_redis", "monitoring_status", "logging_json"],
}
