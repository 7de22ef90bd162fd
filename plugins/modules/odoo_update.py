#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_update
short_description: Updates the modules of an instance whose content changed, or all, or some
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Updates modules in one boot of Odoo. Changed modules are recognised by hashes of their content;
    if none changed, Odoo is not loaded.
  - Odoo's exit code is not trusted; the runtime verifies every module itself.
  - Pending versions of a migration file stay pending, see M(odoo_cloud.platform.odoo_migration).
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
      A container runs C(odoo-cloud plan), which takes no lock, creates no table and does not load
      Odoo.
  diff_mode:
    support: full
    details: Versions of modules before and after.
  idempotent:
    support: partial
    details: V(all) and named modules are updated each time.
options:
  modules:
    description:
      V(changed) are the installed modules whose content or version differs from that of their last
      update, V(all) every installed module, V(none) no module; or a list of names, which are
      updated in any case. Modules that depend on them are updated too.
    type: list
    elements: str
    default: [changed]
  install_missing:
    description: Whether modules of the instance (C(odoo_modules)) that are not installed are installed.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Update what changed
  odoo_cloud.platform.odoo_update:
    instance: acme_prod

- name: Update two modules and what depends on them
  odoo_cloud.platform.odoo_update:
    instance: acme_test
    modules: [sale, shop_prices]

- name: Update everything in the background, for two hours at most
  odoo_cloud.platform.odoo_update:
    instance: acme_test
    modules: [all]
  async: 7200
  poll: 0
"""

RETURN = r"""
# >>> the same in all: doc fragment run, tools/returns.py
status:
  description:
    How the run ended. V(done); V(nothing) when there was nothing to do; V(failed); V(rolled_back);
    V(held); V(lost) when the lock was lost; V(signal); V(killed); V(waited) when another process
    worked on the database for all of O(timeout). In check mode V(planned) or V(nothing).
  returned: when it has ended, or in check mode
  type: str
  sample: done
run_id:
  description: ID of the run in the database's history.
  returned: when it has ended and did anything
  type: str
  sample: 5f0c2d9a7b1e
database:
  description: Name of the database.
  returned: when it has ended and did anything
  type: str
  sample: acme_prod
versions:
  description:
    Steps that ran, by version of the migration; steps that a module such as
    M(odoo_cloud.platform.anthem_song) adds are listed as V(adhoc).
  returned: when it has ended
  type: list
  elements: dict
  sample:
    - version: 19.0.1.1.0
      status: done
      steps:
        - {id: company, kind: song, name: "songs.company::main", status: done, seconds: 0.03, changed: true}
modules:
  description:
    The modules that were installed, updated or removed, with the versions before (C(from)) and
    after (C(to)); null when a module is not installed. In check mode, the modules of the plan.
  returned: when it has ended, or in check mode
  type: dict
  sample: {"shop": {"from": "19.0.1.0.0", "to": "19.0.1.1.0"}}
plan:
  description:
    The plan, as C(odoo-cloud plan) prints it; null when there is no container or image yet in which
    to run it.
  returned: in check mode
  type: dict
  sample: {"database": "acme_prod", "changed": true, "install": [], "update": ["shop"], "reason": "update shop"}
report:
  description: Table of the work that was done, or would be, as lines.
  returned: when it has ended, or in check mode
  type: list
  elements: str
  sample: ["Module  Before      After", "------  ----------  ----------", "shop    19.0.1.0.0  19.0.1.1.0"]
running:
  description: Whether the run is still running.
  returned: when it was started
  type: bool
  sample: false
run:
  description: ID of the run's container.
  returned: when it was started
  type: str
  sample: 3f1c0d6a7d0b
container:
  description: Name of the run's container. It is kept if it failed.
  returned: when it was started
  type: str
  sample: odoo-cloud-acme_prod-run
ours:
  description:
    With O(wait=false), whether the container does what this module was asked for. If not, another
    run is working; wait for it and start again.
  returned: with O(wait=false)
  type: bool
  sample: true
exit_code:
  description: Exit code of the container, see C(docs/runtime.md).
  returned: when it has ended
  type: int
  sample: 0
stopped:
  description:
    The containers of O(stop_first) that are stopped because of this run. If it failed before it
    changed anything, they were started again.
  returned: with O(stop_first), when it has ended
  type: list
  elements: str
  sample: [odoo-cloud-acme-prod-1]
events_file:
  description: File on the machine with all events of the run, one JSON object on each line.
  returned: when it was started
  type: str
  sample: /srv/odoo-cloud/acme_prod/runs/run-20261125T104500-1f3a.ndjson
log:
  description: The last lines that the container wrote.
  returned: when it has ended
  type: list
  elements: str
  sample: ["2026-11-25 10:45:31,120 8 INFO odoo-cloud: database 'acme_prod' is ready; UpdateOnly ends here"]
restore_point:
  description: The restore point that was created.
  returned: when one was created
  type: dict
  sample: {"kind": "clone", "name": "acme_prod-20261125T104500", "seconds": 1.4}
# <<<
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import module as run_module


def environment(params: dict) -> run_module.Env:
    """The variables of the run."""
    return {
        "UPDATE": ",".join(params["modules"]) or "none",
        "INSTALL_MISSING": run_module.switch(params["install_missing"]),
        "MIGRATION_FILE": "",
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **run_module.SPEC,
            **run_module.STOP_FIRST,
            "modules": {"type": "list", "elements": "str", "default": ["changed"]},
            "install_missing": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    kind = run_module.Kind(options={"UPDATE": "modules"})
    run_module.execute(module, "The update", environment(module.params), kind=kind)


if __name__ == "__main__":
    main()
