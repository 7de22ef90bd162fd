# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule: a right and a wrong set-up, and the exact sentence."""

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.rules import environment as rules

REDIS = {
    "ODOO_SESSION_REDIS": "1",
    "ODOO_SESSION_REDIS_HOST": "redis",
    "ODOO_SESSION_REDIS_PREFIX": "acme-odoo-{env}",
}
S3 = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_BUCKETNAME": "acme-odoo-{env}"}
SWIFT = {
    "SWIFT_AUTH_URL": "https://auth/v3",
    "SWIFT_ACCOUNT": "a",
    "SWIFT_PASSWORD": "b",
    "SWIFT_WRITE_CONTAINER": "acme-odoo-{env}",
}


def setup(environment, *parts, **changes):
    """The variables of a right set-up, with changes; None takes one away."""
    env = {name: value.format(env=environment) for part in parts for name, value in part.items()}
    env.update(changes)
    return {name: value for name, value in env.items() if value is not None}


@pytest.mark.parametrize("environment", ["prod", "integration", "labs-next", "labs_next", "labs"])
@pytest.mark.parametrize(("kind", "location", "store"), [("exoscale", "s3", S3), ("ovh", "swift", SWIFT)])
def test_right(environment, kind, location, store):
    assert rules.location_for(kind, environment) == location
    rules.check(kind, environment, location, setup(environment, REDIS, store))


@pytest.mark.parametrize("kind", ["exoscale", "ovh"])
def test_right_in_test_and_dev(kind):
    assert rules.location_for(kind, "test") == rules.location_for(kind, "dev") == "db"
    rules.check(kind, "test", "db", setup("test", REDIS))
    rules.check(kind, "dev", "db", {})
    rules.check(kind, "dev", "file", {})
    rules.check(kind, "labs-1", "db", setup("labs-1", REDIS))


