# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Releases of code: packages named by their content, their archives, the manifest of a release, the
difference between two.

A *package* is one addon or one Python package. Its digest is computed from paths, contents and
executable bits, never from the bytes of an archive. So the same content has the same name, wherever
and with whichever compressor it was packed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import tarfile
import typing as t
import zlib

FORMAT = 1
KINDS = ("addon", "python")
# The folder of each kind of package in a release: on a host, and in a bucket with layout `tree`.
HOST_FOLDERS = {"addon": "addons", "python": "python"}
TREE_FOLDERS = {"addon": "modules", "python": "python"}
REQUIREMENTS = "requirements.txt"
CONSTRAINTS = "constraints.txt"
SYSTEM_PACKAGES = "system_packages.txt"
RELEASE_LENGTH = 16
CHUNK = 1 << 20
_LARGEST_HEADER = 8192  # of a file in an archive, with the padding at its end, in bytes

_RELEASE = re.compile(r"[0-9a-f]{16}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


class DeliveryError(Exception):
    """A delivery can't go on; `problems` has one line for each reason."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class File(t.NamedTuple):
    """A file of a package.

    `path` begins with the package's name, `size` is in bytes. `source`, where the file was read, is
    not part of the digest.
    """

    path: str
    digest: str
    size: int
    executable: bool
    source: str = ""


def digest_of(files: t.Iterable[File]) -> str:
    """The name of a package's content: the SHA-256 over all its files, sorted by path."""
    lines = [f"{'x' if one.executable else '-'} {one.digest} {one.path}\n" for one in files]
    return hashlib.sha256("".join(sorted(lines, key=lambda line: line[67:])).encode("utf-8")).hexdigest()


class Package:
    """One addon or Python package with the files that were read; `size` is the sum of theirs in
    bytes.
    """

    def __init__(self, kind: str, name: str, files: t.Iterable[File], version: str = "", source: str = "") -> None:
        self.kind = kind
        self.name = name
        self.files = sorted(files)
        self.version = version
        self.source = source
        self.digest = digest_of(self.files)
        self.size = sum(one.size for one in self.files)

    @property
    def id(self) -> str:
        """`kind/name`, which is unique in a release."""
        return f"{self.kind}/{self.name}"

    def entry(self) -> dict[str, t.Any]:
        """The package as an entry of a manifest."""
        entry: dict[str, t.Any] = {
            "kind": self.kind,
            "name": self.name,
            "digest": self.digest,
            "size": self.size,
            "files": len(self.files),
        }
        if self.version:
            entry["version"] = self.version
        return entry


# -- paths ---------------------------------------------------------------------------------------------------------------------


def safe_path(path: str) -> bool:
    """Whether a path stays below the folder that it is put in, and every system and store can hold
    it.
    """
    try:
        length = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        return False
    around = f"/{path}/"
    return (
        0 < length <= 900
        and not _CONTROL.search(path)
        and "//" not in around
        and "/./" not in around
        and "/../" not in around
    )


def is_release(name: str) -> bool:
    """Whether a text is the name of a release."""
    return bool(_RELEASE.match(name))


# -- manifest ------------------------------------------------------------------------------------------------------------------


class Manifest:
    """The content of a release. `about` says where it came from and does not change the release's
    name.
    """

    def __init__(
        self,
        odoo_version: str,
        packages: t.Iterable[dict[str, t.Any]],
        requirements: str = "",
        constraints: str = "",
        system_packages: t.Sequence[str] = (),
        about: dict[str, t.Any] | None = None,
    ) -> None:
        self.odoo_version = odoo_version
        self.packages = sorted(packages, key=lambda entry: (entry["kind"], entry["name"]))
        self.requirements = requirements
        self.constraints = constraints
        self.system_packages = sorted(set(system_packages))
        self.about = about or {}
        named = {
            "format": FORMAT,
            "odoo_version": odoo_version,
            "packages": [[entry["kind"], entry["name"], entry["digest"]] for entry in self.packages],
            "requirements": requirements,
            "constraints": constraints,
            "system_packages": self.system_packages,
        }
        text = json.dumps(named, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
        self.release = self.digest[:RELEASE_LENGTH]

    def by_id(self) -> dict[str, dict[str, t.Any]]:
        """The entries of the packages by `kind/name`."""
        return {f"{entry['kind']}/{entry['name']}": entry for entry in self.packages}

    def files(self) -> dict[str, str]:
        """The texts beside the packages, by file name; empty ones are left out."""
        texts = {
            REQUIREMENTS: self.requirements,
            CONSTRAINTS: self.constraints,
            SYSTEM_PACKAGES: "".join(f"{name}\n" for name in self.system_packages),
        }
        return {name: text for name, text in texts.items() if text}

    def dump(self) -> bytes:
        """The manifest as it is stored."""
        document = {
            "format": FORMAT,
            "release": self.release,
            "digest": self.digest,
            "odoo_version": self.odoo_version,
            "packages": self.packages,
            "requirements": self.requirements,
            "constraints": self.constraints,
            "system_packages": self.system_packages,
            "about": self.about,
        }
        return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")

    @classmethod
    def load(cls, data: bytes, where: str, release: str = "") -> Manifest:
        """A stored manifest.

        `where`: named in messages. `release`: the name that it should have, any if empty. Raises
        `DeliveryError` when it is not complete or has another name.
        """
        try:
            document = json.loads(data)
            if document["format"] != FORMAT:
                raise DeliveryError(
                    f"{where}: its format is {document['format']!r}, this version of the collection knows {FORMAT}; update it"
                )
            manifest = cls(
                str(document["odoo_version"]),
                [dict(entry) for entry in document["packages"]],
                str(document["requirements"]),
                str(document["constraints"]),
                [str(name) for name in document["system_packages"]],
                dict(document["about"]),
            )
            for entry in manifest.packages:
                if entry["kind"] not in KINDS or not _DIGEST.match(entry["digest"]) or not _NAME.match(entry["name"]):
                    raise DeliveryError(f"{where}: {entry!r} is no package")
                int(entry["size"]), int(entry["files"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DeliveryError(f"{where}: is no manifest of a release: {type(error).__name__}: {error}") from error
        if document.get("digest") != manifest.digest or (release and manifest.release != release):
            raise DeliveryError(f"{where}: its content does not belong to its name; deliver that release again")
        return manifest


def dump_files(packages: t.Iterable[Package]) -> bytes:
    """The list of files of all packages of a release, compressed; it serves to compare two releases."""
    document = {
        package.id: [[one.path, one.digest, one.size, int(one.executable)] for one in package.files]
        for package in packages
    }
    return gzip.compress(json.dumps(document, sort_keys=True, separators=(",", ":")).encode("utf-8"), 6, mtime=0)


def load_files(data: bytes, where: str) -> dict[str, list[File]]:
    """The list that `dump_files` wrote. `where`: named in the message. Raises `DeliveryError`."""
    try:
        document = json.loads(gzip.decompress(data))
        return {
            name: [
                File(str(path), str(digest), int(size), bool(executable)) for path, digest, size, executable in files
            ]
            for name, files in document.items()
        }
    except (ValueError, TypeError, AttributeError, OSError, EOFError, zlib.error) as error:
        raise DeliveryError(f"{where}: is no list of files: {error}") from error


class Difference(t.NamedTuple):
    """Sorted names of what is new, what has other content and what is gone."""

    added: list[str]
    changed: list[str]
    removed: list[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def as_dict(self) -> dict[str, list[str]]:
        """The three lists by name."""
        return {"added": self.added, "changed": self.changed, "removed": self.removed}


def difference(before: t.Mapping[str, t.Any], after: t.Mapping[str, t.Any]) -> Difference:
    """What has to change in `before` to get `after`."""
    return Difference(
        sorted(after.keys() - before.keys()),
        sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
        sorted(before.keys() - after.keys()),
    )


def package_difference(before: Manifest | None, after: Manifest | None, kind: str) -> Difference:
    """The packages of one kind that differ between two releases; None is an empty release."""

    def digests(manifest: Manifest | None) -> dict[str, str]:
        return (
            {entry["name"]: entry["digest"] for entry in manifest.packages if entry["kind"] == kind} if manifest else {}
        )

    return difference(digests(before), digests(after))


def describe(
    manifest: Manifest | None, files: t.Mapping[str, list[File]] | None = None, only: t.Container[str] = ()
) -> str:
    """A release as text for a diff: one line per package.

    `files`: files by package; those of the packages in `only` get one line each.
    """
    if manifest is None:
        return ""
    lines = [f"odoo {manifest.odoo_version}"]
    for name, entry in sorted(manifest.by_id().items()):
        lines.append(f"{name} {entry.get('version', '')} {entry['digest'][:12]}".replace("  ", " "))
        if files and name in only:
            lines += [
                f"  {one.path}{' *' if one.executable else ''} {one.digest[:12]}" for one in sorted(files.get(name, []))
            ]
    for name, text in manifest.files().items():
        lines += [f"{name}:", *(f"  {line}" for line in text.splitlines())]
    return "\n".join(lines) + "\n"


# -- archives ------------------------------------------------------------------------------------------------------------------


def mtime_of(digest: str) -> int:
    """A modification time (seconds since the epoch, 2001 to 2010) computed from a file's content.

    Python identifies the source of a compiled module by time and size, and proxies build an ETag
    from them. So different contents need different times, and the same content needs the same time
    on every host.
    """
    return 1_000_000_000 + int(digest[:7], 16)


class _Gzip(io.RawIOBase):
    """Compresses what is written in large pieces, so that other threads run meanwhile."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self._compressor = zlib.compressobj(level, zlib.DEFLATED, 31)
        self._waiting: list[bytes] = []
        self._size = 0
        self._out: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: t.Any) -> int:
        self._waiting.append(bytes(data))
        self._size += len(data)
        self._position += len(data)
        if self._size >= CHUNK:
            self._flush()
        return len(data)

    def tell(self) -> int:
        return self._position

    def _flush(self) -> None:
        self._out.append(self._compressor.compress(b"".join(self._waiting)))
        self._waiting, self._size = [], 0

    def finish(self) -> bytes:
        self._flush()
        return b"".join([*self._out, self._compressor.flush()])


def read_checked(one: File) -> bytes:
    """A file's content. Raises `DeliveryError` when it differs from what was hashed."""
    try:
        with open(one.source, "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise DeliveryError(f"{one.source}: {error.strerror}; it was there a moment ago, run again") from error
    if hashlib.sha256(content).hexdigest() != one.digest:
        raise DeliveryError(f"{one.source}: changed while it was being read; run again")
    return content


def pack(package: Package, level: int = 4) -> bytes:
    """The package as a compressed archive of names, contents and executable bits only.

    `level`: of the compression, 1 to 9. Raises `DeliveryError` when a file was changed meanwhile.
    """
    stream = _Gzip(level)
    with tarfile.open(fileobj=t.cast(t.Any, stream), mode="w", format=tarfile.PAX_FORMAT) as archive:
        for one in package.files:
            content = read_checked(one)
            member = tarfile.TarInfo(one.path)
            member.size = len(content)
            member.mode = 0o755 if one.executable else 0o644
            member.mtime = mtime_of(one.digest)
            archive.addfile(member, io.BytesIO(content))
    return stream.finish()


def write_file(path: str, chunks: t.Iterable[bytes], executable: bool = False) -> tuple[str, int]:
    """Writes a new file without following a link or replacing anything. Returns its digest and
    size.

    Raises `OSError`.
    """
    hasher, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        for chunk in chunks:
            hasher.update(chunk)
            size += len(chunk)
            stream.write(chunk)
        os.fchmod(stream.fileno(), 0o755 if executable else 0o644)
    digest = hasher.hexdigest()
    os.utime(path, (mtime_of(digest), mtime_of(digest)))
    return digest, size


def _chunks(stream: t.IO[bytes]) -> t.Iterator[bytes]:
    while True:
        chunk = stream.read(CHUNK)
        if not chunk:
            return
        yield chunk


def _read_archive(
    data: bytes,
    mode: str,
    entry: t.Mapping[str, t.Any],
    where: str,
    keep: t.Callable[[str, t.Iterator[bytes], bool], tuple[str, int]],
) -> list[File]:
    """The files of an archive, checked against what the manifest says about the package.

    `mode`: `r:gz` or, when it is decompressed, `r:`. `keep`: gets path, content and executable bit of
    each file, and returns digest and size.
    """
    name, files, left = entry["name"], [], int(entry["size"])
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode=t.cast(t.Any, mode)) as archive:
            for member in archive:
                first = member.name.split("/", 1)[0]
                if not member.isreg() or not safe_path(member.name) or first != name:
                    raise DeliveryError(
                        f"{where}: holds {member.name!r}, which is no file of {name!r}; nothing of it is used"
                    )
                left -= member.size
                if left < 0:
                    raise DeliveryError(
                        f"{where}: holds more than the {entry['size']} bytes of its manifest; nothing of it is used"
                    )
                stream = t.cast(t.IO[bytes], archive.extractfile(member))
                executable = bool(member.mode & 0o100)
                digest, size = keep(member.name, _chunks(stream), executable)
                files.append(File(member.name, digest, size, executable))
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DeliveryError(f"{where}: is damaged ({error}); nothing of it is used") from error
    if digest_of(files) != entry["digest"]:
        raise DeliveryError(f"{where}: its content is not that of {name!r} in the manifest; nothing of it is used")
    return files


def unpack(data: bytes, entry: t.Mapping[str, t.Any], folder: str, where: str) -> int:
    """Unpacks an archive into a folder that has no files of the package yet. Returns the number of
    files.

    `entry`: what the manifest says about the package. `where`: named in messages. Raises
    `DeliveryError` when the content is not what the manifest says; the caller then deletes what was
    written.
    """
    made: set[str] = set()

    def write(name: str, chunks: t.Iterator[bytes], executable: bool) -> tuple[str, int]:
        path = os.path.join(folder, name)
        parent = os.path.dirname(path)
        if parent not in made:
            os.makedirs(parent, mode=0o755, exist_ok=True)
            made.add(parent)
        return write_file(path, chunks, executable)

    return len(_read_archive(data, "r:gz", entry, where, write))


def read_packed(data: bytes, entry: t.Mapping[str, t.Any], where: str) -> list[File]:
    """The files of an archive of somebody who isn't trusted; nothing is written. Parameters and errors
    as for `unpack`.
    """
    # A header of tar may say that gigabytes belong to it, which would all be read.
    most = int(entry["size"]) + int(entry["files"]) * _LARGEST_HEADER + CHUNK
    try:
        plain = zlib.decompressobj(31).decompress(data, most + 1)
    except zlib.error as error:
        raise DeliveryError(f"{where}: is damaged ({error}); nothing of it is used") from error
    if len(plain) > most:
        raise DeliveryError(
            f"{where}: holds more than the {entry['size']} bytes of its manifest; nothing of it is used"
        )

    def hash_only(dummy: str, chunks: t.Iterator[bytes], executable: bool) -> tuple[str, int]:
        hasher, size = hashlib.sha256(), 0
        for chunk in chunks:
            hasher.update(chunk)
            size += len(chunk)
        return hasher.hexdigest(), size

    return _read_archive(plain, "r:", entry, where, hash_only)


# -- packages on disk ----------------------------------------------------------------------------------------------------------


def hash_file(path: str) -> tuple[str, int]:
    """Digest and size in bytes of a file. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = os.read(descriptor, CHUNK)
        if len(content) < CHUNK:
            rest = os.read(descriptor, CHUNK)  # a read may return less than asked for; only an empty one is the end
            if not rest:
                return hashlib.sha256(content).hexdigest(), len(content)
            content += rest
        hasher, size = hashlib.sha256(content), len(content)
        while True:
            chunk = os.read(descriptor, CHUNK)
            if not chunk:
                return hasher.hexdigest(), size
            hasher.update(chunk)
            size += len(chunk)
    finally:
        os.close(descriptor)


def read_unpacked(folder: str, name: str) -> list[File] | None:
    """The files of an unpacked package, None when the folder holds anything but files and folders."""
    found: list[File] = []
    waiting = [name]
    while waiting:
        path = waiting.pop()
        full = os.path.join(folder, path)
        try:
            if os.path.islink(full):
                return None
            if os.path.isfile(full):
                digest, size = hash_file(full)
                found.append(File(path, digest, size, bool(os.stat(full).st_mode & 0o100), full))
            elif os.path.isdir(full):
                waiting += [f"{path}/{one}" for one in os.listdir(full) if one != "__pycache__"]
            else:
                return None
        except OSError:
            return None
    return found
