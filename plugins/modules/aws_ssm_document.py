#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_ssm_document
short_description: A document of AWS Systems Manager, such as an automation
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Creates a document. When its content differs, a new version is created and becomes the default;
    older versions stay.
  - A new version that Systems Manager reports as unusable doesn't become the default.
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
    description: Name of the document.
    type: str
    required: true
  state:
    description: Whether the document exists. V(absent) removes all its versions.
    type: str
    choices: [present, absent]
    default: present
  type:
    description: Type of the document. It can't be changed later.
    type: str
    choices: [Automation, Command, Session, Policy]
    default: Automation
  content:
    description: Content of the document. Required for O(state=present).
    type: dict
"""

EXAMPLES = r"""
- name: An automation
  odoo_cloud.platform.aws_ssm_document:
    region: eu-central-1
    name: acme-deliver
    content:
      schemaVersion: "0.3"
      description: Starts the sync.
      mainSteps:
        - name: sync
          action: aws:executeAwsApi
          inputs:
            Service: datasync
            Api: StartTaskExecution
            TaskArn: arn:aws:datasync:eu-central-1:111122223333:task/task-0123456789abcdef0
    owner_tags:
      project: acme
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, as sentences.
  returned: always
  type: list
  elements: str
  sample: [create a new version of document acme-deliver, make version 2 of document acme-deliver the default]
name:
  description: Name of the document.
  returned: O(state=present)
  type: str
  sample: acme-deliver
version:
  description: Number of the document's default version; in check mode what it would be.
  returned: O(state=present)
  type: str
  sample: "2"
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

from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.service import connection_spec, run_module
from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.ssm import work


def argument_spec() -> dict:
    return {
        **connection_spec(),
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "type": {"type": "str", "choices": ["Automation", "Command", "Session", "Policy"], "default": "Automation"},
        "content": {"type": "dict"},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[("state", "present", ("content",))],
    )
    run_module(module, ["ssm"], work)


if __name__ == "__main__":
    main()
