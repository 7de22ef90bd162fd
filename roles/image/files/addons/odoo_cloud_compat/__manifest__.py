# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Odoo Cloud: what the versions of Odoo do differently",
    "summary": "Python code of the cloud addons; imported by them, never installed",
    "version": "1.0.0",
    "author": "odoo_cloud.platform contributors",
    "license": "LGPL-3",
    "category": "Hidden",
    "depends": ["base"],
    "installable": False,
}
