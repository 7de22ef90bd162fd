# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Plans and results of migrations and updates, as lines for operators. No I/O."""

from __future__ import annotations

import re
import typing as t

from .._runtime.common import times
from .._runtime.common.lists import some
from . import events as _events
from .table import table

SHOWN = 20  # so many reasons are in the line


class PlanError(ValueError):
    """The value is no plan or no result."""


def _mapping(value: t.Any, what: str) -> dict[str, t.Any]:
    if not isinstance(value, dict):
        raise PlanError(f"give {what}, not {type(value).__name__}")
    return value


_VARIABLES = re.compile(r"\bMIGRATION_(ALLOW_SERIE|FORCE_VERSION|MODE|NEXT)=")


def refusal(plan: t.Mapping[str, t.Any]) -> str:
    """Everything because of which a plan would change nothing, with the commands that decide, in one
    line; empty when there is nothing. Of a long list only the beginning.

    Variables of the container are named as in playbooks (`odoo_migration_...`).
    """
    migration = plan.get("migration")
    migration = migration if isinstance(migration, dict) else {}
    found = [str(one) for one in plan.get("refusals") or []]
    found += [_problem(one) for one in migration.get("problems") or []]
    refusals = migration.get("refusals") or [migration.get("refusal")]
    found += [_refusal(one) for one in refusals if one]
    return some(found, SHOWN, "; ")


def _refusal(found: t.Any) -> str:
    """One reason for which an operator has to decide, with the commands that do it."""
    if not isinstance(found, dict):
        return str(found)
    decisions = found.get("decisions") or []
    words = [f"{one.get('command')} ({one.get('effect')})" if isinstance(one, dict) else str(one) for one in decisions]
    text = str(found.get("reason") or found.get("message") or "refused") + "".join(
        f"; {'or' if index else 'decide'}: {word}" for index, word in enumerate(words)
    )
    return as_variables(text)


def as_variables(text: str) -> str:
    """A text with the names that playbooks use for variables of decisions."""
    return _VARIABLES.sub(lambda match: f"odoo_migration_{match[1].lower()}=", text)


def _problem(one: t.Any) -> str:
    if not isinstance(one, dict):
        return str(one)
    line = f":{one['line']}" if one.get("line") else ""
    where = f"{one['file']}{line}: " if one.get("file") else ""
    return f"{where}{one.get('message') or one}"


