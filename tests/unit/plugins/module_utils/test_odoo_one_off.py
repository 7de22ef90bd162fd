# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and purposes of one-off containers."""

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.naming import ONE_OFF_SUFFIXES
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import odoo_one_off

KEPT = {
    "name": "oc-acme-run",
    "image": "sha256:1",
    "env": {"MODE": "UpdateOnly", "REPLICA": "acme-run", "RESTORE_POINT": "none"},
    "mounts": [{"type": "bind", "source": "/srv/oc/acme/config", "target": "/etc/odoo", "read_only": True}],
    "keeper": {"user": "acme_keeper", "secrets": "/srv/oc/secrets/acme-admin"},
}


def test_every_purpose_has_a_name_that_no_replica_may_have():
    assert odoo_one_off.names(["acme", "b"], "oc") == [
        f"oc-{name}-{suffix}" for name in ("acme", "b") for suffix in ONE_OFF_SUFFIXES
    ]
    with pytest.raises(ValueError, match="suffix 'backup' of a one-off container: it is not in ONE_OFF_SUFFIXES"):
        odoo_one_off.derive(KEPT, "oc", "acme", "backup", {})


@pytest.mark.parametrize("suffix", ONE_OFF_SUFFIXES)
def test_a_container_is_called_like_its_purpose(suffix):
    made = odoo_one_off.derive(KEPT, "oc", "acme", suffix, {"EXTRA": "1"}, ["do"])
    assert (made["name"], made["env"]["REPLICA"]) == (f"oc-acme-{suffix}", f"acme-{suffix}")
    assert (made["command"], made["env"]["EXTRA"], made["env"]["MODE"]) == (["do"], "1", "UpdateOnly")


def test_the_keeper_comes_once():
    made = odoo_one_off.with_keeper(KEPT)
    assert made["env"]["DB_ADMIN_USER"] == "acme_keeper"
    assert made["env"]["DB_ADMIN_PASSWORD_FILE"] == "/run/secrets-admin/db_keeper_password"
    assert made["mounts"][1:] == [
        {"type": "bind", "source": "/srv/oc/secrets/acme-admin", "target": "/run/secrets-admin", "read_only": True}
    ]
    assert odoo_one_off.with_keeper(made) == made
    assert "DB_ADMIN_USER" not in KEPT["env"] and len(KEPT["mounts"]) == 1
    replica = {key: value for key, value in KEPT.items() if key != "keeper"}
    assert odoo_one_off.with_keeper(replica) == replica
