# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of an instance's containers, and that they are right by the rules in every environment."""

from __future__ import annotations

import json

import pytest
from instance_tools import make

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import instance as _instance
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import stateless as _stateless
from ansible_collections.odoo_cloud.platform.plugins.module_utils._preflight import stateless
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.rules import environment as cloud_platform
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store import s3_policy

REDIS = {"url": "", "host": "redis", "port": 6379, "tls": False, "ca": ""}
STORAGE = {"endpoint": "http://swift:8080", "region": "us-east-1"}


def instance(environment="prod", **settings):
    return make("acme", environment, **settings)


def variables(environment="prod", redis=REDIS, storage=STORAGE, **settings):
    return _stateless.variables(instance(environment, **settings), redis, storage)


def test_the_demo_is_stateless():
    found = variables()
    assert found == {
        "RUNNING_ENV": "prod",
        "ODOO_CLOUD_PROJECT": "acme",
        "ODOO_CLOUD_PLATFORM_KIND": "exoscale",
        "HEALTH_PATH": "/monitoring/readiness",
        "ODOO_SESSION_REDIS": "1",
        "ODOO_SESSION_REDIS_HOST": "redis",
        "ODOO_SESSION_REDIS_PORT": "6379",
        "ODOO_SESSION_REDIS_USERNAME": "acme",
        "ODOO_SESSION_REDIS_PASSWORD_FILE": "/run/secrets/redis_password",
        "ODOO_SESSION_REDIS_PREFIX": "acme-odoo-prod",
        "AWS_HOST": "http://swift:8080",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID_FILE": "/run/secrets/s3_access_key",
        "AWS_SECRET_ACCESS_KEY_FILE": "/run/secrets/s3_secret_key",
        "AWS_BUCKETNAME": "acme-odoo-prod",
    }


@pytest.mark.parametrize("environment", ["prod", "integration", "labs-next", "labs", "test", "dev"])
@pytest.mark.parametrize("kind", ["exoscale", "ovh"])
def test_what_the_role_makes_is_right_by_the_rules(environment, kind):
    made = instance(environment, odoo_platform_kind=kind)
    arguments = stateless.arguments([made], REDIS, STORAGE)
    assert stateless.rule_problems(arguments[0]) == []
    assert made.modules == ("base", f"cloud_platform_{kind}")
    assert made.server_wide_modules == ("database_reconnect", "session_redis", "logging_json", "mail_route")


@pytest.mark.parametrize(
    ("settings", "storage", "address"),
    [
        ({}, STORAGE, "http://swift:8080"),
        ({"odoo_s3_endpoint": "https://s3.example.com/path"}, STORAGE, "https://s3.example.com"),
        ({}, {"endpoint": "", "region": "us-east-1"}, "https://s3.amazonaws.com"),
        ({"odoo_s3_region": "eu-central-1"}, {"endpoint": ""}, "https://s3.eu-central-1.amazonaws.com"),
        ({"odoo_platform_kind": "ovh"}, STORAGE, "http://swift:8080"),
        ({"odoo_platform_kind": "ovh", "odoo_swift_auth_url": "https://auth.example.com/v3"}, STORAGE, ""),
        ({"odoo_direct_download_bytes": 0}, STORAGE, ""),
        ({"odoo_stateless": False}, STORAGE, ""),
    ],
)
def test_which_store_nginx_may_ask(settings, storage, address):
    made = instance(**settings)
    assert _stateless.sites([made], storage) == [{**made.site.to_dict(), "store": address}]


def test_from_which_size_on_files_go_past_odoo():
    assert "ODOO_DIRECT_DOWNLOAD_BYTES" not in variables()
    assert variables(odoo_direct_download_bytes=5)["ODOO_DIRECT_DOWNLOAD_BYTES"] == "5"
    assert variables(odoo_direct_download_bytes="5k")["ODOO_DIRECT_DOWNLOAD_BYTES"] == "5120"
    assert "ODOO_DIRECT_DOWNLOAD_BYTES" not in variables(odoo_direct_download_bytes="1m")
    with pytest.raises(_instance.InventoryError, match="odoo_direct_download_bytes='much'.*give a number of bytes"):
        instance(odoo_direct_download_bytes="much")


def test_no_variable_holds_a_secret():
    made = instance(odoo_metrics=True, odoo_metrics_token="token-of-the-scraper", odoo_platform_kind="ovh")
    found = _stateless.variables(made, REDIS, STORAGE)
    secrets = set(made.secret_files.values())
    assert len(secrets) == 3
    assert not secrets & set(found.values())
    for name in made.secret_files:
        assert f"/run/secrets/{name}" in found.values()


def test_swift():
    found = variables(odoo_platform_kind="ovh")
    assert found["SWIFT_AUTH_URL"] == "http://swift:8080/auth/v1.0"
    assert found["SWIFT_ACCOUNT"] == "acme:odoo"
    assert found["SWIFT_WRITE_CONTAINER"] == "acme-odoo-prod"
    assert "AWS_BUCKETNAME" not in found


