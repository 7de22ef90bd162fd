# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""A run's two connections, and creating the database if this container is allowed to."""

from __future__ import annotations

import contextlib
import time
from typing import Any, Callable

from ..common import log
from ..common.config import Settings
from ..common.errors import Held
from ..database import lock, pg, provision
from ..database.pg import psycopg2

POLL_SECONDS = 1.0


class Connections:
    """`control` is on the maintenance database, where the lock is; `database` is on the instance's
    own.

    They are opened when needed and again after they broke. Use both only through this object,
    because `open()` may replace them.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        """`name`: application name of their sessions, which contains the run (`pg.application_name`)."""
        self.settings, self.name = settings, name
        self.control: Any = None
        self.database: Any = None

    @property
    def complete(self) -> bool:
        """Whether both are open, as far as this side knows."""
        return self.database is not None and not self.database.closed and not self.control.closed

    def open(self, on_wait: Callable[[], None] | None = None) -> None:
        """Open those that are not open. Waits for the server and the database for DB_WAIT_TIMEOUT
        seconds, calling `on_wait` meanwhile.

        Raises the errors of `pg.wait_for_server` when the time is over, `psycopg2.OperationalError`
        if the database goes away in between.
        """
        if self.control is None or self.control.closed:
            self.control = pg.wait_for_server(self.settings, self.name, on_wait=on_wait)
        if self.database is None or self.database.closed:
            self.database = pg.connect(self.settings, self.settings.db_name, self.name)

    def close(self) -> None:
        """Close both, in whatever condition they are."""
        for connection in (self.control, self.database):
            if connection is not None:
                with contextlib.suppress(psycopg2.Error):
                    connection.close()
        self.control = self.database = None


def provide_database(settings: Settings, name: str, on_wait: Callable[[], None]) -> None:
    """Create the instance's role and database, if this container has the right to. Existing ones
    are left as they are.

    Returns when both exist, or if another process has to create them. Works under the lock, so only
    one of several containers does it; `on_wait` is called while another one does. Raises the errors
    of `pg.wait_for_server` and `provision.ensure`, and `Held` if the lock isn't free within TIMEOUT.
    """
    admin = pg.wait_for_server(settings.as_admin(), name, need_database=False, on_wait=on_wait)
    end = time.monotonic() + settings.timeout
    try:
        while True:
            with admin.cursor() as cursor:
                cursor.execute(
                    # A database without ACLs was left by a run killed before it revoked PUBLIC
                    # access.
                    "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s AND datallowconn"
                    " AND (datacl IS NOT NULL OR NOT %s)),"
                    " EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s)",
                    (settings.db_name, bool(settings.db_admin), settings.db_user),
                )
                database, role = cursor.fetchone()
            if database and role:
                return
            if not settings.db_admin and not provision.may_create(admin):
                return  # another process creates it; wait_for_server waits for that
            guard = lock.Lock(admin, settings.db_name)
            if guard.acquire():
                try:
                    created = provision.ensure(
                        admin,
                        settings.db_name,
                        settings.db_user,
                        settings.db_password if settings.db_admin else None,
                    )
                finally:
                    guard.release()
                for line in created:
                    log.info(f"created: {line}")
                return
            if time.monotonic() > end:
                raise Held(
                    f"database {settings.db_name!r} is not there after {settings.timeout:.0f} s (TIMEOUT):"
                    f" {lock.held_by(admin, settings.db_name)}"
                )
            on_wait()
            time.sleep(POLL_SECONDS)
    finally:
        admin.close()
