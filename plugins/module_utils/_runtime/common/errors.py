# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Every way the runtime can end, each with its own exit code (that of sysexits.h where one fits)."""

from __future__ import annotations

EXIT_OK = 0
EXIT_USAGE = 64  # unknown argument of the entrypoint
EXIT_REFUSED = 65  # the database is in a state that only an operator may open
EXIT_DATABASE_ERROR = 66  # PostgreSQL refuses one of our statements (rights on the schema or the history, a full disk)
EXIT_HOOK_FAILED = 67  # a hook ended with an error; the state is Failed
EXIT_DATABASE_MISSING = 68  # PostgreSQL answers, the database does not exist (limit: DB_WAIT_TIMEOUT)
EXIT_UNREACHABLE = 69  # PostgreSQL does not answer (limit: DB_WAIT_TIMEOUT)
EXIT_INIT_FAILED = 70  # the first installation failed, or its result is not an initialised database
EXIT_LOCK_LOST = 71  # the connection that held the lock is gone, or another run took over; the work was stopped
EXIT_UPDATE_FAILED = 72  # installing or updating modules failed, or the result is not what was requested
EXIT_FILES = 73  # DATA_DIR or STATIC_DIR cannot be written
EXIT_HELD = 74  # a live run holds the lock, and this mode does not wait (see WAIT)
EXIT_WAIT_TIMEOUT = 75  # the database did not become ready (limit: TIMEOUT)
EXIT_POOLER = 76  # a transaction pooler stands between the runtime and PostgreSQL: a session lock would be void
EXIT_AUTH = 77  # PostgreSQL refuses user or password (limit: DB_WAIT_TIMEOUT)
EXIT_CONFIG = 78  # an environment variable or odoo.conf is wrong
EXIT_RESET = 79  # another tool's entry was older than TIMEOUT: `Reset` written, the next start continues
EXIT_MIGRATION = 80  # the migration file or STEPS is wrong; nothing was locked or changed
EXIT_STEP_FAILED = 81  # a step of a migration, or the backup before it, failed; the state is Failed
EXIT_NOT_VERIFIED = 82  # Odoo reported success, but modules are not in the expected state; the state is Failed
EXIT_ROLLED_BACK = 84  # the update failed, and the database is back in its state before the update
EXIT_DECISION = (
    85  # an operator has to decide: a failed update is held, or a rollback or a migration's plan needs confirmation
)
EXIT_NO_GO_AHEAD = 86  # no signal that the replicas are stopped arrived (limit: GO_AHEAD_TIMEOUT); nothing was changed
EXIT_ATTACHMENTS = 90  # attachments: some are missing, corrupt or could not be moved, or an audit reported problems
EXIT_STORE = 91  # attachments: the object store does not do what is required of it
EXIT_PLATFORM = 92  # a rule of the environment is violated: Odoo is not started
EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127


class RuntimeFailure(Exception):
    """Base of all errors that end the runtime: the message is one line for the log, `exit_code` the
    code of the process."""

    exit_code = 1


class NoGoAhead(RuntimeFailure):
    """No signal that the replicas are stopped arrived within `GO_AHEAD_TIMEOUT`."""

    exit_code = EXIT_NO_GO_AHEAD


class ConfigError(RuntimeFailure):
    """An environment variable or odoo.conf is wrong."""

    exit_code = EXIT_CONFIG


class UsageError(RuntimeFailure):
    """The arguments of the entrypoint are wrong."""

    exit_code = EXIT_USAGE


class Refused(RuntimeFailure):
    """The database is in a state that only an operator may open."""

    exit_code = EXIT_REFUSED


class Unreachable(RuntimeFailure):
    """PostgreSQL does not answer within `DB_WAIT_TIMEOUT`."""

    exit_code = EXIT_UNREACHABLE


class DatabaseMissing(RuntimeFailure):
    """PostgreSQL answers, but the database does not exist within `DB_WAIT_TIMEOUT`."""

    exit_code = EXIT_DATABASE_MISSING


class AuthenticationFailed(RuntimeFailure):
    """PostgreSQL refuses user or password."""

    exit_code = EXIT_AUTH


class InitFailed(RuntimeFailure):
    """The first installation failed."""

    exit_code = EXIT_INIT_FAILED


class UpdateFailed(RuntimeFailure):
    """Installing or updating modules failed."""

    exit_code = EXIT_UPDATE_FAILED


class HookFailed(RuntimeFailure):
    """A hook ended with an error."""

    exit_code = EXIT_HOOK_FAILED


class Held(RuntimeFailure):
    """A live run holds the lock, and this mode does not wait."""

    exit_code = EXIT_HELD


class LockLost(RuntimeFailure):
    """The connection that held the lock is gone, or another run took over."""

    exit_code = EXIT_LOCK_LOST


class FilesError(RuntimeFailure):
    """A file or folder can't be read or written."""

    exit_code = EXIT_FILES


class WaitTimeout(RuntimeFailure):
    """The database did not become ready within `TIMEOUT`."""

    exit_code = EXIT_WAIT_TIMEOUT


class PoolerRefused(RuntimeFailure):
    """A transaction pooler stands between the runtime and PostgreSQL."""

    exit_code = EXIT_POOLER


class ResetWritten(RuntimeFailure):
    """`Reset` was written over another tool's old entry; the next start continues."""

    exit_code = EXIT_RESET


class MigrationRefused(RuntimeFailure):
    """The migration file or `STEPS` is wrong; nothing was locked or changed."""

    exit_code = EXIT_MIGRATION


class StepFailed(RuntimeFailure):
    """A step of a migration, or the backup before it, failed."""

    exit_code = EXIT_STEP_FAILED


class NotVerified(UpdateFailed):
    """Odoo reported success, but modules are not in the expected state."""

    exit_code = EXIT_NOT_VERIFIED


class RolledBack(RuntimeFailure):
    """The update failed, and the database was rolled back."""

    exit_code = EXIT_ROLLED_BACK


class NeedsDecision(RuntimeFailure):
    """An operator has to decide: about a held update, an unconfirmed rollback or a migration's plan."""

    exit_code = EXIT_DECISION


class PlatformRefused(RuntimeFailure):
    """A rule of the environment is violated."""

    exit_code = EXIT_PLATFORM


class CommandNotFound(RuntimeFailure):
    """The program of the command does not exist or is not executable."""

    exit_code = EXIT_NOT_FOUND


class Stopped(RuntimeFailure):
    """The signal `signum` asked this process to end; the exit code is 128 + `signum`."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by signal {signum}")
        self.exit_code = 128 + signum
