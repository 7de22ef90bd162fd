# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Copies releases out of an account whose key an instance's containers hold, once.

Releases used to be in the account of the instance's attachments, so whoever broke into a replica could
write there, before this copy and after it. Nothing there is believed:

- What was delivered is what the machine recorded, in files of root. Only such releases are copied.
- A release's name is the hash of its content, and each archive is compared with the manifest.
- A channel is copied only if it names one of them.
- The bucket's releases aren't listed, and no more is read of an object than one of ours may have, so
  that it can't keep a run busy or fill the machine's memory.

Objects come first and channels last, so a reader finds complete releases only, and the next run goes on
where one was killed. Then the machine records that it is done, and the old account is never read again.
"""

from __future__ import annotations

import typing as t

from .._engine import untrusted_text
from .._store.s3_client import not_there_yet
from .._store.s3_keys import S3Failure
from .._store.s3_objects import NoObjects, Objects
from .bucket import CHANNEL_NAME, Places, Pointer
from .host import Host
from .release import DeliveryError, File, Manifest, Package, dump_files, read_packed

# The most that is read of one object, in bytes
MOST = {"channel": 1 << 16, "manifest": 1 << 24, "archive": 1 << 29}
# What a package may have that isn't on the machine: bytes, number of files
MOST.update(package=1 << 29, files=100_000)
# What is told of what was left: number of lines, characters of each
MOST.update(left=20, text=300)


class Takeover:
    """Copies the releases that a machine knows, and their channels, from the bucket `source` into
    `target`.

    `actions`: what was done, or in check mode would be done; `left`: what was not copied, and why, both
    as sentences. `pending`: whether check mode found something to copy.
    """

    def __init__(
        self,
        host: Host,
        source: Objects,
        target: Objects,
        places: Places,
        pinned: str = "",
        may_be_absent: bool = False,
    ) -> None:
        """`places`: keys in both buckets, with the instance's own channel. `pinned`: a release that the
        inventory names. `may_be_absent`: whether, in check mode, `target` may be something that an
        earlier step would have created.
        """
        self.host = host
        self.source = source
        self.target = target
        self.places = places
        self.pinned = pinned
        self.may_be_absent = may_be_absent and host.check_mode
        self.actions: list[str] = []
        self.left: list[str] = []
        self.releases: list[str] = []
        self.channels: list[str] = []
        self._files: dict[str, list[File]] = {}

    @property
    def pending(self) -> bool:
        """Whether check mode found something to copy."""
        return self.host.check_mode and bool(self.releases or self.channels)

    def run(self) -> bool:
        """Copies what is missing and records it. Returns whether there was anything to do.

        Raises `S3Failure`, and `DeliveryError` when the machine's own records can't be read.
        """
        if self.host.has_account():
            return False
        known = self.host.known() | ({self.pinned} - {""})
        if known:
            self._copy(known)
        self.actions.append(f"record that the releases are in the account of {self._account}")
        self.host.record_account(self.target.bucket, self._account)
        return True

    @property
    def _account(self) -> str:
        keys = self.target.client.keys
        return keys.access if keys else ""

    def _leave(self, why: str) -> None:
        """Records what is not copied. An intruder may have written the text, and very many objects."""
        if len(self.left) < MOST["left"]:
            self.left.append(untrusted_text.printable(why)[: MOST["text"]])

    def _copy(self, known: set[str]) -> None:
        places = self.places
        try:
            manifests = {one.key for one in self.target.list(places.releases, "/")[0]}
        except S3Failure as error:
            if not self.may_be_absent or not not_there_yet(error):
                raise
            self.target, manifests = NoObjects(self.target.client, self.target.bucket), set()
        try:
            found = [one.key for one in self.source.list(places.channels, all_pages=False)[0]]
        except S3Failure as error:
            if getattr(error.__cause__, "code", "") == "NoSuchBucket":
                return
            raise
        there = {one.key for one in self.target.list(places.packs)[0] if one.size}
        for release in sorted(known):
            if places.manifest(release) not in manifests and self._release(release, there):
                manifests.add(places.manifest(release))
        set_already = {one.key for one in self.target.list(places.channels)[0]}
        for key in dict.fromkeys([places.channel, *sorted(found)]):
            if key not in set_already:
                self._channel(key, manifests)

    def _release(self, release: str, there: set[str]) -> bool:
        """Copies one release with the archives that are missing. Returns whether it was there and
        sound. `there`: keys of archives in `target`, to which the new ones are added.
        """
        places = self.places
        try:
            data = self.source.get(places.manifest(release), MOST["manifest"])
            if data is None:
                return False  # removed from the bucket as an old one
            # The copy on the machine is root's as a whole; the other one only as far as its hash goes.
            manifest = self.host.manifest(release) or _hashed(
                data, f"{self.source.bucket}/{places.manifest(release)}", release
            )
            packages = [] if self.host.check_mode else [self._package(entry, there) for entry in manifest.packages]
        except (DeliveryError, RecursionError, ArithmeticError) as error:
            self._leave(f"release {release}: {error}")
            return False
        self.actions.append(f"copy release {release}")
        self.releases.append(release)
        if not self.host.check_mode:
            self.target.put(places.files(release), dump_files(packages), "application/gzip")
            self.target.put(places.manifest(release), manifest.dump(), "application/json")
        return True

    def _package(self, entry: t.Mapping[str, t.Any], there: set[str]) -> Package:
        """A package of a release, after its archive was checked and copied. Raises `DeliveryError` when
        there is none that the manifest describes.
        """
        key, digest = self.places.pack(entry["digest"]), entry["digest"]
        if digest not in self._files:
            where = f"{self.source.bucket}/{key}"
            data = self.source.get(key, MOST["archive"])
            if data is None:
                raise DeliveryError(f"{where}: is missing")
            self._files[digest] = read_packed(data, entry, where)
            if key not in there:
                self.target.put(key, data, "application/gzip")
                there.add(key)
        files = self._files[digest]
        if sum(one.size for one in files) != int(entry["size"]) or len(files) != int(entry["files"]):
            raise DeliveryError(f"{key}: is not as large as the manifest says")
        return Package(entry["kind"], entry["name"], files, entry.get("version", ""))

    def _channel(self, key: str, manifests: set[str]) -> None:
        """Copies a channel. `manifests`: keys of the manifests that `target` has."""
        name = key[len(self.places.channels) : -len(".json")]
        if not CHANNEL_NAME.match(name) or not key.endswith(".json"):
            return
        try:
            data = self.source.get(key, MOST["channel"])
            if data is None:
                return
            pointer = Pointer.load(data, f"{self.source.bucket}/{key}")
        except (DeliveryError, RecursionError, ArithmeticError) as error:
            self._leave(f"channel {name}: {error}")
            return
        if pointer.layout != "pack" or self.places.manifest(pointer.release) not in manifests:
            self._leave(f"channel {name}: names release {pointer.release}, which this machine never had")
            return
        self.actions.append(f"set channel {name} to {pointer.release}")
        self.channels.append(name)
        if not self.host.check_mode:
            self.target.put(key, pointer.dump(), "application/json")


def _hashed(data: bytes, where: str, release: str) -> Manifest:
    """A manifest with nothing but what its name is the hash of, and sizes, which its archives are compared
    with. Parameters and errors as for `Manifest.load`.
    """
    found = Manifest.load(data, where, release)
    for entry in found.packages:
        if not 0 <= int(entry["size"]) <= MOST["package"] or not 0 <= int(entry["files"]) <= MOST["files"]:
            raise DeliveryError(f"{where}: {entry['name']!r} is larger than what is copied")
    packages = [{key: entry[key] for key in ("kind", "name", "digest", "size", "files")} for entry in found.packages]
    return Manifest(found.odoo_version, packages, found.requirements, found.constraints, found.system_packages)
