#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_bucket
short_description: Buckets of any S3 store, with the protections that the store has
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Creates buckets on AWS or any S3-compatible store, and sets versioning, encryption, lifecycle,
    public access block and tags.
  - It compares first and writes only settings that differ. An unchanged bucket costs one request
    and one for each setting that the store supports.
  - Settings that a store does not support are returned in RV(capabilities) and reported in one
    warning by the run that creates or changes a bucket. Name them in O(buckets[].required) to make
    that an error.
  - A bucket is never deleted unless it is empty and O(buckets[].confirm_delete) repeats its name.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.s3
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  buckets:
    description: The buckets to create, change or remove.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the bucket.
        type: str
        required: true
      state:
        description: Whether the bucket exists.
        type: str
        choices: [present, absent]
        default: present
      confirm_delete:
        description: Must be equal to O(buckets[].name) for O(buckets[].state=absent).
        type: str
      access_key:
        description: Access key for this bucket. Default is O(access_key).
        type: str
      secret_key:
        description: Secret of O(buckets[].access_key).
        type: str
      versioning:
        description: Whether old versions of objects are kept.
        type: bool
        default: true
      encryption:
        description:
          How objects are encrypted at rest. V(none) leaves the store's own setting as it is.
        type: str
        choices: [none, AES256, 'aws:kms']
        default: AES256
      kms_key:
        description:
          Key for O(buckets[].encryption=aws:kms), as ID, ARN or alias. Without it, the provider's
          own key.
        type: str
      lifecycle:
        description:
          - What the store removes by itself, as one rule with the ID C(odoo_cloud.platform); other
            rules stay as they are.
          - V(0) switches a part off. Without it, the defaults below are used.
        type: dict
        suboptions:
          noncurrent_days:
            description: Days until a replaced or deleted version is removed.
            type: int
            default: 90
          noncurrent_keep:
            description: How many of the newest replaced versions are kept longer.
            type: int
            default: 0
          abort_multipart_days:
            description: Days until the parts of an unfinished upload are removed.
            type: int
            default: 7
          expiration_days:
            description: Days until a current object is deleted.
            type: int
            default: 0
          expired_delete_markers:
            description: Whether delete markers without versions behind them are removed.
            type: bool
            default: true
      public_access_block:
        description: Whether all public access is blocked. V(false) removes the block.
        type: bool
        default: true
      tags:
        description:
          Tags of the bucket. Other tags are removed. Without it, tags are left as they are.
        type: dict
      eventbridge:
        description:
          Whether AWS sends events of the bucket's objects to EventBridge. Without it, that setting
          is left as it is.
        type: bool
      unmanaged:
        description:
          Settings that are neither read nor written, for example because the key lacks the
          permission.
        type: list
        elements: str
        choices: [versioning, encryption, lifecycle, public_access_block, tags, eventbridge]
        default: []
      required:
        description: Settings that the store must support; otherwise the run fails.
        type: list
        elements: str
        choices: [versioning, encryption, lifecycle, public_access_block, tags, eventbridge, versions_protected]
        default: []
  provider:
    description:
      Kind of the store. V(auto) recognises AWS and Swift by address and answer; with V(generic) the
      store is asked for each setting.
    type: str
    choices: [auto, aws, swift, generic]
    default: auto
  may_be_absent:
    description:
      In check mode, whether a store that can't be reached, or does not know the key yet, counts as
      one that an earlier step would have created.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: The bucket of an instance, in the local store
  odoo_cloud.platform.s3_bucket:
    endpoint_url: http://127.0.0.1:8095
    access_key: demo:odoo
    secret_key: "{{ lookup('odoo_cloud.platform.secret', 'demo/s3_key') }}"
    buckets:
      - name: demo-odoo-prod

- name: A bucket on AWS that must be encrypted
  odoo_cloud.platform.s3_bucket:
    region: eu-central-1
    profile: acme
    buckets:
      - name: acme-odoo-prod
        encryption: aws:kms
        required: [encryption, public_access_block]
        lifecycle:
          noncurrent_days: 30
        tags:
          project: acme

- name: Remove an empty bucket
  odoo_cloud.platform.s3_bucket:
    region: eu-central-1
    buckets:
      - name: acme-odoo-labs-old
        state: absent
        confirm_delete: acme-odoo-labs-old
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, as sentences.
  returned: always
  type: list
  elements: str
  sample: [create bucket demo-odoo-prod, turn on versioning of bucket demo-odoo-prod]
