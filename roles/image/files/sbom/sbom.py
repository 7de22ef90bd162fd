# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes an image's bill of materials, in CycloneDX, from what gather.sh found in it.

    python sbom.py GATHERED OUTPUT NAME VERSION ID

Runs on the controller, with a Python that has debsbom and cyclonedx-bom. debsbom describes the Debian packages, cyclonedx-py the
Python packages; this program joins both, adds the licences that Debian's copyright files name, and writes only what
cyclonedx-python-lib finds valid. What came from the image is data: it is read as such, and none of it is run.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import gzip
import io
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import typing as t
import uuid

SPEC = "1.6"
NEEDED = "pip install debsbom cyclonedx-bom 'cyclonedx-python-lib[json-validation]'"
LARGEST = 16 * 1024 * 1024  # bytes of one file; copyright files have up to a megabyte
PYTHON_FILES = ("METADATA", "PKG-INFO")
COPYRIGHT = re.compile(r"^usr/share/doc/([a-z0-9][a-z0-9+.-]*)/copyright$")
_COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z0-9][A-Za-z0-9.+-]*[A-Za-z0-9+])")
_LICENSE = re.compile(r"^License:[ \t]*(\S[^\n]*)", re.MULTILINE)
_EXPRESSION = re.compile(r"\s+(?:and|or|AND|OR)\s+|,\s*")


class SbomError(Exception):
    """There is no bill of materials; the message is one line for operators."""


def files_of(archive: bytes) -> dict[str, bytes]:
    """The plain files in a tar archive, by path. Links and paths that lead out of the archive are left out."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            path = member.name.lstrip("/")
            if member.isfile() and member.size <= LARGEST and path and ".." not in path.split("/"):
                stream = tar.extractfile(member)
                if stream is not None:
                    found[path] = stream.read()
    return found


def licences(text: str) -> list[str]:
    """The licences that a Debian copyright file names: its fields, else the common licences that its text points to."""
    named = [one.strip() for line in _LICENSE.findall(text) for one in _EXPRESSION.split(line) if one.strip()]
    return sorted(set(named or _COMMON.findall(text)))


def add_licences(components: list[dict[str, t.Any]], copyrights: dict[str, str]) -> None:
    """Gives each Debian package its licences: those of its source package if debsbom could read them, else the names in its
    copyright file, else the path of that file. `copyrights`: text by package.
    """
    declared = {
        one["name"]: one["licenses"]
        for one in components
        if one.get("licenses") and "arch=source" in one.get("purl", "")
    }
    for one in components:
        if one.get("licenses") or not one.get("purl", "").startswith("pkg:deb/") or "arch=source" in one["purl"]:
            continue
        if one["name"] in declared:
            one["licenses"] = declared[one["name"]]
        elif one["name"] in copyrights:
            names = licences(copyrights[one["name"]]) or [f"see /usr/share/doc/{one['name']}/copyright"]
            one["licenses"] = [{"license": {"name": name}} for name in names]


def joined(
    debian: dict[str, t.Any], python: dict[str, t.Any], name: str, version: str, image_id: str
) -> dict[str, t.Any]:
    """One bill of materials of an image from those of its Debian and its Python packages."""
    root = f"image-{name}"
    components: list[dict[str, t.Any]] = []
    dependencies: dict[str, list[str]] = {}
    tools: list[dict[str, t.Any]] = []
    for part in (debian, python):
        mine = {one["bom-ref"] for one in part.get("components", [])}
        components += part.get("components", [])
        for one in part.get("dependencies", []):
            if one["ref"] in mine:
                dependencies.setdefault(one["ref"], []).extend(ref for ref in one.get("dependsOn", []) if ref in mine)
        used = (part.get("metadata") or {}).get("tools") or {}
        tools += used.get("components", []) if isinstance(used, dict) else []
    tools = [{key: one[key] for key in ("type", "name", "version") if key in one} for one in tools]
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": tools},
            "component": {
                "type": "container", "bom-ref": root, "name": name, "version": version,
                "properties": [{"name": "org.odoo-cloud:image-id", "value": image_id}],
            },
        },
        "components": components,
        "dependencies": [
            {"ref": root, "dependsOn": [one["bom-ref"] for one in components]},
            *({"ref": ref, "dependsOn": sorted(set(refs))} for ref, refs in dependencies.items()),
        ],
    }  # fmt: skip


def run(program: str, *arguments: str) -> None:
    """Runs a program of the tools; raises `SbomError` with its last line if it fails."""
    command = [os.path.join(sysconfig.get_path("scripts"), program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise SbomError(f"{program}: {said[-1] if said else 'no reason given'}")


def architecture(status: str) -> str:
    """The processor of the Debian packages in dpkg's records."""
    named = re.findall(r"^Architecture: (?!all$)(\S+)$", status, re.MULTILINE)
    return max(sorted(set(named)), key=named.count, default="amd64")


