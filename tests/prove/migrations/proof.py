# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves the bars of songs, migrations and updates.

Real Odoo 14 and 19 containers on a real PostgreSQL, with the runtime of this checkout and a whole project. It needs the images of
`make demo` for both versions, and PyPI for wheels; nothing of a demo that runs beside it is touched.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import json
import re
import threading
import time
import typing as t

import psycopg2

from ..benchmarks import migrations as bench
from ..containers.lab import Box, Database, LabRun
from ..containers.wheels import click_odoo, tools
from ..frame import RUNTIME, Line, Mutant, Proof, Shortfall, docker, parts_of, sentence, until
from .lab import (
    ADDITIVE,
    CODE_ONLY,
    OWN,
    PROJECT,
    MigrationLab,
    Outcome,
    Release,
    contents,
    differences,
    drop_kept,
    finished,
    hold_lock,
    scripts,
    songs,
)  # fmt: skip
from .modules import part_modules

EXIT_MIGRATION, EXIT_STEP, EXIT_ROLLED_BACK, EXIT_DECISION, EXIT_LOST, EXIT_MISSING = 80, 81, 84, 85, 71, 68
IDLE_SECONDS = 0.5
HOW = ("kill", "term", "exception", "lock")
# Phase of the matrix: the place in which a run is stopped. Those with ! are in the runtime, whose copy is given a stop there.
PHASES = {
    "before the first commit": "song/old_labels",
    "in a pre song": "song/codes",
    "between modules": "shop_sale/pre",
    "in an end script": "shop_sale/end",
    "in a post song": "song/prices",
    "between songs": "!before/customers",
    "after the commit, before its event": "!after/prices",
}
POINT_PHASES = {"restore point made": "!point", "rollback decided": "!back"}
# (file, text that is there once, what is put in its place)
PROBES = (
    (f"{RUNTIME}/boot/steps.py", "            cursor.commit()\n            limit.connection = None\n        self.odoo.signal()",
     '            cursor.commit()\n            __import__("odoo_cloud_runtime.probe").probe.reach("!after/" + step.id)\n'
     "            limit.connection = None\n        self.odoo.signal()"),
    (f"{RUNTIME}/boot/steps.py", '        with self.reported(what, order["where"]) as told:\n',
     '        with self.reported(what, order["where"]) as told:\n'
     '            __import__("odoo_cloud_runtime.probe").probe.reach("!before/" + step.id)\n'),
    (f"{RUNTIME}/restore/safety.py", "        window.ledger.begin(settings,",
     '        __import__("odoo_cloud_runtime.probe").probe.reach("!point")\n        window.ledger.begin(settings,'),
    (f"{RUNTIME}/restore/rollback.py", '    actor.report("rolling back")\n',
     '    __import__("odoo_cloud_runtime.probe").probe.reach("!back")\n    actor.report("rolling back")\n'),
)  # fmt: skip
SAMPLE = ("crash", "plan", "nothing", "refused", "missing")


MUTANTS = {
    # A step's row is no longer written with its work.
    "step-not-in-transaction": Mutant(
        ("crash",),
        ((f"{RUNTIME}/boot/steps.py",
          '                plain, version, step, self.run_id, told["changed"], {"self_committed": told["self_committed"]}\n'
          "            )\n            cursor.commit()",
          '                plain, version, step, self.run_id, told["changed"], {"self_committed": told["self_committed"]}\n'
          "            ) if False else None\n            cursor.commit()"),),
        sample=True,
    ),
    "done-steps-again": Mutant(
        ("crash",),
        (
            (
                f"{RUNTIME}/migration/plan.py",
                "    done = [row for row in rows if row.status == DONE]\n    operations",
                "    done: list[StepRow] = []\n    operations",
            ),
        ),
        sample=True,
    ),
    "end-scripts-forgotten": Mutant(
        ("crash",), ((f"{RUNTIME}/boot/child.py", 'late: dict[str, str] = odoo.order["late"]', "late: dict[str, str] = {}"),), sample=True
    ),
    "exit-is-success": Mutant(
        ("odd",), ((f"{RUNTIME}/boot/steps.py", "            function(ctx, **step.arguments.get(\"kwargs\", {}))",
                    "            try:\n                function(ctx, **step.arguments.get(\"kwargs\", {}))\n"
                    "            except SystemExit:\n                pass"),),
    ),
    "always-quiet": Mutant(
        ("live",), ((f"{RUNTIME}/restore/safety.py", "            why = judge(point, window.ledger.since, window.guard.connection)\n",
                     '            why = ""\n            window.ledger.since = None\n'),),
    ),
    # Of the Ansible modules
    "check-does-it": Mutant(
        ("modules",), (("plugins/module_utils/_runs/module.py", "elif module.check_mode and not run.kind.reads:", "elif False:"),),
    ),
    "any-words-confirm": Mutant(
        ("modules",),
        ((f"{RUNTIME}/restore/by_hand.py", "return bool(found) and found[2] ==",
          "return bool(text) or bool(found) and found[2] =="),),
    ),
    "translations-stay": Mutant(
        ("modules",), ((f"{RUNTIME}/boot/child.py", "    if not wanted:\n        yield", "    if True:\n        yield"),),
    ),
    "nothing-imports-odoo": Mutant(
        ("nothing",), ((f"{RUNTIME}/migration/work.py", '    if not settings.updating:\n        return Source()\n',
                        "    import odoo\n    if not settings.updating:\n        return Source()\n"),),
    ),
}  # fmt: skip


