#!/usr/bin/env python3
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/returns.py: copies return values that several modules have in common into each of them.

A module's RETURN can name a doc fragment from ansible-core 2.20 on. As long as 2.19 is supported, such values stand once, as RETURN of
a doc fragment, and a module has a copy between two comments that name the fragment. A unit test says when a copy differs.
"""

from __future__ import annotations

import ast
import pathlib
import re
import sys

PLUGINS = pathlib.Path(__file__).resolve().parents[1] / "plugins"
COPY = re.compile(
    r"^# >>> the same in all: doc fragment (\w+), tools/returns\.py\n.*?^# <<<$", re.MULTILINE | re.DOTALL
)


def source(fragment: str) -> str:
    """The return values of a doc fragment, as text."""
    for node in ast.walk(ast.parse((PLUGINS / "doc_fragments" / f"{fragment}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and [one.id for one in node.targets if isinstance(one, ast.Name)] == ["RETURN"]:
            return str(ast.literal_eval(node.value)).strip("\n")
    raise SystemExit(f"the doc fragment {fragment} has no RETURN")


def filled(text: str) -> str:
    """A module's text with each copy as its source is now."""

    def copy(match: re.Match[str]) -> str:
        return f"{match[0].splitlines()[0]}\n{source(match[1])}\n# <<<"

    return COPY.sub(copy, text)


def main() -> int:
    for path in sorted((PLUGINS / "modules").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if filled(text) != text:
            path.write_text(filled(text), encoding="utf-8")
            print(f"written: {path.relative_to(PLUGINS.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