@pytest.mark.parametrize(
    ("environment", "location", "changes", "sentence"),
    [
        (
            "prod",
            "file",
            {},
            "ir_attachment.location is 'file': in prod attachments of kind 'exoscale' must be in 's3';"
            " env['cloud.platform'].install() sets this",
        ),
        (
            "integration",
            "",
            {},
            "ir_attachment.location is 'file': in integration attachments of kind 'exoscale' must be in 's3';"
            " env['cloud.platform'].install() sets this",
        ),
        (
            "integration",
            "swift",
            {},
            "ir_attachment.location is 'swift': in integration attachments of kind 'exoscale' must be in 's3';"
            " env['cloud.platform'].install() sets this",
        ),
        (
            "test",
            "file",
            {},
            "ir_attachment.location is 'file': in test attachments must be in the database ('db');"
            " env['cloud.platform'].install() sets this",
        ),
        (
            "prod",
            "s3",
            {"AWS_ACCESS_KEY_ID": None},
            "AWS_ACCESS_KEY_ID is not set: it is needed when ir_attachment.location is 's3'",
        ),
        (
            "labs-1",
            "s3",
            {"AWS_SECRET_ACCESS_KEY": ""},
            "AWS_SECRET_ACCESS_KEY is not set: it is needed when ir_attachment.location is 's3'",
        ),
        ("prod", "s3", {"AWS_BUCKETNAME": None}, "AWS_BUCKETNAME is not set: it must name the bucket of prod"),
        ("labs-1", "s3", {"AWS_BUCKETNAME": ""}, "AWS_BUCKETNAME is not set: it must name the bucket of labs-1"),
        (
            "prod",
            "s3",
            {"AWS_BUCKETNAME": "acme-odoo-integration"},
            "AWS_BUCKETNAME is 'acme-odoo-integration': in prod it must be '<project>-odoo-prod'",
        ),
        (
            "prod",
            "s3",
            {"AWS_BUCKETNAME": "Acme-odoo-prod"},
            "AWS_BUCKETNAME is 'Acme-odoo-prod': in prod it must be '<project>-odoo-prod'",
        ),
        *(
            (
                environment,
                "s3",
                {"AWS_BUCKETNAME": bucket},
                f"AWS_BUCKETNAME is '{bucket}': only prod may write to a bucket that begins with '<project>-odoo-prod';"
                f" name {environment}'s own bucket, the files of production are read from where they are",
            )
            for environment in ("integration", "labs-1", "dev")
            for bucket in ("acme-odoo-prod", "acme-odoo-prod-copy")
        ),
        (
            "prod",
            "s3",
            {"ODOO_SESSION_REDIS": "0"},
            "ODOO_SESSION_REDIS is not 1: in prod sessions must be in Redis",
        ),
        (
            "test",
            "db",
            {"ODOO_SESSION_REDIS": None},
            "ODOO_SESSION_REDIS is not 1: in test sessions must be in Redis",
        ),
        (
            "labs-1",
            "db",
            {"ODOO_SESSION_REDIS_HOST": None},
            "none of ODOO_SESSION_REDIS_HOST, ODOO_SESSION_REDIS_SENTINEL_HOST, ODOO_SESSION_REDIS_URL is set:"
            " one must say where Redis is",
        ),
        (
            "integration",
            "s3",
            {"ODOO_SESSION_REDIS_PREFIX": None},
            "ODOO_SESSION_REDIS_PREFIX is not set: it must be '<project>-odoo-<environment>'",
        ),
        (
            "integration",
            "s3",
            {"ODOO_SESSION_REDIS_PREFIX": "acme"},
            "ODOO_SESSION_REDIS_PREFIX is 'acme': must be '<project>-odoo-<environment>'",
        ),
        (
            "integration",
            "s3",
            {"ODOO_SESSION_REDIS_PREFIX": "acme-odoo-prod"},
            "ODOO_SESSION_REDIS_PREFIX is 'acme-odoo-prod': in integration it must not be another environment's",
        ),
        (
            "prod",
            "s3",
            {"ODOO_SESSION_REDIS_PREFIX": "acme-odoo-integration"},
            "ODOO_SESSION_REDIS_PREFIX is 'acme-odoo-integration': in prod it must not be another environment's",
        ),
        ("staging", "db", {}, "RUNNING_ENV is 'staging': must be one of prod, integration, labs-*, test, dev"),
        ("", "db", {}, "RUNNING_ENV is '': must be one of prod, integration, labs-*, test, dev"),
    ],
)
def test_wrong(environment, location, changes, sentence):
    env = setup(environment or "dev", REDIS, S3, **changes)
    assert rules.problems("exoscale", environment, location, env) == [sentence]
    with pytest.raises(rules.CloudPlatformError) as caught:
        rules.check("exoscale", environment, location, env)
    assert str(caught.value) == sentence
    assert rules.problems("exoscale", environment, location, dict(env, ODOO_CLOUD_PLATFORM_UNSAFE="1")) == []
    assert rules.problems("exoscale", environment, location, dict(env, ODOO_CLOUD_PLATFORM_UNSAFE="0")) == [sentence]


@pytest.mark.parametrize("name", ["SWIFT_AUTH_URL", "SWIFT_ACCOUNT", "SWIFT_PASSWORD"])
def test_swift_needs(name):
    sentence = f"{name} is not set: it is needed when ir_attachment.location is 'swift'"
    assert rules.problems("ovh", "prod", "swift", setup("prod", REDIS, SWIFT, **{name: None})) == [sentence]
    assert (
        rules.problems("ovh", "prod", "swift", setup("prod", REDIS, SWIFT, **{name: None, f"{name}_FILE": "/x"})) == []
    )


def test_role_of_the_machine_needs_no_keys():
    env = setup("prod", REDIS, S3, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, AWS_USE_IRSA="1")
    assert rules.problems("exoscale", "prod", "s3", env) == []


