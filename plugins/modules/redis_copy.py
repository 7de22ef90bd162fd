#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_copy
short_description: Copies instances' sessions from one Redis to another
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Copies all keys of instances, with the time that each has left. The source is not changed.
  - It may run while both servers are used. A key that exists in both is copied only if the one in
    the source lives longer, since writing a session extends its life. So a second run copies what
    was written meanwhile.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  source:
    description: Address of the server that has the keys, such as V(unix:///srv/odoo-cloud/redis/socket/redis.sock).
    type: str
    required: true
  targets:
    description: Where the keys of each instance go.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the instance's user, for the result.
        type: str
        required: true
      prefix:
        description: The instance's key prefix.
        type: str
        required: true
      url:
        description: Address of the server.
        type: str
        required: true
  login_user:
    description: User of both servers that may do everything.
    type: str
    default: admin
  login_password:
    description: Password of that user, the same in both servers.
    type: str
    required: true
  timeout:
    description: Seconds to wait for each answer.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Copy the sessions of an instance to its own server
  odoo_cloud.platform.redis_copy:
    source: unix:///srv/odoo-cloud/redis/socket/redis.sock
    login_password: "{{ lookup('odoo_cloud.platform.secret', 'redis/admin_password') }}"
    targets:
      - name: acme_prod
        prefix: acme-odoo-prod
        url: unix:///srv/odoo-cloud/redis/servers/acme_prod/socket/redis.sock
"""

RETURN = r"""
copied:
  description: How many keys of each user were copied, or would be in check mode.
  returned: success
  type: dict
  sample: {acme_prod: 128}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import redis_client, redis_move


def run(params: dict, check_mode: bool) -> dict[str, int]:
    copied = {}
    login = (params["login_user"], params["login_password"], params["timeout"])
    source = redis_client.RedisClient(params["source"], *login)
    try:
        for one in params["targets"]:
            target = redis_client.RedisClient(one["url"], *login)
            try:
                copied[one["name"]] = redis_move.copy(source, target, one["prefix"], check_mode)
            finally:
                target.close()
    finally:
        source.close()
    return copied


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str", "required": True},
            "targets": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "prefix": {"type": "str", "required": True},
                    "url": {"type": "str", "required": True},
                },
            },
            "login_user": {"type": "str", "default": "admin"},
            "login_password": {"type": "str", "required": True, "no_log": True},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    try:
        copied = run(module.params, module.check_mode)
    except redis_client.RedisFailure as error:
        module.fail_json(msg=f"source={module.params['source']}: {error}")
    module.exit_json(changed=any(copied.values()), copied=copied)


if __name__ == "__main__":
    main()
