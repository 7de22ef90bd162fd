# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The update core: which modules have to be installed or updated, decided from SQL and content
hashes before Odoo is imported, and what is recorded of each module so that an interrupted run
continues where it stopped.

`odoo_cloud_module` has one row per module. Its hash and version are written in the transaction in
which Odoo commits the module (boot/child.py). `pending` is set before the work starts and cleared
by that same transaction. `end_pending` means that the module's `end-` migration scripts have yet to
run.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.config import Settings
from ..common.errors import ConfigError
from ..common.lists import some
from ..database import shape
from . import click_odoo
from . import tree as addon_tree

TABLE_SQL = (
    "CREATE TABLE IF NOT EXISTS public.odoo_cloud_module (name varchar PRIMARY KEY, checksum varchar, languages varchar,"
    " version varchar, pending varchar, from_version varchar, end_pending boolean NOT NULL DEFAULT false, run_id varchar,"
    " updated_at timestamp with time zone NOT NULL DEFAULT now())"
)
UPDATE, INSTALL = "update", "install"
TABLE = shape.Table(
    "odoo_cloud_module",
    {
        **dict.fromkeys(("name", "checksum", "languages", "version", "pending", "from_version", "run_id"), shape.TEXT),
        "end_pending": ("bool",),
        "updated_at": shape.TIME,
    },
    ("name", "checksum", "languages", "version", "pending", "from_version", "end_pending", "updated_at"),
    ("name",),
    "ALTER TABLE public.{name} RENAME TO {name}_aside sets it aside; the next update creates it again and updates all modules",
)
ROWS = 20000  # more are not read


@dataclass(frozen=True)
class Known:
    """What is recorded of a module."""

    name: str
    checksum: str | None = None
    languages: str = ""
    version: str | None = None
    pending: str | None = None
    from_version: str | None = None
    end_pending: bool = False


@dataclass(frozen=True)
class Modules:
    """The modules as Odoo and as our records describe them."""

    states: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, Known] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    foreign: click_odoo.Foreign = click_odoo.Foreign()  # click-odoo-update's records

    def installed(self, name: str) -> bool:
        """Whether Odoo has the module installed."""
        return self.states.get(name) in ("installed", "to upgrade", "to remove")

    @property
    def unfinished(self) -> list[str]:
        """Modules in a `to ...` state."""
        return sorted(name for name, state in self.states.items() if state.startswith("to "))


def read_modules(connection: Any) -> Modules:
    """Read the modules, active languages and records of a database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regclass('public.ir_module_module') IS NOT NULL, to_regclass('public.res_lang') IS NOT NULL"
        )
        modules, languages = cursor.fetchone()
        rows: list[tuple[str, str, str | None]] = []
        codes: list[str] = []
        known: list[Known] = []
        if modules:
            cursor.execute(
                "SELECT left(name, 255), left(state, 255), left(latest_version, 255) FROM public.ir_module_module"  # noqa: S608
                f" WHERE state IS NOT NULL AND name IS NOT NULL LIMIT {ROWS}"
            )
            rows = cursor.fetchall()
        if languages:
            cursor.execute(
                f"SELECT left(code, 255) FROM public.res_lang WHERE active AND code IS NOT NULL ORDER BY code LIMIT {ROWS}"  # noqa: S608
            )
            codes = [row[0] for row in cursor.fetchall()]
        if shape.columns(cursor, TABLE):
            cursor.execute(
                "SELECT left(name, 255), left(checksum, 255), left(coalesce(languages, ''), 10000), left(version, 255),"  # noqa: S608
                f" left(pending, 255), left(from_version, 255), coalesce(end_pending, false) FROM public.odoo_cloud_module LIMIT {ROWS}"
            )
            known = [Known(*row) for row in cursor.fetchall()]
        foreign = click_odoo.read(cursor)
    return Modules(
        {name: state for name, state, _version in rows},
        {name: version or "" for name, _state, version in rows},
        {item.name: item for item in known},
        tuple(codes),
        foreign,
    )


@dataclass(frozen=True)
class ModulePlan:
    """What a window has to do with the modules."""

    install: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    finish: tuple[
        str, ...
    ] = ()  # modules in a `to ...` state, `end-` scripts that have not run: Odoo only has to be started
    missing: tuple[str, ...] = ()  # installed, but Odoo cannot load them, since code is gone: left alone
    broken: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # what is gone of each module that is left alone
    stuck: tuple[str, ...] = ()  # those of them in a `to ...` state, which is taken back
    refusals: tuple[str, ...] = ()  # why it can't be done, one line each

    def check(self) -> None:
        """Raise `ConfigError` with all refusals, if there are any."""
        if self.refusals:
            raise ConfigError("; ".join(self.refusals))

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.install or self.update or self.finish)

    @property
    def asked(self) -> frozenset[str]:
        """The modules to install or update by name, which therefore have to be installed afterwards."""
        return frozenset((*self.install, *self.update))

    def __str__(self) -> str:
        parts = []
        if self.install:
            parts.append("install " + some(self.install))
        if self.update:
            parts.append("update " + some(self.update))
        if self.finish and not (self.install or self.update):
            parts.append("finish " + some(self.finish))
        return "; ".join(parts) or "nothing to change"


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a suggestion for a misspelt name, for an error message; empty if none of `names` is
    similar."""
    found = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean {found[0]!r}?" if found else ""


