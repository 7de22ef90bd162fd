# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What the object stores of attachments have in common, for the Odoo addons and for the mover.

A store is a module (store_s3, store_swift) with: SCHEME, ERRORS, bucket_name, check, put, get, download, opened, link, head,
listing, delete. An object is named by ``scheme://bucket/key`` in the column store_fname, and its key is the SHA-1 of its content.

A store knows no transactions. Against the race of "the last row of an object is deleted" with "the same content is uploaded
again" stand advisory locks in the Odoo database: an upload holds its object's lock (shared) until its transaction ends, a
deletion needs it alone and doesn't wait for it. Who finds an upload there leaves the object to that transaction, which looks when it
ends. Who finds another deletion there asks again: that one may have looked before our own transaction was committed.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCHEMES = ("s3", "swift")
CHUNK = 256 * 1024
LOCK_CLASS = 0x0DC10D  # first key of our advisory locks
# Second keys: a transaction that uploads very many objects holds all of them (shared) in place of more locks of single objects.
# A deletion needs one of them alone, so that several can be at work at once.
LOCK_ALL = tuple(range(-16, 0))

# Small images are read many at a time, and a store takes 100 ms for each. Assets are few, and with them in the database a copy
# of it shows its pages right without the store. {beginning of the MIME type: most bytes, 0 for any size}
STAYS_IN_DATABASE = {"image/": 51200, "application/javascript": 0, "text/css": 0}
STAYS_PARAMETER = "ir_attachment.storage.force.database"

