# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Running one-off containers: started from their definition, followed by their events, their result
read.

`_services/odoo_one_off.py` makes the definitions. Identical requests share one container: a second
caller waits for the first, so a playbook that was killed loses nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
import time
import typing as t
import uuid

from .._engine import volumes
from .._engine.api import Engine, EngineConflict, EngineError, EngineUnreachable
from .._engine.comparison import DEFINITION_LABEL, PLATFORM_LABEL
from .._inventory.container_paths import CONFIG_DIR, EVENTS_DIR
from .._machine import untrusted
from .._services.odoo_one_off import DEFINITION_FILE, Missing, OneOffError, mount_source, tmpfs_parts
from . import events as _events

REQUEST_LABEL = "org.odoo-cloud.request"
EVENT_FILES_KEPT = 20
POLL_SECONDS = 0.25
ENGINE_AWAY_SECONDS = 60  # how long an engine that restarts may not answer
PLAN, STATIC = "plan", "static"  # suffixes of the containers' names, and commands of the runtime
# Variables that say how a run is followed, not what it does
_NOT_ASKED = ("EVENTS_FILE", "GO_AHEAD_TIMEOUT")
# What the engine calls the limits of a definition
_LIMITS = {
    "memory": "Memory",
    "memory_swap": "MemorySwap",
    "memory_reservation": "MemoryReservation",
    "pids_limit": "PidsLimit",
    "cpu_shares": "CpuShares",
    "oom_score_adj": "OomScoreAdj",
}
_LOGS = {"Type": "json-file", "Config": {"max-size": "50m", "max-file": "3"}}


def definition_of(engine: Engine, platform: str, instance: str) -> dict[str, t.Any]:
    """The kept definition of an instance's one-off containers.

    It is in a file that the role has written beside the instance's configuration; without one, the
    label of its newest replica has its definition. Raises `Missing` when there is neither.
    """
    found = []
    names = set()
    for container in engine.containers(label=[f"{PLATFORM_LABEL}={platform}"]):
        text = (container.get("Labels") or {}).get(DEFINITION_LABEL)
        definition = json.loads(text) if text else {}
        env = definition.get("env") or {}
        if "INSTANCE" not in env or "MODE" not in env:
            continue
        names.add(str(env["INSTANCE"]))
        if env["INSTANCE"] == instance and "healthcheck" in definition:
            found.append((int(container.get("Created") or 0), {**definition, "name": _plain_name(container)}))
    if not found:
        known = f"there are {', '.join(sorted(names))}" if names else "there is none; run the playbook odoo first"
        raise Missing(
            f"instance={instance!r}: no container of platform {platform!r} serves it on this machine ({known})"
        )
    replica = max(found, key=lambda pair: pair[0])[1]
    config = mount_source(replica.get("mounts") or [], CONFIG_DIR)
    try:
        with open(os.path.join(os.path.dirname(config), DEFINITION_FILE), encoding="utf-8") as stream:
            kept = json.load(stream)
    except (OSError, ValueError):
        return replica
    return kept if isinstance(kept, dict) and kept.get("image") else replica


def _plain_name(container: t.Mapping[str, t.Any]) -> str:
    return str((container.get("Names") or [""])[0]).lstrip("/")


