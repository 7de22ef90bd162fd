#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_preflight
short_description: Checks session and attachment storage before a deployment
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Checks the environment variables that the instances' containers would get against the rules of
    the environments (C(docs/addons.md)).
  - Then connects with the instances' own credentials. In Redis it sets, reads and deletes a key
    that belongs to the instance, and tries to read one that doesn't. In the bucket it puts, reads
    and deletes an object. It compares the clocks of both with this machine's.
  - All problems of all instances are reported together, with the same messages as the runtime and
    the addon C(cloud_platform).
  - Warns of variables whose names are similar to a variable of the container and probably misspelt.
  - It removes everything that it writes, so nothing is changed.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: full
options:
  instances:
    description:
      The instances, as the filter P(odoo_cloud.platform.odoo_preflight_instances#filter) returns
      them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the instance.
        type: str
        required: true
      database:
        description: Name of its database, which takes the place of C({db}) in a bucket's name.
        type: str
        required: true
      variables:
        description:
          Environment variables of its containers. Secrets are files there (C(X_FILE)) and are given
          in the other options.
        type: dict
        required: true
      redis_password:
        description: Password of its user in Redis. Needed when Redis is checked.
        type: str
      redis_url:
        description: Address of its Redis. Default is O(redis.url).
        type: str
      access_key:
        description: Access key of its bucket.
        type: str
      password:
        description: Secret of the access key, or password of the Swift user.
        type: str
      s3_endpoint:
        description: Address of its S3 store. Default is O(storage.endpoint).
        type: str
      swift_auth_url:
        description: Address of Keystone, if its Swift is not the one at O(storage.endpoint).
        type: str
  redis:
    description: How this machine reaches Redis. Without it, Redis is not checked.
    type: dict
    suboptions:
      url:
        description:
          Address of Redis, such as V(unix:///srv/odoo-cloud/redis/socket/redis.sock) or
          V(rediss://192.0.2.10:6379).
        type: str
        required: true
      ca:
        description:
          PEM text of the authority with which its certificate is checked. Without it, the system's
          authorities are used.
        type: str
      own:
        description:
          Whether the role C(redis) manages the users of this server. If so, a user that can read
          others' keys is a problem.
        type: bool
        default: true
  storage:
    description: How this machine reaches the object storage. Without it, AWS is used.
    type: dict
    suboptions:
      endpoint:
        description: Address of the object storage. Empty means AWS.
        type: str
      ca:
        description:
          File with the certificates of the authorities that are trusted for it. Without it, the
          system's.
        type: str
  connect:
    description:
      Whether the module connects to the services. With V(false), it checks only the rules.
    type: bool
    default: true
  may_be_absent:
    description:
      Whether a server that can't be reached, an unknown user and a missing bucket count as created
      by a later step.
    type: bool
    default: false
  max_clock_skew:
    description: Seconds that a clock may differ from this machine's.
    type: int
    default: 60
  timeout:
    description: Seconds to wait for each answer; the store is contacted up to five times.
    type: int
    default: 10
notes:
  - In check mode nothing is written, not even for a moment; the module only checks that the bucket
    exists.
"""

EXAMPLES = r"""
- name: Check where sessions and attachments of all instances go
  odoo_cloud.platform.odoo_preflight:
    instances: "{{ query('odoo_cloud.platform.instances')
      | odoo_cloud.platform.odoo_preflight_instances({'host': 'redis'}, {'endpoint': 'https://s3.example.com'}) }}"
    redis: {url: 'rediss://192.0.2.10:6379'}
    storage: {endpoint: 'https://s3.example.com'}
"""

RETURN = r"""
instances:
  description:
    - Result of the checks of each instance. C(redis) and C(storage) are V(ok), V(read only) (check
      mode), V(absent) (a later step adds it) or V(skipped) (not used, or not reachable from this
      machine).
    - C(clock_skew) is in seconds, positive when the other's clock is ahead.
  returned: success
  type: dict
  sample: {demo: {redis: ok, storage: ok, clock_skew: {Redis: 0, the object store: 0}}}
complete:
  description: Whether every service, user and bucket that is used existed.
  returned: success
  type: bool
  sample: true
problems:
  description: Problems, one sentence each, after the instance's name.
  returned: always
  type: list
  elements: str
  sample: ["demo: ODOO_SESSION_REDIS is not 1: in prod sessions must be in Redis"]
"""

from concurrent import futures

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._preflight.stateless import (
    ABSENT,
    PlacesProbe,
    rule_problems,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import unknown_variables
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.rules.environment import unsafe

AT_ONCE = 4  # probes


def argument_spec() -> dict:
    instance = {
        "name": {"type": "str", "required": True},
        "database": {"type": "str", "required": True},
        "variables": {"type": "dict", "required": True},
        "redis_password": {"type": "str", "no_log": True},
        "redis_url": {"type": "str"},
        "access_key": {"type": "str", "no_log": False},
        "password": {"type": "str", "no_log": True},
        "s3_endpoint": {"type": "str"},
        "swift_auth_url": {"type": "str"},
    }
    redis = {
        "url": {"type": "str", "required": True},
        "ca": {"type": "str"},
        "own": {"type": "bool", "default": True},
    }
    return {
        "instances": {"type": "list", "elements": "dict", "required": True, "options": instance},
        "redis": {"type": "dict", "options": redis},
        "storage": {"type": "dict", "options": {"endpoint": {"type": "str"}, "ca": {"type": "str"}}},
        "connect": {"type": "bool", "default": True},
        "may_be_absent": {"type": "bool", "default": False},
        "max_clock_skew": {"type": "int", "default": 60},
        "timeout": {"type": "int", "default": 10},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    given = module.params
    problems: dict[str, list] = {instance["name"]: [] for instance in given["instances"]}
    probes: dict[str, PlacesProbe] = {}
    for instance in given["instances"]:
        for line in unknown_variables.warnings(instance["variables"]):
            module.warn(f"{instance['name']}: {line}")
        if unsafe(instance["variables"]):
            module.warn(f"{instance['name']}: ODOO_CLOUD_PLATFORM_UNSAFE is on: nothing of the platform is checked")
            continue
        problems[instance["name"]] = rule_problems(instance)
        if given["connect"] and not problems[instance["name"]]:
            probes[instance["name"]] = PlacesProbe(
                instance,
                given["redis"] or {},
                given["storage"] or {},
                given["may_be_absent"],
                module.check_mode,
                given["max_clock_skew"],
                given["timeout"],
            )
    # Each waits for the store most of the time.
    with futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(PlacesProbe.run, probes.values()))
    for name, probe in probes.items():
        problems[name] = probe.problems
    lines = [f"{name}: {one}" for name, wrong in problems.items() for one in wrong]
    found = {name: probe.result for name, probe in probes.items()}
    if lines:
        module.fail_json(msg="\n".join(lines), problems=lines)
    complete = all(ABSENT not in (one["redis"], one["storage"]) for one in found.values())
    module.exit_json(changed=False, problems=[], instances=found, complete=complete)


if __name__ == "__main__":
    main()
