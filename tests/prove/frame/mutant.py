# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutants: copies of the collection in which one protection is broken. The bars of a mutant's parts have to notice."""

from __future__ import annotations

import dataclasses
import pathlib
import typing as t

# File below the checkout, text that is in it once, what is put in its place.
Edit = tuple[str, str, str]


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One protection and how to break it.

    parts: each of them must notice. edits: see Edit. version: of Odoo; empty: as the proof does it with its mutants. sample: the
    small share of the parts is enough to notice.
    """

    parts: tuple[str, ...]
    edits: tuple[Edit, ...]
    version: str = ""
    sample: bool = False

    @classmethod
    def one(cls, part: str, path: str, old: str, new: str) -> Mutant:
        """Of one part and one edit."""
        return cls((part,), ((path, old, new),))


def faults(edits: t.Iterable[Edit], tree: pathlib.Path) -> list[str]:
    """What is wrong with edits of the files in a checkout, a line each: the old text must be there exactly once, and change."""
    found = []
    for path, old, new in edits:
        text = (tree / path).read_text(encoding="utf-8") if (tree / path).is_file() else None
        if text is None:
            found.append(f"{path} is not there")
        elif not old or text.count(old) != 1:
            found.append(f"{old!r} is in {path} {text.count(old) if old else 0} times, not once")
        elif old == new:
            found.append(f"{old!r} in {path} is not changed")
    return found
