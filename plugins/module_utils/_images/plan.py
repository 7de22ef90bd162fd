# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""What an image is built from, and the content hash that names it. Used on the controller."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import typing as t

from .._runtime.common.odoo_facts import VERSIONS

LABEL_PREFIX = "org.odoo-cloud."
# CODE: the image with an instance's custom requirements; BUILD: the one with which they are installed.
# Both are built for each set of requirements.
CODE, BUILD = "code", "build"
KINDS = ("odoo", "postgres", "redis", "swift", "nginx", "firewall", "mail")
PYTHON_KINDS = ("odoo", "mail")  # whose images get pinned Python packages
DEFAULT_SUITE = "trixie"
ODOO_SUITES = {"14": "bullseye", "19": "trixie"}
# The Python of an Odoo image: Debian's, else that of the official images.
DEBIAN_PYTHONS = {"14": "3.9", "19": "3.13"}
MAIL_PYTHON = "3.13"  # of the mail catcher: Debian's, and what an image of a registry should have
OFFICIAL_PYTHONS = {"14": "3.9", "15": "3.9", "16": "3.9", "17": "3.10", "18": "3.12", "19": "3.12"}
HASH_LENGTH = 12
RUNTIME_FOLDER = "odoo_cloud_runtime"
ADDONS_FOLDER = "addons"  # in the build context; `odoo_conf.ADDONS_DIR` in the image
REQUIREMENTS = "requirements.txt"  # in the build context of Odoo images
SKIPPED_FOLDERS = ("__pycache__",)
SKIPPED_SUFFIXES = (".pyc", ".pyo", "~", ".swp")

_NAME = re.compile(r"^[a-z0-9]+(?:[._-][a-z0-9]+)*$")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_BUILDER_LINE = re.compile(r"^(Step \d+/\d+ :| ?---> |Removing intermediate container )")
_PYTHON = re.compile(r"^3\.\d+$")
_PINNED = re.compile(r"^[^\s@]+@sha256:[0-9a-f]{64}$")


class ImageError(Exception):
    """The inventory describes an image that is not possible; the message is one line for operators."""


def content_hash(parts: t.Any) -> str:
    """The short SHA-256 of any value that JSON can hold."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:HASH_LENGTH]


def check_item(item: t.Any, source: str) -> dict[str, t.Any]:
    """One entry of `image_list`, completed with all keys as text.

    `source`: `image_source` of the inventory. Raises `ImageError` for an entry that is not
    possible.
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
    if kind in ("odoo", CODE, BUILD):
        if version not in VERSIONS:
            raise ImageError(
                f"image_list: {name}: version {version!r} is not a known Odoo version; right is one of {', '.join(VERSIONS)}"
            )
        if source == "debian" and kind != CODE and version not in ODOO_SUITES:
            raise ImageError(
                f"image_list: {name}: Debian has no package of Odoo {version}; right is version {' or '.join(ODOO_SUITES)}, "
                "or image_source: registry"
            )
    checked: dict[str, t.Any] = {"name": name, "kind": kind, "version": version}
    if kind in (CODE, BUILD):
        return {
            **checked,
            **{key: item[key] for key in ("from", "packages", "requirements", "constraints") if key in item},
        }
    if kind in PYTHON_KINDS:
        pythons = (
            {version: MAIL_PYTHON} if kind == "mail" else DEBIAN_PYTHONS if source == "debian" else OFFICIAL_PYTHONS
        )
        checked["python"] = str(item.get("python") or pythons[version])
        if not _PYTHON.match(checked["python"]):
            raise ImageError(f"image_list: {name}: python {checked['python']!r} is not valid; right is e.g. '3.12'")
    return checked


def set_key(version: str, files: t.Mapping[str, str]) -> str:
    """The name of a set of requirements: a hash of the texts of a release and the Odoo version."""
    return content_hash({"version": version, "files": dict(files)})


def requirement_sets(sets: t.Sequence[t.Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Entries of `image_list` for sets of requirements, each set once.

    `sets`: dictionaries with `key`, `version`, `from` and `files`.
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
        }
    return [found[key] for key in sorted(found)]


def code_name(version: str, key: str) -> str:
    """The name of the image for a set of requirements. `key`: of `set_key`."""
    return f"odoo-{version}-code-{key}"


def build_item(code: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The entry of the image that a set of requirements is installed with.

    Sets with the same system packages share one.
    """
    version, packages = code["version"], list(code["packages"])
    name = f"odoo-{version}-build" + (f"-{content_hash(packages)}" if packages else "")
    return {"name": name, "kind": BUILD, "version": version, "packages": packages}


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


def ref_name(item: t.Mapping[str, t.Any]) -> str:
    """The key of `image_registry_refs` for the image that an image is built from."""
    return f"odoo-{item['version']}" if item["kind"] == BUILD else str(item["name"])


def check_ref(name: str, refs: t.Mapping[str, t.Any], allow_unpinned: bool) -> str:
    """The registry reference of an image.

    Raises `ImageError` when there is none, or it is not pinned by digest and `allow_unpinned` is
    false.
    """
    ref = str(refs.get(name) or "")
    if not ref:
        raise ImageError(f"image_registry_refs: no entry for {name}; right is {name}: <repository>@sha256:<digest>")
    if not allow_unpinned and not _PINNED.match(ref):
        raise ImageError(
            f"image_registry_refs: {name}: {ref!r} is not pinned by digest; right is <repository>@sha256:<64 hex digits>, "
            "or image_allow_unpinned: true"
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
            item = check_item(entry, source)
            if source == "registry" and item["kind"] != CODE:
                check_ref(ref_name(item), refs, allow_unpinned)
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


def odoo_files(folder: str, version: str) -> list[dict[str, str]]:
    """The files of an Odoo image, with the requirements of its own version only.

    So a change of another version's requirements does not rebuild this image.
    """
    found = []
    for entry in read_tree(folder):
        if entry["path"] == f"requirements-{version}.txt":
            found.append({**entry, "path": REQUIREMENTS})
        elif not entry["path"].startswith("requirements-"):
            found.append(entry)
    return found


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
