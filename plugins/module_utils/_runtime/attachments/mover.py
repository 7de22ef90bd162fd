# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Moving attachments from one place to another while Odoo serves.

Uses plain SQL and the stores' libraries; Odoo is not imported. What keeps contents safe:

- A content is written to its new place and verified there before its row points to it. The row is
  changed only if it is still as it was read (compare and set, under a row lock that lasts
  milliseconds). Uploads run in parallel beside the transaction.
- The content at the old place is deleted later: when no row points to it, no open transaction may
  see the old row, and no run is working on the database. So the rollback of an update finds
  everything that its restore point refers to.
- Each upload and each deletion is recorded before it happens (journal.py). The addons' advisory
  locks (store/objects.py) are taken, so that Odoo does not delete the target of a move.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common import log
from ..common.errors import EXIT_ATTACHMENTS, ConfigError, Held
from ..database import pg
from ..store import objects as object_store
from .contents import Reader
from .journal import DELETE, UPLOAD, Journal
from .places import DATABASE, PLACES, Broken, Content, StoreFailed, grouped
from .pool import Pool
from .session import LARGEST, LISTED, LOCATION, Row, Session
from .target import check_buckets, check_target, set_location, warn_of_place

if pg.psycopg2 is not None:
    from psycopg2.extras import execute_values

BATCH_BYTES = 64 * 1024**2
PASSES = 4
SWEEP_SECONDS = 5.0
LOST_SECONDS = 60.0  # so long the server may keep a session whose client is gone
TRIES = 5  # lost connections to PostgreSQL that are accepted if nothing was moved in between

# A row that was changed meanwhile differs from what was read; a row that is locked is left for the
# next pass.
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


