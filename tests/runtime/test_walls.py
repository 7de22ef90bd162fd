# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance's role tries in the proof of the walls (tests/prove/walls), here without a platform: roles and databases as
odoo_database makes them."""

from __future__ import annotations

import importlib.util
import pathlib
import re

import psycopg2
import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import database
from ansible_collections.odoo_cloud.platform.plugins.modules import odoo_database

FILE = pathlib.Path(__file__).parents[1] / "prove" / "walls" / "database_attempts.py"
_spec = importlib.util.spec_from_file_location("database_attempts", FILE)
tries = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tries)


@pytest.fixture
def words(server, name):
    """Two instances, of which the first one has a restore point."""
    me, other, admin = f"{name}_me", f"{name}_other", f"{name}_admin"
    server.execute(f'CREATE ROLE "{admin}" LOGIN CREATEROLE CREATEDB')
    params = {
        **{key: option.get("default") for key, option in database.CONNECTION_SPEC.items()},
        "login_host": str(server.folder),
        "login_port": server.port,
        "login_user": admin,
        "may_be_absent": False,
        "collect_refused": False,
        "databases": [{"name": one, "keeper": f"{one}_keeper", "lock": f"{one}--lock"} for one in (me, other)],
    }
    odoo_database.ensure(params, False)
    point = f"{me}--before-0123456789ab"
    server.execute(f'CREATE DATABASE "{point}" OWNER "{me}" ALLOW_CONNECTIONS false')
    server.execute(f'REVOKE ALL ON DATABASE "{point}" FROM PUBLIC')
    odoo_database.ensure(params, False)  # gives it to the keeper
    return {"me": me, "other": other, "admin": admin, "point": point, "touched": "/tmp/planted-by-tests"}


def run(server, words, where, statement):
    connection = server.connect(where.format(**words), words["me"])
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement.format(**words))
            return [row for row in cursor.fetchall() if row[0]] if cursor.description else ["no error"]
    finally:
        connection.close()


def test_every_attempt_is_refused(server, words, connect):
    connect(words["other"], words["other"])  # somebody whose sessions could be ended
    connect(f"{words['me']}--lock", f"{words['me']}_keeper")
    run(server, words, "{me}", tries.READY)
    done = []
    for what, where, statement in tries.STATEMENTS:
        try:
            done += [(what, row) for row in run(server, words, where, statement)]
        except psycopg2.Error as exc:
            sign = str(exc)
            print(f"{what}: {sign.splitlines()[0]}")
            refused = (
                "permission denied",
                "must be ",
                "must have ",
                "not currently accepting connections",
                "is not trusted",
                "is not available",
            )
            refused += (
                "only superusers",
                "Only roles with",
                "cannot be",
                "could not open extension",
                "is being accessed",
                "not allowed",
            )
            if not any(one in sign for one in refused):
                done.append((what, sign))
    assert done == []


def test_every_trap_can_be_planted(server, words):
    """They are real: the database takes them, with Odoo's tables and ours in it."""
    run(server, words, "{me}", tries.PLANTED)
    run(
        server,
        words,
        "{me}",
        "CREATE TABLE ir_module_module (name varchar, state varchar); CREATE TABLE ir_config_parameter (key varchar, value text);"
        "CREATE TABLE res_users (login varchar); CREATE TABLE ir_model_data (name varchar); CREATE TABLE res_lang (code varchar);"
        "CREATE TABLE ir_attachment (id int); CREATE TABLE ir_cron (id int);"
        "CREATE TABLE odoo_cloud_module (name varchar PRIMARY KEY); CREATE TABLE curq_state_history (id serial PRIMARY KEY, state"
        " varchar, write_date timestamptz DEFAULT now(), actor varchar, detail text, token bigint, run_id varchar)",
    )
    for _kind, statements in tries.TRAPS:
        run(server, words, "{me}", statements)
    names = re.findall(r"planted\('([^']+)'\)", " ".join(statements for _kind, statements in tries.TRAPS))
    assert len(names) == len(set(names)), "each trap tells the server's log a name of its own"
    for _what, statements in tries.HISTORIES:
        run(server, words, "{me}", statements + "; DROP TABLE IF EXISTS kept CASCADE") if "kept" in statements else None
