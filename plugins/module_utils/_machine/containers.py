# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Compares a list of containers with their definitions: on the machine, or on the controller with a
snapshot of the machine.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t

from .._engine import subnets
from .._engine.api import Engine, EngineUnreachable
from .._engine.comparison import DEFINITION_LABEL, PLATFORM_LABEL, Decision, canonical, decide, unconnected
from .._inventory.naming import bridge_of
from . import untrusted


class MachineView(t.Protocol):
    """What the comparison has to know about a machine: implemented by `LiveMachine` and `Snapshot`.

    An implementation that can't answer raises `snapshot.Unknown`, one whose engine fails
    `EngineError`.
    """

    def network_owner(self, name: str) -> str | None:
        """The platform that created a network, empty for anybody else; None when it does not exist."""

    def container(self, name: str) -> dict[str, t.Any] | None:
        """The engine's description of a container, None when it does not exist."""

    def image_id(self, reference: str) -> str | None:
        """The ID of an image, None when it does not exist."""

    def newest(self, paths: t.Iterable[str]) -> float:
        """When the newest file below the paths was written, in seconds since the epoch; 0 without
        any.
        """

    def other_mounts(self, inspected: t.Mapping[str, t.Any] | None) -> tuple[list[str], list[str]]:
        """Bind mounts of a running container that were replaced since, and those that are gone."""

    def healthy(self, inspected: t.Mapping[str, t.Any]) -> bool:
        """Whether the container's health check passes."""

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder at a path; a link to one is none."""


class PlanError(Exception):
    """The containers can't be as defined; the message is one line for operators."""


@dataclasses.dataclass
class Plan:
    """The result of a comparison: the return values of the module `container_plan`, and `warnings`."""

    engine: bool
    networks_missing: list[dict[str, str]]
    plan: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    diffs: list[dict[str, str]] = dataclasses.field(default_factory=list)
    done: list[str] = dataclasses.field(default_factory=list)
    absent: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)

    @property
    def nothing_to_do(self) -> bool:
        """Whether everything is as defined, and there is nothing to remove or to report."""
        return self.engine and not (self.networks_missing or self.plan or self.done or self.absent or self.warnings)

    def result(self) -> dict[str, t.Any]:
        """The return values of the module, apart from `changed` and `diff`."""
        return {
            "engine": self.engine,
            "networks_missing": self.networks_missing,
            "plan": self.plan,
            "done": self.done,
            "absent": self.absent,
            "actions": [f"create the network {one['name']}" for one in self.networks_missing]
            + [f"{item['action']} {item['name']}: {item['reason']}" for item in self.plan],
        }


def newest(paths: t.Iterable[str]) -> float:
    """When the newest file was written, in seconds since the epoch; 0 when there is none.

    A folder counts as the newest of itself and all files below it.
    """
    latest = 0.0
    for path in paths:
        try:
            latest = max(latest, os.stat(path).st_mtime)
            for folder, dummy, files in os.walk(path):
                latest = max([latest, *(os.lstat(os.path.join(folder, name)).st_mtime for name in files)])
        except FileNotFoundError:
            continue
    return latest


def ended_well(inspected: t.Mapping[str, t.Any] | None, platform: str) -> bool:
    """Whether a container of the platform was started and has ended with exit code 0."""
    labels = ((inspected or {}).get("Config") or {}).get("Labels") or {}
    state = (inspected or {}).get("State") or {}
    return labels.get(PLATFORM_LABEL) == platform and state.get("Status") == "exited" and state.get("ExitCode") == 0


def same(one: str, other: str) -> bool:
    """Whether two paths are the same file or folder.

    Raises `OSError` when one does not exist or is not accessible.
    """
    return os.path.samestat(os.stat(one), os.stat(other))


