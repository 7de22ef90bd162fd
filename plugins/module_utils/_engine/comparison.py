# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Decides what has to happen to a container so that it runs as defined. No I/O."""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

PLATFORM_LABEL = "org.odoo-cloud.platform"
DEFINITION_LABEL = "org.odoo-cloud.definition"
# Applied to a container that stays: connecting it to a network does not replace it.
NOT_PART_OF_DEFINITION = ("config_paths", "reload", "connections")


@dataclasses.dataclass(frozen=True)
class Decision:
    """What one container needs, and why (`reason`, empty for the action `none`)."""

    action: str  # none, create, recreate, start, restart, reload, connect, wait
    reason: str


def owner_of(container: t.Mapping[str, t.Any]) -> str:
    """The name of the platform that created a container of the engine's list; empty for any other
    one.

    The label alone is not enough: containers inherit the labels of their image, and an image has
    the label of the platform that built it. So a container counts only if its name begins with the
    platform's name too.
    """
    platform = str((container.get("Labels") or {}).get(PLATFORM_LABEL) or "")
    name = str((container.get("Names") or [""])[0]).lstrip("/")
    return platform if platform and name.startswith(f"{platform}-") else ""


def canonical(definition: dict[str, t.Any], image_id: str) -> str:
    """A definition as JSON text for the container's label; equal definitions give equal texts.

    `image_id`: the ID that replaces the name of the image.
    """
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
    unconnected: str = "",
) -> Decision:
    """Compares one container with its definition.

    - `inspected`: the engine's description, None when the container does not exist.
    - `wanted`: the definition as `canonical` gives it.
    - `config_time`: when its newest configuration file was written, in seconds since the epoch.
    - `applied_time`: when they were last applied by a reload, in seconds since the epoch.
    - `can_reload`: whether it can reload its configuration instead of being restarted.
    - `other_mount`: a mounted path that was removed and created again since the container's start.
    - `healthy`: the result of its health check.
    - `unconnected`: further networks that it should be connected to and isn't.
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
        return Decision("recreate", f"{other_mount} was removed and created again since its start")
    if config_time > max(started_at(inspected), applied_time):
        return Decision("reload" if can_reload else "restart", "its configuration files are newer than its start")
    if unconnected:
        return Decision("connect", f"it is not connected to {unconnected}")
    if not healthy:
        return Decision("wait", f"its health is {(state.get('Health') or {}).get('Status', 'none')}")
    return Decision("none", "")


def changed_keys(old: str | None, new: str) -> list[str]:
    """Names of the options that differ between two canonical definitions, sorted."""
    before, after = json.loads(old or "{}"), json.loads(new)
    return sorted(key for key in {*before, *after} if before.get(key) != after.get(key))


def missing_networks(inspected: dict[str, t.Any], wanted: str) -> str:
    """The network that the container should be attached to and isn't; empty when nothing is
    missing.
    """
    name = json.loads(wanted).get("network")
    attached = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    return str(name) if name and name not in attached else ""


def aliases_of(inspected: t.Mapping[str, t.Any]) -> dict[str, list[str]]:
    """The networks that a container is connected to, with its names there but its ID, which older
    engines count among them.
    """
    ident = str(inspected.get("Id") or "")[:12]
    return {
        name: [alias for alias in (one or {}).get("Aliases") or [] if alias != ident]
        for name, one in ((inspected.get("NetworkSettings") or {}).get("Networks") or {}).items()
    }


def unconnected(
    inspected: t.Mapping[str, t.Any] | None, connections: t.Iterable[t.Mapping[str, t.Any]]
) -> list[dict[str, t.Any]]:
    """Those of `connections` (`name` of the network, `aliases`) that the container lacks.

    A name that it has there besides is no difference. Without a container everything is missing.
    """
    attached = aliases_of(inspected or {})
    return [
        {"name": str(one["name"]), "aliases": list(one.get("aliases") or [])}
        for one in connections
        if one["name"] not in attached or not set(one.get("aliases") or []) <= set(attached[one["name"]])
    ]
