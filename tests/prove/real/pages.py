# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of a PDF as small pictures, as text: rows of grey values that git can compare, and so can a person."""

from __future__ import annotations

import pathlib
import subprocess
import tempfile
import typing as t

COLUMNS = 48
GREYS = "0123456789abcdef"
# How much pictures of the same page differ: fonts of another version move some ink to the next cell.
MOST_CELL, MOST_DIFFERENT = 3, 0.02


def count(pdf: bytes) -> int:
    """The number of pages; 0 when it is no PDF."""
    for line in _run(["pdfinfo", "-"], pdf).splitlines():
        if line.startswith("Pages:"):
            return int(line.split()[1])
    return 0


def text(pdf: bytes) -> list[str]:
    """The text of each page."""
    return _run(["pdftotext", "-layout", "-", "-"], pdf).split("\f")[:-1]


def _run(command: list[str], pdf: bytes) -> str:
    return subprocess.run(command, input=pdf, capture_output=True, check=False).stdout.decode("utf-8", "replace")


def pictures(pdf: bytes, numbers: t.Iterable[int]) -> dict[int, list[str]]:
    """Some pages, counted from 1, each as rows of grey values from 0 (white) to f."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "all.pdf")
        path.write_bytes(pdf)
        for number in numbers:
            command = [
                "pdftoppm",
                "-gray",
                "-r",
                "36",
                "-f",
                str(number),
                "-l",
                str(number),
                "-singlefile",
                str(path),
                f"{folder}/page",
            ]
            subprocess.run(command, check=True, capture_output=True)
            found[number] = _small(pathlib.Path(folder, "page.pgm").read_bytes())
    return found


def _small(image: bytes) -> list[str]:
    """A PGM in the size of the record."""
    kind, width, height, most = image.split(maxsplit=4)[:4]
    if kind != b"P5" or most != b"255":
        raise ValueError(f"not a picture: {image[:20]!r}")
    columns, lines = int(width), int(height)
    pixels = image[-columns * lines :]
    rows = max(round(COLUMNS * lines / columns), 1)
    found = []
    for row in range(rows):
        top, bottom = row * lines // rows, max((row + 1) * lines // rows, row * lines // rows + 1)
        line = ""
        for column in range(COLUMNS):
            left, right = (
                column * columns // COLUMNS,
                max((column + 1) * columns // COLUMNS, column * columns // COLUMNS + 1),
            )
            cells = b"".join(pixels[at * columns + left : at * columns + right] for at in range(top, bottom))
            dark = 255 - sum(cells) / len(cells)
            line += GREYS[min(int((dark / 255) ** 0.5 * 16), 15)]  # thin letters count, too
        found.append(line)
    return found


def difference(found: list[str], recorded: list[str]) -> str:
    """What is wrong with a picture; empty when it is the recorded one."""
    if [len(row) for row in found] != [len(row) for row in recorded]:
        return f"{len(found)} rows instead of {len(recorded)}"
    cells = [
        abs(GREYS.index(a) - GREYS.index(b))
        for one, two in zip(found, recorded, strict=True)
        for a, b in zip(one, two, strict=True)
    ]
    share = sum(cell > MOST_CELL for cell in cells) / len(cells)
    return "" if share <= MOST_DIFFERENT else f"{share:.1%} of it differs"
