# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
from . import cursor, outage


def post_load():
    """Called once in each process that loads the addon, before it serves requests."""
    cursor.post_load()
    # last, so that it wraps the statements of the other: it handles a server that can't be reached
    # again
    outage.post_load()
