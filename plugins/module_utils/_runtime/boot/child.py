# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The child process that imports Odoo: one start does everything of a run (steps.py), including the
update. Odoo 14 to 19.

`odoo -i -u` has no lock of its own, commits a module before its state, and forgets the `end-`
scripts of finished modules after a crash. This process adds:

- every connection that Odoo opens and every commit first checks that the run still holds the lock
  (fence);
- a module, its state and version, and our checkpoint are one transaction (Odoo 14 to 18 commit the
  module first);
- `end-` migration scripts of modules that an interrupted run had finished are run at the end of
  this one.

It reads its order (JSON) from the file descriptor named by ODOO_CLOUD_ORDER, writes events (a JSON
object per line) to a descriptor named in the order, and reads the answers to its questions from
another one.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import logging
import os
import sys
import threading
import time
from typing import Any

from ..addons import tree as addon_tree
from ..addons import update_plan
from ..common.errors import EXIT_LOCK_LOST
from ..database.lock import HELD_SQL, NEWER_SQL
from ..database.pg import LOST_MACHINE

# Loggers whose errors mean that the update is incomplete, although Odoo continues.
STRICT_LOGGERS = (
    "odoo.modules",
    "odoo.modules.loading",
    "odoo.modules.graph",
    "odoo.modules.module_graph",
    "odoo.modules.migration",
)


class Events:
    """Sends one JSON object per line to the runtime, immediately, so that after a kill it is known
    what was done."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.lock = threading.Lock()

    def send(self, event: str, **values: Any) -> None:
        """Send one event."""
        line = json.dumps({"event": event, **values}, default=str) + "\n"
        # The parent may have exited; then this process is about to be killed too, so the error is ignored.
        with self.lock, contextlib.suppress(OSError):
            os.write(self.descriptor, line.encode("utf-8"))


class Fence:
    """Ends this process immediately if its run no longer holds the lock."""

    def __init__(self, order: dict[str, Any], events: Events) -> None:
        self.parameters = {**order["lock"], "token": order["token"]}
        self.database = order["database"]
        self.events = events

    def check(self, connection: Any, table: bool) -> None:
        """End the process if the lock is lost. `table`: also if a newer run has written to the
        history (not visible inside a long transaction)."""
        statement = "SELECT " + HELD_SQL
        if table:
            statement += " AND NOT " + NEWER_SQL
        cursor = connection.cursor()
        try:
            cursor.execute(statement, self.parameters)
            held = cursor.fetchone()
        finally:
            cursor.close()
        if not (held[0] if isinstance(held, tuple) else held):
            self.events.send("lost")
            os._exit(EXIT_LOCK_LOST)


def guard_connections(fence: Fence, name: str, version: int) -> None:
    """Give every session that Odoo opens the run's name, and open it only while the lock is held.
    `version`: Odoo's major version."""
    import psycopg2

    connect = psycopg2.connect
    factories: dict[type[Any], type[Any]] = {}

    def guarded(*args: Any, **values: Any) -> Any:
        factory = None if args else values.get("connection_factory")
        asked = {key: value for key, value in values.items() if key not in ("connection_factory", "password")}
        if factory is not None:  # Odoo's pool
            if factory not in factories:
                factories[factory] = _known_as_asked(factory)
            values["connection_factory"] = factories[factory]
        values["application_name"] = name
        options = [f"-c {item}={value}" for item, value in LOST_MACHINE.items()]
        # which somebody may have set for the role or the database, with requests of users in mind
        options += [f"-c {item}=0" for item in ("statement_timeout", "idle_in_transaction_session_timeout")]
        if version == 14:  # newer versions set it themselves
            options.append("-c lock_timeout=15s")
        values["options"] = " ".join([values.get("options") or "", *options]).strip()
        connection = connect(*args, **values)
        if factory is not None:
            connection.asked = psycopg2.extensions.make_dsn(**asked)
        if connection.info.dbname == fence.database:
            fence.events.send("session")  # the runtime compares their number with what the server counted
        fence.check(_Plain(connection), connection.info.dbname == fence.database)
        connection.rollback()
        return connection

    psycopg2.connect = guarded


