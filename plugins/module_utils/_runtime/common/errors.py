# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Every way the runtime can end, each with an exit code of its own (sysexits.h where one fits)."""

from __future__ import annotations

EXIT_OK = 0
EXIT_USAGE = 64  # unknown argument of the entrypoint
EXIT_REFUSED = 65  # the database is in a state that only a human may open
EXIT_DATABASE_ERROR = 66  # PostgreSQL refuses a statement of ours (rights on the schema or the history, a full disk)
EXIT_HOOK_FAILED = 67  # a hook ended with an error; the state is Failed
EXIT_DATABASE_MISSING = 68  # PostgreSQL answers, the database does not exist (limit: DB_WAIT_TIMEOUT)
EXIT_UNREACHABLE = 69  # PostgreSQL does not answer (limit: DB_WAIT_TIMEOUT)
EXIT_INIT_FAILED = 70  # the first installation failed, or what it left behind is not an initialised database
EXIT_LOCK_LOST = 71  # the connection that held the lock is gone, or another run took over; the work was stopped
EXIT_UPDATE_FAILED = 72  # installing or updating modules failed, or what it left behind is not what was asked for
EXIT_FILES = 73  # DATA_DIR or STATIC_DIR cannot be written
EXIT_HELD = 74  # a live run holds the lock, and this mode does not wait (see WAIT)
EXIT_WAIT_TIMEOUT = 75  # the database did not become ready (limit: TIMEOUT)
EXIT_POOLER = 76  # a transaction pooler stands between us and PostgreSQL: a session lock would be void
EXIT_AUTH = 77  # PostgreSQL refuses user or password (limit: DB_WAIT_TIMEOUT)
EXIT_CONFIG = 78  # an environment variable or odoo.conf is wrong
EXIT_RESET = 79  # another tool's entry was older than TIMEOUT: `Reset` written, the next start goes on
EXIT_MIGRATION = 80  # the migration file or STEPS is wrong; nothing was locked or changed
EXIT_STEP_FAILED = 81  # a step of a migration, or the backup before it, failed; the state is Failed
EXIT_NOT_VERIFIED = 82  # Odoo said that it was done, and the modules are not as they were to be; the state is Failed
EXIT_ROLLED_BACK = 84  # the update failed, and the database is the one of before again
EXIT_DECISION = (
    85  # somebody has to decide: a failed update is held, or a rollback was not confirmed, or a migration's plan
)
EXIT_NO_GO_AHEAD = 86  # nobody said that the replicas are stopped (limit: GO_AHEAD_TIMEOUT); nothing was changed
EXIT_ATTACHMENTS = 90  # attachments: some are missing, corrupt or could not be moved, or an audit found something
EXIT_STORE = 91  # attachments: the object store does not do what it is asked for
EXIT_PLATFORM = 92  # the rules of the environment are broken: Odoo is not started like that
EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127


class RuntimeFailure(Exception):
    """Ends the runtime: one clear line and an exit code."""

    exit_code = 1


class NoGoAhead(RuntimeFailure):
    exit_code = EXIT_NO_GO_AHEAD


class ConfigError(RuntimeFailure):
    exit_code = EXIT_CONFIG


class UsageError(RuntimeFailure):
    exit_code = EXIT_USAGE


class Refused(RuntimeFailure):
    exit_code = EXIT_REFUSED


class Unreachable(RuntimeFailure):
    exit_code = EXIT_UNREACHABLE


class DatabaseMissing(RuntimeFailure):
    exit_code = EXIT_DATABASE_MISSING


class AuthenticationFailed(RuntimeFailure):
    exit_code = EXIT_AUTH


class InitFailed(RuntimeFailure):
    exit_code = EXIT_INIT_FAILED


class UpdateFailed(RuntimeFailure):
    exit_code = EXIT_UPDATE_FAILED


class HookFailed(RuntimeFailure):
    exit_code = EXIT_HOOK_FAILED


class Held(RuntimeFailure):
    exit_code = EXIT_HELD


class LockLost(RuntimeFailure):
    exit_code = EXIT_LOCK_LOST


class FilesError(RuntimeFailure):
    exit_code = EXIT_FILES


class WaitTimeout(RuntimeFailure):
    exit_code = EXIT_WAIT_TIMEOUT


class PoolerRefused(RuntimeFailure):
    exit_code = EXIT_POOLER


class ResetWritten(RuntimeFailure):
    exit_code = EXIT_RESET


class MigrationRefused(RuntimeFailure):
    exit_code = EXIT_MIGRATION


class StepFailed(RuntimeFailure):
    exit_code = EXIT_STEP_FAILED


class NotVerified(UpdateFailed):
    exit_code = EXIT_NOT_VERIFIED


class RolledBack(RuntimeFailure):
    exit_code = EXIT_ROLLED_BACK


class NeedsDecision(RuntimeFailure):
    exit_code = EXIT_DECISION


class PlatformRefused(RuntimeFailure):
    exit_code = EXIT_PLATFORM


class CommandNotFound(RuntimeFailure):
    exit_code = EXIT_NOT_FOUND


class Stopped(RuntimeFailure):
    """A signal asked us to end."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by signal {signum}")
        self.exit_code = 128 + signum
