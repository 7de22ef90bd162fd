# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Files in folders that containers can write: events of runs, static files, dumps.

Modules read, list and remove them as root. A container can put a link there, a pipe that nobody
ever writes to, a device, a file of terabytes, or replace one by another at any moment. So every
entry is opened by its name inside an open folder, never by a path; links are not followed, and what
is used is checked after it was opened. The folder itself is the platform's: containers have it
mounted, so they can't replace it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import typing as t

MOST_BYTES = 16 * 1024 * 1024  # of a file that is read as a whole; the events of a long run have a tenth of it
MOST_NAMES = 10_000  # in a folder; more are not listed
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe without a writer would otherwise stop whoever opens it.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Untrusted(OSError):
    """An entry is not what it has to be; the message is one line for operators."""


@contextlib.contextmanager
def opened(folder: str) -> t.Iterator[int]:
    """An open folder, as a descriptor. Raises `OSError`, for a link too."""
    descriptor = os.open(folder, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _checked(name: str) -> str:
    if not name or name in (".", "..") or "/" in name or "\0" in name:
        raise Untrusted(errno.EINVAL, f"{name!r} is not the name of a file in a folder")
    return name


def open_file(folder: int, name: str) -> int:
    """A descriptor of a regular file. Raises `Untrusted` for anything else, `OSError` when it can't
    be opened.

    `folder`: an open one, see `opened`.
    """
    try:
        descriptor = os.open(_checked(name), _FILE, dir_fd=folder)
    except OSError as error:
        # ELOOP: a link. ENXIO: a socket. Others are what they say.
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise Untrusted(error.errno, f"{name!r} is not a file") from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise Untrusted(errno.EINVAL, f"{name!r} is not a file")


def read(path: str, offset: int = 0, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file from a byte offset on.

    Raises `FileNotFoundError`, and `Untrusted` when it is something else or the whole file has more
    than `most` bytes.
    """
    folder, name = os.path.split(path)
    with opened(folder) as inside:
        descriptor = open_file(inside, name)
    with os.fdopen(descriptor, "rb") as stream:
        # A file that grows while it is read is caught by the limit of `read`.
        size = os.fstat(stream.fileno()).st_size
        if size <= most:
            stream.seek(max(offset, 0))
            found = stream.read(most + 1)
            if len(found) <= most:
                return found
    raise Untrusted(errno.EFBIG, f"it has more than {most // 1024 // 1024} MB, which no run writes; remove it")


def names(folder: str, most: int = MOST_NAMES) -> list[str]:
    """Names in a folder, sorted; of more than `most` some. Raises `OSError`."""
    found = []
    with opened(folder) as inside, os.scandir(inside) as entries:
        for entry in entries:
            found.append(entry.name)
            if len(found) == most:
                break
    return sorted(found)


def is_folder(path: str) -> bool:
    """Whether there is a folder at a path; a link to one is none."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def remove(folder: str, entries: t.Iterable[str]) -> None:
    """Removes files from a folder, and links and pipes as such. Folders and what is gone are left.

    Raises `OSError`.
    """
    with opened(folder) as inside:
        for name in entries:
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                os.unlink(_checked(name), dir_fd=inside)
