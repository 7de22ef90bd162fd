# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The history: the table `curq_state_history` in the Odoo database, and the meaning of its states.

`id`, `state` and `write_date` are those of onesteinbv/odoo-docker, so its containers and ours read
each other's rows. Our own columns are added with defaults. The table is only a record; runs exclude
each other by the lock (lock.py).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from ..common.config import Settings
from ..common.errors import LockLost
from . import shape
from .lock import HELD_SQL, MAX_TOKEN, NEWER_SQL, Lock, held_parameters

OPEN_STATES = ("Ready", "Reset", "Force Ready")
CREATING, UPDATING, MAINTENANCE, FAILED = "Creating", "Updating", "Maintenance", "Failed"
READY, RESET, FORCE_READY = "Ready", "Reset", "Force Ready"

# Column `result` of rows around a restore point (restore/safety.py, restore/rollback.py)
POINT = "restore point"  # it is being created: nothing was changed so far; the next row has another result
UNCHANGED = "unchanged"  # Ready again, since nothing was changed
ROLLING_BACK = "rolling back"  # Failed, and the next holder of the lock gives the database's name to the restore point
ROLLED_BACK = "rolled back"  # Ready, in the restore point that took over the name; `release` is the one that failed
HELD = "held"  # Failed, and an operator has to decide

# name, type with default; in this order in a new table, added where missing in a table of the
# original form
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
    ("heartbeat", "timestamp with time zone DEFAULT NULL"),
    ("phase", "varchar DEFAULT NULL"),
    ("fingerprint", "varchar DEFAULT NULL"),
)

CREATE_SQL = (
    "CREATE TABLE public.curq_state_history (id serial PRIMARY KEY, state varchar(255),"
    " write_date timestamp with time zone DEFAULT CURRENT_TIMESTAMP"
    + "".join(f", {name} {kind}" for name, kind in COLUMNS)
    + ")"
)

# The owner of the database can write anything, so reading is limited: characters of each text,
# number of modules.
TEXT_LIMIT, MODULE_LIMIT = 10000, 20000

_TYPES = {"bigint": ("int8",), "timestamp": shape.TIME, "varchar": shape.TEXT, "text": shape.TEXT}
HISTORY = shape.Table(
    "curq_state_history",
    {
        "id": shape.WHOLE,
        "state": shape.TEXT,
        "write_date": shape.TIME,
        **{name: _TYPES[kind.split()[0]] for name, kind in COLUMNS},
    },
    ("id", "state", "write_date"),
    ("id",),
    "the playbook force_ready (module odoo_state) sets it aside, opens the database and begins a new one",
)
ROOM = 1000  # as many rows can be written at least, or the history is not usable

# Seconds that count as the age of a row whose date is impossible: no run is as old.
UNKNOWN_AGE = 1e9
UNKNOWN_DATE = "?"
# A clock that was put back makes a row a little younger than now; nothing writes the date of
# another day.
_POSSIBLE = """(pg_catalog.isfinite(write_date) AND write_date > '2000-01-01'
               AND write_date < pg_catalog.clock_timestamp() + interval '1 day')"""
_LIMITED = {
    name: f"CASE WHEN token BETWEEN 0 AND {MAX_TOKEN} THEN token END"
    if name == "token"
    else f"pg_catalog.left({name}::text, {TEXT_LIMIT})"
    for name, _kind in COLUMNS
}
_VALUES = ", ".join(_LIMITED.values())
_NAMED_VALUES = ", ".join(f"{value} AS {name}" for name, value in _LIMITED.items())
# In a table of the original form, a name of a column that isn't there means the one of `missing`.
_MISSING = ", ".join(f"NULL::{kind.split(' DEFAULT', maxsplit=1)[0]} AS {name}" for name, kind in COLUMNS)

HISTORY_SQL = f"""
SELECT h.* FROM (SELECT {_MISSING}) AS missing CROSS JOIN LATERAL (
  SELECT id::int8 AS number, pg_catalog.left(state::text, 255) AS state,
         CASE WHEN {_POSSIBLE} THEN write_date::timestamptz(0)::text END AS since,
         CASE WHEN {_POSSIBLE} THEN extract(epoch FROM pg_catalog.clock_timestamp() - write_date)::float8 END AS age,
         {_VALUES}
    FROM public.curq_state_history ORDER BY id DESC LIMIT %s) AS h ORDER BY h.number DESC
"""  # noqa: S608 - constants