def _known_as_asked(factory: type[Any]) -> type[Any]:
    """Makes connections whose `dsn` is the requested one. From 16 on, Odoo's pool reuses a
    connection only if its `dsn` equals the requested one; with our name and options in it, each
    step would open a new connection."""

    class Connection(factory):  # type: ignore[misc, valid-type]
        asked = ""

        @property
        def dsn(self) -> str:
            return self.asked or super().dsn

    return Connection


class _Plain:
    """Plain cursors of a connection, regardless of its owner's cursor class."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def cursor(self) -> Any:
        import psycopg2.extensions

        return self.connection.cursor(cursor_factory=psycopg2.extensions.cursor)


def guard_commits(odoo: Odoo, version: int) -> dict[str, bool]:
    """Refuse commits without the lock. On 14 to 18 the commit in the middle of a module is deferred
    until the module's state is written. Returns a dictionary whose `commit` is true after such a
    commit."""
    fence = odoo.fence
    import psycopg2

    sql_db = importlib.import_module("odoo.sql_db")
    commit = sql_db.Cursor.commit
    deferred = {"commit": False}

    def guarded(self: Any) -> Any:
        if version < 19 and sys._getframe(1).f_code.co_name == "load_module_graph":
            deferred["commit"] = True
            return None
        with contextlib.suppress(psycopg2.errors.InFailedSqlTransaction):  # commit() reports it itself
            fence.check(_Plain(self._cnx), False)
            if not odoo.updating:
                cursor = _Plain(self._cnx).cursor()
                cursor.execute("SELECT pg_catalog.txid_current_if_assigned() IS NOT NULL")
                odoo.commits += bool(cursor.fetchone()[0])
        return commit(self)

    sql_db.Cursor.commit = guarded
    return deferred


def flush(record: Any) -> None:
    """Write to the database what the record's environment keeps in memory."""
    if hasattr(record.env, "flush_all"):  # 16 on
        record.env.flush_all()
    else:
        record.flush()


def module_model() -> Any:
    """Return the class of ir.module.module."""
    models = importlib.import_module("odoo.addons.base.models.ir_module")
    return getattr(models, "IrModuleModule", None) or models.Module  # 18 and later, before


def patch_module_list(odoo: Odoo) -> None:
    """Scan all manifests only once per load: load_modules() updates the list of modules, and
    button_upgrade(), called right afterwards in the same transaction, repeats that (14 to 19) for
    nothing, which takes a quarter of the time of a small update."""
    module = module_model()
    update_list = module.update_list

    @functools.wraps(update_list)
    def once(records: Any) -> Any:
        if not odoo.updating:
            return update_list(records)
        if odoo.listed:
            return [0, 0]  # modules updated, modules added
        result = update_list(records)
        odoo.listed = True
        return result

    module.update_list = once


def forget(records: Any, fields: list[str]) -> None:
    """Discard cached values of these fields, so that Odoo reads them from the database."""
    if hasattr(records, "invalidate_model"):  # 16 on
        records.invalidate_model(fields)
    else:
        records.invalidate_cache(fields)


