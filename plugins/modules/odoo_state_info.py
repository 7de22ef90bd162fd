#!/usr/bin/python

# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_state_info
short_description: State and history of Odoo databases, and the runs that work on them
version_added: 0.1.0
description:
  - Reads the table C(curq_state_history) of each database, and from the server the holder of the
    database's lock.
  - It also reads a table of onesteinbv/odoo-docker, which has only the columns C(id), C(state) and
    C(write_date).
author: odoo_cloud.platform contributors (@odoo-cloud)
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.database
  - odoo_cloud.platform.owners
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
    description: Number of rows of the history that are returned, the newest ones.
    type: int
    default: 20
  may_be_absent:
    description:
      In check mode, whether a server that doesn't answer counts as one that is still to be created.
      Then every database is reported as missing. Outside check mode it has no effect.
    type: bool
    default: false
  server:
    description:
      Whether to find out, too, why the server can't write. It sorts 1 MB on its disk and writes
      nothing else.
    type: bool
    default: false
  mail:
    description:
      Whether to count each database's mails, too. Of its messages and mails, the 10,000 newest are
      read.
    type: bool
    default: false
notes:
  - O(login_user) only reads the server's catalog and the holders of locks, and never opens one of
    O(databases).
  - A holder of the lock counts only when its role is entitled to the lock. That is a superuser, the
    owner of the database, or a member of that role.
"""

EXAMPLES = r"""
- name: See whether the instance is ready
  odoo_cloud.platform.odoo_state_info:
    login_host: /srv/odoo-cloud/postgres/socket
    login_password: "{{ lookup('odoo_cloud.platform.secret', 'postgres/admin_password') }}"
    databases: [acme_prod]
    owners: "{{ query('odoo_cloud.platform.instances', 'acme_prod') | map(attribute='owner_login') }}"
  register: state

- name: Show it
  ansible.builtin.debug:
    msg: "{{ state.databases.acme_prod.state }} since {{ state.databases.acme_prod.since }}"

- name: Show where the last updates took their time
  ansible.builtin.debug:
    msg: "{{ state.databases.acme_prod.history | odoo_cloud.platform.odoo_state_timeline(table=true) }}"
"""

RETURN = r"""
server_problem:
  description: Why the server can't write although it answers; empty if it can, or if that isn't known.
  returned: with O(server)
  type: str
  sample: ""
databases:
  description: What is known of each database, by name.
  returned: success
  type: dict
  contains:
    exists:
      description: Whether the database exists.
      type: bool
    error:
      description:
        Why the database can't be read and what to do; null if it can. The other databases are
        reported all the same; of this one, only RV(databases.exists) and RV(databases.holder) are
        known then.
      type: str
      sample: "role 'acme_prod' is not let in: FATAL: password authentication failed for user \"acme_prod\""
    initialised:
      description:
        - Whether Odoo's module C(base) is installed in it. Null while a run works on the database, because reading would wait.
      type: bool
    installed:
      description: Names of the installed modules, sorted. Null while a run works on the database.
      type: list
      elements: str
    series:
      description: Major version of the Odoo that installed C(base). Null while a run works on the database.
      type: str
      sample: "19"
    open:
      description: Whether Odoo may run on the database, according to the history.
      type: bool
    ever_open:
      description: Whether the database was open at any time, according to the history.
      type: bool
    first_installation:
      description:
        Whether a first installation by this collection's runtime has not ended yet, even if modules
        are installed already. The database was never open then, and its administrator may still
        have Odoo's default password.
      type: bool
    interrupted:
      description:
        - Whether a run of this collection's runtime, on this very database, was interrupted. Its
          state blocks, and nothing holds the lock.
        - False for the state C(Failed), which a run writes when it ends.
      type: bool
    state:
      description: The latest state; null without a history.
      type: str
      sample: Ready
    since:
      description: When the latest state was written.
      type: str
    age_seconds:
      description: Seconds since the latest state was written.
      type: int
    release:
      description:
        Release of the last run that brought the database to C(Ready); null when no run recorded its
        release.
      type: str
    holder:
      description: Holder of the lock; null if nothing holds it.
      type: dict
      contains:
        pid:
          description: ID of the server process that serves the holder.
          type: int
        since:
          description: When the holder connected.
          type: str
        age_seconds:
          description: Seconds since the holder connected.
          type: int
        application_name:
          description: The holder's C(application_name).
          type: str
        mode:
          description: Mode in which the holder was started.
          type: str
        run_id:
          description: Run of the holder, as in the history.
          type: str
        host:
          description: Container or machine of the holder.
          type: str
        phase:
          description: What the holder is doing now, in words.
          type: str
        heartbeat_age_seconds:
          description:
            Seconds since the holder's last sign of life; null when the latest row of the history
            belongs to another run.
          type: float
    mail:
      description:
        Mails of the last 7 days; null without Odoo's module C(mail), and while a run works on the
        database.
      returned: with O(mail)
      type: dict
      contains:
        sent:
          description: Mails that a mail server, or the catcher, has taken; one for each recipient.
          type: int
        bounced:
          description: Mails that came back.
          type: int
        failed:
          description: Mails that no server has taken.
          type: int
        waiting:
          description: Mails that are still to be sent, of any age.
          type: int
        failure:
          description: Why the last one failed, shortened; empty if none did.
          type: str
        problem:
          description: Why they could not be counted; empty if they were.
          type: str
    history:
      description:
        Rows of the history, newest first. C(duration_seconds) is the time until the next row; of
        the newest one, until now.
      type: list
      elements: dict