# Whether the database was ever in use; how many windows were opened since then without reaching an
# open state; whether a run of ours began its first installation.
SUMMARY_SQL = """
SELECT h.* FROM (SELECT NULL::varchar AS run_id) AS missing CROSS JOIN LATERAL (
  SELECT coalesce(bool_or(state = ANY(%(open)s)), false),
         count(*) FILTER (WHERE state IN ('Creating', 'Updating') AND id > coalesce(
             (SELECT max(id) FROM public.curq_state_history WHERE state = ANY(%(open)s)), 0)),
         coalesce(bool_or(state = 'Creating' AND run_id IS NOT NULL), false)
    FROM public.curq_state_history) AS h
"""


def extend_sql(present: set[str]) -> str:
    """Return the statement that adds our columns to a table with the columns `present`; empty if
    none is missing."""
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
    heartbeat: str = ""
    phase: str = ""  # what the run is doing now, in words
    fingerprint: str = ""  # of the hooks that ran

    @property
    def ours(self) -> bool:
        """Whether a run of this runtime wrote it."""
        return bool(self.run_id)

    def written_in(self, identity: str) -> bool:
        """Whether a run of ours wrote it in this very database, not in one of which this is a copy.
        `identity`: that of this database."""
        return self.ours and (not self.database_identity or self.database_identity == identity)

    @property
    def open(self) -> bool:
        """Whether the state lets containers use the database."""
        return self.state in OPEN_STATES

    def __str__(self) -> str:
        by = f" by run {self.run_id} on {self.host}" if self.ours else ""
        since = "an impossible date" if self.since == UNKNOWN_DATE else self.since
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.state!r} since {since}{by}{detail}" + ("" if since == self.since else f" [row {self.id}]")


def entry(row: tuple[Any, ...]) -> Entry:
    """Return the `Entry` for a row of `HISTORY_SQL`."""
    ident, state, since, age, *values = row
    extra = dict(zip((name for name, _kind in COLUMNS), values))  # None in a table of the original form
    token = extra.pop("token", None)
    return Entry(
        ident,
        state or "",
        since or UNKNOWN_DATE,
        UNKNOWN_AGE if age is None else float(age),
        token=token,
        **{k: v or "" for k, v in extra.items()},
    )


@dataclass(frozen=True)
class History:
    """What the table contains. Reading it is cheap and never waits for a running installation,
    because Odoo does not use the table."""

    table: bool = False
    latest: Entry | None = None
    ever_open: bool = False
    attempts: int = 0  # windows begun since the last open state
    begun_by_us: bool = True  # whether a run of ours began a first installation here

    @property
    def first_installation(self) -> bool:
        """Whether a first installation of ours has not ended: whatever is installed by now, the
        administrator still has Odoo's password. If no run of ours began it, the database may be in
        production: onesteinbv/odoo-docker writes `Creating` when it adopts one."""
        return self.latest is not None and self.latest.ours and not self.ever_open and self.begun_by_us


@dataclass(frozen=True)
class Contents:
    """What is in the database. Reading it waits for an installation that alters Odoo's tables, so
    take the lock first."""

    tables: int = 0  # in the schema public, without the history
    odoo: bool = False  # ir_module_module is there
    base: str = ""  # state of module base
    pending: tuple[str, ...] = ()  # modules in a `to ...` state
    installed: frozenset[str] = field(default_factory=frozenset)
    series: str = ""  # major version of the Odoo that installed base, such as 19
    stuck: tuple[str, ...] = ()  # modules in a `to ...` state that Odoo cannot load because their code is gone

    @property
    def initialised(self) -> bool:
        """Whether module base is installed."""
        return self.base == "installed"


def read_history(connection: Any) -> History:
    """Read the latest row and the summary of the history; empty if there is no table. `connection`:
    to the Odoo database.

    Raises `shape.Unusable` if the table isn't what it should be.
    """
    with connection.cursor() as cursor:
        if not shape.columns(cursor, HISTORY):
            return History()
        cursor.execute(HISTORY_SQL, (1,))
        row = cursor.fetchone()
        cursor.execute(SUMMARY_SQL, {"open": list(OPEN_STATES)})
        ever_open, attempts, begun_by_us = cursor.fetchone()
        return History(True, entry(row) if row else None, ever_open, attempts, begun_by_us)


