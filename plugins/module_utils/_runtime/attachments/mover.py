# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""`odoo-cloud attachments move | audit`: attachments from one place to another while Odoo serves, and whether all are there.

Plain SQL and the stores' libraries, Odoo is not imported. What keeps contents safe:

- A content is written to its new place and verified there before its row names that place, and the row is changed only if it is still
  what was read (compare and set, under a row lock that lasts milliseconds). Uploads run in parallel beside the transaction.
- What is left at the old place is deleted later, when no row names it, no transaction is open that may see the row as it was,
  and no run is at work on the database: so a way back from an update finds everything that its restore point names.
- Each upload and each deletion is written down before it is done (odoo_cloud_attachment): a run that is killed leaves nothing that the next
  one does not find. The addons' advisory locks (store/objects.py) are taken, so that Odoo does not delete what is just being moved to.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, NamedTuple

from ..common import config, log, variables
from ..common.config import Settings
from ..common.errors import (
    EXIT_ATTACHMENTS,
    EXIT_STORE,
    ConfigError,
    Held,
    PlatformRefused,
    Refused,
    RuntimeFailure,
    UsageError,
    WaitTimeout,
)
from ..database import lock, pg, state
from ..rules import check
from ..rules import environment as cloud_platform
from ..store import objects as object_store
from .places import DATABASE, FILE, PLACES, Broken, Content, Files, Objects, Place, place_name

if pg.psycopg2 is not None:
    from psycopg2.extras import execute_values

JOURNAL_SQL = """
CREATE TABLE IF NOT EXISTS public.odoo_cloud_attachment (
    fname varchar NOT NULL, kind varchar NOT NULL, run_id varchar, at timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (fname, kind))
"""
UPLOAD, DELETE = "upload", "delete"
# Second key of the lock that keeps two movers apart; the first is the runtime's own.
MOVER_KEY = object_store.lock_number("attachments")

LOCATION = "ir_attachment.location"
BATCH_BYTES = 64 * 1024**2
PASSES = 4
SWEEP_SECONDS = 5.0
SWEEP_ROWS = 1000
LARGEST = 2**31 - 1  # what the column file_size can say
TOLD = 100  # so many of each kind are named in the result
LOST_SECONDS = 60.0  # so long the server may keep a session whose other end is gone
TRIES = 5  # connections to PostgreSQL that may break without anything moved in between

ROWS_SQL = """
SELECT id, store_fname, checksum, coalesce(file_size, 0), coalesce(mimetype, ''), coalesce(octet_length(db_datas), 0)
  FROM public.ir_attachment
 WHERE type = 'binary' AND id > %s AND (store_fname IS NOT NULL OR db_datas IS NOT NULL)
 ORDER BY id LIMIT %s
"""

# A row that somebody changed meanwhile is no longer what was read, and one that somebody holds is left for the next pass.
NAME_SQL = """
WITH todo (id, old, checksum, new, size, sha) AS (VALUES %s),
     mine AS (SELECT a.id FROM public.ir_attachment a JOIN todo t ON t.id = a.id
               AND a.store_fname IS NOT DISTINCT FROM t.old AND a.checksum IS NOT DISTINCT FROM t.checksum AND a.type = 'binary'
               FOR UPDATE OF a SKIP LOCKED)
UPDATE public.ir_attachment a SET store_fname = t.new, db_datas = NULL, file_size = t.size, checksum = t.sha
  FROM todo t JOIN mine USING (id) WHERE a.id = t.id RETURNING a.id
"""
NAME_TEMPLATE = "(%s::int, %s::varchar, %s::varchar, %s::varchar, %s::int, %s::varchar)"

INTO_DATABASE_SQL = """
UPDATE public.ir_attachment SET store_fname = NULL, db_datas = %(data)s, file_size = %(size)s, checksum = %(sha)s
 WHERE id IN (SELECT id FROM public.ir_attachment WHERE id = ANY(%(ids)s) AND type = 'binary'
              AND store_fname IS NOT DISTINCT FROM %(old)s AND checksum IS NOT DISTINCT FROM %(checksum)s
              FOR UPDATE SKIP LOCKED)
RETURNING id
"""

# Snapshots that may still see a row as it was before a transaction of ours; Odoo's sessions have our role, so they are shown.
OLDEST_SNAPSHOT_SQL = """
SELECT coalesce(max(age(backend_xmin)), -1) FROM pg_catalog.pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_catalog.pg_backend_pid() AND backend_xmin IS NOT NULL
"""


class StoreFailed(RuntimeFailure):
    exit_code = EXIT_STORE


class Row(NamedTuple):
    id: int
    fname: str | None
    checksum: str | None
    size: int
    mimetype: str
    db_size: int

    @property
    def place(self) -> str:
        return place_name(self.fname)

    @property
    def bytes(self) -> int:
        return self.db_size or self.size