@pytest.mark.parametrize("value", ["1", "0", "yes"])
def test_unstructured(value):
    env = setup("prod", REDIS, S3, AWS_BUCKETNAME="whatever", AWS_BUCKETNAME_UNSTRUCTURED=value)
    assert rules.problems("exoscale", "prod", "s3", env) == []
    env = setup("test", REDIS, SWIFT, SWIFT_WRITE_CONTAINER="x-odoo-prod", SWIFT_WRITE_CONTAINER_UNSTRUCTURED=value)
    assert (
        rules.problems("ovh", "integration", "swift", dict(env, ODOO_SESSION_REDIS_PREFIX="x-odoo-integration")) == []
    )


def test_project_is_compared():
    def found(environment, **changes):
        return rules.problems(
            "exoscale", environment, "s3", setup(environment, REDIS, S3, **changes), "acme", "acme_db"
        )

    assert found("integration") == []
    assert (
        found("labs_next", AWS_BUCKETNAME="acme-odoo-labs-next", ODOO_SESSION_REDIS_PREFIX="acme-odoo-labs-next") == []
    )
    assert found("integration", AWS_BUCKETNAME="acme-odoo-integration-{db}") == []
    assert found("integration", AWS_BUCKETNAME="other-odoo-integration") == [
        "AWS_BUCKETNAME is 'other-odoo-integration': project 'acme' in integration has the bucket 'acme-odoo-integration'"
    ]
    assert found("integration", ODOO_SESSION_REDIS_PREFIX="acme-odoo-labs") == [
        "ODOO_SESSION_REDIS_PREFIX is 'acme-odoo-labs': project 'acme' in integration has the prefix 'acme-odoo-integration'"
    ]


def test_before_anything_is_set_up():
    """A database that was never set up: what the environment says is checked, the place of the attachments isn't."""
    assert rules.problems("", "prod", "", setup("prod", REDIS)) == []
    assert rules.problems("", "prod", "", {}) == [
        "ODOO_SESSION_REDIS is not 1: in prod sessions must be in Redis",
        "none of ODOO_SESSION_REDIS_HOST, ODOO_SESSION_REDIS_SENTINEL_HOST, ODOO_SESSION_REDIS_URL is set:"
        " one must say where Redis is",
        "ODOO_SESSION_REDIS_PREFIX is not set: it must be '<project>-odoo-<environment>'",
    ]
    assert len(rules.problems("", "dev", "s3", setup("prod", S3))) == 1


def test_unknown_kind():
    assert rules.problems("azure", "prod", "azure", {}) == [
        "cloud.platform.kind is 'azure': must be one of exoscale, ovh"
    ]


def test_all_problems_at_once():
    with pytest.raises(rules.CloudPlatformError) as caught:
        rules.check("exoscale", "prod", "s3", {})
    assert len(caught.value.problems) == 6


@pytest.mark.parametrize("name", ["ODOO_CLOUD_PLATFORM_UNSAFE", "ODOO_SESSION_REDIS", "AWS_USE_IRSA"])
def test_a_switch_that_is_unclear_is_a_problem(name):
    env = setup("prod", REDIS, S3, **{name: "maybe"})
    assert rules.problems("exoscale", "prod", "s3", env) == [f"{name} is 'maybe': say 1 or 0"]
    assert rules.set_up_problems("exoscale", "prod", env) == [f"{name} is 'maybe': say 1 or 0"]


@pytest.mark.parametrize("yes", ["on", "True", "y", " 1 "])
def test_every_spelling_of_yes_counts(yes):
    env = setup("prod", REDIS, S3, ODOO_SESSION_REDIS=yes, AWS_USE_IRSA=yes, AWS_ACCESS_KEY_ID=None)
    assert rules.problems("exoscale", "prod", "s3", env) == []
    assert rules.problems("exoscale", "elsewhere", "file", {"ODOO_CLOUD_PLATFORM_UNSAFE": yes}) == []
