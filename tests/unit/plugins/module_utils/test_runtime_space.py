# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server whose disk is full is told from every other failure."""

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import space


class Failure(Exception):
    def __init__(self, pgcode: str) -> None:
        super().__init__("could not write block 7 of temporary file")
        self.pgcode = pgcode


class Cursor:
    def __init__(self, pgcode: str = "") -> None:
        self.pgcode, self.statements = pgcode, []

    def execute(self, statement: str) -> None:
        self.statements.append(" ".join(statement.split()))
        if self.pgcode and "generate_series" in statement:
            raise Failure(self.pgcode)


def test_a_server_with_space():
    cursor = Cursor()
    assert space.problem(cursor) == ""
    (statement,) = cursor.statements
    assert statement.startswith("SAVEPOINT odoo_cloud_space;")
    assert statement.endswith("ROLLBACK TO SAVEPOINT odoo_cloud_space; RELEASE SAVEPOINT odoo_cloud_space")


def test_a_full_disk_leaves_the_transaction_as_it_was():
    cursor = Cursor(space.DISK_FULL)
    assert space.problem(cursor) == "the database can't write: no space is left on PostgreSQL's disk"
    assert cursor.statements[-1] == "ROLLBACK TO SAVEPOINT odoo_cloud_space"


def test_another_failure_is_not_a_full_disk():
    with pytest.raises(Failure):
        space.problem(Cursor("57P01"))
