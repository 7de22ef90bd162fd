# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The places of attachments outside the database: the local filestore, and the instance's own
bucket of a store.

A content is identified by its SHA-1, which Odoo keeps in the row. It is read into a temporary file
(in memory while it is small) and not trusted before the checksum was computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Callable, Protocol

from ..common.config import Settings
from ..common.errors import EXIT_STORE, ConfigError, RuntimeFailure
from ..common.variables import SettingsError
from ..store.objects import CHUNK, SCHEMES, Found, Store, is_object, parse, scheme_of, store, uri

IN_MEMORY = 2 * 1024**2  # bytes; larger contents are kept in a file
FILE, DATABASE = "file", "db"
PLACES = (FILE, DATABASE, *SCHEMES)

_SHA1 = re.compile(r"[0-9a-f]{40}")


class Broken(Exception):
    """A place failed to do what was requested; the message is one line."""


class StoreFailed(RuntimeFailure):
    """A store failed, so that the command can't continue."""

    exit_code = EXIT_STORE


def is_key(key: str) -> bool:
    """Whether a key is the name of a content, which is a SHA-1."""
    return _SHA1.fullmatch(key) is not None


def sha1() -> Any:
    """Return a new digest of the kind that identifies contents."""
    return hashlib.sha1()  # noqa: S324 - Odoo's checksum


class Content:
    """A content that was read: a temporary file, its size in bytes and its SHA-1. `folder`: where
    large contents are kept; empty for the system's default."""

    def __init__(self, folder: str) -> None:
        self.file: Any = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=folder or None)  # noqa: SIM115
        self.size = 0
        self._digest = sha1()

    def write(self, piece: bytes) -> None:
        """Add a piece at the end."""
        self._digest.update(piece)
        self.size += len(piece)
        self.file.write(piece)

    def rewind(self) -> Any:
        """Return the file, at its beginning."""
        self.file.seek(0)
        return self.file

    @property
    def checksum(self) -> str:
        """The SHA-1 of what was written, in hexadecimal digits."""
        return str(self._digest.hexdigest())

    def data(self) -> bytes:
        """Return the whole content."""
        return bytes(self.rewind().read())

    def close(self) -> None:
        """Remove the file."""
        self.file.close()

    def __enter__(self) -> Content:
        return self

    def __exit__(self, *dummy: object) -> None:
        self.close()


class Place(Protocol):
    """A place of contents outside the database: the local filestore, or the instance's own bucket
    of a store. If it doesn't answer, methods raise `Broken`."""

    name: str  # one of PLACES

    def fname(self, checksum: str) -> str:
        """Return the store_fname of the content with this SHA-1."""

    def full_name(self, found: Found) -> str:
        """Return the store_fname of a listed object."""

    def owns(self, fname: str | None) -> bool:
        """Whether a store_fname is in this place, so that we may write and delete it."""

    def read(self, fname: str, content: Content) -> bool:
        """Read into `content`; `False` if it doesn't exist. Works for other buckets too."""

    def write(self, content: Content) -> bool:
        """Write a content under its own name. Returns whether its checksum was confirmed; if not,
        it has to be read again."""

    def head(self, fname: str) -> Found | None:
        """Return name and size; `None` if it doesn't exist."""

    def listing(self) -> Iterator[Found]:
        """Yield all contents."""

    def delete(self, fnames: Iterable[str]) -> dict[str, str]:
        """Delete those that are in this place. Returns why others could not be deleted, by
        store_fname."""

    def check(self) -> None:
        """Raise `Broken` or `ConfigError` if the place can't be used."""


