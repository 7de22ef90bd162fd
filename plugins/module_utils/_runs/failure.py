# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Why a one-off container did not do its work, in words. No I/O."""

from __future__ import annotations

import re
import typing as t

from .._runtime.common import errors

# The meaning of exit codes for operators; docs/runtime.md has the same table with more details.
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
    errors.EXIT_DECISION: "an operator has to decide what happens after a failed update",
    errors.EXIT_NO_GO_AHEAD: "the signal that the replicas are stopped did not come; nothing was changed",
    errors.EXIT_PLATFORM: "the rules of the environment are broken",
    errors.EXIT_ATTACHMENTS: "attachments are missing, corrupt or could not be moved",
    errors.EXIT_STORE: "the object store does not do what it is asked for",
    errors.EXIT_NOT_EXECUTABLE: "a program cannot be run",
    errors.EXIT_NOT_FOUND: "a program is not there",
    137: "it was killed, perhaps because the memory was used up",
    143: "it was stopped",
}

_ERROR_LINE = re.compile(r"^\S+ \S+ \d+ ERROR odoo-cloud: (.*)$")


def describe(result: t.Mapping[str, t.Any], what: str, reason: str = "", lines: int = 12) -> str:
    """Why a one-off container did not do its work: one line, then its last lines. Empty when it did.

    - `result`: `name`, `exists`, `running`, `exit_code`, `output`, `oom_killed`; while it runs also
      `waited` (seconds) and `limit` (the option that was exceeded).
    - `what`: what it was to do, the start of the sentence.
    - `reason`: what is known already; by default the last error that the runtime logged.
    - `lines`: how many of its last lines are shown.
    """
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
    logged = [match[1] for match in map(_ERROR_LINE.match, texts) if match]
    meaning = MEANINGS.get(code) or (f"signal {code - 128}" if code > 128 else "unknown")
    if result.get("oom_killed"):
        meaning = "the memory was used up"
    reason = reason or (logged[-1] if logged else "it gave no reason")
    shown = "\n".join(texts[-lines:]) or "(none)"
    return (
        f"{what} ended with exit code {code} ({meaning}): {reason}\nIts last lines (all: docker logs {name}):\n{shown}"
    )
