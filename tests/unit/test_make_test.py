# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make test` says at its end, with a make that only prints."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = {
    "unit": "....s\n=== 12 passed, 2 skipped in 3.10s ===",
    "molecule": "ok: [localhost] => \n    msg: 41 passed in 12.34s",
    "prove-sample": "holds        a bar: x  (target: y)\n3 passed, 0 failed in 36.1s\n3 bars in 36 s; seed 1",
    "lint": "lint: ruff check         passed   1 s",
    "broken": "1 failed, 4 passed in 1.00s",
    "dies": "Traceback",
}
MAKE = """#!/bin/sh
for stage; do :; done
[ "$stage" != test-ready ] || exit 0
cat "$OUTPUTS/$stage"
echo "$stage ${TEST_READY:-} ${MOLECULE_KEEP:-}" >>"$OUTPUTS/asked"
case "$stage" in broken | dies) exit 1 ;; esac
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "make").write_text(MAKE)
    (tmp_path / "bin" / "make").chmod(0o755)
    for name, text in OUTPUT.items():
        (tmp_path / name).write_text(text + "\n")
    # Without the variables of the make that may have started this test.
    environment = {key: value for key, value in os.environ.items() if key not in ("MOLECULE_KEEP", "TEST_READY")}
    environment |= {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", "OUTPUTS": str(tmp_path)}

    def make_test(*stages):
        done = subprocess.run(
            [ROOT / "tools" / "test.sh", *stages], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )  # fmt: skip
        summary = done.stdout.rpartition("\n===== summary")[2].splitlines()[1:]
        return done.returncode, [re.sub(r" \d+ s\b", "", " ".join(line.split())) for line in summary]

    make_test.folder = tmp_path
    return make_test


def test_every_stage_has_its_line_and_skips_are_counted(run):
    code, lines = run("molecule", "prove-sample", "--beside", "lint", "unit")
    assert code == 0
    assert lines == [
        "molecule passed 41 passed 0 failed 0 skipped",
        "prove-sample passed 3 passed 0 failed 0 skipped",
        "lint passed 1 passed 0 failed 0 skipped",
        "unit passed 12 passed 0 failed 2 skipped",
        "57 passed, 0 failed, 2 skipped",
    ]
    kept = (run.folder / ".work" / "log" / "summary").read_text().split()
    assert kept[1:4] == ["57", "0", "2"]
    assert [one.split(":")[0] for one in kept[4:]] == [
        f"{one}=passed" for one in ("molecule", "prove-sample", "lint", "unit")
    ]


def test_a_stage_that_fails_fails_all(run):
    code, lines = run("broken", "dies", "lint")
    assert code == 1
    assert lines[0].startswith("broken FAILED") and lines[0].endswith("4 passed 1 failed 0 skipped")
    assert lines[1].startswith("dies FAILED") and lines[1].endswith("0 passed 1 failed 0 skipped")
    assert lines[-1] == "5 passed, 2 failed, 0 skipped"


def test_molecule_leaves_its_platform_to_the_browser_alone(run):
    (run.folder / "browser").write_text("1 passed in 1.00s\n")
    run("molecule", "prove-sample", "browser", "--beside", "lint")
    asked = dict(line.split(" ", 1) for line in (run.folder / "asked").read_text().splitlines())
    assert asked["molecule"] == asked["prove-sample"] == "yes yes"
    (run.folder / "asked").unlink()
    run("molecule", "prove-sample")
    assert (run.folder / "asked").read_text().split() == ["molecule", "prove-sample"]