@dataclass
class Tally:
    """What was done, by kind."""

    moved: dict[str, int] = field(default_factory=dict)  # "file -> s3": rows
    bytes: int = 0
    deleted: int = 0
    healed: int = 0  # rows whose content was found elsewhere
    skipped: int = 0  # rows that changed meanwhile
    missing: list[dict[str, Any]] = field(default_factory=list)
    corrupt: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many attachments were moved."""
        return sum(self.moved.values())

    def troubles(self) -> int:
        """Return how many could not be moved."""
        return len(self.missing) + len(self.corrupt) + len(self.failed)


@dataclass
class Group:
    """Rows of one batch that have the same content at the same place and the same target."""

    rows: list[Row]
    target: str
    checksum: str = ""
    size: int = 0
    data: bytes | None = None  # for the database
    given: Content | None = None  # the content, if it was in the database
    trouble: str = ""  # missing, corrupt, failed
    reason: str = ""
    healed: bool = False


class Mover:
    """Moves attachments to where they belong."""

    def __init__(self, session: Session, target: str) -> None:
        """`target`: the place; contents that stay in the database by its rules go there instead."""
        self.session, self.options, self.target = session, session.options, target
        self.reader, self.journal = Reader(session), Journal(session)
        self.tally = Tally()
        self.done_with: set[int] = set()  # rows that this run doesn't try again
        self.confirmed: set[str] = set()  # objects that were verified in this run
        self.total = 0
        self.begin = self.reported = self.swept = time.monotonic()

    def target_of(self, row: Row) -> str | None:
        """Return the place to which the row's content has to go, `None` if it stays."""
        place = row.place
        if place not in PLACES or (self.options.sources and place not in self.options.sources):
            return None
        if not row.bytes or (place == DATABASE and not row.db_size):
            return None
        if self.target not in object_store.SCHEMES:
            return None if place == self.target else self.target
        if place == self.target:
            # Contents in another bucket of the same store stay there: it may be production's.
            foreign = not self.session.place(place).owns(row.fname)
            return self.target if foreign and self.options.foreign else None
        if object_store.stays_in_database(self.session.rules, row.mimetype, row.bytes):
            return None if place == DATABASE else DATABASE
        return self.target

    def plan(self) -> dict[str, dict[str, int]]:
        """Return how many attachments and bytes would move, by `source -> target`."""
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
        """Yield the rows to move with their targets, as many as go into one commit."""
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
        """Move everything. Lost connections are opened again, as long as something is moved in
        between.

        Raises `StoreFailed` if a store fails, `Held` or `WaitTimeout` if other work blocks the
        database, `psycopg2.Error` if connections keep breaking.
        """
        broken, ours_until = 0, 0.0
        with Pool(self.options.workers) as pool:
            while True:
                before = self.tally.rows
                try:
                    self.session.open()
                    self.session.wait_until_open()
                    self.journal.create()
                    self.passes(pool)
                    self.finish()
                    return
                except Held:
                    # The server may not have noticed yet that our own previous session is gone.
                    if not broken or time.monotonic() > ours_until:
                        raise
                    time.sleep(1)
                except (pg.psycopg2.OperationalError, pg.psycopg2.InterfaceError) as exc:
                    ours_until = time.monotonic() + LOST_SECONDS
                    broken = 1 if self.tally.rows > before else broken + 1
                    if broken > TRIES:
                        raise
                    log.warning(f"the connection broke, it is opened again: {pg.one_line(exc)}")
                    self.confirmed.clear()
                    self.session.close()
                    time.sleep(min(broken, 5))

    def passes(self, pool: Pool) -> None:
        """Repeat until nothing is left to move, to catch rows that changed or were added meanwhile."""
        for dummy in range(PASSES):
            some = False
            for batch in self.batches():
                some = True
                self.session.wait_until_open()
                self.move(batch, pool)
                self.report()
                if time.monotonic() - self.swept > SWEEP_SECONDS:
                    self.clean()
            if not some:
                break

    def clean(self) -> int:
        """Delete old contents that can go. Returns how many are left."""
        self.swept = time.monotonic()
        if self.options.keep:
            return 0
        deleted, left = self.journal.sweep()
        self.tally.deleted += deleted
        return left

    def finish(self) -> None:
        """Delete uploads that no row uses, from this run or one that was killed, then the old
        contents; waits up to `drain` seconds for open transactions."""
        limit = time.monotonic() + self.options.drain
        while True:
            deleted, later = self.journal.settle(UPLOAD, self.journal.read()[UPLOAD])
            self.tally.deleted += len(deleted)
            if not (self.clean() or later) or time.monotonic() > limit:
                break
            time.sleep(0.5)

    def report(self) -> None:
        """Log the progress every few seconds."""
        now = time.monotonic()
        if now - self.reported >= 2:
            self.reported = now
            each = self.tally.rows / max(now - self.begin, 0.001)
            log.info(
                f"{self.tally.rows} of {self.total} attachments moved, {self.tally.bytes / 1e6:.0f} MB, {each:.0f}/s,"
                f" {self.tally.troubles()} with troubles, {self.tally.deleted} old contents deleted"
            )

    def move(self, batch: list[tuple[Row, str]], pool: Pool) -> None:
        """Move one batch, from reading to the commit."""
        session = self.session
        given = self.reader.in_database([row.id for row, dummy in batch if row.place == DATABASE])
        groups = self.groups(batch, given)
        try:
            uploads = {
                session.place(group.target).fname(group.checksum)
                for group in groups if group.checksum and group.target != DATABASE and not group.trouble
            }  # fmt: skip
            with pg.transaction(session.database) as cursor:
                self.journal.note(cursor, UPLOAD, sorted(uploads))
            with pg.transaction(session.database) as cursor:
                # From here to the commit no other transaction deletes these objects.
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
                    self.journal.note(cursor, DELETE, sorted(left))
                # Only objects in our own rows: an object that is only in other rows may lose them
                # before our locks end, and its deletion is then left to us.
                named = {
                    session.place(g.target).fname(g.checksum)
                    for g in groups if g.target != DATABASE and not g.trouble and g.rows
                }  # fmt: skip
                self.journal.forget(cursor, UPLOAD, sorted(named))
        finally:
            for content in given.values():
                content.close()
        self.count(groups)

    def groups(self, batch: list[tuple[Row, str]], given: Mapping[int, Content]) -> list[Group]:
        """Return the rows of a batch grouped by content. `given`: contents that are in the
        database, by the ids of their rows."""
        result = []
        for (checksum, dummy, target), pairs in grouped(
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
                # Legacy rows have no checksum: the stored content is accepted as it is.
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
            return self.reader.find(group.rows[0])
        except (Broken, ConfigError) as exc:
            group.trouble, group.reason = "failed", str(exc)
            return None, "failed"

    def there(self, cursor: Any, fnames: set[str]) -> set[str]:
        """Return those of `fnames` that are in committed rows or our own. While their locks are
        held they are not deleted."""
        if not fnames:
            return set()
        cursor.execute(
            "SELECT DISTINCT store_fname FROM public.ir_attachment WHERE store_fname = ANY(%s)", (list(fnames),)
        )
        return {fname for (fname,) in cursor.fetchall()}

    def transfer(self, group: Group, there: set[str], content: Content | None = None) -> None:
        """Copy a content from the old place to the new one, verified on both sides. Runs in a
        thread of the pool and uses no database connection."""
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
                self.reader.verify(place, content, place.write(content))
                self.confirmed.add(fname)
        except Broken as exc:
            group.trouble, group.reason = "failed", str(exc)
        finally:
            if content is not group.given:
                content.close()

    def heal(self, group: Group, there: set[str]) -> None:
        """Take the content from another row that has the same one."""
        wrong = group.trouble
        content = self.reader.find_in_rows(group.rows[0])
        if content is None:
            return
        group.trouble = ""
        self.transfer(group, there, content)
        group.healed = not group.trouble
        group.trouble = group.trouble or ""
        log.info(f"attachment {group.rows[0].id}: {wrong} at {group.rows[0].fname}, its content was found elsewhere")

    def stop_if_down(self, groups: list[Group]) -> None:
        """Raise `StoreFailed` if nothing of a batch could be moved, so that a store that is down is
        not queried for each attachment."""
        failed = [group for group in groups if group.trouble == "failed"]
        tried = [group for group in groups if group.trouble in ("", "failed")]
        if len(failed) == len(tried) and (len(failed) > 1 or (failed and self.tally.failed)):
            raise StoreFailed(f"nothing of {len(failed)} attachments could be moved: {failed[0].reason}")

    def name(self, cursor: Any, groups: list[Group]) -> set[str]:
        """Set the new places in the rows. Returns the store_fnames that they had before."""
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
        """Update the tally after the commit. Rows that Odoo deleted or changed meanwhile are no
        failures, because their old content may rightly be gone."""
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


def move(session: Session) -> tuple[dict[str, Any], int]:
    """Move attachments as the options say. Returns the result as plain data (docs/addons.md) and
    the exit code, 90 if some could not be moved.

    Raises `ConfigError` and `PlatformRefused` for a place that can't be used, `StoreFailed` if its
    store fails, and `Held` and `WaitTimeout` like `Session.wait_until_open()`.
    """
    options = session.options
    target = options.to or session.location
    check_buckets(session)
    check_target(session, target)
    mover = Mover(session, target)
    plan = mover.plan()
    mover.total = sum(entry["attachments"] for entry in plan.values())
    before = mover.journal.read()
    pending = {kind: len(fnames) for kind, fnames in before.items()}
    result: dict[str, Any] = {
        "action": "move", "database": session.settings.db_name, "to": target, "location": session.location,
        "dry_run": options.dry_run, "plan": plan, "leftovers": pending,
    }  # fmt: skip
    sets = options.set_location and session.location != target
    result["location_changed"] = sets
    if plan or sets:
        warn_of_place(session, target)
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
    left = mover.journal.read()
    seconds = time.monotonic() - mover.begin
    result.update(
        location=session.location,
        moved=tally.moved, attachments=tally.rows, bytes=tally.bytes, healed=tally.healed, deleted=tally.deleted,
        seconds=round(seconds, 3), changed=bool(sets or tally.rows or tally.deleted or any(pending.values())),
        missing=tally.missing[:LISTED], corrupt=tally.corrupt[:LISTED], failed=tally.failed[:LISTED],
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
