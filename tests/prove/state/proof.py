# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves the bars of the state table, its lock and the modes.

Real Odoo 14 and 19 containers on a real PostgreSQL, with the runtime of this checkout. It needs the images of `make demo` for both
versions, and nothing of a demo that runs beside it is touched.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import hashlib
import html.parser
import pathlib
import random
import re
import statistics
import subprocess
import time
import typing as t

import psycopg2

from .. import frame
from ..containers.lab import ALL, CHAIN, MARABUNTA_KEY, STAGES, Box, Database, LabRun, odoo_errors
from ..containers.wheels import click_odoo
from ..frame import RUNTIME, Line, Proof, Shortfall, as_json, docker, parts_of, sentence, until

KILLS = {("14", "install"): 6, ("14", "update"): 14, ("14", "maintenance"): 5,
         ("19", "install"): 6, ("19", "update"): 14, ("19", "maintenance"): 5}  # fmt: skip
SAMPLE_KILLS = {("14", "update"): 4}
RECOVERY_SECONDS = 2.0
IDLE_SECONDS = 0.3
LOST_SECONDS = 60
NEW = "1.1"
EXIT_HOOK, EXIT_LOST, EXIT_HELD, EXIT_RESET = 67, 71, 74, 79
SAMPLE = ("twenty", "update", "kill", "lost", "page", "idle")


@dataclasses.dataclass(frozen=True)
class Mutant(frame.Mutant):
    """kills: how many the part `kill` does, by version and kind."""

    kills: tuple[tuple[str, str, int], ...] = ()


# The question of every held-check, and the holder's own, answered with yes.
NEVER_LOST = (
    (
        f"{RUNTIME}/database/lock.py",
        '    "EXISTS (SELECT 1 FROM pg_catalog.pg_locks',
        '    "0 = 0 OR EXISTS (SELECT 1 FROM pg_catalog.pg_locks',
    ),
    (
        f"{RUNTIME}/database/lock.py",
        "def held(self) -> bool:\n",
        "def held(self) -> bool:\n        return True\n",
    ),
)
MUTANTS = {
    "no-lock": Mutant(
        ("twenty", "update"),
        (
            *NEVER_LOST,
            (f"{RUNTIME}/database/lock.py", "def acquire(self) -> bool:\n", "def acquire(self) -> bool:\n        return True\n"),
        ),
        sample=True,
    ),
    "no-held-check": Mutant(("lost", "stop"), NEVER_LOST),
    "write-outside-window": Mutant(
        ("window",),
        (
            (f"{RUNTIME}/run/window.py", "def _ready(self, detail: str) -> None:\n",
             "def _ready(self, detail: str) -> None:\n        self.guard.release()\n"),
            (f"{RUNTIME}/database/state.py", 'f" WHERE {HELD_SQL} AND NOT {NEWER_SQL}"', 'f" WHERE NOT {NEWER_SQL}"'),
        ),
    ),
    "no-leftover-guard": Mutant(("leftover",), ((f"{RUNTIME}/boot/serve.py", "    guard_plain_loads()\n    odoo", "    odoo"),)),
    "no-checkpoint": Mutant(
        ("kill",),
        (
            (f"{RUNTIME}/boot/child.py", 'if version < 19 and sys._getframe(1).f_code.co_name == "load_module_graph":', "if False:"),
            (f"{RUNTIME}/boot/child.py", 'if checkpoint.order["version"] < 19:', "if False:"),
        ),
        kills=(("14", "update", 10),),
    ),
    "reset-under-holder": Mutant(
        ("long",), ((f"{RUNTIME}/run/gate.py", "                self._waiting_since = now\n", "                pass\n"),)
    ),
    "copies-are-ours": Mutant(
        ("adopt",),
        (
            (
                f"{RUNTIME}/database/state.py",
                "return self.ours and (not self.database_identity or self.database_identity == identity)",
                "return self.ours",
            ),
        ),
    ),
    "no-foreign-keys": Mutant(
        ("interop",), ((f"{RUNTIME}/database/lock.py", "for tool, key in self.keys.items():", "for tool, key in ():"),)
    ),
}  # fmt: skip


class Run(LabRun):
    """On single containers."""

    @property
    def kills(self) -> t.Mapping[tuple[str, str], int]:
        """How many the part `kill` does, by version and kind."""
        wanted = self.mutant.kills if isinstance(self.mutant, Mutant) else ()
        return {(version, kind): number for version, kind, number in wanted} or (SAMPLE_KILLS if self.sample else KILLS)


def all_new(modules: t.Iterable[str] = ALL, version: str = NEW) -> dict[str, str]:
    return dict.fromkeys(modules, version)


def expected(changed: t.Mapping[str, str]) -> dict[str, str]:
    return {**dict.fromkeys(ALL, "1.0"), **changed}


def wait_for_state(database: Database, state: str, seconds: float, after: int = 0) -> None:
    """Until the history has such a row beyond row `after`."""
    with database.session() as session:
        until(
            lambda: (
                session.value("SELECT to_regclass('public.curq_state_history') IS NOT NULL")
                and session.value(
                    "SELECT EXISTS (SELECT 1 FROM curq_state_history WHERE state = %s AND id > %s)", state, after
                )
            ),
            seconds,
            f"no row {state}, the history is {' '.join(database.history()) or 'empty'}",
            0.05,
        )


def wait_for_work(database: Database, seconds: float = 30) -> None:
    """Until a migration script of the new version has been committed, so that an update is in its middle."""
    with database.session() as session:
        until(
            lambda: session.value("SELECT EXISTS (SELECT 1 FROM oc_counter WHERE version <> '1.0')"),
            seconds, "no migration script ran", 0.05,
        )  # fmt: skip


# The parts


