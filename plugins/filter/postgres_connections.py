# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import connections
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._instances import of_instances


def databases(instances, *machines):
    """The machines are those of several sources; the first that knows a machine's size counts."""
    known = {}
    for source in machines:
        for name, size in source.items():
            if size and "cpus" in size:
                known.setdefault(name, size)
    try:
        return connections.databases(instances, known)
    except connections.ConnectionsError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {
            "odoo_databases": of_instances("odoo_databases", databases),
            "postgres_connections": connections.max_connections,
            "postgres_connection_problems": connections.problems,
        }
