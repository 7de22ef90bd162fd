# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Which steps of a migration are still pending, or why an operator has to decide. No I/O: the input
is the rows of the database (table.py reads them), the output is a plan.

marabunta's rules apply: one pending version at a time, none below the highest that the database
had, nothing after a version that was begun and not finished. The addition is that a version begun
by a run of ours is resumed where it stopped.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..addons.update_plan import nearest
from .file import COMMAND, UPDATE, Migration, Number, Place, Step, Version, number

DONE, RUNNING, FAILED = "done", "running", "failed"


@dataclass(frozen=True)
class VersionRow:
    """A row of marabunta_version. `run_id`: the run of ours that wrote it, in `mode`; empty if
    marabunta or an operator wrote it."""

    number: str
    done: bool
    started: str = ""
    run_id: str = ""
    mode: str = ""


@dataclass(frozen=True)
class StepRow:
    """A row of odoo_cloud_step. `version` is a canonical number."""

    version: str
    step_id: str
    sha: str
    status: str
    phase: str = ""
    kind: str = ""
    name: str = ""
    run_id: str = ""
    attempt: int = 1
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Drift:
    """A step that is done and differs from the file now. It is reported and not repeated."""

    version: str
    step_id: str  # as it was recorded
    kind: str  # changed, moved, removed
    message: str
    where: Place | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else f"version {self.version}: {self.message}"


@dataclass(frozen=True)
class Decision:
    """A way to continue: an option (`name=value`) or an SQL statement, and its effect."""

    command: str
    effect: str

    def __str__(self) -> str:
        return f"{self.command} ({self.effect})"


@dataclass(frozen=True)
class Refusal:
    """Why nothing is done, and the commands from which an operator has to choose one."""

    code: str  # unknown_mode, unknown_version, foreign_row, unfinished, vanished, other_mode, unrecorded, serie, downgrade
    reason: str
    decisions: tuple[Decision, ...] = ()

    def __str__(self) -> str:
        return self.reason + "".join(
            f"; {'or' if index else 'decide'}: {item}" for index, item in enumerate(self.decisions)
        )


@dataclass(frozen=True)
class PlannedVersion:
    """A version to be processed; without steps it is only recorded as done."""

    version: Version
    steps: tuple[Step, ...]
    done: tuple[str, ...] = ()  # ids of its steps that are done already
    resumed: str = ""  # the run that began it
    forced: bool = False  # from its first step, regardless of what was done before


