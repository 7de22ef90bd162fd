#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_datasync
short_description: DataSync locations in S3 and EFS, and the tasks between them
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Creates and changes locations and tasks, and waits until a task is ready. It starts no task.
  - A location is recognised by its tag C(Name) and O(owner_tags). If something differs that can't
    be changed (bucket, file system, network), a new location is created, and the tasks that use it
    are recreated, before the old one is removed.
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
    description:
      Whether the locations and tasks exist. With V(absent) only the names in O(locations) and
      O(tasks) are used.
    type: str
    choices: [present, absent]
    default: present
  locations:
    description: The locations to create, change or remove.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the location, kept in its tag C(Name).
        type: str
        required: true
      type:
        description: Kind of the location, a bucket (V(s3)) or a file system (V(efs)).
        type: str
        choices: [s3, efs]
        required: true
      subdirectory:
        description: Folder of the file system, or prefix in the bucket.
        type: str
        default: /
      bucket_arn:
        description: ARN of the bucket, for V(s3).
        type: str
      role_arn:
        description:
          ARN of the role with which DataSync reads and writes the bucket, or mounts the file
          system.
        type: str
      storage_class:
        description: Storage class of the objects that DataSync writes, for V(s3).
        type: str
        default: STANDARD
      file_system_arn:
        description: ARN of the file system, for V(efs).
        type: str
      access_point_arn:
        description:
          ARN of an access point of the file system, for V(efs). It requires
          O(locations[].encrypted=true). Without it, the file system is mounted without one.
        type: str
      subnet_arn:
        description: ARN of a subnet with a mount target of the file system, for V(efs).
        type: str
      security_group_arns:
        description: ARNs of security groups that the mount target lets in, for V(efs).
        type: list
        elements: str
        default: []
      encrypted:
        description: Whether the connection to the file system uses TLS, for V(efs).
        type: bool
        default: true
  tasks:
    description: The tasks to create, change or remove.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the task.
        type: str
        required: true
      source:
        description: Name of the location from which the task copies.
        type: str
      destination:
        description: Name of the location to which the task copies.
        type: str
      includes:
        description:
          Only these paths are copied, such as V(/modules). An asterisk is allowed only at the end.
          Without it, all paths are.
        type: list
        elements: str
      excludes:
        description: Paths that are not copied.
        type: list
        elements: str
      schedule:
        description:
          When the task runs by itself, as C(cron(...)) or C(rate(...)); at most once an hour.
          Without it, it runs only when it is started.
        type: str
      log_group_arn:
        description: ARN of the log group in CloudWatch. Without it, nothing is logged.
        type: str
      options:
        description: How the task copies. Options that aren't given are left to AWS.
        type: dict
        suboptions:
          verify_mode:
            description: Which files are compared after copying.
            type: str
            choices: [POINT_IN_TIME_CONSISTENT, ONLY_FILES_TRANSFERRED, NONE]
          overwrite_mode:
            description: Whether a file at the destination that differs is overwritten.
            type: str
            choices: [ALWAYS, NEVER]
          transfer_mode:
            description: Whether all files are copied, or only those that differ.
            type: str
            choices: [CHANGED, ALL]
          deleted_files:
            description: What happens to files at the destination that the source doesn't have.
            type: str
            choices: [PRESERVE, REMOVE]
          uid:
            description: Whether owners are kept.
            type: str
            choices: [NONE, INT_VALUE, NAME, BOTH]
          gid:
            description: Whether groups are kept.
            type: str
            choices: [NONE, INT_VALUE, NAME, BOTH]
          permissions:
            description: Whether permissions are kept.
            type: str
            choices: [NONE, PRESERVE]
          bytes_per_second:
            description: Most bytes per second that are copied; V(-1) means no limit.
            type: int
          queueing:
            description: Whether executions of the task wait for each other.
            type: str
            choices: [ENABLED, DISABLED]
          log_level:
            description: Which events are logged.
            type: str
            choices: ['OFF', BASIC, TRANSFER]
