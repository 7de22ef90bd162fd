# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Return values that modules have in common are those of their doc fragment."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("returns", ROOT / "tools" / "returns.py")
returns = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(returns)
COPIES = [path for path in sorted((ROOT / "plugins/modules").glob("*.py")) if "tools/returns.py" in path.read_text()]


def test_who_has_a_copy():
    found: dict[str, list[str]] = {}
    for path in COPIES:
        found.setdefault(returns.COPY.findall(path.read_text(encoding="utf-8"))[0], []).append(path.stem)
    assert found == {
        "aws": ["aws_datasync", "aws_ecr_repository", "aws_event_rule", "aws_imagebuilder", "aws_ssm_document"],
        "run": ["anthem_song", "odoo_migration", "odoo_module", "odoo_update"],
    }


@pytest.mark.parametrize("path", COPIES, ids=lambda path: path.stem)
def test_a_copy_is_what_its_source_says(path):
    text = path.read_text(encoding="utf-8")
    assert len(returns.COPY.findall(text)) == 1, "the comments around the copy are not as tools/returns.py wants them"
    assert returns.filled(text) == text, "run tools/returns.py: change return values in the doc fragment, not in a copy"


def test_an_edited_copy_is_filled_again():
    good = next(path for path in COPIES if path.stem == "anthem_song").read_text(encoding="utf-8")
    edited = good.replace("description: Name of the database.", "description: Something else.")
    assert edited != good and returns.filled(edited) == good


def test_the_source_is_what_ansible_wants():
    for fragment in ("aws", "run"):
        for name, value in yaml.safe_load(returns.source(fragment)).items():
            assert {"description", "returned", "type"} <= set(value), name
    with pytest.raises(SystemExit, match="the doc fragment one_off has no RETURN"):
        returns.source("one_off")
