#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_event_rule
short_description: Rules of Amazon EventBridge with their targets, also in check mode
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Creates and changes rules, their targets and tags. Targets that aren't listed are removed.
  - C(amazon.aws.cloudwatchevent_rule) has no check mode; this module has.
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
  state:
    description: Whether the rules exist. With V(absent) only their names are used.
    type: str
    choices: [present, absent]
    default: present
  event_bus:
    description: Name of the event bus.
    type: str
    default: default
  rules:
    description: The rules to create, change or remove.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the rule.
        type: str
        required: true
      description:
        description: Description of the rule.
        type: str
      pattern:
        description: Which events start the targets. Give this, O(rules[].schedule) or both.
        type: dict
      schedule:
        description: When the rule starts the targets by itself, as C(cron(...)) or C(rate(...)).
        type: str
      enabled:
        description: Whether the rule is active.
        type: bool
        default: true
      targets:
        description: The resources that the rule calls. Those that aren't listed are removed.
        type: list
        elements: dict
        default: []
        suboptions:
          id:
            description: Name of the target within the rule.
            type: str
            required: true
          arn:
            description: ARN of the resource that is called.
            type: str
            required: true
          role_arn:
            description:
              ARN of the role with which EventBridge calls the target. Without it, the target's own
              policy decides.
            type: str
          input:
            description:
              Data that the target gets instead of the event. Without it, the target gets the event.
            type: dict
          dead_letter_arn:
            description:
              ARN of a queue for events that could not be delivered. Without it, they are lost.
            type: str
          retries:
            description: How often delivery is tried again, 0 to 185. Without it, AWS decides.
            type: int
"""

EXAMPLES = r"""
- name: A release starts the automation
  odoo_cloud.platform.aws_event_rule:
    region: eu-central-1
    owner_tags:
      project: acme
    rules:
      - name: acme-release
        pattern:
          source: [aws.s3]
          detail-type: [Object Created]
          detail:
            bucket: {name: [acme-odoo-code]}
            object: {key: [channels/prod.json]}
        targets:
          - id: deliver
            arn: arn:aws:ssm:eu-central-1:111122223333:automation-definition/acme-deliver:$DEFAULT
            role_arn: arn:aws:iam::111122223333:role/acme-events
            input: {Reason: [release]}
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, as sentences.
  returned: always
  type: list
  elements: str
  sample: [create rule acme-release, set the targets deliver of rule acme-release]
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

from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.event_rule import work
from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.service import connection_spec, run_module


def argument_spec() -> dict:
    target = {
        "id": {"type": "str", "required": True},
        "arn": {"type": "str", "required": True},
        "role_arn": {"type": "str"},
        "input": {"type": "dict"},
        "dead_letter_arn": {"type": "str"},
        "retries": {"type": "int"},
    }
    rule = {
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "pattern": {"type": "dict"},
        "schedule": {"type": "str"},
        "enabled": {"type": "bool", "default": True},
        "targets": {"type": "list", "elements": "dict", "default": [], "options": target},
    }
    return {
        **connection_spec(),
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "event_bus": {"type": "str", "default": "default"},
        "rules": {"type": "list", "elements": "dict", "required": True, "options": rule},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, ["events"], work)


if __name__ == "__main__":
    main()
