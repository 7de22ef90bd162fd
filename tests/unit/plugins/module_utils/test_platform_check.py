# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the runtime asks before Odoo starts: by variables, by the database, and of whom it asks nothing."""

from __future__ import annotations

import pytest
import test_cloud_platform as table  # pytest has put the folder of a test on the path

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import (
    EXIT_PLATFORM,
    PlatformRefused,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.rules import check
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.rules import environment as cloud_platform

KIND = "ODOO_CLOUD_PLATFORM_KIND"
CASES = table.test_wrong.pytestmark[0].args[1]


def variables(environment, *parts, kind="exoscale", **changes):
    return {**table.setup(environment, *parts, **changes), "RUNNING_ENV": environment, KIND: kind}


@pytest.mark.parametrize("environment", ["prod", "integration", "labs-next", "test", "dev"])
@pytest.mark.parametrize(("kind", "store"), [("exoscale", table.S3), ("ovh", table.SWIFT)])
def test_right_by_variables_and_by_database(environment, kind, store):
    env = variables(environment, table.REDIS, store, kind=kind)
    assert check.variable_problems(env, {}, "acme") == []
    location = cloud_platform.location_for(kind, environment)
    parameters = {"cloud.platform.kind": kind, "ir_attachment.location": location}
    assert check.database_problems(env, {}, "acme", parameters) == []


@pytest.mark.parametrize(("environment", "location", "changes", "sentence"), CASES)
def test_each_rule_is_asked_where_it_can_be(environment, location, changes, sentence):
    env = variables(environment, table.REDIS, table.S3, **changes)
    parameters = {"cloud.platform.kind": "exoscale", "ir_attachment.location": location}
    assert "; ".join(check.database_problems(env, {}, "acme", parameters)) == sentence
    if location == cloud_platform.location_for("exoscale", environment):
        assert "; ".join(check.variable_problems(env, {}, "acme")) == sentence


def test_who_is_not_of_the_platform_is_not_asked():
    assert check.variable_problems({"RUNNING_ENV": "prod"}, {}, "acme") == []
    assert check.database_problems({"RUNNING_ENV": "prod"}, {}, "acme", {"ir_attachment.location": "file"}) == []


def test_a_database_that_is_not_set_up_is_refused():
    env = variables("prod", table.REDIS, table.S3)
    assert check.database_problems(env, {}, "acme", {}) == [
        "cloud.platform.kind is '' in database 'acme': must be 'exoscale' as ODOO_CLOUD_PLATFORM_KIND says;"
        " env['cloud.platform'].install() sets this"
    ]


def test_a_database_of_the_originals_is_asked_without_the_variable():
    env = table.setup("prod", table.REDIS, table.S3, AWS_BUCKETNAME="acme-odoo-test", RUNNING_ENV="prod")
    parameters = {"cloud.platform.kind": "exoscale", "ir_attachment.location": "s3"}
    assert check.database_problems(env, {}, "acme", parameters) == [
        "AWS_BUCKETNAME is 'acme-odoo-test': in prod it must be '<project>-odoo-prod'"
    ]


def test_the_environment_is_read_in_the_addons_order():
    env = {"RUNNING_ENV": " test ", "ODOO_STAGE": "dev"}
    assert check.environment_of(env, {"running_env": "prod"}) == "prod"
    assert check.environment_of(env, {}) == "test"
    assert check.environment_of({"ODOO_STAGE": "dev"}, {}) == "dev"


class Settings:
    conf: dict[str, str] = {}
    db_name = "acme"


def test_it_ends_with_a_code_of_its_own():
    with pytest.raises(PlatformRefused) as caught:
        check.before_database(variables("prod", table.REDIS, table.S3, AWS_BUCKETNAME=None), Settings())
    assert caught.value.exit_code == EXIT_PLATFORM
    assert str(caught.value) == "AWS_BUCKETNAME is not set: it must name the bucket of prod"


def test_a_secret_that_can_t_be_read_is_found_at_start(tmp_path):
    path = tmp_path / "gone"
    env = variables("prod", table.REDIS, table.S3, AWS_SECRET_ACCESS_KEY=None, AWS_SECRET_ACCESS_KEY_FILE=str(path))
    with pytest.raises(
        PlatformRefused, match=r"^AWS_SECRET_ACCESS_KEY_FILE is '.*/gone': cannot be read \(No such file"
    ):
        check.before_database(env, Settings())
    path.write_text("secret\n")
    check.before_database(env, Settings())


def test_unsafe_asks_nothing():
    env = variables("prod", ODOO_CLOUD_PLATFORM_UNSAFE="1")
    check.before_database(env, Settings())
