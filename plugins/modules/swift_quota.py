#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swift_quota
short_description: Limits how much accounts of OpenStack Swift may hold
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Sets the quota of accounts, which only an operator of the store may change. Uploads beyond it are
    refused (413), through the S3 interface too.
  - The store adds up an account's objects every few seconds, so an account may exceed its quota by
    what it uploads in that time.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  auth_url:
    description: Address of TempAuth, such as V(http://127.0.0.1:8095/auth/v1.0).
    type: str
    required: true
  login_user:
    description: User of the store with the group C(.reseller_admin).
    type: str
    required: true
  login_key:
    description: Key of that user.
    type: str
    required: true
  quotas:
    description: How many bytes each account may hold, by its name; V(0) for no limit.
    type: dict
    required: true
  timeout:
    description: Seconds to wait for each answer.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Limit the attachments of an instance to 20 GB
  odoo_cloud.platform.swift_quota:
    auth_url: http://127.0.0.1:8095/auth/v1.0
    login_user: odoo-cloud:operator
    login_key: "{{ lookup('odoo_cloud.platform.secret', 'swift/operator_key') }}"
    quotas: {acme_prod: 21474836480}
"""

RETURN = r"""
quotas:
  description: Quota of each account in bytes, 0 for no limit, as it is afterwards.
  returned: success
  type: dict
  sample: {acme_prod: 21474836480}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.swift_client import SwiftClient, SwiftFailure


def ensure(params: dict, check_mode: bool) -> tuple[dict[str, int], dict[str, int]]:
    """The quotas before and after."""
    client = SwiftClient(params["auth_url"], params["login_user"], params["login_key"], "", timeout=params["timeout"])
    after = {account: int(size) for account, size in params["quotas"].items()}
    before = {account: client.quota(account) for account in after}
    for account, quota in after.items():
        if before[account] != quota and not check_mode:
            client.set_quota(account, quota)
    return before, after


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "auth_url": {"type": "str", "required": True},
            "login_user": {"type": "str", "required": True},
            "login_key": {"type": "str", "required": True, "no_log": True},
            "quotas": {"type": "dict", "required": True},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    try:
        before, after = ensure(module.params, module.check_mode)
    except ValueError:
        module.fail_json(msg=f"quotas={module.params['quotas']}: give whole numbers of bytes")
    except SwiftFailure as error:
        module.fail_json(msg=f"auth_url={module.params['auth_url']}: {error}")
    module.exit_json(changed=before != after, quotas=after, diff={"before": before, "after": after})


if __name__ == "__main__":
    main()
