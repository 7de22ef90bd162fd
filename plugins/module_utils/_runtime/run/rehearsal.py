# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""A rehearsal: the whole update on a copy of the database, `<db>--rehearsal-<run>`, which is always
removed.

It shows what the update changes in the structure (catalog.py), how long it takes and how long it
locks tables; the plan of the real run includes the result. The copy is neutralised: no mail is
sent, no cron runs, attachments stay where they are. Other connections have to be prevented by the
container (no network but the database's); that is checked before anything is copied.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from ..addons import install
from ..addons import tree as addon_tree
from ..common import log
from ..common.config import Settings
from ..common.container_variables import VARIABLES
from ..common.errors import ConfigError, Held, Refused, RuntimeFailure, UpdateFailed
from ..common.events import EventFile
from ..database import lock, pg, state
from ..database.derived import REHEARSAL, derived_name
from ..database.pg import one_line, psycopg2
from ..database.provision import quoted
from ..restore import catalog
from ..restore import point as restore_point
from .gate import Gate

TEMPLATE, DUMP = "template", "dump"
TABLE_SQL = (
    "CREATE TABLE IF NOT EXISTS public.odoo_cloud_rehearsal (run_id varchar PRIMARY KEY,"
    " at timestamp with time zone NOT NULL DEFAULT clock_timestamp(), release varchar, result jsonb NOT NULL)"
)
STORE_SECONDS = 10.0
# Names of variables whose values a rehearsed song doesn't need
_SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|_DSN$", re.IGNORECASE)
_SECRETS = frozenset(name for variable in VARIABLES.values() if variable.secret for name in variable.names)
_KEPT = ("PGPASSFILE",)

NEUTRAL = (
    ("ir_mail_server", "UPDATE ir_mail_server SET active = false"),
    (
        "ir_mail_server",  # without an active one Odoo would use the server in its configuration
        "INSERT INTO ir_mail_server (name, smtp_host, smtp_port, smtp_encryption, active, sequence)"
        " VALUES ('rehearsal', 'invalid', 1025, 'none', true, 0)",
    ),
    ("fetchmail_server", "UPDATE fetchmail_server SET active = false"),
    ("ir_cron", "UPDATE ir_cron SET active = false"),
    ("mail_mail", "UPDATE mail_mail SET state = 'cancel' WHERE state = 'outgoing'"),
    ("ir_act_server", "UPDATE ir_act_server SET webhook_url = 'invalid' WHERE state = 'webhook'"),
    ("payment_acquirer", "UPDATE payment_acquirer SET state = 'disabled'"),
    ("payment_provider", "UPDATE payment_provider SET state = 'disabled'"),
)


def open_routes() -> list[str]:
    """Return the network devices through which a program here could reach any address."""
    found = set()
    with contextlib.suppress(OSError), open("/proc/net/route", encoding="ascii") as handle:
        for line in handle.readlines()[1:]:
            words = line.split()
            if len(words) > 7 and words[1] == "00000000" and words[7] == "00000000":
                found.add(words[0])
    with contextlib.suppress(OSError), open("/proc/net/ipv6_route", encoding="ascii") as handle:
        for line in handle:
            words = line.split()
            if len(words) > 9 and set(words[0]) == {"0"} and words[1] == "00":
                found.add(words[9])
    return sorted(found - {"lo"})


def check_network(settings: Settings) -> None:
    """Raise `ConfigError` if this container can reach other machines and that isn't allowed."""
    devices = open_routes()
    if devices and not settings.rehearsal_network:
        raise ConfigError(
            f"REHEARSAL_NETWORK is False: by {', '.join(devices)} this container reaches other machines, and a rehearsed song"
            " could post there; give it no network but the database's, or REHEARSAL_NETWORK=True"
        )


def scrubbed(env: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return Odoo's environment without secrets, with object storage and Redis switched off, and
    therefore without the platform's rules. `folder`: the data folder."""
    result = {
        name: value for name, value in env.items() if name in _KEPT or not (name in _SECRETS or _SECRET.search(name))
    }
    result.update(DISABLE_ATTACHMENT_STORAGE="1", DATA_DIR=folder, HOME=folder)
    result.update(ODOO_SESSION_REDIS="0", ODOO_STATSD="0", ODOO_CLOUD_PLATFORM_UNSAFE="1")
    return result


def neutralise(connection: Any, settings: Settings) -> None:
    """Prevent the copy from sending mail, fetching mail and making payments. From Odoo 16 on,
    modules contain statements of their own for that."""
    statements = list(NEUTRAL)
    if settings.version >= 16:
        folders = addon_tree.addons_folders(settings, install.odoo_executable(settings))
        for name in sorted(state.read_contents(connection).installed):
            addon = addon_tree.read(name, folders)
            path = os.path.join(addon.path, "data", "neutralize.sql") if addon is not None else ""
            if path and os.path.isfile(path):
                with open(path, encoding="utf-8") as handle:
                    statements.append(("", handle.read()))
    for table, statement in statements:
        try:
            with pg.transaction(connection) as cursor:
                cursor.execute("SET LOCAL search_path = public")  # what modules bring names no schema
                if table:
                    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (f"public.{table}",))
                    if not cursor.fetchone()[0]:
                        continue
                cursor.execute(statement)
        except psycopg2.Error as exc:  # a column of another version; the network is what really protects
            log.info(f"neutralising: {one_line(exc)}")


def on_copy(settings: Settings, scratch: str, folder: str) -> Settings:
    """Return the settings of the same update on the copy `scratch`, with the data folder `folder`."""
    conf = {key: value for key, value in settings.conf.items() if key not in ("db_name", "data_dir")}
    return dataclasses.replace(
        settings, db_name=scratch, data_dir=folder, conf=conf, mode="UpdateOnly", wait=False, restore_point="none",
        on_failure="hold", static_dir="",
    )  # fmt: skip


def sweep(control: Any, settings: Settings) -> list[str]:
    """Remove the copies of rehearsals that no longer run. Returns their names."""
    gone = restore_point.leftovers(control, settings.db_name, REHEARSAL)
    for name in gone:
        log.info(f"database {name!r} was left by a rehearsal that was cut off: it is removed")
        restore_point.drop_database(control, name)
    return gone


def choose_copy(settings: Settings, others: list[Any], known: restore_point.Facts) -> str:
    """Return how the database is copied. `TEMPLATE`: by the server, which ends all sessions while
    it copies; `DUMP`: with pg_dump, without disturbing sessions. `others`: sessions in the
    database.

    Raises `Refused` or `ConfigError` if it can't be copied.
    """
    wanted = settings.rehearsal_copy
    if known.may_clone:
        raise Refused(f"database {settings.db_name!r} can't be copied: {known.may_clone}")
    if wanted == TEMPLATE or (wanted == "auto" and not others):
        return TEMPLATE
    try:
        restore_point.find_pg_dump(settings, known.version)
        restore_point.find_pg_dump(settings, known.version, "pg_restore")
    except ConfigError as exc:
        if wanted == DUMP:
            raise
        raise Refused(
            f"{len(others)} sessions are in database {settings.db_name!r}, and without pg_dump it can't be copied beside them:"
            f" {exc}; REHEARSAL_COPY=template ends them and lets new ones wait until it is copied"
        ) from exc
    return DUMP


def _copy(
    settings: Settings, env: Mapping[str, str], name: str, run_id: str, control: Any, scratch: str
) -> dict[str, Any]:
    """Creates the copy under the lock, so that no update begins meanwhile."""
    guard = lock.Lock(control, settings.db_name)
    if not guard.acquire():
        raise Held(f"database {settings.db_name!r}: {lock.held_by(control, settings.db_name)}")
    started = time.monotonic()
    try:
        with contextlib.closing(pg.connect(settings, settings.db_name, name)) as database:
            history, contents = state.read_history(database), state.read_contents(database)
            why = state.other_series(contents, settings.version)
            if why:
                raise Refused(f"database {settings.db_name!r}: {why}")
            if not contents.initialised or (history.latest is not None and not history.latest.open):
                raise Refused(
                    f"database {settings.db_name!r} is not open (state {history.latest}): what was left is finished first"
                )
        others = restore_point.others(control, settings.db_name, run_id)
        with restore_point.keeper_session(settings, name) as keeper:
            known = restore_point.facts(keeper, settings)
            kind = choose_copy(settings, others, known)
            if kind == TEMPLATE:
                done = restore_point.copy_database(
                    settings, name, run_id, settings.db_name, scratch, known.oid, guard.held, known.owner, known.size
                )
                if done.ended:
                    log.warning(f"{done.ended} sessions were ended to copy the database")
                with keeper.cursor() as cursor:
                    cursor.execute(f"ALTER DATABASE {quoted(scratch)} ALLOW_CONNECTIONS true")
            else:
                _pipe(settings, env, name, keeper, known, scratch, guard)
        return {"kind": kind, "seconds": round(time.monotonic() - started, 2), "bytes": known.size}
    finally:
        guard.release()


def _pipe(
    settings: Settings,
    env: Mapping[str, str],
    name: str,
    keeper: Any,
    known: restore_point.Facts,
    scratch: str,
    guard: lock.Lock,
) -> None:
    """Pipes pg_dump into pg_restore, without a file and without disturbing sessions."""
    with keeper.cursor() as cursor:
        cursor.execute(
            f"CREATE DATABASE {quoted(scratch)} OWNER {quoted(known.owner)} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'"
        )
        cursor.execute(restore_point.close_to_public(scratch, restore_point.PUBLIC_DEFAULT).sql)
    dump = restore_point.find_pg_dump(settings, known.version)
    restore = restore_point.find_pg_dump(settings, known.version, "pg_restore")
    script = (
        'set -o pipefail; "$1" --format=custom --compress=0 --no-password "$2"'
        ' | "$3" --no-password --exit-on-error --no-owner --dbname="$4"'
    )
    restore_point.run_tool(
        [shutil.which("bash") or "/bin/bash", "-c", script, "copy", dump, settings.db_name, restore, scratch],
        restore_point.tool_environment(env, settings, name), guard.held, UpdateFailed,
    )  # fmt: skip


def run(settings: Settings, env: Mapping[str, str], events: EventFile, run_id: str) -> tuple[int, dict[str, Any]]:
    """Rehearse the update of these settings. Returns its exit code on the copy, and the result for
    operators and for the plan of the real run. `events` gets the update's events; `env` is Odoo's
    environment.

    Raises `ConfigError` for a mode that doesn't update or a container that can reach other
    machines, `Held` while a run works on the database, `Refused` if it can't be copied.
    """
    if not settings.updating:
        raise ConfigError(f"MODE is {settings.mode!r}: a rehearsal is of an update; give UpdateOnly or UpdateAndRun")
    check_network(settings)
    name = pg.application_name("rehearse", run_id, settings.host)
    scratch = derived_name(settings.db_name, REHEARSAL, run_id)
    folder = tempfile.mkdtemp(prefix="rehearsal-", dir=settings.rehearsal_dir or None)
    result: dict[str, Any] = {"run_id": run_id, "database": settings.db_name, "release": settings.release}
    control = pg.wait_for_server(settings, name)
    try:
        sweep(control, settings)
        # This lock shows that the copy's creator is alive; its window takes the copy's own lock.
        alive = lock.Lock(control, restore_point.marker(scratch))
        alive.acquire()
        log.info(f"rehearsal on database {scratch!r}")
        result["copy"] = _copy(settings, env, name, run_id, control, scratch)
        try:
            code = _perform(on_copy(settings, scratch, folder), scrubbed(env, folder), name, result, events)
        finally:
            restore_point.drop_database(control, scratch)
        result["estimate_seconds"] = round(
            result["seconds"] + (result["copy"]["seconds"] if settings.restore_point != "none" else 0)
        )
        _store(settings, name, control, result)
        log.info(
            f"rehearsal: {result['class']}, {result['seconds']:.1f} s"
            + (f", failed: {result['error']}" if result["error"] else "")
        )
        return code, result
    finally:
        with contextlib.suppress(psycopg2.Error, RuntimeFailure):
            restore_point.drop_database(control, scratch)
        control.close()
        shutil.rmtree(folder, ignore_errors=True)


def _perform(settings: Settings, env: Mapping[str, str], name: str, result: dict[str, Any], events: EventFile) -> int:
    with contextlib.closing(pg.connect(settings, settings.db_name, name)) as database:
        neutralise(database, settings)
        before = catalog.read(database)
        locks = catalog.Locks(settings, name, {oid: row[0] for oid, row in before.relations.items() if row[1] in "rpm"})
        gate = Gate(settings, env, events=events)
        started = time.monotonic()
        code, error = 0, ""
        try:
            gate.connections.open()
            planner = gate.planner
            decided, work = planner.decide()
            planner.check(decided, work)
            plan = planner.as_data(decided, work, planner.hooks_due(), "")
            result.update(install=plan["install"], update=plan["update"], migration=plan["migration"])
            started = time.monotonic()
            gate.pass_through()
        except RuntimeFailure as exc:
            if isinstance(exc, ConfigError):
                raise
            code, error = exc.exit_code, str(exc)
        finally:
            seconds = time.monotonic() - started
            gate.close()
            held = locks.stop()
        after = catalog.read(database)
    changes = catalog.compare(before, after)
    result.update(
        ok=not code, code=code, error=error, seconds=round(seconds, 2), changes=[item.plain() for item in changes],
        locks=held[:20], rewritten=catalog.rewritten(before, after),
    )  # fmt: skip
    result["class"] = catalog.classify(changes)
    return code


def _store(settings: Settings, name: str, control: Any, result: dict[str, Any]) -> None:
    """Stores the result in the database itself, for the plan of the real run; tables are created
    only under the lock."""
    guard = lock.Lock(control, settings.db_name)
    end = time.monotonic() + STORE_SECONDS
    while not guard.acquire():
        if time.monotonic() > end:
            log.warning("the result of the rehearsal is not kept: a run holds the lock of the database")
            return
        time.sleep(0.2)
    try:
        with (
            contextlib.closing(pg.connect(settings, settings.db_name, name)) as database,
            pg.transaction(database) as cursor,
        ):
            cursor.execute(TABLE_SQL)
            cursor.execute(
                "INSERT INTO public.odoo_cloud_rehearsal (run_id, release, result) VALUES (%s, %s, %s::jsonb)",
                (result["run_id"], settings.release or None, json.dumps(result, default=str)),
            )
    finally:
        guard.release()


LAST_SQL = """
SELECT r.at::timestamptz(0)::text, r.result FROM public.odoo_cloud_rehearsal r
 WHERE r.release IS NOT DISTINCT FROM %s
   AND r.at > coalesce((SELECT max(write_date) FROM public.curq_state_history), '-infinity')
 ORDER BY r.at DESC LIMIT 1
"""


def last(connection: Any, settings: Settings) -> dict[str, Any] | None:
    """Return a summary of the latest rehearsal of this release, if the database has not changed its
    state since; otherwise `None`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regclass('public.odoo_cloud_rehearsal') IS NOT NULL AND to_regclass('public.curq_state_history') IS NOT NULL"
        )
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(LAST_SQL, (settings.release or None,))
        row = cursor.fetchone()
    if row is None:
        return None
    found = row[1] if isinstance(row[1], dict) else json.loads(row[1])
    short = {
        key: found.get(key)
        for key in ("run_id", "class", "ok", "code", "error", "seconds", "estimate_seconds", "rewritten")
    }
    return {
        "at": row[0], **short, "longest_lock": (found.get("locks") or [None])[0],
        "breaking": [item for item in found.get("changes", []) if item.get("breaking")][:20],
        "changes": len(found.get("changes", [])), "install": found.get("install"), "update": found.get("update"),
    }  # fmt: skip
