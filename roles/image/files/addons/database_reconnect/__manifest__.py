# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Database: reconnect",
    "summary": "A request whose database connection was ended between two transactions goes on with another one",
    "version": "1.0.0",
    "author": "odoo_cloud.platform contributors",
    "license": "LGPL-3",
    "category": "Extra Tools",
    "depends": ["base"],
    "post_load": "post_load",
}
