# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Absurd records of modules and migrations: they are read, or named with the cure."""

from __future__ import annotations

import pytest
from tenant_tools import plant

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.addons import update_plan
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import shape
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import table as migration_table

TABLES = {update_plan.TABLE.name: update_plan.TABLE, **migration_table.TABLES}
CREATE = {
    "odoo_cloud_module": update_plan.TABLE_SQL,
    "odoo_cloud_run": migration_table.RUN_SQL,
    "odoo_cloud_step": migration_table.STEP_SQL,
    "marabunta_version": migration_table.MARABUNTA_SQL,
}
ODD = {
    "odoo_cloud_module": "INSERT INTO odoo_cloud_module (name, checksum, pending, version, run_id)"
    " SELECT repeat('n', 900) || n, repeat('c', 9000), 'explode', repeat('9', 9000), E'\\n' FROM generate_series(1, 50) n",
    "odoo_cloud_run": "INSERT INTO odoo_cloud_run (run_id, versions, status, started)"
    " VALUES ('x', repeat('1.0,', 90000), 'sleeping', 'infinity'), ('y', NULL, repeat('s', 9000000), '-infinity')",
    "odoo_cloud_step": "INSERT INTO odoo_cloud_step (version, step_id, run_id, phase, kind, sha, status, attempt, started, info)"
    " VALUES (repeat('9', 5000), '', repeat('x', 9000000), '', 'explode', '', '', 2147483647, 'infinity', '[1]'), ('a', 'b', '', '',"
    " '', '', '', -1, '-infinity', '7'), ('1.0', 'c', '', '', '', '', '', 0, now(),"
    " jsonb_build_object('x', repeat(md5(random()::text), 900000)))",
    "marabunta_version": "INSERT INTO marabunta_version VALUES (repeat('9', 9000), '294276-12-31 23:59:59.9', NULL, repeat('l',"
    " 90000000), NULL), ('', 'infinity', '-infinity', NULL, NULL)",
}


def read(name, connection):
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = pg_catalog")
        if name == "odoo_cloud_module":
            return list(update_plan.read_modules(connection).known.values())
        if name == "odoo_cloud_run":
            return [migration_table.read_last_run(cursor)]
        return (
            migration_table.read_steps(cursor) if name == "odoo_cloud_step" else migration_table.read_versions(cursor)
        )


@pytest.mark.parametrize("table", TABLES)
def test_our_own_tables_are_what_they_should_be(database, connect, table):
    connection = connect(database.name, database.owner, database.password)
    with connection.cursor() as cursor:
        assert not shape.columns(cursor, TABLES[table])
        cursor.execute(CREATE[table])
        assert shape.columns(cursor, TABLES[table]) >= set(TABLES[table].needed)


@pytest.mark.parametrize("table", TABLES)
def test_absurd_records_are_read(server, database, connect, table):
    plant(server, database.name, f"{CREATE[table]};{ODD[table]}")
    found = read(table, connect(database.name, database.owner, database.password))
    assert found
    assert max(len(repr(one)) for one in found) < 100_000


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("wrong", ["VIEW", "POLICY", "TYPE"])
def test_something_else_is_named(server, database, connect, table, wrong):
    what = {
        "VIEW": f"CREATE VIEW {table} AS SELECT 1 AS id",
        "POLICY": f"{CREATE[table]}; ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        "TYPE": f"{CREATE[table]}; ALTER TABLE {table} ALTER {TABLES[table].key[0]} TYPE name",
    }[wrong]
    plant(server, database.name, what)
    with pytest.raises(shape.Unusable, match=f"table public.{table} can't be used: .* TABLE public.{table} RENAME TO"):
        read(table, connect(database.name, database.owner, database.password))
