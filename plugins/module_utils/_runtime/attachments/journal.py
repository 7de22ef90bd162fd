# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Records in the database each upload and each deletion before it happens at a place: uploads, and
contents without a row that have to be deleted. So the next run can clean up after one that was
killed."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ..common import log
from ..database import pg
from ..store import objects as object_store
from .places import FILE, Broken, Place, grouped, place_name
from .session import Session

if pg.psycopg2 is not None:
    from psycopg2.extras import execute_values

UPLOAD, DELETE = "upload", "delete"
JOURNAL_SQL = """
CREATE TABLE IF NOT EXISTS public.odoo_cloud_attachment (
    fname varchar NOT NULL, kind varchar NOT NULL, run_id varchar, at timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (fname, kind))
"""

# Snapshots that may still see a row as it was before one of our transactions. Odoo's sessions have
# our role, so they are visible.
OLDEST_SNAPSHOT_SQL = """
SELECT coalesce(max(age(backend_xmin)), -1) FROM pg_catalog.pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_catalog.pg_backend_pid() AND backend_xmin IS NOT NULL
"""


class Journal:
    """The table odoo_cloud_attachment of one database."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def create(self) -> None:
        """Create the table if it is missing."""
        with pg.transaction(self.session.database) as cursor:
            cursor.execute(JOURNAL_SQL)

    def read(self) -> dict[str, list[str]]:
        """Return the recorded store_fnames by kind."""
        found: dict[str, list[str]] = {UPLOAD: [], DELETE: []}
        if self.session.rows("SELECT to_regclass('public.odoo_cloud_attachment') IS NOT NULL")[0][0]:
            for fname, kind in self.session.rows("SELECT fname, kind FROM public.odoo_cloud_attachment"):
                found.setdefault(kind, []).append(fname)
        return found

    def note(self, cursor: Any, kind: str, fnames: Sequence[str]) -> None:
        """Record store_fnames, in the transaction of `cursor`."""
        if fnames:
            execute_values(
                cursor,
                "INSERT INTO public.odoo_cloud_attachment (fname, kind, run_id) VALUES %s"
                " ON CONFLICT (fname, kind) DO UPDATE SET run_id = EXCLUDED.run_id, at = now()",
                [(fname, kind, self.session.run_id) for fname in sorted(set(fnames))],
                page_size=1000,
            )

    def forget(self, cursor: Any, kind: str, fnames: Sequence[str]) -> None:
        """Delete the records of store_fnames, in the transaction of `cursor`."""
        if fnames:
            cursor.execute(
                "DELETE FROM public.odoo_cloud_attachment WHERE kind = %s AND fname = ANY(%s)", (kind, list(fnames))
            )

    def settle(self, kind: str, fnames: Sequence[str]) -> tuple[list[str], list[str]]:
        """Delete recorded contents that have no row, and the records of those that have one.
        Returns the store_fnames of deleted contents, and of those left for later because another
        transaction uses them or their place doesn't answer."""
        deleted: list[str] = []
        later: list[str] = []
        for place_of, some in grouped(fnames, place_name).items():
            place = self.session.places.get(place_of)
            if place is None:
                later += some
                continue
            foreign = [fname for fname in some if not place.owns(fname)]
            ours = [fname for fname in some if place.owns(fname)]
            for start in range(0, len(ours), 200):
                part = ours[start : start + 200]
                faults: dict[str, str] = {}
                try:
                    with pg.transaction(self.session.database) as cursor:
                        if place_of == FILE:
                            # Like Odoo's own garbage collector: a transaction that writes a row
                            # with a store_fname ends before we read the rows.
                            cursor.execute("SET LOCAL lock_timeout = '500ms'")
                            cursor.execute("LOCK TABLE public.ir_attachment IN SHARE MODE")
                        found = object_store.settle(cursor, part, functools.partial(_delete, place, faults))
                        done = [fname for fname in (*found.deleted, *found.named) if fname not in faults]
                        self.forget(cursor, kind, done)
                except pg.psycopg2.errors.LockNotAvailable:
                    later += part
                    continue
                except Broken as exc:
                    log.warning(str(exc))
                    later += part
                    continue
                for fname, reason in list(faults.items())[:3]:
                    log.warning(f"{fname} cannot be deleted: {reason}")
                deleted += [fname for fname in found.deleted if fname not in faults]
                later += [*found.busy, *found.again, *found.kept, *faults]
            if foreign:
                with pg.transaction(self.session.database) as cursor:
                    self.forget(cursor, kind, foreign)
        return deleted, later

    def sweep(self) -> tuple[int, int]:
        """Delete the old contents of moved rows, unless an open transaction can still see the old
        rows. Returns how many were deleted, and how many are left for later."""
        if self.session.blocked():
            return 0, len(self.read()[DELETE])
        oldest = self.session.rows(OLDEST_SNAPSHOT_SQL)[0][0]
        ready = [
            fname for (fname,) in self.session.rows(
                "SELECT fname FROM public.odoo_cloud_attachment WHERE kind = %s AND age(xmin) > %s ORDER BY at LIMIT 50000",
                DELETE, oldest,
            )
        ]  # fmt: skip
        deleted, dummy = self.settle(DELETE, ready)
        return len(deleted), len(self.read()[DELETE])


def _delete(place: Place, faults: dict[str, str], names: list[str]) -> None:
    """Deletes contents at a place; adds those that could not be deleted to `faults`, with the reason."""
    faults.update(place.delete(names))