def read_entries(connection: Any, limit: int) -> list[Entry]:
    """Return the last `limit` rows, newest first. Raises `shape.Unusable`."""
    with connection.cursor() as cursor:
        if not shape.columns(cursor, HISTORY):
            return []
        cursor.execute(HISTORY_SQL, (limit,))
        return [entry(row) for row in cursor.fetchall()]


PLAIN_SQL = f"""
SELECT pg_catalog.to_jsonb(h) FROM (SELECT {_MISSING}) AS missing CROSS JOIN LATERAL (
  SELECT id, pg_catalog.left(state::text, 255) AS state, write_date, {_NAMED_VALUES}
    FROM public.curq_state_history) AS h ORDER BY h.id
"""  # noqa: S608 - constants


def plain_rows(cursor: Any) -> list[dict[str, Any]]:
    """Return all rows as they are stored, the oldest first; none if there is no table. Texts are
    shortened. Raises `shape.Unusable`."""
    if not shape.columns(cursor, HISTORY):
        return []
    cursor.execute(PLAIN_SQL)
    return [row[0] for row in cursor.fetchall()]


def last_release(connection: Any) -> str | None:
    """Return the release of the last run that brought the database to Ready; `None` if none
    recorded its release."""
    with connection.cursor() as cursor:
        cursor.execute(  # `missing`, as in HISTORY_SQL
            "SELECT h.* FROM (SELECT NULL::varchar AS release, NULL::varchar AS result) AS missing CROSS JOIN LATERAL ("  # noqa: S608
            f"SELECT pg_catalog.left(release, {TEXT_LIMIT}) FROM public.curq_state_history"
            " WHERE state = 'Ready' AND result = 'ok' AND release IS NOT NULL ORDER BY id DESC LIMIT 1) AS h"
        )
        row = cursor.fetchone()
    return row[0] if row else None


def before_run(connection: Any, run_id: str) -> str | None:
    """Return the state before the run `run_id`; `None` if it wrote the first row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_catalog.left(state, 255) FROM public.curq_state_history WHERE id < (SELECT min(id) FROM public.curq_state_history"
            " WHERE run_id = %s) ORDER BY id DESC LIMIT 1",
            (run_id,),
        )
        row = cursor.fetchone()
    return row[0] if row else None


def last_fingerprint(connection: Any) -> str:
    """Return the fingerprint of the hooks that ran in the latest successful window; empty if there
    is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT h.* FROM (SELECT NULL::varchar AS fingerprint) AS missing CROSS JOIN LATERAL ("  # noqa: S608
            f"SELECT pg_catalog.left(fingerprint, {TEXT_LIMIT}) FROM public.curq_state_history"
            " WHERE state = 'Ready' AND fingerprint IS NOT NULL ORDER BY id DESC LIMIT 1) AS h"
        )
        row = cursor.fetchone()
    return row[0] if row else ""