@dataclass(frozen=True)
class MigrationPlan:
    """What is to be done, in order. With a refusal nothing is done, and `versions` is empty."""

    mode: str | None = None
    versions: tuple[PlannedVersion, ...] = ()
    backup: bool = False  # whether one of the versions requires a backup before it
    drift: tuple[Drift, ...] = ()
    notes: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    refused: tuple[PlannedVersion, ...] = ()  # what would be processed without the refusals

    @property
    def refusal(self) -> Refusal | None:
        """The first refusal."""
        return self.refusals[0] if self.refusals else None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do and nothing to record."""
        return not self.versions

    @property
    def steps(self) -> tuple[tuple[Version, Step], ...]:
        """All steps in order, each with its version."""
        return tuple((item.version, step) for item in self.versions for step in item.steps)

    @property
    def sha(self) -> str:
        """A hash that is equal for plans that do the same."""
        content = [
            [item.version.number.canonical, [[step.id, step.sha, step.timeout] for step in item.steps]]
            for item in self.versions
        ]
        return hashlib.sha256(json.dumps([self.mode, content]).encode("utf-8")).hexdigest()

    def __str__(self) -> str:
        if self.refusals:
            return "; ".join(map(str, self.refusals))
        parts = []
        for item in self.versions:
            how = " again" if item.forced else f", begun by run {item.resumed}" if item.resumed else ""
            steps = f"{len(item.steps)} step{'' if len(item.steps) == 1 else 's'}" if item.steps else "nothing to do"
            parts.append(f"version {item.version.number}{how}: {steps}")
        return "; ".join(parts) or "nothing to do"


def force_decision(text: str, effect: str = "runs this version alone, from its first step") -> Decision:
    """Return the option that runs the version `text` from its first step."""
    return Decision(f"force_version={text}", effect)


# For an operator to type, never executed here.
_SETTLE = "UPDATE public.marabunta_version SET date_done = now() WHERE number = %s;"
_RECORD = "INSERT INTO public.marabunta_version (number, date_start, date_done) VALUES (%s, now(), now());"
_REMOVE = "DELETE FROM public.marabunta_version WHERE number = %s;"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def settle_decision(text: str) -> Decision:
    """Return the SQL statement that records the version `text` as done."""
    return Decision(_SETTLE % _literal(text), "records it as done, nothing is run")


def make_plan(
    migration: Migration,
    mode: str | None = None,
    version_rows: Iterable[VersionRow] = (),
    step_rows: Iterable[StepRow] = (),
    allow_serie: bool = False,
    force_version: str = "",
) -> MigrationPlan:
    """Return what is to be done for the database that has these rows.

    - `mode`: the mode of the file, `None` for none.
    - `version_rows`, `step_rows`: the rows of the database.
    - `allow_serie`: whether several versions may be done in one run.
    - `force_version`: do only this version, from its first step.
    """
    mode = mode or None
    version_rows, step_rows = tuple(version_rows), tuple(step_rows)
    refusals = _unknown_names(migration, mode, force_version)
    rows, odd = _by_number(version_rows)
    steps_of: dict[Number, list[StepRow]] = {}
    for row in step_rows:
        value = number(row.version)
        if value is not None:
            steps_of.setdefault(value, []).append(row)

    pending = [version for version in migration.versions if not _processed(rows, version.number)]
    notes = _spelling_notes(migration, rows)
    drift: list[Drift] = []
    for version in migration.versions:
        row = rows.get(version.number)
        if row is not None and row.done and row.run_id and version.number in steps_of:
            drift += _drift_of_done(version, row.mode or None, steps_of[version.number])

    if force_version:
        wanted = migration.version(number(force_version) or Number("", (-1,)))
        if wanted is None:
            return MigrationPlan(mode, refusals=tuple(refusals))
        planned = PlannedVersion(wanted, wanted.steps_for(mode), forced=True)
        if refusals:
            return MigrationPlan(mode, refusals=tuple(refusals), refused=(planned,))
        notes += _mode_notes([wanted], mode)
        return MigrationPlan(mode, (planned,), True, tuple(drift), tuple(notes))

    refusals += _unfinished(migration, mode, version_rows)
    refusals += filter(
        None, (_unrecorded(pending, rows, steps_of), _serie(pending, allow_serie), _downgrade(pending, rows, odd))
    )
    planned_versions: list[PlannedVersion] = []
    for version in pending:
        row = rows.get(version.number)
        if row is None:
            planned_versions.append(PlannedVersion(version, version.steps_for(mode)))
            continue
        matched = _match(version.steps_for(mode), steps_of.get(version.number, []), version.number.text)
        drift += matched.drift
        notes += matched.notes
        planned_versions.append(PlannedVersion(version, matched.pending, matched.done, row.run_id))
    if refusals:
        return MigrationPlan(
            mode, (), False, tuple(drift), tuple(notes), tuple(refusals), tuple(_each_module_once(planned_versions))
        )
    notes += _mode_notes(pending, mode)
    # A version that was begun had its backup; another one now would save the half-done state.
    backup = any(item.version.backup for item in planned_versions) and not any(
        item.resumed for item in planned_versions
    )
    return MigrationPlan(mode, tuple(_each_module_once(planned_versions)), backup, tuple(drift), tuple(notes))


def _each_module_once(versions: Iterable[PlannedVersion]) -> list[PlannedVersion]:
    """Leaves out modules that an earlier version updates: within one run the code is the same."""
    updated: set[str] = set()
    result = []
    for item in versions:
        steps: list[Step] = []
        for step in item.steps:
            if step.kind == UPDATE:
                left = [name for name in step.arguments["modules"] if name not in updated]
                updated.update(left)
                if not left:
                    continue
                step = dataclasses.replace(step, arguments={**step.arguments, "modules": left})
            steps.append(step)
        result.append(dataclasses.replace(item, steps=tuple(steps)))
    return result


def _unknown_names(migration: Migration, mode: str | None, force_version: str) -> list[Refusal]:
    found = []
    if mode and mode not in migration.modes:
        names = migration.modes
        there = f"there is {', '.join(names)}" if names else "the file has none"
        found.append(
            Refusal(
                "unknown_mode",
                f"{migration.path} has no mode {mode!r}{nearest(mode, names) or '; ' + there}; a mode without steps of its own"
                " has to be named in options.modes",
            )
        )
    if force_version:
        value = number(force_version)
        if value is None or migration.version(value) is None:
            known = [version.number.text for version in migration.versions]
            found.append(
                Refusal(
                    "unknown_version",
                    f"force_version is {force_version!r}: {migration.path} has no such version"
                    f"{nearest(force_version, known)}",
                )
            )
    return found


def _by_number(version_rows: Sequence[VersionRow]) -> tuple[dict[Number, VersionRow], list[str]]:
    """The rows by number, and the texts in the table that are no versions. Of two spellings of one
    number, the one that is done counts."""
    rows: dict[Number, VersionRow] = {}
    odd: list[str] = []
    for row in version_rows:
        value = number(row.number)
        if value is None:
            odd.append(row.number)
        elif value not in rows or row.done:
            rows[value] = row
    return rows, odd


def _processed(rows: Mapping[Number, VersionRow], value: Number) -> bool:
    row = rows.get(value)
    return row is not None and row.done


def _spelling_notes(migration: Migration, rows: Mapping[Number, VersionRow]) -> list[str]:
    return [
        f"{version.where}: version {version.number} is {rows[version.number].number} in marabunta_version; that counts as the"
        " same here, marabunta would run it again"
        for version in migration.versions
        if version.number in rows and rows[version.number].number != version.number.text
    ]


def _mode_notes(versions: Iterable[Version], mode: str | None) -> list[str]:
    """Notes on versions that will be recorded as done although another mode would have done
    something."""
    return [
        f"{version.where}: version {version.number} does nothing {_in_mode(mode)}, only in"
        f" {', '.join(version.modes)}; it is recorded as done, for all modes"
        for version in versions
        if not version.noop and not version.steps_for(mode)
    ]


# What only an operator can decide


def _unfinished(migration: Migration, mode: str | None, version_rows: Sequence[VersionRow]) -> Iterable[Refusal]:
    """One for each version that was begun and can't be gone on with."""
    for row in version_rows:
        if row.done:
            continue
        value = number(row.number)
        known = value is not None and migration.version(value) is not None
        since = f" at {row.started}" if row.started else ""
        if not row.run_id:
            decisions = [settle_decision(row.number)]
            if known:
                decisions.insert(0, force_decision(row.number))
            yield Refusal(
                "unfinished",
                f"version {row.number} was begun{since} by marabunta and not finished; how far it came is not known",
                tuple(decisions),
            )
            continue
        if not known:
            names = [version.number.text for version in migration.versions]
            yield Refusal(
                "vanished",
                f"version {row.number} was begun{since} by run {row.run_id} and not finished, and {migration.path} does not"
                f" have it{nearest(row.number, names)}",
                (settle_decision(row.number),),
            )
            continue
        if row.mode != (mode or ""):
            yield Refusal(
                "other_mode",
                f"version {row.number} was begun{since} by run {row.run_id} {_in_mode(row.mode)} and not finished, and now it"
                f" is to be done {_in_mode(mode)}",
                (
                    Decision(f"mode={row.mode or 'none'}", "goes on where it stopped"),
                    force_decision(row.number),
                ),
            )