def broken(
    names: Iterable[str], folders: list[str], snapshot: addon_tree.Snapshot | None = None, whole: bool = False
) -> dict[str, tuple[str, ...]]:
    """Return those of `names` that Odoo cannot load, each with the modules because of which it
    can't: the module itself, or direct and indirect dependencies. Their code is in none of the
    addons folders, or `reason()` tells what is wrong with it. `whole`: also those that Odoo could
    load, but not install, because a program or a file is missing."""
    snapshot = snapshot if snapshot is not None else addon_tree.Snapshot()
    known: dict[str, tuple[str, ...]] = {}
    needs: dict[str, tuple[str, ...]] = {}

    def gone(name: str) -> tuple[str, ...]:
        if name not in known:
            known[name] = ()  # so that modules that depend on each other don't cause a loop here
            addon = _readable(name, folders, snapshot)
            if addon is None or not addon.installable or whole and incomplete(addon):
                known[name] = (name,)
            else:
                needs[name] = addon.depends
                known[name] = tuple(dict.fromkeys(item for needed in addon.depends for item in gone(needed)))
        return known[name]

    names = sorted(names)
    for name in names:
        gone(name)
    in_loops = set(_loops(needs))
    if in_loops:
        known.clear()
        known.update({name: (name,) for name in in_loops})
    found = {name: gone(name) for name in names}
    return {name: items for name, items in found.items() if items}


def _readable(name: str, folders: list[str], snapshot: addon_tree.Snapshot) -> addon_tree.Addon | None:
    """The addon; `None` also if its manifest can't be read."""
    try:
        return snapshot.read(name, folders)
    except ConfigError:
        return None


