# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import config, errors
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import pg
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.run import launch


@pytest.fixture
def settings(tmp_path):
    conf = tmp_path / "odoo.conf"
    conf.write_text("[options]\ndb_user = acme\ndb_name = acme\n")
    return config.load({"ODOO_RC": str(conf), "ODOO_VERSION": "19", "DB_PASSWORD": "a:b\\c"})


def test_passfile(settings, tmp_path, monkeypatch):
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(pg, "private_folder", lambda: str(folder))
    path = pg.write_passfile(settings)
    with open(path, encoding="utf-8") as handle:
        assert handle.read() == "*:*:*:acme:a\\:b\\\\c\n"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(folder) == ["pgpass-" + settings.db_user]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ('FATAL:  password authentication failed for user "acme"', errors.AuthenticationFailed),
        ('FATAL:  role "acme" does not exist', errors.AuthenticationFailed),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.2", user "acme"', errors.AuthenticationFailed),
        ("fe_sendauth: no password supplied", errors.AuthenticationFailed),
        ('FATAL:  database "acme" does not exist', errors.DatabaseMissing),
        ("Connection refused. Is the server running on that host?", None),
        ("FATAL:  the database system is starting up", None),
        ("FATAL:  sorry, too many clients already", None),
    ],
)
def test_refusals_are_told_apart(message, kind):
    assert pg.classify(message, "acme", "acme") is kind


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('password authentication failed for user "acme"', 77),
        ("Connection refused", 69),
        ('database "postgres" does not exist', 68),
    ],
)
def test_waiting_for_the_server_has_a_limit_and_a_code_of_its_own(settings, monkeypatch, capsys, message, code):
    psycopg2 = pytest.importorskip("psycopg2")

    def refuse(*_args):
        raise psycopg2.OperationalError(message)

    monkeypatch.setattr(pg, "connect", refuse)
    clock = Clock()
    with pytest.raises(errors.RuntimeFailure) as caught:
        pg.wait_for_server(settings, "test", clock, clock.sleep)
    assert caught.value.exit_code == code
    assert 120 <= clock.now < 130
    lines = capsys.readouterr().err.splitlines()
    assert 10 < len(lines) < 30, "progress every few seconds"
    assert message.split()[0] in lines[0]


def test_what_is_ours_does_not_reach_odoo(settings):
    env = {
        "PATH": "/usr/bin",
        "HOME": "/",
        "MODE": "RunOnly",
        "DB_PASSWORD": "s",
        "DB_PASSWORD_FILE": "/run/secrets/x",
        "ADMIN_PASSWORD": "t",
        "LANGUAGE": "nl_NL",
        "PGPASSWORD": "u",
        "SERVER_ENV": "prod",
        "PYTHONPATH": os.pathsep.join([launch.runtime_folder(), "/srv/lib"]),
    }
    assert launch.odoo_environment(env, settings, "/dev/shm/x/pgpass") == {
        "PATH": "/usr/bin",
        "HOME": "/srv/odoo",
        "SERVER_ENV": "prod",
        "PYTHONPATH": "/srv/lib",
        "PGPASSFILE": "/dev/shm/x/pgpass",
        "ODOO_RC": settings.odoo_rc,
    }
    assert "PYTHONPATH" not in launch.odoo_environment({"PYTHONPATH": launch.runtime_folder()}, settings, None)


def test_a_transaction_pooler_is_refused(settings, monkeypatch):
    """Through one, the backend that answers is another one than the backend connected to, and a session lock is void."""
    closed = []

    class Cursor:
        def __enter__(self):
            return self

        def __exit__(self, *_args):
            pass

        def execute(self, _query):
            pass

        def fetchone(self):
            return (4711,)

    class Connection:
        server_version = 170000
        info = type("Info", (), {"backend_pid": 4711})
        autocommit = False

        def cursor(self):
            return Cursor()

        def close(self):
            closed.append(1)

    monkeypatch.setattr(pg, "psycopg2", type("Psycopg2", (), {"connect": staticmethod(lambda **_args: Connection())}))
    assert pg.connect(settings, "postgres", "x").autocommit
    Connection.info.backend_pid = 1
    with pytest.raises(errors.PoolerRefused, match="transaction pooler"):
        pg.connect(settings, "postgres", "x")
    assert closed == [1]