def planned_modules(plan: t.Mapping[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    """The version now and afterwards of each module, as far as the plan has them."""
    modules = plan.get("modules") or {}
    items = modules.items() if isinstance(modules, dict) else ((one.get("name"), one) for one in modules)
    found = {}
    for name, one in items:
        if one.get("dependant") or not name:
            continue
        found[str(name)] = {"from": one.get("from"), "to": one.get("to")}
    for name in plan.get("install") or []:
        found.setdefault(str(name), {"from": None, "to": "installed"})
    return {name: found[name] for name in sorted(found)}


def steps(plan: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """The steps of a plan in order, each with `version`, `id`, `kind`, `name` and `done`."""
    migration = plan.get("migration")
    found: list[dict[str, t.Any]] = []
    for version in (migration or {}).get("versions") or []:
        number = str(version.get("version") or version.get("number") or "")
        for step in version.get("steps") or []:
            entry = dict(step) if isinstance(step, dict) else {"id": str(step)}
            entry.setdefault("id", entry.get("step_id"))
            found.append({**entry, "version": number, "done": bool(entry.get("done"))})
    return found


def plan_lines(plan: t.Any) -> list[str]:
    """A plan as lines: steps, modules, notes, and what stands in the way. Raises `PlanError`."""
    plan = _mapping(plan, "a plan, as the modules return it in check mode")
    migration = plan.get("migration") or {}
    lines = [f"database {plan['database']}: {plan.get('state') or 'no state'}"] if plan.get("database") else []
    if refusal(plan):
        lines.append(f"REFUSED: {refusal(plan)}")
    elif not plan.get("changed"):
        lines.append("nothing to do")
    elif plan.get("reason"):
        lines.append(str(plan["reason"]))
    rows = [
        [str(number), step["version"], str(step.get("phase") or ""), _events.what(step), "done" if step["done"] else ""]
        for number, step in enumerate(steps(plan), 1)
    ]
    lines += table(["Step", "Version", "Phase", "What", "Done"], rows)
    lines += table(
        ["Module", "Version now", "Version then"],
        [[name, str(one["from"] or ""), str(one["to"] or "")] for name, one in planned_modules(plan).items()],
    )
    others = [name for name in plan.get("update") or [] if name not in planned_modules(plan)]
    if others:
        lines.append(f"loaded again, as they depend on these: {some(map(str, others))}")
    rehearsal = plan.get("rehearsal")
    if isinstance(rehearsal, dict):
        lines.append(
            f"rehearsed at {rehearsal.get('at')}: {rehearsal_lines({**rehearsal, 'changes': rehearsal.get('breaking')})[0]}"
        )
        lines += rehearsal_lines({"changes": rehearsal.get("breaking"), "error": rehearsal.get("error")})[1:]
    lines += [f"drift: {one}" for one in _texts(migration.get("drift"))]
    lines += [f"note: {one}" for one in _texts(migration.get("notes"))]
    lines += [f"warning: {one}" for one in [*(plan.get("warnings") or []), *_texts(migration.get("warnings"))]]
    lines += [f"not checked: {one}" for one in _texts(migration.get("unchecked"))]
    missing = plan.get("missing") or []
    lines += [f"left alone, as Odoo can't load them: {some(map(str, missing))}"] if missing else []
    return lines


def rehearsal_lines(found: t.Mapping[str, t.Any]) -> list[str]:
    """A rehearsal as lines: its class and times, what it changes, what it locks."""
    seconds, estimate = found.get("seconds"), found.get("estimate_seconds")
    head = str(found.get("class") or "not classified")
    if isinstance(seconds, (int, float)):
        head += f", {times.short(float(seconds))} on the copy"
    if isinstance(estimate, (int, float)):
        head += f", about {times.short(float(estimate))} for the real run"
    lines = [head] + ([f"FAILED: {found['error']}"] if found.get("error") else [])
    for change in found.get("changes") or []:
        breaking = "BREAKING: " if change.get("breaking") else ""
        lines.append(f"{breaking}{change.get('what')} {change.get('where')}: {change.get('detail') or ''}".rstrip(": "))
    locks = [f"{one.get('table')} ({times.short(float(one.get('seconds') or 0))})" for one in found.get("locks") or []]
    if locks:
        lines.append(f"locked against everybody: {', '.join(locks[:10])}")
    if found.get("rewritten"):
        lines.append(f"all rows rewritten: {', '.join(found['rewritten'])}")
    return lines


def _texts(values: t.Any) -> list[str]:
    return [_problem(one) for one in values or []]


def report(result: t.Any) -> list[str]:
    """The result of a run as a table of its steps and one of its modules. Raises `PlanError`."""
    result = _mapping(result, "the result of a run, as the modules return it")
    rows = []
    for version in result.get("versions") or []:
        for step in version.get("steps") or []:
            seconds = step.get("seconds", step.get("duration"))
            rows.append(
                [
                    str(version.get("version") or ""),
                    _events.what(step),
                    str(step.get("status") or ""),
                    times.short(float(seconds)) if isinstance(seconds, (int, float)) else "",
                    {True: "yes", False: "no"}.get(t.cast("bool", step.get("changed")), ""),
                    _events.error_line(step) if step.get("error") else "",
                ]
            )
    lines = table(["Version", "Step", "Status", "Time", "Changed", "Error"], rows)
    modules = result.get("modules") or {}
    lines += table(
        ["Module", "Before", "After"],
        [[name, str(one.get("from") or ""), str(one.get("to") or "")] for name, one in sorted(modules.items())],
    )
    return lines


def progress(events: t.Any) -> list[str]:
    """Events as lines, the way playbooks show them. Raises `PlanError`."""
    if not isinstance(events, (list, tuple)) or not all(isinstance(one, dict) for one in events):
        raise PlanError("give a list of events, as the module odoo_run_info returns them")
    return _events.lines(events)