def _in_mode(mode: str | None) -> str:
    return f"in mode {mode}" if mode else "without a mode"


def _unrecorded(
    pending: Iterable[Version], rows: Mapping[Number, VersionRow], steps_of: Mapping[Number, Sequence[StepRow]]
) -> Refusal | None:
    for version in pending:
        if version.number in rows or version.number not in steps_of:
            continue
        done = [row for row in steps_of[version.number] if row.status == DONE]
        return Refusal(
            "unrecorded",
            f"version {version.number} is not in marabunta_version, but {len(done)} of its steps are recorded as done: its"
            " row was deleted",
            (
                force_decision(version.number.text, "runs it again, from its first step"),
                Decision(_RECORD % _literal(version.number.text), "records it as done, nothing is run"),
            ),
        )
    return None


def _serie(pending: Iterable[Version], allow_serie: bool) -> Refusal | None:
    waiting = [version.number.text for version in pending if not version.noop]
    if len(waiting) < 2 or allow_serie:
        return None
    return Refusal(
        "serie",
        f"{len(waiting)} versions are to be done, and only one may be at a time: {', '.join(waiting)}",
        (Decision("allow_serie=true", "runs them all, one after the other"),),
    )


def _downgrade(pending: Iterable[Version], rows: Mapping[Number, VersionRow], odd: Sequence[str]) -> Refusal | None:
    fresh = [version for version in pending if not version.noop and version.number not in rows]
    if not fresh:
        return None
    if odd:
        return Refusal(
            "foreign_row",
            f"marabunta_version has a row {odd[0]!r}, which is no version: it is not known what is below it",
            (Decision(_REMOVE % _literal(odd[0]), "removes the row"),),
        )
    if not rows:
        return None
    highest, lowest = max(rows), min(version.number for version in fresh)
    if lowest >= highest:
        return None
    return Refusal(
        "downgrade",
        f"version {lowest} is below {rows[highest].number}, the highest that the database had",
        (
            force_decision(lowest.text),
            Decision("a higher number for it in the file", "runs it as the next version"),
        ),
    )