def other_mounts(inspected: t.Mapping[str, t.Any] | None, proc: str = "/proc") -> tuple[list[str], list[str]]:
    """The bind mounts of a running container that were replaced since its start, and those that are
    gone.

    Both are paths on the machine. `proc`: where the machine's processes are. The container's own
    host name file, which nothing replaces, is compared first. If it isn't the same from outside and
    inside, the process is not in this `/proc` or the paths are another machine's, and both lists
    are empty.
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
            continue  # a link would be resolved outside of the container
        try:
            if not os.path.lexists(source):
                gone.append(source)
            elif not same(source, root + target):
                other.append(source)
        except OSError:
            continue
    return other, gone


class LiveMachine:
    """The machine that this code runs on, with its engine; see `MachineView`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._networks: list[dict[str, t.Any]] | None = None

    def _all_networks(self) -> list[dict[str, t.Any]]:
        if self._networks is None:
            self._networks = self._engine.networks()
        return self._networks

    def network_owner(self, name: str) -> str | None:
        """The platform that created a network, empty for anybody else; None when it does not exist."""
        for one in self._all_networks():
            if one["Name"] == name:
                return str((one.get("Labels") or {}).get(PLATFORM_LABEL) or "")
        return None

    def subnets_taken(self) -> list[str]:
        """The subnets that the engine's networks and the machine's routes use."""
        return subnets.of_networks(self._all_networks()) + subnets.routes()

    def container(self, name: str) -> dict[str, t.Any] | None:
        """The engine's description of a container, None when it does not exist."""
        return self._engine.container(name)

    def image_id(self, reference: str) -> str | None:
        """The ID of an image, None when it does not exist."""
        return self._engine.image_id(reference)

    def newest(self, paths: t.Iterable[str]) -> float:
        """When the newest file below the paths was written, in seconds since the epoch; 0 without
        any.
        """
        return newest(paths)

    def other_mounts(self, inspected: t.Mapping[str, t.Any] | None) -> tuple[list[str], list[str]]:
        """Bind mounts of a running container that were replaced since, and those that are gone."""
        return other_mounts(inspected)

    def healthy(self, inspected: t.Mapping[str, t.Any]) -> bool:
        """Whether the container's health check passes."""
        return self._engine.healthy(inspected)[0]

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder at a path; a link to one is none."""
        return untrusted.is_folder(path)


def pretty(definition: str | None) -> str:
    """A canonical definition as the diff shows it; empty without one."""
    return json.dumps(json.loads(definition), indent=2, sort_keys=True) + "\n" if definition else ""


def compare(
    machine: MachineView,
    platform: str,
    applied_dir: str,
    containers: t.Iterable[dict[str, t.Any]],
    once: t.Iterable[str] = (),
    look_for: t.Iterable[str] = (),
    check_mode: bool = False,
    networks: t.Iterable[str] = (),
    connect: t.Iterable[dict[str, t.Any]] = (),
) -> Plan:
    """What has to happen to the containers so that they are as defined.

    Parameters are those of the module `container_plan`, except for its pool of addresses. Raises `PlanError` for a definition that is
    not possible, `EngineError` when the engine refuses, and `EngineUnreachable` when it does not
    answer. In check mode an engine that does not answer counts as one without containers.
    """
    containers, connect = list(containers), list(connect)
    wanted = dict.fromkeys([platform, *networks, *_networks_of(containers)])
    answers = True
    try:
        missing = [name for name in wanted if not _is_there(machine, platform, name)]
    except EngineUnreachable:
        if not check_mode:
            raise
        answers, missing = False, list(wanted)
    result = Plan(answers, [{"name": name, "bridge": bridge_of(name) if name != platform else ""} for name in missing])
    for one in connect if answers else []:
        _compare_connections(machine, platform, one, result)
    for definition in containers:
        _compare_one(machine, platform, applied_dir, definition, result, check_mode)
    result.done = [name for name in once if answers and ended_well(machine.container(name), platform)]
    result.absent = [path for path in look_for if not machine.is_folder(path)]
    return result


def _networks_of(containers: t.Iterable[dict[str, t.Any]]) -> t.Iterator[str]:
    """All networks that these containers are to be in."""
    for definition in containers:
        if definition.get("network"):
            yield str(definition["network"])
        yield from (str(one["name"]) for one in definition.get("connections") or [])


def _is_there(machine: MachineView, platform: str, name: str) -> bool:
    """Whether a network exists. Raises `PlanError` when it is another's."""
    owner = machine.network_owner(name)
    if owner is not None and owner != platform and name != platform:
        raise PlanError(
            f"odoo_cloud_name={platform!r}: a network named {name!r} exists that this platform did not create; "
            "rename or remove it, or choose another odoo_cloud_name"
        )
    return owner is not None


