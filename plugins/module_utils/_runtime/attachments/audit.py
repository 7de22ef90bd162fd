# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""`odoo-cloud attachments audit`: does every content exist that the database refers to, and are
there contents that it doesn't refer to?

Places are listed first and rows are read afterwards, and everything that seems missing or
superfluous is requested once more, because Odoo may be writing meanwhile. Nothing is changed
without --repair.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from ..common import log
from ..common.errors import EXIT_ATTACHMENTS, ConfigError
from ..database import pg
from ..store import objects as object_store
from ..store.objects import Found
from .contents import Reader
from .journal import UPLOAD, Journal
from .places import DATABASE, Broken, Content, StoreFailed, is_key, place_name
from .pool import Pool
from .session import LARGEST, LISTED, Row, Session
from .target import check_buckets


@dataclass
class Findings:
    """How a database compares with its places."""

    # place: attachments and bytes, according to the rows
    places: dict[str, dict[str, int]] = field(default_factory=dict)
    missing: list[Row] = field(default_factory=list)
    corrupt: list[Row] = field(default_factory=list)
    unknown: list[Row] = field(default_factory=list)  # in a place that can't be queried
    orphans: dict[str, list[Found]] = field(default_factory=dict)  # place: contents without a row
    strange: dict[str, int] = field(default_factory=dict)  # place: objects whose name is no checksum
    reasons: dict[str, str] = field(default_factory=dict)  # place: why it can't be listed
    listed: dict[str, int] = field(default_factory=dict)  # place: number of contents

    def count(self, name: str, row: Row) -> None:
        """Count an attachment that is in the place `name` according to its row."""
        entry = self.places.setdefault(name, {"attachments": 0, "bytes": 0})
        entry["attachments"] += 1
        entry["bytes"] += row.bytes

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.missing or self.corrupt or self.unknown or any(self.orphans.values()))


