# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""XML in the form of the S3 protocol."""

from __future__ import annotations

import typing as t
from xml.etree import ElementTree

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def parse(body: bytes) -> ElementTree.Element | None:
    """The root of a document, without namespaces; None when it isn't XML."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return None
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root


def element(tag: str, **children: t.Any) -> ElementTree.Element:
    """An element with text children.

    A child that is an element is nested, None is left out, and a list gives one child for each
    entry.
    """
    result = ElementTree.Element(tag)
    for name, value in children.items():
        for single in value if isinstance(value, list) else [value]:
            if isinstance(single, ElementTree.Element):
                result.append(single)
            elif single is not None:
                ElementTree.SubElement(result, name).text = (
                    str(single).lower() if isinstance(single, bool) else str(single)
                )
    return result


def document(root: ElementTree.Element) -> bytes:
    """The document as it is sent."""
    root.set("xmlns", NAMESPACE)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def number(node: ElementTree.Element, path: str) -> int:
    """The number at a path; 0 when there is none."""
    text = node.findtext(path)
    return int(text) if text and text.strip().isdigit() else 0
