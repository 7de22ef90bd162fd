# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Which instances need an installation or an update before their replicas run, and what the end of such a run means: pure."""

from __future__ import annotations

import re
import typing as t

from .._inventory.model import Instance
from .._runtime.common import errors

INSTALL, UPDATE = "InstallOnly", "UpdateOnly"

# What people are told; docs/runtime.md has the same table with more words.
MEANINGS = {
    errors.EXIT_OK: "done",
    errors.EXIT_USAGE: "an argument that the image's runtime does not know; the image may be older than this collection",
    errors.EXIT_REFUSED: "the database is in a state that is not opened without a person",
    errors.EXIT_DATABASE_ERROR: "PostgreSQL refused a statement",
    errors.EXIT_HOOK_FAILED: "a hook failed; the state is Failed",
    errors.EXIT_DATABASE_MISSING: "the database does not exist",
    errors.EXIT_UNREACHABLE: "PostgreSQL does not answer",
    errors.EXIT_INIT_FAILED: "the first installation failed",
    errors.EXIT_LOCK_LOST: "the lock was lost or taken over; running this again finishes the work",
    errors.EXIT_UPDATE_FAILED: "installing or updating modules failed; the state is Failed",
    errors.EXIT_FILES: "a folder cannot be written",
    errors.EXIT_HELD: "another run works on the database",
    errors.EXIT_WAIT_TIMEOUT: "the database did not become ready in time",
    errors.EXIT_POOLER: "a transaction pooler is in between; give PostgreSQL's own address",
    errors.EXIT_AUTH: "PostgreSQL refuses the role or its password",
    errors.EXIT_CONFIG: "a setting or a module's manifest is wrong",
    errors.EXIT_RESET: "the state of another tool was reset; running this again goes on",
    errors.EXIT_MIGRATION: "the migration file or the steps are wrong; nothing was changed",
    errors.EXIT_STEP_FAILED: "a step of the migration failed; the state is Failed",
    errors.EXIT_NOT_VERIFIED: "the modules are not as they have to be after the update; the state is Failed",
    errors.EXIT_ROLLED_BACK: "the update failed, and the database is the one of before again",
    errors.EXIT_DECISION: "somebody has to decide what becomes of a failed update",
    errors.EXIT_NO_GO_AHEAD: "nobody said that the replicas are stopped; nothing was changed",
    errors.EXIT_PLATFORM: "the rules of the environment are broken",
    errors.EXIT_ATTACHMENTS: "attachments are missing, corrupt or could not be moved",
    errors.EXIT_STORE: "the object store does not do what it is asked for",
    errors.EXIT_NOT_EXECUTABLE: "a program cannot be run",
    errors.EXIT_NOT_FOUND: "a program is not there",
    137: "it was killed, perhaps because the memory was used up",
    143: "it was stopped",
}

_ERROR_LINE = re.compile(r"^\S+ \S+ \d+ ERROR odoo-cloud: (.*)$")


def runs(
    instances: t.Sequence[Instance],
    databases: t.Mapping[str, t.Mapping[str, t.Any]],
    images: t.Mapping[str, str],
    machine: str | None = None,
    always: bool = False,
    code: t.Mapping[str, t.Mapping[str, str]] | None = None,
) -> list[dict[str, t.Any]]:
    """The runs that are needed, in the order of the instances. An instance whose replicas install or update by themselves needs none."""
    found = []
    for instance in instances:
        if instance.mode != "RunOnly" or (machine is not None and instance.machine != machine):
            continue
        database = databases[instance.database.name]
        release = str((code or {}).get(instance.name, {}).get("release") or images[instance.image.name])
        reasons = _reasons(instance, database, release)
        # What lies on the machine can't be told from the database: the runtime's plan says whether it changes anything.
        ask = not reasons
        if ask:
            reasons = ["odoo_run_always is set"] if always else _questions(instance)
        if not reasons:
            continue
        # While somebody works on it, the history has to tell; a database that was ever open is not installed anew. A first
        # installation is finished as such, whatever is installed by now: only that sets the administrator's password.
        initialised = database["ever_open"] if database["initialised"] is None else database["initialised"]
        initialised = initialised and not database["first_installation"]
        mode = UPDATE if initialised else INSTALL
        found.append(
            {
                "instance": instance.name,
                "mode": mode,
                # A new database is installed first, then the migration's setup finds it as marabunta does.
                "modes": [mode, UPDATE] if mode == INSTALL and instance.migration.file else [mode],
                "ask": ask,
                "reason": "; ".join(reasons),
                "live": instance.update_live,
                "replicas": [replica.name for replica in instance.replicas],
            }
        )
    return found