def part_twenty(run: Run) -> t.Iterator[Line]:
    """Many containers install at once."""
    if run.sample:
        rounds = [(run.any("19"), "an empty database")]
    else:
        rounds = [("19", "an empty database"), ("14", "an empty database"), ("19", "an empty database"),
                  ("14", "an empty database"), ("14", "an empty server, admin role")]  # fmt: skip
    number = 5 if run.sample else 20
    for version, where in rounds:
        if not run.has(version):
            continue
        begin = time.monotonic()
        if where == "an empty database":
            database = run.lab.empty(version)
            env: dict[str, str] = {}
        else:
            database = Database(run.lab, run.lab.next_name("p"), version)
            env = {"DB_USER": "oc_admin", "DB_CLIENT_USER": f"oc_{database.name}",
                   "DB_CLIENT_PASSWORD_FILE": "/run/secrets/db_password"}  # fmt: skip
        try:
            with run.lab.trial(database):
                boxes = run.lab.fleet(number, database, "InstallAndRun", **env)
                started = time.monotonic()
                good = run.lab.serving(boxes, 150)
                seconds = time.monotonic() - started
                ended = run.lab.ended(boxes)
                restarts = sum(int(box.inspect("{{.RestartCount}}") or 0) for box in boxes)
                history = database.history()
                initialised = database.value(
                    "SELECT count(*) FROM curq_state_history WHERE state = 'Ready' AND detail LIKE 'initialised%%'"
                )
                counts = database.counts()
                troubles = [f"{name} {stage}: {n} times" for (name, dummy, stage), n in counts.items() if n != 1]
                if len(counts) != len(ALL):
                    troubles.append(f"{len(counts)} of {len(ALL)} modules counted")
                if not env:
                    troubles += database.violations()
                elif database.value(
                    "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
                ) != env["DB_CLIENT_USER"]:  # fmt: skip
                    troubles.append("the database is not the client role's")
                errors = [line for box in boxes for line in odoo_errors(box.logs())]
                if errors:
                    troubles.append(f"{len(errors)} errors logged, first: {errors[0][:200]}")
                yield Line(
                    f"{number} containers InstallAndRun at once on {where}, Odoo {version}",
                    f"{len(good)} serve after {seconds:.0f} s ({time.monotonic() - begin:.0f} s in all), history"
                    f" {' '.join(history)}, {len(ended)} ended, {restarts} restarted; {sentence(troubles)}",
                    f"Creating and Ready once, {number} serve, none failed",
                    len(good) == number and history == ["Creating", "Ready"] and initialised == 1
                    and not ended and not restarts and not troubles,
                )  # fmt: skip
        finally:
            if env:
                with run.lab.admin() as session:
                    session.rows(f'DROP DATABASE IF EXISTS "{database.name}" WITH (FORCE)')
                    session.rows(f'DROP ROLE IF EXISTS "{env["DB_CLIENT_USER"]}"')


def part_update(run: Run) -> t.Iterator[Line]:
    """Many containers update one changed module at once."""
    number = 5 if run.sample else 20
    rounds = {run.any("14"): 1} if run.sample else {"14": 3, "19": 2}
    for version, times in rounds.items():
        if not run.has(version):
            continue
        database = run.lab.installed(version)
        with run.lab.trial(database):
            for turn in range(1, times + 1):
                begin, before = time.monotonic(), database.last_row()
                new = f"1.{turn}"
                boxes = run.lab.fleet(
                    number, database, "UpdateAndRun", addons=run.lab.addons({"oc_a": new}), RELEASE=f"proof-{turn}"
                )
                started = time.monotonic()
                good = run.lab.serving(boxes, 150)
                seconds = time.monotonic() - started
                ended = run.lab.ended(boxes)
                states = [row[0] for row in database.rows(
                    "SELECT state FROM curq_state_history WHERE id > %s ORDER BY id", before)]  # fmt: skip
                troubles = database.troubles(expected({"oc_a": new}))
                more = [key for key, times in database.counts().items() if times != 1]
                if more:
                    troubles.append(f"not once: {more}")
                yield Line(
                    f"{number} containers UpdateAndRun at once with one changed module, Odoo {version}, round {turn}",
                    f"{len(good)} serve after {seconds:.0f} s ({time.monotonic() - begin:.0f} s in all), rows"
                    f" {' '.join(states)}, {len(ended)} ended; {sentence(troubles, 'updated once')}",
                    f"updated once, {number} serve",
                    len(good) == number and not ended and not troubles and states == ["Updating", "Ready"],
                )  # fmt: skip
                for box in boxes:
                    run.lab.keep_log(box)
                subprocess.run(
                    ["docker", "rm", "-f", "-v", *(box.name for box in boxes)], stdout=subprocess.DEVNULL, check=False
                )
                run.lab.boxes.difference_update(box.name for box in boxes)


@dataclasses.dataclass
class Kill:
    """One trial of the part `kill`."""

    version: str
    kind: str  # install, update, maintenance
    how: str  # container, runtime, odoo, orphan; twice: the container, and the one that finishes its work too
    following: str  # the mode of the next start
    share: float  # of the way from the window's first row to its last


@dataclasses.dataclass
class Killed:
    """What came of it."""

    kill: Kill
    troubles: list[str]
    state: str = ""
    done: int = 0  # migration scripts whose effect was there when it was killed
    recovery: float | None = None
    engine: float = 0.0  # seconds that the engine took to start the next container
    seconds: float = 0.0


def part_kill(run: Run) -> t.Iterator[Line]:
    """SIGKILL at random moments; the next start has to bring everything into order."""
    chance = random.Random(run.seed)
    wanted = {key: n for key, n in run.kills.items() if run.has(key[0])}
    lengths: dict[tuple[str, str], float] = {}
    for key in wanted:
        lengths[key] = window_length(run, *key) if key not in lengths else lengths[key]
    kills = []
    for (version, kind), number in wanted.items():
        for turn in range(number):
            how = ("container", "runtime", "twice", "odoo", "orphan")[turn % 5] if kind != "maintenance" else (
                "container", "runtime")[turn % 2]  # fmt: skip
            if kind == "install":
                following = ("InstallAndRun", "InstallOnly", "RunOnly")[turn % 3]
            else:
                following = ("UpdateOnly", "RunOnly", "UpdateAndRun")[turn % 3]
            if how == "odoo" and following == "RunOnly":
                following = "UpdateOnly" if kind != "install" else "InstallAndRun"  # Failed waits for somebody
            # Even shares of the whole length with a random place in each: no stretch of it is left out by chance.
            kills.append(Kill(version, kind, how, following, (turn + chance.random()) / number))
    chance.shuffle(kills)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda kill: kill_trial(run, kill, lengths[kill.version, kill.kind]), kills))
    total = len(results)
    for kind in dict.fromkeys(kind for dummy, kind in wanted):
        those = [result for result in results if result.kill.kind == kind]
        bad = [f"{r.kill.version} {r.kill.how} at {r.kill.share:.2f} in {r.state}, {r.kill.following}: {sentence(r.troubles)}"
               for r in those if r.troubles]  # fmt: skip
        each = statistics.mean(result.seconds for result in those)
        states: dict[str, int] = {}
        effects = ",".join(str(number) for number in sorted({result.done for result in those}))
        for result in those:
            states[result.state] = states.get(result.state, 0) + 1
        yield Line(
            f"kill -9 at {len(those)} random moments of {kind}, then the next start"
            f" ({', '.join(f'Odoo {v}' for v in run.versions if (v, kind) in wanted)}; seed {run.seed})",
            f"{len(those) - len(bad)} of {len(those)} in order; found in {states}, after {effects} committed scripts; {each:.0f} s each"
            + (f"; {' | '.join(bad)}" if bad else ""),
            "Ready, versions right, each script's effect once",
            not bad,
        )
    times = [result.recovery for result in results if result.recovery is not None]
    engine = [result.engine for result in results if result.engine]
    missing = sum(1 for result in results if result.recovery is None)
    yield Line(
        f"recovery after {total} kills: from the container's start to the recovery's own row",
        f"median {statistics.median(times):.2f} s, max {max(times):.2f} s, {missing} without such a row"
        f" (the engine's own start before it: median {statistics.median(engine):.2f} s)" if times else "none recovered",
        f"<= {RECOVERY_SECONDS * run.slack} s",
        bool(times) and max(times) <= RECOVERY_SECONDS * run.slack and not missing,
    )  # fmt: skip


