# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What the object stores of attachments have in common, for the Odoo addons and for the mover.

A store is a module (s3, swift) that has what `Store` says. An object is named by ``scheme://bucket/key`` in the column store_fname, and
its key is the SHA-1 of its content.

A store knows no transactions. Against the race of "the last row of an object is deleted" with "the same content is uploaded
again" stand advisory locks in the Odoo database: an upload holds its object's lock (shared) until its transaction ends, a
deletion needs it alone and doesn't wait for it. A deletion that finds an upload there leaves the object to that transaction, which looks
when it ends. One that finds another deletion there is asked for again: that one may have looked before our own transaction was committed.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..common import variables
from ..common.variables import Environment, SettingsError

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
    """An object as the store describes it."""

    key: str
    size: int  # bytes
    md5: str = ""  # empty when the store's ETag is none (parts, encryption)
    modified: float = 0.0  # seconds since the epoch


class NotVerified(ValueError):
    """The store took something else than what it was given."""


class Store(Protocol):
    """What the module of a store has. `bucket` is a container in Swift. Requests raise one of ERRORS."""

    SCHEME: str  # one of SCHEMES
    LIBRARY: str  # the Python libraries that it needs, in words
    ERRORS: tuple[type[Exception], ...]

    def available(self) -> bool:
        """Whether the libraries are there."""

    def load(self, env: Environment = None) -> Any:
        """Which store, and as whom, from the environment. Raises SettingsError when a variable is missing."""

    def bucket_name(self, database: str, env: Environment = None) -> str:
        """The own bucket of a database. Raises SettingsError when no variable names it."""

    def put(self, bucket: str, key: str, data: Any, size: int | None = None) -> bool:
        """Stores the content (bytes, or a file of `size` bytes). The bucket is made when there is none; nobody asks for it before each
        request. The store is told the MD5 and refuses anything else. Returns whether it confirmed that it has this content.

        Raises NotVerified when it has another one.
        """

    def get(self, bucket: str, key: str, size: int | None = None) -> bytes | None:
        """The content, at most `size` bytes of it; None when it isn't there."""

    def download(self, bucket: str, key: str, file: Any) -> bool:
        """The content into a file, in pieces; False when it isn't there."""

    def opened(self, bucket: str, key: str, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from start to before stop, in pieces. The request is made now, so that its errors are seen now."""

    def link(self, bucket: str, key: str, seconds: int) -> str:
        """An address that gives the object to everybody who has it, for so long."""

    def head(self, bucket: str, key: str) -> Found | None:
        """How the store describes an object; None when it isn't there."""

    def listing(self, bucket: str) -> Iterator[Found]:
        """All objects; none when there is no such bucket."""

    def delete(self, bucket: str, keys: Sequence[str]) -> list[tuple[str, str]]:
        """Deletes the objects. Returns the (key, reason) of those that could not be."""

    def check(self, bucket: str) -> None:
        """Raises an error when the bucket doesn't answer."""


def store(scheme: str) -> Store:
    """The module of a store, one of SCHEMES."""
    return importlib.import_module(f"{__package__}.{scheme}")  # type: ignore[return-value]


def named_bucket(variable: str, what: str, env: Environment = None) -> str:
    """The bucket (`what`: the store's word for it) that a variable names, in which `{db}` stands for the database. Raises
    SettingsError."""
    name = variables.text(variable, env=env)
    if not name:
        raise SettingsError(f"{variable} is not set: it must name the {what} of the attachments")
    return str(name)


def confirmed(fname: str, etag: str, digest: str) -> bool:
    """Whether the ETag that a store answered to an upload says that it has the content with this MD5. Raises NotVerified when it
    has another one."""
    found = looks_like_md5(etag)
    if found and found != digest:
        raise NotVerified(f"{fname}: the store has another content (MD5 {found}) than it was given")
    return bool(found)


def is_object(fname: str | None) -> bool:
    """Whether a store_fname names something in a store (scheme://bucket/key) rather than a local file."""
    return bool(fname) and "://" in str(fname)


def scheme_of(fname: str | None) -> str:
    """The scheme of a store_fname, '' for a local file."""
    return str(fname).partition("://")[0].lower() if is_object(fname) else ""


def uri(scheme: str, bucket: str, key: str) -> str:
    """The store_fname of an object."""
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
    """A digest as the header Content-MD5 has it."""
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
