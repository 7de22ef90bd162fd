# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import report_servers
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._instances import of_instances


def _with_settings(function):
    @functools.wraps(function)
    def wrapped(instances, settings):
        try:
            return function(instances, report_servers.Settings.from_dict(settings))
        except ValueError as error:
            raise AnsibleFilterError(str(error)) from error

    return wrapped


class FilterModule:
    def filters(self):
        return {
            "report_containers": of_instances("report_containers", _with_settings(report_servers.containers)),
            "report_files": of_instances("report_files", _with_settings(report_servers.files)),
            "report_left": of_instances("report_left", report_servers.candidates),
        }
