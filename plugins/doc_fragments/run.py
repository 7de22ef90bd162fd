# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What the modules have in common, beside one_off, that change an instance's modules or data step by step."""

    DOCUMENTATION = r"""
options:
  hooks:
    description: Whether hooks after an update run only if modules or hooks changed. Default is what the instance says.
    type: str
    choices: [changed, always]
  restore_point:
    description:
      - What is kept before the database is altered, so that there is a way back. V(clone) is a copy of the database on the same server,
        V(dump) a file of pg_dump, V(auto) the first of them that is possible. Default is what the instance says, else V(none).
    type: str
    choices: [none, auto, clone, dump]
  on_failure:
    description:
      - What is done when it fails. V(hold) leaves the database closed, as it is, for a person to decide; V(rollback) goes back to the
        restore
        point if nobody can have written since. Default is what the instance says, else V(hold).
    type: str
    choices: [hold, rollback]
  actor:
    description: Who acts, for the database's history.
    type: str
  timeout:
    description:
      - Seconds to wait for the end. A run that takes longer is not ended, the module fails and says that it goes on; used again, it waits
        for
        the same run.
      - A run that has not begun, because somebody else holds the database's lock all the time, is ended; nothing is changed then.
    type: int
    default: 7200
  wait:
    description:
      - Whether to wait for the end. With V(false) the run is started and its container's ID returned as RV(ignore:run), for O(run)
        or M(odoo_cloud.platform.odoo_run_info).
    type: bool
    default: true
  run:
    description: ID of a container that was started with O(wait=false). Nothing is started; its end is waited for and its result returned.
    type: str
  events_file:
    description:
      - RV(ignore:events_file) of the task that started O(run). The result is read from it if the container is gone, because somebody else
        waited
        for the same run.
    type: path
notes:
  - Runs on the machine that carries the instance, as a user that may use the engine and read the events (root).
  - While it works, the task's output tells each step as it ends (not with C(async)).
  - A module that is killed leaves its container at work. Used again with the same arguments it waits for that one; a container that works
    on something else is waited for first.
  - Replicas that serve go on serving unless C(stop_first) names them, as the role and the playbooks C(update) and C(migrate) do.
"""