def read_contents(connection: Any) -> Contents:
    """Read which tables and modules the database has. `connection`: to the Odoo database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(bool_or(relname = 'ir_module_module'), false) FROM pg_catalog.pg_class c"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'curq_state_history'"
            " AND relname NOT LIKE 'orm\\_signaling\\_%'"  # Odoo 19 creates these in any database that it opens
            " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d"
            " WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
        )
        tables, odoo = cursor.fetchone()
        if not odoo:
            return Contents(tables=tables)
        cursor.execute(
            "SELECT left(name::text, 255), left(state::text, 255), left(latest_version::text, 255)"  # noqa: S608
            " FROM public.ir_module_module WHERE (state = 'installed' OR state LIKE 'to %') AND name IS NOT NULL"
            f" LIMIT {MODULE_LIMIT}"
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
    """Explain why this Odoo (major `version`) must not open the database; empty if it may. A
    database of another major version is never used or migrated by a start."""
    if not contents.initialised or not contents.series or contents.series == str(version):
        return ""
    return (
        f"it belongs to Odoo {contents.series} and this image is Odoo {version}; go back to the version {contents.series}, or give"
        " another database name for a new one"
    )


class Action(enum.Enum):
    """What to do with the database."""

    RUN = "run"  # open and initialised
    INITIALISE = "initialise"  # empty, or a first installation of ours that did not end
    ADOPT = "adopt"  # initialised, without a history
    RESUME = "resume"  # a window that did not end: finish it
    FORCE = "force"  # a force mode overrides the state
    UNCHANGED = "unchanged"  # a run was cut off before its first change: open again
    ROLL_BACK = "roll back"  # a rollback was begun: finish it
    RESET = "reset"  # another tool's row, older than the limit
    WAIT = "wait"
    REFUSE = "refuse"


# So many times a serving container resumes an interrupted run on its own; after that an operator
# has to act.
MAX_ATTEMPTS = 5


def looks_open(history: History) -> bool:
    """Whether the latest state is open, so that the contents may be read without the lock."""
    return history.latest is not None and history.latest.open


def decide(history: History, contents: Contents, settings: Settings, identity: str) -> tuple[Action, str]:
    """Decide what to do with the database, read under its lock (or with an open history).
    `identity`: that of this database. Returns the action and the reason in one line."""
    latest = history.latest
    if latest is not None and latest.written_in(identity) and not settings.forcing:
        if latest.result == POINT:
            return Action.UNCHANGED, f"run {latest.run_id} was cut off before its first change"
        if latest.result == ROLLING_BACK:
            return Action.ROLL_BACK, f"run {latest.run_id} was cut off while rolling back"
        if failed_here(latest, settings):
            why = f"release {latest.release!r} failed here and was rolled back; MODE=UpdateOnly tries it again"
            return (Action.WAIT if settings.serving else Action.REFUSE), why
    if latest is not None and history.first_installation:
        return _first_installation(history, latest, settings, identity)
    if contents.initialised:
        return _decide_initialised(history, latest, contents, settings, identity)
    return _decide_uninitialised(history, latest, contents, settings)


def failed_here(latest: Entry, settings: Settings) -> bool:
    """Whether this very release was rolled back: then only an operator or a pipeline lets it try
    again."""
    return (
        latest.result == ROLLED_BACK
        and bool(latest.release)
        and latest.release == settings.release
        and not (settings.mode == "UpdateOnly" or settings.forcing)
    )


def _decide_initialised(
    history: History, latest: Entry | None, contents: Contents, settings: Settings, identity: str
) -> tuple[Action, str]:
    if latest is None:
        if contents.pending and not (settings.updating or settings.forcing):
            return Action.WAIT, f"modules are being changed by something else: {', '.join(contents.pending[:5])}"
        return Action.ADOPT, "an initialised Odoo database without a history"
    if latest.open:
        return Action.RUN, f"state {latest}"
    if settings.forcing:
        return Action.FORCE, f"state {latest}"
    stale = latest.age > settings.timeout
    if not latest.ours:
        if not stale:
            return Action.WAIT, f"state {latest}, written by another tool"
        why = f"state {latest} was not written by this runtime and is {latest.age:.0f} s old"
        return (Action.RESUME if settings.updating else Action.RESET), why
    if not latest.written_in(identity):
        why = f"state {latest} was copied here with another database, whose run is not at work here"
        if settings.updating:
            return Action.RESUME, why
        if latest.state == FAILED or contents.pending:
            return Action.WAIT, why + "; MODE=UpdateOnly finishes it"
        return (Action.RESET if stale else Action.WAIT), why
    if settings.reset_policy == "seed" and stale and not settings.updating:
        return Action.RESET, f"state {latest} is {latest.age:.0f} s old, and RESET_POLICY is 'seed'"
    if settings.updating:
        return Action.RESUME, _left(latest)
    if latest.state == FAILED:
        why = f"state {latest}; MODE=UpdateOnly tries again, force_ready opens it as it is"
        return (Action.WAIT if settings.serving else Action.REFUSE), why
    if latest.release != settings.release:
        why = f"{_left(latest)} with release {latest.release!r}; this is {settings.release!r}, MODE=UpdateOnly finishes it"
        return (Action.WAIT if settings.serving else Action.REFUSE), why
    if history.attempts >= MAX_ATTEMPTS and settings.serving:
        return (
            Action.WAIT,
            f"{_left(latest)}, {history.attempts} times in a row; MODE=UpdateOnly tries again",
        )
    return Action.RESUME, _left(latest)


def _decide_uninitialised(
    history: History, latest: Entry | None, contents: Contents, settings: Settings
) -> tuple[Action, str]:
    if latest is not None and history.ever_open:
        return (
            Action.REFUSE,
            f"the history says it was in use (latest: {latest}), but module base is not installed",
        )
    if latest is not None and not latest.ours and latest.age <= settings.timeout:
        return Action.WAIT, f"state {latest}, written by another tool"
    if latest is None and contents.tables and not contents.odoo:
        return Action.REFUSE, f"it holds {contents.tables} tables that are not Odoo's; give an empty database"
    if latest is None and contents.odoo:
        return Action.REFUSE, "it holds an Odoo database of which module base is not installed, started by another tool"
    if settings.updating or settings.forcing:
        return Action.REFUSE, f"it is not initialised, and MODE is {settings.mode}; MODE=InstallOnly initialises it"
    if latest is None:
        if settings.installing:
            return Action.INITIALISE, "it is empty"
        return Action.WAIT, f"it is not initialised, and MODE is {settings.mode}"
    if settings.installing:
        return Action.INITIALISE, f"another tool left it in state {latest.state!r}"
    return Action.WAIT, f"it is not initialised, and MODE is {settings.mode}"


def unended(latest: Entry | None) -> str:
    """Explain why a first installation is not opened by force."""
    return (
        f"its first installation has not ended (state {latest.state if latest is not None else 'none'}), so its administrator"
        " still has Odoo's own password; MODE=InstallOnly finishes it, which the playbook odoo does"
    )


def _first_installation(history: History, latest: Entry, settings: Settings, identity: str) -> tuple[Action, str]:
    """A first installation that no run works on any more. It is finished, whatever is installed by
    now, and not opened before."""
    if settings.installing or settings.updating:
        return Action.INITIALISE, _left(latest)
    if settings.forcing:
        return Action.REFUSE, unended(latest)
    if not latest.written_in(identity):
        return Action.WAIT, f"{_left(latest)} in a database of which this is a copy; MODE=InstallOnly finishes it"
    if latest.state != FAILED and latest.release == settings.release and history.attempts < MAX_ATTEMPTS:
        return Action.INITIALISE, _left(latest)
    return Action.WAIT, f"{_left(latest)}; MODE=InstallOnly finishes it"


def _left(latest: Entry) -> str:
    return f"run {latest.run_id} on {latest.host} left it in state {latest.state!r}"


def identity(connection: Any) -> str:
    """Return an identifier of this database: it differs in a copy (clone, restored dump) and
    survives a rename."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"
            " THEN (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) ELSE '' END || '/' ||"
            " (SELECT oid::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
        )
        return cursor.fetchone()[0]