# Matching steps that are done with steps of the file


@dataclass
class _Matched:
    pending: tuple[Step, ...] = ()
    done: tuple[str, ...] = ()
    drift: list[Drift] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _prefix(step_id: str) -> str:
    """An automatic id without the sha; empty for a given id."""
    return step_id.rpartition("/")[0]


def _pair(steps: Sequence[Step], rows: Sequence[StepRow], text: str) -> tuple[dict[str, StepRow], list[Drift]]:
    """Which row belongs to which step (by step id), and how they differ. A row belongs to at most
    one step.

    A given id alone decides. Without one, what the step does (its sha) decides, so that steps may
    be inserted before it. Only then its place counts: a step at the place of a done one, whose
    content is nowhere else, is taken for that one, changed.
    """
    found: dict[str, StepRow] = {}
    drift: list[Drift] = []
    left = list(rows)

    def take(step: Step, row: StepRow) -> None:
        found[step.id] = row
        left.remove(row)

    def waiting() -> list[Step]:
        return [step for step in steps if step.id not in found]

    for step in waiting():
        row = next((row for row in left if row.step_id == step.id), None)
        if row is not None:
            take(step, row)
            if row.sha != step.sha:
                message = (
                    f"step {step.id!r} of version {text} was done as {row.name or row.sha[:8]!r} and is {step.name!r} now;"
                    " it is not run again"
                )
                drift.append(Drift(text, row.step_id, "changed", message, step.where))
    for same_phase in (True, False):
        for step in waiting():
            row = next(
                (
                    row
                    for row in left
                    if row.sha == step.sha
                    and (row.phase == step.phase) is same_phase
                    and not (step.given_id and not _prefix(row.step_id))
                ),
                None,
            )
            if row is not None:
                take(step, row)
                if not same_phase:
                    message = (
                        f"{step.name!r} of version {text} was done in {row.phase!r} and stands in {step.phase!r} now;"
                        " it is not run again (give it an id to have it run)"
                    )
                    drift.append(Drift(text, row.step_id, "moved", message, step.where))
    for step in waiting():
        if step.given_id:
            continue
        row = next((row for row in left if _prefix(row.step_id) and _prefix(row.step_id) == _prefix(step.id)), None)
        if row is not None:
            take(step, row)
            message = (
                f"{step.name!r} of version {text} stands where {row.name or row.sha[:8]!r} was done; it is taken for the same,"
                " changed, and not run (give it an id to have it run)"
            )
            drift.append(Drift(text, row.step_id, "changed", message, step.where))
    for row in left:
        message = f"step {row.step_id!r} ({row.name or row.kind or '?'}) was done and is no longer in the file"
        drift.append(Drift(text, row.step_id, "removed", message))
    return found, drift


