#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_rollback
short_description:
  Goes back to the restore point of an instance's database, when an operator has confirmed what is
  lost
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Without O(confirm) it only reports what going back would lose, and the words that confirm it,
    which include the minutes.
  - With the right words the database becomes that of before the update; the present one is kept
    under another name.
  - All sessions are ended. The replicas are stopped first, by O(stop_first), but only when the
    rollback is confirmed and has the database's lock.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.one_off
  - odoo_cloud.platform.run
  - odoo_cloud.platform.stop_first
  - odoo_cloud.platform.engine
attributes:
  check_mode:
    support: full
    details:
      Reports what would be lost, and refuses wrong words of confirmation. It takes the database's
      lock while it reads.
  diff_mode:
    support: none
  idempotent:
    support: none
    details: A second rollback goes to another restore point, and has to be confirmed again.
options:
  to:
    description: Name of the restore point. Default is the newest.
    type: str
  confirm:
    description:
      The words that RV(confirm) returned, such as V(lose 42 minutes of acme_prod). They are valid
      for five minutes. Without it, nothing is changed.
    type: str
  reason:
    description: Reason of the rollback, one line, recorded in the history.
    type: str
"""

EXAMPLES = r"""
- name: What would be lost?
  odoo_cloud.platform.odoo_rollback:
    instance: acme_prod
  register: loss

- name: Show it
  ansible.builtin.debug:
    msg: "{{ loss.report }}"

- name: Go back
  odoo_cloud.platform.odoo_rollback:
    instance: acme_prod
    confirm: lose 42 minutes of acme_prod
    stop_first: [odoo-cloud-acme-prod-1]
    reason: The prices of the new version are wrong
"""

RETURN = r"""
report:
  description: What would be lost, or what was done, as lines.
  returned: when it has ended
  type: list
  elements: str
  sample: ["restore point: shop--before-4f0c1d2e3a4b (clone), created 2026-11-25T20:57:28+00:00", "minutes since then: 42"]
confirm:
  description: The words that confirm the rollback now; empty when it was done.
  returned: when it has ended
  type: str
  sample: lose 42 minutes of acme_prod
stopped:
  description:
    Containers of O(stop_first) that are stopped now because of this rollback. Start them
    afterwards.
  returned: with O(stop_first)
  type: list
  elements: str
  sample: [odoo-cloud-acme-prod-1]
exit_code:
  description: Exit code of the container, see C(docs/runtime.md).
  returned: when it has ended
  type: int
  sample: 85
log:
  description: The last lines that the container wrote.
  returned: when it has ended
  type: list
  elements: str
  sample: []
"""

import re

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import module as run_module
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import errors
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import odoo_one_off

_WORDS = re.compile(r'--confirm "([^"]+)"$')


def read(stdout: str, result: dict, only_check: bool = False) -> dict:
    """The return values from the output of the command."""
    lines = [line for line in stdout.splitlines() if line.strip()]
    words = [match[1] for match in map(_WORDS.search, lines) if match]
    done = result["exit_code"] == 0
    wrong = [line for line in lines if line.startswith("--confirm is ")]
    return {
        "report": lines,
        "changed": done,
        "status": "held" if not done else "planned" if only_check else "rolled_back",
        "confirm": words[-1] if words and not done else "",
        "reason": "; ".join([*wrong, f"right is confirm: {words[-1]}"]) if wrong and words else "",
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **run_module.SPEC,
            **run_module.STOP_FIRST,
            "to": {"type": "str"},
            "confirm": {"type": "str"},
            "reason": {"type": "str"},
        },
        supports_check_mode=True,
    )
    params = module.params
    asks = not params["confirm"]
    command = ["rollback", *(["--to", params["to"]] if params["to"] else [])]
    if not asks:
        command += ["--confirm", params["confirm"], *(["--check"] if module.check_mode else [])]
    kind = run_module.Kind(
        suffix="rollback",
        command=tuple(command),
        shape=odoo_one_off.with_keeper,
        read=lambda stdout, result: read(stdout, result, module.check_mode),
        fine=(0, errors.EXIT_DECISION) if asks else (0,),
        reads=True,
    )
    run_module.execute(module, "The rollback", {"REASON": params["reason"]}, kind=kind)


if __name__ == "__main__":
    main()
