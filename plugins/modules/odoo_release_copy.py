#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_release_copy
short_description: Copies releases of custom code out of an account that replicas can write, once
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Releases used to be in the account of the instance's attachments, whose key every replica holds.
    This module copies them, and the channels, to the bucket of the same name in an account of their
    own. Nothing is deleted.
  - An intruder may have written into the old bucket, so it isn't believed. Only releases are copied
    that this machine has recorded in O(path), in files of root, or that O(release) names; the content
    of each is compared with its name and manifest. A channel is copied only if it names one of them.
    RV(left) lists what was found and not copied.
  - Objects are copied first, channels last, and what is there already is left alone, so the next run
    finishes the copy of one that was killed.
  - Then C(account.json) in O(path) records that it is done, and the old account is never read again.
    A machine that has no record of a release reads nothing of it.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.s3
attributes:
  check_mode:
    support: full
    details: Doesn't look into archives, so a damaged release is reported as one that would be copied.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  path:
    description:
      Absolute path of the folder for the releases on this machine, as for
      M(odoo_cloud.platform.odoo_release).
    type: path
    required: true
  bucket:
    description: Name of the bucket, in both accounts.
    type: str
    required: true
  prefix:
    description: Prefix of the keys in the bucket. Empty means none.
    type: str
    default: ""
  channel:
    description: The instance's channel, which is copied even if there are very many.
    type: str
    default: current
  release:
    description: A release that the inventory names; it is copied too.
    type: str
  from_access_key:
    description: Access key of the account in which the releases were. O(access_key) is that of the new one.
    type: str
    required: true
  from_secret_key:
    description: Secret of O(from_access_key).
    type: str
    required: true
  may_be_absent:
    description:
      In check mode, whether a store that can't be reached, does not know O(access_key) yet, or has no
      such bucket counts as one that an earlier step would have created.
    type: bool
    default: false
seealso:
  - module: odoo_cloud.platform.odoo_release
  - module: odoo_cloud.platform.odoo_addons_sync
"""

EXAMPLES = r"""
- name: Releases of an earlier version of this collection
  odoo_cloud.platform.odoo_release_copy:
    path: /srv/odoo-cloud/demo/code
    endpoint_url: http://127.0.0.1:8095
    bucket: demo-odoo-prod-code
    channel: demo
    access_key: demo-code:odoo
    secret_key: "{{ lookup('odoo_cloud.platform.secret', 'demo/code_secret_key') }}"
    from_access_key: demo:odoo
    from_secret_key: "{{ lookup('odoo_cloud.platform.secret', 'demo/s3_secret_key') }}"
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, as sentences.
  returned: always
  type: list
  elements: str
  sample: [copy release 4e1a3c0f9b2d5a77, set channel demo to 4e1a3c0f9b2d5a77]
releases:
  description: Releases that were copied.
  returned: success
  type: list
  elements: str
  sample: [4e1a3c0f9b2d5a77]
channels:
  description: Channels that were copied.
  returned: success
  type: list
  elements: str
  sample: [demo]
left:
  description: What was found in the old bucket and not copied, with the reason, as sentences.
  returned: success
  type: list
  elements: str
  sample: ["channel demo: names release 09c1d2f3a4b5c6d7, which this machine never had"]
pending:
  description: Whether check mode found something to copy, so that the new bucket doesn't have it yet.
  returned: success
  type: bool
  sample: false
requests:
  description: Number of requests that were sent.
  returned: always
  type: int
  sample: 0
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.bucket import Places
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.host import Host
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.release import DeliveryError, is_release
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.takeover import Takeover
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.naming import (
    NamingError,
    check_bucket_name,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_client import S3Client
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_keys import (
    S3Failure,
    find_keys,
    find_region,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_objects import Objects


def argument_spec() -> dict:
    return {
        "path": {"type": "path", "required": True},
        "bucket": {"type": "str", "required": True},
        "prefix": {"type": "str", "default": ""},
        "channel": {"type": "str", "default": "current"},
        "release": {"type": "str"},
        "from_access_key": {"type": "str", "required": True, "no_log": False},
        "from_secret_key": {"type": "str", "required": True, "no_log": True},
        "may_be_absent": {"type": "bool", "default": False},
        "endpoint_url": {"type": "str"},
        "region": {"type": "str"},
        "access_key": {"type": "str", "no_log": False},
        "secret_key": {"type": "str", "no_log": True},
        "session_token": {"type": "str", "no_log": True},
        "profile": {"type": "str"},
        "path_style": {"type": "bool"},
        "verify": {"type": "bool", "default": True},
        "ca": {"type": "path"},
        "timeout": {"type": "int", "default": 30},
    }


def objects(given: dict, access_key: str | None, secret_key: str | None) -> Objects:
    """The bucket as one of the two accounts sees it."""
    client = S3Client(
        keys=find_keys(access_key, secret_key, given["session_token"], given["profile"]),
        region=find_region(given["region"], given["profile"], given["endpoint_url"]),
        endpoint=given["endpoint_url"],
        path_style=given["path_style"],
        verify=given["verify"],
        ca=given["ca"],
        timeout=given["timeout"],
    )
    return Objects(client, check_bucket_name(given["bucket"]), threads=1)


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    given = module.params
    takeover = None
    made: list[Objects] = []

    def requests() -> int:
        return sum(one.requests for one in made)

    try:
        if given["release"] and not is_release(given["release"]):
            raise DeliveryError(f"release={given['release']!r}: right are 16 hexadecimal digits")
        host = Host(given["path"], check_mode=module.check_mode)
        made.append(objects(given, given["from_access_key"], given["from_secret_key"]))
        made.append(objects(given, given["access_key"], given["secret_key"]))
        takeover = Takeover(
            host, *made, Places(given["prefix"], given["channel"]), given["release"] or "", given["may_be_absent"]
        )
        with host.lock():
            changed = takeover.run()
    except (S3Failure, DeliveryError, NamingError) as error:
        module.fail_json(msg=str(error), actions=takeover.actions if takeover else [], requests=requests())
    except OSError as error:
        module.fail_json(
            msg=f"path={given['path']!r}: {error.filename or ''}: {error.strerror or error}",
            actions=takeover.actions if takeover else [],
            requests=requests(),
        )
    for line in takeover.left:
        module.warn(f"Not copied from the bucket {given['bucket']!r} of {given['from_access_key']!r}: {line}")
    module.exit_json(
        changed=changed,
        actions=takeover.actions,
        releases=takeover.releases,
        channels=takeover.channels,
        left=takeover.left,
        pending=takeover.pending,
        requests=requests(),
    )


if __name__ == "__main__":
    main()