def _loops(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """The modules that need themselves. `needs`: the dependencies of each module."""
    left = {name: {item for item in items if item in needs} for name, items in needs.items()}
    more = True
    while more:
        used = {item for items in left.values() for item in items}
        ends = [name for name, items in left.items() if not items or name not in used]
        for name in ends:
            del left[name]
        for items in left.values():
            items.difference_update(ends)
        more = bool(ends)
    return sorted(left)


def incomplete(addon: addon_tree.Addon, demo: bool = False) -> str:
    """Explain what else an installation or update of a module needs that is not there; empty if it
    has everything."""
    programs, files = addon.lacking_programs(), addon.lacking_files(demo)
    if programs:
        return f"{some(programs, 6)}, which its manifest requires, is not in the image"
    return f"{some(files, 6)}, which its manifest names, is not in {addon.path}" if files else ""


def reason(name: str, folders: list[str], snapshot: addon_tree.Snapshot | None = None) -> str:
    """Explain why Odoo can't load a module that has code; empty if there is no code, or the module
    is not `installable`."""
    snapshot = snapshot if snapshot is not None else addon_tree.Snapshot()
    try:
        addon = snapshot.read(name, folders)
    except ConfigError as exc:
        return str(exc)
    if addon is None:
        return ""
    if addon.fault or not addon.installable:
        return addon.fault
    wanted, reached = [name], []
    while wanted:
        item = _readable(wanted.pop(), folders, snapshot)
        for needed in item.depends if item is not None else ():
            if needed not in reached:
                reached.append(needed)
                wanted.append(needed)
    return f"it needs itself, by way of {some(sorted(reached))}" if name in reached else incomplete(addon)


def lacking(name: str, gone: Iterable[str], folders: Iterable[str]) -> str:
    """Explain why Odoo cannot load the module `name`. `gone`: the modules without code, from
    `broken()`."""
    gone = list(gone)
    folders = folders if isinstance(folders, list) else list(folders)
    where = f"in none of the addons folders ({', '.join(folders) or 'none'}), or is not installable"
    if name in gone or not gone:
        why = reason(name, folders)
        return f"module {name!r} can't be loaded: {why}" if why else f"the code of module {name!r} is {where}"
    if not broken(gone, folders):
        return f"module {name!r} needs {some(map(repr, gone))}, which is not installed"
    for item in gone:
        why = reason(item, folders)
        if why:
            return f"module {name!r} needs {item!r}, which can't be loaded: {why}"
    return f"module {name!r} needs {some(map(repr, gone))}, whose code is {where}"


def code_problems(
    names: Iterable[str], settings: Settings, folders: list[str], snapshot: addon_tree.Snapshot | None = None
) -> list[str]:
    """Return one line for each of `names` whose code, or that of a module it needs, is missing or
    wrong; those that are in no folder share a line."""
    names = list(names)
    snapshot = snapshot if snapshot is not None else addon_tree.Snapshot()
    given = f"MODULES is {some(settings.modules, separator=',')!r}: "
    found = []
    absent = addon_tree.missing_modules(names, folders)
    if absent:
        near = nearest(absent[0], snapshot.names(folders)) if len(absent) == 1 else ""
        found.append(
            f"{given}{some(absent)} is in none of the addons folders"
            f" ({', '.join(folders) or 'none'}){near}; correct the name or addons_path in {settings.odoo_rc}"
        )
    for name, gone in broken([name for name in names if name not in absent], folders, snapshot).items():
        found.append(f"{given}{lacking(name, gone, folders)}; bring it, or correct addons_path in {settings.odoo_rc}")
    return found


def check_code(
    names: Iterable[str], settings: Settings, folders: list[str], snapshot: addon_tree.Snapshot | None = None
) -> None:
    """Raise `ConfigError` if the code of one of `names`, or of a module that it needs, is missing or
    wrong."""
    found = code_problems(names, settings, folders, snapshot)
    if found:
        raise ConfigError("; ".join(found))


def first_problems(settings: Settings, folders: list[str]) -> list[str]:
    """Return one line for each reason why a first installation would fail, as far as manifests show
    it."""
    snapshot = addon_tree.Snapshot()
    found = code_problems(settings.modules, settings, folders, snapshot)
    return found + to_be_done(settings.modules, (), Modules(), settings, folders, snapshot)


def to_be_done(
    install: Iterable[str],
    update: Iterable[str],
    modules: Modules,
    settings: Settings,
    folders: list[str],
    snapshot: addon_tree.Snapshot,
) -> list[str]:
    """Return one line for each reason why Odoo would fail to install and update these modules,
    which its manifests show: a program or a file that is missing, and manifests at which Odoo ends.

    `update`: with the modules that are updated along with them.
    """
    found = addon_tree.fatal_manifests(folders, snapshot)
    wanted, seen = [*install, *update], set()
    there = {name for name in modules.states if modules.installed(name)}
    while wanted:
        name = wanted.pop()
        addon = _readable(name, folders, snapshot) if name not in seen else None
        seen.add(name)
        if addon is None or not addon.installable:
            continue
        wanted += [item for item in addon.depends if item not in there]
        why = incomplete(addon, settings.demo)
        if why:
            what = "update" if name in there else "install"
            found.append(f"Odoo would fail to {what} module {name!r}: {why}; bring it, or leave {name!r} out")
    if settings.version < 19:
        # Such an Odoo reads the manifests of installed modules when it starts, and ends with the error
        for name in sorted(there - set(seen)):
            try:
                addon = snapshot.read(name, folders)
            except ConfigError as exc:
                found.append(str(exc))
                continue
            if addon is not None and addon.fault and addon.manifest.get("installable", True):
                found.append(
                    f"module {name!r} is installed, and {addon.fault}: no Odoo {settings.version} starts with it"
                )
    return sorted(dict.fromkeys(found))


def unloadable(modules: Modules, folders: list[str]) -> dict[str, tuple[str, ...]]:
    """Return the installed or half-done modules that Odoo did not load, each with what it lacks:
    modules without code, or new dependencies that are not installed."""
    there = {name for name in modules.states if modules.installed(name) or name in modules.unfinished}
    snapshot = addon_tree.Snapshot()
    found = broken(there, folders, snapshot)
    more = True
    while more:
        more = False
        for name in sorted(there - set(found)):
            addon = snapshot.read(name, folders)  # readable, otherwise `broken()` had returned it
            lacks = tuple(item for item in (addon.depends if addon else ()) if item not in there or item in found)
            if lacks:
                found[name], more = lacks, True
    return found


def made_here(connection: Any, names: Iterable[str]) -> set[str]:
    """Return those of `names` that never had code in a folder: created in the database (Odoo's
    studio), or imported into it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM public.ir_module_module m WHERE name = ANY(%s)"
            " AND (name = 'studio_customization' OR to_jsonb(m) ->> 'imported' = 'true')",
            (sorted(names),),
        )
        return {row[0] for row in cursor.fetchall()}


def left_alone(connection: Any, alone: Mapping[str, Iterable[str]], folders: list[str]) -> list[str]:
    """Return a message for each module in `alone` that Odoo cannot load and that was not requested,
    except those that never had code."""
    if not alone:
        return []
    made = made_here(connection, alone)
    return [f"{lacking(name, gone, folders)}: it is left alone" for name, gone in alone.items() if name not in made]


def put_back(connection: Any, names: Iterable[str]) -> list[str]:
    """Reset the states `to install` and `to upgrade` of modules that Odoo cannot load, as Odoo does
    itself after a failure: as long as one is left, Odoo runs no cron. Returns the modules that were
    reset. Call it only with the lock held."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE public.ir_module_module SET state = CASE state WHEN 'to install' THEN 'uninstalled' ELSE 'installed' END"
            " WHERE name = ANY(%s) AND state IN ('to install', 'to upgrade') RETURNING name",
            (sorted(names),),
        )
        return sorted(row[0] for row in cursor.fetchall())


