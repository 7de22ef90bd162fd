# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""What an inventory may say about the image of an instance, and the name that the image gets."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t

HASH_LENGTH = 12
# Of these the packages of the role image, `files/odoo/requirements-<python>.txt`, are pinned.
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")

_REFERENCE = re.compile(r"[^\s@]+(@sha256:[0-9a-f]{64})?\Z")
_ID = re.compile(r"sha256:[0-9a-f]{64}\Z")
_PINNED = re.compile(r"([^\s@]+@)?sha256:[0-9a-f]{64}\Z")


def content_hash(parts: t.Any) -> str:
    """The short SHA-256 of any value that JSON can hold."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:HASH_LENGTH]


def is_reference(value: str) -> bool:
    """Whether a text can name an image: `repository:tag`, `repository@sha256:…` or an ID."""
    return bool(_REFERENCE.match(value))


def is_id(value: str) -> bool:
    """Whether a reference is the ID of an image, which must be on the building machine already."""
    return bool(_ID.match(value))


def is_pinned(value: str) -> bool:
    """Whether a reference names the same image for ever: it has a digest, or is an ID."""
    return bool(_PINNED.match(value))


def name_of(version: str, ref: str, python: str) -> str:
    """The name of an instance's Odoo image, which instances with the same image share.

    `version`: Odoo's. `ref`, `python`: what the instance says of its image; without both it is the
    platform's image of that version.
    """
    own = content_hash({"ref": ref, "python": python})[:8] if ref or python else ""
    return f"odoo-{version}" + (f"-{own}" if own else "")
