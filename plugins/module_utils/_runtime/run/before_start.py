# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The last steps before Odoo starts on an open database: no user may keep Odoo's default password,
the database gets what the container says about mail that comes in, and pre-start hooks run."""

from __future__ import annotations

import contextlib

from ..addons import install
from ..common import log
from ..common.errors import HookFailed, Refused
from ..database import administrator, lock, mail, pg, state
from ..database.pg import psycopg2
from . import hooks
from .gate import Gate


def may_start(gate: Gate) -> bool:
    """Return whether Odoo may start. `False`: a run works on the database, or the server went away;
    pass through the gate again.

    Raises `Refused` while a user has Odoo's default password and no other one is given,
    `HookFailed` if a pre-start hook fails.
    """
    try:
        return _close_default_password(gate) and _set_mail(gate) and _run_hooks(gate)
    except (psycopg2.OperationalError, psycopg2.InterfaceError):
        gate.disconnect()  # the server went away; the gate waits for it
        return False


def _close_default_password(gate: Gate) -> bool:
    """Replaces the password that Odoo gives the administrator of every new database by the one
    given to the container; without one Odoo is not started. `False`: a run works on the database,
    wait again."""
    settings = gate.settings
    gate.connect()
    database = gate.connections.database
    with pg.transaction(database) as cursor:
        users = administrator.suspects(cursor)
        known = not users or administrator.remembered(cursor) == administrator.digest(users)
    if known:
        return True
    found = administrator.with_default(users)
    if found and settings.admin_password is None:
        raise Refused(
            f"database {settings.db_name!r} is not served: user {found[0].login!r} still has Odoo's default password, which"
            " everybody knows; give ADMIN_PASSWORD_FILE, whose password it gets then, or change it by `odoo-cloud odoo shell`"
        )
    if not found:
        # Where the role may not write, the check is repeated at the next start.
        with contextlib.suppress(psycopg2.Error), pg.transaction(database) as cursor:
            administrator.remember(cursor, users)
        return True
    guard = lock.Lock(gate.connections.control, settings.db_name)
    if not guard.acquire():
        return False
    try:
        if not state.looks_open(state.read_history(database)):
            return False
        with pg.transaction(database) as cursor:
            found = administrator.with_default(administrator.suspects(cursor))
            guard.check("setting the administrator's password")
            rounds = install.password_rounds(settings.version)
            administrator.set_password(cursor, found, settings.admin_password or "", rounds)
            administrator.remember(cursor, administrator.suspects(cursor))
    finally:
        guard.release()
    for user in found:
        log.warning(
            f"database {settings.db_name!r}: user {user.login!r} had Odoo's default password; it has that of ADMIN_PASSWORD now"
        )
    return True


def _set_mail(gate: Gate) -> bool:
    """Sets domain and mailbox of mail that comes in, if the database has others. A database in which
    that isn't possible is served all the same. `False`: a run works on it, wait again."""
    settings = gate.settings
    gate.connect()
    database = gate.connections.database
    try:
        with pg.transaction(database) as cursor:
            if not mail.differences(cursor, settings):
                return True
        guard = lock.Lock(gate.connections.control, settings.db_name)
        if not guard.acquire():
            return False
        try:
            if not state.looks_open(state.read_history(database)):
                return False
            with pg.transaction(database) as cursor:
                guard.check("setting what it says about mail")
                told = mail.apply(cursor, settings)
        finally:
            guard.release()
    except (psycopg2.OperationalError, psycopg2.InterfaceError):
        raise
    except psycopg2.Error as exc:
        log.warning(f"database {settings.db_name!r}: mail that comes in could not be set: {pg.one_line(exc)[:500]}")
        return True
    for line in told:
        log.info(f"database {settings.db_name!r}: {line}")
    return True


def _run_hooks(gate: Gate) -> bool:
    """Runs the pre-start hooks under the lock, so that no run changes the database meanwhile.
    `False`: a run works on the database, wait again."""
    found = hooks.find(gate.settings, "pre-start")
    if not found:
        return True
    gate.connect()
    guard = lock.Lock(gate.connections.control, gate.settings.db_name)
    if not guard.acquire():
        return False
    try:
        if not state.looks_open(state.read_history(gate.connections.database)):
            return False
        gate.open_page()
        window = gate.window(guard)
        window.hooks["pre-start"] = found
        with window.failing(HookFailed):
            window.run_hooks("pre-start")
        return True
    finally:
        gate.at_rest()
        guard.release()