class Run(LabRun):
    """On single containers with a project."""

    lab_class = MigrationLab
    lab: MigrationLab

    def open(self) -> None:
        (self.tree / RUNTIME / "probe.py").write_text((PROJECT / "count.py").read_text())  # what PROBES call
        super().open()


def disturb(run: Run, database: Database, done: Outcome, how: str) -> int:
    """Ends a run that stands in its place; the exit code."""
    if how == "kill":
        done.box.kill()
    elif how == "term":
        docker("kill", "--signal", "TERM", done.box.name)
    elif how == "lock":
        with run.lab.admin() as session:
            for pid, dummy in database.lock_holders():
                session.rows("SELECT pg_terminate_backend(%s)", pid)
    return done.wait(120)


def wait_until_free(database: Database) -> None:
    until(lambda: not database.lock_holders(), 30, "the lock is still held")


def wait_for_point(done: Outcome) -> None:
    """Asked of the events: a session of ours in the database would be one of somebody else."""
    until(lambda: done.events("restore_point") or done.box.code() is not None, 120, "no restore point was created")


def wait_for_service(box: Box, seconds: float = 120) -> None:
    until(box.serves, seconds, f"{box.name} does not serve: {box.last_line()}", 0.5)


# The parts


def crash_trial(run: Run, version: str, phase: str, place: str, how: str) -> tuple[list[str], str]:
    database = run.lab.project(version)
    with run.lab.trial(database):
        release = run.lab.release(version, "1.1")
        what = {"OC_RAISE" if how == "exception" else "OC_HOLD": place}
        done = run.lab.act(database, release, **what)
        if how != "exception":
            done.wait_for_place(place)
        code = disturb(run, database, done, how) if how != "exception" else done.wait()
        troubles = [] if code else [f"exit {code} although it was stopped"]
        if how == "lock" and code != EXIT_LOST:
            troubles.append(f"exit {code}, not {EXIT_LOST}")
        if how == "term" and code not in (143, 130):
            troubles.append(f"exit {code}, not 143")
        wait_until_free(database)
        after = run.lab.act(database, release)
        again = after.wait(300)
        if again:
            troubles.append(f"the next start: exit {again}: {after.error()[-200:]}")
        else:
            troubles += finished(database)
        return troubles, f"{code}"


def part_crash(run: Run) -> t.Iterator[Line]:
    """Each way to be stopped, in each phase; the next start has to finish it, everything done once."""
    cells: list[tuple[str, str, str]] = []
    for version in run.each():
        for index, phase in enumerate(PHASES):
            for turn, how in enumerate(HOW):
                # Killed and failed: in each phase on each version. The other two by turns, each phase on one of them.
                mine = how in ("kill", "exception") or (index + turn) % 2 == ("14", "19").index(version)
                if mine or len(run.versions) == 1:
                    cells.append((version, phase, how))
    if run.sample:
        cells = [cell for cell in cells if cell[1:] in (
            ("between modules", "kill"), ("after the commit, before its event", "kill"), ("in a post song", "exception"))]  # fmt: skip

    def one(cell: tuple[str, str, str]) -> tuple[list[str], str]:
        version, phase, how = cell
        try:
            return crash_trial(run, version, phase, PHASES[phase], how)
        except (Shortfall, OSError, psycopg2.Error) as error:
            return [f"{type(error).__name__}: {error}"], "?"

    for version in run.each():
        run.lab.project(version)  # made once, before two trials want it at once
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = dict(zip(cells, pool.map(one, cells)))
    for version in run.each():
        for how in HOW:
            mine = {cell: result for cell, result in results.items() if cell[0] == version and cell[2] == how}
            if not mine:
                continue
            bad = [f"{cell[1]}: {sentence(found)}" for cell, (found, dummy) in mine.items() if found]
            codes = ",".join(sorted({code for dummy, code in mine.values()}))
            yield Line(
                f"stopped by {how} in {len(mine)} phases, then the next start, Odoo {version}",
                f"{len(mine) - len(bad)} of {len(mine)} finished with every song and migration script done once (first exit"
                f" {codes}; {(time.monotonic() - begin) / max(len(cells), 1):.0f} s a trial)" + ("; " + "; ".join(bad) if bad else ""),
                "each song once, scripts of finished modules not again, no end script lost",
                not bad,
            )  # fmt: skip