"""

EXAMPLES = r"""
- name: Releases from the bucket to the file system
  odoo_cloud.platform.aws_datasync:
    region: eu-central-1
    owner_tags:
      project: acme
    locations:
      - name: acme-releases
        type: s3
        bucket_arn: arn:aws:s3:::acme-odoo-code
        role_arn: arn:aws:iam::111122223333:role/acme-datasync
        subdirectory: /releases
      - name: acme-files
        type: efs
        file_system_arn: arn:aws:elasticfilesystem:eu-central-1:111122223333:file-system/fs-0123456789abcdef0
        subnet_arn: arn:aws:ec2:eu-central-1:111122223333:subnet/subnet-0123456789abcdef0
        security_group_arns: [arn:aws:ec2:eu-central-1:111122223333:security-group/sg-0123456789abcdef0]
        subdirectory: /releases
    tasks:
      - name: acme-modules
        source: acme-releases
        destination: acme-files
        options:
          deleted_files: PRESERVE
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, as sentences.
  returned: always
  type: list
  elements: str
  sample: [create location acme-releases, create task acme-modules]
locations:
  description: ARNs of the locations by name; V((known after creation\)) in check mode when they would be created.
  returned: O(state=present)
  type: dict
  sample:
    acme-releases: arn:aws:datasync:eu-central-1:111122223333:location/loc-0123456789abcdef0
tasks:
  description:
    ARNs of the tasks by name; V((known after creation\)) in check mode when they would be created.
  returned: O(state=present)
  type: dict
  sample:
    acme-modules: arn:aws:datasync:eu-central-1:111122223333:task/task-0123456789abcdef0
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

from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.datasync import work
from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.service import connection_spec, run_module


def argument_spec() -> dict:
    location = {
        "name": {"type": "str", "required": True},
        "type": {"type": "str", "choices": ["s3", "efs"], "required": True},
        "subdirectory": {"type": "str", "default": "/"},
        "bucket_arn": {"type": "str"},
        "role_arn": {"type": "str"},
        "storage_class": {"type": "str", "default": "STANDARD"},
        "file_system_arn": {"type": "str"},
        "access_point_arn": {"type": "str"},
        "subnet_arn": {"type": "str"},
        "security_group_arns": {"type": "list", "elements": "str", "default": []},
        "encrypted": {"type": "bool", "default": True},
    }
    ids = ["NONE", "INT_VALUE", "NAME", "BOTH"]
    verify = ["POINT_IN_TIME_CONSISTENT", "ONLY_FILES_TRANSFERRED", "NONE"]
    options = {
        "verify_mode": {"type": "str", "choices": verify},
        "overwrite_mode": {"type": "str", "choices": ["ALWAYS", "NEVER"]},
        "transfer_mode": {"type": "str", "choices": ["CHANGED", "ALL"]},
        "deleted_files": {"type": "str", "choices": ["PRESERVE", "REMOVE"]},
        "uid": {"type": "str", "choices": ids},
        "gid": {"type": "str", "choices": ids},
        "permissions": {"type": "str", "choices": ["NONE", "PRESERVE"]},
        "bytes_per_second": {"type": "int"},
        "queueing": {"type": "str", "choices": ["ENABLED", "DISABLED"]},
        "log_level": {"type": "str", "choices": ["OFF", "BASIC", "TRANSFER"]},
    }
    task = {
        "name": {"type": "str", "required": True},
        "source": {"type": "str"},
        "destination": {"type": "str"},
        "includes": {"type": "list", "elements": "str"},
        "excludes": {"type": "list", "elements": "str"},
        "schedule": {"type": "str"},
        "log_group_arn": {"type": "str"},
        "options": {"type": "dict", "options": options},
    }
    return {
        **connection_spec(),
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "locations": {"type": "list", "elements": "dict", "required": True, "options": location},
        "tasks": {"type": "list", "elements": "dict", "default": [], "options": task},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, ["datasync"], work)


if __name__ == "__main__":
    main()
