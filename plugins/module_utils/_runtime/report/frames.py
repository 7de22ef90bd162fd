# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What the client of the report service and the service say to each other: frames on one connection.

A frame is two lengths, a JSON object of the first, and bytes of the second. The same file is in the
image of Odoo and in that of the service. No I/O.

| from | `op` | keys | bytes |
|---|---|---|---|
| client | `print` | `protocol`, `origin` of Odoo's links, `job` (of `options.Job.to_dict`), `files` (pairs of name and size) | the files |
| client | `ping` | `protocol` | |
| client | `got` | `id`, `status`, `type` | body of the answer |
| service | `get` | `id`, `path` | |
| service | `wait` | | |
| service | `done` | `warnings`, `pages` | the PDF or image |
| service | `failed` | `message`, one line | |
| service | `pong` | `browser`, `sandbox`, `jobs` | |
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

PROTOCOL = 1
LENGTHS = struct.Struct("!II")
MOST_HEAD = 4 * 1024 * 1024
MOST_BODY = 512 * 1024 * 1024
BEAT = 5  # seconds between two `wait` of a service that has nothing else to say


class FrameError(ValueError):
    """The other side does not speak this protocol; the message is one line."""


def pack(head: Mapping[str, Any], body: bytes = b"") -> bytes:
    """One frame. Raises `FrameError` for one that is too large."""
    text = json.dumps(dict(head)).encode()
    check(len(text), len(body))
    return LENGTHS.pack(len(text), len(body)) + text + body


def check(head: int, body: int) -> None:
    """Raises `FrameError` for lengths that no frame has."""
    if head > MOST_HEAD or body > MOST_BODY:
        raise FrameError(f"a frame of {head} and {body} bytes; at most {MOST_HEAD} and {MOST_BODY} are right")


def lengths(data: bytes) -> tuple[int, int]:
    """The two lengths with which a frame begins. Raises `FrameError`."""
    head, body = LENGTHS.unpack(data)
    check(head, body)
    return head, body


def read_head(text: bytes) -> dict[str, Any]:
    """The object of a frame. Raises `FrameError`."""
    try:
        head = json.loads(text)
    except ValueError:
        head = None
    if not isinstance(head, dict) or not isinstance(head.get("op"), str):
        raise FrameError("not a frame of the report service")
    return head
