# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import provision
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database.provision import (
    DatabaseError,
    Facts,
    Wanted,
)

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
        ({"expires": True}, {}, set(), ["ALTER ROLE \"acme\" VALID UNTIL 'infinity'"]),
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


LOCK_CREATE = [
    "CREATE DATABASE \"acme--lock\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' ALLOW_CONNECTIONS false",
    'REVOKE CONNECT, TEMPORARY ON DATABASE "acme--lock" FROM PUBLIC',
    'GRANT CONNECT ON DATABASE "acme--lock" TO "acme", "acme_keeper"',
    'ALTER DATABASE "acme--lock" ALLOW_CONNECTIONS true',
]
LOCK_GOOD = {
    "owner": "admin",
    "owned_by_admin": True,
    "encoding": "UTF8",
    "public": [],
    "open": True,
    "granted": {"acme": ["CONNECT"], "acme_keeper": ["CONNECT"]},
}


def with_lock(lock=None, superuser=False):
    found = facts({"member_of": []}, {}, superuser=superuser, admins=("admin", "admin"))
    found.roles["acme_keeper"] = {**GOOD_ROLE, "createdb": True, "member_of": ["acme"], "owns": []}
    if lock is not None:
        found.databases["acme--lock"] = {**LOCK_GOOD, **lock}
    return found


def test_nobody_comes_into_a_new_lock_database_before_it_is_closed():
    assert shown(provision.plan(wanted(keeper="acme_keeper", lock="acme--lock"), with_lock(), set())) == LOCK_CREATE


@pytest.mark.parametrize(
    ("lock", "expected"),
    [
        ({}, []),
        ({"open": False}, [LOCK_CREATE[3]]),
        ({"public": ["CONNECT"]}, ['REVOKE CONNECT ON DATABASE "acme--lock" FROM PUBLIC']),
        ({"granted": {}}, [LOCK_CREATE[2]]),
        (
            {"granted": {"acme": ["CONNECT", "CREATE"], "beta": ["CONNECT"], "acme_keeper": ["CONNECT"]}},
            [
                'REVOKE CREATE ON DATABASE "acme--lock" FROM "acme"',
                'REVOKE CONNECT ON DATABASE "acme--lock" FROM "beta"',
            ],
        ),
        ({"owner": "acme", "owned_by_admin": False}, ['ALTER DATABASE "acme--lock" OWNER TO CURRENT_USER']),
        (
            {"owner": "beta_keeper", "owned_by_admin": False},
            [
                'GRANT "beta_keeper" TO CURRENT_USER WITH INHERIT TRUE, SET TRUE',
                'ALTER DATABASE "acme--lock" OWNER TO CURRENT_USER',
            ],
        ),
        ({"owner": "another_admin"}, ['ALTER DATABASE "acme--lock" OWNER TO CURRENT_USER']),
    ],
)
def test_a_lock_database_is_repaired(lock, expected):
    found = provision.plan(wanted(keeper="acme_keeper", lock="acme--lock"), with_lock(lock), set())
    assert shown(found) == expected


def test_a_superuser_leaves_it_to_the_administrator():
    item = wanted(keeper="acme_keeper", lock="acme--lock")
    assert provision.plan(item, with_lock({"owner": "another_admin"}, superuser=True), set()) == []
    again = provision.plan(item, with_lock({"owner": "acme", "owned_by_admin": False}, superuser=True), set())
    assert shown(again) == ['ALTER DATABASE "acme--lock" OWNER TO CURRENT_USER']


def test_the_lock_database_goes_after_the_database():
    item = wanted(state="absent", confirm_drop="acme", drop_owner=True, keeper="acme_keeper", lock="acme--lock")
    statements = provision.plan(item, with_lock({}), set())
    assert shown(statements) == [
        'DROP DATABASE "acme" WITH (FORCE)',
        'DROP DATABASE "acme--lock" WITH (FORCE)',
        'DROP ROLE "acme_keeper"',
        'DROP ROLE "acme"',
    ]
    assert (statements[0].drops, statements[0].lock) == ("acme", "acme--lock")
    without = provision.plan(item, with_lock(), set())
    assert (without[0].drops, without[0].lock) == ("acme", "")


def member(role, name, grantor="postgres", admin=False):
    return provision.Membership(role, name, grantor, admin)


@pytest.mark.parametrize(("version", "ending"), [(150000, "CASCADE"), (160000, 'GRANTED BY "postgres" CASCADE')])
@pytest.mark.parametrize(
    ("membership", "stays"),
    [
        (member("acme", "acme_keeper"), True),
        (member("acme", "admin"), True),
        (member("acme_keeper", "admin"), True),
        (member("acme", "other_admin", admin=True), True),
        (member("acme", "guest"), False),
        (member("acme_keeper", "guest"), False),
        (member("acme_keeper", "acme"), False),
        (member("beta", "acme"), False),
        (member("pg_read_all_data", "acme_keeper"), False),
        (member("admin", "acme"), False),
    ],
)
def test_memberships_that_nobody_declared_are_taken_away(membership, stays, version, ending):
    found = Facts(
        version=version,
        superuser=False,
        roles={"acme": GOOD_ROLE, "acme_keeper": {**GOOD_ROLE, "createdb": True, "member_of": ["acme"], "owns": []}},
        databases={"acme": GOOD_DATABASE},
        memberships=(member("acme", "acme_keeper"), membership),
        admins=("admin", "admin"),
    )
    statements = shown(provision.plan(wanted(keeper="acme_keeper"), found, set()))
    assert statements == ([] if stays else [f'REVOKE "{membership.role}" FROM "{membership.member}" {ending}'])
    # of a keeper that is not asked for, nothing is declared
    assert (membership in provision.undeclared(wanted(), found)) == (
        membership.member == "acme" or (membership.role == "acme" and membership.member in ("guest", "acme_keeper"))
    )


