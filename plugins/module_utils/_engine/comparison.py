# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Decides what has to happen to a container so that it runs as it should: pure, no input or output."""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

PLATFORM_LABEL = "org.odoo-cloud.platform"
DEFINITION_LABEL = "org.odoo-cloud.definition"
NOT_PART_OF_DEFINITION = ("config_paths", "reload")


@dataclasses.dataclass(frozen=True)
class Decision:
    """What one container needs."""

    action: str  # none, create, recreate, start, restart, reload, wait
    reason: str


def owner_of(container: t.Mapping[str, t.Any]) -> str:
    """The platform that created a container, out of the engine's list; empty for another one.

    The label alone doesn't tell: a container inherits the labels of its image, and an image has that of the platform that built it.
    So whatever somebody runs from such an image is a platform's only when it is also called like the platform's containers.
    """
    platform = str((container.get("Labels") or {}).get(PLATFORM_LABEL) or "")
    name = str((container.get("Names") or [""])[0]).lstrip("/")
    return platform if platform and name.startswith(f"{platform}-") else ""


def canonical(definition: dict[str, t.Any], image_id: str) -> str:
    """The definition as it is kept in the container's label; two equal definitions give equal text."""
    kept = {
        key: value
        for key, value in definition.items()
        if key not in NOT_PART_OF_DEFINITION and value not in (None, [], {}, "")
    }
    kept["image"] = image_id
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def started_at(inspected: dict[str, t.Any]) -> float:
    """When the container was started, in seconds since the epoch; 0 when it never was."""
    text = str(inspected.get("State", {}).get("StartedAt") or "")
    if not text or text.startswith("0001"):
        return 0.0
    seconds, dummy, fraction = text.rstrip("Z").partition(".")
    moment = datetime.datetime.strptime(seconds, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp() + float(f"0.{fraction[:6] or 0}")


def decide(
    inspected: dict[str, t.Any] | None,
    wanted: str,
    config_time: float = 0.0,
    applied_time: float = 0.0,
    can_reload: bool = False,
    other_mount: str = "",
    healthy: bool = True,
) -> Decision:
    """Compare one container with what should be.

    ``inspected`` is the engine's description, ``wanted`` the canonical definition, ``config_time`` when the newest of its
    configuration files was written, ``applied_time`` when they were last made effective by a reload, ``other_mount`` a path of
    the machine that was removed and made again, while the running container has what was there before, ``healthy`` what its
    health check says.
    """
    if inspected is None:
        return Decision("create", "it does not exist")
    labels = inspected.get("Config", {}).get("Labels") or {}
    if labels.get(DEFINITION_LABEL) != wanted:
        return Decision(
            "recreate", "its definition changed: " + ", ".join(changed_keys(labels.get(DEFINITION_LABEL), wanted))
        )
    missing = missing_networks(inspected, wanted)
    if missing:
        return Decision("recreate", f"it was taken off the network {missing}")
    state = inspected.get("State", {})
    if state.get("Restarting"):
        return Decision("wait", "it restarts again and again")
    if not state.get("Running") or state.get("Paused"):
        return Decision("start", f"it is {state.get('Status', 'stopped')}")
    if other_mount:
        return Decision("recreate", f"{other_mount} was removed and made again since its start")
    if config_time > max(started_at(inspected), applied_time):
        return Decision("reload" if can_reload else "restart", "its configuration files are newer than its start")
    if not healthy:
        return Decision("wait", f"its health is {(state.get('Health') or {}).get('Status', 'none')}")
    return Decision("none", "")


def changed_keys(old: str | None, new: str) -> list[str]:
    """Names of the options that differ between two canonical definitions."""
    before, after = json.loads(old or "{}"), json.loads(new)
    return sorted(key for key in {*before, *after} if before.get(key) != after.get(key))


def missing_networks(inspected: dict[str, t.Any], wanted: str) -> str:
    """The network that the container should be on and isn't; empty when all is well."""
    name = json.loads(wanted).get("network")
    attached = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    return str(name) if name and name not in attached else ""