@dataclass(frozen=True)
class Writer:
    """Appends rows to the history: only while the lock is held, and never after a newer run, with a
    higher token, has written."""

    connection: Any
    run_id: str
    host: str
    mode: str
    release: str
    database_identity: str
    token: int
    database: str
    lock_pid: int
    actor: str = "odoo-cloud"
    sequence: str = "public.curq_state_history_id_seq"  # that numbers the rows

    def write(self, cursor: Any, state: str, detail: str = "", result: str = "", fingerprint: str = "") -> None:
        """Append a row, in the transaction of `cursor`.

        Raises `LockLost` if the lock is not held any more or a newer run has written.
        """
        cursor.execute(
            "INSERT INTO public.curq_state_history"  # noqa: S608 - HELD_SQL is a constant
            " (id, state, write_date, actor, host, run_id, mode, release, detail, result, token, database_identity, heartbeat,"
            " fingerprint) SELECT pg_catalog.nextval(%(sequence)s::regclass), %(state)s, pg_catalog.now(), %(actor)s, %(host)s,"
            " %(run_id)s, %(mode)s, %(release)s, %(detail)s, %(result)s, %(token)s, %(identity)s,"
            " pg_catalog.clock_timestamp(), %(fingerprint)s"
            f" WHERE {HELD_SQL} AND NOT {NEWER_SQL}",
            {
                "sequence": self.sequence,
                "state": state,
                "actor": self.actor,
                "host": self.host,
                "run_id": self.run_id,
                "mode": self.mode,
                "release": self.release or None,
                "detail": detail or None,
                "result": result or None,
                "token": self.token,
                "identity": self.database_identity,
                "fingerprint": fingerprint or None,
                **held_parameters(self.database, self.lock_pid),
            },
        )
        if cursor.rowcount != 1:
            raise LockLost(self._refusal(cursor, state))

    def _refusal(self, cursor: Any, state: str) -> str:
        cursor.execute(
            f"SELECT id, pg_catalog.left(run_id, 255) FROM public.curq_state_history"  # noqa: S608 - a constant
            f" WHERE token > %s AND token <= {MAX_TOKEN} ORDER BY id DESC LIMIT 1",
            (self.token,),
        )
        newer = cursor.fetchone()
        if newer:
            why = f"row {newer[0]} of its history is of a newer run ({newer[1]})"
        else:
            why = "its lock was lost, or a trigger of its history dropped the row"
        return f"database {self.database!r}: {why}, before writing {state!r}; nothing more is done"

    def append(self, state: str, detail: str = "", result: str = "", fingerprint: str = "") -> None:
        """Append a row in its own transaction; parameters and errors as for `write()`."""
        with self.connection.cursor() as cursor:
            self.write(cursor, state, detail, result, fingerprint)

    def beat(self, connection: Any, phase: str = "") -> None:
        """Update heartbeat and `phase`, the current work in words, on this run's latest row."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE public.curq_state_history SET heartbeat = pg_catalog.clock_timestamp(), phase = %s WHERE id ="
                " (SELECT max(id) FROM public.curq_state_history WHERE run_id = %s)",
                (phase or None, self.run_id),
            )


def open_writer(
    connection: Any, guard: Lock, run_id: str, host: str, mode: str, release: str, actor: str = "odoo-cloud"
) -> Writer:
    """Create the history or extend one of the original form, and take the next fencing token.
    `guard`: the lock, which must be held.

    Raises `LockLost` if it isn't, `shape.Unusable` if the table isn't what it should be.
    """
    guard.check("writing to the history")
    with connection.cursor() as cursor:
        present = shape.columns(cursor, HISTORY)
        statement = extend_sql(set(present)) if present else CREATE_SQL
        if statement:
            cursor.execute(statement)
        sequence, token = next_numbers(cursor)
    return Writer(
        connection, run_id, host, mode, release, identity(connection), token, guard.database, guard.pid, actor, sequence
    )


NUMBERS_SQL = f"""
SELECT pg_catalog.pg_get_serial_sequence('public.curq_state_history', 'id'), h.*
  FROM (SELECT NULL::int8 AS token) AS missing CROSS JOIN LATERAL (
    SELECT coalesce((SELECT max(id) FROM public.curq_state_history), 0),
           coalesce((SELECT token FROM public.curq_state_history WHERE token BETWEEN 0 AND {MAX_TOKEN}
                      ORDER BY token DESC LIMIT 1), 0)) AS h
