#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_health
short_description: Waits until a container is healthy, without waiting for the engine's next check
version_added: 0.2.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Runs the container's own health check repeatedly until it succeeds. The engine itself runs it
    seldom, since each check starts a program, and with many containers that costs more than the
    service at rest.
  - A container without a health check counts as healthy when it runs.
  - The role P(odoo_cloud.platform.container#role) uses it.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.engine
attributes:
  check_mode:
    support: full
    details: In check mode the health check is run once at the most.
  diff_mode:
    support: N/A
    details: Nothing is changed.
  idempotent:
    support: full
options:
  name:
    description: Name of the container.
    type: str
    required: true
  timeout:
    description: Seconds after which the module fails.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Wait until the proxy answers
  odoo_cloud.platform.container_health:
    name: odoo-cloud-nginx
    timeout: 60
"""

RETURN = r"""
healthy:
  description: Whether the container is healthy. Outside check mode the module fails when it isn't.
  returned: always
  type: bool
  sample: true
waited:
  description: Seconds that the module waited.
  returned: always
  type: float
  sample: 1.5
reason:
  description: Output of the last health check, or why there was none.
  returned: always
  type: str
  sample: /monitoring/readiness answered 200
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.api import Engine, EngineError

# Seconds between checks: short at first, as most containers are ready within seconds; then longer,
# as an installation takes minutes and every check costs processor time.
FIRST_SECONDS = 20.0
FIRST_POLL = 0.5
POLL = 2.0


def wait(
    engine: t.Any,
    name: str,
    timeout: float,
    clock: t.Callable[[], float] = time.monotonic,
    sleep: t.Callable[[float], None] = time.sleep,
) -> tuple[bool, str, float]:
    """Waits until a container is healthy, for up to `timeout` seconds.

    Returns whether it is, the last output of its health check, and the seconds that it took.
    """
    start = clock()
    while True:
        inspected = engine.container(name)
        good, reason = engine.healthy(inspected) if inspected is not None else (False, "there is no such container")
        waited = clock() - start
        if good or waited >= timeout:
            return good, reason, waited
        sleep(FIRST_POLL if waited < FIRST_SECONDS else POLL)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "timeout": {"type": "int", "default": 60},
            "docker_host": {"type": "str"},
        },
        supports_check_mode=True,
    )
    name, timeout = module.params["name"], module.params["timeout"]
    try:
        good, reason, waited = wait(Engine(module.params["docker_host"]), name, 0 if module.check_mode else timeout)
    except EngineError as error:
        module.fail_json(msg=str(error))
    result = {"changed": False, "healthy": good, "waited": round(waited, 1), "reason": reason}
    if not good and not module.check_mode:
        module.fail_json(
            msg=f"container {name} is not healthy after {waited:.0f} s (timeout={timeout}): {reason}", **result
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
