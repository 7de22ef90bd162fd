#!/usr/bin/python

# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_state
short_description: Opens an Odoo database whose state blocks it, and records who did it and why
version_added: 0.1.0
description:
  - Writes C(Force Ready) or C(Reset) over a blocking state (C(Creating), C(Updating),
    C(Maintenance), C(Failed)), so that waiting replicas go on. The actor, the reason and the state
    before are recorded in the database's history.
  - It opens the database as it is. Modules that were left half done stay half done. An update
    finishes them and is the first choice; the role P(odoo_cloud.platform.odoo#role) runs it where
    it is needed.
  - A history that can't be used, because the database's owner put something else in its place or
    wrote rows that leave no number for another, is set aside under a new name, and a new one begins
    with this row. Nothing of it is lost.
  - It works under the database's lock. While a live run holds the lock, nothing is written unless
    O(take_over) is set.
author: odoo_cloud.platform contributors (@odoo-cloud)
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.database
  - odoo_cloud.platform.owners
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
    details: A database that is open already is left alone, whichever of the open states it has.
options:
  database:
    description: Name of the database.
    type: str
    required: true
  lock:
    description:
      Database in which the lock is taken, which the containers get as C(DB_MAINTENANCE). Default is
      O(login_db), which is also used while no database of this name exists.
    type: str
  state:
    description:
      - V(force_ready) writes C(Force Ready), for an operator who has inspected the database and
        decided.
      - V(reset) writes C(Reset), which onesteinbv/odoo-docker writes over a state that is too old.
    type: str
    required: true
    choices: [force_ready, reset]
  reason:
    description: Reason of the change, one line, recorded in the history.
    type: str
    required: true
  take_over:
    description:
      - Whether a live run that holds the lock is ended first, with all its database sessions. What
        it had not committed is rolled back.
      - Only for a run that will never end by itself. Its container is not stopped; it notices that
        it has lost the lock and ends.
    type: bool
    default: false
  actor:
    description:
      Name of the operator, recorded in the history. Default is the user that runs the module on the
      machine.
    type: str
notes:
  - O(login_user) takes the lock and ends the sessions of a run, for which it must be the role that owns the database, a member of it,
    or a superuser. The database itself is opened with its owner's login only.
"""

EXAMPLES = r"""
- name: Serve the shop although its last update failed
  odoo_cloud.platform.odoo_state:
    login_host: /srv/odoo-cloud/postgres/socket
    login_password: "{{ lookup('odoo_cloud.platform.secret', 'postgres/admin_password') }}"
    owners: "{{ query('odoo_cloud.platform.instances', 'acme_prod') | map(attribute='owner_login') }}"
    lock: acme_prod--lock
    database: acme_prod
    state: force_ready
    reason: Only the report module failed, its fix comes tomorrow
    actor: jane

- name: End a run that hangs, and open the database
  odoo_cloud.platform.odoo_state:
    login_user: acme_test
    login_password: "{{ lookup('odoo_cloud.platform.secret', 'acme_test/db_password') }}"
    database: acme_test
    state: reset
    reason: The machine of the run is out of order
    take_over: true
"""

RETURN = r"""
before:
  description: The state before; null without a history.
  returned: success
  type: str
  sample: Failed
after:
  description: The state afterwards. In check mode, the one that would be written.
  returned: success
  type: str
  sample: Force Ready
ended_sessions:
  description:
    Number of database sessions of the run that held the lock that were ended; in check mode, that
    would be.
  returned: success
  type: int
  sample: 0
set_aside:
  description:
    New name of a history that could not be used, such as a view in the place of the table. Null if
    it could. In check mode, the table's own name if it would be set aside.
  returned: success
  type: str
  sample: curq_state_history_aside_1f0c2d9a
holder:
  description: Holder of the lock before; null if nothing held it.
  returned: always, once the server has answered
  type: str
  sample: "odoo-cloud UpdateOnly run=5f0c2d9a7b1e host=acme-prod-run (backend 4711, since 2026-11-21 13:50:01+00)"
"""

import getpass
import os
import uuid
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import RuntimeFailure
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import lock, override, pg, state
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import database as _database
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import tenant

WORDS = {"force_ready": state.FORCE_READY, "reset": state.RESET}
LOCK_WAIT = "3s"


class StateError(Exception):
    """The message is one line for operators, `found` what was found out before."""

    def __init__(self, message: str, **found: Any) -> None:
        super().__init__(message)
        self.found = found


def default_actor() -> str:
    """The user that became the user of the module with sudo, else the latter."""
    name = os.environ.get("SUDO_USER")
    try:
        return name or getpass.getuser()
    except (KeyError, OSError):  # the user has no name
        return f"uid {os.getuid()}"


def check(params: dict[str, Any]) -> None:
    """Raises `StateError` for options that are wrong by themselves."""
    if not params["reason"].strip():
        raise StateError(f"reason is {params['reason']!r}: say why the state is overridden; it is recorded")
    for option in ("reason", "actor"):
        if any(char in (params[option] or "") for char in "\r\n\0"):
            raise StateError(f"{option} is {params[option]!r}: must be one line")


def is_odoo(connection: Any) -> bool | None:
    """Whether the database has an initialised Odoo; None when a run that alters its tables blocks
    reading.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = %s", (LOCK_WAIT,))
        return bool(state.read_contents(connection).initialised)
    except _database.psycopg2.errors.LockNotAvailable:
        return None
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")


def open_control(params: dict[str, Any], session: str) -> Any:
    """The administrator's connection to the database in which the lock is taken."""
    control = _database.open_server(params, name=session)
    name, wanted = params["database"], params["lock"] or params["login_db"]
    try:
        with control.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_catalog.pg_database WHERE datname IN (%s, %s)", (name, wanted))
            present = {row[0] for row in cursor.fetchall()}
        if name not in present:
            raise StateError(f"database is {name!r}: there is no such database at {params['login_host']}")
        if wanted == params["login_db"] or wanted not in present:
            return control
    except BaseException:
        control.close()
        raise
    control.close()
    return _database.open_server(params, wanted, session)


def ensure(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    check(params)
    name, wanted = params["database"], WORDS[params["state"]]
    actor = (params["actor"] or "").strip() or default_actor()
    run_id, host = uuid.uuid4().hex[:12], os.uname().nodename
    session = pg.application_name("odoo_state", run_id, host)
    control = open_control(params, session)
    try:
        with tenant.session(params, tenant.login(params, control, name), session, write=True) as database:
            held = lock.holder(control, name)
            who = str(held) if held is not None else None
            history, broken = override.read(database)
            latest = history.latest
            before = latest.state if latest is not None else None
            if held is not None and not params["take_over"]:
                raise StateError(
                    f"database {name!r}: its lock is held by {who}, which is at work (state {before or 'none'}); wait for it,"
                    " or end it with take_over",
                    holder=who,
                    before=before,
                )
            is_open = latest is not None and latest.open
            # A first installation that has not ended is not opened, whatever is installed.
            if history.first_installation or (not is_open and not is_odoo(database) and not history.ever_open):
                raise StateError(
                    f"database {name!r}: its first installation has not ended, so there is nothing to open (state"
                    f" {before or 'none'}); MODE=InstallOnly finishes it, which the playbook odoo does",
                    holder=who,
                    before=before,
                )
            if check_mode:
                changes = held is not None or not is_open
                found = override.Forced(
                    changes, before, wanted if changes else before, 0, state.HISTORY.name if broken else ""
                )
                run = held.parsed().get("run_id") or "" if held is not None else ""
                ended = len(lock.sessions(control, name, run)) if run else 0
            else:
                try:
                    found = override.force(
                        control,
                        database,
                        name,
                        wanted,
                        actor,
                        params["reason"].strip(),
                        take_over=params["take_over"],
                        host=host,
                        run_id=run_id,
                    )
                except RuntimeFailure as exc:
                    raise StateError(str(exc), holder=who, before=before) from exc
                ended = found.ended_sessions
    except tenant.TenantError as exc:
        raise StateError(f"database {name!r}: {exc}") from exc
    finally:
        control.close()
    after = {"state": found.after}
    if found.set_aside:
        after["history set aside"] = found.set_aside
    if found.changed:
        after.update(actor=actor, reason=params["reason"].strip())
    return {
        "changed": found.changed,
        "before": found.before,
        "after": found.after,
        "set_aside": found.set_aside or None,
        "ended_sessions": ended,
        "holder": who,
        "diff": {
            "before": {"state": found.before, **({"held by": who} if who else {})},
            "after": after,
        },
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **_database.CONNECTION_SPEC,
            **tenant.OWNERS_SPEC,
            "lock": {"type": "str"},
            "database": {"type": "str", "required": True},
            "state": {"type": "str", "required": True, "choices": list(WORDS)},
            "reason": {"type": "str", "required": True},
            "take_over": {"type": "bool", "default": False},
            "actor": {"type": "str"},
        },
        supports_check_mode=True,
    )
    if _database.psycopg2 is None:
        module.fail_json(msg=missing_required_lib("psycopg2"), exception=_database.PSYCOPG2_ERROR)
    try:
        result = ensure(module.params, module.check_mode)
    except StateError as exc:
        module.fail_json(msg=str(exc), **exc.found)
    except (_database.DatabaseError, _database.psycopg2.Error) as exc:
        module.fail_json(msg=_database.one_line(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