def kill_setup(run: Run, version: str, kind: str) -> tuple[Database, dict[str, t.Any], str, dict[str, str]]:
    """Database, container settings, first state to wait for, expected versions."""
    if kind == "install":
        return run.lab.empty(version), {"OC_SLEEP": "0.1"}, "Creating", expected({})
    changed = all_new() if kind == "update" else {"oc_d": NEW}
    keywords: dict[str, t.Any] = {"addons": run.lab.addons(changed)}
    if kind == "update":
        return run.lab.installed(version), {**keywords, "OC_SLEEP": "0.2"}, "Updating", expected(changed)
    folder = hooks_folder(run, "slow", {"post-update.d/10-slow": "#!/bin/sh\nsleep 2\n"})
    keywords["mounts"] = [hooks_mount(folder)]
    return run.lab.installed(version), keywords, "Maintenance", expected(changed)


def window_length(run: Run, version: str, kind: str) -> float:
    """Seconds from the row at which the trials begin to count to the row Ready, undisturbed."""
    database, keywords, first, dummy = kill_setup(run, version, kind)
    with run.lab.trial(database):
        after = database.last_row() if kind != "install" else 0
        box = run.lab.box(database, "InstallOnly" if kind == "install" else "UpdateOnly", **keywords)
        code = box.wait(120)
        if code:
            raise Shortfall(f"an undisturbed {kind} of Odoo {version} ended with code {code}: {box.last_line()}")
        return float(
            database.value(
                "SELECT extract(epoch FROM max(write_date) - min(write_date)) FROM curq_state_history"
                " WHERE id > %s AND state IN (%s, 'Ready')", after, first,
            )
        )  # fmt: skip


def kill_trial(run: Run, kill: Kill, length: float) -> Killed:
    """One kill and the next start."""
    share = kill.share
    for dummy in range(4):
        begin = time.monotonic()
        try:
            result = kill_once(run, dataclasses.replace(kill, share=share), length)
        except (Shortfall, psycopg2.Error, OSError, subprocess.SubprocessError) as error:
            return Killed(kill, [str(error)], "?", seconds=time.monotonic() - begin)
        if result is not None:
            result.seconds = time.monotonic() - begin
            return result
        share *= 0.75  # it was over already: nothing was killed
    return Killed(kill, ["was never caught at work"], "?")


def kill_once(run: Run, kill: Kill, length: float) -> Killed | None:
    database, keywords, first, versions = kill_setup(run, kill.version, kill.kind)
    with run.lab.trial(database):
        before = database.last_row() if kill.kind != "install" else 0
        mode = "InstallOnly" if kill.kind == "install" else "UpdateOnly"
        if kill.how == "orphan":
            # The shell lives on, so the container and Odoo are not taken along with the runtime.
            actor = run.lab.box(
                database, mode, "-c", "/usr/local/bin/odoo-cloud; code=$?; sleep 60; exit $code",
                options=["--entrypoint", "sh"], **keywords,
            )  # fmt: skip
        else:
            actor = run.lab.box(database, mode, **keywords)
        wait_for_state(database, first, 60, before)
        time.sleep(kill.share * length)
        if kill.how in ("container", "twice"):
            actor.kill()
        else:
            try:
                runtime, child = actor.runtime_and_child()
            except Shortfall:  # between the phases there is no child: then it is the runtime alone
                found = [pid for pid, dummy, line in actor.processes() if "odoo_cloud_runtime" in line]
                if not found:
                    return None
                runtime = child = found[0]
            actor.signal("KILL", child if kill.how == "odoo" else runtime)
        if kill.how != "orphan":
            actor.wait(60)
        state = database.state()
        if state == "Ready":
            return None
        last, done = database.last_row(), sum(database.counts().values())
        begun = time.time()
        following = recovering = run.lab.box(database, kill.following, **keywords)
        if kill.how == "twice":
            wait_for_state(database, first, 60, last)
            time.sleep(kill.share * length / 2)
            recovering.kill()
            following = run.lab.box(database, kill.following, **keywords)
        troubles: list[str] = []
        if kill.following.endswith("Only") and kill.following != "RunOnly":
            code = following.wait(120)
            if code:
                troubles.append(f"the next start ended with code {code}: {following.last_line()}")
        elif len(run.lab.serving([following], 90)) != 1:
            troubles.append(f"the next start does not serve: {following.last_line()}")
        troubles += database.troubles(versions)
        row = database.rows(
            "SELECT extract(epoch FROM write_date) FROM curq_state_history WHERE id > %s AND host = %s"
            " AND state IN ('Creating', 'Updating', 'Maintenance') ORDER BY id LIMIT 1",
            last, recovering.name.removeprefix(run.lab.name + "-"),
        )  # fmt: skip
        started = recovering.started()
        return Killed(kill, troubles, state, done, float(row[0][0]) - started if row else None, started - begun)


def part_stop(run: Run) -> t.Iterator[Line]:
    """A stopped actor that is taken over and continues must not change a row."""
    trials = [("14", "all its processes", "run"), ("19", "the runtime only", "run"), ("14", "all its processes", "force"),
              ("19", "all its processes", "run"), ("14", "Odoo only", "run")]  # fmt: skip
    for version, what, how in trials:
        if not run.has(version):
            continue
        changed = all_new(CHAIN)
        addons = run.lab.addons(changed)
        database = run.lab.installed(version)
        with run.lab.trial(database):
            actor = run.lab.box(database, "UpdateOnly", addons=addons, OC_SLEEP="1")
            wait_for_work(database)
            processes = actor.processes()
            runtime, child = actor.runtime_and_child()
            target = {"the runtime only": runtime, "Odoo only": child}.get(what, -1)
            actor.signal("STOP", target)
            begin = time.monotonic()
            if how == "run":
                other = run.lab.box(database, "UpdateOnly", addons=addons, HOLDER_TIMEOUT="3", WAIT="True")
                code = other.wait(90)
                after = f"taken over by a run with HOLDER_TIMEOUT=3 (exit {code})"
                troubles = [] if code == 0 else [f"it said: {other.last_line()}"]
                troubles += database.troubles(expected(changed))
            else:
                other = run.lab.box(
                    database, "RunOnly", "-c", TAKE_OVER, addons=addons, options=["--entrypoint", "python3"],
                    PYTHONPATH="/opt/odoo-cloud",
                )  # fmt: skip
                code = other.wait(60)
                after = f"taken over by force(take_over=True) (exit {code})"
                troubles = [] if code == 0 and database.state() == "Force Ready" else [
                    f"state {database.state()}; it said: {other.last_line()}"]  # fmt: skip
            took = time.monotonic() - begin
            before = database.checksum()
            if actor.code() is None:
                actor.signal("CONT", target)
            ended = actor.wait(60)
            untouched = database.checksum() == before
            if not untouched:
                troubles.append("rows changed after SIGCONT")
            if ended != EXIT_LOST:
                troubles.append(f"the old actor ended with code {ended}: {actor.last_line()}")
            if how == "force":
                last = run.lab.box(database, "UpdateOnly", addons=addons)
                if last.wait(90):
                    troubles.append(f"the next update failed: {last.last_line()}")
                troubles += database.troubles(expected(changed))
            yield Line(
                f"SIGSTOP to {what} of an update, {after}, SIGCONT; Odoo {version}",
                f"{'no row' if untouched else 'rows'} changed, exit {ended}, taken over after {took:.0f} s;"
                f" {sentence(troubles)}" + ("" if len(processes) > 1 else f" ({processes})"),
                f"no row changed, exit {EXIT_LOST}",
                not troubles,
            )


