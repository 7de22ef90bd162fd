# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Releases on a host.

    <path>/releases/<release>/addons/<addon>/...       never changed once it has this name
    <path>/releases/<release>/python/<package>/...
    <path>/releases/<release>/release.json             its manifest
    <path>/current -> releases/<release>               replaced by one rename
    <path>/account.json                                the account that its releases come from

A release is unpacked and checked beside the others and gets its name by one rename, so each folder
in `releases/` is complete. A reader follows the link once (`readlink`, a working directory, an open
folder) and stays in that release. Packages that two releases share are the same files (hard links).
A shared lock (flock) on a release's folder keeps the release from being deleted.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import threading
import typing as t

from .._store.s3_keys import S3Failure
from .._store.s3_objects import Objects
from .bucket import NotDelivered, Places, read_channel
from .release import (
    HOST_FOLDERS,
    RELEASE_LENGTH,
    DeliveryError,
    File,
    Manifest,
    digest_of,
    is_release,
    read_unpacked,
    unpack,
    write_file,
)

MANIFEST = "release.json"
LINK = "current"
STATE = "state.json"
ACCOUNT = "account.json"
_FOLDER = re.compile(rf"([0-9a-f]{{{RELEASE_LENGTH}}})(?:\.\d+)?\Z")
# Up to this many new files are flushed one by one; for more a single sync of the system is faster.
_FLUSHED_SINGLY = 500