def request_of(definition: t.Mapping[str, t.Any]) -> str:
    """A key that is equal for two definitions that do the same."""
    env = {key: value for key, value in (definition.get("env") or {}).items() if key not in _NOT_ASKED}
    content = {key: value for key, value in definition.items() if value not in (None, [], {}, "")}
    text = json.dumps({**content, "env": env}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def body(definition: t.Mapping[str, t.Any], platform: str, covers: t.Sequence[str] = ()) -> dict[str, t.Any]:
    """A definition in the terms of the role `container`, translated for the engine.

    `covers`: further folders in memory, which `_engine.volumes.covers` returns for its image.
    """
    host: dict[str, t.Any] = {
        "Mounts": [_mount(one, platform) for one in definition.get("mounts") or []],
        "Tmpfs": dict(tmpfs_parts(one) for one in [*(definition.get("tmpfs") or []), *covers]),
        "NetworkMode": definition.get("network_mode") or definition.get("network") or platform,
        "ExtraHosts": [f"{name}:{address}" for name, address in (definition.get("etc_hosts") or {}).items()],
        "Init": bool(definition.get("init")),
        "ReadonlyRootfs": bool(definition.get("read_only")),
        "CapDrop": list(definition.get("cap_drop") or []),
        "CapAdd": list(definition.get("cap_add") or []),
        "SecurityOpt": list(definition.get("security_opts") or []),
        "RestartPolicy": {"Name": "no"},
        "LogConfig": _LOGS,
    }
    limits = definition.get("limits") or {}
    host.update({name: limits[key] for key, name in _LIMITS.items() if limits.get(key)})
    if definition.get("log_driver"):
        host["LogConfig"] = {"Type": definition["log_driver"], "Config": dict(definition.get("log_options") or {})}
    content: dict[str, t.Any] = {
        "Image": definition["image"],
        "Cmd": list(definition.get("command") or []),
        "Env": [f"{key}={value}" for key, value in sorted((definition.get("env") or {}).items())],
        "Labels": {
            **(definition.get("labels") or {}),
            PLATFORM_LABEL: platform,
            REQUEST_LABEL: request_of(definition),
        },
        "HostConfig": host,
    }
    if definition.get("page_aliases"):
        network = {"Aliases": list(definition["page_aliases"])}
        content["NetworkingConfig"] = {"EndpointsConfig": {host["NetworkMode"]: network}}
    for key, name in (("user", "User"), ("entrypoint", "Entrypoint"), ("stop_timeout", "StopTimeout")):
        if definition.get(key):
            content[name] = definition[key]
    return content


def _mount(mount: t.Mapping[str, t.Any], platform: str) -> dict[str, t.Any]:
    result: dict[str, t.Any] = {
        "Type": mount["type"],
        "Target": mount["target"],
        "ReadOnly": bool(mount.get("read_only")),
    }
    if mount.get("source"):
        result["Source"] = mount["source"]
    if mount["type"] == "volume" and mount.get("source"):
        result["VolumeOptions"] = {"Labels": {PLATFORM_LABEL: platform}}
    return result


def event_file_name(suffix: str, now: datetime.datetime | None = None) -> str:
    """A new file name; names sort by time."""
    moment = now or datetime.datetime.now(datetime.timezone.utc)
    return f"{suffix}-{moment.strftime('%Y%m%dT%H%M%S')}-{uuid.uuid4().hex[:4]}.ndjson"


def prune(folder: str, suffix: str, keep: int = EVENT_FILES_KEPT) -> None:
    """Deletes the oldest event files of one kind of run, and keeps the last `keep` for operators
    and tools.
    """
    with contextlib.suppress(OSError):
        names = [name for name in untrusted.names(folder) if name.startswith(f"{suffix}-") and name.endswith(".ndjson")]
        untrusted.remove(folder, names[: max(len(names) - keep, 0)])


@dataclasses.dataclass
class Progress:
    """The state of a one-off container at one moment."""

    exists: bool
    running: bool = False
    exit_code: int | None = None
    oom_killed: bool = False
    name: str = ""
    container: str = ""  # ID of the container
    request: str = ""
    events: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    offset: int = 0  # in bytes; the end of the events that were read
    events_file: str = ""  # path on the machine
    asked: list[str] = dataclasses.field(default_factory=list)  # variables that an older runtime does not know


def look(engine: Engine, name: str, offset: int = 0, platform: str = "") -> Progress:
    """The state of a one-off container, with the events after the offset.

    Raises `OneOffError` for a container of another platform.
    """
    inspected = engine.container(name)
    if inspected is None:
        return Progress(False, name=name, offset=offset)
    config, state = inspected.get("Config") or {}, inspected.get("State") or {}
    labels = config.get("Labels") or {}
    if platform and labels.get(PLATFORM_LABEL) != platform:
        raise OneOffError(
            f"platform={platform!r}: a container named {name!r} exists that this platform did not create; rename or remove it"
        )
    running = bool(state.get("Running"))
    env = dict(one.partition("=")[::2] for one in config.get("Env") or [])
    path = env.get("EVENTS_FILE", "")
    source = mount_source(inspected.get("Mounts") or [], os.path.dirname(path)) if path else ""
    file = os.path.join(source, os.path.basename(path)) if source else ""
    events, offset = _events.read(file, offset) if file else ([], offset)
    created = str(state.get("Status")) == "created"
    return Progress(
        exists=True,
        running=running,
        exit_code=None if running or created else int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        name=str(inspected.get("Name") or name).lstrip("/"),
        container=str(inspected.get("Id") or name),
        request=str(labels.get(REQUEST_LABEL) or ""),
        events=events,
        offset=offset,
        events_file=file,
        asked=[name for name in ("MIGRATION_FILE", "STEPS") if env.get(name)],
    )


def follow(
    engine: Engine,
    name: str,
    timeout: float,
    offset: int = 0,
    news: bool = False,
    platform: str = "",
    clock: t.Callable[[], float] = time.monotonic,
    sleep: t.Callable[[float], None] = time.sleep,
    heed: t.Callable[[Progress], None] | None = None,
) -> Progress:
    """Follows a one-off container until it has ended, or for `timeout` seconds. Returns its
    progress.

    - `news`: whether to return as soon as there is an event.
    - `heed`: is called after each look, with all events that were seen.
    - `clock`, `sleep`: for tests.

    Raises `EngineUnreachable` when the engine does not answer at first, or later for longer than
    `ENGINE_AWAY_SECONDS`.
    """
    start = answered = clock()
    gathered: list[dict[str, t.Any]] = []
    while True:
        try:
            found = look(engine, name, offset, platform)
            answered = clock()
        except EngineUnreachable:
            if clock() - answered > ENGINE_AWAY_SECONDS or answered == start:
                raise
        else:
            gathered += found.events
            offset = found.offset
            found.events = gathered
            if heed is not None:
                heed(found)
            if not found.running or clock() - start >= timeout or (news and gathered):
                return found
        sleep(POLL_SECONDS)


def start(engine: Engine, definition: t.Mapping[str, t.Any], platform: str) -> str:
    """Creates and starts a one-off container. Returns its ID.

    Raises `EngineConflict` when its name is taken, `Missing` without its image or one of its
    folders.
    """
    image = engine.image(str(definition["image"]))
    if image is None:
        raise Missing(f"image={definition['image']!r} of {definition['name']}: the engine has no such image")
    try:
        container = engine.create(
            str(definition["name"]), body(definition, platform, volumes.covers(image, definition))
        )
    except EngineConflict:
        raise
    except EngineError as error:
        if "bind source path does not exist" in str(error):
            folder = str(error).rpartition(": ")[2]
            raise Missing(
                f"{definition['name']}: the folder {folder} is not there; the playbook odoo creates it"
            ) from error
        raise
    try:
        engine.start(container)
    except EngineError:
        engine.remove(container)
        raise
    return container


def begin(
    engine: Engine, definition: t.Mapping[str, t.Any], platform: str, suffix: str, tries: int = 5
) -> tuple[Progress, bool]:
    """Starts the container, or finds one that runs. Returns its progress, and whether it does the
    same.

    If it doesn't, it is another's work, to be waited for before this is called again. Raises
    `OneOffError` when no attempt succeeds.
    """
    wanted = request_of(definition)
    folder = mount_source(definition.get("mounts") or [], EVENTS_DIR)
    for dummy in range(tries):
        found = look(engine, str(definition["name"]), platform=platform)
        if found.running:
            return found, found.request == wanted
        if found.exists:
            engine.remove(found.container)
        env = dict(definition.get("env") or {})
        if folder:
            prune(folder, suffix)
            env["EVENTS_FILE"] = f"{EVENTS_DIR}/{event_file_name(suffix)}"
        try:
            container = start(engine, {**definition, "env": env}, platform)
        except EngineConflict:  # another caller was faster
            continue
        return look(engine, container), True
    raise OneOffError(f"{definition['name']}: other runs take this name again and again; try again later")


def ask_plan(engine: Engine, definition: t.Mapping[str, t.Any], platform: str, timeout: float) -> dict[str, t.Any]:
    """The output of `odoo-cloud plan` in a container that only reads. `timeout`: seconds.

    Raises `OneOffError` when there is none.
    """
    name = str(definition["name"])
    found = follow(engine, name, timeout, platform=platform)
    if found.running:
        raise OneOffError(f"{name}: another plan is still not ready after {timeout:.0f} s")
    if found.exists:
        engine.remove(found.container)
    env = {key: value for key, value in (definition.get("env") or {}).items() if key != "EVENTS_FILE"}
    container = start(engine, {**definition, "env": env}, platform)
    ended = follow(engine, container, timeout)
    if ended.running:
        raise OneOffError(f"{name}: the plan is not ready after {timeout:.0f} s; its container goes on")
    stdout, output = engine.output(container)
    engine.remove(container)
    return {"exit_code": ended.exit_code, "stdout": stdout, "output": output, "oom_killed": ended.oom_killed}
