# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Copies the keys of an instance from one Redis to another, with the time they have left.

It may be repeated while both servers are used: of two versions of a key, the one that lives longer
stays, because writing a session extends its life.
"""

from __future__ import annotations

import typing as t

from .redis_acl import patterns
from .redis_client import Refused

FOR_EVER = -1  # PEXPIRETIME of a key that does not expire
ABSENT = -2  # of a key that does not exist
BATCH = b"500"


class Client(t.Protocol):
    """A connection as an administrator; see `redis_client.RedisClient`."""

    def raw(self, *parts: bytes) -> t.Any:
        """The answer to one command, as bytes."""


def newer(mine: int, theirs: int) -> bool:
    """Whether a key has to be copied: when it ends here and there, in milliseconds since the epoch."""
    if mine == ABSENT:
        return False
    if theirs == ABSENT:
        return True
    return theirs != FOR_EVER and mine > theirs


def keys(client: Client, prefix: str) -> t.Iterator[bytes]:
    """All keys of an instance, some of them perhaps twice."""
    for pattern in patterns(prefix):
        cursor = b"0"
        while True:
            cursor, found = client.raw(b"SCAN", cursor, b"MATCH", pattern.encode(), b"COUNT", BATCH)
            yield from found
            if cursor == b"0":
                break


def copy(source: Client, target: Client, prefix: str, check_mode: bool = False) -> int:
    """Copies the keys of an instance and returns how many were copied.

    `check_mode`: only counts them. Raises `RedisFailure`.
    """
    copied: set[bytes] = set()
    for key in keys(source, prefix):
        ends = source.raw(b"PEXPIRETIME", key)
        if key in copied or not newer(ends, target.raw(b"PEXPIRETIME", key)):
            continue
        if not check_mode:
            content = source.raw(b"DUMP", key)
            if content is None:
                continue  # it ended meanwhile
            try:
                target.raw(b"RESTORE", key, b"%d" % max(ends, 0), content, b"REPLACE", b"ABSTTL")
            except Refused as error:
                raise Refused(f"{key.decode('utf-8', 'replace')[:20]}... can't be copied: {error}") from error
        copied.add(key)
    return len(copied)
