# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database.provision import (
    DatabaseError,
    Facts,
    Membership,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import database as _database

GOOD_ROLE = {
    "login": True,
    "superuser": False,
    "createdb": False,
    "createrole": False,
    "replication": False,
    "bypassrls": False,
    "expired": False,
    "inherit": True,
    "connections": -1,
    "expires": False,
    "usable": True,
    "owns": ["acme"],
}
GOOD_DATABASE = {"owner": "acme", "encoding": "UTF8", "public": [], "open": True, "limit": -1, "template": False}


def facts(role=None, database=None, **more):
    return Facts(
        roles={"acme": {**GOOD_ROLE, **role}} if role is not None else {},
        databases={"acme": {**GOOD_DATABASE, **database}} if database is not None else {},
        **more,
    )


def wanted(**item):
    return _database.parse_wanted([{"name": "acme", "password": "s3cret", **item}], "postgres")


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"name": "Acme"}, "databases[0].name is 'Acme'"),
        ({"name": "acme\n"}, "databases[0].name"),
        ({"name": "postgres"}, "belongs to PostgreSQL"),
        ({"name": "template1"}, "belongs to PostgreSQL"),
        ({"name": "a" * 64}, "must match"),
        ({"name": 'a"; DROP'}, "must match"),
        ({"name": "acme", "owner": "pg_monitor"}, "databases[0].owner is 'pg_monitor'"),
        ({"name": "acme", "owner": "admin"}, "must not be login_user"),
        ({"name": "acme", "state": "absent"}, "confirm_drop is ''"),
        ({"name": "acme", "state": "absent", "confirm_drop": "yes"}, "it must be 'acme'"),
        ({"name": "acme", "password": "a\nb"}, "one line"),
        ({"name": "acme", "lock": "postgres"}, "databases[0].lock is 'postgres'"),
        ({"name": "acme", "lock": "acme"}, "databases[0].lock is 'acme': another item has this name"),
    ],
)
def test_bad_input(item, words):
    with pytest.raises(DatabaseError) as caught:
        _database.parse_wanted([item], "admin")
    assert words in str(caught.value)


def test_contradictions():
    with pytest.raises(DatabaseError, match="twice"):
        _database.parse_wanted([{"name": "a1"}, {"name": "a1"}], "x")
    with pytest.raises(DatabaseError, match="another password"):
        _database.parse_wanted(
            [{"name": "a1", "owner": "o", "password": "1"}, {"name": "a2", "owner": "o", "password": "2"}], "x"
        )


def test_each_lock_database_is_the_only_one_of_its_name():
    with pytest.raises(DatabaseError, match=r"databases\[1\].lock is 'a--lock': another item has this name already"):
        _database.parse_wanted([{"name": "a1", "lock": "a--lock"}, {"name": "a2", "lock": "a--lock"}], "x")
    with pytest.raises(DatabaseError, match=r"databases\[0\].lock is 'a2'"):
        _database.parse_wanted([{"name": "a1", "lock": "a2"}, {"name": "a2"}], "x")
    _database.parse_wanted([{"name": "a1", "lock": "a1--lock"}, {"name": "a2", "lock": "a2--lock"}], "x")


def test_picture_shows_memberships_and_the_lock_database():
    item = wanted(keeper="keeper", lock="acme--lock")
    found = facts({}, {}, memberships=(Membership("beta", "acme"), Membership("acme", "guest")), admins=("admin",))
    before, after = (_database.picture(item, found, set(), after=later) for later in (False, True))
    assert (before["roles"]["acme"]["member_of"], before["roles"]["acme"]["members"]) == (["beta"], ["guest"])
    assert (after["roles"]["acme"]["member_of"], after["roles"]["acme"]["members"]) == ([], ["keeper"])
    assert before["databases"]["acme--lock"] is None
    assert after["databases"]["acme--lock"]["granted"] == {"acme": ["CONNECT"], "keeper": ["CONNECT"]}


def test_picture_shows_no_secret():
    before = _database.picture(wanted(), facts({}, {}), {"acme"}, after=False)
    after = _database.picture(wanted(), facts({}, {}), {"acme"}, after=True)
    assert before["roles"]["acme"]["password"] == "another"
    assert after["roles"]["acme"]["password"] == "as given"
    assert "s3cret" not in repr((before, after, wanted()))
    same = _database.picture(wanted(), facts({}, {}), set(), after=False)
    assert same == _database.picture(wanted(), facts({}, {}), set(), after=True)
