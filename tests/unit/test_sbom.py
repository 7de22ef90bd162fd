# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a bill of materials is put together. With the real tools and images: `make prove-walls PART=supply-sbom`."""

from __future__ import annotations

import importlib.util
import io
import tarfile
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "roles/image/files/sbom/sbom.py"


@pytest.fixture(scope="module")
def sbom():
    spec = importlib.util.spec_from_file_location("sbom", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_plain_files_come_out_of_an_image(sbom):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name in ("good/METADATA", "/absolute", "../out", "a/../../out"):
            entry = tarfile.TarInfo(name)
            entry.size = 1
            tar.addfile(entry, io.BytesIO(b"x"))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            entry = tarfile.TarInfo(f"special-{kind!r}")
            entry.type, entry.linkname = kind, "/etc/shadow"
            tar.addfile(entry)
    assert sbom.files_of(stream.getvalue()) == {"good/METADATA": b"x", "absolute": b"x"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Files: *\nLicense: GPL-2+ and Expat\n\nLicense: Expat\n Permission is ...\n", ["Expat", "GPL-2+"]),
        ("You find it in `/usr/share/common-licenses/GPL-3'.\n", ["GPL-3"]),
        ("You find it in /usr/share/common-licenses/LGPL-2.1.\n", ["LGPL-2.1"]),
        ("Do what you like.\n", []),
    ],
)
def test_licences_of_a_copyright_file(sbom, text, names):
    assert sbom.licences(text) == names


def test_every_debian_package_gets_a_licence(sbom):
    source = {"name": "bash", "purl": "pkg:deb/debian/bash@5?arch=source", "licenses": [{"expression": "MIT"}]}
    components = [source] + [
        {"name": name, "purl": f"pkg:deb/debian/{name}@5?arch=amd64"} for name in ("bash", "bc", "x")
    ]
    sbom.add_licences(components, {"bc": "License: X11\n", "x": "Do what you like.\n"})
    assert [one["licenses"] for one in components[1:]] == [
        [{"expression": "MIT"}],
        [{"license": {"name": "X11"}}],
        [{"license": {"name": "see /usr/share/doc/x/copyright"}}],
    ]


def test_a_joined_bill_of_materials_refers_to_its_own_components_only(sbom):
    debian = {
        "components": [{"bom-ref": "a"}, {"bom-ref": "b"}],
        "dependencies": [{"ref": "a", "dependsOn": ["b", "gone"]}, {"ref": "root"}],
    }
    bom = sbom.joined(debian, {"components": [{"bom-ref": "c"}]}, "redis", "1", "sha256:1")
    assert {one["ref"]: one["dependsOn"] for one in bom["dependencies"]} == {"image-redis": ["a", "b", "c"], "a": ["b"]}
    assert bom["metadata"]["component"]["name"] == "redis"


def test_the_processor_of_an_image(sbom):
    assert sbom.architecture("Architecture: all\nArchitecture: arm64\nArchitecture: all\n") == "arm64"
