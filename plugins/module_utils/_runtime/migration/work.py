# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The steps of a run: those of MIGRATION_FILE that are pending, and those of STEPS. Everything that
can be wrong with them is detected here, before the lock is taken, without importing Odoo and
without changing the database.

boot/steps.py executes them, in the process that starts Odoo.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..addons import tree as addon_tree
from ..addons import update_plan
from ..common.config import Settings
from ..common.errors import MigrationRefused, NeedsDecision, RuntimeFailure
from ..common.lists import some
from ..database import pg
from . import file as migration_file
from . import plan as migration_plan
from . import songs
from . import table as migration_table
from .file import UPDATE, Migration, MigrationError, Problem, Step, Version, number
from .plan import DONE, MigrationPlan, Refusal

ADHOC = "adhoc"  # the version under which the steps of STEPS are recorded
# These concern only the file or the run's settings; the others require an operator's decision about
# the database.
_PLAIN_REFUSALS = ("unknown_mode", "unknown_version")


class Wrong(MigrationRefused):
    """The migration file or STEPS is wrong."""

    def __init__(self, problems: Iterable[Problem], more: Iterable[str] = ()) -> None:
        """`more`: other reasons, which are reported with the problems."""
        self.problems = tuple(problems)
        listed = some(map(str, self.problems), migration_file.SHOWN, "; ")
        super().__init__("; ".join((listed, *more)) + "; nothing was locked or changed")


@dataclass(frozen=True)
class Source:
    """MIGRATION_FILE and STEPS as data."""

    migration: Migration | None = None
    steps: tuple[Step, ...] = ()

    @property
    def sha(self) -> str:
        """A hash that is equal for the same STEPS."""
        content = [[step.id, step.sha, step.timeout] for step in self.steps]
        return hashlib.sha256(json.dumps(content).encode("ascii")).hexdigest()


def read(settings: Settings) -> Source:
    """Read MIGRATION_FILE and STEPS; empty in modes that don't update.

    Raises `Wrong` with everything that is wrong.
    """
    if not settings.updating:
        return Source()
    problems: list[Problem] = []
    found: Migration | None = None
    steps: tuple[Step, ...] = ()
    try:
        if settings.migration_file:
            found = migration_file.read(settings.migration_file, settings.migration_next)
    except MigrationError as exc:
        problems += exc.problems
    try:
        if settings.steps:
            steps = migration_file.parse_steps(settings.steps)
    except MigrationError as exc:
        problems += exc.problems
    if problems:
        raise Wrong(problems)
    return Source(found, steps)


