# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Whether a table of ours is what it should be, found out in PostgreSQL's own catalog before it is
read.

The owner of a database can put anything in the place of a table: a view, a table with row security
or rules, columns of other types, one that fills the disk. What it puts there would run as that role
only, but would make a run wait, end, or read what no run wrote. So a table is used only if it is a
plain one; otherwise the error names what is wrong and the cure.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import Refused

TEXT = ("varchar", "text")
WHOLE = ("int4", "int8")
TIME = ("timestamptz", "timestamp")

SHORTEST = 32  # characters of a text that we write have to fit into a column
# Of the rows: no table of ours has more of them than an instance has runs, steps or modules. Long
# texts are kept elsewhere and are shortened when read.
MAX_BYTES = 256 << 20


class Unusable(Refused):
    """A table of ours is something else; the message has the cure."""


@dataclass(frozen=True)
class Table:
    """What a table in the schema `public` has to be. `columns`: permitted types by name. `needed`:
    those that must be there. `key`: the columns of its primary key. `cure`: what to do otherwise."""

    name: str
    columns: dict[str, tuple[str, ...]]
    needed: tuple[str, ...]
    key: tuple[str, ...]
    cure: str = field(
        default="ALTER TABLE public.{name} RENAME TO {name}_aside sets it aside, and the next run creates it again"
    )


KINDS = {
    "v": "a view",
    "m": "a materialised view",
    "f": "a foreign table",
    "p": "a partitioned table",
    "S": "a sequence",
    "i": "an index",
    "I": "an index",
    "c": "a type",
}

# `relhassubclass` stays set after the last child is gone, so `pg_inherits` is read.
SHAPE_SQL = """
SELECT c.relkind::text, c.relpersistence::text, c.relrowsecurity, c.relhasrules,
       EXISTS (SELECT 1 FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)),
       pg_catalog.pg_has_role(c.relowner, 'USAGE'), pg_catalog.pg_get_userbyid(c.relowner)::text,
       CASE WHEN c.relkind = 'r' THEN pg_catalog.pg_relation_size(c.oid) ELSE 0 END,
       (SELECT pg_catalog.json_object_agg(a.attname, pg_catalog.json_build_array(
                 CASE WHEN t.typtype = 'b' AND t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname::text ELSE '' END,
                 a.attnotnull, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', a.attgenerated <> '',
                 CASE WHEN a.atttypmod > 4 THEN a.atttypmod - 4 END))
          FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT pg_catalog.array_agg(a.attname::text) FROM pg_catalog.pg_index i, pg_catalog.pg_attribute a
         WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate
           AND a.attrelid = c.oid AND a.attnum = ANY(i.indkey::int2[])),
       (SELECT x.conname::text FROM pg_catalog.pg_constraint x
         WHERE x.conrelid = c.oid AND x.contype NOT IN ('p', 'n') LIMIT 1),
       (SELECT i.indexrelid::regclass::text FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND NOT i.indisprimary
           AND (i.indisunique OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) LIMIT 1)
  FROM pg_catalog.pg_class c
 WHERE c.relname = %s AND c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public')
"""


def columns(cursor: Any, table: Table) -> frozenset[str]:
    """Return the columns of a table; none if there is no such table. `cursor`: on the Odoo database.

    Raises `Unusable` if it isn't a plain table of its kind.
    """
    cursor.execute(SHAPE_SQL, (table.name,))
    row = cursor.fetchone()
    if row is None:
        return frozenset()
    found = json.loads(row[8]) if isinstance(row[8], str) else row[8] or {}  # Odoo's cursor gives a text
    trouble = _trouble(table, *row[:8], found, *row[9:])
    if trouble:
        raise unusable(table, trouble)
    return frozenset(found)


def unusable(table: Table, trouble: str) -> Unusable:
    """Return the error that says what is wrong with a table, and the cure."""
    return Unusable(f"table public.{table.name} can't be used: {trouble}; {table.cure.format(name=table.name)}")


def _trouble(
    table: Table,
    kind: str,
    persistence: str,
    secured: bool,
    ruled: bool,
    inherits: bool,
    ours: bool,
    owner: str,
    size: int,
    found: dict[str, list[Any]],
    key: list[str] | None,
    constraint: str | None,
    index: str | None,
) -> str:
    """What is wrong with the table, empty if nothing is."""
    if kind != "r":
        return f"it is {KINDS.get(kind, 'no table')}"
    if not ours:
        return f"it belongs to role {owner!r}, which isn't the database's own"
    for wrong, what in (
        (persistence != "p", "it isn't a permanent table"),
        (secured, "it has row security"),
        (ruled, "it has rules"),
        (inherits, "it inherits from a table or is inherited from"),
        (size > MAX_BYTES, f"it has {size >> 20} MB, and at most {MAX_BYTES >> 20} MB are read"),
        (constraint, f"it has the constraint {constraint!r}"),
        (index, f"it has the index {index!r}, which is unique or computed"),
        (sorted(key or ()) != sorted(table.key), f"its primary key isn't {', '.join(table.key)}"),
    ):
        if wrong:
            return what
    missing = [name for name in table.needed if name not in found]
    if missing:
        return f"its column {missing[0]!r} is missing"
    for name, (kind, never_null, demanded, computed, length) in found.items():
        if computed:
            return f"its column {name!r} is computed"
        if name not in table.columns:
            if demanded:
                return f"it has a column {name!r} that is not ours and can't be empty"
        elif kind not in table.columns[name]:
            return f"its column {name!r} isn't of the type {' or '.join(table.columns[name])}"
        elif never_null and name not in table.needed:
            return f"its column {name!r} can't be empty"
        elif length is not None and length < SHORTEST:
            return f"its column {name!r} has room for {length} characters only"
    return ""


NAMED_SQL = """
SELECT coalesce((SELECT c.relkind::text FROM pg_catalog.pg_class c WHERE c.relname = %(name)s AND c.relnamespace = n.oid),
                (SELECT 'c' FROM pg_catalog.pg_type t WHERE t.typname = %(name)s AND t.typnamespace = n.oid))
  FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public'
"""


def set_aside(cursor: Any, table: Table) -> str:
    """Rename whatever has the name of the table, so that a new one can be created; nothing is lost.
    Returns its new name, empty if nothing had the name. Call it only with the lock held."""
    cursor.execute(NAMED_SQL, {"name": table.name})
    row = cursor.fetchone()
    if row is None or row[0] is None:
        return ""
    kept = f"{table.name}_aside_{os.urandom(4).hex()}"
    # ALTER TABLE renames views, sequences and foreign tables too
    cursor.execute(f"ALTER {'TYPE' if row[0] == 'c' else 'TABLE'} public.{table.name} RENAME TO {kept}")
    return kept
