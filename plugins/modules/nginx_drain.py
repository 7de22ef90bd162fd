#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_drain
short_description: Takes a replica out of nginx without losing a request, and puts it back
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - With O(state=drained), nginx sends new requests to the other healthy replicas of the instance,
    and the module waits until the replica has answered its running requests. With
    O(state=restored), nginx sends requests to all of them again.
  - It needs another healthy replica, and nginx on the same machine. Without them nothing is done
    and RV(reason) is the cause.
  - It doesn't wait for websocket connections; browsers open them again.
  - A run that dies in between leaves the replica out of nginx until the next O(state=restored) or
    run of the role P(odoo_cloud.platform.nginx#role).
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.engine
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  state:
    description: V(drained) takes the replica out of nginx, V(restored) puts all replicas back.
    type: str
    choices: [drained, restored]
    required: true
  platform:
    description:
      Name of the platform (C(odoo_cloud_name)), with which the names of its containers begin.
    type: str
    required: true
  root:
    description: Folder of the platform on the machine.
    type: path
    required: true
  instance:
    description: Name of the instance.
    type: str
    required: true
  upstream:
    description: Name on the instance's network that all replicas of the instance share.
    type: str
    required: true
  replica:
    description: Name of the replica.
    type: str
    required: true
  replicas:
    description: Names of all replicas of the instance.
    type: list
    elements: str
    required: true
  timeout:
    description:
      Seconds that running requests may take. Requests that take longer are counted in
      RV(in_flight), and are no error.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Take a replica out
  odoo_cloud.platform.nginx_drain:
    state: drained
    platform: odoo-cloud
    root: /srv/odoo-cloud
    instance: demo
    upstream: demo.odoo
    replica: demo-1
    replicas: [demo-1, demo-2]
"""

RETURN = r"""
drained:
  description: Whether nginx sends the replica no more requests.
  returned: success
  type: bool
  sample: true
others:
  description: The replicas to which nginx sends requests meanwhile.
  returned: success
  type: list
  elements: str
  sample: [demo-2]
in_flight:
  description: Number of requests that were not answered in time.
  returned: success
  type: int
  sample: 0
reason:
  description: Why nothing was done; empty when something was.
  returned: success
  type: str
  sample: ""
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.api import Engine, EngineError
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import nginx_drain


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["drained", "restored"], "required": True},
            "platform": {"type": "str", "required": True},
            "root": {"type": "path", "required": True},
            "instance": {"type": "str", "required": True},
            "upstream": {"type": "str", "required": True},
            "replica": {"type": "str", "required": True},
            "replicas": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "int", "default": 30},
            "docker_host": {"type": "str"},
        },
        supports_check_mode=True,
    )
    given = module.params
    result = {"changed": False, "drained": False, "others": [], "in_flight": 0, "reason": ""}
    nginx = f"{given['platform']}-nginx"
    path = os.path.join(given["root"], "nginx", "config", "upstream", f"{given['instance']}.conf")
    stamp = os.path.join(given["root"], "applied", nginx)
    try:
        engine = Engine(given["docker_host"])
        proxy = engine.container(nginx)
        # A container that keeps ending is reported as running between two starts, without a
        # process.
        if not nginx_drain.process_of(proxy):
            module.exit_json(**{**result, "reason": f"container {nginx} does not run on this machine"})
        pid = nginx_drain.process_of(proxy)
        if given["state"] == "restored":
            if not module.check_mode:
                result["changed"] = nginx_drain.set_upstream(path, given["upstream"], [], pid, stamp)
            module.exit_json(**result)
        result["others"] = nginx_drain.others_that_serve(engine, given["platform"], given["replica"], given["replicas"])
        replica = engine.container(f"{given['platform']}-{given['replica']}")
        if not result["others"]:
            module.exit_json(**{**result, "reason": f"no other replica of {given['instance']} is healthy"})
        if not nginx_drain.process_of(replica):
            module.exit_json(**{**result, "reason": f"replica {given['replica']} does not run"})
        result["drained"] = True
        if module.check_mode:
            module.exit_json(**{**result, "changed": True})
        result["changed"] = nginx_drain.set_upstream(path, given["upstream"], result["others"], pid, stamp)
        number = nginx_drain.process_of(replica)
        result["in_flight"] = nginx_drain.wait_idle(
            lambda: nginx_drain.requests_in_flight(nginx_drain.read_table(number)), given["timeout"]
        )
        module.exit_json(**result)
    except nginx_drain.NotTaken as error:
        # The playbook proxy, which follows the replicas, repairs nginx: they must not wait for it.
        module.warn(f"nginx_drain: {given['instance']}: {error}; the replica is replaced while nginx may ask it")
        module.exit_json(**{**result, "changed": given["state"] == "restored", "drained": False, "reason": str(error)})
    except EngineError as error:
        module.fail_json(msg=str(error))
    except (nginx_drain.DrainError, OSError) as error:
        module.fail_json(msg=f"nginx_drain: {given['instance']}: {error}")


if __name__ == "__main__":
    main()