class Auditor:
    """Compares one database with its places, and repairs what it can."""

    def __init__(self, session: Session) -> None:
        self.session, self.options = session, session.options
        self.reader, self.journal = Reader(session), Journal(session)

    def compare(self, pool: Pool) -> Findings:
        """Return what is wrong. `pool`: runs the requests.

        Raises `StoreFailed` if the place of new attachments can't be listed.
        """
        session, result = self.session, Findings()
        listings: dict[str, dict[str, Found]] = {}
        for name, place in session.places.items():
            try:
                listings[name] = {place.full_name(found): found for found in place.listing()}
            except Broken as exc:
                if name == session.location:
                    raise StoreFailed(str(exc)) from exc
                result.reasons[name] = str(exc)
                continue
            result.listed[name] = len(listings[name])
        seen: set[str] = set()
        doubtful: list[Row] = []
        deep: list[Row] = []
        for page in session.pages():
            for row in page:
                row_place = row.place
                result.count(row_place, row)
                if row_place == DATABASE:
                    if row.size and not row.db_size:
                        result.missing.append(row)
                    elif self.options.deep and row.db_size:
                        deep.append(row)
                    continue
                seen.add(str(row.fname))
                found = listings.get(row_place, {}).get(str(row.fname))
                if row_place not in listings:
                    result.unknown.append(row)
                elif found is None or (row.size and found.size != row.size):
                    doubtful.append(row)  # possibly in another bucket, so it is requested on its own
                elif self.options.deep:
                    deep.append(row)
            if self.options.deep:
                self._examine(pool, deep, result)
                deep = []
        for row, wrong in zip(doubtful, pool.map(self._ask, doubtful)):
            if wrong:
                getattr(result, wrong).append(row)
            elif self.options.deep:
                deep.append(row)
        self._examine(pool, deep, result)
        for name, listing in listings.items():
            spare = [found for fname, found in listing.items() if fname not in seen]
            result.strange[name] = sum(not is_key(found.key.rpartition("/")[2]) for found in spare)
            result.orphans[name] = [found for found in spare if is_key(found.key.rpartition("/")[2])]
        return result

    def _ask(self, row: Row) -> str:
        """Checks content that was not listed, or with another size: '', missing, corrupt, unknown."""
        place = self.session.places[row.place]
        try:
            found = place.head(str(row.fname))
        except Broken:
            return "unknown"
        if found is None:
            return "missing"
        if not row.size or found.size == row.size:
            return ""
        return self._read_and_compare(row) if row.checksum else "corrupt"

    def _read_and_compare(self, row: Row) -> str:
        """What is wrong with the content at the place in its row: '', missing, corrupt, unknown."""
        try:
            content = self.reader.read(str(row.fname))
        except (Broken, ConfigError):
            return "unknown"
        if content is None:
            return "missing"
        with content:
            return "" if content.checksum == row.checksum else "corrupt"

    def _examine(self, pool: Pool, rows: list[Row], result: Findings) -> None:
        """Reads the contents and compares their checksums."""
        inside = [row for row in rows if row.place == DATABASE]
        for start in range(0, len(inside), 50):
            part = {row.id: row for row in inside[start : start + 50]}
            for number, content in self.reader.in_database(list(part)).items():
                with content:
                    if part[number].checksum and content.checksum != part[number].checksum:
                        result.corrupt.append(part[number])
        outside = [row for row in rows if row.place != DATABASE and row.checksum]
        for row, kind in zip(outside, pool.map(self._read_and_compare, outside)):
            if kind:
                getattr(result, kind).append(row)

    def deletable(self, found: Findings, now: float) -> tuple[dict[str, list[str]], list[str]]:
        """Return what --repair deletes, by place, and why it leaves the rest, in sentences. `now`:
        seconds since the epoch."""
        going: dict[str, list[str]] = {}
        kept = []
        for name, orphans in found.orphans.items():
            if not orphans:
                continue
            place = self.session.places[name]
            total = found.listed[name]
            if len(orphans) > 10 and len(orphans) * 100 > total * self.options.orphan_limit:
                kept.append(
                    f"{name}: {len(orphans)} of {total} are orphans, more than {self.options.orphan_limit} %: none is deleted,"
                    " it may be another database's place; --orphan-limit=100 deletes them"
                )
                continue
            old = [orphan for orphan in orphans if now - orphan.modified >= self.options.grace]
            if len(old) < len(orphans):
                kept.append(f"{name}: {len(orphans) - len(old)} orphans are younger than {self.options.grace:.0f} s")
            going[name] = [place.full_name(orphan) for orphan in old]
        return going, kept

    def _bring_back(self, row: Row) -> bool:
        """Copies the row's content from elsewhere to the place in the row, if that place is ours.
        Returns whether that was done."""
        session = self.session
        if row.place == DATABASE:
            content = self._find_elsewhere(row)
            if content is None:
                return False
            with content, pg.transaction(session.database) as cursor:
                cursor.execute(
                    "UPDATE public.ir_attachment SET db_datas = %s, file_size = %s"
                    " WHERE id = %s AND store_fname IS NULL AND checksum = %s",
                    (pg.psycopg2.Binary(content.data()), min(content.size, LARGEST), row.id, row.checksum),
                )
                return bool(cursor.rowcount)
        place = session.usable(str(row.fname))
        if place is None:
            return False
        content = self._find_elsewhere(row)
        if content is None:
            return False
        fname = place.fname(content.checksum)
        try:
            with content, pg.transaction(session.database) as cursor:
                self.journal.note(cursor, UPLOAD, [fname])
                cursor.execute(
                    "SELECT pg_catalog.pg_advisory_xact_lock_shared(%s, %s)",
                    (object_store.LOCK_CLASS, object_store.lock_number(fname)),
                )
                self.reader.verify(place, content, place.write(content))
                cursor.execute(
                    "UPDATE public.ir_attachment SET store_fname = %s, file_size = %s"
                    " WHERE id = %s AND store_fname = %s AND checksum = %s",
                    (fname, min(content.size, LARGEST), row.id, row.fname, row.checksum),
                )
                done = bool(cursor.rowcount)
                if done:
                    self.journal.forget(cursor, UPLOAD, [fname])
        except Broken as exc:
            log.warning(f"attachment {row.id}: {exc}")
            return False
        return done

    def _find_elsewhere(self, row: Row) -> Content | None:
        """The content with the row's checksum, from anywhere but the place in the row."""
        if not row.checksum:
            return None
        return self.reader.find(row, skip=row.fname)[0] or self.reader.find_in_rows(row)

    def repair(self, found: Findings, going: dict[str, list[str]], result: dict[str, Any]) -> None:
        """Restore contents that exist elsewhere, then delete orphans, while nothing else works on
        the database.

        `going`: what to delete, by place. `found` and `result` are updated to what is left.
        """
        session = self.session
        session.wait_until_open()
        self.journal.create()
        back = [row for row in (*found.missing, *found.corrupt) if self._bring_back(row)]
        deleted: list[str] = []
        for fnames in going.values():
            deleted += self.journal.settle(UPLOAD, fnames)[0]
        gone, brought = set(deleted), {row.id for row in back}
        for name in found.orphans:
            place = session.places[name]
            found.orphans[name] = [orphan for orphan in found.orphans[name] if place.full_name(orphan) not in gone]
        found.missing = [row for row in found.missing if row.id not in brought]
        found.corrupt = [row for row in found.corrupt if row.id not in brought]
        result["repair"] = {"brought_back": sorted(brought)[:LISTED], "deleted": len(deleted)}
        result["changed"] = bool(brought or deleted)
        result["good"] = found.good
        result["counts"].update(
            missing=len(found.missing), corrupt=len(found.corrupt),
            orphans={name: len(orphans) for name, orphans in found.orphans.items()},
        )  # fmt: skip
        result.update(missing=_as_data(found.missing), corrupt=_as_data(found.corrupt))


