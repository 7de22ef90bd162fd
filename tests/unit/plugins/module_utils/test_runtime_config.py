# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import config, errors


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
        ({"LANGUAGE": "nl-NL"}, ("LANGUAGE is 'nl-NL'", "nl_NL")),
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


def test_module_list(env):
    assert config.load({**env, "MODULES": "sale, stock\nsale base"}).modules == ("base", "sale", "stock")


def test_server_wide_modules_are_wanted_and_loaded(env):
    settings = config.load({**env, "MODULES": "sale", "SERVER_WIDE_MODULES": "web,session_redis"})
    assert settings.modules == ("base", "sale", "web", "session_redis")
    assert "--load=web,session_redis" in settings.odoo_args()


@pytest.mark.parametrize("mode", config.MODES)
def test_which_modes_wait(env, mode):
    extra = {"DB_USER": "boss", "DB_CLIENT_PASSWORD": "x"} if mode == "Init" else {}
    settings = config.load({**env, "MODE": mode, **extra})
    assert settings.wait is (mode not in ("UpdateOnly", *config.FORCE_MODES))
    assert config.load({**env, "MODE": mode, "WAIT": "True", **extra}).wait is True


@pytest.mark.parametrize(
    ("text", "update"), [("", ("changed",)), ("all", ("all",)), ("none", ("none",)), ("sale, stock", ("sale", "stock"))]
)
def test_update(env, text, update):
    assert config.load({**env, "UPDATE": text}).update == update


def test_an_admin_role_makes_the_instances_own(env):
    settings = config.load(
        {**env, "MODE": "Init", "DB_USER": "boss", "DB_PASSWORD": "boss-secret", "DB_CLIENT_PASSWORD": "own-secret"}
    )
    assert (settings.db_user, settings.db_password) == ("acme", "own-secret")
    assert (settings.as_admin().db_user, settings.as_admin().db_password) == ("boss", "boss-secret")
    assert settings.user_variable == "DB_CLIENT_USER"
    assert settings.as_admin().user_variable == "DB_USER"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"UPDATE": "all,sale"}, ("UPDATE is 'all,sale'", "changed, all or none")),
        ({"UPDATE": "sa/le"}, ("UPDATE is 'sa/le'", "not a module name")),
        ({"LIST_DB": "True", "MODE": "UpdateOnly"}, ("LIST_DB is 'True'", "MODE=RunOnly only")),
        ({"LIST_DB": "maybe"}, ("LIST_DB is 'maybe'", "True or False")),
        ({"HOLDER_TIMEOUT": "-1"}, ("HOLDER_TIMEOUT is '-1'",)),
        ({"RESET_POLICY": "never"}, ("RESET_POLICY is 'never'", "safe, seed")),
        ({"HOOKS_DIR": "hooks"}, ("HOOKS_DIR is 'hooks'", "absolute")),
        ({"MODE": "RunOnly", "DB_CLIENT_USER": "x"}, ("DB_CLIENT_USER is 'x'", "InstallAndRun")),
        ({"MODE": "Init", "DB_USER": "boss"}, ("DB_CLIENT_PASSWORD_FILE is not set",)),
        ({"MODE": "Init", "DB_USER": "acme", "DB_CLIENT_PASSWORD": "x"}, ("DB_CLIENT_USER is 'acme'", "another role")),
        ({"MODE": "ForceReadyState", "REASON": "a\nb"}, ("REASON is", "one line")),
        ({"MODE": "RunOnly", "GO_AHEAD_TIMEOUT": "60"}, ("GO_AHEAD_TIMEOUT is '60'", "modes that end")),
        ({"MODE": "UpdateOnly", "GO_AHEAD_TIMEOUT": "long"}, ("GO_AHEAD_TIMEOUT is 'long'", "a number")),
    ],
)
def test_clear_errors_of_the_modes(env, extra, words):
    with pytest.raises(errors.ConfigError) as caught:
        config.load({**env, **extra})
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    "text", ["en_US:en", "en_US:", "nl_NL:nl:en", "C", "POSIX", "en", "en_US.UTF-8", "C.UTF-8", "de_DE.utf8@euro"]
)
def test_what_only_gettext_takes_is_no_language(env, text):
    assert config.load({**env, "LANGUAGE": text}).language == ""


@pytest.mark.parametrize("code", ["en_US", "nl_NL", "nl", "sr@latin", "es_419"])
def test_languages_of_odoo(env, code):
    assert config.load({**env, "LANGUAGE": code}).language == code