def unreadable(
    instances: t.Sequence[Instance],
    databases: t.Mapping[str, t.Mapping[str, t.Any]],
    machine: str | None = None,
) -> list[dict[str, t.Any]]:
    """The instances whose database can't be read, with the reason. What runs of them stays as it is, and the others go on."""
    found = []
    for instance in instances:
        name = instance.database.name
        trouble = databases.get(name, {}).get("error")
        if trouble:
            found.append(
                {
                    "instance": instance.name,
                    "replicas": [one.name for one in instance.replicas if machine in (None, one.machine)],
                    "message": f"instance {instance.name}: database {name!r} can't be read: {trouble}",
                }
            )
    return found


def _questions(instance: Instance) -> list[str]:
    """What might ask for a run although nothing in the database tells."""
    found = []
    if instance.migration.file:
        found.append("its migration file may have a pending version")
    if instance.addons_dirs:
        found.append("its addon folders on the machine may have changed")
    return found


def _reasons(instance: Instance, database: t.Mapping[str, t.Any], release: str) -> list[str]:
    holder = database["holder"]
    if holder is not None:
        who = holder["mode"] or holder["application_name"] or "somebody"
        where = f" on {holder['host']}" if holder["host"] else ""
        return [f"{who}{where} is at work on its database"]
    if not database["exists"]:
        return ["its database has to be made first"]
    if not database["initialised"] and database["initialised"] is not None:
        state = f" (state {database['state']})" if database["state"] else ""
        return [f"its database is not initialised{state}"]
    if database["initialised"] is None:
        return ["its database is being altered by somebody"]
    if database["first_installation"]:
        return [f"its first installation has not ended (state {database['state']} since {database['since']})"]
    reasons = []
    if database["state"] is None:
        reasons.append("its database has no history")
    elif database["interrupted"]:
        reasons.append(f"a run was interrupted (state {database['state']} since {database['since']})")
    elif not database["open"]:
        reasons.append(f"its state is {database['state']} since {database['since']}")
    wanted = dict.fromkeys(["base", *instance.modules, *instance.server_wide_modules])
    missing = [name for name in wanted if name not in database["installed"]]
    if missing:
        reasons.append(f"not installed: {', '.join(missing)}")
    if database["release"] != release and instance.update_modules != "none":
        if database["release"]:
            reasons.append(f"its last run was of release {short(database['release'])}, this is {short(release)}")
        elif database["open"]:
            reasons.append("no run of a release is recorded")
    return reasons


def short(release: str) -> str:
    """An image's ID as docker shows it, and after it the release of own code."""
    image, plus, code = release.partition("+")
    return (image[7:19] if re.fullmatch(r"sha256:[0-9a-f]{64}", image) else image) + plus + code


def failure(result: t.Mapping[str, t.Any], what: str, reason: str = "", lines: int = 12) -> str:
    """Why a one-off container did not do its work, in one line and its last lines; empty when it did. C(reason): what is known already."""
    name = result["name"]
    if not result["exists"]:
        return f"{what}: the container {name} is gone; somebody removed it"
    if result["running"]:
        last = (result["output"].strip() or "(none)").splitlines()[-1]
        return (
            f"{what}: the container {name} is still at work after {result['waited']:.0f} s ({result.get('limit', 'odoo_run_timeout')})."
            f" It goes on; running this again waits for it. Its last line: {last}"
        )
    code = result["exit_code"]
    if code == 0:
        return ""
    texts = [line for line in result["output"].splitlines() if line.strip()]
    errors_said = [match[1] for match in map(_ERROR_LINE.match, texts) if match]
    meaning = MEANINGS.get(code) or (f"signal {code - 128}" if code > 128 else "unknown")
    if result.get("oom_killed"):
        meaning = "the memory was used up"
    reason = reason or (errors_said[-1] if errors_said else "it gave no reason")
    shown = "\n".join(texts[-lines:]) or "(none)"
    return (
        f"{what} ended with exit code {code} ({meaning}): {reason}\nIts last lines (all: docker logs {name}):\n{shown}"
    )
