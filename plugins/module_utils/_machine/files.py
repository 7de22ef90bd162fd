# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""What one entry of the module `files` asks for: used by the module on the machine, and on the
controller to compare it with a snapshot.
"""

from __future__ import annotations

import typing as t

from .snapshot import MachineSnapshot, Unknown, digest

DEFAULT_MODE = {"file": 0o644, "directory": 0o755}


class FilesError(Exception):
    """An entry that is not possible; the message is one line for operators."""


def numeric_id(value: str, lookup: t.Callable[[str], int], what: str, path: str) -> int:
    """The number of a user or group that is given as a number or a name.

    `lookup`: returns the number of a name or raises `KeyError`. `what` and `path`: for the message.
    Raises `FilesError` for an unknown name.
    """
    if value.isdigit():
        return int(value)
    try:
        return lookup(value)
    except KeyError:
        raise FilesError(f"{what}={value!r} of {path!r}: no such {what} on this machine; give a number") from None


def wanted_mode(entry: t.Mapping[str, t.Any]) -> int:
    """The permission bits of an entry. Raises `FilesError` when `mode` is not octal."""
    text = entry["mode"]
    if text is None:
        return DEFAULT_MODE[entry["state"]]
    try:
        return int(text, 8)
    except ValueError:
        raise FilesError(f"mode={text!r} of {entry['path']!r}: give an octal string such as '0644'") from None


def content_of(entry: t.Mapping[str, t.Any]) -> bytes | None:
    """The bytes that the file should hold, None when only its owner and mode are managed."""
    text = entry["content"] if entry["secret_content"] is None else entry["secret_content"]
    return None if text is None else str(text).encode("utf-8", "surrogateescape")


def as_wanted(given: t.Mapping[str, t.Any], snapshot: MachineSnapshot) -> bool:
    """Whether the machine already is as an entry wants it, according to a snapshot.

    `given`: the entry as a task has it, without defaults. Raises `Unknown` when the module itself
    has to check, including entries that it would refuse.
    """
    defaults = {"state": "file", "mode": None, "owner": "0", "group": "0", "content": None, "secret_content": None}
    if not {"path"} <= set(given) <= {"path", *defaults}:
        raise Unknown(f"options {', '.join(sorted(map(str, given)))}")
    entry = {**defaults, **given}
    texts = [entry[name] for name in ("path", "state", "owner", "group")]
    texts += [entry[name] for name in ("mode", "content", "secret_content") if entry[name] is not None]
    if not all(isinstance(text, str) for text in texts):
        raise Unknown(f"{entry['path']}: an option isn't a text")
    if entry["state"] == "absent":
        return snapshot.entry(entry["path"]) is None
    if entry["state"] not in DEFAULT_MODE or not (entry["owner"].isdigit() and entry["group"].isdigit()):
        raise Unknown(f"{entry['path']}: state, owner or group")
    try:
        mode = wanted_mode(entry)
    except FilesError as error:
        raise Unknown(str(error)) from error
    found = snapshot.entry(entry["path"])
    if found is None or found["kind"] != entry["state"]:
        return False
    if (found["mode"], found["uid"], found["gid"]) != (mode, int(entry["owner"]), int(entry["group"])):
        return False
    if entry["content"] is not None and entry["secret_content"] is not None:
        raise Unknown(f"{entry['path']}: two contents")
    data = None if entry["state"] == "directory" else content_of(entry)
    if data is None:
        return True
    if "digest" not in found:
        raise Unknown(f"{entry['path']} is too large")
    return bool(found["digest"] == digest(snapshot.key, data))
