# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The module `odoo_attachments`: its options become a command line of the runtime, whose JSON
output becomes the module's result.
"""

from __future__ import annotations

import json
import time
import typing as t

from .._engine import untrusted_text
from .._engine.api import Engine
from .._runtime.common.errors import EXIT_ATTACHMENTS
from .._services import odoo_one_off
from . import failure, one_off
from . import module as run_module

SUFFIX = "attachments"
SHOWN = ("plan", "moved", "places", "counts", "missing", "corrupt", "orphans")


class Failed(Exception):
    """The work failed: the message is one line for operators, `found` further return values."""

    def __init__(self, message: str, **found: t.Any) -> None:
        super().__init__(message)
        self.found = found


def command(params: t.Mapping[str, t.Any], check_mode: bool) -> list[str]:
    """The arguments of the runtime for the module's options."""
    words = ["attachments", params["action"], f"--workers={params['workers']}"]
    if params["action"] == "move":
        words += [f"--to={params['to']}"] if params["to"] else []
        words += [f"--from={','.join(params['sources'])}"] if params["sources"] else []
        words += [f"--verify={params['verify']}", f"--batch={params['batch']}", f"--drain={params['drain']}"]
        switches = {"set_location": "--set-location", "keep_sources": "--keep", "include_foreign": "--foreign"}
    else:
        words += [f"--grace={params['grace']}", f"--orphan-limit={params['orphan_limit']}"]
        switches = {"deep": "--deep", "repair": "--repair"}
    words += [word for name, word in switches.items() if params[name]]
    return words + (["--dry-run"] if check_mode else [])


def work(params: t.Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Starts the container, or finds one that does the same, and waits for its end. Returns the
    result.

    `params`: the module's. Raises `Failed` when the container runs longer than `timeout` seconds or
    did not do its work.
    """
    engine, platform = Engine(params["docker_host"]), params["platform"]
    kept = params["definition"] or one_off.definition_of(engine, platform, params["instance"])
    # The container changes no modules, so it needs no settings of runs.
    env = {"MODE": "RunOnly", "MIGRATION_FILE": None, "STEPS": None, "RESTORE_POINT": None, "ON_FAILURE": None}
    definition = odoo_one_off.derive(kept, platform, params["instance"], SUFFIX, env, command(params, check_mode))
    begin = time.monotonic()
    while True:
        found, ours = one_off.begin(engine, definition, platform, SUFFIX)
        left = params["timeout"] - (time.monotonic() - begin)
        found = one_off.follow(engine, found.container, left, platform=platform)
        if found.running:
            raise Failed(
                f"{found.name}: still at work after {params['timeout']} s (timeout); it goes on, use the module again to wait",
                container=found.name,
            )
        if ours:
            break
    stdout, output = engine.output(found.container, 0)
    result = finished(params, found, stdout, output)
    engine.remove(found.container)
    return result


def finished(params: t.Mapping[str, t.Any], found: one_off.Progress, stdout: str, output: str) -> dict[str, t.Any]:
    """The result of a container that has ended.

    `stdout`: its standard output. `output`: both of its streams. Raises `Failed`.
    """
    lines = run_module.tail(output)
    try:
        answer = untrusted_text.parse(stdout)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or found.exit_code not in (0, EXIT_ATTACHMENTS):
        ended = {
            "name": found.name,
            "exists": True,
            "running": False,
            "exit_code": found.exit_code,
            "oom_killed": found.oom_killed,
            "output": output,
        }
        what = f"The attachments of {params['instance']}"
        message = failure.describe(ended, what) or f"{what}: no result, exit code {found.exit_code}"
        raise Failed(message.partition("\n")[0], exit_code=found.exit_code, log=lines)
    log = [line for line in lines if " odoo-cloud: " in line]
    return {
        "changed": bool(answer.get("changed")),
        "good": bool(answer.get("good", found.exit_code == 0)),
        "result": answer,
        "log": log,
        "warnings": [line.partition(" odoo-cloud: ")[2] for line in log if " WARNING odoo-cloud: " in line],
        "diff": diff(answer),
        **{key: answer[key] for key in SHOWN if key in answer},
    }


def diff(answer: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Numbers of attachments by place, before and after; for an audit what a repair would change."""
    if answer.get("action") != "move":
        repair = answer.get("repair") or {}
        return {
            "before": "",
            "after": "".join(f"{key}: {json.dumps(value)}\n" for key, value in sorted(repair.items())),
        }
    ways = answer.get("moved", {way: entry["attachments"] for way, entry in (answer.get("plan") or {}).items()})
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    for way, number in ways.items():
        source, dummy, target = way.partition(" -> ")
        before[source] = before.get(source, 0) + number
        after[target] = after.get(target, 0) + number
    return {
        side: "".join(f"{place}: {number} attachments\n" for place, number in sorted(numbers.items()))
        for side, numbers in (("before", before), ("after", after))
    }