TAKE_OVER = """
import os
from odoo_cloud_runtime.common import config
from odoo_cloud_runtime.database import override, pg
settings = config.load(os.environ)
run = "takeover0001"
name = pg.application_name("proof", run, "proof")
control = pg.connect(settings, settings.db_maintenance, name)
database = pg.connect(settings, settings.db_name, name)
print(override.force(control, database, settings.db_name, "Force Ready", "proof", "taken over", take_over=True, run_id=run))
"""


def part_lost(run: Run) -> t.Iterator[Line]:
    """The lock's backend ends in the middle of an update."""
    for version in (run.any("14"),) if run.sample else run.versions:
        changed = all_new(CHAIN)
        addons = run.lab.addons(changed)
        database = run.lab.installed(version)
        with run.lab.trial(database):
            actor = run.lab.box(database, "UpdateOnly", addons=addons, OC_SLEEP="1")
            wait_for_work(database)
            holders = database.lock_holders()
            if not holders:
                raise Shortfall("nobody holds the lock while an update runs")
            database.value("SELECT pg_terminate_backend(%s)", holders[0][0])
            begin = time.monotonic()
            code = actor.wait(60)
            seconds = time.monotonic() - begin
            state = database.state()
            following = run.lab.box(database, "UpdateOnly", addons=addons)
            second = following.wait(90)
            troubles = database.troubles(expected(changed))
            if second:
                troubles.append(f"the next start ended with code {second}: {following.last_line()}")
            yield Line(
                f"the lock's backend terminated in the middle of an update, Odoo {version}",
                f"exit {code} after {seconds:.1f} s, state {state}, after the next UpdateOnly: {sentence(troubles)}",
                f"exit {EXIT_LOST}, the next start finishes it",
                code == EXIT_LOST and state == "Updating" and not troubles,
            )


def part_machine(run: Run) -> t.Iterator[Line]:
    """The actor's machine vanishes: its network is cut while it holds the lock; nothing tells PostgreSQL."""
    version = run.any("14")
    changed = all_new(CHAIN)
    addons = run.lab.addons(changed)
    database = run.lab.installed(version)
    with run.lab.trial(database):
        actor = run.lab.box(database, "UpdateOnly", addons=addons, OC_SLEEP="3")
        wait_for_work(database, 60)
        begin = time.monotonic()
        docker("network", "disconnect", "--force", run.lab.name, actor.name)
        until(lambda: not database.lock_holders(), 120, "the lock is free")
        seconds = time.monotonic() - begin
        following = run.lab.box(database, "UpdateOnly", addons=addons)
        code = following.wait(90)
        troubles = database.troubles(expected(changed))
        if code:
            troubles.append(f"the next start ended with code {code}: {following.last_line()}")
        own = actor.wait(90)
        yield Line(
            f"the machine of an update cut off the network, Odoo {version}",
            f"lock free after {seconds:.0f} s, after the next UpdateOnly: {sentence(troubles)}; cut off, it ended itself with code {own}",
            f"<= {LOST_SECONDS} s, the next start finishes it, exit {EXIT_LOST}",
            seconds <= LOST_SECONDS and not troubles and own == EXIT_LOST,
        )


def part_long(run: Run) -> t.Iterator[Line]:
    """An update longer than TIMEOUT."""
    version = run.any("14")
    changed = all_new(CHAIN)
    addons = run.lab.addons(changed)
    database = run.lab.installed(version)
    with run.lab.trial(database):
        short = {"TIMEOUT": "0.05"}
        actor = run.lab.box(database, "UpdateOnly", addons=addons, OC_SLEEP="1.2", **short)
        wait_for_state(database, "Updating", 30, database.last_row())
        begin = time.monotonic()
        waiters = [run.lab.box(database, "RunOnly", addons=addons, **short) for dummy in range(3)]
        code = actor.wait(90)
        seconds = time.monotonic() - begin
        good = run.lab.serving(waiters, 60)
        history = database.history()
        troubles = database.troubles(expected(changed))
        yield Line(
            f"an update that takes longer than TIMEOUT (3 s) while 3 RunOnly wait, Odoo {version}",
            f"it took {seconds:.0f} s (exit {code}), history {' '.join(history)}, {len(good)} of 3 serve afterwards;"
            f" {sentence(troubles)}",
            "no Reset, they serve afterwards",
            code == 0 and seconds > 6 and "Reset" not in history and len(good) == 3 and not troubles,
        )  # fmt: skip


class Resources(html.parser.HTMLParser):
    """What a page would fetch, and whether it comes again by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.refreshes = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "meta" and (values.get("http-equiv") or "").lower() == "refresh":
            self.refreshes = True
        for name in ("src", "href", "srcset", "action", "data"):
            value = values.get(name) or ""
            if value and not value.startswith(("data:", "#")):
                self.fetched.append(value)


def part_page(run: Run) -> t.Iterator[Line]:
    """Port 8069 of a replica that waits."""
    for version in (run.any("14"),) if run.sample else run.versions:
        addons = run.lab.addons(all_new(CHAIN))
        database = run.lab.installed(version)
        with run.lab.trial(database):
            actor = run.lab.box(database, "UpdateOnly", addons=addons, OC_SLEEP="1")
            wait_for_work(database)
            waiter = run.lab.box(database, "RunOnly", addons=addons)
            begin = time.monotonic()
            until(functools.partial(answers, waiter), 10, "nobody answers on port 8069", 0.05)
            seconds = time.monotonic() - begin
            until(functools.partial(told_state, waiter), 10, "no state is told")
            status, headers, body = waiter.get("/web", Accept="text/html,application/xhtml+xml")
            page = Resources()
            page.feed(body.decode())
            machine, heads, text = waiter.get("/", Accept="application/json")
            told = as_json(text)
            health = waiter.get("/web/health")
            inside = waiter.run("sh", "-c", "odoo-cloud health >/dev/null 2>&1; echo $?").strip()
            troubles = []
            if status != 503 or "text/html" not in headers.get("content-type", "") or b"<h1" not in body:
                troubles.append(f"page: {status} {headers.get('content-type')}")
            if not headers.get("retry-after", "").isdigit() or not heads.get("retry-after", "").isdigit():
                troubles.append("no Retry-After")
            if page.fetched or re.search(r"url\(|@import", body.decode()):
                troubles.append(f"outside resources: {page.fetched}")
            if not page.refreshes and "refresh" not in headers:
                troubles.append("does not refresh itself")
            if machine != 503 or "application/json" not in heads.get("content-type", ""):
                troubles.append(f"JSON: {machine} {heads.get('content-type')}")
            absent = [name for name in ("state", "since", "holder", "phase") if not told.get(name)]
            if absent or told.get("state") != "Updating":
                troubles.append(f"JSON lacks {absent}: {told}")
            if health[0] == 200 or inside == "0":
                troubles.append(f"healthy: {health[0]}, odoo-cloud health: {inside}")
            actor.kill()
            yield Line(
                f"port 8069 while a replica waits, Odoo {version}",
                f"answers after {seconds:.1f} s: page {status}, JSON {machine} with state {told.get('state')!r}, phase"
                f" {told.get('phase')!r}, /web/health {health[0]}; {sentence(troubles)}",
                "503 with Retry-After, page and JSON, not healthy", not troubles,
            )  # fmt: skip


def answers(box: Box) -> int:
    """The status of a first request, 0 without an answer."""
    try:
        return box.get("/", Accept="application/json")[0]
    except OSError:
        return 0


def told_state(box: Box) -> str:
    """The state that the waiting page's JSON tells."""
    return str(as_json(box.get("/", Accept="application/json")[2]).get("state") or "")


