# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import psycopg2

from odoo.tools import config


def connect(database):
    return psycopg2.connect(
        host=config["db_host"], port=int(config.get("db_port") or 5432), user=config["db_user"], dbname=database
    )


class Cursor:
    def __init__(self, database):
        self.dbname = database
        self._cnx = connect(database)
        self._cnx.set_isolation_level(2)  # REPEATABLE READ, as Odoo's
        self._obj = self._cnx.cursor()
        self.execute, self.fetchone, self.fetchall = self._obj.execute, self._obj.fetchone, self._obj.fetchall

    def commit(self):
        self._cnx.commit()

    def rollback(self):
        self._cnx.rollback()

    def close(self):
        self._cnx.close()
