#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_plan
short_description: Compares a list of containers with what should run, in one module run
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Compares containers with their definitions and returns which of them have to be changed, and
    how. The role P(odoo_cloud.platform.container#role) applies the changes with
    M(community.docker.docker_container).
  - It only reads, so an unchanged list costs one module run however long it is. When
    M(odoo_cloud.platform.machine_info) has read the machine earlier in the same playbook run, less
    than a minute ago, and nothing was changed since, an unchanged list costs none.
  - The definition from which a container was created is kept as JSON in its label
    C(org.odoo-cloud.definition). It must not contain secrets.
  - A running container is recreated if the folder of one of its bind mounts was removed and created
    again, since it still uses the removed one. If the path is missing there is only a warning, as
    the container could not be started again. Both are noticed only if the engine's processes are in
    C(/proc) and the user may inspect them (root).
  - A container that started before its configuration files were last written has to be restarted or
    reloaded. So a change takes effect also when an earlier run died between writing the file and
    restarting the service.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.engine
attributes:
  check_mode:
    support: full
    details:
      In check mode RV(ignore:changed) is true when there is something to do. Otherwise it is always
      false; the role's tasks that apply the changes report them.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  platform:
    description: Name of the platform (C(odoo_cloud_name)). The network of that name is checked too.
    type: str
    required: true
  applied_dir:
    description:
      Folder with one file for each container, whose time is that of the container's last reload.
    type: path
    required: true
  containers:
    description: Definitions of the containers, see the role P(odoo_cloud.platform.container#role).
    type: list
    elements: dict
    required: true
  logs_of:
    description:
      Name of a container whose last lines of output are returned in RV(logs). Without it, none are.
    type: str
  look_for:
    description:
      Folders that should exist. Those that are missing are returned in RV(absent); a link is no
      folder.
    type: list
    elements: path
    default: []
  once:
    description:
      Names of containers that do one task and end. Those that succeeded and still exist are
      returned in RV(done).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Compare the containers of this machine
  odoo_cloud.platform.container_plan:
    platform: odoo-cloud
    applied_dir: /srv/odoo-cloud/applied
    containers:
      - name: odoo-cloud-redis
        image: sha256:4bb46517cac3
        network: odoo-cloud
  register: plan
"""

RETURN = r"""
engine:
  description: Whether an engine answered. Without one everything is reported as to be created in check mode.
  returned: always
  type: bool
  sample: true
network_missing:
  description: Whether the platform's network has to be created.
  returned: always
  type: bool
  sample: false
plan:
  description: The containers that have to be changed, in the order of the list.
  returned: always
  type: list
  elements: dict
  sample:
    - name: odoo-cloud-redis
      action: recreate
      reason: "its definition changed: memory"
actions:
  description: The same changes as sentences.
  returned: always
  type: list
  elements: str
  sample: ["recreate odoo-cloud-redis: its definition changed: memory"]
done:
  description:
    The containers of O(once) that ended with exit code 0 and still exist, because the process that
    started them was killed before it removed them.
  returned: always
  type: list
  elements: str
  sample: []
absent:
  description: The folders of O(look_for) that don't exist.
  returned: always
  type: list
  elements: str
  sample: []
logs:
  description: The last lines of output of the container O(logs_of).
  returned: when O(logs_of) is given
  type: str
  sample: "ready to accept connections"
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.api import Engine, EngineError
from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine.containers import (
    LiveMachine,
    PlanError,
    compare,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "platform": {"type": "str", "required": True},
            "applied_dir": {"type": "path", "required": True},
            "containers": {"type": "list", "elements": "dict", "required": True},
            "docker_host": {"type": "str"},
            "logs_of": {"type": "str"},
            "look_for": {"type": "list", "elements": "path", "default": []},
            "once": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params, platform = module.params, module.params["platform"]
    try:
        engine = Engine(params["docker_host"])
        if params["logs_of"]:
            module.exit_json(changed=False, engine=True, network_missing=False, plan=[], actions=[], done=[], absent=[],
                             logs=engine.log_tail(params["logs_of"]))  # fmt: skip
        outcome = compare(
            LiveMachine(engine),
            platform,
            params["applied_dir"],
            params["containers"],
            params["once"],
            params["look_for"],
            module.check_mode,
        )
    except (EngineError, PlanError) as error:
        module.fail_json(msg=str(error))
    for line in outcome.warnings:
        module.warn(line)
    result: dict[str, t.Any] = outcome.result(platform)
    result["changed"] = module.check_mode and bool(outcome.plan or outcome.network_missing)
    if module.check_mode:
        result["diff"] = outcome.diffs
    module.exit_json(**result)


if __name__ == "__main__":
    main()
