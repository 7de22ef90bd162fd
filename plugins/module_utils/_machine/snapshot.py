# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The state of one machine, read once at the start of a playbook run: files of the platform's
folder, containers, networks.

Action plugins compare what is wanted with this snapshot on the controller. If nothing differs, no
module has to run on the machine. If the snapshot can't answer reliably (a path that wasn't read, a
container of another owner), it raises `Unknown` and the module runs. So a snapshot can save work,
but never decides that something is to be changed.

Contents of files are kept as keyed digests (HMAC-SHA256), with a key that the controller draws for
each run.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import hmac
import os
import stat
import typing as t

from .._engine.api import Engine, EngineError
from .._engine.comparison import DEFINITION_LABEL, PLATFORM_LABEL, aliases_of
from . import untrusted

# Folders below the root that are listed but not entered: they hold thousands of files, which no
# task compares one by one.
NOT_ENTERED = ("images", "static/*/*", "*/code", "*/runs", "*/restore")
MOST_ENTRIES = 5000  # per folder; a larger one is not read to its end, and the rest is unknown
MOST_BYTES = 1024 * 1024  # files above this size have no digest; the largest managed file has 100 kB


class Unknown(Exception):
    """The snapshot can't answer; the message says what it lacks."""


def digest(key: str, content: bytes) -> str:
    """The keyed digest (HMAC-SHA256) of a file's content, in hexadecimal."""
    return hmac.new(key.encode(), content, hashlib.sha256).hexdigest()


def _describe(path: str, key: str) -> dict[str, t.Any]:
    """One entry: `kind` (directory, file, link, other), mode, uid, gid and mtime (seconds), and
    `digest` of a file.
    """
    found = os.lstat(path)
    entry: dict[str, t.Any] = {"mtime": found.st_mtime, "uid": found.st_uid, "gid": found.st_gid}
    entry["mode"] = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        entry["kind"] = "link"
    elif stat.S_ISDIR(found.st_mode):
        entry["kind"] = "directory"
    elif stat.S_ISREG(found.st_mode):
        entry["kind"] = "file"
        if found.st_size <= MOST_BYTES:
            with contextlib.suppress(untrusted.Untrusted):  # it was replaced meanwhile, or has grown
                entry["digest"] = digest(key, untrusted.read(path, most=MOST_BYTES))
    else:
        entry["kind"] = "other"
    return entry


def read_files(root: str, key: str) -> dict[str, t.Any]:
    """Describes everything below `root`, for the snapshot.

    Keys are paths relative to the root, "." for itself; `unread` lists the folders that were not
    entered. A root that does not exist gives no entries. `key`: for the digests of contents.
    """
    entries: dict[str, t.Any] = {}
    unread: list[str] = []
    if not os.path.isdir(root) or os.path.islink(root):
        return {"root": root, "entries": entries, "unread": ["."]}
    pending = ["."]
    while pending:
        relative = pending.pop(0)
        path = os.path.normpath(os.path.join(root, relative))
        try:
            entry = _describe(path, key)
        except OSError:
            unread.append(relative)
            continue
        entries[relative] = entry
        if entry["kind"] != "directory":
            continue
        if any(fnmatch.fnmatchcase(relative, pattern) for pattern in NOT_ENTERED):
            unread.append(relative)
            continue
        try:
            names = untrusted.names(path, MOST_ENTRIES)
        except OSError:
            unread.append(relative)
            continue
        if len(entries) + len(pending) + len(names) > MOST_ENTRIES:
            unread.append(relative)
            continue
        # A name that is no text could not be reported; nothing of ours has one.
        pending += [name if relative == "." else f"{relative}/{name}" for name in names if name.isprintable()]
    return {"root": root, "entries": entries, "unread": unread}


def read_containers(
    engine: Engine,
    platform: str,
    names: t.Iterable[str],
    networks: t.Iterable[t.Mapping[str, t.Any]],
    mounts: t.Callable[[dict[str, t.Any] | None], tuple[list[str], list[str]]],
) -> dict[str, t.Any]:
    """The platform's containers as the comparison needs them, the names of all others, and the owner
    of each network.

    `names`: all containers of the machine. `networks`: all networks, as the engine lists them.
    `mounts`: see `containers.other_mounts`. Raises `EngineError`.
    """
    mine: dict[str, t.Any] = {}
    others: list[str] = []
    for name in names:
        inspected = engine.container(name)
        labels = ((inspected or {}).get("Config") or {}).get("Labels") or {}
        if inspected is None or labels.get(PLATFORM_LABEL) != platform:
            others.append(name)
            continue
        state = inspected.get("State") or {}
        keys = ("Status", "Running", "Restarting", "Paused", "StartedAt", "ExitCode")
        mine[name] = {
            "Config": {"Labels": {label: labels.get(label) for label in (PLATFORM_LABEL, DEFINITION_LABEL)}},
            "State": {
                **{key: state.get(key) for key in keys},
                "Health": {"Status": state["Health"].get("Status")} if state.get("Health") else None,
            },
            "NetworkSettings": {
                "Networks": {one: {"Aliases": aliases} for one, aliases in aliases_of(inspected).items()}
            },
            "mounts": mounts(inspected),
            "healthy": engine.healthy(inspected)[0],
        }
    owners = {str(one["Name"]): (one.get("Labels") or {}).get(PLATFORM_LABEL) or "" for one in networks}
    return {"mine": mine, "others": others, "networks": owners}