def of_debian(archive: bytes, status: str, folder: str) -> dict[str, t.Any]:
    """What debsbom says about the Debian packages. `status`: dpkg's records."""
    path, result = os.path.join(folder, "gathered.tar"), os.path.join(folder, "debian")
    with open(path, "wb") as stream:
        stream.write(archive)
    options = [
        "--sbom-type=cdx",
        f"--cdx-schema-version={SPEC}",
        "--with-licenses",
        f"--distro-arch={architecture(status)}",
    ]
    run("debsbom", "generate", *options, "--root", path, "--out", result)
    with open(f"{result}.cdx.json", encoding="utf-8") as stream:
        return json.load(stream)


def of_python(files: dict[str, bytes], folder: str) -> dict[str, t.Any]:
    """What cyclonedx-py says about the Python packages."""
    places = set()
    for path, content in files.items():
        parent, name = os.path.split(path)
        if name not in PYTHON_FILES and not name.endswith(".egg-info"):
            continue
        target = os.path.join(folder, "python", parent)
        os.makedirs(target, exist_ok=True)
        with open(os.path.join(target, name), "wb") as stream:
            stream.write(content)
        places.add(os.path.dirname(target) if name in PYTHON_FILES else target)
    if not places:
        return {}
    # cyclonedx-py asks an interpreter for its search path. This one answers with the folders that came out of the image.
    interpreter, result = os.path.join(folder, "search-path"), os.path.join(folder, "python.json")
    with open(f"{interpreter}.json", "w", encoding="utf-8") as stream:
        json.dump(sorted(places), stream)
    with open(interpreter, "w", encoding="utf-8") as stream:
        stream.write(f"#!/bin/sh\ncat '{interpreter}.json'\n")
    os.chmod(interpreter, 0o700)
    run(
        "cyclonedx-py",
        "environment",
        "--spec-version",
        SPEC,
        "--output-reproducible",
        "--output-file",
        result,
        interpreter,
    )
    with open(result, encoding="utf-8") as stream:
        return json.load(stream)


def problem(text: str) -> str:
    """Why a bill of materials is not valid; empty when it is."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    found = JsonStrictValidator(SchemaVersion.from_version(SPEC)).validate_str(text)
    return "" if found is None else str(found).splitlines()[0][:300]


def made(gathered: bytes, name: str, version: str, image_id: str) -> str:
    """The bill of materials as text. `gathered`: the output of gather.sh."""
    try:
        archive = gzip.decompress(base64.b64decode(gathered, validate=False))
        files = files_of(archive)
    except (binascii.Error, OSError, EOFError, tarfile.TarError) as error:
        raise SbomError(f"what was gathered from the image is no archive: {error}") from error
    copyrights = {}
    for path, content in files.items():
        match = COPYRIGHT.match(path)
        if match:
            copyrights[match[1]] = content.decode("utf-8", "replace")
    with tempfile.TemporaryDirectory(prefix="odoo-cloud-sbom-") as folder:
        status = files.get("var/lib/dpkg/status", b"").decode("utf-8", "replace")
        debian = of_debian(archive, status, folder) if status else {}
        python = of_python(files, folder)
    add_licences(debian.get("components", []), copyrights)
    text = json.dumps(joined(debian, python, name, version, image_id), indent=1, sort_keys=True) + "\n"
    wrong = problem(text)
    if wrong:
        raise SbomError(f"the result is not valid CycloneDX {SPEC}: {wrong}")
    return text


def main() -> None:
    gathered, output, name, version, image_id = sys.argv[1:]
    try:
        import cyclonedx.validation.json  # noqa: F401
        import cyclonedx_py  # noqa: F401
        import debsbom  # noqa: F401
    except ImportError as error:
        sys.exit(f"image_sbom_python: {sys.executable} has no {error.name}: {NEEDED}")
    try:
        with open(gathered, "rb") as stream:
            text = made(stream.read(), name, version, image_id)
    except SbomError as error:
        sys.exit(f"{name}: {error}")
    with open(f"{output}.part", "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(f"{output}.part", output)


if __name__ == "__main__":
    main()
