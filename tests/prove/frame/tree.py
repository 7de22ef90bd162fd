# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other checkouts of the collection: copies with edits, and what it was at a commit."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import typing as t

from .mutant import Edit, faults
from .tools import ROOT, Shortfall

LEFT_OUT = (".git", ".work", ".ansible", ".ruff_cache", "__pycache__")


def _found(tree: pathlib.Path) -> pathlib.Path:
    """The checkout, which Ansible finds as the collection now."""
    link = tree / ".work" / "collections" / "ansible_collections" / "odoo_cloud" / "platform"
    link.parent.mkdir(parents=True)
    link.symlink_to(tree)
    return tree


def broken_tree(source: pathlib.Path, tree: pathlib.Path, edits: t.Sequence[Edit]) -> pathlib.Path:
    """A copy of a checkout in the folder `tree`, with these edits; ends the program when one of them does not fit any more."""
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(source, tree, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    for path, old, new in edits:
        wrong = faults([(path, old, new)], tree)
        if wrong:
            raise SystemExit(f"this edit does not fit any more: {wrong[0]}")
        text = (tree / path).read_text(encoding="utf-8")
        (tree / path).write_text(text.replace(old, new), encoding="utf-8")
    return _found(tree)


def of_commit(commit: str, tree: pathlib.Path) -> pathlib.Path:
    """The collection as it was at a commit, in the new folder `tree`; a shortfall when the history does not reach back to it."""
    tree.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        raise Shortfall(f"the history of this checkout does not reach back to {commit}: fetch it whole")
    subprocess.run(["tar", "-x", "-C", str(tree)], input=archive.stdout, check=True)
    return _found(tree)
