#!/usr/bin/python

# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_state_info
short_description: State and history of Odoo databases, and who works on them
version_added: 0.1.0
description:
  - Reads the table C(curq_state_history) of each database, and from the server who holds the database's lock.
author: odoo_cloud.platform contributors (@odoo-cloud)
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.database
attributes:
  check_mode:
    support: full
    details: Reads only.
  diff_mode:
    support: N/A
    details: Reads only.
  idempotent:
    support: N/A
    details: Reads only.
options:
  databases:
    description: Names of the databases.
    type: list
    elements: str
    required: true
  limit:
    description: How many rows of the history are returned, the newest ones.
    type: int
    default: 20
notes:
  - O(login_user) must be allowed to connect to the databases. To see the holder's name, it must be the role that holds the lock, a
    member of it, of C(pg_read_all_stats), or a superuser.
"""

EXAMPLES = r"""
- name: See whether the instance is ready
  odoo_cloud.platform.odoo_state_info:
    login_host: /srv/odoo-cloud/postgres/socket
    login_password: "{{ lookup('odoo_cloud.platform.secret', 'postgres/admin_password') }}"
    databases: [acme_prod]
  register: state

- name: Show it
  ansible.builtin.debug:
    msg: "{{ state.databases.acme_prod.state }} since {{ state.databases.acme_prod.since }}"
"""

RETURN = r"""
databases:
  description: What is known of each database, by name.
  returned: success
  type: dict
  contains:
    exists:
      description: Whether the database is there.
      type: bool
    initialised:
      description:
        - Whether Odoo's module C(base) is installed in it. Null while somebody works on the database, because looking would wait.
      type: bool
    open:
      description: Whether Odoo may run on it, as far as the history says.
      type: bool
    state:
      description: The latest state, or null without a history.
      type: str
      sample: Ready
    since:
      description: When the latest state was written.
      type: str
    age_seconds:
      description: Seconds since then.
      type: int
    holder:
      description: Who holds the lock, or null.
      type: dict
      contains:
        pid:
          description: Process of the server that serves the holder.
          type: int
        since:
          description: Since when the holder is connected.
          type: str
        application_name:
          description: Name that the holder gave itself.
          type: str
        mode:
          description: What the holder was started to do.
          type: str
        run_id:
          description: Its run, as in the history.
          type: str
        host:
          description: Its container or machine.
          type: str
    history:
      description: The rows, newest first.
      type: list
      elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.odoo_cloud.platform.plugins.module_utils import _database
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime import lock, state

NOTHING: dict[str, Any] = {
    "exists": False,
    "initialised": False,
    "open": False,
    "state": None,
    "since": None,
    "age_seconds": None,
    "holder": None,
    "history": [],
}


def describe_holder(held: lock.Holder | None) -> dict[str, Any] | None:
    if held is None:
        return None
    parsed = held.parsed()
    return {
        "pid": held.pid,
        "since": held.since,
        "application_name": held.application_name,
        "mode": parsed.get("what"),
        "run_id": parsed.get("run_id"),
        "host": parsed.get("host"),
    }


def describe(params: dict[str, Any], name: str, held: lock.Holder | None) -> dict[str, Any]:
    connection = _database.open_server(params, name)
    try:
        history = state.read_entries(connection, max(params["limit"], 1))
        initialised = None if held is not None else state.read_contents(connection).initialised
    finally:
        connection.close()
    latest = history[0] if history else None
    return {
        "exists": True,
        "initialised": initialised,
        "open": bool(latest and latest.open),
        "state": latest.state if latest else None,
        "since": latest.since if latest else None,
        "age_seconds": round(latest.age) if latest else None,
        "holder": describe_holder(held),
        "history": [dict(vars(item)) for item in history[: params["limit"]]],
    }


def read(params: dict[str, Any]) -> dict[str, Any]:
    connection = _database.open_server(params)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_catalog.pg_database WHERE datname = ANY(%s)", (params["databases"],))
            present = {row[0] for row in cursor.fetchall()}
        holders = {name: lock.holder(connection, name) for name in params["databases"]}
    finally:
        connection.close()
    return {
        name: describe(params, name, holders[name])
        if name in present
        else {**NOTHING, "holder": describe_holder(holders[name])}
        for name in params["databases"]
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **_database.CONNECTION_SPEC,
            "databases": {"type": "list", "elements": "str", "required": True},
            "limit": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    if _database.psycopg2 is None:
        module.fail_json(msg=missing_required_lib("psycopg2"), exception=_database.PSYCOPG2_ERROR)
    try:
        databases = read(module.params)
    except (_database.DatabaseError, _database.psycopg2.Error) as exc:
        module.fail_json(msg=" ".join(str(exc).split()))
    module.exit_json(changed=False, databases=databases)


if __name__ == "__main__":
    main()
