# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import LockLost
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import lock, pg


def test_keys_never_change():
    """Two releases of ours must exclude each other."""
    assert (
        int.from_bytes(hashlib.sha256(b"odoo-cloud").digest()[:4], "big", signed=True) == lock.NAMESPACE == -1516848008
    )
    assert lock.lock_keys("demo") == (-1516848008, 714559852)
    assert lock.lock_keys("acme_prod") == (-1516848008, 98699422)


def test_keys_are_int4_and_unsigned_as_pg_locks_shows_them():
    for name in ("demo", "acme_prod", "x" * 63, "é"):
        first, second = lock.lock_keys(name)
        assert all(-(2**31) <= key < 2**31 for key in (first, second))
        assert all(0 <= lock.unsigned(key) < 2**32 for key in (first, second))
    assert lock.unsigned(-1) == 2**32 - 1


def test_application_name_is_read_back():
    name = pg.application_name("InstallAndRun", "0123456789ab", "acme-prod-1")
    assert len(name) <= 63
    assert lock.Holder(1, name, "now", 0).parsed() == {
        "what": "InstallAndRun",
        "run_id": "0123456789ab",
        "host": "acme-prod-1",
    }
    assert len(pg.application_name("InstallAndRun", "0123456789ab", "h" * 99)) == 63
    assert lock.Holder(1, "psql", "now", 0).parsed() == {}


class Gone:
    Error = RuntimeError

    def cursor(self):
        raise RuntimeError("connection already closed")


def test_a_dead_connection_is_a_lost_lock():
    guard = lock.Lock(Gone(), "demo")
    assert not guard.held()
    with pytest.raises(LockLost, match="before: writing Ready"):
        guard.check("writing Ready")
    guard.release()