def patch_broken_modules(odoo: Odoo) -> None:
    """Keep Odoo away from modules that it cannot load, because their code or that of a dependency
    is gone, unless they are requested by name. By itself, Odoo

    - marks an `auto_install` module in a new database although a dependency has no code, and never
      installs it;
    - refuses any installation that would pull in such a module, and any update of all modules if an
      installed one needs it;
    - marks installed modules without code to be upgraded, and leaves them like that, so that no
      cron runs any more.
    """
    module, database = module_model(), importlib.import_module("odoo.modules.db")
    folders = addon_tree.Folders(odoo.order["folders"], odoo.version)
    own_initialize, own_install, own_upgrade = database.initialize, module.button_install, module.button_upgrade

    def broken(cursor: Any, question: str, asked: set[str], whole: bool = False) -> list[str]:
        cursor.execute(question)
        found = update_plan.broken({row[0] for row in cursor.fetchall()} - asked, folders, whole=whole)
        for name, gone in found.items():
            if name not in odoo.told:
                odoo.told.add(name)
                odoo.events.send("left_alone", name=name, gone=list(gone))
        return sorted(found)

    def set_state(cursor: Any, names: list[str], before: tuple[str, ...], after: str) -> None:
        cursor.execute(
            "UPDATE ir_module_module SET state = %s WHERE name = ANY(%s) AND state = ANY(%s)",
            (after, names, list(before)),
        )

    @functools.wraps(own_initialize)
    def initialize(cr: Any) -> None:
        own_initialize(cr)
        names = broken(cr, "SELECT name FROM ir_module_module WHERE state = 'to install'", odoo.asked, True)
        if names:
            set_state(cr, names, ("to install",), "uninstalled")

    @functools.wraps(own_install)
    def button_install(records: Any) -> Any:
        flush(records)
        asked = odoo.asked | set(records.mapped("name"))
        waiting = "SELECT name FROM ir_module_module WHERE auto_install AND state = 'uninstalled'"
        names = broken(records.env.cr, waiting, asked, True)
        alone = records.search([("name", "in", names)]) if names else records.browse()
        alone.write({"auto_install": False})
        result = own_install(records)
        alone.write({"auto_install": True})
        return result

    @functools.wraps(own_upgrade)
    def button_upgrade(records: Any) -> Any:
        if not (odoo.updating and odoo.listed):  # otherwise it scans all manifests first, and would misread our state
            return own_upgrade(records)
        flush(records)
        cursor = records.env.cr
        there = "SELECT name FROM ir_module_module WHERE state IN ('installed', 'to upgrade')"
        names = broken(cursor, there, odoo.asked)
        if not names:
            return own_upgrade(records)
        set_state(cursor, names, ("installed", "to upgrade"), "uninstallable")
        forget(records, ["state"])
        try:
            return own_upgrade(records.filtered(lambda record: record.name not in names))
        finally:
            with contextlib.suppress(Exception):  # in a failed transaction, which is rolled back anyway
                flush(records)
                set_state(cursor, names, ("uninstallable",), "installed")
                forget(records, ["state"])

    database.initialize, module.button_install, module.button_upgrade = initialize, button_install, button_upgrade


class Checkpoint:
    """Writes a module's row of odoo_cloud_module in the transaction in which Odoo commits the module."""

    def __init__(self, order: dict[str, Any], events: Events) -> None:
        self.order, self.events = order, events
        self.folders = addon_tree.Folders(order["folders"], order["version"])
        self.done = 0
        self.began = time.monotonic()

    def patch(self) -> None:
        """Let Odoo's write of a module's final state also write the row."""
        module = module_model()
        write = module.__dict__.get("write")
        checkpoint = self

        def guarded(records: Any, vals: dict[str, Any]) -> Any:
            final = set(vals) == {"state", "latest_version"} and vals["state"] == "installed" and len(records) == 1
            name = before = None
            if final:
                flush(records)
                records.env.cr.execute(
                    "SELECT name, CASE WHEN state = 'to upgrade' THEN latest_version END FROM ir_module_module WHERE id = %s",
                    (records.id,),
                )
                name, before = records.env.cr.fetchone()
            result = write(records, vals) if write else super(module, records).write(vals)
            if final:
                flush(records)
                checkpoint.store(records.env.cr, name, vals["latest_version"], before)
                if checkpoint.order["version"] < 19:
                    records.env.cr.commit()
            return result

        module.write = guarded

    def store(self, cursor: Any, name: str, version: str, before: str | None) -> None:
        """Write the row of the module `name`. `before`: the version from which it was updated,
        `None` for an installation."""
        cursor.execute("SELECT code FROM res_lang WHERE active ORDER BY code")
        languages = [row[0] for row in cursor.fetchall()]
        addon = addon_tree.read(name, self.folders)
        checksum = addon_tree.checksum(addon, languages) if addon is not None else None
        cursor.execute(
            "INSERT INTO public.odoo_cloud_module"
            " (name, checksum, languages, version, pending, from_version, end_pending, run_id, updated_at)"
            " VALUES (%s, %s, %s, %s, NULL, %s, %s, %s, clock_timestamp()) ON CONFLICT (name) DO UPDATE"
            " SET checksum = excluded.checksum, languages = excluded.languages, version = excluded.version, pending = NULL,"
            # end- scripts that are still due start from the version from which they would have started then
            " from_version = CASE WHEN odoo_cloud_module.end_pending THEN odoo_cloud_module.from_version"
            " ELSE excluded.from_version END,"
            " end_pending = odoo_cloud_module.end_pending OR excluded.end_pending, run_id = excluded.run_id,"
            " updated_at = excluded.updated_at",
            (
                name,
                checksum,
                ",".join(languages),
                version,
                before,
                before is not None,
                self.order["run_id"],
            ),
        )
        self.done += 1
        now = time.monotonic()
        self.events.send(
            "module", name=name, version=version, before=before, done=self.done, seconds=round(now - self.began, 3)
        )
        self.began = now


