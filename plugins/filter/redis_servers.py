# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.model import plain
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import redis_servers
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.redis_acl import AclError
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._instances import of_instances


def _of_users(function):
    @functools.wraps(function)
    def wrapped(users, settings, *more):
        try:
            return function(plain(users), redis_servers.Settings.from_dict(settings), *more)
        except (AclError, redis_servers.ServersError) as error:
            raise AnsibleFilterError(str(error)) from error

    return wrapped


class FilterModule:
    def filters(self):
        return {
            "redis_containers": _of_users(redis_servers.containers),
            "redis_files": _of_users(redis_servers.files),
            "redis_place": redis_servers.place_for,
            "redis_moves": _of_users(redis_servers.moves),
            "redis_elsewhere": of_instances("redis_elsewhere", redis_servers.elsewhere),
        }