def with_point(run: Run, version: str, **more: str) -> dict[str, str]:
    return {"RESTORE_POINT": "clone", "DB_ADMIN_USER": "oc_admin", "DB_ADMIN_PASSWORD_FILE": "/run/secrets/db_password",
            **more}  # fmt: skip


def part_point(run: Run) -> t.Iterator[Line]:
    """Stopped while the restore point is made and while it is gone back to."""
    for index, (phase, place) in enumerate(POINT_PHASES.items()):
        version = run.any(("14", "19")[index % 2])
        for how in ("kill", "term"):
            database = run.lab.project(version)
            with run.lab.trial(database):
                before = contents(database)
                release = run.lab.release(version, "1.1")
                env = with_point(run, version, ON_FAILURE="rollback", OC_HOLD=place)
                if place == "!back":
                    env["OC_RAISE"] = "song/prices"
                done = run.lab.act(database, release, **env)
                done.wait_for_place(place)
                code = disturb(run, database, done, how)
                wait_until_free(database)
                after = run.lab.act(database, release, **with_point(run, version, ON_FAILURE="rollback"))
                again = after.wait(300)
                troubles = [] if code else ["exit 0 although it was stopped"]
                if place == "!back" and again:
                    # The decision had been made: the next start finishes it. What it does then with its own release is its mode's.
                    troubles += differences(before, contents(database)) if again == EXIT_ROLLED_BACK else [
                        f"the next start: exit {again}: {after.error()[-200:]}"]  # fmt: skip
                elif again:
                    troubles.append(f"the next start: exit {again}: {after.error()[-200:]}")
                else:
                    troubles += finished(database)
                yield Line(
                    f"stopped by {how} with the {phase}, then the next start, Odoo {version}",
                    f"exits {code}, {again}; {sentence(troubles)}",
                    "finished, everything once, or back at the data of before", not troubles,
                )  # fmt: skip
                drop_kept(database)


def part_rollback(run: Run) -> t.Iterator[Line]:
    """A post song fails in prod: the old release serves the old data, without a person."""
    for version in run.each():
        database = run.lab.project(version)
        with run.lab.trial(database):
            old, new = run.lab.release(version, "1.0"), run.lab.release(version, "1.1")
            before = contents(database)
            begin = time.monotonic()
            done = run.lab.act(database, new, OC_RAISE="song/last", **with_point(run, version, ON_FAILURE="rollback"))
            # The old release's replica waits behind its page all the while, as after a restart of its machine.
            wait_for_point(done)
            replica = run.lab.act(database, old, "RunOnly")
            code = done.wait(300)
            wait_for_service(replica.box)
            seconds = time.monotonic() - begin
            # Serving writes compiled assets and parameters of its own; nothing of the shop, of modules or of versions.
            troubles = differences(
                before, contents(database), ("ir_attachment", "ir_config_parameter", "res_users_log", "ir_cron")
            )
            with run.lab.admin() as session:
                kept = [
                    row[0]
                    for row in session.rows(
                        "SELECT datname FROM pg_database WHERE datname LIKE %s", f"{database.name}--failed-%"
                    )
                ]
            if songs(database).get("last") or any(stage for stage in scripts(database)):
                troubles.append("effects of the failed update are there")
            if not kept:
                troubles.append("the failed database was not kept")
            recorded = database.value("SELECT count(*) FROM odoo_cloud_rollback")
            if recorded != 1:
                troubles.append(f"{recorded} rollbacks recorded")
            failed = done.events("step_failed")
            if not failed or "asked to fail at song/last" not in json.dumps(failed[0]["error"]):
                troubles.append("the events do not name what failed")
            yield Line(
                f"the last post song fails with ON_FAILURE=rollback, Odoo {version}",
                f"exit {code}, the old release serves the old data {seconds:.0f} s after the update began; {sentence(troubles)}",
                f"exit {EXIT_ROLLED_BACK}, serves, no row of the failed update", code == EXIT_ROLLED_BACK and not troubles,
            )  # fmt: skip
            drop_kept(database)