def make_plan(
    modules: Modules,
    settings: Settings,
    folders: list[str],
    resume: bool = False,
    snapshot: addon_tree.Snapshot | None = None,
) -> ModulePlan:
    """Return what has to be done. With `resume` an interrupted run is finished, in addition to what
    the mode requires. `snapshot`: addons that were read shortly before.

    Its `refusals` tell which modules to install or update can't be loaded, and which of `UPDATE`
    aren't installed; `check()` raises them.
    """
    snapshot = snapshot if snapshot is not None else addon_tree.Snapshot()
    wrong: list[str] = []
    reasons: dict[str, str] = {}
    install: list[str] = []
    update: list[str] = []
    pending = {name: item.pending for name, item in modules.known.items() if item.pending}

    if settings.installing or (settings.updating and settings.install_missing):
        for name in settings.modules:
            if not modules.installed(name):
                install.append(name)
                reasons[name] = "not installed"
    there = [name for name in sorted(modules.states) if modules.installed(name) or name in modules.unfinished]
    # Install modes check this only if Odoo will be started, or if something is half done.
    looked = bool(settings.updating or resume or install or modules.unfinished)
    lost = broken(there, folders, snapshot) if looked else {}
    if resume or settings.updating:
        for name in sorted(pending):
            if name in lost:
                continue
            if pending[name] == INSTALL and not modules.installed(name) and name not in install:
                install.append(name)
                reasons[name] = "left by an interrupted run"
            elif pending[name] == UPDATE and modules.installed(name):
                update.append(name)
                reasons[name] = "left by an interrupted run"
    wrong += code_problems(install, settings, folders, snapshot)

    if settings.updating and settings.update != ("none",):
        if settings.update == ("all",):
            # UPDATE=all as docs/runtime.md defines it: every installed module with UpdateOnly,
            # those of MODULES with UpdateAndRun
            names = ["base"]
            if not settings.mode.endswith("UpdateOnly"):
                # `base` is in every list of modules, so it counts only if there are no others
                names = [name for name in settings.modules if name != "base"] or names
            for name in names:
                if modules.installed(name) and name not in lost:
                    update.append(name)
                    reasons[name] = "UPDATE is 'all'"
        elif settings.update == ("changed",):
            for name, why in _changed(modules, settings, folders, lost, snapshot, wrong):
                update.append(name)
                reasons.setdefault(name, why)
        else:
            given, unknown = f"UPDATE is {some(settings.update, separator=',')!r}: ", []
            for name in settings.update:
                if not modules.installed(name):
                    unknown.append(name)
                    continue
                if name in lost:
                    wrong.append(
                        f"{given}{lacking(name, lost[name], folders)}; bring it back, or leave {name!r} out of UPDATE"
                    )
                    continue
                update.append(name)
                reasons[name] = "named in UPDATE"
            if unknown:
                near = nearest(unknown[0], (item for item in modules.states if modules.installed(item)))
                one = f"module {unknown[0]!r} is not installed{near}"
                wrong.append(
                    given + (one if len(unknown) == 1 else f"modules {some(map(repr, unknown))} are not installed")
                )

    update = list(dict.fromkeys(update))
    finish: list[str] = []
    if resume or settings.updating or install:
        finish = modules.unfinished + [
            name for name, item in modules.known.items() if item.end_pending and modules.installed(name)
        ]
    return ModulePlan(
        tuple(install),
        tuple(update),
        reasons,
        tuple(name for name in dict.fromkeys(finish) if name not in lost),
        tuple(name for name in lost if modules.installed(name)),
        lost,
        # One that is requested by name is not left alone: Odoo reports what is wrong with it.
        tuple(name for name in lost if name in modules.unfinished and name not in install)
        if settings.updating or settings.installing or resume
        else (),
        tuple(wrong),
    )


