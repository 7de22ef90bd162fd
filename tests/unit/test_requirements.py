# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller installs: chosen in requirements/*.in, locked with hashes in requirements/*.txt."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "requirements"
LOCKS = sorted(FOLDER.glob("*.txt"))
PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(\[[\w,-]+\])?==(?P<version>[\w.]+)(?P<marker> ; [^\\]+?)?$")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}$")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _locked(path: Path) -> dict[str, tuple[str, int]]:
    """Version and number of hashes of each package; fails for a line that is something else."""
    found: dict[str, tuple[str, int]] = {}
    logical = re.sub(r"\\\n\s+", "\n    ", path.read_text(encoding="utf-8"))
    name = ""
    for line in logical.splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if line.startswith(" "):
            assert HASH.match(text) and name, f"{path.name}: {text!r}"
            found[name] = (found[name][0], found[name][1] + 1)
        else:
            pin = PIN.match(text)
            assert pin, f"{path.name}: {text!r} isn't pinned"
            name = _plain(pin["name"])
            assert name not in found, f"{path.name}: {name} is there twice"
            found[name] = (pin["version"], 0)
    return found


def _chosen(path: Path) -> set[str]:
    """The packages that a .in file names itself."""
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return {_plain(re.split(r"[\[=<>~! ;]", line)[0]) for line in lines if line and not line.startswith("-")}


def test_every_lock_has_its_choice():
    assert {path.stem for path in LOCKS} == {path.stem for path in FOLDER.glob("*.in")}
    assert {"runtime", "test", "galaxy", "aws"} <= {path.stem for path in LOCKS}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_package_is_pinned_with_hashes(path):
    locked = _locked(path)
    assert locked and [name for name, (dummy, hashes) in locked.items() if not hashes] == []
    assert _chosen(path.with_suffix(".in")) - set(locked) == set()


def test_tests_run_with_the_versions_of_the_runtime():
    runtime, test = _locked(FOLDER / "runtime.txt"), _locked(FOLDER / "test.txt")
    assert {name: test.get(name) for name in runtime} == runtime


def test_everything_is_installed_with_hashes_and_nothing_is_built():
    for path in (ROOT / "tools/venv.sh", ROOT / "tools/core221.sh"):
        text = re.sub(r"\\\n\s+", "", path.read_text(encoding="utf-8"))
        commands = re.findall(r"(?:-m pip|/bin/pip) (?:install|download) [^\n]*", text)
        assert commands, path.name
        for command in commands:
            assert "--require-hashes" in command, f"{path.name}: {command}"
            assert "--only-binary :all:" in command or "--no-index" in command, f"{path.name}: {command}"