"""  # noqa: S608 - a constant
SEQUENCE_SQL = """
SELECT least(q.seqmax, 2147483647), q.seqincrement = 1 AND NOT q.seqcycle,
       coalesce(pg_catalog.pg_sequence_last_value(q.seqrelid), q.seqstart - 1)
  FROM pg_catalog.pg_sequence q WHERE q.seqrelid = %s::regclass
"""


def next_numbers(cursor: Any, repair: bool = True) -> tuple[str, int]:
    """Return the sequence that numbers the rows, and the next token. With `repair` a sequence that
    is behind the rows, or was moved to its end, is set right.

    Raises `shape.Unusable` if there is no number or token for another row.
    """
    cursor.execute(NUMBERS_SQL)
    sequence, last, token = cursor.fetchone()
    if sequence is None:
        raise shape.unusable(HISTORY, "no sequence numbers its rows")
    cursor.execute(SEQUENCE_SQL, (sequence,))
    limit, counts, current = cursor.fetchone()
    if last > limit - ROOM:
        raise shape.unusable(HISTORY, f"row {last} leaves no number for another one")
    if not counts:
        raise shape.unusable(HISTORY, f"its sequence {sequence} does not count by one")
    if token >= MAX_TOKEN:
        raise shape.unusable(HISTORY, f"a row has the token {token}, and there is no higher one")
    if repair and (current < last or current > limit - ROOM):
        cursor.execute("SELECT pg_catalog.setval(%s::regclass, %s)", (sequence, max(last, 1)))
    return sequence, token + 1


def set_aside(connection: Any) -> str:
    """Rename a history that can't be used; the next writer creates a new one. Returns its new name.
    Call it only with the lock held."""
    with connection.cursor() as cursor:
        return shape.set_aside(cursor, HISTORY)
