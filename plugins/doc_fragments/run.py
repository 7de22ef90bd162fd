# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Further options of modules that change an instance's modules or data step by step."""

    DOCUMENTATION = r"""
options:
  hooks:
    description:
      Whether hooks after an update run only if modules or hooks changed (V(changed)), or in every
      run (V(always)). Default is the instance's setting (C(odoo_hooks)).
    type: str
    choices: [changed, always]
  restore_point:
    description:
      The copy of the database that is kept before it is changed, as a way back. V(clone) is a copy
      on the same server, V(dump) a file of pg_dump, V(auto) the first of them that is possible,
      V(none) none. Default is the instance's setting (C(odoo_restore_point)), else V(none).
    type: str
    choices: [none, auto, clone, dump]
  on_failure:
    description:
      What happens when the run fails. V(hold) leaves the database closed, as it is, until an
      operator decides; V(rollback) goes back to the restore point if nobody can have written since.
      Default is the instance's setting (C(odoo_on_failure)), else V(hold).
    type: str
    choices: [hold, rollback]
  actor:
    description:
      Name of the person or program that starts the run, recorded in the database's history.
    type: str
  timeout:
    description:
      - Seconds to wait for the end. If a run takes longer, the module fails with a message that
        says so, and the run goes on; used again, the module waits for the same run.
      - A run that has not begun within that time, because another process holds the database's
        lock, is ended without changes.
    type: int
    default: 7200
  wait:
    description:
      Whether to wait for the end. With V(false) the run is started and its container's ID returned
      as RV(ignore:run), for O(run) or M(odoo_cloud.platform.odoo_run_info).
    type: bool
    default: true
  run:
    description:
      ID of a container that was started with O(wait=false). Nothing is started; the module waits
      for the end of that container and returns its result.
    type: str
  events_file:
    description:
      RV(ignore:events_file) of the task that started O(run). The result is read from it if the
      container was removed because another caller waited for the same run.
    type: path
notes:
  - Runs on the machine that carries the instance, as a user that may use the engine and read the
    events (root).
  - While the run works, the task's output shows each step when it ends (not with C(async)).
  - If the module is killed, its container goes on. Used again with the same arguments, the module
    waits for that container; if a container with another task is running, the module waits for its
    end first.
  - Replicas go on serving unless C(stop_first) names them, as the role and the playbooks C(update)
    and C(migrate) do.
"""

    # Fragments can't extend RETURN in ansible-core 2.19: tools/returns.py copies this into the
    # modules.
    RETURN = r"""
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
"""
