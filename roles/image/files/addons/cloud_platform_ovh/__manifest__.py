# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Cloud platform: OVH",
    "summary": "Cloud platform with attachments in Swift",
    "version": "1.1.0",
    "author": "odoo_cloud.platform contributors",
    "license": "LGPL-3",
    "category": "Extra Tools",
    "depends": ["cloud_platform", "attachment_swift", "monitoring_statsd"],
    "data": ["data/set_up.xml"],
}
