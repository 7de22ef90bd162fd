# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may import what, and what `make test` said."""

from __future__ import annotations

import os
import re
import subprocess
import typing as t

from ..frame import ROOT, VENV_TEST, Line, Run, Shortfall, sentence

TESTS_SECONDS = 900


def part_imports(run: Run) -> t.Iterator[Line]:
    """import-linter on the contracts of pyproject.toml."""
    done = subprocess.run(
        [str(VENV_TEST / "bin" / "lint-imports"), "--no-cache"], cwd=run.tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, env={**os.environ, "PYTHONPATH": str(run.tree / ".work" / "collections"), "COLUMNS": "200"},
    )  # fmt: skip
    found = re.search(r"Contracts: (\d+) kept, (\d+) broken", done.stdout)
    if not found:
        raise Shortfall(f"import-linter did not run: {done.stdout.strip()[-300:]}")
    broken = re.findall(r"^(.+?) BROKEN\b", done.stdout, re.MULTILINE)
    yield Line(
        "contracts between packages (import-linter)",
        f"{found[1]} kept, {found[2]} broken{': ' + ', '.join(broken) if broken else ''}",
        "0 broken",
        done.returncode == 0 and found[2] == "0" and int(found[1]) >= 3,
    )


def part_tests(run: Run) -> t.Iterator[Line]:
    """The verdicts that `make test` leaves in .work/log."""
    folder = ROOT / ".work" / "log"
    try:
        words = (folder / "summary").read_text().split()
        total, passed, failed, skipped = (int(one) for one in words[:4])
    except (OSError, ValueError):
        raise Shortfall(
            f"there is no {folder / 'summary'}: `make test` has not run to its end in this checkout"
        ) from None
    stages = dict(one.partition("=")[::2] for one in words[4:])
    bad = [f"{name} {verdict}" for name, verdict in stages.items() if not verdict.startswith("passed")]
    lacking = [name for name in ("nginx", "molecule", "browser", "lint", "unit") if name not in stages]
    troubles = bad + [f"{name} was not run" for name in lacking] + ([f"{skipped} skipped"] if skipped else [])
    yield Line(
        f"make test, {len(stages)} stages",
        f"{total} s in all, {passed} passed, {failed} failed, {skipped} skipped; {sentence(troubles, 'every stage passed')}",
        f"<= {TESTS_SECONDS} s, every stage passed, none skipped",
        total <= TESTS_SECONDS and not failed and not troubles,
    )
