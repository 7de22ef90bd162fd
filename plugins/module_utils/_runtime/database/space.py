# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Whether PostgreSQL can write: a server whose disk is full still answers and reads."""

from __future__ import annotations

from typing import Any

NO_SPACE = "the database can't write: no space is left on PostgreSQL's disk"
DISK_FULL = "53100"  # SQLSTATE

# Sorts 1 MB with 64 kB of memory, so the server writes it into a temporary file. Nothing stays: no row, no catalog entry, no lock.
PROBE_SQL = """
SAVEPOINT odoo_cloud_space;
SET LOCAL work_mem = '64kB';
SELECT pg_catalog.count(*) FROM (
    SELECT i, pg_catalog.repeat('x', 1000) AS filler FROM pg_catalog.generate_series(1, 1000) AS i ORDER BY filler, i DESC OFFSET 0
) AS sorted;
ROLLBACK TO SAVEPOINT odoo_cloud_space;
RELEASE SAVEPOINT odoo_cloud_space
"""


def problem(cursor: Any) -> str:
    """Return why the server can't write, empty if it can. `cursor`: in a transaction, which stays as it
    is. Errors other than a full disk are raised."""
    try:
        cursor.execute(PROBE_SQL)
    except Exception as exc:
        if getattr(exc, "pgcode", None) != DISK_FULL:
            raise
        cursor.execute("ROLLBACK TO SAVEPOINT odoo_cloud_space")
        return NO_SPACE
    return ""
