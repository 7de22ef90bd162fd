# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The connection to PostgreSQL."""

    DOCUMENTATION = r"""
options:
  login_host:
    description: Folder of the server's Unix socket, or PostgreSQL's own host name or address, not that of a pooler.
    type: str
    default: /var/run/postgresql
  login_port:
    description: Port of the server; names the socket in the folder too.
    type: int
    default: 5432
  login_user:
    description:
      - Role that administers the server. A superuser, or a role with C(CREATEROLE) and C(CREATEDB) as managed servers give.
    type: str
    default: postgres
  login_password:
    description: Password of O(login_user). Without it, what libpq finds (C(.pgpass)) or what the server asks for (C(peer)).
    type: str
  login_db:
    description: Maintenance database to connect to.
    type: str
    default: postgres
  ssl_mode:
    description: How much TLS the connection needs, in libpq's words. Without meaning on a Unix socket.
    type: str
    default: prefer
    choices: [disable, allow, prefer, require, verify-ca, verify-full]
  ssl_rootcert:
    description: Certificate of the authority that signed the server's, for V(verify-ca) and V(verify-full).
    type: path
requirements:
  - psycopg2 on the machine that runs the module
"""