@dataclass(frozen=True)
class Work:
    """The steps of a run."""

    source: Source = Source()
    plan: MigrationPlan = MigrationPlan()
    adhoc: tuple[Step, ...] = ()  # the steps of STEPS that are to be done
    adhoc_done: tuple[str, ...] = ()
    adhoc_resumed: str = ""  # the run that began them
    # What is left of each version's update (by canonical number), if an earlier run began it
    left: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    unchecked: tuple[Problem, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there are no steps and nothing to record."""
        return self.plan.empty and not self.source.steps

    @property
    def sha(self) -> str:
        """A hash that is equal for work that does the same."""
        return hashlib.sha256(f"{self.plan.sha} {self.source.sha}".encode("ascii")).hexdigest()

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions as in odoo_cloud_run, as canonical numbers."""
        names = tuple(item.version.number.canonical for item in self.plan.versions)
        return (*names, ADHOC) if self.source.steps else names

    @property
    def resumed(self) -> str:
        """The run that is resumed; empty if none is."""
        return next((item.resumed for item in self.plan.versions if item.resumed), self.adhoc_resumed)

    def first_update(self) -> tuple[str, ...]:
        """Return the modules of the first version that are updated along with those that changed."""
        for item in self.plan.versions[:1]:
            for step in item.steps:
                if step.kind == UPDATE:
                    return self.modules_of(item.version, step)
        return ()

    def modules_of(self, version: Version, step: Step) -> tuple[str, ...]:
        """Return the modules that the update `step` of a version still has to do."""
        return self.left.get(version.number.canonical, tuple(step.arguments["modules"]))

    def check(self) -> None:
        """Raise `Wrong` if something is wrong with the steps, `MigrationRefused` or `NeedsDecision`
        if an operator has to act first."""
        refusals = [_options(str(refusal)) for refusal in self.plan.refusals]
        if self.problems:
            raise Wrong(self.problems, refusals)
        if refusals:
            plain = any(refusal.code in _PLAIN_REFUSALS for refusal in self.plan.refusals)
            failure: type[RuntimeFailure] = MigrationRefused if plain else NeedsDecision
            raise failure(f"{'; '.join(refusals)}; nothing was locked or changed")

    def __str__(self) -> str:
        parts = [] if self.plan.empty else [str(self.plan)]
        if self.source.steps:
            count = len(self.adhoc)
            parts.append(f"{count} step{'' if count == 1 else 's'} of STEPS")
        return "; ".join(parts) or "no steps"


def _options(text: str) -> str:
    """Replaces options in a plan's decisions by the variables of this program."""
    for name in ("force_version=", "allow_serie="):
        text = text.replace(name, f"MIGRATION_{name.upper()}")
    return text.replace("mode=", "MIGRATION_MODE=") if " mode=" in text else text


def song_paths(settings: Settings, env: Mapping[str, str]) -> list[str]:
    """Return the folders from which songs are imported, in order: those of Odoo's own Python, then
    the folder of the migration file, then SONG_PATH."""
    ours = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    paths = [item for item in (env.get("PYTHONPATH") or "").split(os.pathsep) if item]
    paths += [item for item in sys.path if item and os.path.realpath(item) != ours]
    if settings.migration_file:
        paths.append(os.path.dirname(os.path.realpath(settings.migration_file)))
    if settings.song_path:
        paths.append(os.path.realpath(settings.song_path))
    return list(dict.fromkeys(paths))


def pending_work(
    settings: Settings,
    source: Source,
    connection: Any,
    modules: update_plan.Modules,
    folders: Sequence[str],
    paths: Sequence[str],
    snapshot: addon_tree.Snapshot | None = None,
) -> Work:
    """Return what is to be done for this database at this moment. No other run may be working on
    it. `Work.check()` raises what stands in the way.

    - `source`: MIGRATION_FILE and STEPS.
    - `connection`: to the database.
    - `modules`, `folders`: the modules of the database, and the addons folders.
    - `paths`: folders from which songs are imported.
    - `snapshot`: addons that were read shortly before.
    """
    if not settings.updating:
        return Work()
    with pg.transaction(connection) as cursor:
        version_rows = migration_table.read_versions(cursor)
        step_rows = migration_table.read_steps(cursor)
        last = migration_table.read_last_run(cursor)
    plan = MigrationPlan()
    if source.migration is not None:
        plan = migration_plan.make_plan(
            source.migration,
            settings.migration_mode,
            version_rows,
            step_rows,
            settings.migration_allow_serie,
            settings.migration_force_version,
        )
    else:
        refusal = _without_file(version_rows)
        plan = MigrationPlan(refusals=(refusal,)) if refusal is not None else plan
    left: dict[str, tuple[str, ...]] = {}
    for item in plan.versions:
        row = next(
            (row for row in step_rows if row.step_id == UPDATE and number(row.version) == item.version.number), None
        )
        begun = row.info.get("begun") if row is not None and row.status != DONE and not item.forced else None
        for step in item.steps:
            if step.kind == UPDATE and isinstance(begun, list):
                left[item.version.number.canonical] = tuple(
                    name
                    for name in step.arguments["modules"]
                    if name not in begun or not modules.installed(name) or _pending(modules, name)
                )
    adhoc, done, resumed, notes = _adhoc(source, step_rows, last)
    work = Work(source, plan, adhoc, done, resumed, left, notes)
    problems, unchecked = _check(
        work, settings, modules, folders, paths, snapshot if snapshot is not None else addon_tree.Snapshot()
    )
    if adhoc and not (done or resumed or notes) and all(_is_done(step, modules) for step in adhoc):
        work = dataclasses.replace(work, source=dataclasses.replace(source, steps=()), adhoc=())
    return dataclasses.replace(work, problems=tuple(problems), unchecked=tuple(unchecked))


def _is_done(step: Step, modules: update_plan.Modules) -> bool:
    """Whether all modules of a step of STEPS already have the wanted state: then no window is
    opened for it."""
    if step.kind not in (migration_file.INSTALL, migration_file.UNINSTALL):
        return False
    return all(modules.installed(name) == (step.kind == migration_file.INSTALL) for name in step.arguments["modules"])


def _pending(modules: update_plan.Modules, name: str) -> bool:
    known = modules.known.get(name)
    return known is not None and bool(known.pending)


def _without_file(version_rows: Iterable[migration_plan.VersionRow]) -> Refusal | None:
    for row in version_rows:
        if not row.done and row.run_id:
            return Refusal(
                "no_file",
                f"version {row.number} was begun at {row.started} by run {row.run_id} and not finished, and MIGRATION_FILE is"
                " not set",
                (
                    migration_plan.Decision("MIGRATION_FILE=...", "goes on where it stopped"),
                    migration_plan.settle_decision(row.number),
                ),
            )
    return None


def unfinished(connection: Any) -> str:
    """Describe the steps that a run of ours began in this database and did not finish; empty if
    there are none. Only a mode that updates resumes them."""
    with pg.transaction(connection) as cursor:
        rows = [row for row in migration_table.read_versions(cursor) if row.run_id and not row.done]
        last = migration_table.read_last_run(cursor)
    if rows:
        return f"version {rows[0].number} was begun by run {rows[0].run_id} and not finished"
    if last is not None and last.status != DONE and ADHOC in last.versions:
        return f"run {last.run_id} did not finish the steps of its STEPS"
    return ""


def _adhoc(
    source: Source, step_rows: Iterable[migration_plan.StepRow], last: migration_table.RunRow | None
) -> tuple[tuple[Step, ...], tuple[str, ...], str, tuple[str, ...]]:
    """The steps of STEPS that are to be done: all, except those that an interrupted run with the
    same STEPS has done."""
    rows = [row for row in step_rows if row.version == ADHOC]
    interrupted = last is not None and last.status != DONE and ADHOC in last.versions
    if last is None or not interrupted:
        return source.steps, (), "", ()
    done = {row.step_id for row in rows if row.status == DONE}
    same = bool(source.steps) and all(row.info.get("of") == source.sha for row in rows)
    if same:
        return (
            tuple(step for step in source.steps if step.id not in done),
            tuple(step.id for step in source.steps if step.id in done),
            last.run_id,
            (),
        )
    names = ", ".join(row.name or row.step_id for row in rows if row.status != DONE) or "none"
    note = (
        f"run {last.run_id} did {len(done)} steps of other STEPS and did not finish (begun and not done: {names}); they are"
        " not gone on with unless the same STEPS are given"
    )
    return source.steps, (), "", (note,)


def _check(
    work: Work,
    settings: Settings,
    modules: update_plan.Modules,
    folders: Sequence[str],
    paths: Sequence[str],
    snapshot: addon_tree.Snapshot,
) -> tuple[list[Problem], list[Problem]]:
    """Checks songs and modules of pending steps; those of versions that are done may not exist any
    more."""
    planned = work.plan.versions or work.plan.refused
    versions = [dataclasses.replace(item.version, steps=item.steps) for item in planned]
    if work.adhoc:
        value = migration_file.Number(ADHOC, ())
        versions.append(Version(value, work.adhoc, False))
    if not versions:
        return [], []
    pending = Migration(settings.migration_file or "STEPS", tuple(versions))
    known = snapshot.names(folders)
    problems = migration_file.unknown_modules(pending, known, work.plan.mode)
    for step in work.adhoc:  # in a file it may be a module that no longer exists
        if step.kind == migration_file.UNINSTALL:
            problems += [
                Problem(
                    step.where.file,
                    step.where.line,
                    f"there is no module {name!r}{update_plan.nearest(name, modules.states)}",
                )
                for name in step.arguments["modules"]
                if name not in modules.states and name not in known
            ]
    wrong, unchecked = songs.check(pending, songs.Songs(paths, folders), work.plan.mode)
    for version in versions:
        for step in version.steps_for(work.plan.mode):
            if step.kind == migration_file.LOAD_CSV:
                path = csv_path(step.arguments["path"], settings.odoo_data_path)
                if not os.path.isfile(path):
                    wrong.append(Problem(step.where.file, step.where.line, f"there is no file {path}"))
    return [*problems, *wrong], unchecked


def csv_path(path: str, data_path: str) -> str:
    """Return the path of a CSV file; a relative one is below `data_path`, if that is set."""
    return path if os.path.isabs(path) or not data_path else os.path.join(data_path, path)


# Orders for steps.py


def order_step(step: Step, version: str) -> dict[str, Any]:
    """Return a step of a version as plain data."""
    return {
        "id": step.id,
        "phase": step.phase,
        "kind": step.kind,
        "arguments": dict(step.arguments),
        "timeout": step.timeout,
        "sha": step.sha,
        "version": version,
        "where": str(step.where),
        "mode": step.mode,
    }


def step_of(order: Mapping[str, Any]) -> Step:
    """Return the step from which `order_step()` built this data."""
    return Step(
        order["id"],
        order["phase"],
        order["kind"],
        order["arguments"],
        order["mode"],
        order["timeout"],
        order["sha"],
    )


def named_modules(orders: Iterable[Mapping[str, Any]], uninstalled: bool = False) -> list[str]:
    """Return the modules that steps of these actions install or update; with `uninstalled` those
    that they uninstall."""
    names: dict[str, None] = {}
    kind = migration_file.UNINSTALL if uninstalled else migration_file.INSTALL
    for order in orders:
        step = order.get("step") or {}
        if order["do"] == "update" and not uninstalled:
            names.update(dict.fromkeys(order["modules"]))
        elif order["do"] == "step" and step["kind"] == kind:
            names.update(dict.fromkeys(step["arguments"]["modules"]))
    return list(names)


def actions(work: Work, plan: update_plan.ModulePlan, refused: bool = False) -> list[dict[str, Any]]:
    """Return everything that a run does, in order: each version's beginning, its steps, one update,
    its end. Other changed modules are updated with the first version, between its `pre` and its
    `post`. `refused`: also what isn't done because of a refusal."""
    result: list[dict[str, Any]] = []
    rest = not plan.empty  # why Odoo has to be started apart from the versions' own modules
    for item in (*work.plan.versions, *(work.plan.refused if refused else ())):
        canonical, text = item.version.number.canonical, item.version.number.text
        begin = "resume" if item.resumed else "begin"
        result.append(
            {"do": begin, "version": canonical, "number": text, "forced": item.forced, "steps": len(item.steps)}
        )
        for step in item.steps:
            if step.phase == migration_file.POST and rest:
                result.append(_update(plan.install, plan.update, True))
                rest = False
            if step.kind == UPDATE:
                names = list(work.modules_of(item.version, step))
                action = _update(plan.install, plan.update, True) if rest else _update((), (), False)
                rest = False
                action.update(step=order_step(step, canonical), modules=names)
                result.append(action)
            else:
                result.append({"do": "step", "step": order_step(step, canonical)})
        if rest:
            result.append(_update(plan.install, plan.update, True))
            rest = False
        result.append({"do": "finish", "version": canonical, "number": text})
    if rest:
        result.append(_update(plan.install, plan.update, True))
    result += [{"do": "step", "step": order_step(step, ADHOC)} for step in work.adhoc]
    return result


def needs_odoo(orders: Iterable[Mapping[str, Any]]) -> bool:
    """Whether Odoo has to be started for these actions."""
    return any(
        item["do"] == "update" and (item["load"] or item["install"] or item["update"] or item["modules"])
        or item["do"] == "step" and item["step"]["kind"] not in (migration_file.SQL, migration_file.COMMAND)
        for item in orders
    )  # fmt: skip


def _update(install: Iterable[str], update: Iterable[str], load: bool) -> dict[str, Any]:
    """`load`: Odoo is started even if there are no names, to finish modules that are marked."""
    return {"do": "update", "install": list(install), "update": list(update), "load": load, "modules": [], "step": None}


def count(orders: Iterable[Mapping[str, Any]]) -> int:
    """Return the number of steps for operators: an update counts as one."""
    return sum(order["do"] in ("step", "update") for order in orders)


# The plan as data, for `odoo-cloud plan`


def as_data(work: Work, settings: Settings) -> dict[str, Any]:
    """Return the plan as data for the command `plan`."""
    plan = work.plan
    steps: list[dict[str, Any]] = []
    versions = []
    for item in plan.versions:
        listed = [_step_data(step) for step in item.steps]
        versions.append(
            {
                "version": item.version.number.text,
                "steps": listed,
                "done": list(item.done),
                "resumed": item.resumed,
                "forced": item.forced,
                "only_recorded": not listed and not item.done,
                "override_translations": item.version.override_translations,
            }
        )
        steps += listed
    if work.source.steps:
        listed = [_step_data(step) for step in work.adhoc]
        versions.append(
            {
                "version": ADHOC,
                "steps": listed,
                "done": list(work.adhoc_done),
                "resumed": work.adhoc_resumed,
                "forced": False,
                "only_recorded": False,
                "override_translations": False,
            }
        )
        steps += listed
    source = work.source.migration
    refusals = [
        {
            "code": refusal.code,
            "reason": refusal.reason,
            "decisions": [
                {"command": _options(" " + item.command).strip(), "effect": item.effect} for item in refusal.decisions
            ],
        }
        for refusal in plan.refusals
    ]
    return {
        "file": settings.migration_file,
        "mode": plan.mode,
        "versions": versions,
        "steps": len(steps),
        "backup": plan.backup and source is not None and source.options.backup is not None,
        "drift": [
            {
                **_place(item.where),
                "version": item.version,
                "step_id": item.step_id,
                "kind": item.kind,
                "message": item.message,
            }
            for item in plan.drift
        ],  # fmt: skip
        "notes": [*plan.notes, *work.notes],
        "warnings": [_problem(item) for item in _warnings(work)],
        "problems": [_problem(item) for item in work.problems],
        "unchecked": [_problem(item) for item in work.unchecked],
        "refusal": refusals[0] if refusals else None,
        "refusals": refusals,
        "resumed": work.resumed,
        "sha": work.sha,
    }


def _warnings(work: Work) -> list[Problem]:
    """The warnings about the file, and what was remarked on steps that are to be done."""
    source = work.source.migration
    found = list(source.warnings) if source is not None else []
    planned = work.plan.versions or work.plan.refused
    for step in [*(step for item in planned for step in item.steps), *work.adhoc]:
        found += [Problem(step.where.file, step.where.line, note) for note in step.notes]
    return list(dict.fromkeys(found))


def wrong_data(problems: Iterable[Problem], settings: Settings) -> dict[str, Any]:
    """Return the same data for a file that can't be read."""
    return {**as_data(Work(), settings), "problems": [_problem(item) for item in problems]}


def _problem(item: Problem) -> dict[str, Any]:
    return {"file": item.file, "line": item.line, "message": item.message}


def _place(where: migration_file.Place | None) -> dict[str, Any]:
    return {"file": where.file if where else "", "line": where.line if where else 0}


def _step_data(step: Step) -> dict[str, Any]:
    result = {
        "id": step.id,
        "phase": step.phase,
        "kind": step.kind,
        "name": step.name,
        "mode": step.mode,
        "timeout": step.timeout,
        "notes": list(step.notes),
        **_place(step.where),
    }
    if step.kind == UPDATE:
        result["modules"] = list(step.arguments["modules"])
    return result
