# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addons to deliver, and a bucket that is a folder, so that processes can share it and be killed."""

from __future__ import annotations

import os
import pathlib
import threading
import time
from concurrent import futures

from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_objects import Listed


def make_addon(
    parent: pathlib.Path, name: str, version: str = "19.0.1.0.0", depends=("base",), files=None
) -> pathlib.Path:
    """An addon with a manifest and some files."""
    folder = parent / name
    (folder / "models").mkdir(parents=True, exist_ok=True)
    manifest = {"name": name, "version": version, "depends": list(depends)}
    lines = [f"    {key!r}: {value!r}," for key, value in manifest.items()]
    (folder / "__manifest__.py").write_text("\n".join(["{", *lines, "}", ""]), encoding="utf-8")
    (folder / "__init__.py").write_text("from . import models\n", encoding="utf-8")
    (folder / "models" / "__init__.py").write_text("", encoding="utf-8")
    for path, content in (files or {}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


class FolderObjects:
    """The same methods as Objects, on a folder."""

    def __init__(self, folder: pathlib.Path, threads: int = 4) -> None:
        self.folder, self.threads, self.bucket = folder, threads, "folder"
        self.requests = self.bytes_sent = self.bytes_received = 0
        self.log: list[str] = []
        self.break_after = -1
        self._lock = threading.Lock()

    def _count(self, what: str) -> None:
        with self._lock:
            self.requests += 1
            self.log.append(what)
            if 0 <= self.break_after < self.requests:
                raise OSError("the connection broke")

    def get(self, key):
        self._count(f"get {key}")
        path = self.folder / key
        return path.read_bytes() if path.is_file() else None

    def put(self, key, body, content_type=""):
        self._count(f"put {key}")
        self._write(key, body)

    def _write(self, key, body):
        """Whole or not at all, as a store does."""
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = self.folder.with_name(f"{self.folder.name}.parts")
        parts.mkdir(exist_ok=True)
        temporary = parts / f"{os.getpid()}-{threading.get_ident()}"
        temporary.write_bytes(body)
        os.replace(temporary, path)

    def copy(self, source, key):
        self._count(f"copy {source} {key}")
        if not (self.folder / source).is_file():
            return False
        self._write(key, (self.folder / source).read_bytes())
        return True

    def list(self, prefix, delimiter=""):
        self._count(f"list {prefix}")
        found, below = [], set()
        for path in sorted(self.folder.rglob("*")):
            key = str(path.relative_to(self.folder))
            if path.is_file() and key.startswith(prefix):
                rest = key[len(prefix) :]
                if delimiter and delimiter in rest:
                    below.add(prefix + rest.split(delimiter)[0] + delimiter)
                else:
                    modified = path.stat().st_mtime
                    text = (
                        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(modified)) + f".{int(modified % 1 * 1e6):06d}Z"
                    )
                    found.append(Listed(key, path.stat().st_size, text, ""))
        return found, sorted(below)

    def delete(self, keys):
        keys = sorted(set(keys))
        self._count(f"delete {' '.join(keys)}")
        for key in keys:
            (self.folder / key).unlink(missing_ok=True)
        return len(keys)

    def each(self, work, items):
        with futures.ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(work, list(items)))

    def keys(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())