@contextlib.contextmanager
def translations_overwritten(wanted: bool) -> Any:
    """Let an update overwrite translations on Odoo 14, if `wanted`: it puts `overwrite` into the
    context, where its own method doesn't read it."""
    if not wanted:
        yield
        return
    module = importlib.import_module("odoo.addons.base.models.ir_module").Module
    own = module._update_translations

    def update(records: Any, filter_lang: Any = None, overwrite: bool = False) -> Any:
        return own(records, filter_lang, overwrite or bool(records.env.context.get("overwrite")))

    module._update_translations = update
    try:
        yield
    finally:
        module._update_translations = own


def patch_end_scripts(odoo: Odoo) -> None:
    """Also run the `end-` scripts of modules that an interrupted run had finished, and record in
    the same transaction that they ran."""
    migration = importlib.import_module("odoo.modules.migration")
    registries = importlib.import_module("odoo.modules.registry")
    manager = migration.MigrationManager
    create, migrate = manager.__init__, manager.migrate_module
    late: dict[str, str] = odoo.order["late"]

    def initialise(self: Any, cr: Any, graph: Any) -> None:
        registry = registries.Registry.registries[cr.dbname]
        for package in graph if odoo.updating else ():
            # A new process of Odoo doesn't know that a module was updated; if it is updated again
            # now, it starts from the older version.
            if package.name in late and package.state == "installed" and package.name in registry._init_modules:
                package.load_state, package.load_version = "to upgrade", late[package.name]
        create(self, cr, graph)

    def migrated(self: Any, package: Any, stage: str) -> None:
        migrate(self, package, stage)
        if stage == "end":
            self.cr.execute(
                "UPDATE public.odoo_cloud_module SET end_pending = false WHERE name = %s AND end_pending",
                (package.name,),
            )
            late.pop(package.name, None)

    manager.__init__, manager.migrate_module = initialise, migrated


class ErrorRecords(logging.Handler):
    """Reports errors that Odoo only logs."""

    def __init__(self, odoo: Odoo) -> None:
        super().__init__(logging.ERROR)
        self.odoo = odoo

    def emit(self, record: logging.LogRecord) -> None:
        """Send an error of the loggers that matter as an event."""
        if self.odoo.updating and record.name in STRICT_LOGGERS:
            self.odoo.events.send("error", message=record.getMessage()[:2000])


def import_odoo(version: int, executable: str) -> Any:
    """Import Odoo's framework and return it. `version`: the major version; from 19 on `odoo` is a
    namespace package that has to be initialised. `executable`: Odoo's program."""
    beside = os.path.dirname(os.path.realpath(executable))
    if beside not in sys.path and os.path.isfile(os.path.join(beside, "odoo", "addons", "base", "__manifest__.py")):
        sys.path.insert(0, beside)  # a source checkout: odoo-bin is beside the package
    if version >= 19:
        importlib.import_module("odoo.init")
    odoo = importlib.import_module("odoo")
    for name in ("tools", "service.server", "modules.loading", "modules.registry", "modules.migration", "sql_db"):
        importlib.import_module(f"odoo.{name}")
    return odoo


