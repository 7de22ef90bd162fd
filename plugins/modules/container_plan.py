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
    description:
      Name of the platform (C(odoo_cloud_name)). The network of that name is checked too, and those
      that containers name in C(network) and C(connections).
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
  networks:
    description: Names of further networks that should exist, those of instances.
    type: list
    elements: str
    default: []
  connect:
    description:
      Containers that other roles define, with the networks that they should be connected to. One
      that does not exist is ignored. Keys are C(name), and C(connections) as in O(containers).
    type: list
    elements: dict
    default: []
  network_pool:
    description:
      IPv4 network from which the networks of instances get their addresses (64 each). Subnets that
      the engine's networks or the machine's routes use are left out.
    type: str
    default: 172.30.0.0/16
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
networks_missing:
  description:
    The networks that have to be created, with the name of their bridge and their subnet; both are
    empty for the platform's own network, which the engine chooses.
  returned: always
  type: list
  elements: dict
  sample: [{"name": odoo-cloud.acme_prod, "bridge": oc2f4a1b03c9d7e, "subnet": 172.30.4.64/26}]
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

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine import subnets
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
            "networks": {"type": "list", "elements": "str", "default": []},
            "connect": {"type": "list", "elements": "dict", "default": []},
            "network_pool": {"type": "str", "default": subnets.DEFAULT_POOL},
            "look_for": {"type": "list", "elements": "path", "default": []},
            "once": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params, platform = module.params, module.params["platform"]
    try:
        engine = Engine(params["docker_host"])
        if params["logs_of"]:
            module.exit_json(changed=False, engine=True, networks_missing=[], plan=[], actions=[], done=[], absent=[],
                             logs=engine.log_tail(params["logs_of"]))  # fmt: skip
        machine = LiveMachine(engine)
        outcome = compare(
            machine,
            platform,
            params["applied_dir"],
            params["containers"],
            params["once"],
            params["look_for"],
            module.check_mode,
            params["networks"],
            params["connect"],
        )
        mine = [one for one in outcome.networks_missing if one["bridge"]]
        taken = machine.subnets_taken() if outcome.engine and mine else []
        chosen = subnets.choose(params["network_pool"], taken, [one["name"] for one in mine])
    except (EngineError, PlanError, subnets.SubnetError) as error:
        module.fail_json(msg=str(error))
    for line in outcome.warnings:
        module.warn(line)
    outcome.networks_missing = [{**one, "subnet": chosen.get(one["name"], "")} for one in outcome.networks_missing]
    result: dict[str, t.Any] = outcome.result()
    result["changed"] = module.check_mode and bool(outcome.plan or outcome.networks_missing)
    if module.check_mode:
        result["diff"] = outcome.diffs
    module.exit_json(**result)


if __name__ == "__main__":
    main()