def _match(steps: Sequence[Step], rows: Sequence[StepRow], text: str) -> _Matched:
    """What is left of a version that was begun."""
    result = _Matched()
    done = [row for row in rows if row.status == DONE]
    operations = [step for step in steps if step.kind != UPDATE]
    found, result.drift = _pair(operations, [row for row in done if row.step_id != UPDATE], text)
    begun, _ignored = _pair(
        [step for step in operations if step.id not in found],
        [row for row in rows if row.status != DONE and row.step_id != UPDATE],
        text,
    )
    pending: list[Step] = []
    finished: list[str] = []
    for step in steps:
        if step.kind == UPDATE:
            row = next((row for row in rows if row.step_id == UPDATE), None)
            rest, changed = _rest_of_update(step, row, text)
            result.drift += changed
            if rest is None:
                finished.append(step.id)
            else:
                pending.append(rest)
        elif step.id in found:
            finished.append(step.id)
        else:
            pending.append(step)
            row = begun.get(step.id)
            if row is not None and (step.kind == COMMAND and row.status == RUNNING or row.info.get("self_committed")):
                result.notes.append(
                    f"{step.where}: {step.name!r} of version {text} was interrupted and may have done a part; it is run again"
                )
    if not any(step.kind == UPDATE for step in steps) and any(row.step_id == UPDATE for row in done):
        result.drift.append(Drift(text, UPDATE, "removed", "the update was done and is no longer in the file"))
    result.pending, result.done = tuple(pending), tuple(finished)
    return result


def _rest_of_update(step: Step, row: StepRow | None, text: str) -> tuple[Step | None, list[Drift]]:
    """What is left of an update: modules that were added to the list since; those that are done are
    left out."""
    if row is None:
        return step, []
    done = row.status == DONE
    if done and row.sha == step.sha:
        return None, []
    before = row.info.get("modules")
    before = before if isinstance(before, (list, tuple)) else []
    left = [name for name in step.arguments["modules"] if name not in before]
    if left and (before or not done):
        return dataclasses.replace(step, arguments={**step.arguments, "modules": left}), []
    if not done:
        return step, []
    message = f"the modules of version {text} are not those that were updated; they are not updated again"
    return None, [Drift(text, UPDATE, "changed", message, step.where)]


def _drift_of_done(version: Version, mode: str | None, rows: Sequence[StepRow]) -> list[Drift]:
    """How a version that is done differs from what was done."""
    matched = _match(version.steps_for(mode), rows, version.number.text)
    drift = matched.drift
    row = next((row for row in rows if row.step_id == UPDATE and row.status == DONE), None)
    for step in matched.pending:
        if step.kind == UPDATE and row is not None:  # modules were added to a list that is done
            message = f"{step.name} was added to version {version.number}, which is done; it is not run"
            drift.append(Drift(version.number.text, UPDATE, "changed", message, step.where))
    return drift