class Odoo:
    """Odoo's framework in this process, imported when it is first needed."""

    def __init__(self, order: dict[str, Any], events: Events, fence: Fence) -> None:
        self.order, self.events, self.fence = order, events, fence
        self.version: int = order["version"]
        self.module: Any = None  # the package odoo
        self.commits = 0  # of transactions that wrote, on any cursor
        self.changed = False  # whether modules changed and other processes were not notified yet
        self.updating = False
        self.listed = False  # whether this load has updated the list of modules
        self.asked: set[str] = set()  # modules that are installed or updated because they were named
        self.told: set[str] = set()  # modules that were reported as left alone
        self.stack = contextlib.ExitStack()

    def start(self) -> None:
        """Import and configure Odoo; a second call does nothing."""
        if self.module is not None:
            return
        order, began = self.order, time.monotonic()
        odoo = import_odoo(self.version, order["executable"])
        import csv

        csv.field_size_limit(500 * 1024 * 1024)  # like the server command, for attachments in CSV files
        keywords = {"setup_logging": True} if self.version >= 18 else {}
        odoo.tools.config.parse_config(order["arguments"], **keywords)
        logging.getLogger().addHandler(ErrorRecords(self))
        odoo.service.server.load_server_wide_modules()
        sys.modules["odoo.modules.module"].load_openerp_module("base")
        if self.version < 19:
            from .serve import guard_plain_loads

            guard_plain_loads()  # a registry for songs must not upgrade what an interrupted run left
        guard_commits(self, self.version)
        Checkpoint(order, self.events).patch()
        patch_module_list(self)
        patch_broken_modules(self)
        patch_end_scripts(self)
        self.module = odoo
        if self.version == 14:
            self.stack.enter_context(importlib.import_module("odoo.api").Environment.manage())
        gc.freeze()
        gc.enable()
        self.events.send("booted", seconds=round(time.monotonic() - began, 3))

    @contextlib.contextmanager
    def changing(self) -> Any:
        """Mark the time in which modules are changed: errors that Odoo only logs count, end-
        scripts run."""
        self.updating, self.listed = True, False
        try:
            yield
        finally:
            self.updating = False

    def update(self, install: list[str], update: list[str], override_translations: bool = False) -> None:
        """Install and update these modules in one load, which also finishes those that are half done."""
        self.start()
        self.reset()
        self.asked = {*install, *update}
        config = self.module.tools.config
        if self.version < 19 and self.order["first"] and self.order["demo"]:
            config["demo"] = {"all": 1}  # Odoo sets it only in the process that creates the tables
        if override_translations:
            config["overwrite_existing_translations"] = True
        registries = sys.modules["odoo.modules.registry"].Registry
        try:
            with self.changing(), translations_overwritten(override_translations and self.version < 16):
                if self.version >= 19:
                    registry = registries.new(
                        self.order["database"],
                        update_module=True,
                        install_modules=install,
                        upgrade_modules=update,
                        new_db_demo=self.order["demo"],
                    )
                else:
                    config["init"] = dict.fromkeys(install, 1)
                    config["update"] = dict.fromkeys(update, 1)
                    registry = registries.new(self.order["database"], update_module=True)
        finally:
            if override_translations:
                config["overwrite_existing_translations"] = False
        if self.version < 18:  # newer versions signal by themselves
            registry.registry_invalidated = True
        self.signal(registry)

    def registry(self) -> Any:
        """Return the current registry, even if it was replaced."""
        self.start()
        return sys.modules["odoo.modules.registry"].Registry(self.order["database"])

    def signal(self, registry: Any = None) -> None:
        """Notify Odoo's other processes that their registry or caches are outdated."""
        registry = registry if registry is not None else self.registry()
        if self.changed and self.version < 18:
            registry.registry_invalidated = True
        self.changed = False
        registry.signal_changes()

    def forget_caches(self) -> None:
        """Clear the caches of all processes after the database was changed without Odoo."""
        if (
            self.module is None
            or self.order["database"] not in sys.modules["odoo.modules.registry"].Registry.registries
        ):
            return
        registry = self.registry()
        clear = getattr(registry, "clear_all_caches", None) or getattr(registry, "_clear_cache", None)
        if clear is not None:
            clear()
        self.signal(registry)

    def rest(self) -> None:
        """Close all connections and drop the registry; the next step that needs one loads it again."""
        if self.module is None:
            return
        self.reset()
        sys.modules["odoo.modules.registry"].Registry.delete(self.order["database"])
        getattr(sys.modules["odoo.sql_db"], "close_all", lambda: None)()

    def reset(self) -> None:
        """Reset Odoo's environments (14 only)."""
        if self.version == 14:
            importlib.import_module("odoo.api").Environment.reset()

    @contextlib.contextmanager
    def cursor(self, registry: Any) -> Any:
        """Yield a cursor that is rolled back unless it was committed."""
        self.reset()
        cursor = registry.cursor()
        try:
            yield cursor
        finally:
            with contextlib.suppress(Exception):
                cursor.rollback()
            with contextlib.suppress(Exception):
                cursor.close()
            self.reset()

    @staticmethod
    def plain(cursor: Any) -> Any:
        """Return a plain cursor in the same transaction."""
        return _Plain(cursor._cnx).cursor()

    def env(self, cursor: Any, before_update: bool) -> Any:
        """Return the superuser's environment. Before an update new code meets old tables, so no
        fields are prefetched and not even the user's own record is read."""
        environment = importlib.import_module("odoo.api").Environment
        if not before_update:
            return environment(cursor, 1, environment(cursor, 1, {})["res.users"].context_get())
        plain = self.plain(cursor)
        plain.execute(
            "SELECT p.lang, p.tz FROM public.res_users u JOIN public.res_partner p ON p.id = u.partner_id WHERE u.id = 1"
        )
        lang, zone = plain.fetchone() or (None, None)
        return environment(cursor, 1, {"lang": lang or "en_US", "tz": zone or False, "prefetch_fields": False})

    @staticmethod
    def flush(env: Any) -> None:
        """Write to the database what the environment keeps in memory."""
        if hasattr(env, "flush_all"):
            env.flush_all()
        else:
            env["base"].flush()