def part_leftover(run: Run) -> t.Iterator[Line]:
    """Odoo 14 to 18 perform an upgrade that was left over at any start."""
    if not run.has("14"):
        return
    changed = {"oc_a": NEW}
    addons = run.lab.addons(changed)
    danger = ""
    for title, mode, command, entry in (
        ("a plain RunOnly start", "RunOnly", (), ()),
        ("`odoo shell` through the entrypoint", "RunOnly", ("odoo", "shell", "-c", "/etc/odoo/odoo.conf", "--no-http"), ()),
        ("", "RunOnly", (), ("--entrypoint", "odoo")),
    ):  # fmt: skip
        database = run.lab.installed("14")
        with run.lab.trial(database):
            database.rows("UPDATE ir_module_module SET state = 'to upgrade' WHERE name = 'oc_a'")
            arguments, env = command, {}
            if command:
                arguments = (*command, "-d", database.name, "--db_host", f"{run.lab.name}-postgres", "--db_user", "oc")
            elif entry:  # what the bar is about: Odoo itself, without us
                arguments = ("-c", "/etc/odoo/odoo.conf", "-d", database.name, "--db_host", f"{run.lab.name}-postgres",
                             "--db_user", "oc", "--no-http", "--stop-after-init")  # fmt: skip
                env = {"PGPASSWORD": run.lab.role_password}
            box = run.lab.box(database, mode, *arguments, addons=addons, options=entry, **env)
            if command or entry:
                ended = str(box.wait(60))
            else:
                end = time.monotonic() + 12
                while time.monotonic() < end and not box.serves() and box.running():
                    time.sleep(0.3)
                time.sleep(1)
                ended = "serves" if box.serves() else "waits" if box.running() else str(box.code())
            ran = {key: n for key, n in database.counts().items() if key[1] != "1.0"}
            version = database.value("SELECT latest_version FROM ir_module_module WHERE name = 'oc_a'")
            if entry:
                danger = f"Odoo itself ran {len(ran)} scripts"
                if len(ran) != len(STAGES):
                    yield Line("leftover: the danger is there without the runtime", danger, f"{len(STAGES)}", False)
                continue
            yield Line(
                f"{title} on Odoo 14 with a module left `to upgrade`",
                f"{len(ran)} migration scripts ran, version {version} ({ended}: {box.last_line()[:160]})",
                "none, 14.0.1.0", not ran and version == "14.0.1.0",
            )  # fmt: skip


IDLE = """
import resource, subprocess, sys, time
times, used = [], 0.0
for dummy in range(7):
    begin = time.monotonic()
    done = subprocess.run(["/usr/local/bin/odoo-cloud"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    times.append(time.monotonic() - begin)
    if done.returncode:
        sys.exit(done.stdout.decode())
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print("times", (usage.ru_utime + usage.ru_stime) / len(times), *times)
"""
# Every Python in the container reads it at its start, and from then on each import of Odoo leaves a mark.
AUDIT = """
import sys
def _look(event, arguments):
    if event == "import" and str(arguments[0]).split(".")[0] == "odoo":
        with open("/tmp/odoo-imported", "a") as handle:
            handle.write(f"{arguments[0]} by {sys.argv}\\n")
sys.addaudithook(_look)
"""


def part_idle(run: Run) -> t.Iterator[Line]:
    """Deciding that there is nothing to do."""
    run.lab.put("audit/oc_audit.py", AUDIT)
    run.lab.put("audit/oc_audit.pth", "import oc_audit\n")
    site = "/usr/lib/python3/dist-packages"
    mounts = [
        f"type=bind,source={run.lab.work}/audit/{name},target={site}/{name},readonly"
        for name in ("oc_audit.py", "oc_audit.pth")
    ]
    modules = (*ALL, "contacts", "calendar") if not run.sample else ALL
    for version in run.versions:
        database = run.lab.installed(version, modules)
        with run.lab.trial(database):
            number = database.value("SELECT count(*) FROM ir_module_module WHERE state = 'installed'")
            before = database.history()
            sleeper = ["--entrypoint", "sleep"]
            box = run.lab.box(database, "UpdateOnly", "infinity", options=sleeper)
            median, used, times, output = 99.0, 0.0, [], ""
            for dummy in range(3):  # other work on the machine only ever adds to it, so the quietest seven count
                output = box.run("python3", "-c", IDLE)
                if "times " not in output:
                    break
                cost, *found = [float(one) for one in output.rpartition("times ")[2].split()]
                if statistics.median(found) < median:
                    median, used, times = statistics.median(found), cost, found
                if median <= IDLE_SECONDS * run.slack:
                    break
            marked = run.lab.box(database, "UpdateOnly", "infinity", options=sleeper, mounts=mounts)
            said = marked.run("/usr/local/bin/odoo-cloud")
            imported = marked.run("sh", "-c", "cat /tmp/odoo-imported 2>/dev/null").strip()
            # The same look at something that does import Odoo: else the empty answer above means nothing.
            marked.run("python3", "-c", "import odoo.release")
            control = marked.run("sh", "-c", "cat /tmp/odoo-imported 2>/dev/null").strip()
            troubles = []
            if "times " not in output:
                troubles.append(f"it failed: {output.strip()[-300:]}")
            if imported:
                troubles.append(f"imported {imported.splitlines()[0]}")
            if not control:
                troubles.append("the look at imports is blind")
            if database.history() != before:
                troubles.append(f"wrote rows: {database.history()}")
            yield Line(
                f"UpdateOnly decides `nothing to do`, {number} modules, Odoo {version}",
                f"median {median:.3f} s, max {max(times, default=99):.3f} s of {len(times)} ({used:.2f} s of a processor each),"
                f" Odoo"
                f" {'' if imported else 'not '}imported; {sentence(troubles, said.strip().splitlines()[-1][-120:])}",
                f"<= {IDLE_SECONDS * run.slack:.1f} s, Odoo not imported",
                median <= IDLE_SECONDS * run.slack and not troubles,
            )


