# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Releases in a bucket.

    <prefix>channels/<channel>.json           which release a channel's hosts should have; written
                                              last, with one request
    <prefix>releases/<release>.json           its manifest
    <prefix>releases/<release>.files.json.gz  all its files, to compare two releases
    <prefix>packs/<digest>.tar.gz             layout `pack`: one archive for each package content
    <prefix>releases/<release>/modules/...    layout `tree`: files at their paths
    <prefix>modules/...                       layout `tree` in place: the same, one tree for all
                                              releases, for a file sync

No release is visible before it is complete, because readers start from a channel.
"""

from __future__ import annotations

import json
import re
import typing as t

from .._store.s3_client import not_there_yet
from .._store.s3_keys import S3Failure
from .._store.s3_objects import NoObjects, Objects
from .release import (
    FORMAT,
    TREE_FOLDERS,
    DeliveryError,
    Difference,
    File,
    Manifest,
    Package,
    difference,
    dump_files,
    is_release,
    load_files,
    pack,
    read_checked,
)

LAYOUTS = ("pack", "tree")
# An archive that no manifest names may belong to a run that is going on; it is left alone for this
# many seconds.
GRACE = 3600
CHANNEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


class NotDelivered(S3Failure):
    """The bucket does not have this channel or release."""


class Pointer(t.NamedTuple):
    """The content of a channel: its release and how it is stored."""

    release: str
    layout: str
    in_place: bool

    def dump(self) -> bytes:
        """The channel as it is stored."""
        document = {"format": FORMAT, **self._asdict()}
        return (json.dumps(document, sort_keys=True) + "\n").encode("utf-8")

    @classmethod
    def load(cls, data: bytes, where: str) -> Pointer:
        """A stored channel. `where`: named in the message. Raises `DeliveryError` when it is not
        valid.
        """
        try:
            document = json.loads(data)
            pointer = cls(str(document["release"]), str(document["layout"]), bool(document.get("in_place")))
            if document["format"] != FORMAT or not is_release(pointer.release) or pointer.layout not in LAYOUTS:
                raise ValueError(
                    f"format {document['format']!r}, release {pointer.release!r}, layout {pointer.layout!r}"
                )
        except (ValueError, KeyError, TypeError) as error:
            raise DeliveryError(f"{where}: is not what a channel says: {error}") from error
        return pointer


class Places:
    """The keys of objects in the bucket."""

    def __init__(self, prefix: str = "", channel: str = "current") -> None:
        if prefix and (prefix.startswith("/") or "//" in prefix or ".." in prefix.split("/")):
            raise DeliveryError(f"prefix={prefix!r}: right is e.g. 'acme/code', or nothing")
        if not CHANNEL_NAME.match(channel):
            raise DeliveryError(f"channel={channel!r}: only letters, digits and . _ - are possible")
        self.prefix = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
        self.channels = f"{self.prefix}channels/"
        self.channel = f"{self.channels}{channel}.json"
        self.pending = f"{self.prefix}pending.json"
        self.releases = f"{self.prefix}releases/"
        self.packs = f"{self.prefix}packs/"

    def manifest(self, release: str) -> str:
        """The key of a release's manifest."""
        return f"{self.releases}{release}.json"

    def files(self, release: str) -> str:
        """The key of a release's list of files."""
        return f"{self.releases}{release}.files.json.gz"

    def pack(self, digest: str) -> str:
        """The key of a package's archive in the layout `pack`."""
        return f"{self.packs}{digest}.tar.gz"

    def tree(self, release: str, in_place: bool) -> str:
        """The prefix of a release's files in the layout `tree`."""
        return self.prefix if in_place else f"{self.releases}{release}/"


def tree_of(packages: t.Mapping[str, t.Iterable[File]]) -> dict[str, File]:
    """The files of a release by their paths in the layout `tree`."""
    found = {}
    for name, files in packages.items():
        folder = TREE_FOLDERS[name.split("/", 1)[0]]
        found.update({f"{folder}/{one.path}": one for one in files})
    return found


