# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What the object stores of attachments have in common, for the Odoo addons and for the mover.

A store is a module (s3, swift) that implements `Store`. The column store_fname names an object as
`scheme://bucket/key`; its key is the SHA-1 of its content.

A store has no transactions. One transaction may delete the last row of an object while another one
uploads the same content again; advisory locks in the Odoo database protect against that. An upload
holds its object's lock (shared) until its transaction ends; a deletion needs the lock exclusively
and doesn't wait for it. A deletion that meets an upload leaves the object to that transaction,
which checks when it ends. A deletion that meets another one is repeated later, because the other
one may have checked before our transaction was committed.
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
# Second keys. A transaction that uploads very many objects holds all of these (shared) instead of
# more locks of single objects. A deletion needs only one of them exclusively, so that several
# deletions can run at once.
LOCK_ALL = tuple(range(-16, 0))

# Small images are read many at a time, and a store takes 100 ms for each. Assets are few, and if
# they are in the database, a copy of it shows its pages correctly without the store. {start of the
# MIME type: maximum bytes, 0 for any size}
STAYS_IN_DATABASE = {"image/": 51200, "application/javascript": 0, "text/css": 0}
STAYS_PARAMETER = "ir_attachment.storage.force.database"

_URI = re.compile(r"([a-z0-9]+):///*([^/]*)/?(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Found:
    """An object as the store describes it."""

    key: str
    size: int  # bytes
    md5: str = ""  # empty if the store's ETag is not the MD5 (multipart, encryption)
    modified: float = 0.0  # seconds since the epoch


class NotVerified(ValueError):
    """The store has another content than it was given."""


class Store(Protocol):
    """What the module of a store implements. `bucket` is a container in Swift. Requests raise one
    of `ERRORS`."""

    SCHEME: str  # one of SCHEMES
    LIBRARY: str  # the Python libraries that it needs, for messages
    ERRORS: tuple[type[Exception], ...]

    def available(self) -> bool:
        """Whether the libraries are installed."""

    def load(self, env: Environment = None) -> Any:
        """Return address and credentials of the store, from the environment. Raises `SettingsError`
        if a variable is missing."""

    def bucket_name(self, database: str, env: Environment = None) -> str:
        """Return the bucket of a database. Raises `SettingsError` if no variable names it."""

    def put(self, bucket: str, key: str, data: Any, size: int | None = None) -> bool:
        """Store the content (bytes, or a file of `size` bytes). A missing bucket is created only
        after the request failed, which saves a check before each one. The MD5 is sent along, and
        the store refuses any other content. Returns whether the store confirmed that it has this
        content.

        Raises `NotVerified` if it has another one.
        """

    def get(self, bucket: str, key: str, size: int | None = None) -> bytes | None:
        """Return the content, at most `size` bytes of it; `None` if it doesn't exist."""

    def download(self, bucket: str, key: str, file: Any) -> bool:
        """Write the content to `file` in pieces; `False` if it doesn't exist."""

    def opened(self, bucket: str, key: str, start: int, stop: int) -> Iterator[bytes]:
        """Return the bytes from `start` to before `stop` in pieces. The request is sent at once, so
        that its errors are raised here."""

    def link(self, bucket: str, key: str, seconds: int) -> str:
        """Return a URL with which anyone can read the object for so many seconds."""

    def head(self, bucket: str, key: str) -> Found | None:
        """Return the store's description of an object; `None` if it doesn't exist."""

    def listing(self, bucket: str) -> Iterator[Found]:
        """Yield all objects; none if there is no such bucket."""

    def delete(self, bucket: str, keys: Sequence[str]) -> list[tuple[str, str]]:
        """Delete the objects. Returns (key, reason) of those that could not be deleted."""

    def check(self, bucket: str) -> None:
        """Raise one of `ERRORS` if the bucket doesn't answer."""


def store(scheme: str) -> Store:
    """Return the module of a store. `scheme`: one of `SCHEMES`."""
    return importlib.import_module(f"{__package__}.{scheme}")  # type: ignore[return-value]


def named_bucket(variable: str, what: str, env: Environment = None) -> str:
    """Return the bucket that a variable names, in which `{db}` stands for the database. `what`: the
    store's word for a bucket.

    Raises `SettingsError` if the variable is not set.
    """
    name = variables.text(variable, env=env)
    if not name:
        raise SettingsError(f"{variable} is not set: it must name the {what} of the attachments")
    return str(name)


def confirmed(fname: str, etag: str, digest: str) -> bool:
    """Whether the ETag with which a store answered an upload of `fname` confirms the content with
    the MD5 `digest`. Raises `NotVerified` if it is the MD5 of another content."""
    found = looks_like_md5(etag)
    if found and found != digest:
        raise NotVerified(f"{fname}: the store has another content (MD5 {found}) than it was given")
    return bool(found)


def is_object(fname: str | None) -> bool:
    """Whether a store_fname names an object in a store (`scheme://bucket/key`) rather than a local
    file."""
    return bool(fname) and "://" in str(fname)


def scheme_of(fname: str | None) -> str:
    """Return the scheme of a store_fname, empty for a local file."""
    return str(fname).partition("://")[0].lower() if is_object(fname) else ""


def uri(scheme: str, bucket: str, key: str) -> str:
    """Return the store_fname of an object."""
    return f"{scheme}://{bucket}/{key}"


def parse(fname: str) -> tuple[str, str, str]:
    """Split a store_fname into (scheme, bucket, key). Raises `ValueError` if it is no object's."""
    match = _URI.match(fname)
    if not match or not match.group(2) or not match.group(3):
        raise ValueError(f"{fname}: not of the form scheme://bucket/key")
    return match.group(1).lower(), match.group(2), match.group(3)


def database_rules(value: str | None) -> dict[str, int]:
    """Return which contents stay in the database, from the value of the system parameter. Raises
    `ValueError` if it has another form."""
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
    """Whether a content of this MIME type and size (bytes) belongs in the database although a store
    is used."""
    return any((mimetype or "").startswith(start) and (not most or size <= most) for start, most in rules.items())


def md5_of(data: Any) -> Any:
    """Return the MD5 of bytes, or of a file from its current position, which is restored
    afterwards. Stores check it."""
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
    """Return a digest in the form of the header Content-MD5."""
    return base64.b64encode(digest.digest()).decode("ascii")


def looks_like_md5(etag: str) -> str:
    """Return the ETag if it can be the content's MD5, else an empty text."""
    etag = (etag or "").strip('"').lower()
    return etag if re.fullmatch(r"[0-9a-f]{32}", etag) else ""


def by_bucket(fnames: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """Group the keys of objects by (scheme, bucket). Raises `ValueError` for a local file."""
    result: dict[tuple[str, str], list[str]] = {}
    for fname in fnames:
        scheme, bucket, key = parse(fname)
        result.setdefault((scheme, bucket), []).append(key)
    return result


def lock_number(fname: str) -> int:
    """Return the second key of an object's lock: 31 bits of a hash, never one of `LOCK_ALL`."""
    return (int.from_bytes(hashlib.sha1(fname.encode("utf-8")).digest()[:4], "big") & 0x7FFFFFFF) or 1  # noqa: S324


@dataclass(frozen=True)
class Settled:
    """The outcome for objects that may have to be deleted."""

    deleted: tuple[str, ...] = ()
    named: tuple[str, ...] = ()  # still used by rows
    busy: tuple[str, ...] = ()  # another transaction is uploading the same content
    again: tuple[str, ...] = ()  # another transaction is deleting; to be repeated in a new transaction
    # another transaction uploads very many objects, perhaps these too, and won't check others when
    # it ends
    kept: tuple[str, ...] = ()


def settle(cursor: Any, fnames: Sequence[str], delete: Callable[[list[str]], Any]) -> Settled:
    """Delete the objects that no committed row uses, by calling `delete` with their store_fnames.
    The transaction of `cursor` must be READ COMMITTED; the locks end with it.

    Each statement sees what was committed before it, so the rows are read after the locks were
    taken.
    """
    # Tried one by one until one is free: PostgreSQL stops at the first.
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
    cursor.execute("SELECT DISTINCT store_fname FROM public.ir_attachment WHERE store_fname = ANY(%s)", (ours,))
    named = {fname for (fname,) in cursor.fetchall()}
    going = [fname for fname in ours if fname not in named]
    if going:
        delete(going)
    return Settled(tuple(going), tuple(sorted(named)), **left)


def _by_holder(cursor: Any, taken: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Objects whose lock another transaction has: `busy` if it uploads, `again` if it deletes or
    has ended meanwhile."""
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
