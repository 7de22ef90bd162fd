#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_run_info
short_description: Reports what a run has done so far, step by step
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Reads the events of a container that M(odoo_cloud.platform.odoo_migration),
    M(odoo_cloud.platform.odoo_update), M(odoo_cloud.platform.odoo_module) or
    M(odoo_cloud.platform.anthem_song) started, while it runs or after it has ended.
  - It never starts, stops or removes anything.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.engine
attributes:
  check_mode:
    support: full
    details: Reads only.
  diff_mode:
    support: N/A
    details: Reads only.
  idempotent:
    support: N/A
    details: Reads only.
options:
  container:
    description: Name or ID of the container.
    type: str
    required: true
  offset:
    description: Number of events to skip, as RV(offset) of the previous call returned it.
    type: int
    default: 0
  timeout:
    description: Most seconds to wait for O(until). With V(0) the module doesn't wait.
    type: int
    default: 0
  until:
    description:
      What the module waits for, a new event (V(news)) or the end of the run (V(end)). It also
      returns when the run ends before a new event.
    type: str
    choices: [news, end]
    default: end
"""

EXAMPLES = r"""
- name: How far is the migration?
  odoo_cloud.platform.odoo_run_info:
    container: odoo-cloud-acme_prod-run
  register: look

- name: Show its steps
  ansible.builtin.debug:
    msg: "{{ look.events | odoo_cloud.platform.migration_progress }}"
"""

RETURN = r"""
exists:
  description: Whether the container exists.
  returned: always
  type: bool
  sample: true
running:
  description: Whether the container is running.
  returned: always
  type: bool
  sample: true
exit_code:
  description: Exit code of the container; null while it runs or if it doesn't exist.
  returned: always
  type: int
  sample: 0
container:
  description: ID of the container; O(container) if it does not exist.
  returned: always
  type: str
  sample: 3f1c0d6a7d0b
events:
  description: The events after O(offset), oldest first.
  returned: always
  type: list
  elements: dict
  sample:
    - {"event": "step_done", "version": "19.0.1.1.0", "kind": "song", "name": "songs.company::main", "step": 1, "of": 7, "seconds": 0.03}
lines:
  description: The same events as lines for operators.
  returned: always
  type: list
  elements: str
  sample: ["step 1 of 7 of 19.0.1.1.0: song songs.company::main done (0.0 s)"]
doing:
  description: What the run is doing now.
  returned: always
  type: str
  sample: "step 2 of 7 of 19.0.1.1.0: update shop"
offset:
  description: Value of O(offset) for the next call.
  returned: always
  type: int
  sample: 812
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.api import Engine, EngineError
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import events, one_off


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "container": {"type": "str", "required": True},
            "offset": {"type": "int", "default": 0},
            "timeout": {"type": "int", "default": 0},
            "until": {"type": "str", "choices": ["news", "end"], "default": "end"},
            "docker_host": {"type": "str"},
        },
        supports_check_mode=True,
    )
    params = module.params
    timeout = 0 if module.check_mode else params["timeout"]
    try:
        engine = Engine(params["docker_host"])
        found = one_off.follow(engine, params["container"], timeout, params["offset"], params["until"] == "news")
    except (EngineError, one_off.OneOffError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        exists=found.exists,
        running=found.running,
        exit_code=found.exit_code,
        container=found.container or params["container"],
        events=found.events,
        lines=events.lines(found.events),
        doing=events.doing(events.read(found.events_file)[0] if found.events_file else found.events),
        offset=found.offset,
    )


if __name__ == "__main__":
    main()
