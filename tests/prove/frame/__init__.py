# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all proofs have in common: their command line, the run of their parts, the bars as they are printed, mutants, and a place
of their own on the machine that is empty before they begin and after they end."""

from __future__ import annotations

from .line import Line, sentence
from .mutant import Edit, Mutant
from .options import add_options, given_options, option
from .place import LABEL, PLATFORM_LABEL, Place
from .proof import SAMPLE_SLACK, Proof, Run, parts_of
from .tools import (
    ADDONS,
    ENTRYPOINT,
    IMAGES,
    ROOT,
    RUNTIME,
    VENV,
    VENV_TEST,
    WORK,
    Shortfall,
    as_json,
    docker,
    last_error,
    readable,
    recap,
    until,
)
from .tree import broken_tree, of_commit

__all__ = [
    "ADDONS", "ENTRYPOINT", "IMAGES", "LABEL", "PLATFORM_LABEL", "ROOT", "RUNTIME", "SAMPLE_SLACK", "VENV", "VENV_TEST", "WORK",
    "Edit", "Line", "Mutant", "Place", "Proof", "Run", "Shortfall", "add_options", "as_json", "broken_tree", "docker", "given_options",
    "last_error", "of_commit", "option", "parts_of", "readable", "recap", "sentence", "until",
]  # fmt: skip
