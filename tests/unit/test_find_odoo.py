# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that finds Odoo and its addons in an image that somebody else made."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "roles/image/files/odoo/find-odoo.py"


def addon(folder: Path, name: str = "acme") -> str:
    (folder / name).mkdir(parents=True)
    (folder / name / "__manifest__.py").write_text("{}")
    return str(folder)


def checkout(folder: Path) -> Path:
    addon(folder / "odoo/addons", "base")
    (folder / "odoo-bin").write_text("")
    return folder


class Image:
    """An image in a folder."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = importlib.util.spec_from_file_location("find_odoo", PROGRAM)
        assert spec and spec.loader
        self.program = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.program)
        self.root, self.facts, self.known = root, root / "image.json", []
        (root / "cwd").mkdir()
        monkeypatch.chdir(root / "cwd")
        for name in ("ODOO_RC", "OPENERP_SERVER", "PYTHONPATH"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PATH", str(root / "bin"))
        self.package = ""
        self.volumes: list[str] = []
        for name, value in {
            "FACTS": str(self.facts), "COPIES": str(root / "copies"), "CONFIGURATIONS": (str(root / "odoo.conf"),),
            "EXTRA": str(root / "extra"), "ROOTS": (str(root / "opt"), str(root / "home")), "HIDDEN": (),
            "OURS": (str(root / "ours"),), "imported": lambda: self.package, "declared_volumes": lambda: self.volumes,
            "make_known": self.known.append,
        }.items():  # fmt: skip
            monkeypatch.setattr(self.program, name, value)

    def addons(self) -> list[str]:
        self.program.main()
        found: list[str] = json.loads(self.facts.read_text())["addons"]
        return found


@pytest.fixture
def image(tmp_path, monkeypatch):
    return Image(tmp_path, monkeypatch)


def test_an_installed_odoo_with_the_addons_of_its_configuration(image):
    image.package = addon(image.root / "dist-packages/odoo/addons", "base").removesuffix("/addons")
    paid, extra = addon(image.root / "paid"), addon(image.root / "extra")
    (image.root / "odoo.conf").write_text(
        f"[options]\naddons_path = {image.package}/addons, {paid},{image.root}/none\n[queue_job]\nchannels = root:1\n"
    )
    assert image.addons() == [paid, extra]
    assert image.known == []


def test_a_checkout_is_made_known_with_the_addons_beside_it(image):
    root = checkout(image.root / "opt/acme/src")
    beside = addon(root / "addons")
    assert image.addons() == [beside]
    assert image.known == [str(root)]


def test_of_several_the_one_that_the_image_points_at(image, monkeypatch):
    first, second = checkout(image.root / "opt/first"), checkout(image.root / "home/second")
    with pytest.raises(SystemExit, match="more than once"):
        image.addons()
    monkeypatch.setenv("PYTHONPATH", str(second))
    image.addons()
    monkeypatch.delenv("PYTHONPATH")
    monkeypatch.chdir(first)
    image.addons()
    assert image.known == [str(second), str(first)]


def test_no_odoo_is_one_line(image):
    (image.root / "opt/acme").mkdir(parents=True)
    (image.root / "opt/acme/odoo-bin").write_text("")
    with pytest.raises(SystemExit, match="there is no Odoo in this image"):
        image.addons()


def test_addons_in_a_declared_volume_are_copied(image):
    image.package = addon(image.root / "dist-packages/odoo/addons", "base").removesuffix("/addons")
    image.volumes = [addon(image.root / "extra")]
    assert image.addons() == [str(image.root / "copies/0-extra")]
    assert (image.root / "copies/0-extra/acme/__manifest__.py").exists()


@pytest.mark.parametrize("volume, words", [("dist-packages", "Odoo is in a folder"), ("ours", "the platform needs it")])
def test_a_volume_that_would_hide_something_is_refused(image, volume, words):
    image.package = addon(image.root / "dist-packages/odoo/addons", "base").removesuffix("/addons")
    image.volumes = [str(image.root / volume)]
    with pytest.raises(SystemExit, match=words):
        image.addons()


def test_everybody_may_read_what_was_found(image):
    image.package = addon(image.root / "dist-packages/odoo/addons", "base").removesuffix("/addons")
    extra = Path(addon(image.root / "extra"))
    (extra / "acme/__manifest__.py").chmod(0o600)
    extra.chmod(0o700)
    image.addons()
    assert (extra / "acme/__manifest__.py").stat().st_mode & 0o777 == 0o604
    assert extra.stat().st_mode & 0o777 == 0o705