def _compare_connections(machine: MachineView, platform: str, given: dict[str, t.Any], result: Plan) -> None:
    """Adds what an existing container of the platform needs to be connected to further networks.

    One that does not exist gets its networks when its role creates it. `given`: `name` and
    `connections`.
    """
    name = str(given["name"])
    inspected = machine.container(name)
    labels = ((inspected or {}).get("Config") or {}).get("Labels") or {}
    lacks = unconnected(inspected, given["connections"])
    if inspected is None or labels.get(PLATFORM_LABEL) != platform or not lacks:
        return
    reason = f"it is not connected to {', '.join(one['name'] for one in lacks)}"
    result.plan.append(
        {
            "name": name,
            "action": "connect",
            "reason": reason,
            # its own image, which the module of community.docker wants to know
            "definition": {"name": name, "image": str(inspected.get("Image") or "")},
            "label": "",
            "connect": lacks,
        }
    )
    result.diffs.append({"prepared": f"connect {name}: {reason}\n"})


def _compare_one(
    machine: MachineView,
    platform: str,
    applied_dir: str,
    definition: dict[str, t.Any],
    result: Plan,
    check_mode: bool,
) -> None:
    """Compares one container and adds what it needs to `result`."""
    name = str(definition["name"])
    inspected = machine.container(name) if result.engine else None
    labels = ((inspected or {}).get("Config") or {}).get("Labels") or {}
    if inspected is not None and labels.get(PLATFORM_LABEL) != platform:
        raise PlanError(
            f"odoo_cloud_name={platform!r}: a container named {name!r} exists that this platform did not create; "
            "rename or remove it, or choose another odoo_cloud_name"
        )
    reference = str(definition.get("image") or "")
    if not reference:
        raise PlanError(f"image={reference!r} of container {name!r}: give the ID or the name of an image")
    image_id = machine.image_id(reference) if result.engine else None
    if image_id is None and not check_mode:
        raise PlanError(f"image={reference!r} of container {name!r}: the engine has no such image")
    wanted = canonical(definition, image_id or reference)
    other, gone = machine.other_mounts(inspected)
    if gone and not check_mode:
        result.warnings.append(
            f"container {name}: {', '.join(gone)}, which it has mounted, is gone from the machine; it can't be started again before"
            " that is put back"
        )
    lacks = unconnected(inspected, definition.get("connections") or [])
    if image_id is None and inspected is not None:
        decision = Decision("recreate", "its image has to be built first")
    else:
        decision = decide(
            inspected,
            wanted,
            config_time=machine.newest(definition.get("config_paths") or []),
            applied_time=machine.newest([os.path.join(applied_dir, name)]),
            can_reload=bool(definition.get("reload")),
            # Outside of check mode earlier tasks have created the missing folders of roles again.
            other_mount=", ".join(other + (gone if check_mode else [])),
            healthy=not result.engine or inspected is None or machine.healthy(inspected),
            unconnected=", ".join(one["name"] for one in lacks),
        )
    if decision.action == "none":
        return
    result.plan.append(
        {
            "name": name,
            "action": decision.action,
            "reason": decision.reason,
            "definition": definition,
            "label": wanted,
            "connect": lacks,
        }
    )
    if decision.action in ("create", "recreate"):
        before, after = pretty(labels.get(DEFINITION_LABEL)), pretty(wanted)
        result.diffs.append({"before_header": name, "after_header": name, "before": before, "after": after})
    else:
        result.diffs.append({"prepared": f"{decision.action} {name}: {decision.reason}\n"})
