# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime import provision
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.provision import DatabaseError, Facts, Wanted

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
    return [Wanted("acme", "acme", "s3cret", **item)]


def shown(items):
    return [item.shown for item in items]


CREATE = [
    "CREATE ROLE \"acme\" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '********'",
    "CREATE DATABASE \"acme\" OWNER \"acme\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'",
    'REVOKE CONNECT, TEMPORARY ON DATABASE "acme" FROM PUBLIC',
]


def test_everything_new():
    statements = provision.plan(wanted(), facts(), set())
    assert shown(statements) == CREATE
    assert "SCRAM-SHA-256$4096:" in statements[0].sql
    assert "s3cret" not in statements[0].sql
    assert "SCRAM" not in repr(statements)


def test_a_keeper_makes_databases_for_its_owner_and_nothing_more():
    with_keeper = wanted(keeper="acme_keeper", keeper_password="k3eper")
    new = shown(provision.plan(with_keeper, facts(), set()))
    assert new[1:3] == [
        "CREATE ROLE \"acme_keeper\" LOGIN NOSUPERUSER CREATEDB NOCREATEROLE PASSWORD '********'",
        'GRANT "acme" TO "acme_keeper" WITH INHERIT TRUE, SET TRUE',
    ]
    there = facts({}, {})
    keeper = {**GOOD_ROLE, "createdb": True, "member_of": ["acme"], "owns": []}
    there.roles["acme_keeper"] = keeper
    assert provision.plan(with_keeper, there, set()) == []
    there.roles["acme_keeper"] = {**keeper, "createdb": False, "createrole": True, "member_of": []}
    assert shown(provision.plan(with_keeper, there, {"acme_keeper"})) == [
        'ALTER ROLE "acme_keeper" CREATEDB NOCREATEROLE',
        "ALTER ROLE \"acme_keeper\" PASSWORD '********'",
        'GRANT "acme" TO "acme_keeper" WITH INHERIT TRUE, SET TRUE',
    ]
    assert "k3eper" not in repr(with_keeper)
    gone = [Wanted("acme", "acme", state="absent", confirm_drop="acme", drop_owner=True, keeper="acme_keeper")]
    assert shown(provision.plan(gone, there, set()))[-2:] == ['DROP ROLE "acme_keeper"', 'DROP ROLE "acme"']


def test_nothing_to_do():
    assert provision.plan(wanted(), facts({}, {}), set()) == []


@pytest.mark.parametrize(
    ("role", "database", "wrong", "expected"),
    [
        ({"createdb": True}, {}, set(), ['ALTER ROLE "acme" NOCREATEDB']),
        ({"superuser": True, "login": False}, {}, set(), ['ALTER ROLE "acme" LOGIN NOSUPERUSER']),
        ({"expired": True}, {}, set(), ["ALTER ROLE \"acme\" VALID UNTIL 'infinity'"]),
        ({}, {}, {"acme"}, ["ALTER ROLE \"acme\" PASSWORD '********'"]),
        ({}, {"public": ["CONNECT"]}, set(), ['REVOKE CONNECT ON DATABASE "acme" FROM PUBLIC']),
        ({}, {"owner": "postgres"}, set(), ['ALTER DATABASE "acme" OWNER TO "acme"']),
    ],
)
def test_exactly_what_differs_is_repaired(role, database, wrong, expected):
    assert shown(provision.plan(wanted(), facts(role, database), wrong)) == expected


@pytest.mark.parametrize(
    ("version", "grant"),
    [(130000, 'GRANT "acme" TO CURRENT_USER'), (170000, 'GRANT "acme" TO CURRENT_USER WITH INHERIT TRUE, SET TRUE')],
)
def test_an_administrator_without_superuser_gets_the_owners_rights_first(version, grant):
    found = facts(superuser=False, version=version)
    assert shown(provision.plan(wanted(), found, set())) == [CREATE[0], grant, *CREATE[1:]]
    found = facts({"usable": False}, {}, superuser=False, version=version)
    assert provision.plan(wanted(), found, set()) == [], "only when it is needed"


def test_another_encoding_cannot_be_mended():
    with pytest.raises(DatabaseError, match="'SQL_ASCII'"):
        provision.plan(wanted(), facts({}, {"encoding": "SQL_ASCII"}), set())


def test_drop():
    item = wanted(state="absent", confirm_drop="acme", drop_owner=True)
    statements = provision.plan(item, facts({}, {}), set())
    assert shown(statements) == ['DROP DATABASE "acme" WITH (FORCE)', 'DROP ROLE "acme"']
    assert statements[0].drops == "acme"
    assert shown(provision.plan(wanted(state="absent", confirm_drop="acme"), facts({}, {}), set())) == [
        'DROP DATABASE "acme" WITH (FORCE)'
    ]
    assert provision.plan(item, facts(), set()) == []


def test_drop_is_refused_while_the_lock_is_held():
    found = facts({}, {}, holders={"acme": "odoo-cloud InstallAndRun run=1 host=h"})
    with pytest.raises(DatabaseError, match="its lock is held by odoo-cloud InstallAndRun"):
        provision.plan(wanted(state="absent", confirm_drop="acme"), found, set())


def test_a_role_that_owns_more_is_kept():
    with pytest.raises(DatabaseError, match="owns other too"):
        provision.plan(
            wanted(state="absent", confirm_drop="acme", drop_owner=True), facts({"owns": ["acme", "other"]}, {}), set()
        )
