# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers and files of a platform, as data for playbooks that manage them with community.docker and the builtin modules."""

from __future__ import annotations

import io
import json
import pathlib
import tarfile
import typing as t

from ..frame import docker
from ..platforms import Platform
from .repairs import LEFT_OUT

# Which service a folder below the platform's root, or below its secrets, belongs to.
SERVICES = {
    "postgres": "postgres",
    "redis": "redis",
    "swift": "swift",
    "nginx": "nginx",
    "report": "odoo",
    "demo": "odoo",
    "demo-admin": "odoo",
    "demo-install": "odoo",
}


def described(platform: Platform, name: str, bundle: pathlib.Path) -> dict[str, t.Any]:
    """All that is needed to have the same once more under another name: variables of compact.yml and roles.yml.

    bundle: where the archive of all files is written, for compact.yml. The containers sleep in place of what they run, since only their
    management is measured; published ports are left out.
    """
    root = f"/srv/{name}"

    def ours(text: str) -> str:
        return text.replace(str(platform.root), root).replace(platform.name, name)

    files, directories = [], []
    for path in sorted(platform.root.rglob("*")):
        where = path.relative_to(platform.root)
        # Of these the folder alone, which containers have mounted.
        if any(str(where).startswith(f"{one}/") for one in LEFT_OUT) or path.is_symlink() or where.name[0] == ".":
            continue
        if where.parts[0] in ("applied", "images"):
            continue
        status = path.stat()
        one = {"path": f"{root}/{where}", "owner": str(status.st_uid), "group": str(status.st_gid), "mode": f"0{status.st_mode & 0o7777:o}",
               "service": service_of(where)}  # fmt: skip
        if path.is_dir():
            directories.append(one)
        elif path.is_file():
            files.append({**one, "content": ours(path.read_text())})
    write_bundle(bundle, root, directories, files)
    containers, volumes = [], []
    for one in json.loads(docker("inspect", *platform.containers())):
        definition = container(one, ours, platform.place.label)
        containers.append(definition)
        volumes += [
            {"name": mount["source"], "service": definition["service"]}
            for mount in definition["mounts"]
            if mount["type"] == "volume"
        ]
    label = dict([platform.place.label.split("=")])
    return {
        "plain_bundle": str(bundle), "plain_root": root, "plain_network": name, "plain_labels": label,
        "plain_directories": directories, "plain_files": files,
        "plain_volumes": volumes, "plain_containers": containers,
    }  # fmt: skip


def write_bundle(
    path: pathlib.Path, root: str, directories: list[dict[str, t.Any]], files: list[dict[str, t.Any]]
) -> None:
    """An archive of folders and files with their owners and modes, which nobody else reads."""
    path.touch(0o600)
    with tarfile.open(path, "w") as archive:
        for one in [*directories, *files]:
            entry = tarfile.TarInfo(one["path"].removeprefix(f"{root}/"))
            entry.uid, entry.gid, entry.mode = int(one["owner"]), int(one["group"]), int(one["mode"], 8)
            entry.mtime = 1_700_000_000
            if "content" in one:
                data = one["content"].encode()
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
            else:
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)


def service_of(where: pathlib.Path) -> str:
    """The service that a file or folder is for."""
    for part in where.parts[:2]:
        if part in SERVICES:
            return SERVICES[part]
    return "postgres"  # folders that all have in common: the first one makes them


def container(one: dict[str, t.Any], ours: t.Callable[[str], str], label: str) -> dict[str, t.Any]:
    """One container in the words of community.docker.docker_container."""
    config, host = one["Config"], one["HostConfig"]
    name = one["Name"].lstrip("/")
    mounts = [
        {"type": mount["Type"], "source": ours(mount.get("Name") or mount["Source"]), "target": mount["Destination"],
         "read_only": not mount["RW"]}
        for mount in one["Mounts"] if mount["Type"] in ("bind", "volume")
    ]  # fmt: skip
    known = set(json.loads(docker("inspect", "-f", "{{json .Config.Env}}", one["Image"])) or [])
    check = config.get("Healthcheck") or {}
    ends = next((kind for kind in ("postgres", "swift", "nginx") if name.endswith(f"-{kind}")), "odoo")
    kind = "redis" if "-redis-" in name else ends
    return {
        "service": kind,
        "name": ours(name),
        "image": one["Image"],
        "user": config["User"],
        "env": dict(ours(value).split("=", 1) for value in config["Env"] if value not in known),
        "mounts": mounts,
        "tmpfs": [f"{path}:{options}" if options else path for path, options in (host["Tmpfs"] or {}).items()],
        "labels": dict([label.split("=")]),
        "cap_drop": host["CapDrop"] or [],
        "security_opts": host["SecurityOpt"] or [],
        "read_only": host["ReadonlyRootfs"],
        "healthcheck_interval": f"{check.get('Interval', 30 * 10**9) // 10**9}s",
    }
