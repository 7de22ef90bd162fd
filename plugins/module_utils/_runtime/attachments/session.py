# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Connections to the database whose attachments are moved or audited, its places, and waiting until
no other run works on it."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..common import config, log, variables
from ..common.config import Settings
from ..common.errors import ConfigError, Held, Refused, WaitTimeout
from ..database import lock, pg, state
from ..store import objects as object_store
from .options import CommandOptions
from .places import FILE, Content, Files, Objects, Place, place_name

# Second key of the lock that excludes a second mover; the first key is the runtime's own.
MOVER_KEY = object_store.lock_number("attachments")

LOCATION = "ir_attachment.location"
LARGEST = 2**31 - 1  # the maximum of the column file_size
LISTED = 100  # number of entries of each kind in a result

ROWS_SQL = """
SELECT id, store_fname, checksum, coalesce(file_size, 0), coalesce(mimetype, ''), coalesce(octet_length(db_datas), 0)
  FROM public.ir_attachment
 WHERE type = 'binary' AND id > %s AND (store_fname IS NOT NULL OR db_datas IS NOT NULL)
 ORDER BY id LIMIT %s
"""


class Row(NamedTuple):
    """A row of ir_attachment."""

    id: int
    fname: str | None  # store_fname; None: the content is in the database
    checksum: str | None
    size: int  # bytes, according to the row
    mimetype: str
    db_size: int  # bytes of the content in the database

    @property
    def place(self) -> str:
        """The place of the content, according to the row."""
        return place_name(self.fname)

    @property
    def bytes(self) -> int:
        """The size of the content in bytes."""
        return self.db_size or self.size


class Session:
    """One database: its connections, its places and its settings for attachments. A context manager
    that opens and closes the connections."""

    def __init__(self, env: Mapping[str, str], options: CommandOptions) -> None:
        """`env`: the environment of the instance's containers. Raises `ConfigError` if it names no
        database."""
        self.env, self.options = env, options
        self.settings: Settings = config.load(env)
        if self.settings.list_db:
            raise ConfigError("LIST_DB is True: name one database with DB_NAME")
        self.run_id = uuid.uuid4().hex[:12]
        self.name = pg.application_name("attachments", self.run_id, self.settings.host)
        self.control: Any = None
        self.database: Any = None
        self.locked = False
        self.off = variables.is_true("DISABLE_ATTACHMENT_STORAGE", env=env)
        self.places: dict[str, Place] = {FILE: Files(self.settings)}
        self.problems: dict[str, str] = {}  # stores that cannot be used, and why
        for scheme in object_store.SCHEMES:
            if self.off:
                self.problems[scheme] = "DISABLE_ATTACHMENT_STORAGE is on: the store is neither read nor written"
                continue
            try:
                self.places[scheme] = Objects(scheme, self.settings, env)
            except ConfigError as exc:
                self.problems[scheme] = str(exc)
        self.location = ""
        self.rules: Mapping[str, int] = {}
        self.installed: frozenset[str] = frozenset()

    def __enter__(self) -> Session:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *dummy: object) -> None:
        self.close()

    def open(self) -> None:
        """Open the connections that aren't open.

        Raises `Refused` for a database without attachments, `ConfigError` for rules that can't be
        parsed, and the errors of `pg.wait_for_server`.
        """
        if self.control is None or self.control.closed:
            self.control = pg.wait_for_server(self.settings, self.name)
        if self.database is None or self.database.closed:
            self.locked = False
            self.database = pg.connect(self.settings, self.settings.db_name, self.name)
            with self.database.cursor() as cursor:
                cursor.execute(
                    "SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off"
                )
            self._read_parameters()

    def close(self) -> None:
        """Close both connections."""
        self.close_database()
        if self.control is not None:
            self.control.close()

    def close_database(self) -> None:
        """Close the connection to the Odoo database; the mover's lock is released with it."""
        if self.database is not None:
            self.database.close()
        self.locked = False

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        with self.database.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall()) if cursor.description else []

    def _read_parameters(self) -> None:
        """Reads the database's settings for attachments."""
        contents = state.read_contents(self.database)
        if not contents.initialised:
            raise Refused(
                f"database {self.settings.db_name!r} is no initialised Odoo database: there are no attachments"
            )
        self.installed = contents.installed
        parameters = dict(
            self.rows(
                "SELECT key, value FROM public.ir_config_parameter WHERE key = ANY(%s)",
                [LOCATION, object_store.STAYS_PARAMETER],
            )
        )
        self.location = parameters.get(LOCATION) or FILE
        try:
            self.rules = object_store.database_rules(parameters.get(object_store.STAYS_PARAMETER))
        except ValueError as exc:
            raise ConfigError(f"system parameter {exc}") from exc

    def take_lock(self) -> None:
        """Take the lock that allows one mover per database. Raises `Held` if another one has it."""
        if self.locked:
            return
        if not self.rows("SELECT pg_catalog.pg_try_advisory_lock(%s, %s)", lock.NAMESPACE, MOVER_KEY)[0][0]:
            raise Held(f"database {self.settings.db_name!r}: its attachments are being moved or repaired already")
        self.locked = True

    def blocked(self) -> str:
        """Return what prevents changes now; empty if the database is open and no run works on it."""
        held = lock.holder(self.control, self.settings.db_name)
        if held is not None:
            return f"{held} works on it"
        latest = state.read_history(self.database).latest
        return "" if latest is None or latest.open else f"state {latest}"

    def wait_until_open(self) -> None:
        """Wait until the database may be changed, meanwhile without a session in it that a clone or
        a restore would have to end.

        Raises `WaitTimeout` if the database is not open for TIMEOUT seconds although no run works
        on it, `Held` while another mover works.
        """
        reason, since, logged = self.blocked(), time.monotonic(), ""
        while reason:
            if reason != logged:
                log.info(f"waiting: {reason}")
                logged = reason
            held = "works on it" in reason
            if held:
                since = time.monotonic()  # TIMEOUT counts only while no run works on the database
            elif time.monotonic() - since > self.settings.timeout:
                raise WaitTimeout(
                    f"database {self.settings.db_name!r} is not open for {self.settings.timeout:.0f} s: {reason}"
                )
            self.close_database()
            time.sleep(1)
            if lock.holder(self.control, self.settings.db_name) is None:
                self.open()
                reason = self.blocked()
        self.take_lock()

    def place(self, name: str) -> Place:
        """Return a place that must be usable. Raises `ConfigError` with the reason if it isn't."""
        if name in self.places:
            return self.places[name]
        raise ConfigError(self.problems.get(name) or f"{name!r}: no addon of this collection reads this store")

    def content(self) -> Content:
        """Return an empty content to read into."""
        return Content(self.settings.data_dir if os.access(self.settings.data_dir, os.W_OK) else "")

    def usable(self, fname: str) -> Place | None:
        """Return the place in which we may write and delete this store_fname; `None` if it isn't
        ours or can't be reached now."""
        place = self.places.get(place_name(fname))
        return place if place is not None and place.owns(fname) else None

    def pages(self, number: int = 2000) -> Iterator[list[Row]]:
        """Yield all attachments that have a content, `number` rows at a time."""
        last = 0
        while True:
            page = [Row(*row) for row in self.rows(ROWS_SQL, last, number)]
            if not page:
                return
            yield page
            last = page[-1].id
