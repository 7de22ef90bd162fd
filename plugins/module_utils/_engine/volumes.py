# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Folders that an image declares as volumes. No I/O.

The engine would make an anonymous volume for each of them that nothing is mounted at: on the disk,
writable without a limit although the container's own files are read-only, and left behind when the
container goes. So each such folder is covered with an empty one in memory.
"""

from __future__ import annotations

import typing as t

READ_ONLY = "ro,size=4k,mode=0555"
# A container that may write anywhere may write there too, but not without a limit.
WRITABLE = "size=64m,mode=1777"


def declared(image: t.Mapping[str, t.Any]) -> list[str]:
    """The folders that an image declares as volumes. `image`: the engine's description of it."""
    return sorted((image.get("Config") or {}).get("Volumes") or {})


def covers(image: t.Mapping[str, t.Any], definition: t.Mapping[str, t.Any]) -> list[str]:
    """What a container of an image needs in memory besides its definition, each `path:options`.

    `image`: as for `declared`. `definition`: in the terms of the role `container`.
    """
    taken = {str(one["target"]).rstrip("/") for one in definition.get("mounts") or []}
    taken |= {str(one).partition(":")[0].rstrip("/") for one in definition.get("tmpfs") or []}
    options = READ_ONLY if definition.get("read_only") else WRITABLE
    return [f"{path}:{options}" for path in declared(image) if path.rstrip("/") not in taken]