class Writer(threading.Thread):
    """A user who writes an order every 50 ms, and tries again when put out."""

    def __init__(self, database: Database) -> None:
        super().__init__(daemon=True)
        self.database, self.done, self.stop, self.refused = database, 0, threading.Event(), 0

    def run(self) -> None:
        connection: t.Any = None
        while not self.stop.wait(0.05):
            try:
                if connection is None:
                    connection = psycopg2.connect(
                        host=self.database.lab.address, dbname=self.database.name, user="oc",
                        password=self.database.lab.role_password, application_name="user", connect_timeout=5,
                    )  # fmt: skip
                    connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute("INSERT INTO shop_order (name) VALUES (%s)", (f"live {self.done}",))
                self.done += 1
            except psycopg2.Error:
                self.refused += 1
                with contextlib.suppress(psycopg2.Error):
                    if connection is not None:
                        connection.close()
                connection = None
        if connection is not None:
            connection.close()


def part_live(run: Run) -> t.Iterator[Line]:
    """Users go on writing while an update runs that fails: nothing of theirs may be taken back."""
    for version in run.each():
        database = run.lab.project(version)
        with run.lab.trial(database):
            users = Writer(database)
            users.start()
            try:
                done = run.lab.act(
                    database, run.lab.release(version, "1.1"), OC_RAISE="song/last",
                    **with_point(run, version, ON_FAILURE="rollback"),
                )  # fmt: skip
                code = done.wait(300)
                time.sleep(0.5)
            finally:
                users.stop.set()
                users.join(15)
            there = database.value("SELECT count(*) FROM shop_order WHERE name LIKE 'live %%'")
            state = database.state()
            yield Line(
                f"users write while an update runs and fails with ON_FAILURE=rollback, Odoo {version}",
                f"{users.done} orders acknowledged ({users.refused} attempts put off), {there} there; exit {code}, state {state}:"
                f" {done.error()[-160:]}",
                f"none lost, held with exit {EXIT_DECISION}",
                users.done > 20 and there >= users.done and code == EXIT_DECISION and state == "Failed",
            )  # fmt: skip
            drop_kept(database)


def part_plan(run: Run) -> t.Iterator[Line]:
    """What `odoo-cloud plan` says, and what then happens."""
    for version in run.each():
        database = run.lab.project(version)
        with run.lab.trial(database):
            release = run.lab.release(version, "1.1")
            before = contents(database)
            tables, rows = len(before), database.last_row()
            plan = run.lab.plan(database, release)
            troubles = differences(before, contents(database))
            if database.last_row() != rows:
                troubles.append("planning wrote a row")
            planned = [
                (item["version"], step["id"], step["kind"])
                for item in plan["migration"]["versions"]
                for step in item["steps"]
            ]
            done = run.lab.act(database, release)
            code = done.wait(300)
            if code:
                troubles.append(f"exit {code}: {done.error()[-200:]}")
            happened = [(item["version"], item["step_id"], item["kind"]) for item in done.events("step_done")]
            if planned != happened:
                odd = next(
                    (pair for pair in zip(planned, happened) if pair[0] != pair[1]), (len(planned), len(happened))
                )
                troubles.append(f"planned and done differ: {odd}")
            modules = {item["name"]: item.get("to") for item in plan["modules"]}
            changed = {item["name"]: item["version"] for item in done.events("module") if item["name"] in OWN}
            for name in OWN:
                if modules.get(name) != changed.get(name) or name not in changed:
                    troubles.append(f"{name}: planned {modules.get(name)}, became {changed.get(name)}")
            booted = len(done.events("booted"))
            if booted != 1:
                troubles.append(f"Odoo was booted {booted} times")
            troubles += finished(database)
            yield Line(
                f"the plan against what then happens, Odoo {version}",
                f"{len(planned)} steps planned, {len(happened)} done in one boot, {len(changed)} modules;"
                f" planning changed none of {tables} tables; {sentence(troubles, 'the same step by step')}",
                "the same, step by step", not troubles and len(planned) >= 10,
            )  # fmt: skip