def first_plan(modules: Modules, settings: Settings, folders: list[str], auto: Iterable[str]) -> ModulePlan:
    """Return what a first installation still has to do. Modules that an earlier attempt installed
    are updated if they changed since. `auto`: modules that should have installed themselves (see
    `auto_installs`)."""
    snapshot = addon_tree.Snapshot()
    there = [name for name in sorted(modules.states) if modules.installed(name) or name in modules.unfinished]
    lost = broken({*there, *auto}, folders, snapshot)
    wanted = [name for name in settings.modules if not modules.installed(name)]
    wanted += [name for name in auto if name not in wanted and name not in lost]
    wrong: list[str] = []
    changed = dict(_changed(modules, settings, folders, lost, snapshot, wrong))
    return ModulePlan(
        tuple(wanted),
        tuple(changed),
        changed,
        tuple(name for name in modules.unfinished if name not in lost),
        tuple(name for name in lost if modules.installed(name)),
        lost,
        tuple(name for name in lost if name in modules.unfinished and name not in wanted),
        tuple(wrong),
    )


def _changed(
    modules: Modules,
    settings: Settings,
    folders: list[str],
    lost: Mapping[str, tuple[str, ...]],
    snapshot: addon_tree.Snapshot,
    wrong: list[str],
) -> Iterable[tuple[str, str]]:
    """Installed modules whose code differs from the one that was installed, with the reason. Those
    that Odoo cannot load (`lost`) are left alone, unless their own code is new: then that release
    was meant to be deployed, and without its dependencies the module would be switched off. This is
    added to `wrong`, as is a manifest that can't be read."""
    for name in sorted(modules.states):
        if modules.states[name] not in ("installed", "to upgrade"):
            continue
        try:
            addon = snapshot.read(name, folders)
        except ConfigError as exc:
            wrong.append(str(exc))
            continue
        if addon is None or not addon.manifest.get("installable", True):
            continue  # created in the database (studio), or without code: Odoo cannot update it
        known = modules.known.get(name)
        if name in lost:
            if (
                known is not None
                and known.checksum
                and snapshot.checksum(addon, known.languages.split(",")) != known.checksum
            ):
                wrong.append(
                    f"the content of module {name!r} changed, but {lacking(name, lost[name], folders)}; bring it back, or"
                    f" uninstall {name!r}"
                )
            continue
        if modules.states[name] == "to upgrade":
            yield name, "marked to upgrade"
        elif known is None or not known.checksum:
            if not unchanged_elsewhere(modules, addon):
                yield name, "its content was never recorded"
        elif snapshot.checksum(addon, known.languages.split(",")) != known.checksum:
            yield name, "its content changed"
        elif addon.version(settings.version) not in ("", modules.versions.get(name)):
            yield (
                name,
                f"version {modules.versions.get(name) or 'none'} is installed, {addon.version(settings.version)} is there",
            )