def audit(session: Session) -> tuple[dict[str, Any], int]:
    """Run the audit. Returns the result as plain data (docs/addons.md) and the exit code, 90 if
    something is wrong.

    Raises `StoreFailed` if the place of new attachments can't be listed, `PlatformRefused` if
    --repair would write to another environment's bucket.
    """
    options, auditor = session.options, Auditor(session)
    begin = time.monotonic()
    if options.repair:
        check_buckets(session)
    with Pool(options.workers) as pool:
        found = auditor.compare(pool)
    going, kept = auditor.deletable(found, time.time())
    leftovers = auditor.journal.read()
    result: dict[str, Any] = {
        "action": "audit",
        "database": session.settings.db_name,
        "location": session.location,
        "deep": options.deep,
        "places": dict(sorted(found.places.items())),
        "listed": found.listed,
        "counts": {
            "missing": len(found.missing), "corrupt": len(found.corrupt), "unknown": len(found.unknown),
            "orphans": {name: len(orphans) for name, orphans in found.orphans.items()},
        },
        "missing": _as_data(found.missing), "corrupt": _as_data(found.corrupt), "unknown": _as_data(found.unknown),
        "orphans": {
            name: [session.places[name].full_name(orphan) for orphan in orphans[:LISTED]]
            for name, orphans in found.orphans.items()
        },
        "strange": found.strange,
        "not_reached": {**session.problems, **found.reasons},
        "leftovers": {kind: len(fnames) for kind, fnames in leftovers.items()},
        "kept": kept,
        "changed": False,
        "dry_run": options.dry_run,
        "good": found.good,
    }  # fmt: skip
    if options.repair:
        if options.dry_run:
            result["repair"] = {"bring_back": len(found.missing) + len(found.corrupt),
                                "delete": {name: len(fnames) for name, fnames in going.items()}}  # fmt: skip
            result["changed"] = bool(found.missing or found.corrupt or any(going.values()))
        else:
            auditor.repair(found, going, result)
    counts = result["counts"]
    log.info(
        f"{sum(entry['attachments'] for entry in found.places.values())} attachments checked in {time.monotonic() - begin:.1f} s:"
        f" {counts['missing']} missing, {counts['corrupt']} corrupt, {counts['unknown']} in places that cannot be asked,"
        f" {sum(counts['orphans'].values())} orphans" + ("" if not kept else "; " + "; ".join(kept))
    )
    return result, 0 if result["good"] else EXIT_ATTACHMENTS


def _as_data(rows: list[Row]) -> list[dict[str, Any]]:
    return [{"id": row.id, "fname": row.fname or "", "place": place_name(row.fname)} for row in rows[:LISTED]]
