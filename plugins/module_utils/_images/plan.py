# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""What an image is built from, and the content hash that names it. Used on the controller."""

from __future__ import annotations

import ast
import os
import re
import typing as t

from .._inventory.odoo_image import PYTHONS, content_hash, is_pinned, is_reference
from .._runtime.common.odoo_facts import VERSIONS

LABEL_PREFIX = "org.odoo-cloud."
# CODE: the image with an instance's custom requirements; BUILD: the one with which they are installed.
# Both are built for each set of requirements.
CODE, BUILD = "code", "build"
KINDS = ("odoo", "postgres", "redis", "swift", "nginx", "report", "firewall", "mail")
SERVICE_PYTHONS = {"report": "3.13", "mail": "3.13"}  # of DEFAULT_SUITE, and what an image of a registry should have
PYTHON_KINDS = ("odoo", *SERVICE_PYTHONS)  # whose images get pinned Python packages
# Where an image comes from: packages of Debian, or an image that somebody else built.
DEBIAN, REGISTRY = "debian", "registry"
SOURCES = (DEBIAN, REGISTRY)
DEFAULT_SUITE = "trixie"
ODOO_SUITES = {"14": "bullseye", "19": "trixie"}
# The Python of an Odoo image: Debian's, else that of the official images.
DEBIAN_PYTHONS = {"14": "3.9", "19": "3.13"}
OFFICIAL_PYTHONS = {"14": "3.9", "15": "3.9", "16": "3.9", "17": "3.10", "18": "3.12", "19": "3.12"}
RUNTIME_FOLDER = "odoo_cloud_runtime"
ADDONS_FOLDER = "addons"  # in the build context; `odoo_conf.ADDONS_DIR` in the image
REQUIREMENTS = "requirements.txt"  # in the build context of images with Python packages
REPORT_FOLDER = "odoo_cloud_report"
REPORT_SHARED = ("frames.py", "options.py")
SKIPPED_FOLDERS = ("__pycache__",)
SKIPPED_SUFFIXES = (".pyc", ".pyo", "~", ".swp")

_NAME = re.compile(r"^[a-z0-9]+(?:[._-][a-z0-9]+)*$")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_BUILDER_LINE = re.compile(r"^(Step \d+/\d+ :| ?---> |Removing intermediate container )")


class ImageError(Exception):
    """The inventory describes an image that is not possible; the message is one line for operators."""


def source_of(item: t.Mapping[str, t.Any], source: str, refs: t.Mapping[str, t.Any]) -> str:
    """Where an image comes from: as its entry says, else from the registry if there is a reference
    for it, else as `source`, the platform's `image_source`, says.
    """
    return str(item.get("source") or (REGISTRY if reference(item, refs) else source))


