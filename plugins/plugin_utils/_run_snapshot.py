# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection odoo_cloud.platform.
"""Keeps the snapshots of machines on the controller for one playbook run.

A snapshot is a file in the temporary folder of the run, which only its user can read, which all
processes of the run share and which Ansible removes at the end. As it has digests of secrets, it is
in no variable and no output.

A snapshot is used for at most `MAX_AGE` seconds, and dropped as soon as a task of this collection
changes something on the machine. So decisions are never based on a state before the run's own
changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
import typing as t

from ansible import constants

from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine.snapshot import MachineSnapshot

MAX_AGE = 60  # seconds; an unchanged run of a platform takes 5 to 15


def _path(host: str) -> str:
    """The file of the snapshot of an inventory host."""
    name = hashlib.sha256(host.encode()).hexdigest()[:16]
    return os.path.join(str(constants.DEFAULT_LOCAL_TMP), f"odoo-cloud-snapshot-{name}.json")


def keep(host: str, data: t.Mapping[str, t.Any], key: str) -> None:
    """Keeps the snapshot of a host. `key`: of the digests in it."""
    path = _path(host)
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        json.dump({"time": time.time(), "key": key, "data": data}, handle)
    os.replace(temporary, path)


def load(host: str) -> MachineSnapshot | None:
    """The snapshot of a host, None when there is none or it is too old."""
    try:
        with open(_path(host), encoding="utf-8") as handle:
            kept = json.load(handle)
    except FileNotFoundError:
        return None
    if not 0 <= time.time() - kept["time"] <= MAX_AGE:
        return None
    return MachineSnapshot(kept["data"], kept["key"])


def drop(host: str) -> None:
    """Deletes the snapshot of a host."""
    if os.path.exists(_path(host)):
        os.unlink(_path(host))


def machine_of(action: t.Any, task_vars: t.Mapping[str, t.Any]) -> str:
    """The inventory host on which an action's module would run."""
    return str(action._task.delegate_to or task_vars["inventory_hostname"])