ORIGINAL = """
CREATE TABLE curq_state_history (id SERIAL PRIMARY KEY, state VARCHAR(255), write_date TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX write_date_idx ON curq_state_history (write_date);
ALTER TABLE curq_state_history OWNER TO oc;
"""
LATEST = "SELECT state FROM curq_state_history ORDER BY write_date DESC LIMIT 1"


def original(database: Database, *states: str, minutes: float = 0) -> None:
    """Instead of our tables that of the original tool, or none without states; the latest row is `minutes` old."""
    database.rows("DROP TABLE curq_state_history; DROP TABLE IF EXISTS odoo_cloud_module")
    if states:
        database.rows(ORIGINAL)
        for number, state in enumerate(states):
            database.rows(
                "INSERT INTO curq_state_history (state, write_date) VALUES (%s, now() - %s * interval '1 minute')",
                state, minutes + (len(states) - 1 - number) * 5,
            )  # fmt: skip


def part_adopt(run: Run) -> t.Iterator[Line]:
    """What the original tool left, no table at all, and rows that came with a copy."""
    version = run.any("14")
    database = run.lab.installed(version)
    with run.lab.trial(database):
        original(database, "Creating", "Ready", "Updating", "Ready", minutes=100)
        oid, rows = database.value("SELECT 'curq_state_history'::regclass::oid"), database.rows(
            "SELECT id, state, write_date FROM curq_state_history ORDER BY id")  # fmt: skip
        addons = run.lab.addons({"oc_a": NEW})
        box = run.lab.box(database, "UpdateOnly", addons=addons, OC_SLEEP="0.7")
        # What the original's own containers would ask meanwhile and afterwards.
        wait_for_state(database, "Updating", 30, rows[-1][0])
        during = database.value(LATEST)
        code = box.wait(90)
        with database.session() as session:
            exists, latest = session.value("SELECT to_regclass('curq_state_history')"), session.value(LATEST)
            age = session.value(
                "SELECT DATE_PART('minute', CURRENT_TIMESTAMP - write_date)::int FROM curq_state_history"
                " ORDER BY write_date DESC LIMIT 1"
            )
            by_id = session.value("SELECT state FROM curq_state_history ORDER BY id DESC LIMIT 1")
            kept = session.rows("SELECT id, state, write_date FROM curq_state_history ORDER BY id")[: len(rows)] == rows
            same = session.value("SELECT 'curq_state_history'::regclass::oid") == oid
        followers = run.lab.box(database, "RunOnly", addons=addons)
        good = run.lab.serving([followers], 40)
        yield Line(
            f"the original tool's table, adopted in place, Odoo {version}",
            f"exit {code}, its rows {'kept' if kept else 'changed'}, the table {'is the same' if same else 'was replaced'};"
            f" its own queries: {exists}, while updating {during}, afterwards {latest} (by id {by_id}), {age} minutes;"
            f" {len(good)} serves",
            "kept, same table, Updating, then Ready",
            code == 0 and kept and same and exists == "curq_state_history" and during == "Updating"
            and latest == by_id == "Ready" and age == 0 and len(good) == 1 and not database.troubles({}),
        )  # fmt: skip

    database = run.lab.installed(version)
    with run.lab.trial(database):
        original(database)
        box = run.lab.box(database, "RunOnly")
        good = run.lab.serving([box], 40)
        yield Line(
            f"an initialised database without the table, RunOnly, Odoo {version}",
            f"{len(good)} serves, history {' '.join(database.history())}; {box.last_line()[:120] if not good else 'no force'}",
            "serves without force", len(good) == 1 and database.history() == ["Ready"],
        )  # fmt: skip

    database = run.lab.installed(version)
    with run.lab.trial(database):
        original(database, "Ready", "Updating")
        before = database.history()
        box = run.lab.box(database, "RunOnly", TIMEOUT="0.1")
        begin = time.monotonic()
        time.sleep(3)
        waits = box.running() and answers(box) == 503 and database.history() == before
        code = box.wait(30)
        seconds = time.monotonic() - begin
        history = database.history()
        again = run.lab.box(database, "RunOnly", TIMEOUT="0.1")
        good = run.lab.serving([again], 40)
        yield Line(
            f"a blocking row of the original tool with TIMEOUT of 6 s, Odoo {version}",
            f"{'waited' if waits else 'did not wait'}, exit {code} after {seconds:.0f} s, history {' '.join(history)}, the"
            f" next start {'serves' if good else 'does not serve'}",
            f"waits, then Reset and exit {EXIT_RESET}, the next start serves",
            waits and code == EXIT_RESET and history == [*before, "Reset"] and 5 <= seconds <= 12 and len(good) == 1,
        )  # fmt: skip

    database = run.lab.installed(version)
    with run.lab.trial(database):
        folder = hooks_folder(run, "long", {"post-update.d/10-long": "#!/bin/sh\nsleep 30\n"})
        addons, mounts = run.lab.addons({"oc_d": NEW}), [hooks_mount(folder)]
        actor = run.lab.box(database, "UpdateOnly", addons=addons, mounts=mounts)
        wait_for_state(database, "Maintenance", 40)
        actor.kill()
        until(lambda: not database.lock_holders(), 10, "the lock is still held after the kill")
        copy = Database(run.lab, run.lab.next_name("p"), version)
        with run.lab.admin() as session:
            session.rows(f'CREATE DATABASE "{copy.name}" OWNER oc TEMPLATE "{database.name}" STRATEGY file_copy')
        run.lab.files(f"if [ -d {database.name} ]; then cp -al {database.name} {copy.name}; fi")
        with run.lab.trial(copy):
            box = run.lab.box(copy, "RunOnly", addons=addons, TIMEOUT="0.05")
            until(lambda: answers(box) or not box.running(), 10, "it neither waits nor ends")
            end = time.monotonic() + 20
            while box.running() and time.monotonic() < end and not box.serves():
                time.sleep(0.3)
            code, history, line = box.code(), copy.history(), box.last_line()
        ended = f"exit {code}" if code is not None else "goes on"
        yield Line(
            f"a copy of a database with a blocking row of ours, RunOnly, Odoo {version}",
            f"the source is {database.state()}; the copy: {ended}, history {' '.join(history)}: {line[-160:]}",
            f"recognised as copied: not resumed, Reset after TIMEOUT, exit {EXIT_RESET}",
            code == EXIT_RESET and history[-2:] == ["Maintenance", "Reset"] and "cop" in line,
        )


