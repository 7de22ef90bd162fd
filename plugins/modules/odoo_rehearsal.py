#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_rehearsal
short_description: Runs an instance's update on a copy of its database, and reports what it did
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Copies the database, runs the whole update there (migration file, modules, hooks), removes the
    copy, and reports whether the update is V(code only), V(additive) or V(breaking), how long it
    takes and which tables it locks. The plan of the real run quotes this result.
  - The container reaches no other server than PostgreSQL, has a separate data folder and no other
    secrets than PostgreSQL's. On the copy mails, crons, webhooks and payments are switched off.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.one_off
  - odoo_cloud.platform.run
  - odoo_cloud.platform.engine
attributes:
  check_mode:
    support: full
    details: There is no rehearsal. The plan is returned, which quotes the last one.
  diff_mode:
    support: none
  idempotent:
    support: N/A
    details: The only change is a record of the rehearsal in the database.
options:
  copy:
    description:
      How the database is copied. V(template) is a copy by the server, which closes all connections
      meanwhile. V(dump) is pg_dump into pg_restore. V(auto) is V(template) when no session is open
      in the database, else V(dump).
    type: str
    choices: [auto, template, dump]
    default: auto
  worst:
    description:
      The module fails if the update is worse than this, in the order V(code only), V(additive),
      V(breaking).
    type: str
    choices: [code only, additive, breaking]
    default: breaking
  network:
    description:
      Needed when PostgreSQL is reached over TCP. An internal network of the engine to which only
      the server and this container are connected. With a socket the container has no network.
    type: str
"""

EXAMPLES = r"""
- name: Rehearse the update, and refuse one that breaks the code of now
  odoo_cloud.platform.odoo_rehearsal:
    instance: acme_prod
    worst: additive
  register: rehearsal

- name: How long will it take?
  ansible.builtin.debug:
    msg: "{{ rehearsal.rehearsal['class'] }}, about {{ rehearsal.rehearsal.estimate_seconds }} s"
"""

RETURN = r"""
rehearsal:
  description: Output of C(odoo-cloud rehearse), see C(docs/runtime.md); null in check mode.
  returned: when it has ended, or in check mode
  type: dict
  sample: {"class": "additive", "ok": true, "seconds": 41.2, "estimate_seconds": 44, "changes": [], "locks": [], "update": ["shop"]}
plan:
  description: The plan, as C(odoo-cloud plan) prints it.
  returned: in check mode
  type: dict
  sample: {"database": "acme_prod", "changed": true, "update": ["shop"]}
report:
  description: The result, or in check mode the plan, as lines.
  returned: when it has ended, or in check mode
  type: list
  elements: str
  sample: ["additive, 41 s on the copy, about 44 s in all", "column shop_order.note: added"]
exit_code:
  description: Exit code of the update on the copy, see C(docs/runtime.md).
  returned: when it has ended
  type: int
  sample: 0
log:
  description: The last lines that the container wrote.
  returned: when it has ended
  type: list
  elements: str
  sample: ["2026-11-25 10:45:31,120 8 INFO odoo-cloud: rehearsal: additive, 41.2 s"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import module as run_module
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import report
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import odoo_one_off

CLASSES = ("code only", "additive", "breaking")


def read(stdout: str, result: dict) -> dict:
    """The return values from the output of the command; hooks and songs may have printed before it."""
    found = run_module.last_json(stdout)
    if found is None:
        return {"rehearsal": None, "report": []}
    return {
        "rehearsal": found,
        "changed": False,
        "status": "done" if found.get("ok") else "failed",
        "report": report.rehearsal_lines(found),
        "reason": str(found.get("error") or ""),
    }


def too_bad(result: dict, worst: str) -> str:
    """Why the update is not accepted; empty when it is."""
    found = (result.get("rehearsal") or {}).get("class")
    if found not in CLASSES or CLASSES.index(found) <= CLASSES.index(worst):
        return ""
    return f"worst={worst!r}: the update is {found}; see report"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **run_module.SPEC,
            "copy": {"type": "str", "choices": ["auto", "template", "dump"], "default": "auto"},
            "worst": {"type": "str", "choices": list(CLASSES), "default": "breaking"},
            "network": {"type": "str"},
        },
        supports_check_mode=True,
    )
    params = module.params
    kind = run_module.Kind(
        suffix="rehearsal",
        command=("rehearse",),
        shape=lambda definition: odoo_one_off.for_rehearsal(definition, params["network"] or ""),
        read=read,
    )
    run_module.execute(
        module,
        "The rehearsal",
        {"REHEARSAL_COPY": params["copy"]},
        kind=kind,
        check=lambda result: too_bad(result, params["worst"]),
    )


if __name__ == "__main__":
    main()