def read_images(engine: Engine) -> list[dict[str, t.Any]]:
    """IDs, tags and labels of the images that a platform built here. Raises `EngineError`."""
    listed = engine.get("/images/json", filters={"label": [PLATFORM_LABEL]}) or []
    return [
        {"Id": one["Id"], "RepoTags": list(one.get("RepoTags") or []), "Labels": dict(one.get("Labels") or {})}
        for one in listed
    ]


def read(
    engine: Engine | None,
    platform: str,
    root: str,
    key: str,
    names: t.Iterable[str],
    networks: t.Iterable[t.Mapping[str, t.Any]],
    mounts: t.Callable[[dict[str, t.Any] | None], tuple[list[str], list[str]]],
) -> dict[str, t.Any] | None:
    """The whole snapshot, as it is sent to the controller.

    Parameters as for `read_files` and `read_containers`. None when no engine answers, because then
    everything has to be created anyway.
    """
    if engine is None:
        return None
    try:
        containers = read_containers(engine, platform, names, networks, mounts)
        images = {tag: one["Id"] for one in read_images(engine) for tag in one["RepoTags"]}
    except EngineError:
        return None
    return {"platform": platform, "files": read_files(root, key), "containers": containers, "images": images}


class MachineSnapshot:
    """The result of `read`, used on the controller; see `containers.MachineView`.

    Every method raises `Unknown` for what the snapshot does not hold.
    """

    def __init__(self, data: t.Mapping[str, t.Any], key: str) -> None:
        self.platform = str(data["platform"])
        self.key = key
        self._root = str(data["files"]["root"])
        self._entries: t.Mapping[str, t.Any] = data["files"]["entries"]
        self._unread = set(data["files"]["unread"])
        self._containers: t.Mapping[str, t.Any] = data["containers"]
        self._images: t.Mapping[str, str] = data["images"]

    def entry(self, path: str) -> t.Mapping[str, t.Any] | None:
        """What is at a path (see `_describe`), None when there is nothing."""
        relative = os.path.relpath(os.path.normpath(path), self._root)
        if not os.path.isabs(path) or relative.startswith(".."):
            raise Unknown(f"{path} is outside of {self._root}")
        if relative in self._entries:
            return t.cast("t.Mapping[str, t.Any]", self._entries[relative])
        parent = relative
        while True:
            parent = os.path.dirname(parent) or "."
            if parent in self._unread or (parent in self._entries and self._entries[parent]["kind"] == "link"):
                raise Unknown(f"{path} was not read")
            if parent in self._entries or parent == ".":
                return None

    def newest(self, paths: t.Iterable[str]) -> float:
        """When the newest file below the paths was written, in seconds since the epoch; 0 without
        any.
        """
        latest = 0.0
        for path in paths:
            top = self.entry(path)
            if top is None:
                continue
            if top["kind"] == "link":
                raise Unknown(f"{path} is a link")
            latest = max(latest, top["mtime"])
            relative = os.path.relpath(os.path.normpath(path), self._root)
            begin = "" if relative == "." else relative + "/"
            if any(one == relative or one.startswith(begin) for one in self._unread):
                raise Unknown(f"{path} was not read to its end")
            for name, entry in self._entries.items():
                if name.startswith(begin) and entry["kind"] != "directory":
                    latest = max(latest, entry["mtime"])
        return latest

    def network_owner(self, name: str) -> str | None:
        """The platform that created a network, empty for anybody else; None when it does not exist."""
        return t.cast("str | None", self._containers["networks"].get(name))

    def container(self, name: str) -> dict[str, t.Any] | None:
        """The engine's description of a container, as far as it is compared; None when it does not
        exist.
        """
        if name in self._containers["others"]:
            raise Unknown(f"container {name} is not this platform's")
        return t.cast("dict[str, t.Any] | None", self._containers["mine"].get(name))

    def image_id(self, reference: str) -> str | None:
        """The ID of an image that a platform built; an ID is returned as it is."""
        if reference in self._images.values():
            return reference
        if reference in self._images:
            return self._images[reference]
        raise Unknown(f"image {reference}")

    def other_mounts(self, inspected: t.Mapping[str, t.Any] | None) -> tuple[list[str], list[str]]:
        """Bind mounts that were replaced since the container's start, and those that are gone."""
        other, gone = (inspected or {}).get("mounts") or ([], [])
        return list(other), list(gone)

    def healthy(self, inspected: t.Mapping[str, t.Any]) -> bool:
        """Whether the container's health check passed when the snapshot was read."""
        return bool(inspected["healthy"])

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder at a path; a link to one is none."""
        found = self.entry(path)
        return found is not None and bool(found["kind"] == "directory")
