#!/usr/bin/python

# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_database
short_description: Databases of Odoo instances, each with a role of its own
version_added: 0.1.0
description:
  - Creates for each instance a role that may log in and nothing more, and an empty database that
    this role owns, created from C(template0) in C(UTF8) and closed to all other roles.
  - Everything is read first, and only what differs is changed.
  - A role has the attributes that are declared and no others, among them C(INHERIT), the
    connection limit and no end of its validity. Settings of roles and databases that are not
    declared are taken away. Both are in the diff.
  - Restore points and failed databases of the instance belong to O(databases[].keeper), so that
    its own role can't drop, rename or change them. Those that an older version created are given to
    it.
  - Memberships that are not declared are revoked, with a warning that names them. An owner is a
    member of no role, a keeper is a member of its owner only, and an owner has no other members
    than its keeper and administrators (roles with C(CREATEROLE), and superusers). Databases that
    share an owner belong into one run.
  - The server gets a password only as a SCRAM verifier, so the password is never in its log.
author: odoo_cloud.platform contributors (@odoo-cloud)
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.database
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  databases:
    description: The databases, all in one run.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the database. Lower-case letters, digits, hyphens and underscores, beginning with a letter.
        type: str
        required: true
      owner:
        description: Role that owns the database and logs in. Default is O(databases[].name).
        type: str
      password:
        description:
          - Password of the role. It is checked by logging in with it, and set when that fails.
          - Without it, the role's password is left as it is.
        type: str
      state:
        description:
          Whether the database exists. V(absent) ends all sessions in the database and drops it,
          with everything in it.
        type: str
        default: present
        choices: [present, absent]
      confirm_drop:
        description: Must be the name of the database, or O(databases[].state=absent) is refused.
        type: str
      keeper:
        description:
          - A second role of the instance, which creates restore points and copies for rehearsals.
            It may log in, create databases, and act for the owner; it can't read other instances'
            databases. The containers get its name as C(DB_ADMIN_USER).
          - Without it, no such role is created. An existing one is left as it is, but is no longer
            a member of the owner.
        type: str
      keeper_password:
        description: Password of O(databases[].keeper), checked and set like O(databases[].password).
        type: str
      lock:
        description:
          - A second, empty database that belongs to the administrator, in which the lock of this
            one is taken. Only O(databases[].owner) and O(databases[].keeper) can connect to it, so
            no other role can take the lock. The containers get its name as C(DB_MAINTENANCE).
          - With O(databases[].state=absent) it is dropped too.
          - Without it, no such database is created, an existing one is left as it is, and the lock
            is taken in O(login_db).
        type: str
      connections:
        description: How many connections O(databases[].owner) may have at once. Without it, there is no limit.
        type: int
      keeper_connections:
        description: How many connections O(databases[].keeper) may have at once, in the same way.
        type: int
      settings:
        description:
          - Settings of PostgreSQL for the sessions of O(databases[].owner), as C(ALTER ROLE ... SET)
            writes them. A value is compared as text, so write it as PostgreSQL keeps it, such as
            V(64MB).
          - Other settings of the owner, of O(databases[].keeper), of the database and of
            O(databases[].lock) are taken away. An instance can set most of them itself, for the
            sessions of everybody who opens its database.
        type: dict
        default: {}
      drop_owner:
        description: Whether O(databases[].state=absent) drops the role too, and O(databases[].keeper) if that is given.
        type: bool
        default: false
  may_be_absent:
    description:
      In check mode, whether a server that doesn't answer counts as one that is still to be created.
      Then everything is reported as to be created. Outside check mode it has no effect.
    type: bool
    default: false
  collect_refused:
    description:
      Whether memberships that only a superuser can revoke are returned as RV(refused_queries)
      instead of failing the module. From PostgreSQL 16 on, these are all that another administrator
      has granted.
    type: bool
    default: false
notes:
  - A database is not dropped while a container initialises, updates or restores it, which its lock shows.
"""

EXAMPLES = r"""
- name: Database of the instance
  odoo_cloud.platform.odoo_database:
    login_host: /srv/odoo-cloud/postgres/socket
    login_password: "{{ lookup('odoo_cloud.platform.secret', 'postgres/admin_password') }}"
    databases:
      - name: acme_prod
        password: "{{ lookup('odoo_cloud.platform.secret', 'acme_prod/db_password') }}"
        keeper: acme_prod_keeper
        keeper_password: "{{ lookup('odoo_cloud.platform.secret', 'acme_prod/db_keeper_password') }}"
        lock: acme_prod--lock