# An import is an event of Python's; that somebody only looks where the package lies is none.
TRAP = """import sys


def look(event, args):
    # importlib.import_module() raises no event for the package itself; its first own import does.
    if event == "import" and (args[0] == "odoo" or args[0].startswith("odoo.")):
        sys.stderr.write("oc-trap: odoo is imported\\n")


sys.addaudithook(look)
"""


def part_nothing(run: Run) -> t.Iterator[Line]:
    """Nothing pending: Odoo isn't imported, nothing is written."""
    run.lab.put("trap/sitecustomize.py", TRAP)
    mount = [f"type=bind,source={run.lab.work}/trap,target=/opt/trap,readonly"]
    for version in run.each():
        database = run.lab.project(version)
        with run.lab.trial(database):
            release = run.lab.release(version, "1.1")
            first = run.lab.act(database, release, mounts=mount, PYTHONPATH="/opt/trap")
            code = first.wait(300)
            sees = "oc-trap" in first.box.logs()
            before, rows = contents(database), database.last_row()
            begin = time.monotonic()
            again = run.lab.act(database, release, mounts=mount, PYTHONPATH="/opt/trap")
            second = again.wait(60)
            whole = time.monotonic() - begin
            seconds = run_seconds(again)
            imported = "oc-trap" in again.box.logs()
            ended = again.events("run_ended")
            status = ended[-1]["status"] if ended else "none"
            troubles = differences(before, contents(database))
            if database.last_row() != rows:
                troubles.append("a row was written")
            yield Line(
                f"nothing pending, Odoo {version}",
                f"exit {second}, {status}, {seconds:.2f} s ({whole:.1f} s with its container), odoo"
                f" {'IMPORTED' if imported else 'not imported'} (trap {'sees' if sees else 'DOES NOT SEE'} the update before);"
                f" {sentence(troubles, 'nothing written')}",
                f"odoo not imported, at most {IDLE_SECONDS * run.slack} s",
                code == second == 0 and sees and not imported and status == "nothing" and not troubles
                and seconds <= IDLE_SECONDS * run.slack,
            )  # fmt: skip


def run_seconds(done: Outcome) -> float:
    """From a run's first event to its last."""
    times = [datetime.datetime.fromisoformat(item["at"].replace("Z", "+00:00")) for item in done.events()]
    return (times[-1] - times[0]).total_seconds() if len(times) > 1 else 999.0


# name: (text in migration.yml, what it becomes, text of the line that must be named, what the message must say)
WRONG = {
    "unknown key": ("      operations:\n        pre:\n", "      operation:\n        pre:\n", "operation:", "operations"),
    "unknown step": ('{id: codes, song: ', '{id: codes, snog: ', "snog", "song"),
    "unknown song": ("songs.v1_1::last", "songs.v1_1::lats", "::lats", "last"),
    "unknown package": ("songs.v1_1::categories", "songs.v1_1x::categories", "v1_1x", "v1_1"),
    "wrong argument": ("kwargs: {factor: 2,", "kwargs: {facotr: 2,", "facotr", "factor"),
    "duplicate id": ("{id: orders, sql", "{id: prices, sql", "id: prices, sql", "prices"),
    "no such file": ("data/shop.category.csv", "data/shop.categories.csv", "categories.csv", "shop.categories.csv"),
    "unknown module": ("    - version: SERIES.1.1.0", "", "", ""),
    "wrong type": ("timeout: 60", "timeout: soon", "timeout: soon", "timeout"),
    "unknown mode": ("        sample:\n", "        smaple:\n", "smaple", "sample"),
    "no version": ("version: SERIES.1.1.0", "version: next-one", "next-one", "next-one"),
}  # fmt: skip