def test_instances_that_share_an_owner_keep_their_keepers():
    items = [Wanted("a", "acme", keeper="a_keeper"), Wanted("b", "acme", keeper="b_keeper")]
    found = Facts(memberships=(member("acme", "a_keeper"), member("acme", "b_keeper"), member("acme", "c_keeper")))
    assert [one.member for one in provision.undeclared(items, found)] == ["c_keeper"]


def setting(name, value, role="acme", database=""):
    return provision.Setting(role, database, name, value)


def test_settings_that_nobody_declared_are_taken_away_and_declared_ones_set():
    found = (
        setting("search_path", "public, pg_catalog"),
        setting("work_mem", "4MB"),
        setting("role", "postgres", database="other"),
        setting("search_path", "evil", role="", database="acme"),
        setting("a.b", "1", role="acme_keeper"),
        setting("search_path", "x", role="", database="acme--lock"),
        setting("work_mem", "1GB", role="stranger"),
        setting("work_mem", "1GB", role="", database="other"),
    )
    items = [
        Wanted(
            "acme",
            "acme",
            keeper="acme_keeper",
            lock="acme--lock",
            settings={"work_mem": "64MB", "temp_file_limit": "1GB"},
        )
    ]
    known = facts({}, {}, settings=found, superuser=True)
    assert [item.sql for item in provision.plan_settings(items, known)] == [
        'ALTER ROLE "acme" RESET "search_path"',
        'ALTER ROLE "acme" IN DATABASE "other" RESET "role"',
        'ALTER DATABASE "acme" RESET "search_path"',
        'ALTER ROLE "acme_keeper" RESET "a.b"',
        'ALTER DATABASE "acme--lock" RESET "search_path"',
        'ALTER ROLE "acme" SET "work_mem" TO \'64MB\'',
        'ALTER ROLE "acme" SET "temp_file_limit" TO \'1GB\'',
    ]
    right = facts({}, {}, settings=(setting("work_mem", "64MB"), setting("temp_file_limit", "1GB")))
    assert provision.plan_settings(items, right) == []


def test_the_value_of_a_setting_is_quoted():
    items = [Wanted("acme", "acme", settings={"search_path": "a'; DROP ROLE x"})]
    assert (
        provision.plan_settings(items, facts())[0].sql
        == "ALTER ROLE \"acme\" SET \"search_path\" TO 'a''; DROP ROLE x'"
    )


def test_a_connection_limit_is_declared():
    found = provision.plan(wanted(connections=20), facts({"connections": 5}, {}), set())
    assert shown(found) == ['ALTER ROLE "acme" CONNECTION LIMIT 20']
    assert provision.plan(wanted(connections=20), facts({"connections": 20}, {}), set()) == []


def test_what_the_owner_did_to_its_database_is_undone():
    found = provision.plan(wanted(), facts({}, {"open": False, "limit": 0, "template": True}), set())
    assert shown(found) == [
        'ALTER DATABASE "acme" ALLOW_CONNECTIONS true',
        'ALTER DATABASE "acme" CONNECTION LIMIT -1',
        'ALTER DATABASE "acme" IS_TEMPLATE false',
    ]


def test_restore_points_of_the_owner_are_given_to_the_keeper():
    owns = [
        "acme",
        "acme--before-0123456789ab",
        "acme--failed-0123456789ab",
        "acme--rehearsal-0123456789ab",
        "acme--before-x",
    ]
    known = Facts(
        roles={
            "acme": {**GOOD_ROLE, "owns": owns},
            "keep": {**GOOD_ROLE, "createdb": True, "member_of": ["acme"], "owns": []},
        },
        databases={"acme": GOOD_DATABASE},
    )
    assert shown(provision.plan(wanted(keeper="keep"), known, set())) == [
        'ALTER DATABASE "acme--before-0123456789ab" OWNER TO "keep"',
        'ALTER DATABASE "acme--failed-0123456789ab" OWNER TO "keep"',
    ]


def test_a_keeper_with_restore_points_is_not_dropped():
    known = Facts(
        roles={"acme": GOOD_ROLE, "keep": {**GOOD_ROLE, "owns": ["acme--before-0123456789ab"]}},
        databases={"acme": GOOD_DATABASE},
    )
    items = wanted(keeper="keep", state="absent", confirm_drop="acme", drop_owner=True)
    with pytest.raises(DatabaseError, match="'keep' is not dropped .drop_owner.: it owns acme--before-0123456789ab"):
        provision.plan(items, known, set())
