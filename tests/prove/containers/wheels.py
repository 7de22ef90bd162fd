# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of PyPI that proofs put beside Odoo: wheels of plain Python, fetched once and kept."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import typing as t
import zipfile

from ..frame import WORK, Shortfall, readable

WHEELS = WORK / "wheels"
# Pure Python, so one folder serves both versions of Odoo; marabunta's other needs are Odoo's own too.
TOOLS = {
    "marabunta": ("marabunta==0.15.0", "pexpect==4.9.0", "ptyprocess==0.7.0", "ruamel.yaml==0.18.10", "anthem==0.15.0"),
}


def fetch(folder: pathlib.Path, wanted: t.Iterable[str]) -> pathlib.Path:
    """The folder with these wheels, without what they need."""
    if not folder.exists():
        partly = folder.with_name(folder.name + ".part")
        _pip("download", "--no-deps", "--pre", "--only-binary=:all:", "--dest", str(partly), *wanted)
        partly.rename(folder)
    return folder


def tools(name: str) -> pathlib.Path:
    """A folder to import another tool from."""
    folder = WHEELS / f"{name}-unpacked"
    if not folder.exists():
        partly = folder.with_name(folder.name + ".part")
        for wheel in fetch(WHEELS / name, TOOLS[name]).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(partly)
        readable(partly).rename(folder)
    return folder


def click_odoo(version: str) -> pathlib.Path:
    """A folder to import click-odoo-contrib from, for the Python of that version's image."""
    folder = WHEELS / f"click-odoo-{version}"
    if not folder.exists():
        partly = folder.with_name(folder.name + ".part")
        shutil.rmtree(partly, ignore_errors=True)
        _pip(
            "install", "--no-compile", "--only-binary=:all:", "--python-version", "3.9" if version == "14" else "3.13",
            "--implementation", "py", "--abi", "none", "--platform", "any", "--target", str(partly),
            "click-odoo-contrib==1.24", "click<8.2",
        )  # fmt: skip
        readable(partly).rename(folder)
    return folder


def _pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", arguments[0], "--quiet", "--disable-pip-version-check", *arguments[1:]],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Shortfall(f"pip {arguments[0]} {arguments[-1]}: {done.stdout.strip()[-300:]}")