class Host:
    """The releases below one folder. `actions`: what was done or, in check mode, would be done.

    `keep`: number of releases to keep, at least 1. Raises `DeliveryError` for a relative path or a
    wrong number.
    """

    def __init__(self, path: str, keep: int = 3, check_mode: bool = False) -> None:
        if not os.path.isabs(path):
            raise DeliveryError(f"path={path!r}: must be absolute")
        if keep < 1:
            raise DeliveryError(f"keep_releases={keep}: at least 1, the current one, is kept")
        self.path = path
        self.keep = keep
        self.check_mode = check_mode
        self.actions: list[str] = []
        self.removed: list[str] = []
        self.downloaded: list[str] = []
        self.linked: list[str] = []
        self._mutex = threading.Lock()
        self._pulled = self._switched = ""  # folders of this run

    # -- what is there

    @property
    def _releases(self) -> str:
        return os.path.join(self.path, "releases")

    def _folders(self) -> dict[str, str]:
        """The release of each folder with a complete release."""
        try:
            names = os.listdir(self._releases)
        except FileNotFoundError:
            return {}
        found = {name: _FOLDER.match(name) for name in sorted(names)}
        return {name: match[1] for name, match in found.items() if match and os.path.isfile(self._manifest_path(name))}

    def _manifest_path(self, folder: str) -> str:
        return os.path.join(self._releases, folder, MANIFEST)

    def releases(self) -> list[str]:
        """The complete releases, sorted."""
        return sorted(set(self._folders().values()))

    def _current_folder(self) -> str:
        """The folder that the link names; empty without a link, or if its target does not exist."""
        try:
            target = os.readlink(os.path.join(self.path, LINK))
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise DeliveryError(f"{os.path.join(self.path, LINK)}: is no link; move it away") from error
        folder = os.path.basename(target)
        return folder if os.path.dirname(target) == "releases" and folder in self._folders() else ""

    def folder(self, release: str) -> str:
        """The folder of a release; the release's name when it is not here.

        The current folder is preferred, if it has that release.
        """
        names = [name for name, one in self._folders().items() if one == release]
        current = self._current_folder()
        return current if current in names else (names[-1] if names else release)

    def current(self) -> str:
        """The release in use, empty when there is none. Raises `DeliveryError` if `current` is no
        link.
        """
        return self._current_folder().partition(".")[0]

    def manifest(self, release: str) -> Manifest | None:
        """The manifest of a release on this host, None when it is not here."""
        return self._read(self.folder(release))

    def _read(self, folder: str) -> Manifest | None:
        path = self._manifest_path(folder)
        try:
            with open(path, "rb") as stream:
                return Manifest.load(stream.read(), path, folder.partition(".")[0])
        except (OSError, DeliveryError):
            return None

    def state(self) -> dict[str, list[str]]:
        """What was in use: `history`, oldest first, and `rejected`, the releases left by a
        rollback.

        Raises `DeliveryError` when the file can't be read.
        """
        path = os.path.join(self.path, STATE)
        try:
            with open(path, encoding="utf-8") as stream:
                document = json.load(stream)
            return {
                key: [str(one) for one in document.get(key, []) if is_release(str(one))]
                for key in ("history", "rejected")
            }
        except FileNotFoundError:
            return {"history": [], "rejected": []}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise DeliveryError(f"{path}: can't be read: {error}; delete it, only the way back is lost") from error

    def previous(self) -> str:
        """The release that a rollback would switch to, empty when there is none."""
        current, state, here = self.current(), self.state(), self.releases()
        history = state["history"]
        end = len(history) - history[::-1].index(current) - 1 if current in history else len(history)
        left = [one for one in history[:end] if one in here and one != current and one not in state["rejected"]]
        return left[-1] if left else ""

    def known(self) -> set[str]:
        """The releases that were ever used here, as far as is recorded, and those that are here."""
        state = self.state()
        return {*self.releases(), *state["history"], *state["rejected"]}

    def has_account(self) -> bool:
        """Whether it is recorded that releases come from an account that containers have no key of."""
        return os.path.isfile(os.path.join(self.path, ACCOUNT))

    # -- changing

    @contextlib.contextmanager
    def lock(self) -> t.Iterator[None]:
        """Lets one run work at a time. A run that dies releases the lock; check mode takes none.

        Raises `DeliveryError` when the folder can't be used.
        """
        if self.check_mode:
            yield
            return
        try:
            os.makedirs(self._releases, mode=0o755, exist_ok=True)
            descriptor = os.open(os.path.join(self.path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DeliveryError(f"path={self.path!r}: {error.filename}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def wanted(self, objects: Objects, places: Places) -> str:
        """The release that the channel names; one request.

        Raises `NotDelivered` without one, otherwise `S3Failure`.
        """
        pointer = read_channel(objects, places)
        if pointer.layout != "pack":
            raise S3Failure(
                f"bucket {objects.bucket!r}: {places.channel!r} names a release with layout {pointer.layout!r}; hosts pull releases "
                "that were synced with layout='pack'"
            )
        return pointer.release

    def fetch_manifest(self, objects: Objects, places: Places, release: str) -> Manifest:
        """The manifest of a release, from this host or else from the bucket.

        Raises `NotDelivered` when neither has it, otherwise `DeliveryError` or `S3Failure`.
        """
        here = self.manifest(release)
        if here is not None:
            return here
        key = places.manifest(release)
        data = objects.get(key)
        if data is None:
            raise NotDelivered(
                f"bucket {objects.bucket!r}: has no release {release!r} ({key!r}): never delivered, or removed as an old one"
            )
        return Manifest.load(data, f"{objects.bucket}/{key}", release)

    def pull(self, objects: Objects | None, places: Places, manifest: Manifest, again: bool = False) -> str:
        """Creates the folder of a release unless it exists. Returns the folder's name.

        - `objects`: the bucket; None when all that is needed is on this host.
        - `again`: whether to create another folder even if there is one.

        Raises `S3Failure` when an archive is missing, `DeliveryError` when it is not what the
        manifest says.
        """
        release = manifest.release
        if release in self.releases() and not again:
            self._pulled = self.folder(release)
            return self._pulled
        folder, number = release, 1
        while os.path.lexists(os.path.join(self._releases, folder)):
            number += 1
            folder = f"{release}.{number}"
        self._pulled = folder
        donors = self._donors(manifest)
        self.actions.append(f"pull release {release}")
        if self.check_mode:
            self.downloaded = [name for name in manifest.by_id() if name not in donors]
            self.linked = sorted(donors)
            return folder
        # Complete packages that an interrupted run has unpacked are reused.
        for name in self._leftovers():
            if name.startswith(".new-"):
                number = 1
                while os.path.lexists(os.path.join(self._releases, f".part-{number}")):
                    number += 1
                os.rename(os.path.join(self._releases, name), os.path.join(self._releases, f".part-{number}"))
        parts = [os.path.join(self._releases, name) for name in self._leftovers()]
        new = os.path.join(self._releases, f".new-{folder}")
        os.mkdir(new, 0o755)
        made: list[str] = []
        for below in HOST_FOLDERS.values():  # even if it stays empty: addons_path or PYTHONPATH names it
            os.mkdir(os.path.join(new, below), 0o755)

        def bring(item: tuple[str, dict[str, t.Any]]) -> None:
            name, entry = item
            below = HOST_FOLDERS[entry["kind"]]
            target = os.path.join(new, below)
            for donor in [*donors.get(name, []), *(os.path.join(part, below) for part in parts)]:
                if self._link(donor, target, entry):
                    with self._mutex:
                        self.linked.append(name)
                    return
            key = places.pack(entry["digest"])
            data = objects.get(key)
            if data is None:
                raise S3Failure(
                    f"bucket {objects.bucket!r}: {key!r} of release {release} is missing; run odoo_addons_sync with verify_content=true"
                )
            unpack(data, entry, target, f"{objects.bucket}/{key}")
            with self._mutex:
                self.downloaded.append(name)
                made.append(os.path.join(target, entry["name"]))

        objects.each(bring, sorted(manifest.by_id().items(), key=lambda item: -item[1]["size"]))
        self.downloaded.sort()
        self.linked.sort()
        for name, text in {**manifest.files(), MANIFEST: manifest.dump().decode("utf-8")}.items():
            write_file(os.path.join(new, name), [text.encode("utf-8")])
        self._flush(new, made)
        os.rename(new, os.path.join(self._releases, folder))
        _sync_folder(self._releases)
        for part in parts:
            shutil.rmtree(part, ignore_errors=True)
        return folder

    def _donors(self, manifest: Manifest) -> dict[str, list[str]]:
        """The folders that already have packages of this release, by `kind/name`, the current
        release first.
        """
        current = self._current_folder()
        wanted = {name: entry["digest"] for name, entry in manifest.by_id().items()}
        found: dict[str, list[str]] = {}
        for folder in sorted(self._folders(), key=lambda name: name != current):
            other = self._read(folder)
            for name, entry in other.by_id().items() if other else ():
                if wanted.get(name) == entry["digest"]:
                    found.setdefault(name, []).append(os.path.join(self._releases, folder, HOST_FOLDERS[entry["kind"]]))
        return found

    @staticmethod
    def _link(source: str, target: str, entry: dict[str, t.Any]) -> bool:
        """Links a package from another folder, if its files there still are what the manifest says."""
        files = read_unpacked(source, entry["name"])
        if not files or digest_of(files) != entry["digest"]:
            return False
        try:
            made = set()
            for one in files:
                path = os.path.join(target, one.path)
                parent = os.path.dirname(path)
                if parent not in made:
                    os.makedirs(parent, mode=0o755, exist_ok=True)
                    made.add(parent)
                os.link(one.source, path, follow_symlinks=False)
        except OSError as error:
            shutil.rmtree(os.path.join(target, entry["name"]), ignore_errors=True)
            if error.errno in (errno.EMLINK, errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.ENOENT):
                return False  # no hard links here, or too many to this file: unpack the package instead
            raise
        return True

    def _leftovers(self) -> list[str]:
        return sorted(name for name in os.listdir(self._releases) if name.startswith((".new-", ".part-")))

    def _flush(self, new: str, made: list[str]) -> None:
        """Writes the content to the disk before the release gets its name."""
        files: list[str] = [os.path.join(new, name) for name in os.listdir(new)]
        for path in made:
            files.append(path)
            for parent, folders, names in os.walk(path):
                files += [os.path.join(parent, name) for name in (*folders, *names)]
        if len(files) > _FLUSHED_SINGLY:
            os.sync()
            return
        for path in files:
            _sync_folder(path)
        _sync_folder(new)

    def switch(self, folder: str) -> None:
        """Makes a folder the current one with one rename, so readers never see a state in between."""
        if folder == self._current_folder():
            return
        release = folder.partition(".")[0]
        was = self.current()
        self._switched = folder
        self.actions.append(f"switch from {was} to {release}" if was else f"switch to {release}")
        if self.check_mode:
            return
        state = self.state()
        history = state["history"] or ([was] if was else [])
        if not history or history[-1] != release:
            history = [*history, release]
        self._write_state({"history": history[-50:], "rejected": [one for one in state["rejected"] if one != release]})
        os.utime(os.path.join(self._releases, folder))  # its time says when it was last used
        link, temporary = os.path.join(self.path, LINK), os.path.join(self.path, f".{LINK}.new")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        os.symlink(f"releases/{folder}", temporary)
        os.rename(temporary, link)
        _sync_folder(self.path)

    def reject(self, release: str) -> None:
        """Records that a release was left by a rollback, so that a pull does not switch back to it."""
        state = self.state()
        if release and release not in state["rejected"] and not self.check_mode:
            self._write_state({**state, "rejected": [*state["rejected"], release][-50:]})

    def record_account(self, bucket: str, access_key: str) -> None:
        """Records that releases come from an account that containers have no key of."""
        if not self.check_mode:
            self._write(ACCOUNT, {"bucket": bucket, "access_key": access_key})

    def _write_state(self, state: dict[str, list[str]]) -> None:
        self._write(STATE, state)

    def _write(self, name: str, content: t.Mapping[str, t.Any]) -> None:
        """Replaces a file of this folder as a whole."""
        path = os.path.join(self.path, name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}.new")
        write_file(f"{path}.new", [(json.dumps(content, indent=1, sort_keys=True) + "\n").encode("utf-8")])
        _sync_folder(f"{path}.new")
        os.rename(f"{path}.new", path)

    def verify(self, folder: str) -> list[str]:
        """The packages of a release whose files were changed since, sorted."""
        manifest = self._read(folder)
        if manifest is None:
            return [MANIFEST]
        bad = []
        for name, entry in manifest.by_id().items():
            files = read_unpacked(os.path.join(self._releases, folder, HOST_FOLDERS[entry["kind"]]), entry["name"])
            if files is None or digest_of(files) != entry["digest"]:
                bad.append(name)
        wanted = {f"{entry['kind']}/{entry['name']}" for entry in manifest.packages}
        for kind, below in HOST_FOLDERS.items():
            with contextlib.suppress(FileNotFoundError):
                there = os.listdir(os.path.join(self._releases, folder, below))
                bad += [f"{kind}/{one}" for one in there if one != "__pycache__" and f"{kind}/{one}" not in wanted]
        for name, text in manifest.files().items():
            try:
                with open(os.path.join(self._releases, folder, name), encoding="utf-8", newline="") as stream:
                    same = stream.read() == text
            except (OSError, UnicodeDecodeError):
                same = False
            if not same:
                bad.append(name)
        return sorted(bad)

    def prune(self) -> None:
        """Deletes old releases.

        Kept are the current one, the target of a rollback, the one of this run, the newest others,
        and those that a reader has locked or a running container has mounted.
        """
        folders = self._folders()
        current = self._switched or self._current_folder()
        if not current:
            return
        self._remove_old()
        protected = {current, self._pulled}
        protected |= mounted(self._releases, folders)
        if self.keep > 1:
            # Check mode has not switched: the current release would be the target of a rollback.
            previous = self.current() if self.check_mode and self._switched else self.previous()
            protected.add(self.folder(previous) if previous else "")
        others = sorted(
            (name for name in folders if name not in protected),
            key=lambda name: os.stat(os.path.join(self._releases, name)).st_mtime_ns,
            reverse=True,
        )
        here = {*folders, current, self._pulled}
        for name in others[max(0, self.keep - len(protected & here - {""})) :]:
            if self.check_mode:
                self.removed.append(folders[name])
                continue
            path = os.path.join(self._releases, name)
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.rename(path, os.path.join(self._releases, f".old-{name}"))
            except BlockingIOError:
                continue
            finally:
                os.close(descriptor)
            self.removed.append(folders[name])
        if self.removed:
            self.actions.append(f"remove {', '.join(self.removed)}")
        self._remove_old()

    def _remove_old(self) -> None:
        """Deletes folders that were renamed for deletion, including those of a run that died
        meanwhile.
        """
        for name in [] if self.check_mode else os.listdir(self._releases):
            if name.startswith(".old-"):
                shutil.rmtree(os.path.join(self._releases, name), ignore_errors=True)

    def clean(self) -> None:
        """Deletes what interrupted runs left, once nothing needs it."""
        for name in self._leftovers():
            shutil.rmtree(os.path.join(self._releases, name), ignore_errors=True)


def mounted(parent: str, names: t.Iterable[str], proc: str = "/proc") -> set[str]:
    """Those of the folders `names` in `parent` that some process has mounted somewhere.

    These are the releases of running containers. `proc`: where the machine's processes are.
    """
    paths = {name: os.path.join(os.path.realpath(parent), name) for name in names}
    found: set[str] = set()
    seen: set[str] = set()
    for pid in os.listdir(proc) if paths else ():
        if not pid.isdigit():
            continue
        try:
            space = os.readlink(f"{proc}/{pid}/ns/mnt")
            if space in seen:
                continue
            seen.add(space)
            with open(f"{proc}/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as stream:
                roots = {line.split(" ", 4)[3] for line in stream}
        except OSError:
            continue  # the process has ended, or may not be read
        # The paths of mounts begin at the top of their file system, which may be mounted below the
        # root.
        found |= {
            name for root in roots for name, path in paths.items() if path.endswith(root) and root.endswith(f"/{name}")
        }
    return found


def _sync_folder(path: str) -> None:
    """Flushes a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Reader:
    """Reads a release as a whole, as a context manager.

    The link in the folder `path` is followed once, to `folder`, whose release can't be deleted
    meanwhile. Entering raises `FileNotFoundError` when there is no current release.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self.folder = ""

    def __enter__(self) -> Reader:
        while True:
            self.folder = os.path.realpath(os.path.join(self._path, LINK))
            try:
                self._descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except FileNotFoundError:
                if not os.path.lexists(os.path.join(self._path, LINK)):
                    raise
                continue  # it was deleted in between: the link has a new target by now
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(self.folder), os.fstat(self._descriptor)):
                    return self
            os.close(self._descriptor)

    def __exit__(self, *dummy: object) -> None:
        os.close(self._descriptor)

    def files(self) -> dict[str, list[File]]:
        """The files of each package as they are on the disk, by `kind/name`."""
        found = {}
        for kind, below in HOST_FOLDERS.items():
            folder = os.path.join(self.folder, below)
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                if name != "__pycache__":
                    found[f"{kind}/{name}"] = read_unpacked(folder, name) or []
        return found
