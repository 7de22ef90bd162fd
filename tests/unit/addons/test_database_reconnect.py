# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the addon takes another connection and when it doesn't; with Odoo itself its own tests try that."""

from __future__ import annotations

import socket
import sys
import types

import psycopg2
import pytest
from psycopg2.extensions import STATUS_BEGIN, STATUS_READY


class Connection:
    def __init__(self):
        self.ours, self.servers = socket.socketpair()
        self.status, self.autocommit, self.closed = STATUS_READY, False, 0
        self.ends_with: Exception | None = None

    def fileno(self):
        return self.ours.fileno()

    def close(self):
        self.closed = 1


class Cursor:
    _closed = False

    def __init__(self):
        self._cnx, self._obj, self.dbname = Connection(), object(), "shop"

    def execute(self, query):
        if self._cnx.ends_with:
            self._cnx.closed = 2
            raise self._cnx.ends_with
        return f"{query} by {id(self._cnx)}"


@pytest.fixture
def reconnect(addon, monkeypatch):
    class Fresh(Cursor):  # of each test: the addon patches the class
        pass

    Fresh.execute = Cursor.execute
    sql_db = types.SimpleNamespace(Cursor=Fresh)
    compat = types.SimpleNamespace(cursor_like=lambda cursor: Fresh())
    monkeypatch.setattr(sys.modules["odoo"], "sql_db", sql_db, raising=False)
    monkeypatch.setattr(sys.modules["odoo.addons.odoo_cloud_compat"], "compat", compat, raising=False)
    monkeypatch.delitem(sys.modules, "odoo.addons.database_reconnect.cursor", raising=False)
    return Fresh, addon("database_reconnect.cursor").post_load


def test_not_in_a_process_that_holds_the_lock(reconnect, monkeypatch):
    cursor_class, post_load = reconnect
    monkeypatch.setenv("DATABASE_RECONNECT", "0")
    post_load()
    assert cursor_class.execute is Cursor.execute


def test_only_once(reconnect):
    cursor_class, post_load = reconnect
    post_load()
    patched = cursor_class.execute
    post_load()
    assert cursor_class.execute is patched is not Cursor.execute


@pytest.mark.parametrize("heard", [True, False], ids=["the server said goodbye", "it ends with the statement"])
def test_between_transactions_another_is_taken(reconnect, heard):
    cursor_class, post_load = reconnect
    post_load()
    cursor = cursor_class()
    first = cursor._cnx
    if heard:
        first.servers.close()
    else:
        first.ends_with = psycopg2.OperationalError("terminating connection due to administrator command")
    assert cursor.execute("SELECT 1") == f"SELECT 1 by {id(cursor._cnx)}"
    assert cursor._cnx is not first and first.closed and not cursor._closed


@pytest.mark.parametrize(
    "what",
    [{"status": STATUS_BEGIN}, {"autocommit": True}, {"closed": 1}],
    ids=["in a transaction", "in autocommit mode", "closed by Odoo itself"],
)
def test_else_it_stays(reconnect, what):
    cursor_class, post_load = reconnect
    post_load()
    cursor = cursor_class()
    first = cursor._cnx
    first.servers.close()
    for name, value in what.items():
        setattr(first, name, value)
    assert cursor.execute("SELECT 1") == f"SELECT 1 by {id(first)}" and cursor._cnx is first


def test_another_error_is_told(reconnect):
    cursor_class, post_load = reconnect
    post_load()
    cursor = cursor_class()

    def refused(self, query):
        raise psycopg2.OperationalError("canceling statement due to lock timeout")

    cursor_class.execute = refused
    post_load()
    first = cursor._cnx
    with pytest.raises(psycopg2.OperationalError, match="lock timeout"):
        cursor.execute("SELECT 1")
    assert cursor._cnx is first
