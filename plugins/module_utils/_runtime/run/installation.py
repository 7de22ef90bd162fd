# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The first installation of a database, in a window."""

from __future__ import annotations

import dataclasses
import time

from ..addons import install, update_plan
from ..common import log
from ..common.errors import ConfigError, InitFailed, Refused
from ..database import administrator, state
from ..migration import work as migration_work
from .module_changes import ModuleChanges
from .window import Window


def perform(window: Window, changes: ModuleChanges, reason: str) -> None:
    """Do the first installation to its end, whatever part an earlier attempt has done. The database
    was never Ready, so its users are still those of Odoo. Every step can be repeated, so the run
    may be killed between any two.

    `reason`: why it is done, for the history. Raises `Refused` without an administrator's password
    for a container that serves, `ConfigError` if code is missing, `InitFailed` and `HookFailed`.
    """
    settings = window.settings
    started = time.monotonic()
    if settings.admin_password is None:
        if settings.serving:
            raise Refused(
                f"database {settings.db_name!r} is not initialised: {administrator.HOW}; Odoo would serve with its own, which"
                " everybody knows"
            )
        log.warning(
            f"{administrator.HOW}: the Odoo administrator keeps Odoo's own, and no container serves the database like that"
        )
    wrong = update_plan.first_problems(settings, window.folders)
    if wrong:
        raise ConfigError("; ".join(wrong))
    modules = update_plan.read_modules(window.connection)
    forgotten = update_plan.auto_installs(window.connection) if modules.installed("base") else []
    plan = update_plan.first_plan(modules, settings, window.folders, forgotten)
    plan.check()
    mover = install.mover(window.connection)
    if mover and not (plan.install or plan.update) and modules.installed(mover):
        plan = dataclasses.replace(plan, update=(mover,), reasons={mover: "files are left to be moved to their store"})
    touched = window.record(state.CREATING, f"initialising ({reason}): {','.join(settings.modules)}", plan)
    log.info(f"Creating: {reason}; installing {', '.join(settings.modules)} into database {settings.db_name!r}")
    with window.failing(InitFailed), window.beating():
        window.report("first installation")
        window.run_hooks("pre-init")
        install.prepare_database(window.connection, settings)
        try:
            changes.leave_alone(plan)
            _install_modules(window, changes, plan, modules, touched)
        except InitFailed:
            if not settings.rebuild_unfinished or not (modules.states or reason != "it is empty"):
                raise
            log.warning("finishing it failed and REBUILD_UNFINISHED is True: it is emptied and installed again")
            window.check("emptying the database")
            install.empty(window.connection)
            install.prepare_database(window.connection, settings)
            again = update_plan.ModulePlan(install=settings.modules)
            window.record(state.CREATING, "emptied, installed again (REBUILD_UNFINISHED)", again)
            changes.perform(again, InitFailed, 0, settings.language)
        _check_language(window)
        window.check("setting the administrator's password")
        install.settle(window.connection, settings)
        update_plan.refresh(window.connection, window.folders)
        window.finish("initialised: " + ",".join(settings.modules))
    log.info(f"Ready: database {settings.db_name!r} is initialised ({time.monotonic() - started:.1f} s)")


def _install_modules(
    window: Window, changes: ModuleChanges, plan: update_plan.ModulePlan, modules: update_plan.Modules, touched: int
) -> None:
    """Installs missing modules and the language. Odoo loads the language after `base` and before
    all other modules; if others are installed already, it is loaded at the end, when all their
    models exist."""
    language = window.settings.language
    lacks = bool(language) and language not in modules.languages
    late = lacks and (plan.empty or any(modules.installed(name) for name in modules.states if name != "base"))
    orders = migration_work.actions(window.work, plan)
    if late:
        orders.append({"do": "language", "language": language})
    if orders:
        changes.perform(plan, InitFailed, touched, language if lacks and not late else "", orders)


def _check_language(window: Window) -> None:
    language = window.settings.language
    if not language or language in update_plan.read_modules(window.connection).languages:
        return
    with window.connection.cursor() as cursor:
        cursor.execute("SELECT code FROM public.res_lang ORDER BY code")
        codes = [row[0] for row in cursor.fetchall()]
    alike = [code for code in codes if code.partition("_")[0] == language.partition("_")[0]]
    raise InitFailed(
        f"LANGUAGE is {language!r}: it was not loaded"
        + ("" if language in codes else f"; Odoo knows no such language, but {', '.join(alike or codes[:5])}")
    )
