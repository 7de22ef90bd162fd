# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What an update changes in a database's structure, from the server's catalog before and after it,
and how long it locks tables.

An event trigger would see each statement, but requires a superuser. The catalog shows the result,
which is what the previous code would work with: `code only` changes nothing, `additive` nothing
that breaks that code, `breaking` something that may.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.config import Settings
from ..common.errors import RuntimeFailure
from ..database import pg
from ..database.pg import psycopg2

CODE_ONLY, ADDITIVE, BREAKING = "code only", "additive", "breaking"
OWN = re.compile(r"odoo_cloud_|curq_state_history|marabunta_version|orm_signaling_")  # not changed by the update
SAMPLE_SECONDS = 0.05

# Replaces <c.oid> below: the object belongs to the user, not to the server or an extension
WHERE = (
    "n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema') AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend e"
    " WHERE e.objid = {} AND e.deptype = 'e')"
)
RELATIONS_SQL = """
SELECT c.oid::int8, CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END || c.relname, c.relkind::text,
       pg_catalog.pg_relation_filenode(c.oid)::int8,
       CASE WHEN c.relkind IN ('v', 'm') THEN md5(pg_catalog.pg_get_viewdef(c.oid)) ELSE '' END
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND <c.oid>
"""
COLUMNS_SQL = """
SELECT a.attrelid::int8, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
       coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, '')
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND <c.oid>
"""
CONSTRAINTS_SQL = """
SELECT k.conrelid::int8, k.conname, k.contype::text, pg_catalog.pg_get_constraintdef(k.oid), coalesce(k.conkey, '{}')::int[]
  FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND <c.oid>
"""
INDEXES_SQL = """
SELECT i.indrelid::int8, x.relname, i.indisunique, pg_catalog.pg_get_indexdef(i.indexrelid),
       pg_catalog.string_to_array(i.indkey::text, ' ')::int[]
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
  JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid)
   AND <c.oid>
"""
FUNCTIONS_SQL = """
SELECT p.oid::int8, p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', md5(p.prosrc)
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE <p.oid>
"""
TRIGGERS_SQL = """
SELECT t.tgrelid::int8, t.tgname, pg_catalog.pg_get_triggerdef(t.oid)
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND <c.oid>
"""
KINDS = {"r": "table", "p": "table", "v": "view", "m": "view", "S": "sequence", "f": "table"}
RULES = {"c": "check", "f": "foreign key", "p": "primary key", "u": "unique", "x": "exclusion"}


@dataclass
class Catalog:
    """A database's structure."""

    relations: dict[int, tuple[Any, ...]] = field(default_factory=dict)  # name, kind, file, definition
    columns: dict[tuple[int, int], tuple[Any, ...]] = field(default_factory=dict)  # name, type, not null, default
    constraints: dict[tuple[int, str], tuple[Any, ...]] = field(default_factory=dict)  # type, definition, columns
    indexes: dict[tuple[int, str], tuple[Any, ...]] = field(default_factory=dict)  # unique, definition, columns
    functions: dict[str, str] = field(default_factory=dict)
    triggers: dict[tuple[int, str], str] = field(default_factory=dict)