def check_item(item: t.Any, source: str, refs: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """One entry of `image_list`, completed with all keys as text.

    `source`: `image_source` of the inventory. `refs`: `image_registry_refs`. Raises `ImageError`
    for an entry that is not possible.
    """
    if not isinstance(item, dict):
        raise ImageError(
            f"image_list: {item!r} is not a dictionary; right is e.g. {{name: odoo-19, kind: odoo, version: '19'}}"
        )
    name, kind = str(item.get("name", "")), str(item.get("kind", ""))
    version = str(item.get("version") or "")
    if not _NAME.match(name):
        raise ImageError(
            f"image_list: name {name!r} is not valid; right are small letters, digits and single . _ - between them"
        )
    if kind not in (*KINDS, CODE, BUILD):
        raise ImageError(f"image_list: {name}: kind {kind!r} is unknown; right is one of {', '.join(KINDS)}")
    if kind in ("odoo", CODE, BUILD) and version not in VERSIONS:
        raise ImageError(
            f"image_list: {name}: version {version!r} is not a known Odoo version; right is one of {', '.join(VERSIONS)}"
        )
    origin = source_of({**item, "name": name, "kind": kind, "version": version}, source, refs)
    if origin not in SOURCES:
        raise ImageError(f"image_list: {name}: source {origin!r} is unknown; right is {' or '.join(SOURCES)}")
    if kind in ("odoo", BUILD) and origin == DEBIAN and version not in ODOO_SUITES:
        raise ImageError(
            f"image_list: {name}: Debian has no package of Odoo {version}; right is version {' or '.join(ODOO_SUITES)}, "
            f"or odoo_image: <repository>@sha256:<digest> in the instance's group, or an entry odoo-{version} in "
            "image_registry_refs"
        )
    checked: dict[str, t.Any] = {"name": name, "kind": kind, "version": version}
    if kind == CODE:
        own = ("from", "packages", "requirements", "constraints", "image")
        return {**checked, **{key: item[key] for key in own if key in item}}
    checked["source"] = origin
    if origin == REGISTRY and item.get("ref"):
        checked["ref"] = str(item["ref"])
    if kind == BUILD:
        return {**checked, **{key: item[key] for key in ("packages", "of") if key in item}}
    if kind == "odoo":
        pythons = DEBIAN_PYTHONS if origin == DEBIAN else OFFICIAL_PYTHONS
        checked["python"] = str(item.get("python") or pythons[version])
        if checked["python"] not in PYTHONS:
            raise ImageError(
                f"image_list: {name}: python {checked['python']!r} is not supported; right is one of {', '.join(PYTHONS)}"
            )
        if origin == DEBIAN and checked["python"] != DEBIAN_PYTHONS[version]:
            raise ImageError(
                f"image_list: {name}: python {checked['python']!r}: Debian's package of Odoo {version} has "
                f"Python {DEBIAN_PYTHONS[version]}; leave out odoo_python, or give another image with odoo_image"
            )
    elif kind in SERVICE_PYTHONS:
        checked["python"] = str(item.get("python") or SERVICE_PYTHONS[kind])
    return checked


def set_key(version: str, image: str, files: t.Mapping[str, str]) -> str:
    """The name of a set of requirements: a hash of the texts of a release and of the image that they
    are installed into. `image`: name of the instance's Odoo image.
    """
    asked: dict[str, t.Any] = {"version": version, "files": dict(files)}
    return content_hash(asked if image == f"odoo-{version}" else {**asked, "image": image})


def requirement_sets(sets: t.Sequence[t.Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Entries of `image_list` for sets of requirements, each set once.

    `sets`: dictionaries with `key`, `version`, `from`, `files` and `image`, the entry of the Odoo
    image.
    """
    found: dict[str, dict[str, t.Any]] = {}
    for one in sets:
        version, files = str(one["version"]), dict(one["files"])
        found[one["key"]] = {
            "name": code_name(version, one["key"]),
            "kind": CODE,
            "version": version,
            "from": str(one["from"]),
            "requirements": str(files.get("requirements.txt", "")),
            "constraints": str(files.get("constraints.txt", "")),
            "packages": files.get("system_packages.txt", "").split(),
            "image": {key: str(value) for key, value in dict(one["image"]).items() if value},
        }
    return [found[key] for key in sorted(found)]


def code_name(version: str, key: str) -> str:
    """The name of the image for a set of requirements. `key`: of `set_key`."""
    return f"odoo-{version}-code-{key}"


def build_item(code: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The entry of the image that a set of requirements is installed with.

    Sets with the same Odoo image and system packages share one.
    """
    packages, image = list(code["packages"]), dict(code["image"])
    name = f"{image['name']}-build" + (f"-{content_hash(packages)}" if packages else "")
    origin = {key: image[key] for key in ("source", "ref") if image.get(key)}
    return {
        "name": name,
        "kind": BUILD,
        "version": code["version"],
        "packages": packages,
        "of": image["name"],
        **origin,
    }


def pip_home(texts: t.Mapping[str, str], folder: str) -> list[dict[str, str]]:
    """The files of pip's home folder, as a list for the module `files`, which hides their contents.

    `texts`: content by path below `folder`, which is on the machine. Raises `ImageError` for a path
    outside of it.
    """
    result = [{"path": folder, "state": "directory", "mode": "0700"}]
    seen = {""}
    for name in sorted(texts):
        if name.startswith("/") or ".." in name.split("/"):
            raise ImageError(f"image_pip_files: {name!r} must be a path below pip's home, such as .netrc")
        parent, parents = os.path.dirname(name), []
        while parent not in seen:
            seen.add(parent)
            parents.append(parent)
            parent = os.path.dirname(parent)
        result += [{"path": f"{folder}/{one}", "state": "directory", "mode": "0700"} for one in reversed(parents)]
        result.append({"path": f"{folder}/{name}", "secret_content": str(texts[name]), "mode": "0400"})
    return result


def pip_failure(output: str, lines: int = 12) -> str:
    """The error messages in the output of pip, then its last `lines` lines."""
    texts = [line.rstrip() for line in _COLOUR.sub("", output).splitlines() if line.strip()]
    said = [line.strip()[len("ERROR: ") :] for line in texts if line.strip().startswith("ERROR: ")]
    last = "\n".join(f"    {line}" for line in texts[-lines:])
    return f"{' | '.join(dict.fromkeys(said)) or 'no reason given'}\n{last}"


def suite_of(kind: str, version: str) -> str:
    """The Debian release that an image is built from."""
    return ODOO_SUITES[version] if kind in ("odoo", BUILD) else DEFAULT_SUITE


def reference(item: t.Mapping[str, t.Any], refs: t.Mapping[str, t.Any]) -> str:
    """The reference of the image that an image is built from; empty when nothing says one.

    It is the entry's own, else the one in `refs` for its name, else, for Odoo, the one for its
    version: an instance that states just its Python has the platform's image.
    """
    names = [item.get("of"), item.get("name")]
    if item.get("kind") in ("odoo", BUILD):
        names.append(f"odoo-{item.get('version')}")
    stated = [item.get("ref"), *(refs.get(str(name)) for name in names if name)]
    return next((str(one) for one in stated if one), "")


def check_ref(item: t.Mapping[str, t.Any], refs: t.Mapping[str, t.Any], allow_unpinned: bool) -> str:
    """The reference of the image that an image is built from: the entry's own, else the one in
    `refs`.

    Raises `ImageError` when there is none, or it is not pinned by digest and `allow_unpinned` is
    false.
    """
    name = str(item.get("of") or item["name"])
    ref = reference(item, refs)
    where = f"odoo_image of {item['name']}" if item.get("ref") else f"image_registry_refs: {name}"
    if not ref:
        raise ImageError(f"image_registry_refs: no entry for {name}; right is {name}: <repository>@sha256:<digest>")
    if not is_reference(ref):
        raise ImageError(f"{where}: {ref!r} names no image; right is <repository>@sha256:<64 hex digits>")
    if not allow_unpinned and not is_pinned(ref):
        raise ImageError(
            f"{where}: {ref!r} is not pinned by digest; right is <repository>@sha256:<64 hex digits>, the ID of an "
            "image on the building machine (sha256:<64 hex digits>), or image_allow_unpinned: true"
        )
    return ref


def problems(items: list[t.Any], source: str, refs: t.Mapping[str, t.Any], allow_unpinned: bool = False) -> list[str]:
    """One line for each reason why a list of images is not possible.

    `items`: the entries of `image_list`. `source`: `image_source`. The rest as for `check_ref`.
    """
    found: list[str] = []
    names: set[str] = set()
    for entry in items:
        try:
            item = check_item(entry, source, refs)
            if item.get("source") == REGISTRY:
                check_ref(item, refs, allow_unpinned)
            if item["name"] in names:
                raise ImageError(f"image_list: the name {item['name']!r} is there twice; names must differ")
            names.add(item["name"])
        except ImageError as error:
            found.append(str(error))
    return found


def read_tree(folder: str, prefix: str = "") -> list[dict[str, str]]:
    """All files below a folder as `path`, `content` and `mode`, sorted by path.

    `prefix`: put before every path. Caches and files of editors are left out. Raises `ImageError`
    for a file that is not UTF-8 text.
    """
    found: list[dict[str, str]] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in names:
            if name.endswith(SKIPPED_SUFFIXES):
                continue
            path = os.path.join(parent, name)
            try:
                with open(path, encoding="utf-8") as stream:
                    content = stream.read()
            except UnicodeDecodeError as error:
                raise ImageError(f"{path}: files of an image must be UTF-8 text: {error}") from error
            relative = os.path.join(prefix, os.path.relpath(path, folder))
            mode = "0755" if os.stat(path).st_mode & 0o100 else "0644"
            found.append({"path": relative, "content": content, "mode": mode})
    return sorted(found, key=lambda entry: entry["path"])


def odoo_files(folder: str, python: str) -> list[dict[str, str]]:
    """The files of an Odoo image, with the requirements for its own Python only.

    So a change of another Python's requirements does not rebuild this image.
    """
    found = []
    for entry in read_tree(folder):
        if entry["path"] == f"requirements-{python}.txt":
            found.append({**entry, "path": REQUIREMENTS})
        elif not entry["path"].startswith("requirements-"):
            found.append(entry)
    return found


def report_files(folder: str, protocol: str) -> list[dict[str, str]]:
    """The files of the report image. `protocol`: folder of what Odoo's containers and the service have in common."""
    shared = [{**entry, "path": f"{REPORT_FOLDER}/{entry['path']}"} for entry in read_tree(protocol)
              if entry["path"] in REPORT_SHARED]  # fmt: skip
    return sorted([*read_tree(folder), *shared], key=lambda entry: entry["path"])


def base_plan(platform: str, suite: str, definition: dict[str, t.Any]) -> dict[str, t.Any]:
    """The plan of the Debian base image of a release. `definition`: what its packages are chosen by."""
    dockerfile = 'FROM scratch\nADD base.tar /\nENV LANG=C.UTF-8\nCMD ["bash"]\n'
    digest = content_hash({"suite": suite, "definition": definition, "dockerfile": dockerfile})
    return {
        "name": f"debian-{suite}",
        "kind": "debian",
        "version": suite,
        "tag": f"{platform}/debian:{suite}-{digest}",
        "hash": digest,
        "pull": "",
        "base": "",
        "files": [{"path": "Dockerfile", "content": dockerfile, "mode": "0644"}],
    }


def code_files(folder: str, item: t.Mapping[str, t.Any]) -> list[dict[str, str]]:
    """The build context of an image with an instance's custom requirements; empty without requirements."""
    if not item["requirements"]:
        return []
    texts = {"requirements.txt": item["requirements"], "constraints.txt": item["constraints"]}
    return read_tree(folder) + [{"path": name, "content": text, "mode": "0644"} for name, text in texts.items() if text]


def image_plan(
    platform: str, item: dict[str, t.Any], base: str, pull: str, dockerfile: str, context: list[dict[str, str]]
) -> dict[str, t.Any]:
    """The plan of one image, whose tag is a hash of everything that goes into it.

    - `item`: the entry of `image_list`, checked.
    - `base`: tag of the image that it is built from. `pull`: its reference in a registry, else
      empty.
    - `context`: the files besides the Dockerfile, as `read_tree` returns them.
    """
    files = [{"path": "Dockerfile", "content": dockerfile, "mode": "0644"}, *context]
    digest = content_hash({"item": item, "files": files})
    return {
        **item,
        "tag": f"{platform}/{item['name']}:{digest}",
        "hash": digest,
        "pull": pull,
        "base": base,
        "files": files,
    }


def context_files(plan: list[dict[str, t.Any]], tags: list[str], folder: str) -> list[dict[str, str]]:
    """The build contexts of the images with these tags, as a list for the module `files`.

    `folder`: where they are written on the machine. Parent folders come before what is in them.
    """
    result: list[dict[str, str]] = []
    for image in plan:
        if image["tag"] not in tags:
            continue
        root = f"{folder}/{image['name']}-{image['hash']}"
        seen = {""}
        result.append({"path": root, "state": "directory", "mode": "0755"})
        for entry in image["files"]:
            parents: list[str] = []
            parent = os.path.dirname(entry["path"])
            while parent not in seen:
                seen.add(parent)
                parents.append(parent)
                parent = os.path.dirname(parent)
            result.extend(
                {"path": f"{root}/{path}", "state": "directory", "mode": "0755"} for path in reversed(parents)
            )
            result.append({"path": f"{root}/{entry['path']}", "content": entry["content"], "mode": entry["mode"]})
    return result


def ids_by_tag(images: list[dict[str, t.Any]]) -> dict[str, str]:
    """The ID of each tag in the engine's description of images."""
    return {str(tag): str(image["Id"]) for image in images for tag in image.get("RepoTags") or []}


def resolve(
    plan: list[dict[str, t.Any]],
    images: list[dict[str, t.Any]],
    platform: str,
    seen: list[dict[str, t.Any]] | None = None,
) -> dict[str, str]:
    """The ID of each image by its name; its tag when the image does not exist.

    `images`: the engine's answer for the plan's tags, matched by repository. The tags come from an
    earlier scan of the same files, so a file that is edited during a build must not change the
    result. `seen`: images of any version on the machine, matched by the whole tag; they take
    precedence.
    """
    known = {tag.rpartition(":")[0]: number for tag, number in ids_by_tag(images).items()}
    exact = ids_by_tag(seen or [])
    return {
        image["name"]: exact.get(image["tag"]) or known.get(f"{platform}/{image['name']}", image["tag"])
        for image in plan
    }


def missing(plan: list[dict[str, t.Any]], images: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """The images that must be built, without their files. Odoo's come first, because they take
    longest.
    """
    known = ids_by_tag(images)
    left = [{key: image[key] for key in image if key != "files"} for image in plan if image["tag"] not in known]
    return sorted(left, key=lambda image: image["kind"] != "odoo")


def build_error(message: str, lines: int = 15) -> str:
    """The reason of a failed build and the last `lines` lines of its log.

    `message`: what community.docker reports, which contains the whole log.
    """
    head, found, tail = message.partition(", logs: ")
    if not found:
        return message.strip()
    try:
        output = [str(line) for line in ast.literal_eval(tail)]
    except (ValueError, SyntaxError):
        output = tail.splitlines()
    plain = _COLOUR.sub("", "\n".join(output)).splitlines()
    last = [line.rstrip() for line in plain if line.strip() and not _BUILDER_LINE.match(line)][-lines:]
    code = re.search(r"returned a non-zero code: (\d+)", head)
    reason = (
        f"a command of its Dockerfile ended with {code.group(1)}"
        if code
        else re.sub(r"^Error building \S+ - ", "", head)
    )
    return "\n".join([reason, *(f"    {line}" for line in last)])


def failures(results: list[dict[str, t.Any]], timeout: int) -> list[dict[str, str]]:
    """`name` and `reason` of each image that was not built.

    `results`: those of parallel builds. Each belongs to its `image_item` or, if it ran in the
    background, to the `image_item` of its `image_job`. `timeout`: `image_build_timeout` in seconds.
    """
    found = []
    for result in results:
        if result.get("image"):
            continue
        item = result.get("image_item") or (result.get("image_job") or {}).get("image_item") or {}
        message = str(result.get("msg") or f"it took longer than image_build_timeout: {timeout} seconds")
        found.append({"name": str(item.get("name", "?")), "reason": build_error(message)})
    return found
