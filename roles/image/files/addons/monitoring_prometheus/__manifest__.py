# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Monitoring: Prometheus",
    "summary": "Times and numbers of requests for Prometheus, of all workers together",
    "version": "1.0.0",
    "author": "odoo_cloud.platform contributors",
    "license": "LGPL-3",
    "category": "Extra Tools",
    "depends": ["base", "web"],
    "external_dependencies": {"python": ["prometheus-client"]},
}
