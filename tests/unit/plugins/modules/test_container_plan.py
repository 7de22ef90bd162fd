# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.modules import container_plan


@pytest.mark.parametrize(
    ("state", "platform", "done"),
    [
        ({"Status": "exited", "ExitCode": 0}, "oc", True),
        ({"Status": "exited", "ExitCode": 72}, "oc", False),
        ({"Status": "running", "ExitCode": 0}, "oc", False),
        ({"Status": "created", "ExitCode": 0}, "oc", False),
        ({"Status": "exited", "ExitCode": 0}, "another", False),
    ],
)
def test_only_what_this_platform_has_finished_is_done(state, platform, done):
    inspected = {"Config": {"Labels": {"org.odoo-cloud.platform": platform}}, "State": state}
    assert container_plan.ended_well(inspected, "oc") is done


def test_what_is_not_there_is_not_done():
    assert container_plan.ended_well(None, "oc") is False
