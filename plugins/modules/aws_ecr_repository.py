#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_ecr_repository
short_description: A repository of Amazon ECR with tags that mark its owner
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Creates a repository, and sets its scanning, lifecycle policy and tags.
  - C(community.aws.ecs_ecr) sets no tags, so nothing would show the owner of a repository before it
    is removed with its images.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.aws
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description: Name of the repository.
    type: str
    required: true
  state:
    description: Whether the repository exists.
    type: str
    choices: [present, absent]
    default: present
  immutable_tags:
    description: Whether a tag can never be moved to another image.
    type: bool
    default: true
  scan_on_push:
    description: Whether images are scanned for known vulnerabilities when they are pushed.
    type: bool
    default: true
  kms_key:
    description:
      ARN of the key that encrypts images. Without it, AES256 is used. It can't be changed later.
    type: str
  lifecycle_policy:
    description:
      Policy that says which images ECR removes by itself. An empty one removes the policy. Without
      it, the policy is left as it is.
    type: dict
  delete_images:
    description:
      Whether O(state=absent) also removes a repository that still has images, with them. With
      V(false) this is an error.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: A repository that keeps the last 20 images
  odoo_cloud.platform.aws_ecr_repository:
    region: eu-central-1
    name: acme-odoo
    owner_tags:
      project: acme
    lifecycle_policy:
      rules:
        - rulePriority: 1
          selection: {tagStatus: any, countType: imageCountMoreThan, countNumber: 20}
          action: {type: expire}
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, as sentences.
  returned: always
  type: list
  elements: str
  sample: [create repository acme-odoo, set the lifecycle policy of repository acme-odoo]
uri:
  description: Address for pushing and pulling; empty in check mode when it would be created.
  returned: O(state=present)
  type: str
  sample: 111122223333.dkr.ecr.eu-central-1.amazonaws.com/acme-odoo
arn:
  description: ARN of the repository; empty in check mode when it would be created.
  returned: O(state=present)
  type: str
  sample: arn:aws:ecr:eu-central-1:111122223333:repository/acme-odoo
# >>> the same in all: doc fragment aws, tools/returns.py
requests:
  description: Number of requests that were sent to AWS.
  returned: success
  type: int
  sample: 9
error:
  description: Name of the error's class.
  returned: failure
  type: str
  sample: AwsConflict
# <<<
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.ecr import work
from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.service import connection_spec, run_module


def argument_spec() -> dict:
    return {
        **connection_spec(),
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "immutable_tags": {"type": "bool", "default": True},
        "scan_on_push": {"type": "bool", "default": True},
        "kms_key": {"type": "str", "no_log": False},
        "lifecycle_policy": {"type": "dict"},
        "delete_images": {"type": "bool", "default": False},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, ["ecr"], work)


if __name__ == "__main__":
    main()
