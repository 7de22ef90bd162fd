# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection odoo_cloud.platform.
"""Keeps the snapshots of machines for one playbook run, on the controller.

A snapshot is a file in the temporary folder that Ansible makes for each run: only its user can read it, every process of the run sees
it, and Ansible removes it at the end. It is in no variable and in no output, since it has digests of secrets.

A snapshot is used for `MAX_AGE` seconds, and dropped as soon as a task of ours changes something on the machine, so that what is
decided from it is never older than the run's own changes.
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
    """Where the snapshot of an inventory host is."""
    name = hashlib.sha256(host.encode()).hexdigest()[:16]
    return os.path.join(str(constants.DEFAULT_LOCAL_TMP), f"odoo-cloud-snapshot-{name}.json")


def keep(host: str, data: t.Mapping[str, t.Any], key: str) -> None:
    """Keep what was read of a host; `key` is that of the digests."""
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
    """Forget the snapshot of a host."""
    if os.path.exists(_path(host)):
        os.unlink(_path(host))


def machine_of(action: t.Any, task_vars: t.Mapping[str, t.Any]) -> str:
    """The inventory host on which an action's module would run."""
    return str(action._task.delegate_to or task_vars["inventory_hostname"])