@dataclass(frozen=True)
class Options:
    """What the command line said."""

    action: str
    to: str = ""
    sources: tuple[str, ...] = ()
    dry_run: bool = False
    workers: int = 16
    batch: int = 200
    keep: bool = False
    foreign: bool = False
    verify: str = "store"
    set_location: bool = False
    drain: float = 60.0
    deep: bool = False
    repair: bool = False
    grace: float = 3600.0
    orphan_limit: int = 50


def _within(low: float, high: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r}: must be a number from {low:g} to {high:g}")
        return value

    return convert


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise UsageError(f"{self.prog}: {message}")


def parse_options(arguments: Sequence[str]) -> Options:
    parser = _Parser(prog="odoo-cloud attachments", description=__doc__.splitlines()[0], allow_abbrev=False)
    actions = parser.add_subparsers(dest="action", required=True, parser_class=_Parser)
    move = actions.add_parser(
        "move", allow_abbrev=False, help="to where they belong; JSON on stdout, progress on stderr"
    )
    move.add_argument(
        "--to", choices=PLACES, default="", help="default: what the database says (ir_attachment.location)"
    )
    move.add_argument("--from", dest="sources", default="", help="only from these places (file,db,s3,swift)")
    move.add_argument("--dry-run", action="store_true", help="say what would be moved, touch nothing")
    move.add_argument("--keep", action="store_true", help="delete nothing at the old places")
    move.add_argument("--foreign", action="store_true", help="also copy what is in another bucket of the same store")
    move.add_argument("--set-location", action="store_true", help="make it the place of new attachments first")
    move.add_argument("--verify", choices=("store", "read"), default="store",
                      help="by the checksum that the store confirms, or by reading each content again")  # fmt: skip
    move.add_argument(
        "--batch", type=_within(1, 2000, int), default=200, help="attachments per commit (default %(default)s)"
    )
    move.add_argument("--drain", type=_within(0, 86400, float), default=60.0,
                      help="seconds that open transactions are waited for at the end, before old contents are deleted"
                           " (default %(default)s)")  # fmt: skip
    audit = actions.add_parser("audit", allow_abbrev=False, help="compare the database with all places; JSON on stdout")
    audit.add_argument("--deep", action="store_true", help="read every content and compute its checksum")
    audit.add_argument("--repair", action="store_true", help="bring back what is found elsewhere, delete orphans")
    audit.add_argument("--dry-run", action="store_true", help="with --repair: only say what it would do")
    audit.add_argument("--grace", type=_within(0, 10**8, float), default=3600.0,
                       help="seconds that an orphan must be old to be deleted (default %(default)s)")  # fmt: skip
    audit.add_argument("--orphan-limit", type=_within(0, 100, int), default=50,
                       help="delete none when more than so many per cent are orphans: it may be another database's bucket"
                            " (default %(default)s)")  # fmt: skip
    for one in (move, audit):
        one.add_argument(
            "--workers", type=_within(1, 64, int), default=16, help="parallel transfers (default %(default)s)"
        )
    found = vars(parser.parse_args(list(arguments)))
    sources = tuple(name for name in found.pop("sources", "").split(",") if name)
    for name in sources:
        if name not in PLACES:
            raise UsageError(f"--from {name}: must be of {', '.join(PLACES)}")
    return Options(sources=sources, **found)


@dataclass
class Tally:
    """What was done, by kind."""

    moved: dict[str, int] = field(default_factory=dict)  # "file -> s3": rows
    bytes: int = 0
    deleted: int = 0
    healed: int = 0  # their content was found elsewhere
    skipped: int = 0  # changed by somebody meanwhile
    missing: list[dict[str, Any]] = field(default_factory=list)
    corrupt: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(self.moved.values())

    def troubles(self) -> int:
        return len(self.missing) + len(self.corrupt) + len(self.failed)


