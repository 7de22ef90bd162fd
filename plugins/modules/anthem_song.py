#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: anthem_song
short_description: Runs songs of anthem, functions that set up an Odoo database
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Calls functions with anthem's context in one boot of Odoo, however many they are. Each has its
    own transaction. One that raises an exception or exits is rolled back, and the songs after it do
    not run.
  - Python imports the songs from the instance's C(odoo_project_dir), its addons
    (C(odoo.addons.shop.songs::main)) and the image.
  - Songs run each time that the module is used. For songs that must run only once use a migration
    file, see M(odoo_cloud.platform.odoo_migration).
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
    support: none
    details:
      Songs run each time. RV(ignore:changed) is false only if it is known that they changed
      nothing.
options:
  song:
    description: One song, C(package.module::function). Give this or O(songs).
    type: str
  kwargs:
    description: Keyword arguments of O(song). Without it, the song gets none.
    type: dict
  songs:
    description: Songs that run one after the other. Give this or O(song).
    type: list
    elements: dict
    suboptions:
      song:
        description: The song, C(package.module::function).
        type: str
        required: true
      kwargs:
        description: Keyword arguments of the song. Without it, the song gets none.
        type: dict
      timeout:
        description: Seconds that the song may take. Without it, there is no limit.
        type: float
  song_timeout:
    description: Seconds that O(song) may take. Without it, there is no limit.
    type: float
  data_path:
    description: Folder inside the container against which relative paths of CSV files are resolved. Default is the instance's setting
      (C(odoo_project_dir)).
    type: str
"""

EXAMPLES = r"""
- name: Set the company's name
  odoo_cloud.platform.anthem_song:
    instance: acme_test
    song: songs.install.company::main
    kwargs: {name: Acme, currency: EUR}

- name: Run two songs in one boot of Odoo
  odoo_cloud.platform.anthem_song:
    instance: acme_test
    songs:
      - {song: "songs.sample.customers::load"}
      - {song: "songs.sample.orders::load", kwargs: {count: 200}, timeout: 600}
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

import json
import re

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import module as run_module

_SONG = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*::[A-Za-z_]\w*$")


def steps(params: dict) -> list[dict]:
    """The songs in the terms of a migration file."""
    one = {"song": params["song"], "kwargs": params["kwargs"], "timeout": params["song_timeout"]}
    songs = params["songs"] or [one]
    return [{key: value for key, value in song.items() if value is not None} for song in songs]


def environment(params: dict) -> run_module.Env:
    """The variables of the run."""
    return {
        "UPDATE": "none",
        "INSTALL_MISSING": "False",
        "MIGRATION_FILE": "",
        "STEPS": json.dumps(steps(params)),
        "ODOO_DATA_PATH": params["data_path"],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **run_module.SPEC,
            **run_module.STOP_FIRST,
            "song": {"type": "str"},
            "kwargs": {"type": "dict"},
            "songs": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "song": {"type": "str", "required": True},
                    "kwargs": {"type": "dict"},
                    "timeout": {"type": "float"},
                },
            },
            "song_timeout": {"type": "float"},
            "data_path": {"type": "str"},
        },
        required_one_of=[("song", "songs")],
        mutually_exclusive=[("song", "songs"), ("kwargs", "songs"), ("song_timeout", "songs")],
        supports_check_mode=True,
    )
    named = [step["song"] for step in steps(module.params)]
    for name in named:
        if not _SONG.match(name):
            module.fail_json(
                msg=f"song={name!r}: right is package.module::function, such as songs.install.company::main"
            )
    kind = run_module.Kind(options={"STEPS": "songs[{}]" if module.params["songs"] else "song"})
    what = f"song {named[0]}" if len(named) == 1 else f"{len(named)} songs"
    run_module.execute(module, what, environment(module.params), kind=kind)


if __name__ == "__main__":
    main()