class Sync:
    """Brings a release to a bucket. `actions` and the counters report what was done, or would be."""

    def __init__(
        self,
        objects: Objects,
        places: Places,
        layout: str = "pack",
        in_place: bool = False,
        keep_deleted: bool = False,
        keep_releases: int = 5,
        level: int = 4,
        check_mode: bool = False,
        may_be_absent: bool = False,
    ) -> None:
        self.objects = objects
        self.places = places
        self.pointer = Pointer("", layout, in_place)
        self.keep_deleted = keep_deleted
        self.keep_releases = keep_releases
        self.level = level
        self.check_mode = check_mode
        self.may_be_absent = may_be_absent and check_mode
        self.absent_store = ""
        self.actions: list[str] = []
        self.uploaded = self.copied = self.deleted = 0
        self.before: Manifest | None = None
        self.before_files: dict[str, list[File]] = {}
        self.pruned: list[str] = []
        self._verify = False

    # -- reading

    def _manifest(self, release: str) -> Manifest | None:
        key = self.places.manifest(release)
        data = self.objects.get(key)
        return None if data is None else Manifest.load(data, f"{self.objects.bucket}/{key}", release)

    def _files(self, release: str) -> dict[str, list[File]] | None:
        key = self.places.files(release)
        data = self.objects.get(key)
        return None if data is None else load_files(data, f"{self.objects.bucket}/{key}")

    def _read_pointer(self, key: str) -> Pointer | None:
        data = self.objects.get(key)
        return None if data is None else Pointer.load(data, f"{self.objects.bucket}/{key}")

    # -- the whole

    def run(self, manifest: Manifest, packages: list[Package], verify: bool = False) -> bool:
        """Makes the release the current one of the channel. Returns whether anything differed.

        `verify`: whether to check the objects in the bucket even if the channel has this release
        already. Raises `DeliveryError` and `S3Failure`.
        """
        self.pointer = self.pointer._replace(release=manifest.release)
        self._verify = verify
        try:
            current = self._read_pointer(self.places.channel)
        except S3Failure as error:
            if not self.may_be_absent or not not_there_yet(error):
                raise
            self.absent_store, current = str(error), None
            self.objects = NoObjects(self.objects.client, self.objects.bucket)
        pending = self._read_pointer(self.places.pending) if self.pointer.in_place else None
        if current == self.pointer and pending is None and not verify:
            self.before = manifest
            return False
        if current is not None:
            same = current.release == manifest.release
            self.before = manifest if same else self._manifest(current.release)
            self.before_files = (
                {one.id: one.files for one in packages} if same else (self._files(current.release) or {})
            )
        if self.pointer.layout == "pack":
            self._upload_packs(manifest, packages)
        else:
            self._upload_tree(manifest, packages, current, pending)
        if current == self.pointer and pending is None and not self.actions:
            return False
        if current != self.pointer:
            was = f" in place of {current.release}" if current and current.release != manifest.release else ""
            self.actions.append(f"make {manifest.release} the release of channel {self._channel}{was}")
        if not self.check_mode:
            self._publish(manifest, packages)
            if pending is not None or self.pointer.in_place:
                self.objects.delete([self.places.pending])
            self.prune()
        return True

    def _publish(self, manifest: Manifest, packages: list[Package]) -> None:
        """Uploads files, manifest and channel in this order, so whatever a reader finds is complete."""
        if not self.pointer.in_place:  # in place they were written before the tree was changed
            self._put_manifest(manifest, packages)
        self.objects.put(self.places.channel, self.pointer.dump(), "application/json")

    def _put_manifest(self, manifest: Manifest, packages: list[Package]) -> None:
        self.objects.put(self.places.files(manifest.release), dump_files(packages), "application/gzip")
        self.objects.put(self.places.manifest(manifest.release), manifest.dump(), "application/json")

    # -- layout pack

    def _upload_packs(self, manifest: Manifest, packages: list[Package]) -> None:
        there = {one.key for one in self.objects.list(self.places.packs)[0] if one.size}
        wanted = {package.digest: package for package in packages}
        missing = [package for digest, package in sorted(wanted.items()) if self.places.pack(digest) not in there]
        # The largest first: the slowest uploads must not start last.
        missing.sort(key=lambda package: -package.size)
        self.actions += [
            f"upload {package.id} {package.digest[:12]}" for package in sorted(missing, key=lambda one: one.id)
        ]
        self.uploaded += len(missing)
        if self.check_mode:
            return

        def upload(package: Package) -> None:
            self.objects.put(self.places.pack(package.digest), pack(package, self.level), "application/gzip")

        self.objects.each(upload, missing)

    # -- layout tree

    def _upload_tree(
        self, manifest: Manifest, packages: list[Package], current: Pointer | None, pending: Pointer | None
    ) -> None:
        wanted = tree_of({package.id: package.files for package in packages})
        texts = {name: text.encode("utf-8") for name, text in manifest.files().items()}
        old: dict[str, File] = {}
        old_texts: dict[str, str] = {}
        comparable = current is not None and current.layout == "tree" and self.before is not None
        if comparable and self.before is not None:
            old, old_texts = tree_of(self.before_files), self.before.files()
        root = self.places.tree(manifest.release, self.pointer.in_place)
        if self.pointer.in_place:
            self._upload_in_place(
                manifest, packages, wanted, texts, old if current and current.in_place else {}, old_texts, pending
            )
            return
        there = {one.key for one in self.objects.list(root)[0]}
        source = self.places.tree(current.release, current.in_place) if current and comparable else ""
        by_content = {one.digest: path for path, one in old.items()} if source != root else {}
        missing = [path for path in wanted if root + path not in there]
        copies = [path for path in missing if wanted[path].digest in by_content]
        uploads = [path for path in missing if wanted[path].digest not in by_content]
        text_uploads = [name for name in texts if root + name not in there]
        self._count(uploads, copies, text_uploads, [], root)
        if self.check_mode:
            return

        def upload(path: str) -> None:
            self.objects.put(root + path, read_checked(wanted[path]))

        def duplicate(path: str) -> None:
            if not self.objects.copy(source + by_content[wanted[path].digest], root + path):
                upload(path)

        self.objects.each(duplicate, copies)
        self.objects.each(upload, uploads)
        for name in text_uploads:
            self.objects.put(root + name, texts[name], "text/plain; charset=utf-8")

    def _upload_in_place(
        self,
        manifest: Manifest,
        packages: list[Package],
        wanted: dict[str, File],
        texts: dict[str, bytes],
        old: dict[str, File],
        old_texts: dict[str, str],
        pending: Pointer | None,
    ) -> None:
        """Changes a tree in place. A note in the bucket lets the next run finish an interrupted
        change.
        """
        root = self.places.prefix
        there: set[str] = set()
        stale_texts = [name for name in old_texts if name not in texts]
        if pending is not None or not old or self._verify:
            # An interrupted run leaves an unknown state: list the objects, and write again whatever
            # may belong to the other release.
            for folder in TREE_FOLDERS.values():
                there.update(one.key[len(root) :] for one in self.objects.list(f"{root}{folder}/")[0])
            doubtful: set[str] = set()
            if pending is not None:
                doubtful = set(tree_of(self._files(pending.release) or {}))
                begun = self._manifest(pending.release)
                stale_texts += [name for name in (begun.files() if begun else {}) if name not in {*texts, *stale_texts}]
                old_texts = {}
            old = {path: one for path, one in old.items() if path in there and path not in doubtful}
        same = {path for path, one in wanted.items() if path in old and _content(old[path]) == _content(one)}
        uploads = [path for path in wanted if path not in same]
        text_uploads = [name for name, text in texts.items() if old_texts.get(name, "").encode("utf-8") != text]
        removed = [] if self.keep_deleted else [path for path in {*old, *there} if path not in wanted]
        if not self.keep_deleted:
            removed += stale_texts
        self._count(uploads, [], text_uploads, removed, root)
        if self.check_mode:
            return
        self._put_manifest(manifest, packages)
        self.objects.put(self.places.pending, self.pointer.dump(), "application/json")
        self.objects.each(lambda path: self.objects.put(root + path, read_checked(wanted[path])), uploads)
        for name in text_uploads:
            self.objects.put(root + name, texts[name], "text/plain; charset=utf-8")
        self.objects.delete(root + path for path in removed)

    def _count(self, uploads: list[str], copies: list[str], texts: list[str], removed: list[str], root: str) -> None:
        self.uploaded += len(uploads) + len(texts)
        self.copied += len(copies)
        self.deleted += len(removed)
        where = root or "the bucket"
        for verb, what, place in (
            ("upload", [*uploads, *texts], "to"),
            ("copy", copies, "within the bucket to"),
            ("delete", removed, "from"),
        ):
            if what:
                self.actions.append(f"{verb} {len(what)} files {place} {where}")

    # -- removing

    def remove(self) -> bool:
        """Deletes a channel, and every release and archive that no other channel needs.

        Returns whether anything differed. Raises `S3Failure`.
        """
        places, objects = self.places, self.objects
        channels = [one.key for one in objects.list(places.channels)[0]]
        if places.channel not in channels:
            return False
        pointer = self._read_pointer(places.channel)
        named = set()
        for key in channels:
            other = self._read_pointer(key) if key != places.channel else None
            if other is not None:
                named.add(other.release)
        used = set()
        for release in named:
            manifest = self._manifest(release)
            used |= {places.pack(entry["digest"]) for entry in manifest.packages} if manifest else set()
        gone = [
            one.key for one in objects.list(places.releases)[0] if one.key[len(places.releases) :][:16] not in named
        ]
        gone += [one.key for one in objects.list(places.packs)[0] if one.key not in used]
        if pointer is not None and pointer.in_place:
            manifest = self._manifest(pointer.release)
            gone += [places.prefix + name for name in (manifest.files() if manifest else {})]
            for folder in TREE_FOLDERS.values():
                gone += [one.key for one in objects.list(f"{places.prefix}{folder}/")[0]]
        self.deleted = len(gone) + 1
        self.actions.append(f"remove channel {self._channel} and {len(gone)} objects that no other channel needs")
        if not self.check_mode:
            objects.delete([places.channel])
            objects.delete(gone)
        return True

    @property
    def _channel(self) -> str:
        return self.places.channel[len(self.places.channels) : -len(".json")]

    def prune(self) -> None:
        """Deletes releases that are neither among the newest nor current in a channel, then unused
        archives.

        Raises `S3Failure`.
        """
        if self.keep_releases < 1:
            return
        listed, dummy = self.objects.list(self.places.releases, "/")
        manifests = {
            one.key[len(self.places.releases) : -len(".json")]: one
            for one in listed
            if one.key.endswith(".json") and is_release(one.key[len(self.places.releases) : -len(".json")])
        }
        # The current one first: a release that became current again is younger than its manifest.
        newest = sorted(
            manifests, key=lambda name: (name == self.pointer.release, manifests[name].modified, name), reverse=True
        )
        old = newest[self.keep_releases :]
        if not old:
            return
        named = {self.pointer.release}
        for one in self.objects.list(self.places.channels)[0]:
            if one.key != self.places.channel:
                pointer = self._read_pointer(one.key)
                if pointer is not None:
                    named.add(pointer.release)
        old = [name for name in old if name not in named]
        if not old:
            return
        kept: list[Manifest] = []
        for name in manifests:
            if name not in old:
                manifest = self._manifest(name)
                if manifest is not None:
                    kept.append(manifest)
        # The manifests first: a partly deleted release must not look complete.
        count = self.objects.delete([*map(self.places.manifest, old), *map(self.places.files, old)])
        for name in old:
            count += self.objects.delete(one.key for one in self.objects.list(f"{self.places.releases}{name}/")[0])
        used = {self.places.pack(entry["digest"]) for manifest in kept for entry in manifest.packages}
        packs = self.objects.list(self.places.packs)[0]
        settled = _minus(max((one.modified for one in [*packs, *listed]), default=""), GRACE)
        count += self.objects.delete(one.key for one in packs if one.key not in used and one.modified < settled)
        self.deleted += count
        self.pruned = sorted(old)
        self.actions.append(f"remove the old releases {', '.join(self.pruned)}")


def _content(one: File) -> tuple[str, bool]:
    return one.digest, one.executable


def _minus(moment: str, seconds: int) -> str:
    """An earlier moment, in the format in which a store reports times."""
    import calendar
    import time

    try:
        then = calendar.timegm(time.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S")) - seconds
    except ValueError:
        return ""  # before all times that the store reports
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(then))


def changed_files(before: t.Mapping[str, list[File]], after: t.Mapping[str, list[File]]) -> Difference:
    """The files that differ between two releases, by their paths in the layout `tree`."""
    return difference(
        {path: _content(one) for path, one in tree_of(before).items()},
        {path: _content(one) for path, one in tree_of(after).items()},
    )


def read_channel(objects: Objects, places: Places) -> Pointer:
    """The current release of a channel. Raises `NotDelivered` when there is none, otherwise
    `S3Failure`.
    """
    data = objects.get(places.channel)
    if data is None:
        raise NotDelivered(
            f"bucket {objects.bucket!r}: has no {places.channel!r}: nothing was delivered for this channel yet (odoo_addons_sync does)"
        )
    return Pointer.load(data, f"{objects.bucket}/{places.channel}")