"""

import contextlib
import dataclasses
import math
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.untrusted_text import printable
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import times
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import lock, space, state
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import database, mail_state, tenant

LOCK_WAIT = "2s"  # how long to wait for a session that alters Odoo's tables without holding the lock

NOTHING: dict[str, Any] = {
    "exists": False,
    "error": None,
    "initialised": False,
    "installed": [],
    "series": None,
    "open": False,
    "ever_open": False,
    "first_installation": False,
    "interrupted": False,
    "state": None,
    "since": None,
    "age_seconds": None,
    "release": None,
    "holder": None,
    "history": [],
}


def describe_holder(held: lock.Holder | None, latest: state.Entry | None = None) -> dict[str, Any] | None:
    if held is None:
        return None
    parsed = held.parsed()
    row = latest if latest is not None and latest.ours and latest.run_id == parsed.get("run_id") else None
    beat = None
    if row is not None:
        moment, written = times.parse(row.heartbeat), times.parse(row.since)
        if moment is not None and written is not None:  # by the server's clock, which may differ
            beat = round(max(row.age - (moment - written).total_seconds(), 0.0), 1)
    return {
        "pid": held.pid,
        "since": held.since,
        "age_seconds": round(held.age),
        "application_name": held.application_name,
        "mode": parsed.get("what"),
        "run_id": parsed.get("run_id"),
        "host": row.host if row is not None else parsed.get("host"),  # PostgreSQL shortens the session's name
        "phase": (row.phase or None) if row is not None else None,
        "heartbeat_age_seconds": beat,
    }


def describe_history(entries: list[state.Entry]) -> list[dict[str, Any]]:
    """The rows, each with the time until the next one. `entries`: newest first."""
    newer = [0.0, *(item.age for item in entries)]
    if not all(map(math.isfinite, newer)):
        raise ValueError("a row of its history has an infinite age")
    return [{**vars(item), "duration_seconds": round(item.age - until, 1)} for item, until in zip(entries, newer)]


def read_contents(connection: Any) -> state.Contents | None:
    """What is installed; None when a session without the lock is altering Odoo's tables."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = %s", (LOCK_WAIT,))
        return state.read_contents(connection)
    except database.psycopg2.errors.LockNotAvailable:
        return None


