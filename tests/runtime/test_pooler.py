# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import PoolerRefused
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import pg


def test_the_pooler_works_for_others(pgbouncer, database):
    """Else the test below would pass for another reason."""
    connection = pgbouncer.connect(database.name)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database(), current_user")
            assert cursor.fetchone() == (database.name, "postgres")
    finally:
        connection.close()


def test_a_transaction_pooler_is_refused_every_time(pgbouncer, settings, database):
    found = settings(DB_PORT=str(pgbouncer.port))
    start = threading.Barrier(8)
    results = []

    def run():
        start.wait()
        for _turn in range(5):
            try:
                pg.connect(found, database.name, "test").close()
                results.append("let in")
            except Exception as exc:  # noqa: BLE001 - looked at below
                results.append(exc)

    threads = [threading.Thread(target=run) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 40
    assert {type(item) for item in results} == {PoolerRefused}
    text = str(results[0])
    assert "transaction pooler" in text
    assert "give PostgreSQL's own address" in text
    assert results[0].exit_code == 76


def test_waiting_for_the_server_does_not_wait_for_a_pooler(pgbouncer, settings):
    with pytest.raises(PoolerRefused):
        pg.wait_for_server(settings(DB_PORT=str(pgbouncer.port), DB_WAIT_TIMEOUT="60"), "test")


def test_the_server_itself_is_not_taken_for_a_pooler(settings, database):
    pg.connect(settings(), database.name, "test").close()
