# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Whether the instance's role may change the database as an update does, asked before anything is
closed: a database from a dump often belongs to another role, wholly or in parts."""

from __future__ import annotations

from typing import Any

# Only tables of Odoo's models: what others added, such as views for reports, is no matter of an update.
TABLES_SQL = """
SELECT c.relname::text, pg_catalog.pg_get_userbyid(c.relowner)::text
  FROM pg_catalog.pg_class c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
   AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')
   AND (c.relname = 'ir_module_module' OR EXISTS (
        SELECT 1 FROM public.ir_model m WHERE pg_catalog.replace(m.model, '.', '_') = c.relname::text))
 ORDER BY 1 LIMIT 20000
"""
READ_ONLY = (
    "PostgreSQL lets nobody write in this database: it is read-only (default_transaction_read_only, or a standby)"
)


def problems(connection: Any) -> list[str]:
    """Return one line for each reason why an update would fail. `connection`: to an Odoo database,
    as the instance's role."""
    found: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('transaction_read_only') = 'on', current_user::text,"
            " has_schema_privilege('public', 'CREATE'), to_regclass('public.ir_model') IS NOT NULL"
        )
        read_only, role, creates, models = cursor.fetchone()
        if read_only:
            found.append(READ_ONLY)
        if not creates:
            found.append(
                f"role {role!r} may not create tables in the schema public: as its owner or as a superuser,"
                f' GRANT CREATE, USAGE ON SCHEMA public TO "{role}"'
            )
        if models:
            cursor.execute(TABLES_SQL)
            tables = cursor.fetchall()
            if tables:
                owners = sorted({owner for _name, owner in tables})
                names = ", ".join(name for name, _owner in tables[:3])
                more = f" and {len(tables) - 3} more" if len(tables) > 3 else ""
                found.append(
                    f"Odoo's tables {names}{more} belong to {', '.join(map(repr, owners[:3]))}, and role {role!r} can't alter"
                    f' them: as a superuser, in this database, REASSIGN OWNED BY "{owners[0]}" TO "{role}"'
                )
    return found
