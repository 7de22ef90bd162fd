# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What is recorded of migrations, in the Odoo database, so that a backup contains it.

`marabunta_version` is marabunta's own table, read and written so that a project can switch from
marabunta and back. `odoo_cloud_run` has a row per run, which is never overwritten, and
`odoo_cloud_step` the latest attempt of each step. Modules are in `odoo_cloud_module`
(addons/update_plan.py). Actor, host and release of a run are in `curq_state_history`, under the
same run_id.

All functions take a cursor on the Odoo database and leave the transaction to the caller. Tables are
created only while the lock is held.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.errors import LockLost
from ..database import shape
from .file import UPDATE, Step
from .plan import DONE, FAILED, RUNNING, StepRow, VersionRow

# As in marabunta 0.15. Its times are local and without a zone; ours are UTC, like all of the
# runtime's.
MARABUNTA_SQL = (
    "CREATE TABLE IF NOT EXISTS public.marabunta_version (number VARCHAR NOT NULL, date_start TIMESTAMP NOT NULL,"
    " date_done TIMESTAMP, log TEXT, addons TEXT, CONSTRAINT version_pk PRIMARY KEY (number))"
)
RUN_SQL = (
    "CREATE TABLE IF NOT EXISTS public.odoo_cloud_run (run_id varchar PRIMARY KEY, versions varchar, mode varchar,"
    " plan_sha varchar, series varchar, status varchar NOT NULL DEFAULT 'running',"
    " started timestamp with time zone NOT NULL DEFAULT clock_timestamp(), finished timestamp with time zone, error text)"
)
STEP_SQL = (
    "CREATE TABLE IF NOT EXISTS public.odoo_cloud_step (version varchar NOT NULL, step_id varchar NOT NULL,"
    " run_id varchar NOT NULL, phase varchar NOT NULL, kind varchar NOT NULL, name varchar, sha varchar NOT NULL,"
    " status varchar NOT NULL, attempt integer NOT NULL DEFAULT 1,"
    " started timestamp with time zone NOT NULL DEFAULT clock_timestamp(), finished timestamp with time zone,"
    " changed boolean, info jsonb NOT NULL DEFAULT '{}', PRIMARY KEY (version, step_id))"
)
ABORTED = "aborted"  # status of a run that ended without recording it

# The first line of marabunta_version.log in our rows. marabunta empties or replaces the log of what
# it begins, so a version that marabunta took over can be distinguished from ours.
_MARK = re.compile(r"odoo-cloud run=(\S+) mode=(\S*)(?:\n|$)")


def mark(run_id: str, mode: str | None) -> str:
    """Return the first line of the log in a row of ours."""
    return f"odoo-cloud run={run_id} mode={mode or ''}\n"


def create_tables(cursor: Any) -> None:
    """Create the tables that are missing."""
    for statement in (MARABUNTA_SQL, RUN_SQL, STEP_SQL):
        cursor.execute(statement)


_T, _W = shape.TEXT, ("timestamptz",)
_LOST = "ALTER TABLE public.{name} RENAME TO {name}_aside sets it aside; what it has recorded is no longer known then, "


def _table(of: str, key: tuple[str, ...], lost: str, /, **columns: tuple[str, ...]) -> shape.Table:
    return shape.Table(of, columns, tuple(columns), key, _LOST + lost)


TABLES = {
    item.name: item
    for item in (
        _table(
            "marabunta_version", ("number",), "so the versions that are done have to be recorded again",
            number=_T, date_start=shape.TIME, date_done=shape.TIME, log=_T, addons=_T,
        ),
        _table(
            "odoo_cloud_run", ("run_id",), "so an interrupted run is not finished",
            run_id=_T, versions=_T, mode=_T, plan_sha=_T, series=_T, status=_T, started=_W, finished=_W, error=_T,
        ),
        _table(
            "odoo_cloud_step", ("version", "step_id"), "so steps of a version that is not finished run again",
            version=_T, step_id=_T, run_id=_T, phase=_T, kind=_T, name=_T, sha=_T, status=_T, attempt=shape.WHOLE,
            started=_W, finished=_W, changed=("bool",), info=("jsonb",),
        ),
    )
}  # fmt: skip
ROWS = 20000  # more are not read
INFO_BYTES = 4 << 20  # a longer `info` of a step is none of ours


def _exists(cursor: Any, table: str) -> bool:
    """Whether the table is there. Raises `shape.Unusable` if something else has its name."""
    return bool(shape.columns(cursor, TABLES[table]))


# marabunta_version