def part_refused(run: Run) -> t.Iterator[Line]:
    """What is wrong is refused before the lock, with file, line and the nearest name."""
    version = run.any("14" if not run.sample else run.versions[0])
    database = run.lab.project(version)
    with run.lab.trial(database):
        rows, tables = database.last_row(), contents(database)
        told, troubles = 0, []
        wanted = dict(list(WRONG.items())[:4]) if run.sample else WRONG
        # Somebody holds the lock all the while: a refusal that waits for it would not come.
        with run.lab.admin() as holder:
            hold_lock(holder, database)
            for what, (old, new, mark, near) in wanted.items():
                if what == "unknown module":
                    text = (run.lab.release(version, "1.1").folder / "migration.yml").read_text()
                    place = text.rindex("upgrade: [shop_base, shop_sale, shop_report]")
                    old = text[place - 60 : place + 44]
                    new, mark, near = old.replace("shop_sale", "shop_sael"), "shop_sael", "shop_sale"
                series = f"{version}.0"
                release = run.lab.release(
                    version, "1.1", {"migration.yml": (old.replace("SERIES", series), new.replace("SERIES", series))}
                )
                done = run.lab.act(database, release)
                code = done.wait(90)
                line, error = release.line_of(mark), done.error()
                good = code == EXIT_MIGRATION and f"migration.yml:{line}:" in error and near in error
                told += good
                if not good:
                    troubles.append(f"{what}: exit {code}, line {line}: {error[:200]}")
                done.box.remove()
            unknown = run.lab.act(database, run.lab.release(version, "1.1"), MIGRATION_MODE="prdo")
            code = unknown.wait(60)
            if code != EXIT_MIGRATION or "prod" not in unknown.error():
                troubles.append(f"MIGRATION_MODE=prdo: exit {code}: {unknown.error()[:160]}")
            else:
                told += 1
            steps = run.lab.act(database, run.lab.release(version, "1.1"), STEPS='[{"song": "songs.odd::smal"}]')
            code = steps.wait(60)
            if code != EXIT_MIGRATION or "small" not in steps.error():
                troubles.append(f"STEPS: exit {code}: {steps.error()[:160]}")
            else:
                told += 1
        troubles += differences(tables, contents(database))
        if database.last_row() != rows:
            troubles.append("a row was written")
        yield Line(
            f"bad input while somebody else holds the lock, Odoo {version}",
            f"{told} of {len(wanted) + 2} refused with file, line and name; {sentence(troubles, 'nothing touched')}",
            f"all, exit {EXIT_MIGRATION}, without waiting", told == len(wanted) + 2 and not troubles,
        )  # fmt: skip


def part_missing(run: Run) -> t.Iterator[Line]:
    """A database that is not there is an error, never a new database."""
    for version in run.each():
        database = Database(run.lab, "shopp", version)
        release = run.lab.release(version, "1.1")
        with run.lab.admin() as session:
            before = session.rows("SELECT datname FROM pg_database ORDER BY 1")
            codes, errors = [], []
            for command in ((), ("plan",)):
                done = run.lab.act(database, release, "UpdateOnly", *command, DB_WAIT_TIMEOUT="3", DB_USER="oc_admin")
                codes.append(done.wait(60))
                errors.append(done.error() if not command else done.box.last_line())
                done.box.remove()
            after = session.rows("SELECT datname FROM pg_database ORDER BY 1")
        yield Line(
            f"update and plan of a database that is not there, with a role that may create some, Odoo {version}",
            f"exits {codes}, {'no database made' if before == after else 'a database was MADE'}: {errors[0][:120]}",
            f"exit {EXIT_MISSING}, none made", codes == [EXIT_MISSING] * 2 and before == after,
        )  # fmt: skip


def part_odd(run: Run) -> t.Iterator[Line]:
    """Songs that leave, commit themselves, and steps of STEPS."""
    version = run.any("19")
    database = run.lab.project(version)
    with run.lab.trial(database):
        release = run.lab.release(version, "1.0")
        left = run.lab.act(database, release, STEPS='[{"song": "songs.odd::leaves"}]')
        code = left.wait(200)
        error = (left.events("step_failed") or [{"error": {}}])[-1]["error"]
        yield Line(
            f"a song that calls sys.exit(0), Odoo {version}",
            f"exit {code}, {error.get('type')}: {str(error.get('message'))[:80]}; {songs(database).get('leaves', 0)} rows of it",
            f"exit {EXIT_STEP}, rolled back", code == EXIT_STEP and not songs(database).get("leaves")
            and error.get("type") == "SystemExit",
        )  # fmt: skip
        own = run.lab.act(database, release, STEPS='[{"song": "songs.odd::commits"}]')
        code = own.wait(200)
        step = (own.events("step_done") or [{}])[-1]
        done = songs(database)
        yield Line(
            f"a song that commits by itself, Odoo {version}",
            f"exit {code}, self_committed {step.get('self_committed')}; committed {done.get('commits')}, {done.get('commits_more')}",
            "reported", code == 0 and step.get("self_committed") is True and done.get("commits") == done.get("commits_more") == 1,
        )  # fmt: skip


