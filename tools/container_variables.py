# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the tables of the containers' variables into pages of docs/ (`make docs`).

They are made from plugins/module_utils/_runtime/common/container_variables.py. A unit test says when they are not current.
"""

from __future__ import annotations

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "plugins" / "module_utils"))

from _runtime.common import container_variables as table  # noqa: E402

PAGES = ("runtime", "addons", "mail")
BEGIN = "<!-- Written by `make docs` from container_variables.py, not by hand: -->"
END = "<!-- until here. -->"


def row(variable: table.Variable) -> str:
    """The variable's line of the table."""
    kind = variable.kind.words
    if isinstance(variable.kind, table.Choice) and not kind:
        kind = ", ".join(f"`{choice}`" for choice in variable.kind.choices)
    if isinstance(variable.kind, table.Duration):
        kind = f"number, {variable.unit}"
    default = variable.shown or variable.default or "none"
    if default == variable.default and not re.fullmatch(r"[0-9.]+", default):
        default = f"`{default}`"
    text = variable.text if variable.since == table.FIRST_VERSION else f"{variable.text} Since {variable.since}."
    return f"| `{variable.name}` | {kind} | {default} | {variable.set_by} | {text} |"


def tables(page: str) -> str:
    """What stands between the marks of a page."""
    parts = []
    for section in table.SECTIONS:
        if section.page == page:
            head = [f"### {section.title}", "| name | type | default | set by | meaning |", "|---|---|---|---|---|"]
            parts.append("\n".join([*head, *map(row, section.variables)]))
    return "\n\n".join(parts)


def path(page: str) -> pathlib.Path:
    return ROOT / "docs" / f"{page}.md"


def parts(page: str) -> tuple[str, str, str]:
    """The page before, between and after the marks."""
    text = path(page).read_text(encoding="utf-8")
    before, begin, rest = text.partition(f"{BEGIN}\n\n")
    between, end, after = rest.partition(f"\n\n{END}")
    if not begin or not end:
        raise SystemExit(f"docs/{page}.md has no lines {BEGIN!r} and {END!r} with an empty line inside of each")
    return before + begin, between, end + after


def main() -> None:
    """Writes the pages that are not current, and names them."""
    for page in PAGES:
        before, between, after = parts(page)
        if between != tables(page):
            path(page).write_text(before + tables(page) + after, encoding="utf-8")
            print(f"docs/{page}.md: written")


if __name__ == "__main__":
    main()