def test_redis_elsewhere():
    remote = variables(redis={"host": "redis", "port": 7000, "tls": True, "ca": "PEM", "url": ""})
    assert (remote["ODOO_SESSION_REDIS_SSL"], remote["ODOO_SESSION_REDIS_PORT"]) == ("1", "7000")
    assert remote["ODOO_SESSION_REDIS_SSL_CA_CERTS"] == "/run/secrets/redis_ca.pem"
    external = variables(redis={"url": "rediss://cache.example.com:6379/0", "host": "redis", "port": 6379})
    assert external["ODOO_SESSION_REDIS_URL"] == "rediss://cache.example.com:6379/0"
    assert "ODOO_SESSION_REDIS_HOST" not in external


def test_a_test_environment_has_shorter_sessions():
    assert variables("test")["ODOO_SESSION_REDIS_EXPIRATION"] == "86400"
    assert variables("test", odoo_session_expiration=60)["ODOO_SESSION_REDIS_EXPIRATION"] == "60"
    assert "ODOO_SESSION_REDIS_EXPIRATION" not in variables("prod")


def test_logs_and_metrics_are_choices_of_their_own():
    made = instance(odoo_stateless="off", odoo_logging_json="yes", odoo_metrics="on", odoo_log_requests=True)
    assert made.modules == ("base", "monitoring_log_requests")
    assert made.server_wide_modules == (
        "database_reconnect", "logging_json", "monitoring_prometheus", "mail_route",
    )  # fmt: skip
    assert _stateless.variables(made, REDIS, STORAGE) == {"ODOO_LOGGING_JSON": "1"}
    assert variables(odoo_statsd_host="statsd")["STATSD_CUSTOMER"] == "acme"


def test_switched_off_nothing_of_it_is_there():
    made = instance(odoo_stateless=False)
    assert made.modules == ("base",) and made.server_wide_modules == ("database_reconnect", "mail_route")
    assert made.secret_files == {}
    assert _stateless.variables(made, REDIS, STORAGE) == {}
    assert stateless.arguments([made], REDIS, STORAGE) == []


def test_odoo_env_wins():
    found = variables(odoo_env={"AWS_USE_IRSA": True, "AWS_HOST": ""})
    assert found["AWS_USE_IRSA"] == "1" and "AWS_HOST" not in found


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"odoo_stateless": "maybe"}, "odoo_stateless='maybe' of instance 'acme': give true or false"),
        ({"odoo_metrics": "2"}, "odoo_metrics='2' of instance 'acme': give true or false"),
        (
            {"odoo_platform_kind": "azure"},
            "odoo_platform_kind='azure' of instance 'acme': give exoscale (s3) or ovh (swift)",
        ),
        (
            {"odoo_session_expiration": "1 week"},
            "odoo_session_expiration='1 week' of instance 'acme': give a whole number, 1 or more",
        ),
        (
            {"odoo_s3_endpoint": "s3.example.com"},
            "odoo_s3_endpoint='s3.example.com' of instance 'acme': give an address such as https://s3.example.com",
        ),
        (
            {"odoo_env": {"AWS_SECRET_ACCESS_KEY": "abc"}},
            "odoo_env: AWS_SECRET_ACCESS_KEY='********' of instance 'acme': a secret doesn't belong there; give AWS_SECRET_ACCESS_KEY_FILE",
        ),
        (
            {"odoo_conf": {"server_wide_modules": "base,web,mail_route"}},
            "odoo_conf: server_wide_modules='base,web,mail_route' of instance 'acme': session_redis must be in it;"
            " odoo_server_wide_modules adds to it",
        ),
        (
            {"odoo_env": ["A"]},
            "odoo_env=['A'] of instance 'acme': give a dictionary of environment variables such as {LC_ALL: C.UTF-8}",
        ),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(_instance.InventoryError) as caught:
        instance(**settings)
    assert caught.value.problems == [message]


def test_policy_allows_one_bucket_and_reading_of_named_others():
    document = json.loads(s3_policy.policy("acme-odoo-integration", ["acme-odoo-prod"]))
    resources = {one["Sid"]: one for one in document["Statement"]}
    assert resources["OwnObjects"]["Resource"] == ["arn:aws:s3:::acme-odoo-integration/*"]
    assert "s3:DeleteObject" in resources["OwnObjects"]["Action"]
    assert resources["OthersObjects"]["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    everything = json.dumps(document)
    assert '"*"' not in everything and "s3:*" not in everything and "CreateBucket" not in everything


def test_rules_name_the_variable_of_an_unknown_kind():
    assert cloud_platform.set_up_problems("azure", "prod", {}) == [
        "ODOO_CLOUD_PLATFORM_KIND is 'azure': must be one of exoscale, ovh"
    ]