def unchanged_elsewhere(modules: Modules, addon: addon_tree.Addon) -> bool:
    """Whether click-odoo-update recorded exactly the content that is on disk now."""
    stored = (modules.foreign.sums or {}).get(addon.name)
    return bool(stored) and stored == click_odoo.checksum(addon.path, modules.foreign.patterns, modules.languages)


def record(cursor: Any, addon: addon_tree.Addon, modules: Modules, run_id: str) -> None:
    """Record a module as it is, without updating it."""
    cursor.execute(
        "INSERT INTO public.odoo_cloud_module (name, checksum, languages, version, run_id, updated_at)"
        " VALUES (%s, %s, %s, %s, %s, clock_timestamp()) ON CONFLICT (name) DO UPDATE"
        " SET checksum = excluded.checksum, languages = excluded.languages, version = excluded.version,"
        " run_id = excluded.run_id, updated_at = excluded.updated_at",
        (
            addon.name,
            addon_tree.checksum(addon, modules.languages),
            ",".join(modules.languages),
            modules.versions.get(addon.name) or None,
            run_id,
        ),
    )


def record_all(cursor: Any, names: Iterable[str], folders: list[str], modules: Modules, run_id: str) -> None:
    """Record each of `names` that has code, as it is."""
    for name in names:
        addon = addon_tree.read(name, folders)
        if addon is not None:
            record(cursor, addon, modules, run_id)


@dataclass(frozen=True)
class Adoption:
    """What adopting a database did or would do."""

    adopted: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()  # those of them that click-odoo-update had recorded
    differ: Mapping[str, str] = field(default_factory=dict)  # module: why it has to be updated
    known: tuple[str, ...] = ()


def adoption(modules: Modules, settings: Settings, folders: list[str]) -> Adoption:
    """Return which installed modules have the same content as the addons folders. If
    click-odoo-update has a record, its hash must match; otherwise the version must be the
    manifest's."""
    adopted, imported, known = [], [], []
    differ: dict[str, str] = {}
    for name in sorted(modules.states):
        item = modules.known.get(name)
        if modules.states[name] != "installed":
            continue
        if item is not None and item.checksum:
            known.append(name)
            continue
        addon = addon_tree.read(name, folders)
        if addon is None or not addon.installable:
            continue
        wanted, there = addon.version(settings.version), modules.versions.get(name)
        if (modules.foreign.sums or {}).get(name):
            if not unchanged_elsewhere(modules, addon):
                differ[name] = "click-odoo-update recorded another content"
                continue
            imported.append(name)
        elif wanted not in ("", there):
            differ[name] = f"version {there or 'none'} is installed, {wanted} is there"
            continue
        adopted.append(name)
    return Adoption(tuple(adopted), tuple(imported), differ, tuple(known))


def export(modules: Modules, folders: list[str], touched: Iterable[str]) -> dict[str, Any]:
    """Return the checksums as click-odoo-update would compute them for this database now. Modules
    that this run has not `touched`, and whose languages are unchanged, keep their recorded
    checksum: hashing all of Odoo again takes longer than ten songs."""
    found: dict[str, Any] = {}
    languages = ",".join(modules.languages)
    done = set(touched)
    for name in sorted(modules.states):
        if modules.states[name] == "installed":
            item, before = modules.known.get(name), (modules.foreign.sums or {}).get(name)
            if before and name not in done and item is not None and item.checksum and item.languages == languages:
                found[name] = before
                continue
            path = addon_tree.find(name, folders)
            found[name] = click_odoo.checksum(path, modules.foreign.patterns, modules.languages) if path else False
    return found


def dependants(connection: Any, names: Iterable[str]) -> list[str]:
    """Return `names` and the installed modules that Odoo updates along with them."""
    with connection.cursor() as cursor:
        return _dependants(cursor, names)


def _dependants(cursor: Any, names: Iterable[str]) -> list[str]:
    cursor.execute(
        "WITH RECURSIVE touched(name) AS (SELECT unnest(%s::varchar[]) UNION"
        " SELECT m.name FROM touched t JOIN public.ir_module_module_dependency d ON d.name = t.name"
        " JOIN public.ir_module_module m ON m.id = d.module_id WHERE m.state IN ('installed', 'to upgrade'))"
        " SELECT name FROM touched ORDER BY name",
        (list(names),),
    )
    return [row[0] for row in cursor.fetchall()]