def describe_mail(connection: Any) -> dict[str, Any] | None:
    """How many mails were sent, or why that isn't known. The rest of the database is told all the same."""
    nothing = {"sent": 0, "bounced": 0, "failed": 0, "waiting": 0, "failure": ""}
    try:
        with connection.cursor() as cursor:
            found = mail_state.read(cursor)
    except (mail_state.Unreadable, database.psycopg2.Error) as exc:
        return {**nothing, "problem": database.one_line(exc)[:300]}
    return None if found is None else {**dataclasses.asdict(found), "problem": ""}


def describe(params: dict[str, Any], name: str, control: Any) -> dict[str, Any]:
    held = lock.holder(control, name)
    try:
        with tenant.session(params, tenant.login(params, control, name)) as connection:
            return printable(inspect(connection, params, name, control, held))
    except tenant.TenantError as exc:
        return printable(
            {
                **NOTHING,
                "exists": True,
                "error": str(exc),
                "initialised": None,
                "installed": None,
                "holder": describe_holder(held),
            }
        )


def inspect(
    connection: Any, params: dict[str, Any], name: str, control: Any, held: lock.Holder | None
) -> dict[str, Any]:
    limit = params["limit"]
    summary = state.read_history(connection)
    history = state.read_entries(connection, max(limit, 1)) if summary.table else []
    latest = history[0] if history else None
    if held is None and latest is not None and not latest.open:
        held = lock.holder(control, name)  # it may have started in between
    contents = None if held is not None else read_contents(connection)
    release = state.last_release(connection) if summary.table else None
    interrupted = (
        held is None
        and latest is not None
        and not latest.open
        and latest.state != state.FAILED
        and latest.written_in(state.identity(connection))
    )
    return {
        "exists": True,
        "error": None,
        "initialised": contents.initialised if contents is not None else None,
        "installed": sorted(contents.installed) if contents is not None else None,
        "series": (contents.series or None) if contents is not None else None,
        "open": bool(latest and latest.open),
        "ever_open": summary.ever_open,
        "first_installation": summary.first_installation,
        "interrupted": interrupted,
        "state": latest.state if latest else None,
        "since": latest.since if latest else None,
        "age_seconds": round(latest.age) if latest else None,
        "release": release,
        "holder": describe_holder(held, latest),
        "history": describe_history(history)[:limit],
        **({"mail": describe_mail(connection) if contents is not None else None} if params["mail"] else {}),
    }


def read(params: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    try:
        connection = database.open_server(params)
    except database.ServerUnreachable:
        if not (check_mode and params["may_be_absent"]):
            raise
        return {name: dict(NOTHING) for name in params["databases"]}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_catalog.pg_database WHERE datname = ANY(%s)", (params["databases"],))
            present = {row[0] for row in cursor.fetchall()}
        return {
            name: describe(params, name, connection)
            if name in present
            else {**NOTHING, "holder": describe_holder(lock.holder(connection, name))}
            for name in params["databases"]
        }
    finally:
        connection.close()


def server_problem(params: dict[str, Any]) -> str:
    """Why the server can't write, empty if it can, or if that isn't known."""
    try:
        with contextlib.closing(database.open_server(params)) as connection, connection.cursor() as cursor:
            cursor.execute("BEGIN")
            return space.problem(cursor)
    except (database.DatabaseError, database.psycopg2.Error):
        return ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **database.CONNECTION_SPEC,
            **tenant.OWNERS_SPEC,
            "databases": {"type": "list", "elements": "str", "required": True},
            "limit": {"type": "int", "default": 20},
            "may_be_absent": {"type": "bool", "default": False},
            "server": {"type": "bool", "default": False},
            "mail": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if database.psycopg2 is None:
        module.fail_json(msg=missing_required_lib("psycopg2"), exception=database.PSYCOPG2_ERROR)
    try:
        databases = read(module.params, module.check_mode)
    except (database.DatabaseError, database.psycopg2.Error) as exc:
        module.fail_json(msg=" ".join(str(exc).split()))
    more = {"server_problem": server_problem(module.params)} if module.params["server"] else {}
    module.exit_json(changed=False, databases=databases, **more)


if __name__ == "__main__":
    main()