NOTE = """#!/usr/bin/python3
import os, psycopg2
run = os.environ["ODOO_CLOUD_RUN_ID"]
with psycopg2.connect("") as connection, connection.cursor() as cursor:
    cursor.execute("CREATE TABLE IF NOT EXISTS oc_hook (hook text, uid int, state text, held bool)")
    cursor.execute(
        "INSERT INTO oc_hook SELECT %s, %s, (SELECT state FROM curq_state_history ORDER BY id DESC LIMIT 1), EXISTS ("
        "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted"
        " AND l.objsubid = 2 AND position(%s IN a.application_name) > 0)", (NAME, os.getuid(), "run=" + run))
connection.close()
"""


def note(name: str) -> str:
    """A hook that writes down when and as whom it ran."""
    return NOTE.replace("NAME", repr(name))


def hooks_folder(run: Run, name: str, files: t.Mapping[str, str]) -> pathlib.Path:
    for path, text in files.items():
        run.lab.put(f"hooks/{name}/{path}", text, 0o755)
    folder = run.lab.work / "hooks" / name
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    return folder


def hooks_mount(folder: pathlib.Path, target: str = "/opt/odoo-cloud/hooks") -> str:
    return f"type=bind,source={folder},target={target},readonly"


def part_hooks(run: Run) -> t.Iterator[Line]:
    """Hooks run inside the window, and a failing one fails it."""
    version = run.any("14")
    scripts = hooks_folder(run, "scripts", {name: note(name) for name in ("pre-init.sh", "pre-update.sh", "run.sh")})
    kinds = ("pre-init", "pre-update", "post-update", "pre-start")
    folder = hooks_folder(run, "notes", {f"{kind}.d/10-note": note(kind) for kind in kinds})
    mounts = [hooks_mount(folder), hooks_mount(scripts, "/odoo/scripts")]
    database = run.lab.installed(version)
    with run.lab.trial(database):
        addons = run.lab.addons({"oc_d": NEW})
        box = run.lab.box(database, "UpdateAndRun", addons=addons, mounts=mounts)
        good = run.lab.serving([box], 60)
        troubles, figure = hook_notes(
            database,
            {
                "pre-update": "Updating",
                "pre-update.sh": "Updating",
                "post-update": "Maintenance",
                "run.sh": "Maintenance",
            },
            {"pre-start"},
        )
        troubles += database.troubles(expected({"oc_d": NEW}))
        if not good:
            troubles.append(f"does not serve: {box.last_line()}")
        yield Line(
            f"hooks of an update (pre-update.d, pre-update.sh, post-update.d, run.sh, pre-start.d), Odoo {version}",
            f"{figure}; {sentence(troubles)}", "each once, inside the window, as uid 8069", not troubles,
        )  # fmt: skip

    database = run.lab.empty(version)
    with run.lab.trial(database):
        box = run.lab.box(database, "InstallOnly", mounts=mounts, MODULES="base")
        code = box.wait(90)
        troubles, figure = hook_notes(
            database,
            {"pre-init": "Creating", "pre-init.sh": "Creating", "post-update": "Maintenance", "run.sh": "Maintenance"},
            set(),
        )
        if code:
            troubles.append(f"exit {code}: {box.last_line()}")
        yield Line(
            f"hooks of an installation (pre-init.d, pre-init.sh, post-update.d, run.sh), Odoo {version}",
            f"{figure}, history {' '.join(database.history())}; {sentence(troubles)}",
            "each once, inside the window, as uid 8069", not troubles,
        )  # fmt: skip

    database = run.lab.installed(version)
    with run.lab.trial(database):
        addons = run.lab.addons({"oc_d": NEW})
        bad = hooks_folder(run, "bad", {"post-update.d/20-breaks": "#!/bin/sh\necho this is why >&2\nexit 3\n"})
        box = run.lab.box(database, "UpdateOnly", addons=addons, mounts=[hooks_mount(bad)])
        code, state = box.wait(60), database.state()
        detail = (
            database.value("SELECT to_jsonb(h) ->> 'detail' FROM curq_state_history h ORDER BY id DESC LIMIT 1") or ""
        )
        waiter = run.lab.box(database, "RunOnly", addons=addons, mounts=[hooks_mount(bad)])
        until(lambda: answers(waiter), 10, "no answer on port 8069")
        time.sleep(2)
        closed = answers(waiter) == 503 and waiter.running() and database.state() == "Failed"
        waiter.kill()
        repaired = run.lab.box(database, "UpdateOnly", addons=addons)
        second = repaired.wait(60)
        yield Line(
            f"a hook that fails, Odoo {version}",
            f"exit {code}, state {state}: {detail[:120]!r}, a RunOnly {'waits' if closed else 'does not wait'};"
            f" with the hook repaired exit {second}, {database.state()}",
            f"exit {EXIT_HOOK}, Failed, named, closed until repaired",
            code == EXIT_HOOK and state == "Failed" and "20-breaks" in detail and closed and second == 0
            and not database.troubles(expected({"oc_d": NEW})),
        )  # fmt: skip

    database = run.lab.installed(version)
    with run.lab.trial(database):
        click = click_odoo(version)
        addons = run.lab.addons({"oc_d": NEW})
        script = (
            "#!/bin/sh\nset -eu\nexport PYTHONPATH=/opt/click\n"
            'python3 -m click_odoo_contrib.update -c "$ODOO_RC" -d "$DB_NAME" --ignore-core-addons >&2\necho click-odoo-update ended >&2\n'
        )
        hook = hooks_folder(run, "click", {"post-update.d/20-click": script})
        mounts = [hooks_mount(hook), f"type=bind,source={click},target=/opt/click,readonly"]
        box = run.lab.box(database, "UpdateOnly", addons=addons, mounts=mounts)
        begin = time.monotonic()
        code = box.wait(90)
        seconds = time.monotonic() - begin
        log = box.logs()
        sums = database.value(
            "SELECT count(*) FROM ir_config_parameter WHERE key = 'module_auto_update.installed_checksums'"
        )
        yield Line(
            f"a post-update hook that calls click-odoo-update, Odoo {version}",
            f"exit {code} after {seconds:.0f} s, it wrote {sums} list of checksums; "
            + ("ended" if "click-odoo-update ended" in log else box.last_line()),
            "does not block",
            code == 0 and sums == 1 and "click-odoo-update ended" in log and not database.troubles(expected({"oc_d": NEW})),
        )  # fmt: skip


def hook_notes(database: Database, wanted: t.Mapping[str, str], outside: set[str]) -> tuple[list[str], str]:
    """What is wrong with the notes of the hooks, and a short account."""
    rows = database.rows("SELECT hook, uid, state, held FROM oc_hook")
    troubles = []
    for name, state in wanted.items():
        mine = [row for row in rows if row[0] == name]
        if len(mine) != 1:
            troubles.append(f"{name} ran {len(mine)} times")
        for row in mine:
            if row[1] != 8069:
                troubles.append(f"{name} ran as uid {row[1]}")
            if row[2] != state:
                troubles.append(f"{name} ran in state {row[2]}")
            if not row[3]:
                troubles.append(f"{name} ran without the lock")
    for name in outside:
        number = sum(row[0] == name for row in rows)
        if number != 1:
            troubles.append(f"{name} ran {number} times")
    more = {row[0] for row in rows} - set(wanted) - outside
    if more:
        troubles.append(f"ran too: {', '.join(sorted(more))}")
    return troubles, ", ".join(f"{row[0]} in {row[2] or '-'}" for row in rows)


