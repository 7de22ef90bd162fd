# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What boot.py changes of Odoo, on stand-ins for the classes of Odoo and psycopg2."""

from __future__ import annotations

import sys
import types

import pytest

psycopg2 = pytest.importorskip("psycopg2")
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.boot import child as boot_child  # noqa: E402


class Odoo:
    def __init__(self):
        self.updating, self.listed = False, False


@pytest.fixture
def looks(monkeypatch):
    """How often all manifests were looked at, by a class of the name that 14 has."""
    found = []

    class Module:
        def update_list(self):
            found.append(self)
            return [1, 2]

    models = types.ModuleType("odoo.addons.base.models.ir_module")
    models.Module = Module
    monkeypatch.setitem(sys.modules, models.__name__, models)
    odoo = Odoo()
    boot_child.patch_module_list(odoo)
    return odoo, Module, found


def test_the_list_of_modules_is_updated_once_in_a_load(looks):
    odoo, module, found = looks
    odoo.updating = True
    assert module().update_list() == [1, 2]
    assert module().update_list() == [0, 0]
    assert len(found) == 1
    odoo.listed = False  # the next load begins, as Odoo.changing() has it
    assert module().update_list() == [1, 2]
    assert len(found) == 2


def test_a_song_that_updates_the_list_does_it_each_time(looks):
    _odoo, module, found = looks
    assert [module().update_list(), module().update_list()] == [[1, 2], [1, 2]]
    assert len(found) == 2


def test_a_load_begins_with_a_list_that_was_not_updated():
    odoo = Odoo()
    odoo.listed = True
    with boot_child.Odoo.changing(odoo):
        assert (odoo.updating, odoo.listed) == (True, False)
    assert not odoo.updating


class Fence:
    database = "db"

    def __init__(self):
        self.events = types.SimpleNamespace(send=lambda *_args, **_values: None)

    def check(self, _connection, _table):
        pass


class Connection:
    """What psycopg2 makes, with `dsn` as a property of the class."""

    def __init__(self, values):
        self.given = values
        self.info = types.SimpleNamespace(dbname="db")

    @property
    def dsn(self):
        return "what it was opened with"

    def rollback(self):
        pass


def test_a_pool_finds_its_connections_again(monkeypatch):
    made = []

    def connect(*_args, connection_factory, **values):
        made.append(values)
        return connection_factory(values)

    monkeypatch.setattr(psycopg2, "connect", connect)
    boot_child.guard_connections(Fence(), "our name", 19)
    asked = {"database": "db", "user": "odoo", "application_name": "odoo-7", "password": "secret"}
    connection = psycopg2.connect(connection_factory=Connection, **asked)
    assert made[0]["application_name"] == "our name" and "tcp_user_timeout" in made[0]["options"]
    # As Odoo 16 to 19 compare: keyword for keyword, `database` being libpq's `dbname`, but for the password.
    said = psycopg2.extensions.parse_dsn(connection.dsn)
    assert said == {"dbname": "db", "user": "odoo", "application_name": "odoo-7"}
    assert type(psycopg2.connect(connection_factory=Connection, **asked)) is type(connection)