_URI = re.compile(r"([a-z0-9]+):///*([^/]*)/?(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Found:
    """An object as the store tells of it."""

    key: str
    size: int
    md5: str = ""  # empty when the store's ETag is none (parts, encryption)
    modified: float = 0.0  # seconds since the epoch


class NotVerified(ValueError):
    """The store took something else than what it was given."""


def store(scheme: str) -> Any:
    """The module of a store."""
    return importlib.import_module(f"{__package__}.{scheme}")


def is_object(fname: str | None) -> bool:
    """Whether a store_fname names something in a store (scheme://bucket/key) rather than a local file."""
    return bool(fname) and "://" in str(fname)


def scheme_of(fname: str | None) -> str:
    """The scheme of a store_fname, '' for a local file."""
    return str(fname).partition("://")[0].lower() if is_object(fname) else ""


def uri(scheme: str, bucket: str, key: str) -> str:
    return f"{scheme}://{bucket}/{key}"


def parse(fname: str) -> tuple[str, str, str]:
    """(scheme, bucket, key) of a store_fname."""
    match = _URI.match(fname)
    if not match or not match.group(2) or not match.group(3):
        raise ValueError(f"{fname}: not of the form scheme://bucket/key")
    return match.group(1).lower(), match.group(2), match.group(3)


def database_rules(value: str | None) -> dict[str, int]:
    """What stays in the database, by the parameter's value; a ValueError when it is of another form."""
    if not value:
        return STAYS_IN_DATABASE
    try:
        rules = ast.literal_eval(value)
        if not isinstance(rules, dict):
            raise ValueError("not a dictionary")
        return {str(start): int(most) for start, most in rules.items()}
    except (SyntaxError, TypeError, ValueError) as exc:
        raise ValueError(f"{STAYS_PARAMETER} is {value!r}: must be like {STAYS_IN_DATABASE!r} ({exc})") from exc


def stays_in_database(rules: Mapping[str, int], mimetype: str | None, size: int) -> bool:
    """Whether a content of this type and size belongs into the database although a store is used."""
    return any((mimetype or "").startswith(start) and (not most or size <= most) for start, most in rules.items())


def md5_of(data: Any) -> Any:
    """The MD5 of bytes or of a file from where it stands, which stands there again afterwards: what stores check."""
    digest = hashlib.new("md5", usedforsecurity=False)
    if isinstance(data, (bytes, bytearray, memoryview)):
        digest.update(data)
        return digest
    begin = data.tell()
    for piece in iter(lambda: data.read(CHUNK), b""):
        digest.update(piece)
    data.seek(begin)
    return digest


def md5_base64(digest: Any) -> str:
    return base64.b64encode(digest.digest()).decode("ascii")


def looks_like_md5(etag: str) -> str:
    """The ETag if it can be the content's MD5, else ''."""
    etag = (etag or "").strip('"').lower()
    return etag if re.fullmatch(r"[0-9a-f]{32}", etag) else ""


def by_bucket(fnames: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """Keys of objects by (scheme, bucket)."""
    result: dict[tuple[str, str], list[str]] = {}
    for fname in fnames:
        scheme, bucket, key = parse(fname)
        result.setdefault((scheme, bucket), []).append(key)
    return result


def lock_number(fname: str) -> int:
    """The second key for an object: 31 bits of a hash, never LOCK_ALL."""
    return (int.from_bytes(hashlib.sha1(fname.encode("utf-8")).digest()[:4], "big") & 0x7FFFFFFF) or 1  # noqa: S324


@dataclass(frozen=True)
class Settled:
    """What became of objects that might have to go."""

    deleted: tuple[str, ...] = ()
    named: tuple[str, ...] = ()  # rows name them
    busy: tuple[str, ...] = ()  # somebody uploads the same content just now
    again: tuple[str, ...] = ()  # somebody else is deleting just now; to be asked for once more in another transaction
    kept: tuple[str, ...] = ()  # somebody uploads very many objects, perhaps these too, and won't look at others


def settle(cursor: Any, fnames: Sequence[str], delete: Callable[[list[str]], Any]) -> Settled:
    """Delete what no committed row names. The cursor's transaction must be READ COMMITTED; the locks end with it.

    Each statement sees what was committed before it: the rows are looked at after the locks were taken.
    """
    # One after the other until one is free: PostgreSQL stops at the first.
    cursor.execute(
        "SELECT number FROM unnest(%s::int[]) AS number WHERE pg_try_advisory_xact_lock(%s, number) LIMIT 1",
        (list(LOCK_ALL), LOCK_CLASS),
    )
    if not cursor.fetchall():
        taken = dict.fromkeys(fnames, LOCK_ALL[0])
        found = _by_holder(cursor, taken)
        return Settled(kept=found["busy"], again=found["again"])
    numbers = {fname: lock_number(fname) for fname in fnames}
    cursor.execute(
        "SELECT number, pg_try_advisory_xact_lock(%s, number) FROM unnest(%s::int[]) AS number",
        (LOCK_CLASS, sorted(set(numbers.values()))),
    )
    free = {number for number, locked in cursor.fetchall() if locked}
    ours = [fname for fname in fnames if numbers[fname] in free]
    taken = {fname: number for fname, number in numbers.items() if number not in free}
    left = _by_holder(cursor, taken)
    cursor.execute("SELECT DISTINCT store_fname FROM ir_attachment WHERE store_fname = ANY(%s)", (ours,))
    named = {fname for (fname,) in cursor.fetchall()}
    going = [fname for fname in ours if fname not in named]
    if going:
        delete(going)
    return Settled(tuple(going), tuple(sorted(named)), **left)


def _by_holder(cursor: Any, taken: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Objects whose lock somebody has: `busy` if it is an upload, `again` if it is a deletion, or was."""
    if not taken:
        return {"busy": (), "again": ()}
    cursor.execute(
        "SELECT objid::bigint FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND classid = %s::oid"
        " AND mode = 'ShareLock' AND granted"
        " AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())",
        (LOCK_CLASS,),
    )
    shared = {number for (number,) in cursor.fetchall()}
    busy = tuple(fname for fname, number in taken.items() if number % 2**32 in shared)
    return {"busy": busy, "again": tuple(fname for fname in taken if fname not in busy)}