class Channel:
    """Questions to the runtime, each answered in one line."""

    def __init__(self, events: Events, descriptor: int) -> None:
        self.events = events
        self.stream = open(descriptor, encoding="utf-8")  # noqa: SIM115 - as long as the process

    def ask(self, question: str, **values: Any) -> dict[str, Any]:
        """Send a question and return the answer. Ends the process if the runtime is gone."""
        self.events.send("ask", question=question, **values)
        line = self.stream.readline()
        if not line:
            os._exit(EXIT_LOCK_LOST)  # the runtime is gone, or has closed the channel
        return json.loads(line)


def work(order: dict[str, Any], events: Events) -> None:
    """Do what the order says; Odoo is imported as soon as it is needed."""
    from . import steps

    fence = Fence(order, events)
    guard_connections(fence, order["name"], order["version"])
    sys.argv = [order["executable"]]
    threading.current_thread().dbname = order["database"]  # type: ignore[attr-defined]  # for Odoo's log lines
    odoo = Odoo(order, events, fence)
    with odoo.stack:
        steps.Performer(order, events, fence, odoo, Channel(events, order["replies"]).ask).perform()


def read_order() -> dict[str, Any]:
    """Return the order, read from a pipe because an order with its steps may be too long for a
    variable."""
    descriptor = int(os.environ.pop("ODOO_CLOUD_ORDER"))
    with open(descriptor, encoding="utf-8") as handle:
        text = handle.read()
    if not text:  # nothing to do
        os._exit(0)
    return json.loads(text)


def main(arguments: list[str]) -> int:
    """Run the process. `arguments`: version and executable of an Odoo to import while the order
    isn't known yet."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    os.environ["DATABASE_RECONNECT"] = "0"  # ending a session of a run is meant to end the run
    os.chdir("/")
    # importing leaves hardly any garbage, and collecting takes a tenth of the time; start() enables
    # it again
    gc.disable()
    trouble: BaseException | None = None
    if arguments:
        sys.argv = arguments[1:]
        try:
            import_odoo(int(arguments[0]), arguments[1])
        except BaseException as exc:  # noqa: BLE001 - reported once there is a channel
            trouble = exc
    order = read_order()
    events = Events(order["events"])
    for name in ("events", "replies"):
        os.set_inheritable(order[name], False)
    from .steps import Reported

    try:
        if trouble is not None:
            raise trouble
        work(order, events)
    except Reported:
        return 1
    except BaseException as exc:  # noqa: BLE001 - SystemExit of a migration script is a failure too
        last = exc.__traceback__
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        where = f"{last.tb_frame.f_code.co_filename}:{last.tb_lineno}" if last is not None else ""
        events.send("failed", type=type(exc).__name__, message=" ".join(str(exc).split())[:1500], where=where)
        logging.getLogger("odoo_cloud").error("the modules could not be installed or updated", exc_info=True)
        return 1
    events.send("done")
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads of addons must not keep the process alive
