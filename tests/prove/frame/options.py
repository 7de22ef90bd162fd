# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a command line that are the fields of a dataclass: its names, types, defaults and what they mean are said once."""

from __future__ import annotations

import argparse
import dataclasses
import typing as t

Kind = t.TypeVar("Kind")


def option(default: t.Any, meaning: str) -> t.Any:
    """A field of such a dataclass."""
    return dataclasses.field(default=default, metadata={"help": meaning})


def add_options(parser: argparse.ArgumentParser, kind: type) -> None:
    """An option for each field."""
    for field in dataclasses.fields(kind):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default,
            help=f"{field.metadata['help']} (default %(default)s)",
        )  # fmt: skip


def given_options(kind: type[Kind], found: argparse.Namespace) -> Kind:
    """The dataclass with what the command line says."""
    return kind(**{field.name: getattr(found, field.name) for field in dataclasses.fields(t.cast(t.Any, kind))})