def read(connection: Any) -> Catalog:
    """Read the structure of the database that `connection` is on."""

    def rows(statement: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(re.sub("<(.*?)>", lambda found: WHERE.format(found[1]), statement))
            return list(cursor.fetchall())

    result = Catalog({row[0]: row[1:] for row in rows(RELATIONS_SQL) if not OWN.match(row[1])})
    known = result.relations
    result.columns = {row[:2]: row[2:] for row in rows(COLUMNS_SQL) if row[0] in known}
    result.constraints = {row[:2]: row[2:] for row in rows(CONSTRAINTS_SQL) if row[0] in known}
    result.indexes = {row[:2]: row[2:] for row in rows(INDEXES_SQL) if row[0] in known}
    result.functions = {row[1]: row[2] for row in rows(FUNCTIONS_SQL)}
    result.triggers = {row[:2]: row[2] for row in rows(TRIGGERS_SQL) if row[0] in known}
    return result


@dataclass(frozen=True)
class Change:
    """A difference between two structures."""

    what: str  # such as: column dropped
    where: str
    detail: str = ""
    breaking: bool = False

    def plain(self) -> dict[str, Any]:
        """Return it as data for events."""
        return {"what": self.what, "where": self.where, "detail": self.detail, "breaking": self.breaking}


_SIZED = re.compile(r"(character varying|numeric)(?:\((\d+)(?:,(\d+))?\))?")


def wider(before: str, after: str) -> bool:
    """Whether the new type accepts every value of the old one."""
    if (before, after) in (
        ("smallint", "integer"),
        ("smallint", "bigint"),
        ("integer", "bigint"),
        ("real", "double precision"),
    ):
        return True
    if after == "text":
        return before.startswith("character varying")
    one, two = _SIZED.fullmatch(before), _SIZED.fullmatch(after)
    if not one or not two or one[1] != two[1]:
        return False
    if two[2] is None:
        return True
    if one[2] is None:
        return False
    digits = [(int(item[2]), int(item[3] or 0)) for item in (one, two)]
    return digits[1][1] >= digits[0][1] and digits[1][0] - digits[1][1] >= digits[0][0] - digits[0][1]


def compare(before: Catalog, after: Catalog) -> list[Change]:
    """Return all differences, each marked if it may break the previous code."""
    found: list[Change] = []
    stay = {oid for oid in before.relations if oid in after.relations}
    owners = {oid: row[0] for oid, row in {**after.relations, **before.relations}.items()}
    for oid, (name, kind, _file, definition) in before.relations.items():
        if oid not in after.relations:
            again = any(row[0] == name for row in after.relations.values())
            found.append(
                Change(
                    f"{KINDS[kind]} dropped", name, "and created again" if again else "", not (again and kind in "vm")
                )
            )
        elif after.relations[oid][0] != name:
            found.append(Change(f"{KINDS[kind]} renamed", name, f"to {after.relations[oid][0]}", True))
        elif after.relations[oid][3] != definition:
            found.append(Change(f"{KINDS[kind]} changed", name))
    for oid, row in after.relations.items():
        if oid not in before.relations:
            found.append(Change(f"{KINDS[row[1]]} added", row[0]))
    found += _columns(before, after, stay, owners)
    new = {key for key in after.columns if key not in before.columns}
    found += _rules(before, after, stay, owners, new)
    for name in before.functions:
        if name not in after.functions:
            found.append(Change("function dropped", name, "", True))
        elif after.functions[name] != before.functions[name]:
            found.append(Change("function changed", name))
    found += [Change("function added", name) for name in after.functions if name not in before.functions]
    for key, definition in after.triggers.items():
        if key[0] in stay and before.triggers.get(key) != definition:
            found.append(Change("trigger set", f"{owners[key[0]]}.{key[1]}", "", True))
    for key in before.triggers:
        if key[0] in stay and key not in after.triggers:
            found.append(Change("trigger dropped", f"{owners[key[0]]}.{key[1]}"))
    return sorted(found, key=lambda item: (not item.breaking, item.where, item.what))


def _columns(before: Catalog, after: Catalog, stay: set[int], owners: Mapping[int, str]) -> list[Change]:
    found = []
    for key, (name, kind, strict, default) in before.columns.items():
        if key[0] not in stay:
            continue
        where = f"{owners[key[0]]}.{name}"
        if key not in after.columns:
            found.append(Change("column dropped", where, "", True))
            continue
        new_name, new_kind, new_strict, new_default = after.columns[key]
        if new_name != name:
            found.append(Change("column renamed", where, f"to {new_name}", True))
        if new_kind != kind:
            found.append(Change("column type", where, f"{kind} to {new_kind}", not wider(kind, new_kind)))
        if new_strict != strict:
            found.append(
                Change("column must have a value" if new_strict else "column may be empty", where, "", new_strict)
            )
        if new_default != default:
            gone = not new_default and new_strict
            found.append(Change("column default", where, f"{default or 'none'} to {new_default or 'none'}", gone))
    for key, (name, kind, strict, default) in after.columns.items():
        if key not in before.columns and key[0] in stay:
            detail = kind + (", must have a value" if strict else "")
            found.append(Change("column added", f"{owners[key[0]]}.{name}", detail, bool(strict and not default)))
    return found


def _rules(
    before: Catalog, after: Catalog, stay: set[int], owners: Mapping[int, str], new: set[tuple[int, int]]
) -> list[Change]:
    """Constraints and unique indexes are breaking if they involve a column that existed before;
    others never are."""
    found = []

    def old(oid: int, columns: list[int]) -> bool:
        return not columns or any((oid, number) not in new for number in columns)

    for (oid, name), (kind, definition, columns) in after.constraints.items():
        if oid in stay and (before.constraints.get((oid, name)) or ("", ""))[1] != definition:
            found.append(Change(f"{RULES[kind]} set", f"{owners[oid]}.{name}", definition, old(oid, columns)))
    for (oid, name), (kind, _definition, _columns_) in before.constraints.items():
        if oid in stay and (oid, name) not in after.constraints:
            found.append(Change(f"{RULES[kind]} dropped", f"{owners[oid]}.{name}"))
    for (oid, name), (unique, definition, columns) in after.indexes.items():
        if oid in stay and (before.indexes.get((oid, name)) or ("", ""))[1] != definition:
            what = "unique index set" if unique else "index set"
            found.append(Change(what, f"{owners[oid]}.{name}", definition, bool(unique and old(oid, columns))))
    for oid, name in before.indexes:
        if oid in stay and (oid, name) not in after.indexes:
            found.append(Change("index dropped", f"{owners[oid]}.{name}"))
    return found


def classify(changes: list[Change]) -> str:
    """Return the class of an update with these changes: `CODE_ONLY`, `ADDITIVE` or `BREAKING`."""
    if any(item.breaking for item in changes):
        return BREAKING
    return ADDITIVE if changes else CODE_ONLY


def rewritten(before: Catalog, after: Catalog) -> list[str]:
    """Return the tables all of whose rows were rewritten."""
    return sorted(
        row[0]
        for oid, row in before.relations.items()
        if row[1] in "rpm" and oid in after.relations and after.relations[oid][2] != row[2]
    )


LOCKS_SQL = """
SELECT l.pid, l.relation::int8, coalesce(extract(epoch FROM a.xact_start), 0)::float8,
       extract(epoch FROM pg_catalog.clock_timestamp())::float8
  FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'AccessExclusiveLock'
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
"""


class Locks:
    """Measures how long tables are locked exclusively, by sampling every 50 ms. Only tables that
    existed before count."""

    def __init__(self, settings: Settings, name: str, tables: Mapping[int, str]) -> None:
        self.settings, self.name, self.tables = settings, name, tables
        self.held: dict[tuple[int, int, float], tuple[float, float]] = {}
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, name="locks", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with contextlib.suppress(psycopg2.Error, RuntimeFailure):
            connection = pg.connect(self.settings, self.settings.db_name, self.name)
            with contextlib.closing(connection):
                while not self.stopped.wait(SAMPLE_SECONDS):
                    with connection.cursor() as cursor:
                        cursor.execute(LOCKS_SQL)
                        for pid, relation, began, now in cursor.fetchall():
                            if relation in self.tables:
                                key = (pid, relation, began)
                                self.held[key] = (self.held.get(key, (now, now))[0], now)

    def stop(self) -> list[dict[str, Any]]:
        """Stop and return the tables with their longest lock in seconds, the longest first."""
        self.stopped.set()
        self.thread.join(5)
        longest: dict[str, float] = {}
        for (_pid, relation, _began), (first, last) in self.held.items():
            name = self.tables[relation]
            longest[name] = max(longest.get(name, 0.0), last - first + SAMPLE_SECONDS)
        return [
            {"table": name, "seconds": round(seconds, 2)}
            for name, seconds in sorted(longest.items(), key=lambda item: -item[1])
        ]