class Listener:
    """A container that counts who posts to it."""

    SCRIPT = (
        "import http.server, sys\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "    def do_POST(self):\n"
        "        self.rfile.read(int(self.headers.get('content-length') or 0)); self.send_response(200); self.end_headers()\n"
        "        print('oc-posted', flush=True)\n"
        "http.server.HTTPServer(('', 8000), H).serve_forever()\n"
    )

    def __init__(self, lab: MigrationLab) -> None:
        self.name = f"{lab.name}-listener"
        docker("rm", "-f", self.name, check=False)
        docker(
            "run", "-d", "--name", self.name, "--label", lab.label, "--network", lab.name, "--init", "--user", "8069:8069",
            "--entrypoint", "python3", next(image for kind, image in lab.images.items() if kind != "postgres"), "-c", self.SCRIPT,
        )  # fmt: skip
        self.url = "http://" + docker(
            "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", self.name
        ).strip() + ":8000/"  # fmt: skip

    def posts(self) -> int:
        return docker("logs", self.name, check=False).count("oc-posted")


def part_rehearsal(run: Run) -> t.Iterator[Line]:
    """What a rehearsal says of an update, and that nothing gets out of it."""
    version = run.any("19")
    database = run.lab.project(version)
    with run.lab.trial(database):
        listener = Listener(run.lab)
        post = json.dumps([{"song": "songs.odd::posts", "kwargs": {"url": listener.url}}])
        before = contents(database)

        def rehearse(release: Release, **env: str) -> tuple[int, dict[str, t.Any]]:
            done = run.lab.prepared(
                database, release, "UpdateOnly", "rehearse", DB_ADMIN_USER="oc_admin",
                DB_ADMIN_PASSWORD_FILE="/run/secrets/db_password", EVENTS_FILE="", network="none", **env,
            )  # fmt: skip
            docker("start", done.box.name)
            code = done.wait(300)
            text = done.box.logs()
            found = re.search(r"^\{\n.*^\}$", text, re.MULTILINE | re.DOTALL)
            if not found:
                raise Shortfall(f"rehearsal: exit {code}, {text.strip()[-300:]}")
            return code, t.cast(dict[str, t.Any], json.loads(found[0]))

        try:
            for wanted, release in (
                ("code only", run.lab.release(version, "1.0", CODE_ONLY)),
                ("additive", run.lab.release(version, "1.0", ADDITIVE)),
                ("breaking", run.lab.release(version, "1.1")),
            ):
                code, result = rehearse(release, **({"STEPS": post} if wanted == "code only" else {}))
                changes = [f"{item['what']} {item['where']}" for item in result.get("changes", [])][:3]
                yield Line(
                    f"rehearsal of a release that is {wanted}, Odoo {version}",
                    f"exit {code}, {result.get('class')!r} in {result.get('seconds')} s ({', '.join(changes) or 'no change'})",
                    wanted, code == 0 and result.get("class") == wanted,
                )  # fmt: skip
            there = differences(before, contents(database), ("odoo_cloud_rehearsal",))
            rehearsed = listener.posts()
            real = run.lab.act(database, run.lab.release(version, "1.0", CODE_ONLY), STEPS=post)
            code = real.wait(200)
            yield Line(
                f"a song that posts to a listener, in the rehearsal and for real, Odoo {version}",
                f"{rehearsed} posts from the rehearsal, {listener.posts() - rehearsed} from the real run (exit {code});"
                f" {sentence(there, 'the database itself was only read')}",
                "0, then 1", rehearsed == 0 and listener.posts() == 1 and code == 0 and not there,
            )  # fmt: skip
        finally:
            docker("rm", "-f", listener.name, check=False)


def marabunta(run: Run, database: Database, release: Release, *more: str) -> tuple[int, str]:
    done = run.lab.act(
        database, release, "UpdateOnly", "/mnt/project/bin/tool", "python3", "-m", "marabunta.core", "-f",
        "/mnt/project/marabunta.yml", "-d", database.name, "-u", "oc", "-H", f"{run.lab.name}-postgres", "--web-port", "8079", *more,
        mounts=[f"type=bind,source={tools('marabunta')},target=/opt/tools,readonly"],
    )  # fmt: skip
    code = done.wait(300)
    text = done.box.logs()
    done.box.remove()
    return code, text


