# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role mail and of the page behind nginx. The documentation is in the `.yml` files."""

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.model import plain
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import mail_catchers
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._instances import of_instance, of_instances


def containers(instances, platform, image, machine, enabled=True):
    return mail_catchers.containers(instances, str(platform), str(image), plain(machine), bool(enabled))


def left(instances, platform, existing):
    return mail_catchers.left(instances, str(platform), plain(existing))


def page_files(instances, folder):
    return mail_catchers.page_files(instances, str(folder))


def status(instance, counted=None):
    return mail_catchers.status(instance, plain(counted) if counted else None)


class FilterModule:
    def filters(self):
        return {
            "mail_containers": of_instances("mail_containers", containers),
            "mail_left": of_instances("mail_left", left),
            "mail_page": of_instance("mail_page", mail_catchers.page),
            "mail_status": of_instance("mail_status", status),
            "mail_page_files": of_instances("mail_page_files", page_files),
        }
