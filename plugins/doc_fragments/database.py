# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The connection to PostgreSQL."""

    DOCUMENTATION = r"""
options:
  login_host:
    description:
      Folder of the server's Unix socket, or host name or address of PostgreSQL itself, not of a
      connection pooler.
    type: str
    default: /var/run/postgresql
  login_port:
    description: Port of the server; it is also part of the socket's name.
    type: int
    default: 5432
  login_user:
    description:
      Role that administers the server. A superuser, or a role with C(CREATEROLE) and C(CREATEDB),
      as on managed servers.
    type: str
    default: postgres
  login_password:
    description:
      Password of O(login_user). Without it, libpq reads one from C(.pgpass), or the server requires
      none (C(peer)).
    type: str
  login_db:
    description: Database to which the module connects first.
    type: str
    default: postgres
  ssl_mode:
    description:
      How the connection is encrypted and the server checked, as libpq's C(sslmode). It has no
      effect on a Unix socket.
    type: str
    default: prefer
    choices: [disable, allow, prefer, require, verify-ca, verify-full]
  ssl_rootcert:
    description:
      File with the certificate of the authority that signed the server's certificate, for
      V(verify-ca) and V(verify-full).
    type: path
requirements:
  - psycopg2 on the machine that runs the module
"""
