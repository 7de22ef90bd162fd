# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The places of attachments outside the database: the local filestore, and the own bucket of a store.

A content is known by its SHA-1, which Odoo keeps beside it; it is read into a file of its own (in memory while it is small) and
never trusted before it was computed anew.
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

IN_MEMORY = 2 * 1024**2  # larger contents wait in a file
FILE, DATABASE = "file", "db"
PLACES = (FILE, DATABASE, *SCHEMES)

_SHA1 = re.compile(r"[0-9a-f]{40}")


class Broken(Exception):
    """A place does not do what it is asked for; one line."""


class StoreFailed(RuntimeFailure):
    """A store does not do what it is asked for, so nothing can go on."""

    exit_code = EXIT_STORE


def is_key(key: str) -> bool:
    """Whether a key is the name of a content, which is a SHA-1."""
    return _SHA1.fullmatch(key) is not None


def sha1() -> Any:
    """A new digest of the kind by which contents are known."""
    return hashlib.sha1()  # noqa: S324 - Odoo's checksum


class Content:
    """What was read: a file at its beginning, its size and its SHA-1."""

    def __init__(self, folder: str) -> None:
        self.file: Any = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=folder or None)  # noqa: SIM115
        self.size = 0
        self._digest = sha1()

    def write(self, piece: bytes) -> None:
        """Adds a piece at the end."""
        self._digest.update(piece)
        self.size += len(piece)
        self.file.write(piece)

    def rewind(self) -> Any:
        """The file, at its beginning."""
        self.file.seek(0)
        return self.file

    @property
    def checksum(self) -> str:
        """The SHA-1 of what was written, in hexadecimal digits."""
        return str(self._digest.hexdigest())

    def data(self) -> bytes:
        """The whole content."""
        return bytes(self.rewind().read())

    def close(self) -> None:
        """Removes the file."""
        self.file.close()

    def __enter__(self) -> Content:
        return self

    def __exit__(self, *dummy: object) -> None:
        self.close()


class Place(Protocol):
    """Where contents can be outside the database: the local filestore, or the own bucket of a store. What doesn't answer raises
    Broken."""

    name: str  # one of PLACES

    def fname(self, checksum: str) -> str:
        """The store_fname of the content with this SHA-1."""

    def full_name(self, found: Found) -> str:
        """The store_fname of something that was listed."""

    def owns(self, fname: str | None) -> bool:
        """Whether a store_fname is in this place, so that we may write and delete it."""

    def read(self, fname: str, content: Content) -> bool:
        """Reads into `content`; False when it isn't there. Others' buckets can be read too."""

    def write(self, content: Content) -> bool:
        """Writes a content under its own name. Returns whether its checksum was confirmed; else it has to be read again."""

    def head(self, fname: str) -> Found | None:
        """Name and size without the content; None when it isn't there."""

    def listing(self) -> Iterator[Found]:
        """All contents."""

    def delete(self, fnames: Iterable[str]) -> dict[str, str]:
        """Deletes those that are ours. Returns why the others are left, by name."""

    def check(self) -> None:
        """Raises Broken or ConfigError when the place can't be used."""


class Files:
    """Odoo's local filestore of one database."""

    name = FILE

    def __init__(self, settings: Settings) -> None:
        self.folder = os.path.join(settings.data_dir, "filestore", settings.db_name)

    def path(self, fname: str) -> str:
        """As Odoo makes it of a store_fname, which must not lead out of the folder."""
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
        """Written beside, synced, then put in its place; the caller reads it again to be sure."""
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
        """All files that hold contents, by their store_fname."""
        with contextlib.suppress(FileNotFoundError):
            for folder in sorted(os.listdir(self.folder)):
                if not re.fullmatch(r"[0-9a-f]{2,3}", folder):
                    continue  # such as Odoo's checklist
                with contextlib.suppress(NotADirectoryError):
                    for name in sorted(os.listdir(os.path.join(self.folder, folder))):
                        found = self.head(f"{folder}/{name}") if is_key(name) else None
                        if found is not None:
                            yield found

    def delete(self, fnames: Iterable[str]) -> dict[str, str]:
        """Why those that are left could not be deleted."""
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
    """A store: its own bucket is written, others are read."""

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
        """Whether the store confirmed the checksum of what it has."""
        with self._asking(f"{self.fname(content.checksum)} cannot be stored"):
            return bool(self.module.put(self.bucket, content.checksum, content.rewind(), size=content.size))

    def head(self, fname: str) -> Found | None:
        with self._asking(f"{fname} cannot be looked at"):
            dummy, bucket, key = parse(fname)
            return self.module.head(bucket, key)  # type: ignore[no-any-return]

    def listing(self) -> Iterator[Found]:
        """All objects of the own bucket, by their keys."""
        with self._asking(f"{self.prefix} cannot be listed"):
            yield from self.module.listing(self.bucket)

    def delete(self, fnames: Iterable[str]) -> dict[str, str]:
        """Why those that are left could not be deleted. Of the own bucket only."""
        ours = [fname for fname in fnames if self.owns(fname)]
        with self._asking(f"objects in {self.prefix} cannot be deleted"):
            faults = self.module.delete(self.bucket, [parse(fname)[2] for fname in ours])
        return {self.prefix + key: reason for key, reason in faults}

    def check(self) -> None:
        """Whether the store answers at all; a bucket that isn't there is made by the first upload."""
        with self._asking(f"the store {self.name!r} does not answer"):
            self.module.head(self.bucket, "0" * 40)


def place_name(fname: str | None) -> str:
    """Where a row with this store_fname has its content: file, db, or the scheme of its object."""
    if not fname:
        return DATABASE
    return scheme_of(fname) or FILE


def grouped(items: Sequence[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    """The items by what `key` gives for them, in their order."""
    result: dict[Any, list[Any]] = {}
    for item in items:
        result.setdefault(key(item), []).append(item)
    return result
