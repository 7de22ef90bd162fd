# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of two instances, as their owners left them, for tests of what an administrator's modules read."""

from __future__ import annotations

HISTORY = (
    "CREATE TABLE curq_state_history (id serial PRIMARY KEY, state varchar(255),"
    " write_date timestamptz DEFAULT CURRENT_TIMESTAMP, detail text, release varchar, result varchar);"
    "INSERT INTO curq_state_history (state, result, release) VALUES ('Ready', 'ok', 'r1')"
)
MODULES = (
    "CREATE TABLE ir_module_module (name varchar, state varchar, latest_version varchar);"
    "INSERT INTO ir_module_module VALUES ('base', 'installed', '19.0.1.3')"
)


def plant(server, name, statement, user=""):
    connection = server.connect(name, user or name)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
