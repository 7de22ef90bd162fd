# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime import config, errors


@pytest.fixture
def env(tmp_path):
    conf = tmp_path / "odoo.conf"
    conf.write_text(
        "[options]\ndb_host = /run/pg\ndb_user = acme\ndb_name = acme\ndb_port = 5433\ndb_password = False\n"
    )
    return {"ODOO_RC": str(conf), "ODOO_VERSION": "19"}


def test_defaults(env):
    settings = config.load(env)
    assert settings.mode == "InstallAndRun"
    assert (settings.db_host, settings.db_port, settings.db_user, settings.db_name) == ("/run/pg", 5433, "acme", "acme")
    assert settings.db_maintenance == "postgres"
    assert settings.db_wait_timeout == 120
    assert settings.timeout == 1800
    assert settings.modules == ("base",)
    assert settings.admin_login == "admin"
    assert settings.admin_password is None
    assert settings.instance == "acme"


def test_secret_file_wins_and_stays_hidden(env, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("from: file\n")
    settings = config.load(
        {**env, "DB_PASSWORD": "from-env", "DB_PASSWORD_FILE": str(secret), "ADMIN_PASSWORD": "plain"}
    )
    assert settings.db_password == "from: file"
    assert settings.admin_password == "plain"
    assert "from: file" not in repr(settings)
    assert "plain" not in repr(settings)
    assert not any("from: file" in item for item in settings.odoo_args())


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"MODE": "Update"}, ("MODE is 'Update'", "InstallAndRun, UpdateOnly")),
        ({"ODOO_VERSION": "13"}, ("ODOO_VERSION is '13'", "14, 15")),
        ({"ODOO_VERSION": ""}, ("ODOO_VERSION is ''",)),
        ({"TIMEOUT": "soon"}, ("TIMEOUT is 'soon'", "number")),
        ({"TIMEOUT": "nan"}, ("TIMEOUT is 'nan'",)),
        ({"DB_WAIT_TIMEOUT": "-1"}, ("DB_WAIT_TIMEOUT is '-1'",)),
        ({"DB_NAME": "other"}, ("DB_NAME is 'other'", "db_name in")),
        ({"DB_PORT": "5432"}, ("DB_PORT is '5432'", "5433")),
        ({"MODULES": "base,sa le;x"}, ("MODULES is", "'le;x'")),
        ({"DB_SSLMODE": "yes"}, ("DB_SSLMODE is 'yes'", "verify-full")),
        ({"BASE_URL": "shop.example.com"}, ("BASE_URL is 'shop.example.com'", "https://")),
        ({"LANGUAGE": "Dutch"}, ("LANGUAGE is 'Dutch'", "nl_NL")),
        ({"DB_PASSWORD_FILE": "/nonexistent/secret"}, ("DB_PASSWORD_FILE is '/nonexistent/secret'", "cannot be read")),
        ({"STATIC_DIR": "static"}, ("STATIC_DIR is 'static'", "absolute")),
        ({"INSTANCE": "../x"}, ("INSTANCE is '../x'",)),
        ({"HTTP_PORT": "http"}, ("HTTP_PORT is 'http'",)),
        ({"ODOO_RC": "/nonexistent/odoo.conf"}, ("ODOO_RC is '/nonexistent/odoo.conf'",)),
    ],
)
def test_clear_errors(env, extra, words):
    with pytest.raises(errors.ConfigError) as caught:
        config.load({**env, **extra})
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 78


def test_a_password_in_odoo_conf_is_refused_and_not_repeated(env, tmp_path):
    conf = tmp_path / "odoo.conf"
    conf.write_text("[options]\ndb_name = acme\ndb_user = acme\ndb_password = hunter2\n")
    with pytest.raises(errors.ConfigError) as caught:
        config.load(env)
    assert "hunter2" not in str(caught.value)


def test_an_unknown_ca_is_named(env, tmp_path):
    conf = tmp_path / "odoo.conf"
    conf.write_text("[options]\ndb_name = acme\ndb_user = acme\ndb_host = db\n")
    with pytest.raises(errors.ConfigError, match="DB_SSLROOTCERT"):
        config.load({**env, "DB_SSLMODE": "verify-full"})


def test_odoo_is_told_only_what_its_file_does_not_say(env):
    args = config.load({**env, "DB_SSLMODE": "require"}).odoo_args()
    assert args[:2] == ["-c", env["ODOO_RC"]]
    assert "--db_sslmode=require" in args
    assert not any(item.startswith(("--db_host", "--db_user", "--database", "--db_port")) for item in args)


def test_module_list():
    assert config.module_list("sale, stock\nsale base") == ("base", "sale", "stock")
