# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.naming import RESERVED_REDIS_USERS
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.redis_acl import (
    AclError,
    patterns,
    redis_acl,
)

ADMIN = "an-admin-password-of-the-test"
ONE = {"name": "one", "prefix": "one-odoo-prod", "password": "first-password-of-the-test"}
TWO = {"name": "two", "prefix": "two-odoo-prod", "password": "second-password-of-the-test"}


def words(text, user):
    return next(line for line in text.splitlines() if line.startswith(f"user {user} ")).split()


def test_nobody_comes_in_without_a_password():
    text = redis_acl([ONE], ADMIN)
    assert words(text, "default")[2:] == ["off", "resetpass", "resetkeys", "resetchannels", "-@all"]
    assert [line.split()[1] for line in text.splitlines() if "nopass" in line.split()] == ["health"]
    assert words(text, "health")[4:] == ["resetkeys", "resetchannels", "-@all", "+ping"]


def test_only_hashes_are_written():
    text = redis_acl([ONE, TWO], ADMIN)
    for password in (ADMIN, ONE["password"], TWO["password"]):
        assert password not in text
        assert "#" + hashlib.sha256(password.encode()).hexdigest() in text
    assert not [word for word in text.split() if word.startswith(">")]


def test_an_instance_reaches_its_own_keys_only():
    line = words(redis_acl([ONE], ADMIN), "one")
    reach = [word for word in line if word[0] in "~&%"]
    assert reach == [f"{sign}{start}one-odoo-prod:*" for sign in "~&" for start in ("", "session:", "session::")]
    assert line.index("resetkeys") < line.index(reach[0])
    assert "resetchannels" in line


def test_what_reaches_beyond_is_closed():
    line = words(redis_acl([ONE], ADMIN), "one")
    assert line[line.index("+@all") + 1 : line.index("+@all") + 3] == ["-@admin", "-@dangerous"]
    for command in ("@scripting", "scan", "randomkey", "pubsub", "client"):
        assert f"-{command}" in line[line.index("+@all") :]
    opened = [word for word in line[line.index("+@all") + 1 :] if word[0] == "+"]
    assert not {"+keys", "+scan", "+flushall", "+flushdb", "+config", "+acl", "+client"} & set(opened)
    assert not [word for word in opened if word.startswith(("+script", "+eval", "+fcall", "+function", "+@script"))]


def test_the_colon_ends_a_prefix():
    # a-odoo-labs must not reach the keys of a-odoo-labs-next
    assert all(one.endswith("a-odoo-labs:*") for one in patterns("a-odoo-labs"))
    assert patterns("a-odoo-labs:") == patterns("a-odoo-labs")
    labs, following = {**ONE, "prefix": "a-odoo-labs"}, {**TWO, "prefix": "a-odoo-labs-next"}
    assert "~a-odoo-labs-next:*" in redis_acl([labs, following], ADMIN)


@pytest.mark.parametrize("prefix", ["one-odoo-prod", "one-odoo-prod:", "one-odoo-prod:x"])
def test_two_users_with_the_same_keys_are_refused(prefix):
    with pytest.raises(AclError, match=rf"prefix='{prefix}' of 'two': 'one' would reach the same keys"):
        redis_acl([ONE, {**TWO, "prefix": prefix}], ADMIN)


@pytest.mark.parametrize("prefix", ["*", "a*", "a b", "", "a\nuser x on nopass", "[a]", ":", "~x"])
def test_a_prefix_is_no_pattern(prefix):
    with pytest.raises(AclError, match="redis_users: prefix="):
        redis_acl([{**ONE, "prefix": prefix}], ADMIN)


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "-a", *RESERVED_REDIS_USERS])
def test_a_name_must_be_one(name):
    with pytest.raises(AclError, match="redis_users: name="):
        redis_acl([{**ONE, "name": name}], ADMIN)


def test_a_name_twice_is_refused():
    with pytest.raises(AclError, match="redis_users: name='one' is given twice"):
        redis_acl([ONE, {**ONE, "prefix": "other"}], ADMIN)


@pytest.mark.parametrize("password", ["", "short", None, 5])
def test_a_weak_password_is_refused_and_not_shown(password):
    with pytest.raises(AclError, match="redis_users: the password of 'one' is too short") as caught:
        redis_acl([{**ONE, "password": password}], ADMIN)
    assert "short'" not in str(caught.value)
    with pytest.raises(AclError, match="redis_admin_password"):
        redis_acl([], password)
