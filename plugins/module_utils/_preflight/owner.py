# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Which platform the root folder on a machine belongs to, and whether the controller has the
secrets that the platform works with.

A platform leaves a mark in its root: its name and the fingerprint of its secrets. Roots that are
older than marks are recognised by the containers that have their folders mounted, and by the
secrets on the machine. Reading happens on the machine, deciding on the controller.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import typing as t

from .._engine.comparison import owner_of
from .._inventory.secret import generated_digests, text_digest

MARK = ".odoo-cloud.json"
# Every container of a platform has a folder of <root>/secrets mounted.
_SECRETS_MOUNT = re.compile(r"^(?P<root>/.+)/secrets/[^/]+$")
_TYPICAL = ("secrets", "images", "applied")  # every root has at least one of these folders
_LONGEST = 64 * 1024  # bytes; larger files are not compared

Machine = t.Mapping[str, t.Any]


def read_mark(root: str) -> dict[str, str] | None:
    """The mark in a folder: `platform`, its name, and `secrets`, the fingerprint of its secrets.

    None without one, or if it was written by another user than root and this one. Both texts are
    empty if it can't be read.
    """
    path = os.path.join(root, MARK)
    try:
        with open(path, encoding="utf-8") as handle:
            if os.fstat(handle.fileno()).st_uid not in (0, os.geteuid()):
                return None
            content = json.load(handle)
        return {key: str(content.get(key) or "") for key in ("platform", "secrets")}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, AttributeError):
        return {"platform": "", "secrets": ""}


def mark_text(platform: str, fingerprint: str) -> str:
    """The text of a mark."""
    return json.dumps({"platform": platform, "secrets": fingerprint}, indent=2, sort_keys=True) + "\n"


