# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
from . import cursor, outage


def post_load():
    """Called once in each process that loads the addon, before it serves anything."""
    cursor.post_load()
    outage.post_load()  # around the statements of the other: what can't be reached again is told