class Session:
    """Connections to one database, its places, and what every action needs of them."""

    def __init__(self, env: Mapping[str, str], options: Options) -> None:
        self.env, self.options = env, options
        self.settings: Settings = config.load(env)
        if self.settings.list_db:
            raise ConfigError("LIST_DB is True: name one database with DB_NAME")
        self.run_id = uuid.uuid4().hex[:12]
        self.name = pg.application_name("attachments", self.run_id, self.settings.host)
        self.control: Any = None
        self.database: Any = None
        self.locked = False
        self.off = variables.is_true("DISABLE_ATTACHMENT_STORAGE", env=env)
        self.places: dict[str, Place] = {FILE: Files(self.settings)}
        self.problems: dict[str, str] = {}  # stores that cannot be used, and why
        for scheme in object_store.SCHEMES:
            if self.off:
                self.problems[scheme] = "DISABLE_ATTACHMENT_STORAGE is on: the store is neither read nor written"
                continue
            try:
                self.places[scheme] = Objects(scheme, self.settings, env)
            except ConfigError as exc:
                self.problems[scheme] = str(exc)
        self.location = ""
        self.rules: Mapping[str, int] = {}
        self.installed: frozenset[str] = frozenset()

    def __enter__(self) -> Session:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *dummy: object) -> None:
        self.close()

    def open(self) -> None:
        if self.control is None or self.control.closed:
            self.control = pg.wait_for_server(self.settings, self.name)
        if self.database is None or self.database.closed:
            self.locked = False
            self.database = pg.connect(self.settings, self.settings.db_name, self.name)
            with self.database.cursor() as cursor:
                cursor.execute(
                    "SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off"
                )
            self._look()

    def close(self) -> None:
        self.close_database()
        if self.control is not None:
            self.control.close()

    def close_database(self) -> None:
        if self.database is not None:
            self.database.close()
        self.locked = False

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.database.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall()) if cursor.description else []

    def _look(self) -> None:
        contents = state.read_contents(self.database)
        if not contents.initialised:
            raise Refused(
                f"database {self.settings.db_name!r} is no initialised Odoo database: there are no attachments"
            )
        self.installed = contents.installed
        parameters = dict(
            self.rows(
                "SELECT key, value FROM public.ir_config_parameter WHERE key = ANY(%s)",
                [LOCATION, object_store.STAYS_PARAMETER],
            )
        )
        self.location = parameters.get(LOCATION) or FILE
        try:
            self.rules = object_store.database_rules(parameters.get(object_store.STAYS_PARAMETER))
        except ValueError as exc:
            raise ConfigError(f"system parameter {exc}") from exc

    def take_lock(self) -> None:
        """One mover for each database: two would only be in each other's way."""
        if self.locked:
            return
        if not self.rows("SELECT pg_catalog.pg_try_advisory_lock(%s, %s)", lock.NAMESPACE, MOVER_KEY)[0][0]:
            raise Held(f"database {self.settings.db_name!r}: its attachments are being moved or repaired already")
        self.locked = True

    def blocked(self) -> str:
        """Who or what keeps us from changing anything now; empty when the database is open and nobody works on it."""
        held = lock.holder(self.control, self.settings.db_name)
        if held is not None:
            return f"{held} works on it"
        latest = state.read_history(self.database).latest
        return "" if latest is None or latest.open else f"state {latest}"

    def wait_until_open(self) -> None:
        """Waits, without a session in the database that a clone or a restore would have to end."""
        reason, since, said = self.blocked(), time.monotonic(), ""
        while reason:
            if reason != said:
                log.info(f"waiting: {reason}")
                said = reason
            held = "works on it" in reason
            if held:
                since = time.monotonic()  # TIMEOUT is for databases that nobody works on
            elif time.monotonic() - since > self.settings.timeout:
                raise WaitTimeout(
                    f"database {self.settings.db_name!r} is not open for {self.settings.timeout:.0f} s: {reason}"
                )
            self.close_database()
            time.sleep(1)
            if lock.holder(self.control, self.settings.db_name) is None:
                self.open()
                reason = self.blocked()
        self.take_lock()

    def place(self, name: str) -> Place:
        """A place that must be usable."""
        if name in self.places:
            return self.places[name]
        raise ConfigError(self.problems.get(name) or f"{name!r}: no addon of ours reads this store")

    def check_buckets(self) -> None:
        """The rules of the environment: a copy that names production's bucket would write and delete in it."""
        environment = check.environment_of(self.env, self.settings.conf)
        if not environment or cloud_platform.unsafe(self.env):
            return
        project = variables.text("ODOO_CLOUD_PROJECT", env=self.env)
        problems = []
        for scheme, rule in cloud_platform.STORES.items():
            bucket = variables.text(rule.bucket, env=self.env)
            if scheme in self.places and bucket and not self.env.get(rule.unstructured):
                problems += cloud_platform.bucket_problems(
                    rule.bucket, bucket, environment, project, self.settings.db_name
                )
        if problems:
            raise PlatformRefused("; ".join(problems))

    def warn_of_place(self, target: str) -> None:
        """What the rules say of this place: moving back is right before a database leaves the platform, and wrong else."""
        kind = variables.text(check.KIND, env=self.env)
        environment = check.environment_of(self.env, self.settings.conf)
        if kind not in cloud_platform.KINDS or not environment or cloud_platform.unsafe(self.env):
            return
        for problem in cloud_platform.filestore_problems(kind, environment, target, self.env):
            log.warning(f"the next start will refuse the database: {problem}")
        if target == FILE:
            log.warning("replicas without this disk can't show what is moved to local files")

    def content(self) -> Content:
        return Content(self.settings.data_dir if os.access(self.settings.data_dir, os.W_OK) else "")

    # -- reading

    def candidates(self, row: Row) -> list[str]:
        """Where the row's content may be outside the database, the right place first."""
        found = [row.fname] if row.fname else []
        if row.checksum:
            found += [place.fname(row.checksum) for place in self.places.values()]
        return list(dict.fromkeys(found))

    def read(self, fname: str) -> Content | None:
        place = self.place(place_name(fname))
        content = self.content()
        try:
            if place.read(fname, content):
                return content
        except BaseException:
            content.close()
            raise
        content.close()
        return None

    def find(self, row: Row, skip: str | None = None) -> tuple[Content | None, str]:
        """The row's content, and what is wrong with the place that the row names ('', missing, corrupt)."""
        wrong = ""
        for fname in self.candidates(row):
            if fname == skip:
                continue
            try:
                content = self.read(fname)
            except (Broken, ConfigError):
                if fname == row.fname:
                    raise
                continue
            if content is not None and row.checksum in (None, "", content.checksum):
                return content, wrong
            if fname == row.fname:
                wrong = "missing" if content is None else "corrupt"
            if content is not None:
                content.close()
        return None, wrong or "missing"

    def find_in_rows(self, row: Row) -> Content | None:
        """The content from another row that has the same."""
        if not row.checksum:
            return None
        for fname, data in self.rows(
            "SELECT store_fname, db_datas FROM public.ir_attachment WHERE checksum = %s AND (id <> %s OR db_datas IS NOT NULL)"
            " AND (store_fname IS NOT NULL OR db_datas IS NOT NULL) LIMIT 5", row.checksum, row.id,
        ):  # fmt: skip
            content: Content | None
            if data is not None:
                content = self.content()
                content.write(bytes(data))
            else:
                try:
                    content = self.read(fname)
                except (Broken, ConfigError):
                    continue
            if content is not None and content.checksum == row.checksum:
                return content
            if content is not None:
                content.close()
        return None

    def in_database(self, ids: Sequence[int]) -> dict[int, Content]:
        """The contents that are in the database."""
        found = {}
        for number, data in self.rows(
            "SELECT id, db_datas FROM public.ir_attachment WHERE id = ANY(%s) AND store_fname IS NULL AND db_datas IS NOT NULL",
            list(ids),
        ):
            found[number] = self.content()
            found[number].write(bytes(data))
        return found

    def verify(self, place: Place, content: Content, confirmed: bool) -> None:
        """The new place has the content: by the store's word, or by reading it."""
        if confirmed and self.options.verify == "store":
            return
        fname = place.fname(content.checksum)
        again = self.read(fname)
        if again is None:
            raise Broken(f"{fname}: written, but it isn't there")
        with again:
            if again.checksum != content.checksum or again.size != content.size:
                raise Broken(f"{fname}: written, but something else is read")

    # -- what is written down, and what has to go

    def journal(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {UPLOAD: [], DELETE: []}
        if self.rows("SELECT to_regclass('public.odoo_cloud_attachment') IS NOT NULL")[0][0]:
            for fname, kind in self.rows("SELECT fname, kind FROM public.odoo_cloud_attachment"):
                found.setdefault(kind, []).append(fname)
        return found

    def note(self, cursor: Any, kind: str, fnames: Sequence[str]) -> None:
        if fnames:
            execute_values(
                cursor,
                "INSERT INTO public.odoo_cloud_attachment (fname, kind, run_id) VALUES %s"
                " ON CONFLICT (fname, kind) DO UPDATE SET run_id = EXCLUDED.run_id, at = now()",
                [(fname, kind, self.run_id) for fname in sorted(set(fnames))],
                page_size=1000,
            )

    def forget(self, cursor: Any, kind: str, fnames: Sequence[str]) -> None:
        if fnames:
            cursor.execute(
                "DELETE FROM public.odoo_cloud_attachment WHERE kind = %s AND fname = ANY(%s)", (kind, list(fnames))
            )

    def usable(self, fname: str) -> Place | None:
        """The place where we may delete this; None when it isn't ours or can't be reached now."""
        place = self.places.get(place_name(fname))
        return place if place is not None and place.owns(fname) else None

    def settle(self, kind: str, fnames: Sequence[str]) -> tuple[list[str], list[str]]:
        """(deleted, left for later) of what was written down: what no row names goes, what rows name is only forgotten."""
        deleted: list[str] = []
        later: list[str] = []
        for place_of, some in _grouped(fnames, place_name).items():
            place = self.places.get(place_of)
            if place is None:
                later += some
                continue
            foreign = [fname for fname in some if not place.owns(fname)]
            mine = [fname for fname in some if place.owns(fname)]
            for start in range(0, len(mine), 200):
                part = mine[start : start + 200]
                faults: dict[str, str] = {}
                try:
                    with pg.transaction(self.database) as cursor:
                        if place_of == FILE:
                            # As Odoo's own collector: who has written a row that names a file has ended before we look.
                            cursor.execute("SET LOCAL lock_timeout = '500ms'")
                            cursor.execute("LOCK TABLE public.ir_attachment IN SHARE MODE")
                        found = object_store.settle(cursor, part, functools.partial(_delete, place, faults))
                        done = [fname for fname in (*found.deleted, *found.named) if fname not in faults]
                        self.forget(cursor, kind, done)
                except pg.psycopg2.errors.LockNotAvailable:
                    later += part
                    continue
                except Broken as exc:
                    log.warning(str(exc))
                    later += part
                    continue
                for fname, reason in list(faults.items())[:3]:
                    log.warning(f"{fname} cannot be deleted: {reason}")
                deleted += [fname for fname in found.deleted if fname not in faults]
                later += [*found.busy, *found.again, *found.kept, *faults]
            if foreign:
                with pg.transaction(self.database) as cursor:
                    self.forget(cursor, kind, foreign)
        return deleted, later

    def sweep(self) -> tuple[int, int]:
        """Delete what rows named before, as far as nobody can still see it so: (deleted, left for later)."""
        if self.blocked():
            return 0, len(self.journal()[DELETE])
        oldest = self.rows(OLDEST_SNAPSHOT_SQL)[0][0]
        ready = [
            fname for (fname,) in self.rows(
                "SELECT fname FROM public.odoo_cloud_attachment WHERE kind = %s AND age(xmin) > %s ORDER BY at LIMIT 50000",
                DELETE, oldest,
            )
        ]  # fmt: skip
        deleted, dummy = self.settle(DELETE, ready)
        return len(deleted), len(self.journal()[DELETE])

    def pages(self, number: int = 2000) -> Iterator[list[Row]]:
        last = 0
        while True:
            page = [Row(*row) for row in self.rows(ROWS_SQL, last, number)]
            if not page:
                return
            yield page
            last = page[-1].id


def _delete(place: Place, faults: dict[str, str], names: list[str]) -> None:
    """Deletes there; what could not be deleted, and why, is in `faults` afterwards."""
    faults.update(place.delete(names))


def _grouped(items: Sequence[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    result: dict[Any, list[Any]] = {}
    for item in items:
        result.setdefault(key(item), []).append(item)
    return result


class Pool:
    """Parallel transfers; the first unexpected error is raised."""

    def __init__(self, workers: int) -> None:
        self.pool = concurrent.futures.ThreadPoolExecutor(workers)

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        return list(self.pool.map(function, items))

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *dummy: object) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)


@dataclass
class Group:
    """Rows of one batch that have the same content at the same place, and go to the same."""

    rows: list[Row]
    target: str
    checksum: str = ""
    size: int = 0
    data: bytes | None = None  # for the database
    given: Content | None = None  # was in the database
    trouble: str = ""  # missing, corrupt, failed
    reason: str = ""
    healed: bool = False


class Mover:
    """Moves attachments to where they belong."""

    def __init__(self, session: Session, target: str) -> None:
        self.session, self.options, self.target = session, session.options, target
        self.tally = Tally()
        self.done_with: set[int] = set()  # rows that are not tried again in this run
        self.confirmed: set[str] = set()  # objects that were verified in this run
        self.total = 0
        self.begin = self.told = self.swept = time.monotonic()

    def target_of(self, row: Row) -> str | None:
        """Where the row's content has to go, None when it stays."""
        place = row.place
        if place not in PLACES or (self.options.sources and place not in self.options.sources):
            return None
        if not row.bytes or (place == DATABASE and not row.db_size):
            return None
        if self.target not in object_store.SCHEMES:
            return None if place == self.target else self.target
        if place == self.target:
            # Another bucket of the same store stays where it is: it may be production's.
            foreign = not self.session.place(place).owns(row.fname)
            return self.target if foreign and self.options.foreign else None
        if object_store.stays_in_database(self.session.rules, row.mimetype, row.bytes):
            return None if place == DATABASE else DATABASE
        return self.target

    def plan(self) -> dict[str, dict[str, int]]:
        """How many attachments and bytes would go from where to where."""
        found: dict[str, dict[str, int]] = {}
        for page in self.session.pages():
            for row in page:
                target = self.target_of(row)
                if target is not None:
                    entry = found.setdefault(f"{row.place} -> {target}", {"attachments": 0, "bytes": 0})
                    entry["attachments"] += 1
                    entry["bytes"] += row.bytes
        return dict(sorted(found.items()))

    def batches(self) -> Iterator[list[tuple[Row, str]]]:
        batch: list[tuple[Row, str]] = []
        size = 0
        for page in self.session.pages():
            for row in page:
                target = self.target_of(row)
                if target is None or row.id in self.done_with:
                    continue
                if batch and (len(batch) >= self.options.batch or size + row.bytes > BATCH_BYTES):
                    yield batch
                    batch, size = [], 0
                batch.append((row, target))
                size += row.bytes
        if batch:
            yield batch

    def run(self) -> None:
        """All of it; connections that break are made anew, as long as something gets moved in between."""
        broken, mine_until = 0, 0.0
        with Pool(self.options.workers) as pool:
            while True:
                before = self.tally.rows
                try:
                    self.session.open()
                    self.session.wait_until_open()
                    with pg.transaction(self.session.database) as cursor:
                        cursor.execute(JOURNAL_SQL)
                    self.passes(pool)
                    self.finish()
                    return
                except Held:
                    # Until the server notices that our own session of before is gone.
                    if not broken or time.monotonic() > mine_until:
                        raise
                    time.sleep(1)
                except (pg.psycopg2.OperationalError, pg.psycopg2.InterfaceError) as exc:
                    mine_until = time.monotonic() + LOST_SECONDS
                    broken = 1 if self.tally.rows > before else broken + 1
                    if broken > TRIES:
                        raise
                    log.warning(f"the connection broke, it is made anew: {pg.one_line(exc)}")
                    self.confirmed.clear()
                    self.session.close()
                    time.sleep(min(broken, 5))

    def passes(self, pool: Pool) -> None:
        """Until nothing is left that could be moved: what changed meanwhile, and what came."""
        for dummy in range(PASSES):
            some = False
            for batch in self.batches():
                some = True
                self.session.wait_until_open()
                self.move(batch, pool)
                self.tell()
                if time.monotonic() - self.swept > SWEEP_SECONDS:
                    self.clean()
            if not some:
                break

    def clean(self) -> int:
        """How many old contents are still left afterwards."""
        self.swept = time.monotonic()
        if self.options.keep:
            return 0
        deleted, left = self.session.sweep()
        self.tally.deleted += deleted
        return left

    def finish(self) -> None:
        """What was uploaded in vain goes, by this run or by one that was killed; then what is left at the old places."""
        limit = time.monotonic() + self.options.drain
        while True:
            deleted, later = self.session.settle(UPLOAD, self.session.journal()[UPLOAD])
            self.tally.deleted += len(deleted)
            if not (self.clean() or later) or time.monotonic() > limit:
                break
            time.sleep(0.5)

    def tell(self) -> None:
        now = time.monotonic()
        if now - self.told >= 2:
            self.told = now
            each = self.tally.rows / max(now - self.begin, 0.001)
            log.info(
                f"{self.tally.rows} of {self.total} attachments moved, {self.tally.bytes / 1e6:.0f} MB, {each:.0f}/s,"
                f" {self.tally.troubles()} with troubles, {self.tally.deleted} old contents deleted"
            )

    def move(self, batch: list[tuple[Row, str]], pool: Pool) -> None:
        """One batch, from reading to the commit."""
        session = self.session
        given = session.in_database([row.id for row, dummy in batch if row.place == DATABASE])
        groups = self.groups(batch, given)
        try:
            uploads = {
                session.place(group.target).fname(group.checksum)
                for group in groups if group.checksum and group.target != DATABASE and not group.trouble
            }  # fmt: skip
            with pg.transaction(session.database) as cursor:
                session.note(cursor, UPLOAD, sorted(uploads))
            with pg.transaction(session.database) as cursor:
                # From here to the commit nobody deletes these objects.
                cursor.execute(
                    "SELECT pg_catalog.pg_advisory_xact_lock_shared(%s, number) FROM unnest(%s::int[]) AS number",
                    (object_store.LOCK_CLASS, sorted({object_store.lock_number(fname) for fname in uploads})),
                )
                there = self.there(cursor, uploads)
                pool.map(lambda group: self.transfer(group, there), [group for group in groups if not group.trouble])
                for group in groups:
                    if group.trouble in ("missing", "corrupt"):
                        self.heal(group, there)
                self.stop_if_down(groups)
                left = self.name(cursor, groups)
                if not self.options.keep:
                    session.note(cursor, DELETE, sorted(left))
                # Only what our own rows name: what others name may lose its name before our locks end, and its deletion leaves it to us.
                named = {
                    session.place(g.target).fname(g.checksum)
                    for g in groups if g.target != DATABASE and not g.trouble and g.rows
                }  # fmt: skip
                session.forget(cursor, UPLOAD, sorted(named))
        finally:
            for content in given.values():
                content.close()
        self.count(groups)

    def groups(self, batch: list[tuple[Row, str]], given: Mapping[int, Content]) -> list[Group]:
        result = []
        for (checksum, dummy, target), pairs in _grouped(
            batch, lambda pair: (pair[0].checksum, pair[0].fname or (None if pair[0].checksum else pair[0].id), pair[1])
        ).items():
            rows = [row for row, dummy in pairs]
            group = Group(rows, target, checksum or "")
            if rows[0].place == DATABASE:
                group.given = next((given[row.id] for row in rows if row.id in given), None)
                if group.given is None:
                    group.trouble, group.reason = "skipped", "changed meanwhile"
                elif not group.checksum:
                    group.checksum = group.given.checksum
            elif not group.checksum:
                # A row of former times without a checksum: what is there is what it is.
                content, wrong = self._found(group)
                if content is not None:
                    group.checksum = content.checksum
                    content.close()
                elif not group.trouble:
                    group.trouble = wrong
            result.append(group)
        return result

    def _found(self, group: Group) -> tuple[Content | None, str]:
        try:
            return self.session.find(group.rows[0])
        except (Broken, ConfigError) as exc:
            group.trouble, group.reason = "failed", str(exc)
            return None, "failed"

    def there(self, cursor: Any, fnames: set[str]) -> set[str]:
        """Those that committed rows (or ours) name. While their locks are held they are not deleted."""
        if not fnames:
            return set()
        cursor.execute(
            "SELECT DISTINCT store_fname FROM public.ir_attachment WHERE store_fname = ANY(%s)", (list(fnames),)
        )
        return {fname for (fname,) in cursor.fetchall()}

    def transfer(self, group: Group, there: set[str], content: Content | None = None) -> None:
        """From the old place to the new one, verified on both sides. Runs beside others; touches no connection."""
        wrong = ""
        if content is None:
            content = group.given
        if content is None:
            content, wrong = self._found(group)
        if content is None:
            group.trouble = group.trouble or wrong
            return
        if content.checksum != group.checksum:
            group.trouble = "corrupt"
            return
        group.healed = bool(wrong)
        group.size = content.size
        try:
            if group.target == DATABASE:
                group.data = content.data()
                return
            place = self.session.place(group.target)
            fname = place.fname(content.checksum)
            if not (fname in self.confirmed and fname in there):
                self.session.verify(place, content, place.write(content))
                self.confirmed.add(fname)
        except Broken as exc:
            group.trouble, group.reason = "failed", str(exc)
        finally:
            if content is not group.given:
                content.close()

    def heal(self, group: Group, there: set[str]) -> None:
        """From another row that has the same content."""
        wrong = group.trouble
        content = self.session.find_in_rows(group.rows[0])
        if content is None:
            return
        group.trouble = ""
        self.transfer(group, there, content)
        group.healed = not group.trouble
        group.trouble = group.trouble or ""
        log.info(f"attachment {group.rows[0].id}: {wrong} at {group.rows[0].fname}, its content was found elsewhere")

    def stop_if_down(self, groups: list[Group]) -> None:
        failed = [group for group in groups if group.trouble == "failed"]
        tried = [group for group in groups if group.trouble in ("", "failed")]
        if len(failed) == len(tried) and (len(failed) > 1 or (failed and self.tally.failed)):
            raise StoreFailed(f"nothing of {len(failed)} attachments could be moved: {failed[0].reason}")

    def name(self, cursor: Any, groups: list[Group]) -> set[str]:
        """Let the rows name their new places; what they named before."""
        changed: set[int] = set()
        values = []
        for group in groups:
            if group.trouble:
                continue
            if group.target == DATABASE:
                first = group.rows[0]
                cursor.execute(
                    INTO_DATABASE_SQL,
                    {
                        "data": pg.psycopg2.Binary(group.data), "size": min(group.size, LARGEST), "sha": group.checksum, "old": first.fname,
                        "checksum": first.checksum, "ids": [row.id for row in group.rows],
                    },
                )  # fmt: skip
                changed.update(number for (number,) in cursor.fetchall())
                continue
            fname = self.session.place(group.target).fname(group.checksum)
            size = min(group.size, LARGEST)
            values += [(row.id, row.fname, row.checksum, fname, size, group.checksum) for row in group.rows]
        if values:
            changed.update(
                number
                for (number,) in execute_values(
                    cursor, NAME_SQL, values, template=NAME_TEMPLATE, page_size=len(values), fetch=True
                )
            )
        before = set()
        for group in groups:
            if group.trouble:
                continue
            done = [row for row in group.rows if row.id in changed]
            self.tally.skipped += len(group.rows) - len(done)
            group.rows = done
            before.update(row.fname for row in done if row.fname and self.session.usable(row.fname))
        return {fname for fname in before if fname}

    def count(self, groups: list[Group]) -> None:
        """After the commit. What Odoo deleted or changed meanwhile is no trouble: its old content may be gone rightly."""
        troubled = [row.id for group in groups if group.trouble for row in group.rows]
        same = set()
        if troubled:
            same = set(
                self.session.rows(
                    "SELECT id, store_fname, checksum FROM public.ir_attachment WHERE id = ANY(%s)", troubled
                )
            )
        for group in groups:
            if group.trouble:
                self.tally.skipped += sum((row.id, row.fname, row.checksum) not in same for row in group.rows)
                group.rows = [row for row in group.rows if (row.id, row.fname, row.checksum) in same]
            if group.trouble == "skipped":
                continue
            if group.trouble:
                getattr(self.tally, group.trouble).extend(
                    {"id": row.id, "fname": row.fname or "", "reason": group.reason or group.trouble}
                    for row in group.rows
                )
                self.done_with.update(row.id for row in group.rows)
                continue
            for row in group.rows:
                step = f"{row.place} -> {group.target}"
                self.tally.moved[step] = self.tally.moved.get(step, 0) + 1
                self.tally.bytes += group.size
                self.tally.healed += group.healed


def set_location(session: Session, target: str) -> bool:
    """Make the target the place of new attachments, and tell Odoo's processes; whether that was a change."""
    if session.location == target:
        return False
    with pg.transaction(session.database) as cursor:
        cursor.execute("UPDATE public.ir_config_parameter SET value = %s WHERE key = %s", (target, LOCATION))
        if not cursor.rowcount:
            cursor.execute(
                "INSERT INTO public.ir_config_parameter (key, value, create_date, write_date)"
                " VALUES (%s, %s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')", (LOCATION, target),
            )  # fmt: skip
        # Up to 18 each kind of cache has a sequence, from 19 on a table.
        cursor.execute(
            "SELECT relname, relkind FROM pg_catalog.pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND (relkind = 'S' AND relname LIKE 'base\\_cache\\_signaling%%'"
            "  OR relkind = 'r' AND relname LIKE 'orm\\_signaling\\_%%' AND relname <> 'orm_signaling_registry')"
        )
        for name, kind in cursor.fetchall():
            cursor.execute(
                f"SELECT nextval('public.{name}')" if kind == "S" else f"INSERT INTO public.{name} DEFAULT VALUES"
            )
    session.location = target
    return True


def check_target(session: Session, target: str) -> None:
    """Before anything is touched: Odoo must be able to read what we put there."""
    if target not in PLACES:
        raise ConfigError(
            f"system parameter {LOCATION} is {target!r}: must be one of {', '.join(PLACES)}, or give --to"
        )
    if target == DATABASE:
        return
    place = session.place(target)
    if target in object_store.SCHEMES:
        module = f"attachment_{target}"
        if module not in session.installed:
            raise ConfigError(
                f"--to {target}: module {module} is not installed in {session.settings.db_name!r}; install it first"
            )
        try:
            place.check()
        except Broken as exc:
            raise StoreFailed(str(exc)) from exc
    elif not session.options.dry_run:
        place.check()


def move(session: Session) -> tuple[dict[str, Any], int]:
    options = session.options
    target = options.to or session.location
    session.check_buckets()
    check_target(session, target)
    mover = Mover(session, target)
    plan = mover.plan()
    mover.total = sum(entry["attachments"] for entry in plan.values())
    before = session.journal()
    pending = {kind: len(fnames) for kind, fnames in before.items()}
    result: dict[str, Any] = {
        "action": "move", "database": session.settings.db_name, "to": target, "location": session.location,
        "dry_run": options.dry_run, "plan": plan, "leftovers": pending,
    }  # fmt: skip
    sets = options.set_location and session.location != target
    result["location_changed"] = sets
    if plan or sets:
        session.warn_of_place(target)
    if options.dry_run:
        result["changed"] = bool(plan or sets or any(pending.values()))
        return result, 0
    if sets:
        session.wait_until_open()
        set_location(session, target)
    elif session.location != target and plan:
        log.warning(f"{LOCATION} is {session.location!r}: new attachments still go there, and not to {target!r}")
    if plan or any(pending.values()):
        mover.run()
    tally = mover.tally
    left = session.journal()
    seconds = time.monotonic() - mover.begin
    result.update(
        location=session.location,
        moved=tally.moved, attachments=tally.rows, bytes=tally.bytes, healed=tally.healed, deleted=tally.deleted,
        seconds=round(seconds, 3), changed=bool(sets or tally.rows or tally.deleted or any(pending.values())),
        missing=tally.missing[:TOLD], corrupt=tally.corrupt[:TOLD], failed=tally.failed[:TOLD],
        counts={"missing": len(tally.missing), "corrupt": len(tally.corrupt), "failed": len(tally.failed),
                "skipped": tally.skipped},
        leftovers={kind: len(fnames) for kind, fnames in left.items()},
    )  # fmt: skip
    log.info(
        f"{tally.rows} attachments moved to {target} in {seconds:.1f} s, {tally.bytes / 1e6:.1f} MB, {tally.deleted} old contents"
        f" deleted; {len(tally.missing)} missing, {len(tally.corrupt)} corrupt, {len(tally.failed)} failed"
        + (
            f"; {len(left[DELETE])} old contents wait for open transactions, the next run deletes them"
            if left[DELETE]
            else ""
        )
    )
    return result, EXIT_ATTACHMENTS if tally.troubles() else 0
