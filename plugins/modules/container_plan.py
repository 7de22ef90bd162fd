#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_plan
short_description: Compares a list of containers with what should run, in one module run
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Compares containers with their definitions and says which of them need something. The role
    P(odoo_cloud.platform.container#role) applies the answer with M(community.docker.docker_container).
  - It only reads, so that an unchanged list costs one module run however long it is.
  - The definition that a container was made from is kept as JSON in its label C(org.odoo-cloud.definition). Secrets must not be in it.
  - A running container whose bind mount is another folder than the one that has its path now is recreated, since it goes on with the
    folder that was removed. Of a path that is gone there is a warning only, as the container could not be started again. Both are told
    where the engine's processes are seen in C(/proc) by a user who may look at them (root).
  - A container that started before its configuration files were last written has to be restarted or reloaded. So a change is made
    effective also when an earlier run died between writing the file and restarting the service.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.engine
attributes:
  check_mode:
    support: full
    details:
      - In check mode RV(ignore:changed) is true when there is something to do. Otherwise it is always false; the role's tasks
        that act report the change.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  platform:
    description: Name of the platform. The network of that name is looked at too.
    type: str
    required: true
  applied_dir:
    description: Folder with one file for each container, touched when the container's configuration was reloaded.
    type: path
    required: true
  containers:
    description: Definitions, see the role P(odoo_cloud.platform.container#role).
    type: list
    elements: dict
    required: true
  logs_of:
    description: Return the last lines that this container wrote, in RV(logs).
    type: str
  look_for:
    description: Files and folders that should be there. Those that aren't are in RV(absent).
    type: list
    elements: path
    default: []
  once:
    description: Names of containers that do one thing and end. Those that have done it well and are still there are in RV(done).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Compare the containers of this machine
  odoo_cloud.platform.container_plan:
    platform: odoo-cloud
    applied_dir: /srv/odoo-cloud/applied
    containers:
      - name: odoo-cloud-redis
        image: sha256:4bb46517cac3
        network: odoo-cloud
  register: plan
"""

RETURN = r"""
engine:
  description: Whether an engine answered. Without one everything is reported as to be created in check mode.
  returned: always
  type: bool
  sample: true
network_missing:
  description: Whether the platform's network has to be made.
  returned: always
  type: bool
  sample: false
plan:
  description: The containers that need something, in the order of the list.
  returned: always
  type: list
  elements: dict
  sample:
    - name: odoo-cloud-redis
      action: recreate
      reason: "its definition changed: memory"
actions:
  description: The same as sentences.
  returned: always
  type: list
  elements: str
  sample: ["recreate odoo-cloud-redis: its definition changed: memory"]
done:
  description: Those of O(once) that ended with exit code 0 and were not removed, because whoever started them was killed meanwhile.
  returned: always
  type: list
  elements: str
  sample: []
absent:
  description: Those of O(look_for) that aren't there.
  returned: always
  type: list
  elements: str
  sample: []
logs:
  description: The last lines that the container of O(logs_of) wrote.
  returned: when O(logs_of) is given
  type: str
  sample: "ready to accept connections"
"""

import json
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.api import (
    Engine,
    EngineError,
    EngineUnreachable,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.comparison import (
    DEFINITION_LABEL,
    PLATFORM_LABEL,
    Decision,
    canonical,
    decide,
)


def newest(paths: list[str]) -> float:
    """When the newest file was written, in seconds since the epoch; folders count with all that is in them."""
    latest = 0.0
    for path in paths:
        try:
            latest = max(latest, os.stat(path).st_mtime)
            for folder, dummy, files in os.walk(path):
                latest = max([latest, *(os.lstat(os.path.join(folder, name)).st_mtime for name in files)])
        except FileNotFoundError:
            continue
    return latest


def ended_well(inspected: dict[str, t.Any] | None, platform: str) -> bool:
    """Whether a container of the platform was started, and has ended with exit code 0."""
    labels = ((inspected or {}).get("Config") or {}).get("Labels") or {}
    state = (inspected or {}).get("State") or {}
    return labels.get(PLATFORM_LABEL) == platform and state.get("Status") == "exited" and state.get("ExitCode") == 0


def same(one: str, other: str) -> bool:
    """Whether two paths are the same file or folder. OSError when one isn't there, or may not be looked at."""
    return os.path.samestat(os.stat(one), os.stat(other))


def other_mounts(inspected: dict[str, t.Any] | None, proc: str = "/proc") -> tuple[list[str], list[str]]:
    """The bind mounts of a running container, by their path on the machine, that are no longer what has this path now, and those
    whose path is gone.

    Nothing is told unless the container's own host name file, which nobody replaces, is seen to be the same from outside and inside:
    else its process isn't one of this /proc, or the paths are those of another machine.
    """
    process = ((inspected or {}).get("State") or {}).get("Pid")
    if not inspected or not process or not inspected.get("HostnamePath"):
        return [], []
    root = os.path.join(proc, str(process), "root")
    try:
        if not same(str(inspected["HostnamePath"]), f"{root}/etc/hostname"):
            return [], []
    except OSError:
        return [], []
    other, gone = [], []
    for mount in inspected.get("Mounts") or []:
        if mount.get("Type") != "bind":
            continue
        source, target = str(mount["Source"]), str(mount["Destination"])
        folders = target.strip("/").split("/")
        if any(os.path.islink(root + "/" + "/".join(folders[:end])) for end in range(1, len(folders) + 1)):
            continue  # it would be followed outside
        try:
            if not os.path.lexists(source):
                gone.append(source)
            elif not same(source, root + target):
                other.append(source)
        except OSError:
            continue
    return other, gone


def pretty(definition: str | None) -> str:
    """A definition as the diff shows it."""
    return json.dumps(json.loads(definition), indent=2, sort_keys=True) + "\n" if definition else ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "platform": {"type": "str", "required": True},
            "applied_dir": {"type": "path", "required": True},
            "containers": {"type": "list", "elements": "dict", "required": True},
            "docker_host": {"type": "str"},
            "logs_of": {"type": "str"},
            "look_for": {"type": "list", "elements": "path", "default": []},
            "once": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    platform = module.params["platform"]
    answers = True
    plan: list[dict[str, t.Any]] = []
    diffs: list[dict[str, str]] = []
    result: dict[str, t.Any] = {}
    try:
        engine = Engine(module.params["docker_host"])
        if module.params["logs_of"]:
            module.exit_json(changed=False, engine=True, network_missing=False, plan=[], actions=[], done=[], absent=[],
                             logs=engine.log_tail(module.params["logs_of"]))  # fmt: skip
        try:
            network_missing = not engine.network_exists(platform)
        except EngineUnreachable:
            if not module.check_mode:
                raise
            answers, network_missing = False, True
        for definition in module.params["containers"]:
            name = str(definition["name"])
            inspected = engine.container(name) if answers else None
            labels = ((inspected or {}).get("Config") or {}).get("Labels") or {}
            if inspected is not None and labels.get(PLATFORM_LABEL) != platform:
                module.fail_json(
                    msg=f"odoo_cloud_name={platform!r}: a container named {name!r} exists that this platform did not make; "
                    "rename or remove it, or choose another odoo_cloud_name"
                )
            reference = str(definition.get("image") or "")
            if not reference:
                module.fail_json(msg=f"image={reference!r} of container {name!r}: give the ID or the name of an image")
            image_id = engine.image_id(reference) if answers else None
            if image_id is None and not module.check_mode:
                module.fail_json(msg=f"image={reference!r} of container {name!r}: the engine has no such image")
            wanted = canonical(definition, image_id or reference)
            other, gone = other_mounts(inspected)
            if gone and not module.check_mode:
                module.warn(
                    f"container {name}: {', '.join(gone)}, which it has mounted, is gone from the machine; it can't be started again before"
                    " that is put back"
                )
            if image_id is None and inspected is not None:
                decision = Decision("recreate", "its image has to be made first")
            else:
                decision = decide(
                    inspected,
                    wanted,
                    config_time=newest(definition.get("config_paths") or []),
                    applied_time=newest([os.path.join(module.params["applied_dir"], name)]),
                    can_reload=bool(definition.get("reload")),
                    # What is gone is made again by tasks before this one, as far as it is a role's.
                    other_mount=", ".join(other + (gone if module.check_mode else [])),
                    healthy=not answers or inspected is None or engine.healthy(inspected)[0],
                )
            if decision.action == "none":
                continue
            plan.append({"name": name, "action": decision.action, "reason": decision.reason,
                         "definition": definition, "label": wanted})  # fmt: skip
            if decision.action in ("create", "recreate"):
                diffs.append(
                    {
                        "before_header": name,
                        "after_header": name,
                        "before": pretty(labels.get(DEFINITION_LABEL)),
                        "after": pretty(wanted),
                    }
                )
            else:
                diffs.append({"prepared": f"{decision.action} {name}: {decision.reason}\n"})
        done = [name for name in module.params["once"] if answers and ended_well(engine.container(name), platform)]
    except EngineError as error:
        module.fail_json(msg=str(error))
    result.update(
        done=done,
        absent=[path for path in module.params["look_for"] if not os.path.exists(path)],
        changed=module.check_mode and bool(plan or network_missing),
        engine=answers,
        network_missing=network_missing,
        plan=plan,
        actions=([f"create the network {platform}"] if network_missing else [])
        + [f"{item['action']} {item['name']}: {item['reason']}" for item in plan],
    )
    if module.check_mode:
        result["diff"] = diffs
    module.exit_json(**result)


if __name__ == "__main__":
    main()
