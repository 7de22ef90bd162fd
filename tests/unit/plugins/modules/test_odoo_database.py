# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import provision
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import database
from ansible_collections.odoo_cloud.platform.plugins.modules import odoo_database

PARAMS = {
    "login_host": "/nonexistent",
    "login_port": 5432,
    "login_user": "postgres",
    "login_password": "admin-secret",
    "login_db": "postgres",
    "ssl_mode": "prefer",
    "ssl_rootcert": None,
    "may_be_absent": False,
    "collect_refused": False,
    "databases": [{"name": "acme", "password": "role-secret"}],
}


class Connection:
    closed = False

    def close(self):
        self.closed = True


@pytest.fixture
def server(monkeypatch):
    connection = Connection()
    done = []
    monkeypatch.setattr(database, "open_server", lambda params: connection)
    monkeypatch.setattr(provision, "read_facts", lambda *args: provision.Facts())
    monkeypatch.setattr(
        provision,
        "apply",
        lambda _connection, statements, *_more: done.extend(statements) or [item.shown for item in statements],
    )
    return connection, done


def test_check_mode_tells_the_same_and_runs_nothing(server):
    connection, done = server
    checked = odoo_database.ensure(PARAMS, check_mode=True)
    assert done == []
    real = odoo_database.ensure(PARAMS, check_mode=False)
    assert len(done) == 3
    assert checked == real
    assert checked["changed"]
    assert connection.closed
    assert "secret" not in repr(real)


def unreachable(params):
    raise database.ServerUnreachable("login_host is '/nonexistent': PostgreSQL does not answer")


def test_a_server_that_is_still_to_be_made(monkeypatch):
    monkeypatch.setattr(database, "open_server", unreachable)
    result = odoo_database.ensure({**PARAMS, "may_be_absent": True}, check_mode=True)
    assert result["changed"]
    assert len(result["executed_queries"]) == 3
    assert result["diff"]["before"]["databases"] == {"acme": None}
    for params, check_mode in ((PARAMS, True), ({**PARAMS, "may_be_absent": True}, False)):
        with pytest.raises(database.ServerUnreachable):
            odoo_database.ensure(params, check_mode)


def test_a_wrong_login_is_never_taken_for_an_absent_server(monkeypatch):
    def refuse(params):
        raise provision.DatabaseError("login_user is 'postgres': cannot connect")

    monkeypatch.setattr(database, "open_server", refuse)
    with pytest.raises(provision.DatabaseError):
        odoo_database.ensure({**PARAMS, "may_be_absent": True}, check_mode=True)


def test_a_role_that_cannot_log_in_gets_its_password_without_a_try(monkeypatch):
    monkeypatch.setattr(database, "password_is_right", lambda *args: pytest.fail("no try"))
    wanted = database.parse_wanted(PARAMS["databases"], "postgres")
    facts = provision.Facts(roles={"acme": {"login": False, "expired": False}})
    assert odoo_database.wrong_passwords(None, PARAMS, facts, wanted) == {"acme"}
