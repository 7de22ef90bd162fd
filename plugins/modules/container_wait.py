#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_wait
short_description: Waits until a container has ended, and returns its exit code
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Waits, in one module run, for a container that does one task and ends. Returns its exit code and output.
  - It never starts, stops or removes anything. So a playbook that was killed meanwhile can wait for the same container again.
  - A container that isn't there, or has ended already, is not waited for.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.engine
attributes:
  check_mode:
    support: full
    details: Reads only. In check mode it doesn't wait.
  diff_mode:
    support: N/A
    details: Reads only.
  idempotent:
    support: N/A
    details: Reads only.
options:
  name:
    description: Name of the container.
    type: str
    required: true
  timeout:
    description:
      Most seconds to wait. A container that is still running then is no error, see RV(running).
    type: int
    default: 600
  lines:
    description: How many of the last lines of output are returned; V(0) for all.
    type: int
    default: 100
"""

EXAMPLES = r"""
- name: Wait until the update has ended
  odoo_cloud.platform.container_wait:
    name: odoo-cloud-acme_prod-run
    timeout: 3600
  register: update
  failed_when: update.running or update.exit_code != 0
"""

RETURN = r"""
name:
  description: Name of the container.
  returned: always
  type: str
  sample: odoo-cloud-acme_prod-run
exists:
  description: Whether the container exists.
  returned: always
  type: bool
  sample: true
running:
  description: Whether it is still running.
  returned: always
  type: bool
  sample: false
exit_code:
  description: Exit code of the container; null while it runs or if it doesn't exist.
  returned: always
  type: int
  sample: 0
oom_killed:
  description: Whether a process of the container was killed because its memory was used up.
  returned: always
  type: bool
  sample: false
waited:
  description: Seconds that the module waited.
  returned: always
  type: float
  sample: 42.5
stdout:
  description: Lines that the container wrote to its standard output.
  returned: always
  type: str
  sample: ""
output:
  description:
    Lines that the container wrote to its standard output and standard error, in their order.
  returned: always
  type: str
  sample: "Ready: database 'acme_prod' (40.1 s)"
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.api import (
    Engine,
    EngineError,
    EngineUnreachable,
)

POLL_SECONDS = 0.5
ENGINE_AWAY_SECONDS = 60  # how long an engine that restarts may not answer


def wait(
    engine: t.Any,
    name: str,
    timeout: float,
    clock: t.Callable[[], float] = time.monotonic,
    sleep: t.Callable[[float], None] = time.sleep,
) -> tuple[dict[str, t.Any] | None, float]:
    """Waits until a container has ended or does not exist, for up to `timeout` seconds.

    Returns the engine's description of it, None if it does not exist, and the seconds waited.
    """
    start = clock()
    answered: float | None = None
    while True:
        try:
            inspected = engine.container(name)
            answered = clock()
        except EngineUnreachable:
            if answered is None or clock() - answered > ENGINE_AWAY_SECONDS:
                raise
        else:
            if inspected is None or not inspected["State"].get("Running") or clock() - start >= timeout:
                return inspected, clock() - start
        sleep(POLL_SECONDS)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "timeout": {"type": "int", "default": 600},
            "lines": {"type": "int", "default": 100},
            "docker_host": {"type": "str"},
        },
        supports_check_mode=True,
    )
    name = module.params["name"]
    try:
        engine = Engine(module.params["docker_host"])
        inspected, waited = wait(engine, name, 0 if module.check_mode else module.params["timeout"])
        stdout, output = ("", "") if inspected is None else engine.output(name, max(module.params["lines"], 0))
    except EngineError as error:
        module.fail_json(msg=str(error))
    state = (inspected or {}).get("State", {})
    running = bool(state.get("Running"))
    module.exit_json(
        changed=False,
        name=name,
        exists=inspected is not None,
        running=running,
        exit_code=None if running or inspected is None else state.get("ExitCode"),
        oom_killed=bool(state.get("OOMKilled")),
        waited=round(waited, 1),
        stdout=stdout,
        output=output,
    )


if __name__ == "__main__":
    main()
