# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The command line of `odoo-cloud attachments`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable

from ..common import values
from ..common.errors import UsageError
from .places import PLACES

DESCRIPTION = "`odoo-cloud attachments move | audit`: attachments from one place to another while Odoo serves, and whether all are there."


@dataclass(frozen=True)
class CommandOptions:
    """The options of the command line."""

    action: str  # move or audit
    dry_run: bool = False
    workers: int = 16  # parallel transfers
    # Of move
    to: str = ""  # a place; empty: the one set in the database
    sources: tuple[str, ...] = ()  # only from these places; empty: from all
    batch: int = 200  # attachments in one commit
    keep: bool = False  # delete nothing at the old places
    foreign: bool = False  # also copy what is in another bucket of the same store
    verify: str = "store"  # by the checksum that the store confirms, or `read`: by reading each content again
    set_location: bool = False  # make `to` the place of new attachments first
    drain: float = 60.0  # seconds to wait for open transactions at the end
    # Of audit
    deep: bool = False  # read every content
    repair: bool = False
    grace: float = 3600.0  # seconds that an orphan must be old to be deleted
    orphan_limit: int = 50  # per cent of a place; with more orphans none is deleted


def _within(least: float, most: float, whole: bool = False) -> Callable[[str], Any]:
    """The reader of a number between two limits; argparse puts the option's name before its errors."""

    def convert(text: str) -> Any:
        try:
            return values.number("", text, least, most, whole)
        except values.WrongValue as exc:
            raise argparse.ArgumentTypeError(f"{text!r}: {exc.right}") from exc

    return convert


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise UsageError(f"{self.prog}: {message}")


def parse_options(arguments: Sequence[str]) -> CommandOptions:
    """Parse the arguments after `odoo-cloud attachments`. Raises `UsageError` if they are wrong."""
    parser = _Parser(prog="odoo-cloud attachments", description=DESCRIPTION, allow_abbrev=False)
    actions = parser.add_subparsers(dest="action", required=True, parser_class=_Parser)
    move = actions.add_parser(
        "move", allow_abbrev=False, help="to where they belong; JSON on stdout, progress on stderr"
    )
    move.add_argument(
        "--to", choices=PLACES, default="", help="default: what the database says (ir_attachment.location)"
    )
    move.add_argument("--from", dest="sources", default="", help="only from these places (file,db,s3,swift)")
    move.add_argument("--dry-run", action="store_true", help="say what would be moved, touch nothing")
    move.add_argument("--keep", action="store_true", help="delete nothing at the old places")
    move.add_argument("--foreign", action="store_true", help="also copy what is in another bucket of the same store")
    move.add_argument("--set-location", action="store_true", help="make it the place of new attachments first")
    move.add_argument("--verify", choices=("store", "read"), default="store",
                      help="by the checksum that the store confirms, or by reading each content again")  # fmt: skip
    move.add_argument(
        "--batch", type=_within(1, 2000, whole=True), default=200, help="attachments per commit (default %(default)s)"
    )
    move.add_argument("--drain", type=_within(0, 86400), default=60.0,
                      help="seconds that open transactions are waited for at the end, before old contents are deleted"
                           " (default %(default)s)")  # fmt: skip
    audit = actions.add_parser("audit", allow_abbrev=False, help="compare the database with all places; JSON on stdout")
    audit.add_argument("--deep", action="store_true", help="read every content and compute its checksum")
    audit.add_argument("--repair", action="store_true", help="bring back what is found elsewhere, delete orphans")
    audit.add_argument("--dry-run", action="store_true", help="with --repair: only say what it would do")
    audit.add_argument("--grace", type=_within(0, 10**8), default=3600.0,
                       help="seconds that an orphan must be old to be deleted (default %(default)s)")  # fmt: skip
    audit.add_argument("--orphan-limit", type=_within(0, 100, whole=True), default=50,
                       help="delete none when more than so many per cent are orphans: it may be another database's bucket"
                            " (default %(default)s)")  # fmt: skip
    for action in (move, audit):
        action.add_argument(
            "--workers", type=_within(1, 64, whole=True), default=16, help="parallel transfers (default %(default)s)"
        )
    found = vars(parser.parse_args(list(arguments)))
    sources = tuple(name for name in found.pop("sources", "").split(",") if name)
    for name in sources:
        if name not in PLACES:
            raise UsageError(f"--from {name}: must be of {', '.join(PLACES)}")
    return CommandOptions(sources=sources, **found)
