# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The logins with which a module opens the databases of instances."""

    DOCUMENTATION = r"""
options:
  owners:
    description:
      - Logins of the roles that own the databases. Each database is opened only with its owner's
        login, because code in a database can act with the rights of any role that opens it.
      - A database without an entry is opened as O(login_user) if that is the role that owns it and
        no superuser; else the module fails.
    type: list
    elements: dict
    default: []
    suboptions:
      database:
        description: Name of the database.
        type: str
        required: true
      user:
        description: Role that owns the database.
        type: str
        required: true
      password:
        description:
          Password of the role. Without it, libpq reads one from C(.pgpass), or the server requires
          none (C(peer)).
        type: str
"""
