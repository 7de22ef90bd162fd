# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "Attachments in Swift",
    "summary": "Keeps attachments in a container of OpenStack Swift",
    "version": "1.0.0",
    "author": "odoo_cloud.platform contributors",
    "license": "LGPL-3",
    "category": "Extra Tools",
    "depends": ["base", "base_attachment_object_storage"],
    "external_dependencies": {"python": ["python-swiftclient", "keystoneauth1"]},
}