def inspect_root(root: str, platform: str, containers: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """What a machine shows about a platform's root, for the decisions on the controller.

    `containers`: all containers as the engine lists them.
    """
    real = os.path.realpath(root)
    own_roots: set[str] = set()
    others: list[dict[str, str]] = []
    for container in containers:
        owner = owner_of(container)
        if not owner:
            continue
        name = str(container["Names"][0]).lstrip("/")
        for source in _sources(container):
            found = _SECRETS_MOUNT.match(source)
            if owner == platform:
                own_roots |= {found["root"]} if found else set()
            elif _within(source, real) or (found and _within(real, found["root"])):
                others.append({"platform": owner, "path": source, "container": name})
    for place in _around(real):
        mark = read_mark(place)
        if mark and mark["platform"] != platform:
            others.append({"platform": mark["platform"], "path": os.path.join(place, MARK), "container": ""})
    places = [real, *sorted(own_roots - {real})]
    entries = sorted(_listed(real))
    return {
        "path": root,
        "exists": os.path.isdir(real),
        "empty": not entries,
        "typical": any(one in entries for one in _TYPICAL),
        "mark": read_mark(real),
        "marks": [mark for mark in map(read_mark, places) if mark and mark["platform"] == platform],
        "own_roots": sorted(own_roots),
        "mounted": real in own_roots,
        "others": others,
        "secrets": any(_listed(os.path.join(real, "secrets", one)) for one in _listed(os.path.join(real, "secrets"))),
        "digests": sorted(set().union(*map(digests, places))),
        "swift": sorted(swift_digests(real)),
    }


def _sources(container: t.Mapping[str, t.Any]) -> list[str]:
    """Folders of the machine that a container has mounted."""
    mounts = container.get("Mounts") or []
    return [os.path.realpath(one["Source"]) for one in mounts if one.get("Type") == "bind" and one.get("Source")]


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _around(root: str) -> list[str]:
    """The folder itself, those above it, and those up to two levels below."""
    places, parent = [root], root
    while parent not in ("/", ""):
        parent = os.path.dirname(parent)
        places.append(parent)
    below = [root]
    for dummy in range(2):
        folders = [os.path.join(one, name) for one in below for name in _listed(one)]
        below = [one for one in folders if os.path.isdir(one) and not os.path.islink(one)]
        places += below
    return places


def digests(root: str) -> set[str]:
    """Digests of what the controller's secrets can be compared with.

    These are the generated passwords, the hash secrets of Swift and the certificate of the CA.
    """
    found: set[str] = set()
    for service in _listed(root):
        for folder in (os.path.join(root, service), os.path.join(root, service, "config")):
            found |= {text_digest(text) for text in _texts(folder, "ca.crt")}
    for service in _listed(os.path.join(root, "secrets")):
        folder = os.path.join(root, "secrets", service)
        for name in _listed(folder):
            if not name.endswith(".key"):
                found |= set().union(*map(generated_digests, _texts(folder, name)))
    return found


def swift_digests(root: str) -> set[str]:
    """Digests of the Swift hash secrets on this machine, with which its volume was created."""
    return set().union(*map(generated_digests, _texts(os.path.join(root, "secrets", "swift"), "swift.conf")))


def _texts(folder: str, name: str) -> list[str]:
    """The text of a file in a list; an empty list when there is none."""
    path = os.path.join(folder, name)
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if os.path.isfile(path) and os.path.getsize(path) <= _LONGEST:
            with open(path, encoding="utf-8") as handle:
                return [handle.read()]
    return []


def owner_problems(
    machines: t.Sequence[Machine],
    platform: str,
    secret_set: t.Mapping[str, t.Any],
    stated: t.Sequence[str] = (),
    take_over: str = "",
) -> list[str]:
    """One line for each reason why a playbook must not change these machines.

    Where the platform runs, its secrets are checked first: with the wrong ones a root that the
    inventory does not state is wrong too. Elsewhere the root is checked first, because another
    platform's root has other secrets too. Parameters as for `root_problems` and `secrets_problems`.
    """
    running = [machine for machine in machines if machine["root"]["own_roots"]]
    return (
        secrets_problems(running, platform, secret_set, take_over)
        or root_problems(machines, platform, stated)
        or secrets_problems(machines, platform, secret_set, take_over)
    )


def root_problems(machines: t.Sequence[Machine], platform: str, stated: t.Sequence[str]) -> list[str]:
    """One line for each root that can't be this platform's.

    `machines`: return values of the module `machine_info`. `stated`: names of the machines whose
    root the inventory states.
    """
    problems = []
    for machine in machines:
        root = machine["root"]
        begin = f"odoo_cloud_root={root['path']!r} of platform {platform!r} on machine {machine['name']!r}: "
        right = f"give {platform!r} a folder of its own, such as odoo_cloud_root: /srv/{platform}"
        if root["own_roots"] and not root["mounted"] and machine["name"] not in stated:
            own = root["own_roots"][0]
            problems.append(
                f"{begin}it isn't set, and its containers have their files in {own}; set odoo_cloud_root: {own}"
            )
        elif root["others"]:
            problems.append(begin + _whose(root["others"][0]) + "; " + right)
    return problems


def _whose(other: t.Mapping[str, str]) -> str:
    if other["container"]:
        return f"container {other['container']} of platform {other['platform']!r} has {other['path']} mounted"
    if not other["platform"]:
        return f"the mark {other['path']} can't be read, so the folder may be another platform's"
    return f"the mark {other['path']} says that the folder is platform {other['platform']!r}'s"


def secrets_problems(
    machines: t.Sequence[Machine], platform: str, secret_set: t.Mapping[str, t.Any], take_over: str = ""
) -> list[str]:
    """Why the platform can't work with the controller's secrets: a list of one line, or none.

    `secret_set`: what the lookup `secrets_set` returns. `take_over`: the platform's name, if an
    operator has decided that these secrets replace those of the platform.
    """
    if machines and take_over and take_over != platform:
        return [
            f"odoo_cloud_secrets_take_over={take_over!r}: give the platform's name, {platform}, if the secrets of "
            f"{secret_set['dir']} shall take the place of those that it works with; else leave it out"
        ]
    if take_over:
        return [
            f"odoo_cloud_secrets_take_over={take_over}: the object storage on machine {machine['name']!r} can't work with "
            f"swift/hash_prefix and swift/hash_suffix of odoo_cloud_secrets_dir={secret_set['dir']!r}; give a folder without these two, "
            "then its own are taken"
            for machine in machines
            if machine["root"]["swift"] and set(secret_set["swift"]) - set(machine["root"]["swift"])
        ][:1]
    for machine in machines:
        wrong = _wrong_secrets(machine, secret_set)
        if wrong:
            return [
                f"odoo_cloud_secrets_dir={secret_set['dir']!r}: {wrong}, but platform {platform!r} is on machine {machine['name']!r} and "
                "works with other ones; restore its folder from the backup, or say where it is with -e odoo_cloud_secrets_dir=...; "
                f"-e odoo_cloud_secrets_take_over={platform} makes the platform work with these instead (new passwords, new CA)"
            ]
    owner = secret_set["name"]
    if machines and owner not in ("", platform) and not any(_evidence(machine, secret_set) for machine in machines):
        return [
            f"odoo_cloud_secrets_dir={secret_set['dir']!r}: these are the secrets of platform {owner!r}; give {platform!r} a folder of its "
            f"own, such as ~/.odoo-cloud/{platform}, or say that it shall work with these: -e odoo_cloud_secrets_take_over={platform}"
        ]
    return []


def _evidence(machine: Machine, secret_set: t.Mapping[str, t.Any]) -> bool:
    """Whether a machine shows that the platform works with these secrets.

    The fingerprint in the mark does. With another or no identity everything comparable must be
    equal: a backup from before there were identities, a second controller. Without a mark one equal
    secret is enough, because the others may be in the inventory.
    """
    fingerprints = {mark["secrets"] for mark in machine["root"]["marks"]} - {""}
    mine, theirs = set(secret_set["digests"]), set(machine["root"]["digests"])
    if fingerprints:
        return secret_set["fingerprint"] in fingerprints or (bool(theirs) and theirs <= mine)
    return bool(theirs & mine)


def _wrong_secrets(machine: Machine, secret_set: t.Mapping[str, t.Any]) -> str:
    root = machine["root"]
    alive = bool(machine["platform_containers"] or machine["platform_volumes"] or root["secrets"])
    if secret_set["empty"]:
        return "there are no secrets" if alive or any(mark["secrets"] for mark in root["marks"]) else ""
    if _evidence(machine, secret_set):
        return ""
    if any(mark["secrets"] for mark in root["marks"]) or (root["digests"] and secret_set["digests"]):
        owner = secret_set["name"]
        return f"these are the secrets of platform {owner!r}" if owner else "these are other secrets"
    return ""


def wants_mark(machine: Machine, platform: str, secret_set: t.Mapping[str, t.Any], take_over: str = "") -> bool:
    """Whether the platform's mark has to be written on a machine that passed the checks."""
    mark = machine["root"]["mark"]
    if mark is None or mark["platform"] != platform or not mark["secrets"]:
        return True
    return take_over == platform and mark["secrets"] != secret_set["fingerprint"]


def clean_problems(
    machines: t.Sequence[Machine], platform: str, secret_set: t.Mapping[str, t.Any], stated: t.Sequence[str]
) -> list[str]:
    """One line for each machine on which nothing may be removed."""
    problems = root_problems(machines, platform, stated)
    for machine in machines:
        root = machine["root"]
        known = root["mark"] or root["mounted"] or root["empty"] or root["others"]
        foreign = bool(root["digests"] and secret_set["digests"]) and not _evidence(machine, secret_set)
        if not known and (foreign or not root["typical"]):
            problems.append(
                f"odoo_cloud_root={root['path']!r} on machine {machine['name']!r}: nothing shows that this is {platform!r}'s folder; "
                "give the right one, or remove it by hand first"
            )
    return problems


def kept_secrets(
    machines: t.Sequence[Machine], platform: str, secret_set: t.Mapping[str, t.Any], all_machines: t.Sequence[str]
) -> str:
    """Why the controller's secrets are kept when the platform is removed from these machines.

    Empty when they are removed too. `all_machines`: names of all machines of the platform.
    """
    left = sorted(set(all_machines) - {machine["name"] for machine in machines})
    if left:
        return f"the platform stays on {', '.join(left)}"
    if secret_set["name"] not in ("", platform):
        return f"they are the secrets of platform {secret_set['name']!r}"
    if any(not secret_set["empty"] and _wrong_secrets(machine, secret_set) for machine in machines):
        return f"platform {platform!r} works with other ones"
    return ""