- name: Drop a database that is no longer needed
  odoo_cloud.platform.odoo_database:
    login_host: db.example.com
    login_user: admin
    login_password: "{{ vault_db_admin_password }}"
    ssl_mode: verify-full
    ssl_rootcert: /etc/ssl/certs/ca-certificates.crt
    databases:
      - name: acme_test
        state: absent
        confirm_drop: acme_test
        drop_owner: true
"""

RETURN = r"""
executed_queries:
  description: SQL statements that were run, or would be in check mode, without secrets.
  returned: success
  type: list
  elements: str
  sample: ["REVOKE CONNECT, TEMPORARY ON DATABASE \"acme_prod\" FROM PUBLIC"]
refused_queries:
  description: SQL statements that a superuser has to run, with O(collect_refused).
  returned: success
  type: list
  elements: str
  sample: []
undeclared_memberships:
  description:
    Existing memberships that are not declared. They are revoked, or would be in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    role:
      description: The role that had the member.
      type: str
    member:
      description: The member.
      type: str
  sample: []
undeclared_settings:
  description: Existing settings that are not declared. They are taken away, or would be in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    role:
      description: The role whose sessions it is for; empty for all.
      type: str
    database:
      description: The database in which it is for; empty for all.
      type: str
    name:
      description: The setting.
      type: str
  sample: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import provision
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import database


def wrong_passwords(
    connection: Any, params: dict[str, Any], facts: provision.Facts, wanted: list[provision.Wanted]
) -> set[str]:
    """Existing roles that have another password."""
    return {
        role
        for item in wanted
        for role, password in ((item.owner, item.password), (item.keeper, item.keeper_password))
        if item.state == "present"
        and password is not None
        and role in facts.roles
        and not (
            facts.roles[role]["login"]
            and not facts.roles[role]["expired"]
            and database.password_is_right(connection, params, facts, role, password)
        )
    }


def ensure(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    wanted = database.parse_wanted(params["databases"], params["login_user"])
    connection = None
    refused: list[str] = []
    try:
        try:
            connection = database.open_server(params)
            facts = provision.read_facts(connection, wanted)
            wrong = wrong_passwords(connection, params, facts, wanted)
        except database.ServerUnreachable:
            if not (check_mode and params["may_be_absent"]):
                raise
            facts, wrong = provision.Facts(), set()
        statements = provision.plan(wanted, facts, wrong)
        queries = [item.shown for item in statements]
        if not check_mode:
            queries = provision.apply(
                connection,
                statements,
                lambda name: database.open_server(params, name),
                refused if params["collect_refused"] else None,
            )
    finally:
        if connection is not None:
            connection.close()
    return {
        "changed": bool(queries),
        "executed_queries": queries,
        "refused_queries": refused,
        "undeclared_memberships": [
            {"role": role, "member": member}
            for role, member in dict.fromkeys((one.role, one.member) for one in provision.undeclared(wanted, facts))
        ],
        "undeclared_settings": [
            {"role": one.role, "database": one.database, "name": one.name}
            for one in provision.undeclared_settings(wanted, facts)
        ],
        "diff": {
            "before": database.picture(wanted, facts, wrong, after=False),
            "after": database.picture(wanted, facts, wrong, after=True),
        },
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **database.CONNECTION_SPEC,
            "databases": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "owner": {"type": "str"},
                    "password": {"type": "str", "no_log": True},
                    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
                    "confirm_drop": {"type": "str"},
                    "keeper": {"type": "str"},
                    "keeper_password": {"type": "str", "no_log": True},
                    "lock": {"type": "str"},
                    "connections": {"type": "int"},
                    "keeper_connections": {"type": "int"},
                    "settings": {"type": "dict", "default": {}},
                    "drop_owner": {"type": "bool", "default": False},
                },
            },
            "may_be_absent": {"type": "bool", "default": False},
            "collect_refused": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if database.psycopg2 is None:
        module.fail_json(msg=missing_required_lib("psycopg2"), exception=database.PSYCOPG2_ERROR)
    try:
        result = ensure(module.params, module.check_mode)
    except provision.DatabaseError as exc:
        module.fail_json(msg=str(exc))
    for one in result["undeclared_memberships"]:
        module.warn(
            f"role {one['member']!r} was a member of role {one['role']!r}, which is not declared: it"
            f" {'would lose' if module.check_mode else 'loses'} the membership"
        )
    for one in result["undeclared_settings"]:
        of = " in ".join(f"{kind} {one[kind]!r}" for kind in ("role", "database") if one[kind])
        module.warn(
            f"{of} has the setting {one['name']!r}, which is not declared: it"
            f" {'would lose' if module.check_mode else 'loses'} it"
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
