# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts documents, headers and footers together to one PDF."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence

import pikepdf

POINTS = 72 / 25.4  # in a millimetre


class AssembleError(Exception):
    """The parts don't fit; the message is one line."""


@dataclasses.dataclass
class Document:
    """One printed document.

    `pdf`: its pages. `title`: its heading.
    """

    pdf: bytes
    title: str


def pages_of(pdf: bytes) -> int:
    """The number of pages."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return len(opened.pages)


def assemble(
    documents: Sequence[Document], height: float, title: str = "", strips: Sequence[bytes] = ()
) -> tuple[bytes, int]:
    """The PDF and its number of pages. Raises `AssembleError`.

    `height`: of the paper, in mm. `strips`: headers and footers, PDFs with a page for each of all pages,
    which is put over it.

    Each document has an entry in the outline, by which Odoo finds where the next one begins: it reads
    page numbers from `/Dests` of the catalogue, as wkhtmltopdf writes them.
    """
    out = pikepdf.new()
    starts = []
    for document in documents:
        source = pikepdf.open(io.BytesIO(document.pdf))
        starts.append(len(out.pages))
        out.pages.extend(source.pages)
    for strip in strips:
        over = pikepdf.open(io.BytesIO(strip))
        if len(over.pages) != len(out.pages):
            raise AssembleError(f"the headers or footers have {len(over.pages)} pages for {len(out.pages)}")
        for number, page in enumerate(over.pages):
            out.pages[number].add_overlay(page)
    _outline(out, [(start, document.title) for start, document in zip(starts, documents, strict=True)], height)
    if title:
        out.docinfo["/Title"] = pikepdf.String(title)
    out.remove_unreferenced_resources()
    result = io.BytesIO()
    # Old readers, such as the one in Odoo 14, know no object streams.
    out.save(result, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return result.getvalue(), len(out.pages)


def _outline(out: pikepdf.Pdf, entries: Sequence[tuple[int, str]], height: float) -> None:
    destinations, items = pikepdf.Dictionary(), []
    for number, (start, title) in enumerate(entries):
        name = f"/__WKANCHOR_{number:x}"
        destinations[name] = pikepdf.Array([start, pikepdf.Name.XYZ, 0, height * POINTS, 0])
        text = title or f"Document {number + 1}"
        items.append(out.make_indirect(pikepdf.Dictionary(Title=pikepdf.String(text), Dest=pikepdf.Name(name))))
    root = out.make_indirect(
        pikepdf.Dictionary(Type=pikepdf.Name.Outlines, First=items[0], Last=items[-1], Count=len(items))
    )
    for before, after in zip(items, items[1:], strict=False):
        before.Next, after.Prev = after, before
    for item in items:
        item.Parent = root
    out.Root.Outlines = root
    out.Root.Dests = out.make_indirect(destinations)