def read_versions(cursor: Any) -> list[VersionRow]:
    """Return all rows; none if there is no table."""
    if not _exists(cursor, "marabunta_version"):
        return []
    cursor.execute(
        "SELECT left(number, 255), date_done IS NOT NULL,"  # noqa: S608
        " CASE WHEN isfinite(date_start) AND date_start < '9999-01-01' THEN date_start::timestamp(0)::text END, left(log, 300)"
        f" FROM public.marabunta_version ORDER BY date_start, number LIMIT {ROWS}"
    )
    return [version_row(*row) for row in cursor.fetchall()]


def version_row(number: str, done: bool, started: str | None, log: str | None) -> VersionRow:
    """Return the row for the columns of marabunta_version."""
    match = _MARK.match(log or "")
    run_id, mode = match.groups() if match else ("", "")
    return VersionRow(number, done, started or "", run_id, mode)


def begin_version(cursor: Any, number: str, run_id: str, mode: str | None) -> None:
    """Record that a version is begun, from its first step. `number` is written as in the file,
    since marabunta compares texts."""
    cursor.execute(
        "INSERT INTO public.marabunta_version (number, date_start, log)"
        " VALUES (%s, clock_timestamp() AT TIME ZONE 'UTC', %s) ON CONFLICT (number) DO UPDATE"
        " SET date_start = excluded.date_start, date_done = NULL, log = excluded.log, addons = NULL",
        (number, mark(run_id, mode)),
    )


def resume_version(cursor: Any, number: str, run_id: str, mode: str | None) -> None:
    """Record that the run `run_id` resumes a version that another run of ours began."""
    cursor.execute(
        "UPDATE public.marabunta_version SET log = %s WHERE number = %s AND date_done IS NULL",
        (mark(run_id, mode), number),
    )


def fail_version(cursor: Any, number: str, run_id: str, mode: str | None, log: str) -> None:
    """Record what went wrong; the version stays unfinished."""
    cursor.execute(
        "UPDATE public.marabunta_version SET log = %s WHERE number = %s AND date_done IS NULL",
        (mark(run_id, mode) + log, number),
    )


def finish_version(cursor: Any, number: str, run_id: str, mode: str | None, log: str = "") -> None:
    """Record that the version is done, with the names and states of all modules as marabunta keeps
    them.

    Raises `LockLost` if another process changed the row.
    """
    states = "[]"
    cursor.execute("SELECT to_regclass('public.ir_module_module') IS NOT NULL")
    if cursor.fetchone()[0]:
        cursor.execute(
            f"SELECT left(name, 255), left(state, 255) FROM public.ir_module_module ORDER BY name LIMIT {ROWS}"  # noqa: S608
        )
        states = json.dumps([{"name": name, "state": state} for name, state in cursor.fetchall()])
    cursor.execute(
        "UPDATE public.marabunta_version SET date_done = clock_timestamp() AT TIME ZONE 'UTC', log = %s, addons = %s"
        " WHERE number = %s AND date_done IS NULL",
        (mark(run_id, mode) + log, states, number),
    )
    if cursor.rowcount != 1:
        raise LockLost(f"version {number} is no longer run {run_id}'s to finish: somebody else wrote its row")


# Runs


@dataclass(frozen=True)
class RunRow:
    """A row of odoo_cloud_run."""

    run_id: str
    versions: tuple[str, ...]
    mode: str
    status: str


def read_last_run(cursor: Any) -> RunRow | None:
    """Return the run that began last, or `None`."""
    if not _exists(cursor, "odoo_cloud_run"):
        return None
    cursor.execute(
        "SELECT left(run_id, 255), left(coalesce(versions, ''), 10000), left(coalesce(mode, ''), 255), left(status, 255)"
        " FROM public.odoo_cloud_run"
        " ORDER BY started DESC LIMIT 1"
    )
    row = cursor.fetchone()
    return RunRow(row[0], tuple(filter(None, row[1].split(","))), row[2], row[3]) if row else None


def begin_run(
    cursor: Any, run_id: str, versions: Sequence[str], mode: str | None, plan_sha: str, series: str = ""
) -> None:
    """Record the beginning of a run. Runs that still count as running were interrupted, since this
    run has the lock."""
    cursor.execute(
        "UPDATE public.odoo_cloud_run SET status = %s, finished = clock_timestamp() WHERE status = %s",
        (ABORTED, RUNNING),
    )
    cursor.execute(
        "INSERT INTO public.odoo_cloud_run (run_id, versions, mode, plan_sha, series, status) VALUES (%s, %s, %s, %s, %s, %s)"
        # A container that first finished interrupted work opens a second window with the same
        # run_id.
        " ON CONFLICT (run_id) DO UPDATE SET versions = excluded.versions, mode = excluded.mode, plan_sha = excluded.plan_sha,"
        " series = excluded.series, status = excluded.status, started = excluded.started, finished = NULL, error = NULL",
        (run_id, ",".join(versions), mode or "", plan_sha, series, RUNNING),
    )


