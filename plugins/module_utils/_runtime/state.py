# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The history: the table `curq_state_history` in the Odoo database, and what a state means.

`id`, `state` and `write_date` are those of onesteinbv/odoo-docker, so its containers and ours read each other's rows.
Our columns stand beside them with defaults. The table is a record; the lock (lock.py) is what excludes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

OPEN_STATES = ("Ready", "Reset", "Force Ready")
CREATING, READY, FAILED, RESET = "Creating", "Ready", "Failed", "Reset"

# name, type with default; in this order in a new table, added where missing in one of the original form
COLUMNS = (
    ("actor", "varchar DEFAULT NULL"),
    ("host", "varchar DEFAULT NULL"),
    ("run_id", "varchar DEFAULT NULL"),
    ("mode", "varchar DEFAULT NULL"),
    ("release", "varchar DEFAULT NULL"),
    ("detail", "text DEFAULT NULL"),
    ("result", "varchar DEFAULT NULL"),
    ("token", "bigint DEFAULT NULL"),
    ("database_identity", "varchar DEFAULT NULL"),
)

CREATE_SQL = (
    "CREATE TABLE public.curq_state_history (id serial PRIMARY KEY, state varchar(255),"
    " write_date timestamp with time zone DEFAULT CURRENT_TIMESTAMP"
    + "".join(f", {name} {kind}" for name, kind in COLUMNS)
    + ")"
)

HISTORY_SQL = """
SELECT h.id, h.state, h.write_date::timestamptz(0)::text AS since,
       extract(epoch FROM pg_catalog.clock_timestamp() - h.write_date)::float8 AS age, to_jsonb(h) AS row
  FROM public.curq_state_history h ORDER BY h.id DESC LIMIT %s
"""

EVER_OPEN_SQL = "SELECT EXISTS (SELECT 1 FROM public.curq_state_history WHERE state = ANY(%s))"


def extend_sql(present: set[str]) -> str:
    """What brings a table with the columns `present` to our form; empty when nothing is missing."""
    missing = [f"ADD COLUMN {name} {kind}" for name, kind in COLUMNS if name not in present]
    return "ALTER TABLE public.curq_state_history " + ", ".join(missing) if missing else ""


@dataclass(frozen=True)
class Entry:
    """A row of the history."""

    id: int
    state: str
    since: str
    age: float  # seconds
    actor: str = ""
    host: str = ""
    run_id: str = ""
    mode: str = ""
    release: str = ""
    detail: str = ""
    result: str = ""
    token: int | None = None
    database_identity: str = ""

    @property
    def ours(self) -> bool:
        return bool(self.run_id)

    @property
    def open(self) -> bool:
        return self.state in OPEN_STATES

    def __str__(self) -> str:
        by = f" by run {self.run_id} on {self.host}" if self.ours else ""
        return f"{self.state!r} since {self.since}{by}" + (f" ({self.detail})" if self.detail else "")


def entry(row: tuple[Any, ...]) -> Entry:
    ident, state, since, age, values = row
    extra = {name: values.get(name) for name, _kind in COLUMNS}
    token = extra.pop("token")
    return Entry(
        ident, state or "", since or "?", float(age or 0), token=token, **{k: v or "" for k, v in extra.items()}
    )


@dataclass(frozen=True)
class History:
    """What the table says; cheap, and it never waits for a running installation (Odoo does not touch the table)."""

    table: bool = False
    latest: Entry | None = None
    ever_open: bool = False


@dataclass(frozen=True)
class Contents:
    """What is in the database. Reading it waits for an installation that alters Odoo's tables: hold the lock first."""

    tables: int = 0  # in public, the history not counted
    odoo: bool = False  # ir_module_module is there
    base: str = ""  # state of module base
    pending: tuple[str, ...] = ()  # modules in a `to ...` state
    installed: frozenset[str] = field(default_factory=frozenset)
    series: str = ""  # major version of the Odoo that installed base, such as 19

    @property
    def initialised(self) -> bool:
        return self.base == "installed"


def read_history(connection: Any) -> History:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.curq_state_history') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return History()
        cursor.execute(HISTORY_SQL, (1,))
        row = cursor.fetchone()
        cursor.execute(EVER_OPEN_SQL, (list(OPEN_STATES),))
        return History(True, entry(row) if row else None, cursor.fetchone()[0])


