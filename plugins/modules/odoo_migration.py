#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_migration
short_description:
  Runs an instance's migration file and updates its changed modules, in one boot of Odoo
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Runs the steps of the pending versions of a C(migration.yml) and one update of the modules that
    changed, in one process, each step exactly once. An interrupted run is resumed where it stopped.
    C(docs/migrations.md) has the format.
  - The database is closed meanwhile. It is verified afterwards, and opened only if all checks pass.
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
    support: full
options:
  migration_file:
    description:
      The migration file or folder, as a path inside the container. Default is the instance's
      setting (C(odoo_migration_file)). With an empty text, only modules are updated.
    type: str
  mode:
    description:
      The mode of the migration file, such as V(prod) or V(sample). Default is the instance's
      setting (C(odoo_migration_mode)).
    type: str
  allow_serie:
    description:
      Whether several pending versions run one after the other in one run. If not, a run with more
      than one pending version is refused. Default is the instance's setting
      (C(odoo_migration_allow_serie)).
    type: bool
  force_version:
    description:
      Runs only this version, from its first step, also if it was done before. Without it, the
      pending versions run.
    type: str
  next:
    description:
      Version number of the folder C(next) of a migration folder. Default is the instance's setting
      (C(odoo_migration_next)).
    type: str
  update:
    description:
      Which installed modules are updated in addition to those of the migration file. V(changed) are
      those whose content changed, V(all) every one, V(none) no other; or a list of names. Default
      is the instance's setting (C(odoo_update)).
    type: list
    elements: str
  install_missing:
    description:
      Whether modules of the instance (C(odoo_modules)) that are not installed are installed.
      Default is the setting of O(definition), which the role P(odoo_cloud.platform.odoo#role) sets
      to V(true).
    type: bool
"""

EXAMPLES = r"""
- name: Migrate the shop
  odoo_cloud.platform.odoo_migration:
    instance: acme_prod
    mode: prod
  register: migration

- name: What would a migration do?
  odoo_cloud.platform.odoo_migration:
    instance: acme_prod
  check_mode: true
  register: planned

- name: Show the steps that are pending
  ansible.builtin.debug:
    msg: "{{ planned.plan | odoo_cloud.platform.migration_plan }}"

- name: Do a version again, after its file was corrected
  odoo_cloud.platform.odoo_migration:
    instance: acme_test
    force_version: 19.0.1.1.0
    on_failure: hold

- name: Start a long migration and check later
  odoo_cloud.platform.odoo_migration:
    instance: acme_prod
    wait: false
  register: started

- name: Wait for its end
  odoo_cloud.platform.odoo_migration:
    instance: acme_prod
    run: "{{ started.run }}"
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

# Options by variable of the container
OPTIONS = {
    "MIGRATION_FILE": "migration_file",
    "MIGRATION_MODE": "mode",
    "MIGRATION_FORCE_VERSION": "force_version",
    "MIGRATION_NEXT": "next",
    "UPDATE": "update",
}


def environment(params: dict) -> run_module.Env:
    """The variables of the run. None keeps the instance's value, an empty text removes the variable."""
    return {
        "MIGRATION_FILE": params["migration_file"],
        "MIGRATION_MODE": params["mode"],
        "MIGRATION_ALLOW_SERIE": run_module.switch(params["allow_serie"]),
        "MIGRATION_FORCE_VERSION": params["force_version"],
        "MIGRATION_NEXT": params["next"],
        "UPDATE": None if params["update"] is None else ",".join(params["update"]) or "none",
        "INSTALL_MISSING": run_module.switch(params["install_missing"]),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **run_module.SPEC,
            **run_module.STOP_FIRST,
            "migration_file": {"type": "str"},
            "mode": {"type": "str"},
            "allow_serie": {"type": "bool"},
            "force_version": {"type": "str"},
            "next": {"type": "str"},
            "update": {"type": "list", "elements": "str"},
            "install_missing": {"type": "bool"},
        },
        supports_check_mode=True,
    )
    run_module.execute(module, "The migration", environment(module.params), kind=run_module.Kind(options=OPTIONS))


if __name__ == "__main__":
    main()