def end_run(cursor: Any, run_id: str, status: str, error: str = "") -> None:
    """Record the end of a run.

    Raises `LockLost` if it isn't the running one any more.
    """
    cursor.execute(
        "UPDATE public.odoo_cloud_run SET status = %s, finished = clock_timestamp(), error = %s"
        " WHERE run_id = %s AND status = %s",
        (status, error or None, run_id, RUNNING),
    )
    if cursor.rowcount != 1:
        raise LockLost(f"run {run_id} is no longer the running one: somebody else took over")


# Steps. `version` is a canonical number (Number.canonical), so that two spellings of one number are
# the same version.


def read_steps(cursor: Any) -> list[StepRow]:
    """Return all rows; none if there is no table."""
    if not _exists(cursor, "odoo_cloud_step"):
        return []
    cursor.execute(
        "SELECT left(version, 255), left(step_id, 1000), left(sha, 255), left(status, 255), left(phase, 255),"  # noqa: S608
        " left(kind, 255), left(coalesce(name, ''), 1000), left(run_id, 255), coalesce(attempt, 1),"
        f" CASE WHEN octet_length(info::text) < {INFO_BYTES} AND jsonb_typeof(info) = 'object' THEN info::text END"
        f" FROM public.odoo_cloud_step ORDER BY started, version, step_id LIMIT {ROWS}"
    )
    return [StepRow(*row[:9], info=json.loads(row[9] or "{}")) for row in cursor.fetchall()]


def forget_steps(cursor: Any, version: str) -> None:
    """Delete the steps of a version that is begun from its first step, so that none counts as done."""
    cursor.execute("DELETE FROM public.odoo_cloud_step WHERE version = %s", (version,))


def begin_step(cursor: Any, version: str, step: Step, run_id: str, info: Mapping[str, Any] | None = None) -> None:
    """Record that a step begins. Commit it before the step, so that after a crash the step is known."""
    cursor.execute(
        "INSERT INTO public.odoo_cloud_step (version, step_id, run_id, phase, kind, name, sha, status, info)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb) ON CONFLICT (version, step_id) DO UPDATE"
        " SET run_id = excluded.run_id, phase = excluded.phase, kind = excluded.kind, name = excluded.name,"
        " sha = excluded.sha, status = excluded.status, attempt = odoo_cloud_step.attempt + 1,"
        " started = clock_timestamp(), finished = NULL, changed = NULL,"
        # An update that is resumed keeps the list of modules that are done.
        " info = CASE WHEN excluded.kind = 'update' THEN odoo_cloud_step.info || excluded.info ELSE excluded.info END",
        (version, step.id, run_id, step.phase, step.kind, step.name, step.sha, RUNNING, json.dumps(dict(info or {}))),
    )


def finish_step(
    cursor: Any, version: str, step: Step, run_id: str, changed: bool = True, info: Mapping[str, Any] | None = None
) -> None:
    """Record that the step is done. Use the step's own cursor before its commit, so that both are
    committed or neither.

    Raises `LockLost`, without writing anything, if the row isn't this run's any more; then the step
    must not be committed.
    """
    content = dict(info or {})
    if step.kind == UPDATE:
        cursor.execute(
            "SELECT info -> 'modules' FROM public.odoo_cloud_step WHERE version = %s AND step_id = %s",
            (version, step.id),
        )
        row = cursor.fetchone()
        before = row[0] if row else None
        before = json.loads(before) if isinstance(before, str) else before
        content["modules"] = list(dict.fromkeys([*(before or []), *step.arguments["modules"]]))
    cursor.execute(
        "UPDATE public.odoo_cloud_step SET status = %s, finished = clock_timestamp(), changed = %s, info = info || %s::jsonb"
        " WHERE version = %s AND step_id = %s AND run_id = %s AND status = %s"
        " AND EXISTS (SELECT 1 FROM public.odoo_cloud_run r WHERE r.run_id = %s AND r.status = %s FOR SHARE)",
        (DONE, changed, json.dumps(content), version, step.id, run_id, RUNNING, run_id, RUNNING),
    )
    if cursor.rowcount != 1:
        raise LockLost(f"step {step.id} of version {version} is no longer run {run_id}'s: somebody else took over")


def fail_step(cursor: Any, version: str, step_id: str, run_id: str, info: Mapping[str, Any] | None = None) -> None:
    """Record that the step failed; the next run repeats it."""
    cursor.execute(
        "UPDATE public.odoo_cloud_step SET status = %s, finished = clock_timestamp(), info = info || %s::jsonb"
        " WHERE version = %s AND step_id = %s AND run_id = %s AND status = %s",
        (FAILED, json.dumps(dict(info or {})), version, step_id, run_id, RUNNING),
    )