def part_interop(run: Run) -> t.Iterator[Line]:
    """The keys of marabunta and click-odoo-update, held by somebody else, and held by us."""
    version = run.any("14")
    database = run.lab.installed(version)
    with run.lab.trial(database):
        addons = run.lab.addons(all_new(CHAIN))
        key = int(hashlib.sha1(f"click-odoo-update/{database.name}".encode()).hexdigest()[:14], 16)
        marabunta, click = database.session("marabunta"), database.session("click-odoo-update")
        marabunta.rows("BEGIN")
        marabunta.rows("SELECT pg_try_advisory_xact_lock(%s)", MARABUNTA_KEY)
        click.rows("SELECT pg_advisory_lock(%s)", key)
        box = run.lab.box(database, "UpdateOnly", addons=addons, OC_SLEEP="0.7")
        told = []
        for name, release in (("marabunta", lambda: marabunta.rows("COMMIT")), ("click-odoo-update", click.close)):
            time.sleep(3.5)
            counts = {k: n for k, n in database.counts().items() if k[1] == NEW}
            told.append(
                f"{name}: {'waits' if box.running() and not counts else 'does not wait'}"
                + ("" if re.search("marabunta|click", box.logs()) else " silently")
            )
            release()
        wait_for_work(database)
        with database.session() as session:
            free = [
                session.value("SELECT pg_try_advisory_lock(%s)", MARABUNTA_KEY),
                session.value("SELECT pg_try_advisory_lock(%s)", key),
            ]
        code = box.wait(60)
        marabunta.close()
        troubles = database.troubles(expected(all_new(CHAIN)))
        yield Line(
            f"keys of marabunta and click-odoo-update held by somebody else, then by us, Odoo {version}",
            f"{', '.join(told)}; both {'shut out' if free == [False, False] else f'not shut out: {free}'} while we update;"
            f" exit {code}; {sentence(troubles)}",
            "waits for either, shuts both out",
            told == ["marabunta: waits", "click-odoo-update: waits"] and free == [False, False] and code == 0 and not troubles,
        )  # fmt: skip


def part_force(run: Run) -> t.Iterator[Line]:
    """Force modes override a state, never a live lock."""
    version = run.any("14")
    changed = all_new(CHAIN)
    addons = run.lab.addons(changed)
    for mode in ("ForceReadyState", "ForceRunOnly", "ForceUpdateOnly"):
        database = run.lab.installed(version)
        with run.lab.trial(database):
            interrupt(run, database, addons)
            before, state = database.last_row(), database.state()
            with run.lab.admin() as holder:
                holder.rows("SET application_name = 'odoo-cloud UpdateOnly run=stilllives host=proof'")
                key = int.from_bytes(hashlib.sha256(database.name.encode()).digest()[:4], "big", signed=True)
                first = int.from_bytes(hashlib.sha256(b"odoo-cloud").digest()[:4], "big", signed=True)
                holder.rows("SELECT pg_advisory_lock(%s, %s)", first, key)
                refused = run.lab.box(database, mode, addons=addons, REASON="held", ACTOR="jane").wait(30)
                quiet = database.last_row() == before
            box = run.lab.box(database, mode, addons=addons, REASON="it is fine, see ticket 7", ACTOR="jane")
            if mode == "ForceRunOnly":
                # On 14 modules that the update left marked may keep it from serving; the state is what counts here.
                wait_for_state(database, "Force Ready", 20, before)
                done = "serves" if run.lab.serving([box], 20) else f"does not serve: {box.last_line()[-160:]}"
                good = True
            else:
                code = box.wait(60)
                done, good = f"exit {code}", code == 0
            row = database.rows(
                "SELECT state, to_jsonb(h) ->> 'actor', to_jsonb(h) ->> 'detail', to_jsonb(h) ->> 'mode' FROM curq_state_history h"
                " WHERE id > %s ORDER BY id LIMIT 1", before,
            )  # fmt: skip
            told = row[0] if row else ("", "", "", "")
            troubles = database.troubles(expected(changed)) if mode == "ForceUpdateOnly" else database.violations()
            yield Line(
                f"{mode} on state {state}, Odoo {version}",
                f"with a live holder exit {refused} and {'no row' if quiet else 'a row'}; with a free lock {done}, row"
                f" {told[0]} by {told[1]}: {(told[2] or '')[:60]!r}; {sentence(troubles)}",
                f"exit {EXIT_HELD}; then goes on, actor and reason recorded",
                refused == EXIT_HELD and quiet and good and told[0] == "Force Ready" and told[1] == "jane"
                and "ticket 7" in (told[2] or "") and not troubles,
            )  # fmt: skip


def interrupt(run: Run, database: Database, addons: pathlib.Path) -> None:
    """An update killed in its middle."""
    box = run.lab.box(database, "UpdateOnly", addons=addons, OC_SLEEP="0.5")
    wait_for_work(database)
    box.kill()
    box.wait(20)
    until(lambda: not database.lock_holders(), 10, "the lock is still held after the kill")


def part_window(run: Run) -> t.Iterator[Line]:
    """Every row is written by a run that holds the lock at that moment; a trigger in the database looks."""
    version = run.any("14")
    outside, rows, told = [], 0, []
    database = run.lab.empty(version)
    with run.lab.trial(database):
        told.append(f"install {run.lab.box(database, 'InstallOnly').wait(90)}")
        bad = hooks_folder(run, "bad", {"post-update.d/20-breaks": "#!/bin/sh\nexit 3\n"})
        addons = run.lab.addons({"oc_d": NEW})
        told.append(
            f"failing hook {run.lab.box(database, 'UpdateOnly', addons=addons, mounts=[hooks_mount(bad)]).wait(60)}"
        )
        told.append(f"force {run.lab.box(database, 'ForceReadyState', addons=addons, REASON='proof').wait(30)}")
        told.append(f"update {run.lab.box(database, 'UpdateOnly', addons=run.lab.addons({'oc_d': '1.2'})).wait(60)}")
        outside, rows = database.violations(), database.value("SELECT count(*) FROM oc_proof.checked")
        # The look itself must be able to see: a row by a run that holds nothing.
        database.rows("INSERT INTO curq_state_history (state, run_id) VALUES ('Ready', 'nobody')")
        seen = len(database.violations()) == len(outside) + 1
        history = database.history()
    yield Line(
        f"rows written outside the window, Odoo {version}",
        f"{len(outside)} of {rows} ({', '.join(outside[:4]) or 'none'}); {', '.join(told)}; history {' '.join(history)}",
        "none", not outside and rows >= 6 and seen,
    )  # fmt: skip


PROOF = Proof(
    "state", __doc__, Run, parts_of(globals()), port=9300, mutants=MUTANTS, sample=SAMPLE, versions=("14", "19"), mutant_version="14"
)  # fmt: skip
