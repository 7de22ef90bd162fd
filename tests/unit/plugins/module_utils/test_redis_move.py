# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions move between two servers that are both in use, and none is replaced by an older one."""

from __future__ import annotations

import fnmatch

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import redis_move
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.redis_client import Refused

ABSENT, FOR_EVER = redis_move.ABSENT, redis_move.FOR_EVER


class Memory:
    """The five commands that are used, on a dictionary: key to value and end of life."""

    def __init__(self, keys: dict[bytes, tuple[bytes, int]], full: bool = False) -> None:
        self.keys, self.full = keys, full

    def raw(self, *parts: bytes):
        name, *words = parts
        if name == b"SCAN":
            pattern = words[2].decode()
            found = [key for key in self.keys if fnmatch.fnmatchcase(key.decode(), pattern)]
            half = len(found) // 2
            return [b"7", found[:half]] if words[0] == b"0" and half else [b"0", found[half:] + found[:1]]
        if name == b"PEXPIRETIME":
            return self.keys.get(words[0], (b"", ABSENT))[1]
        if name == b"DUMP":
            return self.keys.get(words[0], (None, 0))[0]
        assert name == b"RESTORE" and words[3:] == [b"REPLACE", b"ABSTTL"]
        if self.full:
            raise Refused("OOM command not allowed when used memory > 'maxmemory'.")
        self.keys[words[0]] = (words[2], int(words[1]) or FOR_EVER)
        return b"OK"


@pytest.mark.parametrize(
    ("mine", "theirs", "wanted"),
    [
        (2000, ABSENT, True), (FOR_EVER, ABSENT, True), (2000, 1000, True), (1000, 2000, False), (1000, 1000, False),
        (ABSENT, ABSENT, False), (ABSENT, 1000, False), (5000, FOR_EVER, False), (FOR_EVER, FOR_EVER, False), (FOR_EVER, 1000, False),
    ],
)  # fmt: skip
def test_the_one_that_lives_longer_stays(mine, theirs, wanted):
    assert redis_move.newer(mine, theirs) is wanted


def test_all_keys_of_the_instance_and_no_others_are_copied():
    own = {f"session::acme-odoo-prod:{number}".encode(): (b"\x00\xff%d" % number, 1000 + number) for number in range(9)}
    own[b"acme-odoo-prod:cache"] = (b"x", FOR_EVER)
    others = {b"session::beta-odoo-prod:1": (b"b", 1), b"session::acme-odoo-prod-two:1": (b"c", 1)}
    source, target = Memory({**own, **others}), Memory({})
    assert redis_move.copy(source, target, "acme-odoo-prod", check_mode=True) == 10
    assert target.keys == {}
    assert redis_move.copy(source, target, "acme-odoo-prod") == 10
    assert target.keys == own
    assert redis_move.copy(source, target, "acme-odoo-prod") == 0
    assert source.keys == {**own, **others}


def test_a_second_copy_brings_what_was_written_meanwhile_only():
    a, b, c = (f"session::acme:{one}".encode() for one in "abc")
    source, target = Memory({a: (b"1", 100), b: (b"1", 100)}), Memory({})
    redis_move.copy(source, target, "acme")
    source.keys[a] = (b"later at the source", 300)
    source.keys[c] = (b"new", 200)
    target.keys[b] = (b"later at the target", 400)
    assert redis_move.copy(source, target, "acme") == 2
    assert target.keys == {a: (b"later at the source", 300), b: (b"later at the target", 400), c: (b"new", 200)}


def test_a_full_target_is_an_error():
    with pytest.raises(Refused, match="session::acme:secret.* can't be copied: OOM"):
        redis_move.copy(Memory({b"session::acme:secret-identifier": (b"1", 5)}), Memory({}, full=True), "acme")
