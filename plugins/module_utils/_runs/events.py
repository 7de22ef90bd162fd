# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The events of a run (one JSON object per line) as lines for operators and as a result for
playbooks.

No I/O but reading events.
"""

from __future__ import annotations

import datetime
import typing as t

from .._engine import untrusted_text
from .._machine import untrusted
from .._runtime.common import times
from .._services.odoo_one_off import OneOffError

Event = dict[str, t.Any]

LONGEST_LINE = 1024 * 1024  # bytes; the plan of an update of all modules has a tenth of it
MOST_EVENTS = 100_000
# Values of events by their type; one of another type is left out.
_OBJECTS = ("result", "plan")
_NUMBERS = ("seconds", "step", "of", "code")
_SIMPLE = (
    "at", "before", "changed", "database", "detail", "holder", "id", "kind", "message", "mode", "name", "reason", "release",
    "resumed", "run_id", "self_committed", "state", "status", "step_id", "version",
)  # fmt: skip
# What a run reports about itself, see `events.result` of the runtime. Nothing else of it becomes a return value
# of a module, because Ansible acts on some of those (ansible_facts, add_host, exception).
_RESULT = {
    "changed": bool,
    "failed": bool,
    "series": str,
    "versions": list,
    "modules": dict,
    "resumed_from": str,
    "signalled": bool,
    "verified": bool,
    "restart_required": bool,
    "run_id": str,
    "database": str,
    "restore_point": dict,
    "rolled_back": dict,
    "held": dict,
    "status": str,
}


def read(path: str, offset: int = 0) -> tuple[list[Event], int]:
    """The events after a byte offset, and the offset after the last complete line.

    A line that is still being written is left for the next call. Containers write this file, so
    whatever is no event of a run is left out. Raises `OneOffError` when it is no file, or too large.
    """
    try:
        data = untrusted.read(path, offset)
    except FileNotFoundError:
        return [], offset
    except OSError as error:
        raise OneOffError(f"events of the run in {path}: {error.strerror}") from error
    whole = data[: data.rfind(b"\n") + 1]
    found = []
    for line in whole.splitlines():
        event = _event(line)
        if event is not None:
            found.append(event)
            if len(found) == MOST_EVENTS:
                break
    return found, offset + len(whole)


def _event(line: bytes) -> Event | None:
    """The event in a line; None when there is none."""
    if len(line) > LONGEST_LINE:
        return None
    try:
        event = untrusted_text.parse(line)
    except ValueError:
        return None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return None
    return {key: value for key, value in event.items() if _fits(key, value)}


def _fits(key: str, value: t.Any) -> bool:
    if key in _OBJECTS:
        return isinstance(value, dict)
    if key in _NUMBERS:
        return value is None or isinstance(value, (int, float))
    return key not in _SIMPLE or not isinstance(value, (dict, list))


def _sane_versions(versions: list[t.Any]) -> list[dict[str, t.Any]]:
    """Versions of a migration with their steps, without what is none."""
    found = []
    for version in versions:
        steps = version.get("steps") if isinstance(version, dict) else None
        if isinstance(steps, list):
            found.append(
                {
                    **_simple(version),
                    "steps": [
                        {**_simple(step), **{key: step[key] for key in ("error", "log_tail") if key in step}}
                        for step in steps
                        if isinstance(step, dict)
                    ],
                }
            )
    return found


def _sane_modules(modules: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    """Modules with the version before and after, without what is none."""
    return {name: _simple(one) for name, one in modules.items() if isinstance(one, dict)}


def _simple(values: dict[str, t.Any]) -> dict[str, t.Any]:
    return {key: value for key, value in values.items() if not isinstance(value, (dict, list))}


def _count(event: Event) -> str:
    return f"step {event['step']} of {event['of']}" if event.get("step") and event.get("of") else "step"


def _seconds(event: t.Mapping[str, t.Any]) -> str:
    value = event.get("seconds")
    return f" ({times.short(float(value))})" if isinstance(value, (int, float)) else ""


def error_line(event: t.Mapping[str, t.Any]) -> str:
    """The error of a step in one line."""
    error = event.get("error")
    if not isinstance(error, dict):
        return " ".join(str(error or event.get("message") or "").split())
    text = " ".join(str(error.get("message") or "").split())
    code = f" [{error['pgcode']}]" if error.get("pgcode") else ""
    where = f" ({error['where']})" if error.get("where") else ""
    kind = str(error.get("type") or "")
    return (f"{kind}: {text}" if kind and text else kind or text) + code + where


def what(event: t.Mapping[str, t.Any]) -> str:
    """The step of an event, in words."""
    kind, name = str(event.get("kind") or ""), str(event.get("name") or event.get("step_id") or event.get("id") or "")
    if name.startswith(f"{kind} ") or (kind == "update" and name.startswith("install ")):
        return name  # the name includes the kind
    return f"{kind} {name}".strip()


def line(event: Event) -> str:
    """An event in the output of a playbook; empty for one that is not shown."""
    kind = event.get("event")
    version = f" of {event['version']}" if event.get("version") else ""
    if kind == "run_started":
        return f"run {event.get('run_id', '?')} begins on database {event.get('database', '?')}: {event.get('mode', '')}".rstrip(
            ": "
        )
    if kind == "state":
        detail = f": {event['detail']}" if event.get("detail") else ""
        return f"state {event.get('state')}{detail}"
    if kind == "restore_point":
        return f"restore point {event.get('kind', '')} {event.get('name', '')}".rstrip() + _seconds(event)
    if kind == "booted":
        return f"Odoo is loaded{_seconds(event)}"
    if kind == "step_started":
        return f"{_count(event)}{version}: {what(event)} ..."
    if kind == "step_done":
        unchanged = ", nothing to change" if event.get("changed") is False else ""
        own = ", committed by itself" if event.get("self_committed") else ""
        return f"{_count(event)}{version}: {what(event)} done{_seconds(event)}{unchanged}{own}"
    if kind == "step_failed":
        return f"{_count(event)}{version}: {what(event)} FAILED{_seconds(event)}: {error_line(event)}"
    if kind == "module":
        before, after = event.get("before"), event.get("version")
        return f"module {event.get('name')}: {f'{before} -> ' if before else ''}{after or 'gone'}{_seconds(event)}"
    if kind == "version_started":
        return f"version {event.get('version')}" + (" goes on" if event.get("resumed") else " begins")
    if kind == "version_done":
        return f"version {event.get('version')} is done"
    if kind == "verified":
        return "verified" + _seconds(event)
    if kind == "rolled_back":
        return (
            "ROLLED BACK: " + str(event.get("detail") or event.get("reason") or "the database is as it was before")
        ).rstrip(": ")
    if kind == "lock_awaited":
        return f"waiting for {event.get('holder')}"
    if kind == "lock_taken":
        return "the lock is taken; the replicas are stopped before anything is changed"
    if kind == "go_ahead":
        return "the replicas are stopped"
    if kind == "held":
        return ("HELD: " + str(event.get("detail") or event.get("reason") or "a person has to decide")).rstrip(": ")
    if kind == "run_ended":
        return f"ended: {event.get('status', '?')}" + (f" (exit code {event['code']})" if event.get("code") else "")
    return ""


def lines(events: t.Iterable[Event], started: bool = False) -> list[str]:
    """The events as lines. Steps are shown when they end; with `started` also when they begin."""
    return [
        text for event in events if started or event.get("event") != "step_started" for text in [line(event)] if text
    ]


def doing(events: t.Sequence[Event]) -> str:
    """What is going on after these events: the current step and the last thing that happened.

    Empty when it isn't known.
    """
    last = ""
    for event in reversed(events):
        kind = event.get("event")
        if kind == "step_started":
            step = line(event).removesuffix(" ...")
            return f"{step}; {last}" if last else step
        if not last:
            last = line(event)
        if kind in ("step_done", "step_failed", "run_started", "state"):
            break
    return last


def result(events: t.Sequence[Event]) -> dict[str, t.Any]:
    """The result of a run from all of its events, even if it was killed before it wrote a result
    itself.
    """
    ended = next((event for event in reversed(events) if event.get("event") == "run_ended"), None)
    reported = (ended or {}).get("result") or {}
    found: dict[str, t.Any] = {
        key: reported[key] for key, kind in _RESULT.items() if isinstance(reported.get(key), kind)
    }
    if "versions" in found:
        found["versions"] = _sane_versions(found["versions"])
    if "modules" in found:
        found["modules"] = _sane_modules(found["modules"])
    first = next((event for event in events if event.get("event") == "run_started"), {})
    found.setdefault("run_id", (ended or first).get("run_id"))
    found.setdefault("database", first.get("database"))
    found.setdefault("versions", _versions(events))
    found.setdefault("modules", _modules(events))
    found["status"] = (ended or {}).get("status") or found.get("status") or ("killed" if events else None)
    if found["status"] == "rolled_back":
        found["modules"] = {}  # `versions` has the outcome; these modules are those before the run
    for kind in ("restore_point", "rolled_back", "held"):
        event = next((one for one in reversed(events) if one.get("event") == kind), None)
        if event is not None and kind not in found:
            found[kind] = {key: value for key, value in event.items() if key not in ("event", "run_id")}
    if "changed" not in found:
        done = any(one.get("event") == "step_done" and one.get("changed") is not False for one in events)
        found["changed"] = done or bool(found["modules"])
    return found


def _versions(events: t.Sequence[Event]) -> list[dict[str, t.Any]]:
    versions: dict[str, dict[str, t.Any]] = {}
    for event in events:
        kind = event.get("event")
        if kind not in ("step_started", "step_done", "step_failed"):
            continue
        number = str(event.get("version") or "adhoc")
        version = versions.setdefault(number, {"version": number, "status": "done", "steps": {}})
        step = version["steps"].setdefault(event.get("step_id"), {"id": event.get("step_id"), "status": "running"})
        for key in ("kind", "name", "seconds", "changed", "self_committed", "log_tail", "error"):
            if event.get(key) is not None:
                step[key] = event[key]
        step["status"] = {"step_started": "running", "step_done": "done", "step_failed": "failed"}[str(kind)]
    for version in versions.values():
        version["steps"] = list(version["steps"].values())
        states = {step["status"] for step in version["steps"]}
        version["status"] = "failed" if "failed" in states else "running" if "running" in states else "done"
    return list(versions.values())


def _modules(events: t.Sequence[Event]) -> dict[str, dict[str, t.Any]]:
    found: dict[str, dict[str, t.Any]] = {}
    for event in events:
        if event.get("event") == "module" and event.get("name"):
            before = found.get(event["name"], {}).get("from", event.get("before"))
            found[event["name"]] = {"from": before, "to": event.get("version")}
    return {name: one for name, one in found.items() if one["from"] != one["to"]}


# Events that a run writes before it changes anything
_BEFORE = ("run_started", "lock_awaited", "lock_taken", "run_ended")


def begun(events: t.Sequence[Event]) -> bool:
    """Whether the run has begun to change something, or may at any moment."""
    return any(event.get("event") not in _BEFORE for event in events)


def changed(events: t.Sequence[Event]) -> bool:
    """Whether the run has changed the database, so that it may not be open any more.

    A run reports changes before it makes them.
    """
    return any(event.get("event") not in (*_BEFORE, "go_ahead", "plan") for event in events)


def holds(events: t.Sequence[Event]) -> bool:
    """Whether the run has the lock and is waiting for the go-ahead now."""
    kinds = [event.get("event") for event in events]
    return "lock_taken" in kinds and "go_ahead" not in kinds and "run_ended" not in kinds


def took_lock(events: t.Sequence[Event]) -> bool:
    """Whether the run reported that it has the lock and waits for the go-ahead."""
    return any(event.get("event") == "lock_taken" for event in events)


def seconds_since(event: Event) -> float:
    """The age of an event in seconds; 0 when it has no time."""
    try:
        at = datetime.datetime.fromisoformat(str(event.get("at")).replace("Z", "+00:00"))
    except ValueError:
        return 0.0
    return max((datetime.datetime.now(datetime.timezone.utc) - at).total_seconds(), 0.0)


def awaited(events: t.Sequence[Event]) -> str:
    """Whom the run last waited for, in words; empty for nobody."""
    return next((str(one.get("holder")) for one in reversed(events) if one.get("event") == "lock_awaited"), "")


def failure(events: t.Sequence[Event]) -> str:
    """Why the run failed, in one line, as far as its events show."""
    ended = next((one for one in reversed(events) if one.get("event") == "run_ended"), {})
    if ended.get("error"):
        return error_line(ended)
    for event in reversed(events):
        if event.get("event") == "step_failed":
            version = f" of version {event['version']}" if event.get("version") else ""
            return f"step {what(event)}{version}: {error_line(event)}"
    return ""
