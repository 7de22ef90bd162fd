# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils import _database
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.provision import DatabaseError, Facts

GOOD_ROLE = {
    "login": True,
    "superuser": False,
    "createdb": False,
    "createrole": False,
    "replication": False,
    "bypassrls": False,
    "expired": False,
    "usable": True,
    "owns": ["acme"],
}
GOOD_DATABASE = {"owner": "acme", "encoding": "UTF8", "public": []}


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


def test_picture_shows_no_secret():
    before = _database.picture(wanted(), facts({}, {}), {"acme"}, after=False)
    after = _database.picture(wanted(), facts({}, {}), {"acme"}, after=True)
    assert before["roles"]["acme"]["password"] == "another"
    assert after["roles"]["acme"]["password"] == "as given"
    assert "s3cret" not in repr((before, after, wanted()))
    same = _database.picture(wanted(), facts({}, {}), set(), after=False)
    assert same == _database.picture(wanted(), facts({}, {}), set(), after=True)