capabilities:
  description:
    - For each setting that was read, whether the store supports it and how that is known.
    - C(versions_protected) is whether an instance's key can be kept from deleting old versions of
      its objects. Where it can't, an instance that was broken into can delete them too, so keep a
      copy outside of the store.
  returned: always
  type: dict
  sample:
    encryption: {supported: false, how: known of provider swift}
    versioning: {supported: true, how: known of provider swift}
    versions_protected: {supported: false, how: known of provider swift}
provider:
  description: Kind of the store; empty when it could not be reached.
  returned: always
  type: str
  sample: swift
requests:
  description: Number of requests that were sent.
  returned: always
  type: int
  sample: 2
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.naming import (
    NamingError,
    check_bucket_name,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_buckets import Store
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_client import S3Client
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_keys import (
    S3Failure,
    find_keys,
    find_region,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_settings import FEATURES, VERSIONS_PROTECTED


def argument_spec() -> dict:
    features = {"type": "list", "elements": "str", "choices": list(FEATURES), "default": []}
    lifecycle = {
        "noncurrent_days": {"type": "int", "default": 90},
        "noncurrent_keep": {"type": "int", "default": 0},
        "abort_multipart_days": {"type": "int", "default": 7},
        "expiration_days": {"type": "int", "default": 0},
        "expired_delete_markers": {"type": "bool", "default": True},
    }
    bucket = {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "confirm_delete": {"type": "str"},
        "access_key": {"type": "str", "no_log": False},
        "secret_key": {"type": "str", "no_log": True},
        "versioning": {"type": "bool", "default": True},
        "encryption": {"type": "str", "choices": ["none", "AES256", "aws:kms"], "default": "AES256"},
        "kms_key": {"type": "str", "no_log": False},
        "lifecycle": {"type": "dict", "options": lifecycle, "apply_defaults": True},
        "public_access_block": {"type": "bool", "default": True},
        "tags": {"type": "dict"},
        "eventbridge": {"type": "bool"},
        "unmanaged": features,
        "required": {**features, "choices": [*FEATURES, VERSIONS_PROTECTED]},
    }
    return {
        "buckets": {"type": "list", "elements": "dict", "required": True, "options": bucket},
        "provider": {"type": "str", "choices": ["auto", "aws", "swift", "generic"], "default": "auto"},
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


def check_buckets(buckets: list) -> None:
    """Raises `S3Failure` for buckets that are wrong by themselves."""
    names = set()
    for bucket in buckets:
        name = check_bucket_name(bucket["name"])
        if name in names:
            raise S3Failure(f"buckets: {name!r} is given twice")
        names.add(name)
        if bucket["kms_key"] and bucket["encryption"] != "aws:kms":
            raise S3Failure(f"bucket {name!r}: kms_key={bucket['kms_key']!r} needs encryption='aws:kms'")
        for option, value in (bucket["lifecycle"] or {}).items():
            if value < 0:
                raise S3Failure(f"bucket {name!r}: lifecycle.{option}={value}: give a number of days, or 0 for never")
        if bucket["state"] == "absent" and bucket["confirm_delete"] != name:
            raise S3Failure(
                f"bucket {name!r}: state=absent needs confirm_delete={name!r}, not {bucket['confirm_delete']!r}"
            )


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    given = module.params
    store = None
    try:
        check_buckets(given["buckets"])
        client = S3Client(
            keys=None,
            region=find_region(given["region"], given["profile"], given["endpoint_url"]),
            endpoint=given["endpoint_url"],
            path_style=given["path_style"],
            verify=given["verify"],
            ca=given["ca"],
            timeout=given["timeout"],
        )
        store = Store(
            client,
            given["provider"],
            module.check_mode,
            given["may_be_absent"],
            lambda: find_keys(given["access_key"], given["secret_key"], given["session_token"], given["profile"]),
        )
        for bucket in given["buckets"]:
            store.ensure(bucket)
    except (S3Failure, NamingError) as error:
        done = store.actions if store else []
        module.fail_json(msg=str(error), actions=done, changed=bool(done) and not module.check_mode)
    lacking = store.lacking()
    if lacking and store.actions:  # once, when buckets are created or changed; later runs return `capabilities`
        module.warn(
            f"The S3 store at {client.endpoint} ({store.provider}) has no {', '.join(lacking)}: these settings of its buckets are left out"
        )
    if store.absent_store:
        module.warn(
            f"Check mode: {store.absent_store}; the buckets are reported as if an earlier step had just created the store"
        )
    result = {
        "changed": bool(store.actions),
        "actions": store.actions,
        "capabilities": store.capabilities,
        "provider": store.provider,
        "requests": client.requests,
    }
    if module._diff:
        result["diff"] = {"before": store.before, "after": store.after}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