def auto_installs(connection: Any) -> list[str]:
    """Return the modules that install themselves once all their dependencies are installed. Odoo
    marks them only with the database's first module, and forgets them if that first installation
    fails. From 16 on, modules for certain countries count only if a company is there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.id, m.name FROM public.ir_module_module m WHERE m.auto_install AND m.state = 'uninstalled'"
            " AND EXISTS (SELECT 1 FROM public.ir_module_module_dependency d WHERE d.module_id = m.id)"
            " AND NOT EXISTS (SELECT 1 FROM public.ir_module_module_dependency d"
            " LEFT JOIN public.ir_module_module o ON o.name = d.name WHERE d.module_id = m.id"
            " AND d.auto_install_required AND coalesce(o.state, '') NOT IN ('installed', 'to upgrade', 'to install'))"
            " ORDER BY m.name"
        )
        found = cursor.fetchall()
        cursor.execute("SELECT to_regclass('public.module_country') IS NOT NULL")
        elsewhere: set[int] = set()
        if found and cursor.fetchone()[0]:
            cursor.execute(
                "SELECT module_id FROM public.module_country GROUP BY module_id HAVING NOT bool_or(country_id IN"
                " (SELECT p.country_id FROM public.res_company c JOIN public.res_partner p ON p.id = c.partner_id"
                " WHERE p.country_id IS NOT NULL))"
            )
            elsewhere = {row[0] for row in cursor.fetchall()}
        return [name for ident, name in found if ident not in elsewhere]


def mark(cursor: Any, plan: ModulePlan, run_id: str) -> int:
    """Record what the run is going to do, so that the run after a crash finishes exactly that. Uses
    the transaction that writes the blocking state, so that neither exists without the other.

    Returns how many modules Odoo will touch, 0 if that is not known in advance (dependencies of an
    installation).
    """
    update = [name for name in _dependants(cursor, plan.update) if name not in plan.broken] if plan.update else []
    rows = [(name, UPDATE) for name in update] + [(name, INSTALL) for name in plan.install if name not in update]
    cursor.execute(TABLE_SQL)
    for name, kind in rows:
        cursor.execute(
            "INSERT INTO public.odoo_cloud_module (name, pending, run_id) VALUES (%s, %s, %s)"
            " ON CONFLICT (name) DO UPDATE SET pending = excluded.pending, run_id = excluded.run_id",
            (name, kind, run_id),
        )
    return 0 if plan.install else len(rows)


def problems(modules: Modules, plan: ModulePlan, settings: Settings, folders: list[str]) -> list[str]:
    """Return what differs from the plan; Odoo's exit code is not trusted."""
    found = []
    absent = [name for name in (*plan.install, *plan.update) if not modules.installed(name)]
    if absent:
        found.append(f"not installed: {some(absent)}")
    lost = broken(sorted(plan.asked), folders)
    found += [lacking(name, gone, folders) for name, gone in lost.items()]
    if modules.unfinished:
        found.append(f"left half done: {some(modules.unfinished)}")
    pending = [name for name, item in modules.known.items() if item.pending and modules.installed(name)]
    undone = [name for name in pending if name in plan.update]
    if undone:
        found.append(f"not updated: {some(undone)}")
    for name in (*plan.install, *plan.update):
        addon = addon_tree.read(name, folders)
        wanted = addon.version(settings.version) if addon is not None else ""
        if wanted and modules.installed(name) and modules.versions[name] != wanted:
            found.append(f"{name} has version {modules.versions[name]}, not {wanted}")
    late = [name for name, item in modules.known.items() if item.end_pending and name in plan.update]
    if late:
        found.append(f"end- migration scripts did not run: {some(late)}")
    return found


def refresh(connection: Any, folders: list[str]) -> None:
    """Record the hashes of all modules again with the languages that are active now; for the end of
    a first installation, which loads languages late."""
    modules = read_modules(connection)
    languages = ",".join(modules.languages)
    with connection.cursor() as cursor:
        for name, item in modules.known.items():
            addon = addon_tree.read(name, folders)
            if item.checksum and item.languages != languages and addon is not None:
                cursor.execute(
                    "UPDATE public.odoo_cloud_module SET checksum = %s, languages = %s WHERE name = %s",
                    (addon_tree.checksum(addon, modules.languages), languages, name),
                )


def settle(cursor: Any) -> None:
    """Clear the marks of pending work; in the transaction that writes Ready."""
    cursor.execute("UPDATE public.odoo_cloud_module SET pending = NULL WHERE pending IS NOT NULL")
