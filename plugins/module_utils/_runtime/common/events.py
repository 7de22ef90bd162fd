# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What a run reports to its caller while it works: one JSON object per line in `EVENTS_FILE`, each
written immediately. Never on stdout or stderr, which belong to Odoo, hooks and songs.

docs/runtime.md lists the events. The last is `run_ended`, whatever the outcome, unless the run was
killed.
"""

from __future__ import annotations

import datetime
import json
import os
import threading
from typing import Any

from . import log
from .errors import FilesError


class EventFile:
    """Appends events to the file `path`; without a path they are only kept in memory. Thread-safe.

    Raises `FilesError` if the file can't be opened for writing.
    """

    def __init__(self, path: str = "", run_id: str = "") -> None:
        self.path, self.run_id = path, run_id
        self.descriptor = -1
        self.lock = threading.Lock()
        self.complained = False
        self.kept: list[dict[str, Any]] = []  # the input of `result()`
        if path:
            try:
                self.descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            except OSError as exc:
                raise FilesError(
                    f"EVENTS_FILE is {path!r}: cannot be written ({exc.strerror}); give a file in a folder that uid"
                    f" {os.getuid()} can write"
                ) from exc

    def emit(self, event: str, **values: Any) -> None:
        """Record an event with its time and `values`. A file that can't be written any more is only
        logged, once."""
        now = datetime.datetime.now(datetime.timezone.utc)
        content = {
            "event": event,
            "at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "run_id": self.run_id,
            **values,
        }
        with self.lock:
            self.kept.append(content)
            if self.descriptor < 0:
                return
            line = (json.dumps(content, default=str) + "\n").encode("utf-8")
            try:
                while line:
                    line = line[os.write(self.descriptor, line) :]
            except OSError as exc:  # the work on the database matters more than its record
                if not self.complained:
                    log.warning(f"EVENTS_FILE is {self.path!r}: cannot be written any more: {exc.strerror}")
                self.complained = True

    def close(self) -> None:
        """Close the file; later events are only kept in memory."""
        with self.lock:
            if self.descriptor >= 0:
                os.close(self.descriptor)
            self.descriptor = -1


def result(kept: list[dict[str, Any]], series: int = 0, failed: bool = False) -> dict[str, Any]:
    """Summarise a run as one structure, built from its events.

    `kept`: the events in order. `series`: Odoo's major version, 0 if unknown. `failed`: whether the
    run failed.
    """
    plan: dict[str, Any] = next((item["plan"] for item in reversed(kept) if item["event"] == "plan"), {})
    versions: dict[str, dict[str, Any]] = {}
    for item in (plan.get("migration") or {}).get("versions", []):
        steps = {step["id"]: {**_head(step), "status": "pending"} for step in item["steps"]}
        versions[item["version"]] = {"status": "pending", "resumed": item["resumed"], "steps": steps}
    modules: dict[str, dict[str, Any]] = {}
    for item in kept:
        kind = item["event"]
        if kind == "module":
            known = modules.setdefault(item["name"], {"from": item["before"], "to": item["version"]})
            known["to"] = item["version"]
        if kind in ("version_done", "version_started"):
            known = versions.setdefault(item["version"], {"status": "", "resumed": "", "steps": {}})
            known["status"] = "done" if kind == "version_done" else "running"
        if kind in ("step_done", "step_failed", "step_started"):
            known = versions.setdefault(item["version"], {"status": "running", "resumed": "", "steps": {}})
            step = known["steps"].setdefault(item["step_id"], {})
            step.update({"id": item["step_id"], "kind": item["kind"], "name": item["name"]})
            step["status"] = {"step_started": "running", "step_done": "done", "step_failed": "failed"}[kind]
            for name in ("seconds", "changed", "self_committed", "log_tail", "error"):
                if name in item:
                    step[name] = item[name]
            if kind == "step_failed":
                known["status"] = "failed"
    events = {item["event"] for item in kept}
    changed = bool(modules) or any(
        step.get("changed") for item in versions.values() for step in item["steps"].values()
    ) or "version_done" in events  # fmt: skip
    for name, item in versions.items():
        if name in ("", "adhoc") and item["status"] in ("pending", "running") and not failed:
            item["status"] = "done"
    return {
        "changed": changed,
        "failed": failed,
        "series": f"{series}.0" if series else "",
        "versions": [
            {"version": name, **item, "steps": list(item["steps"].values())} for name, item in versions.items()
        ],
        "modules": modules,
        "resumed_from": (plan.get("migration") or {}).get("resumed", ""),
        "signalled": "signalled" in events,
        "verified": "verified" in events,
        "restart_required": bool(modules),
    }


def _head(step: dict[str, Any]) -> dict[str, Any]:
    return {name: step[name] for name in ("id", "kind", "name")}
