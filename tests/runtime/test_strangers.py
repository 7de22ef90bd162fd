# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the runtime while somebody holds the key of their lock who may not, or who knows no lock database."""

from __future__ import annotations

import pytest
from test_modes import place, ready, write_addons  # noqa: F401 - fixtures

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import lock


@pytest.fixture
def lock_database(server, name):
    server.execute(f'CREATE DATABASE "{name}--lock"')
    server.execute(
        f'REVOKE CONNECT ON DATABASE "{name}--lock" FROM PUBLIC; GRANT CONNECT ON DATABASE "{name}--lock" TO "{name}"'
    )
    return f"{name}--lock"


@pytest.fixture
def stranger(server, name, connect):
    server.execute(f'CREATE ROLE "{name}_stranger" LOGIN')
    connection = connect("postgres", f"{name}_stranger", name="odoo-cloud UpdateOnly run=feedc0de0001 host=h")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", lock.lock_keys(name))
    return connection


def test_a_stranger_in_the_maintenance_database_is_named_and_the_wait_ends(ready, stranger, name):  # noqa: F811
    write_addons(ready.addons, "2.0")
    said = f"its lock is held by a session that isn't entitled to it: role '{name}_stranger'"
    assert said in ready.run("UpdateOnly", expect=74)
    output = ready.run("UpdateOnly", WAIT="True", TIMEOUT="0.03", expect=75)
    assert said in output
    assert "works on it" not in output


def test_a_stranger_is_no_matter_with_a_lock_database(ready, stranger, lock_database):  # noqa: F811
    write_addons(ready.addons, "2.0")
    ready.run("UpdateOnly", DB_MAINTENANCE=lock_database)
    assert ready.version("till") == ("installed", "14.0.2.0")
    stranger.cursor().execute("SELECT 1")


def test_a_run_that_knows_no_lock_database_is_waited_for(ready, lock_database, name, connect):  # noqa: F811
    write_addons(ready.addons, "2.0")
    old = connect("postgres", name, name="odoo-cloud UpdateOnly run=feedc0de0002 host=old")
    with old.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", lock.lock_keys(name))
    assert "host=old" in ready.run("UpdateOnly", DB_MAINTENANCE=lock_database, expect=74)
    waiter = ready.start("UpdateOnly", DB_MAINTENANCE=lock_database, WAIT="True")
    with pytest.raises(Exception, match="timed out"):
        waiter.communicate(timeout=3)
    assert ready.states() == ["Creating", "Ready"]
    old.close()
    waiter.communicate(timeout=60)
    assert waiter.returncode == 0
    assert ready.states() == ["Creating", "Ready", "Updating", "Ready"]
