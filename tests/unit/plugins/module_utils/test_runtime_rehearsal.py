# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Odoo of a rehearsal finds in its environment."""

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.container_variables import VARIABLES
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.run import rehearsal


def test_no_secret_of_the_table_and_nothing_that_is_called_like_one():
    secret = {name for variable in VARIABLES.values() if variable.secret for name in variable.names}
    assert "ODOO_SESSION_REDIS_URL" in secret
    given = {**dict.fromkeys(secret, "s3cret"), "MY_API_KEY": "s3cret", "PGPASSFILE": "/run/pass", "LANG": "C.UTF-8"}
    found = rehearsal.scrubbed(given, "/tmp/copy")
    assert "s3cret" not in found.values()
    assert found["PGPASSFILE"] == "/run/pass"
    assert (found["LANG"], found["HOME"]) == ("C.UTF-8", "/tmp/copy")
