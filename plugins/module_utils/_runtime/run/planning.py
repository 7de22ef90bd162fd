# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What a run has to do in its database, decided from SQL and the addons' files, without the lock
and without Odoo.

Nothing is changed here. gate.py decides everything again under the lock, before anything is done.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..addons import install, update_plan
from ..addons import tree as addon_tree
from ..common import log
from ..common.config import Settings
from ..common.errors import Refused, RuntimeFailure
from ..database import rights, state
from ..migration import file as migration_file
from ..migration import work as migration_work
from . import hooks
from .connections import Connections

# On an open database these modes only start Odoo, or end.
IDLE_MODES = ("RunOnly", "ForceRunOnly", "ForceReadyState", "Init")


class Planner:
    """Determines what this mode has to do in this database."""

    def __init__(
        self,
        settings: Settings,
        env: Mapping[str, str],
        connections: Connections,
        source: migration_work.Source | None = None,
    ) -> None:
        """`env`: Odoo's environment, which defines the folders of songs. `source`: MIGRATION_FILE
        and STEPS if they were read already; otherwise they are read when first needed."""
        self.settings, self.env, self.connections, self.source = settings, env, connections, source
        self.addons = addon_tree.Snapshot()
        self.last_plan = update_plan.ModulePlan()
        self.needs_odoo = False  # whether the work found by has_work() requires Odoo
        self._folders: list[str] | None = None

    @property
    def database(self) -> Any:
        """The connection to the instance's database."""
        return self.connections.database

    def start_over(self) -> None:
        """Forget the addons that were read, so that they are read again. One reading serves for the
        decisions before the lock and under it."""
        self.addons = addon_tree.Snapshot()
        self.needs_odoo = False

    def contents(self) -> state.Contents:
        """Return what is in the database. Modules in a `to ...` state that Odoo cannot load don't
        count as pending work."""
        contents = state.read_contents(self.database)
        if not contents.pending:
            return contents
        lost = update_plan.broken(contents.pending, self.folders(), self.addons)
        return dataclasses.replace(
            contents,
            pending=tuple(name for name in contents.pending if name not in lost),
            stuck=tuple(name for name in contents.pending if name in lost),
        )

    def check_series(self, contents: state.Contents) -> None:
        """Raise `Refused` if the database belongs to another major version of Odoo."""
        why = state.other_series(contents, self.settings.version)
        if why:
            raise Refused(f"database {self.settings.db_name!r} is not opened: {why}")

    def folders(self) -> list[str]:
        """Return all addons folders, in Odoo's order."""
        if self._folders is None:
            self._folders = addon_tree.addons_folders(self.settings, install.odoo_executable(self.settings))
        return self._folders

    def decide(self, resume: bool = False) -> tuple[update_plan.ModulePlan, migration_work.Work]:
        """Return which modules are to be installed and updated and which steps are to be done, each
        with everything that stands in the way; `check()` raises that. With `resume` including what
        an interrupted run left."""
        modules = update_plan.read_modules(self.database)
        plan = update_plan.make_plan(modules, self.settings, self.folders(), resume, self.addons)
        work = self.steps()
        return dataclasses.replace(plan, refusals=(*plan.refusals, *self._obstacles(plan, work, modules))), work

    def _obstacles(
        self, plan: update_plan.ModulePlan, work: migration_work.Work, modules: update_plan.Modules
    ) -> list[str]:
        """What manifests and database show of why Odoo would fail, if it has to be started at all."""
        orders = migration_work.actions(work, plan, refused=True)
        if not migration_work.needs_odoo(orders):
            return []
        install, update = list(plan.install), list(plan.update)
        named = migration_work.named_modules(orders)
        for name in named:
            (update if modules.installed(name) else install).append(name)
        known = [name for name in named if addon_tree.find(name, self.folders())]  # the others are problems of the file
        lost = update_plan.broken(known, self.folders(), self.addons)
        told = [
            f"a step names {name!r}: {update_plan.lacking(name, gone, self.folders())}" for name, gone in lost.items()
        ]
        touched = [name for name in self._along_with(update) if name not in plan.broken]
        removed = [name for name in migration_work.named_modules(orders, uninstalled=True) if modules.installed(name)]
        for name in self._along_with(removed):
            if name in plan.broken:
                why = update_plan.lacking(name, plan.broken[name], self.folders())
                told.append(
                    f"a step uninstalls {name!r}, for which Odoo needs the code, but {why}; bring it back for that"
                )
        loads = bool(install or update or plan.finish)
        found = (
            update_plan.to_be_done(install, touched, modules, self.settings, self.folders(), self.addons)
            if loads
            else []
        )
        return [*rights.problems(self.database), *told, *found]

    def _along_with(self, names: list[str]) -> list[str]:
        return update_plan.dependants(self.database, names) if names else []

    @staticmethod
    def check(plan: update_plan.ModulePlan, work: migration_work.Work) -> None:
        """Raise everything that stands in the way of plan and steps as one error; its kind, and so
        the exit code, is that of the first: modules and database, steps, an operator's decision."""
        failures: list[RuntimeFailure] = []
        for check in (plan.check, work.check):
            try:
                check()
            except RuntimeFailure as exc:
                failures.append(exc)
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise type(failures[0])("; ".join(map(str, failures)))

    def steps(self) -> migration_work.Work:
        """Return which steps of MIGRATION_FILE and STEPS are to be done. Its `check()` raises what
        stands in the way."""
        settings = self.settings
        if self.source is None:
            self.source = migration_work.read(settings)
        return migration_work.pending_work(
            settings,
            self.source,
            self.database,
            update_plan.read_modules(self.database),
            self.folders(),
            migration_work.song_paths(settings, self.env),
            self.addons,
        )

    def steps_are_done(self) -> None:
        """Note that STEPS and MIGRATION_FORCE_VERSION were done, because a container does them only
        once."""
        self.settings = dataclasses.replace(self.settings, migration_force_version="")
        if self.source is not None:
            self.source = dataclasses.replace(self.source, steps=())

    def hooks_due(self) -> bool:
        """Whether the hooks after an update have to run although no module changes, because the
        hooks changed."""
        settings = self.settings
        if not (settings.installing or settings.updating) or settings.mode == "Init":
            return False
        found = {kind: hooks.find(settings, kind) for kind in ("pre-init", "pre-update", "post-update")}
        if not found["post-update"]:
            return False
        return settings.hooks == "always" or hooks.fingerprint(found) != state.last_fingerprint(self.database)

    def has_work(self, latest: state.Entry | None) -> bool:
        """Whether this mode has something to do in an open database. `latest`: the newest row of
        its history.

        Raises the errors of `check()`.
        """
        if self.settings.mode in IDLE_MODES:
            return False
        plan, work = self.decide()
        self.check(plan, work)
        self.last_plan = plan
        self.needs_odoo = migration_work.needs_odoo(migration_work.actions(work, plan))
        return bool(not work.empty or not plan.empty or plan.stuck or self.hooks_due() or self.unrecorded(latest))

    def unrecorded(self, latest: state.Entry | None) -> bool:
        """Whether an update has to record that a new release required no changes."""
        settings = self.settings
        if not settings.updating or settings.update == ("none",) or not settings.release:
            return False
        return latest is None or state.last_release(self.database) != settings.release

    def as_data(
        self, plan: update_plan.ModulePlan, work: migration_work.Work, due: bool, reason: str
    ) -> dict[str, Any]:
        """Return the plan as plain data, for `odoo-cloud plan` and the event. `due`: whether hooks
        have to run; `reason`: one line."""
        modules = update_plan.read_modules(self.database)
        named: dict[str, str] = {}
        for item in work.plan.versions:
            for step in item.steps:
                if step.kind in (migration_file.UPDATE, migration_file.INSTALL):
                    for name in step.arguments["modules"]:
                        named.setdefault(name, f"named by version {item.version.number}")
        for step in work.adhoc:
            if step.kind == migration_file.INSTALL:
                named.update(dict.fromkeys(step.arguments["modules"], "named by STEPS"))
        steps = [step for item in work.plan.versions for step in item.steps] + list(work.adhoc)
        removed = [
            name
            for step in steps
            if step.kind == migration_file.UNINSTALL
            for name in step.arguments["modules"]
            if modules.installed(name)
        ]
        installs = [
            *plan.install, *(name for name in named if not modules.installed(name) and name not in plan.install)
        ]  # fmt: skip
        updated_by_version = [
            name
            for item in work.plan.versions
            for step in item.steps
            if step.kind == migration_file.UPDATE
            for name in work.modules_of(item.version, step)
            if modules.installed(name)
        ]
        direct = list(dict.fromkeys([*plan.update, *updated_by_version]))
        update = self._along_with(direct)
        reasons = {**named, **plan.reasons}
        listed = []
        for name, action in [*((name, "install") for name in installs), *((name, "update") for name in update)]:
            addon = self.addons.read(name, self.folders())
            listed.append(
                {
                    "name": name,
                    "action": action,
                    "from": (modules.versions.get(name) or None) if action == "update" else None,
                    "to": (addon.version(self.settings.version) or None) if addon is not None else None,
                    "why": reasons.get(name, "depends on what is updated"),
                    "dependant": action == "update" and name not in direct,
                }
            )
        listed += [
            {"name": name, "action": "uninstall", "from": modules.versions.get(name) or None, "to": None,
             "why": "named by a step", "dependant": False}
            for name in dict.fromkeys(removed)
        ]  # fmt: skip
        return {
            "install": installs,
            "update": update,
            "reasons": {name: why for name, why in reasons.items() if name in installs or name in update},
            "finish": list(plan.finish),
            "missing": list(plan.missing),
            "refusals": list(plan.refusals),
            "modules": listed,
            "hooks": due,
            "migration": migration_work.as_data(work, self.settings),
            "reason": reason,
        }

    def warn_of_leftovers(self, latest: state.Entry | None, contents: state.Contents) -> None:
        """Log which modules of an open database are half done or can't be loaded."""
        lost = {name: gone for name, gone in self.last_plan.broken.items() if name not in self.last_plan.asked}
        for line in update_plan.left_alone(self.database, lost, self.folders()):
            log.warning(line)
        if contents.stuck and not lost:
            for line in update_plan.left_alone(
                self.database, update_plan.broken(contents.stuck, self.folders()), self.folders()
            ):
                log.warning(
                    f"{line}; Odoo runs no cron until MODE=UpdateOnly has taken back what was to be done with it"
                )
        if contents.pending:
            log.warning(
                f"database {self.settings.db_name!r} is open (state {latest}) but has modules in a half-done state:"
                f" {', '.join(contents.pending[:10])}; they are loaded as they are, MODE=UpdateOnly finishes them"
            )