class Files:
    """Odoo's local filestore of one database."""

    name = FILE

    def __init__(self, settings: Settings) -> None:
        self.folder = os.path.join(settings.data_dir, "filestore", settings.db_name)

    def path(self, fname: str) -> str:
        """Return the path that Odoo derives from a store_fname, which must not lead out of the
        folder."""
        return os.path.join(self.folder, re.sub(r"[.:]", "", fname).strip("/\\"))

    def fname(self, checksum: str) -> str:
        return f"{checksum[:2]}/{checksum}"

    def full_name(self, found: Found) -> str:
        return found.key

    def owns(self, fname: str | None) -> bool:
        return bool(fname) and not is_object(fname)

    def read(self, fname: str, content: Content) -> bool:
        try:
            with open(self.path(fname), "rb") as handle:
                for piece in iter(lambda: handle.read(CHUNK), b""):
                    content.write(piece)
        except (FileNotFoundError, IsADirectoryError):
            return False
        except OSError as exc:
            raise Broken(f"{fname} cannot be read: {exc.strerror}") from exc
        return True

    def write(self, content: Content) -> bool:
        """Write to a temporary file, sync it and rename it; the caller reads it again to verify it."""
        path = self.path(self.fname(content.checksum))
        temporary = f"{path}.{os.getpid()}.moving"
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            source = content.rewind()
            with open(temporary, "wb") as handle:
                for piece in iter(lambda: source.read(CHUNK), b""):
                    handle.write(piece)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temporary, path)
        except OSError as exc:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise Broken(f"{path} cannot be written: {exc.strerror}") from exc
        return False

    def head(self, fname: str) -> Found | None:
        try:
            info = os.stat(self.path(fname))
        except OSError:
            return None
        return Found(fname, info.st_size, "", info.st_mtime)

    def listing(self) -> Iterator[Found]:
        """Yield all files that are contents, with their store_fnames."""
        with contextlib.suppress(FileNotFoundError):
            for folder in sorted(os.listdir(self.folder)):
                if not re.fullmatch(r"[0-9a-f]{2,3}", folder):
                    continue  # such as Odoo's folder checklist
                with contextlib.suppress(NotADirectoryError):
                    for name in sorted(os.listdir(os.path.join(self.folder, folder))):
                        found = self.head(f"{folder}/{name}") if is_key(name) else None
                        if found is not None:
                            yield found

    def delete(self, fnames: Iterable[str]) -> dict[str, str]:
        """Delete files. Returns why others could not be deleted, by store_fname."""
        faults = {}
        for fname in fnames:
            try:
                os.unlink(self.path(fname))
            except FileNotFoundError:
                pass
            except OSError as exc:
                faults[fname] = exc.strerror or str(exc)
        return faults

    def check(self) -> None:
        folder = os.path.dirname(self.folder)
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
        except OSError as exc:
            raise ConfigError(f"DATA_DIR: {folder} cannot be written: {exc.strerror}") from exc
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise ConfigError(f"DATA_DIR: {self.folder} must be a folder that uid {os.getuid()} can write")


class Objects:
    """A store: its own bucket is written, others are only read.

    Raises `ConfigError` if its library or a variable is missing.
    """

    def __init__(self, scheme: str, settings: Settings, env: Mapping[str, str]) -> None:
        self.name = scheme
        self.module: Store = store(scheme)
        if not self.module.available():
            raise ConfigError(f"{self.module.LIBRARY}: not in this image, and needed to reach the store {scheme!r}")
        try:
            self.module.load(env)
            self.bucket = self.module.bucket_name(settings.db_name, env)
        except SettingsError as exc:
            raise ConfigError(str(exc)) from exc
        self.prefix = uri(scheme, self.bucket, "")

    def fname(self, checksum: str) -> str:
        return self.prefix + checksum

    def full_name(self, found: Found) -> str:
        return self.prefix + found.key

    def owns(self, fname: str | None) -> bool:
        return bool(fname) and str(fname).startswith(self.prefix)

    @contextlib.contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        try:
            yield
        except (ValueError, *self.module.ERRORS) as exc:
            raise Broken(f"{what}: {' '.join(str(exc).split())}") from exc

    def read(self, fname: str, content: Content) -> bool:
        with self._asking(f"{fname} cannot be read"):
            dummy, bucket, key = parse(fname)
            return bool(self.module.download(bucket, key, content))

    def write(self, content: Content) -> bool:
        """Write a content. Returns whether the store confirmed its checksum."""
        with self._asking(f"{self.fname(content.checksum)} cannot be stored"):
            return bool(self.module.put(self.bucket, content.checksum, content.rewind(), size=content.size))

    def head(self, fname: str) -> Found | None:
        with self._asking(f"{fname} cannot be inspected"):
            dummy, bucket, key = parse(fname)
            return self.module.head(bucket, key)  # type: ignore[no-any-return]

    def listing(self) -> Iterator[Found]:
        """Yield all objects of the own bucket, with their keys."""
        with self._asking(f"{self.prefix} cannot be listed"):
            yield from self.module.listing(self.bucket)

    def delete(self, fnames: Iterable[str]) -> dict[str, str]:
        """Delete objects of the own bucket. Returns why others could not be deleted, by store_fname."""
        ours = [fname for fname in fnames if self.owns(fname)]
        with self._asking(f"objects in {self.prefix} cannot be deleted"):
            faults = self.module.delete(self.bucket, [parse(fname)[2] for fname in ours])
        return {self.prefix + key: reason for key, reason in faults}

    def check(self) -> None:
        """Raise `Broken` if the store doesn't answer; a missing bucket is created by the first
        upload."""
        with self._asking(f"the store {self.name!r} does not answer"):
            self.module.head(self.bucket, "0" * 40)


def place_name(fname: str | None) -> str:
    """Return the place of a row's content by its store_fname: file, db, or the scheme of its object."""
    if not fname:
        return DATABASE
    return scheme_of(fname) or FILE


def grouped(items: Sequence[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    """Group the items by the result of `key`, in their order."""
    result: dict[Any, list[Any]] = {}
    for item in items:
        result.setdefault(key(item), []).append(item)
    return result