def read_entries(connection: Any, limit: int) -> list[Entry]:
    """The last `limit` rows, newest first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.curq_state_history') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return []
        cursor.execute(HISTORY_SQL, (limit,))
        return [entry(row) for row in cursor.fetchall()]


def read_contents(connection: Any) -> Contents:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(bool_or(relname = 'ir_module_module'), false) FROM pg_catalog.pg_class c"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'curq_state_history'"
            " AND relname NOT LIKE 'orm\\_signaling\\_%'"  # Odoo 19 makes these on any database that it looks at
            " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d"
            " WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
        )
        tables, odoo = cursor.fetchone()
        if not odoo:
            return Contents(tables=tables)
        cursor.execute(
            "SELECT name, state, latest_version FROM public.ir_module_module WHERE state = 'installed' OR state LIKE 'to %'"
        )
        rows = cursor.fetchall()
        states = {name: state for name, state, _version in rows}
        versions = {name: version or "" for name, _state, version in rows}
        return Contents(
            tables,
            True,
            states.get("base", ""),
            tuple(sorted(name for name, state in states.items() if state.startswith("to "))),
            frozenset(name for name, state in states.items() if state == "installed"),
            versions.get("base", "").split(".", 1)[0],
        )


def other_series(contents: Contents, version: int) -> str:
    """Why this Odoo must not open the database, empty when it may: another major version's is never run on, or migrated by a start."""
    if not contents.initialised or not contents.series or contents.series == str(version):
        return ""
    return (
        f"it belongs to Odoo {contents.series} and this image is Odoo {version}; go back to the version {contents.series}, or give"
        " another database name for a new one"
    )


class Action(enum.Enum):
    RUN = "run"  # open and initialised
    INITIALISE = "initialise"  # empty, or a first initialisation of ours that did not end
    ADOPT = "adopt"  # initialised, without a history
    RESET = "reset"  # another tool's row, older than the limit
    WAIT = "wait"
    REFUSE = "refuse"


def decide_without_lock(history: History) -> bool:
    """Whether the database looks open: then its contents may be read without the lock."""
    return history.latest is not None and history.latest.open


def decide(history: History, contents: Contents, mode: str, timeout: float) -> tuple[Action, str]:
    """What to do with the database, seen under its lock (or with an open history), and why in one line."""
    latest = history.latest
    if contents.initialised:
        if latest is None:
            if contents.pending:
                return Action.WAIT, f"modules are being changed by something else: {', '.join(contents.pending[:5])}"
            return Action.ADOPT, "an initialised Odoo database without a history"
        if latest.open:
            return Action.RUN, f"state {latest}"
        if not latest.ours:
            if latest.age > timeout:
                return Action.RESET, f"state {latest} was not written by this runtime and is {latest.age:.0f} s old"
            return Action.WAIT, f"state {latest}, written by another tool"
        if history.ever_open:
            return (
                Action.REFUSE,
                f"state {latest}: a run on a database that was in use did not end, and nobody runs it now",
            )
    elif latest is not None and history.ever_open:
        return Action.REFUSE, f"the history says it was in use (latest: {latest}), but module base is not installed"
    elif latest is not None and not latest.ours and latest.age <= timeout:
        return Action.WAIT, f"state {latest}, written by another tool"
    elif contents.tables and not contents.odoo and latest is None:
        return Action.REFUSE, f"it holds {contents.tables} tables that are not Odoo's; give an empty database"
    elif contents.odoo and latest is None:
        return Action.REFUSE, "it holds an Odoo database of which module base is not installed, started by another tool"
    if mode == "RunOnly":
        return Action.WAIT, "it is not initialised, and MODE is RunOnly"
    if latest is None:
        return Action.INITIALISE, "it is empty"
    if not latest.ours:
        return Action.INITIALISE, f"another tool left it in state {latest.state!r}"
    return Action.INITIALISE, f"run {latest.run_id} on {latest.host} left it in state {latest.state!r}"


def identity(connection: Any) -> str:
    """Which database this is: a copy of it (clone, restored dump) gives another answer, a rename does not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"
            " THEN (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) ELSE '' END || '/' ||"
            " (SELECT oid::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
        )
        return cursor.fetchone()[0]


@dataclass(frozen=True)
class Writer:
    """Appends rows. Used only with the lock held."""

    connection: Any
    run_id: str
    host: str
    mode: str
    release: str
    database_identity: str
    token: int
    actor: str = "odoo-cloud"

    def write(self, cursor: Any, state: str, detail: str = "", result: str = "") -> None:
        cursor.execute(
            "INSERT INTO public.curq_state_history"
            " (state, actor, host, run_id, mode, release, detail, result, token, database_identity)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                state,
                self.actor,
                self.host,
                self.run_id,
                self.mode,
                self.release or None,
                detail or None,
                result or None,
                self.token,
                self.database_identity,
            ),
        )

    def append(self, state: str, detail: str = "", result: str = "") -> None:
        with self.connection.cursor() as cursor:
            self.write(cursor, state, detail, result)


def open_writer(connection: Any, run_id: str, host: str, mode: str, release: str) -> Writer:
    """Makes the table or extends the original one, and takes the next fencing token. Only with the lock held."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_catalog.pg_attribute"
            " WHERE attrelid = to_regclass('public.curq_state_history') AND attnum > 0 AND NOT attisdropped"
        )
        present = {row[0] for row in cursor.fetchall()}
        statement = extend_sql(present) if present else CREATE_SQL
        if statement:
            cursor.execute(statement)
        cursor.execute("SELECT coalesce(max(token), 0) + 1 FROM public.curq_state_history")
        token = cursor.fetchone()[0]
    return Writer(connection, run_id, host, mode, release, identity(connection), token)