def part_marabunta(run: Run) -> t.Iterator[Line]:
    """From marabunta to us, and back."""
    version = run.any("14")
    known = run.lab.project(version)
    with run.lab.trial(known) as database:
        # As if marabunta had always been here: the template's own records go.
        database.rows(
            "DROP TABLE marabunta_version; DELETE FROM oc_counter; DROP TABLE odoo_cloud_step, odoo_cloud_run"
        )
        told = []
        code, text = marabunta(run, database, run.lab.release(version, "1.0"))
        told.append(f"marabunta setup {code}")
        troubles = [] if code == 0 and songs(database) == {"setup": 1} else [f"marabunta: {text.strip()[-200:]}"]
        env = {"MIGRATION_FILE": "/mnt/project/marabunta.yml"}
        ours = run.lab.act(database, run.lab.release(version, "1.1"), **env)
        code = ours.wait(300)
        told.append(f"ours 1.1 {code}")
        done = songs(database)
        if code or done != {"setup": 1, "old_labels": 1, "categories": 1, "last": 1}:
            troubles.append(f"after ours: {done}, {ours.error()[-160:]}")
        code, text = marabunta(run, database, run.lab.release(version, "1.2"))
        told.append(f"marabunta 1.2 {code}")
        if code or songs(database) != {**done, "v1_2": 1}:
            troubles.append(f"marabunta again: {songs(database)}, {text.strip()[-200:]}")
        last = run.lab.act(database, run.lab.release(version, "1.2"), **env)
        code = last.wait(120)
        status = (last.events("run_ended") or [{"status": "?"}])[-1]["status"]
        told.append(f"ours again {code} {status}")
        rows = database.rows("SELECT number, date_done IS NOT NULL FROM marabunta_version ORDER BY 1")
        if code or songs(database) != {**done, "v1_2": 1} or len(rows) != 3 or not all(row[1] for row in rows):
            troubles.append(f"at the end: {songs(database)}, {rows}")
        yield Line(
            f"a version each by marabunta 0.15, by us, by marabunta, Odoo {version}",
            f"{', '.join(told)}; {sentence(troubles, 'every song once, nothing done again')}",
            "each goes on where the other stopped", not troubles,
        )  # fmt: skip


def part_click(run: Run) -> t.Iterator[Line]:
    """click-odoo-update after us has nothing to do; we take over what it knows."""
    version = run.any("14")
    with run.lab.trial(run.lab.project(version)) as database:
        release = run.lab.release(version, "1.1")
        done = run.lab.act(database, release)
        code = done.wait(300)
        mount = [f"type=bind,source={click_odoo(version)},target=/opt/tools,readonly"]
        command = ("/mnt/project/bin/tool", "python3", "-m", "click_odoo_contrib.update", "-c", "/tmp/odoo.conf", "-d", database.name,
                   "--ignore-core-addons")  # fmt: skip
        counts = database.counts()
        click = run.lab.act(database, release, "UpdateOnly", *command, mounts=mount)
        second = click.wait(200)
        text = click.box.logs()
        same = database.counts() == counts and "No module needs updating" in text
        yield Line(
            f"click-odoo-update after an update of ours, Odoo {version}",
            f"exits {code}, {second}: {'no module needs updating' if same else text.strip()[-200:]}",
            "nothing to do", code == second == 0 and same,
        )  # fmt: skip
        # A database that only click-odoo-update knows.
        database.rows("DROP TABLE odoo_cloud_module")
        adopted = run.lab.act(database, release, "UpdateOnly", "adopt")
        third = adopted.wait(100)
        plan = run.lab.plan(database, release)
        mine = [name for name in plan["update"] if name in OWN]
        yield Line(
            f"adopted with click-odoo-update's checksums, Odoo {version}",
            f"exit {third}, left to update of ours: {', '.join(mine) or 'none'}; imported"
            f" {sum(name in adopted.box.logs() for name in OWN)} of {len(OWN)}",
            "nothing left", third == 0 and not mine,
        )  # fmt: skip


# Speed


def part_speed(run: Run) -> t.Iterator[Line]:
    """`make bench-migrations` with fewer rounds."""
    for version in run.versions:
        for one in bench.compared(run.lab, version, 3):
            yield one.line()


PROOF = Proof(
    "migrations", __doc__, Run, {**parts_of(globals()), "modules": part_modules}, port=9200, mutants=MUTANTS, sample=SAMPLE,
    versions=("14", "19"), sample_versions=("14",), mutant_version="14", probes=PROBES,
)  # fmt: skip
