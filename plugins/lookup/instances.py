# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: instances
short_description: The Odoo instances of the inventory, with their replicas, settings and secrets
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - An instance is a group of replicas, below an environment group (C(prod), C(integration), C(labs_*), C(test), C(dev)), which is
    below the group C(odoo). Its settings are the variables C(odoo_*) of the role P(odoo_cloud.platform.odoo#role).
  - What an instance does not set gets its default; passwords that are not given are made once, see the lookup
    P(odoo_cloud.platform.secret#lookup).
  - Every problem of the inventory is reported with the variable, its value and what would be right.
  - The result holds secrets. Pass single values of it to options that are declared C(no_log); never loop over it.
options:
  _terms:
    description: Names of the instances wanted; all when none is given.
    required: false
    type: list
    elements: string
  machine:
    description: Only instances that have a replica on this inventory host.
    type: string
  problems:
    description: Return the problems of the inventory, one line each, instead of failing; an empty list when all is well.
    type: boolean
    default: false
"""

EXAMPLES = r"""
- name: The names of all databases
  ansible.builtin.debug:
    msg: "{{ query('odoo_cloud.platform.instances') | map(attribute='database.name') }}"
"""

RETURN = r"""
_list:
  description:
    - One dictionary for each instance with name, environment, project, version, replicas (name and machine), machine, hostnames,
      base_url, database (name, owner, password, lock), owner_login (database, user, password), redis (name, prefix, password),
      bucket (name), passwords and the other settings.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.instance import (
    InventoryError,
    build_instances,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.secret import (
    SecretError,
    begin_set,
    read_or_create,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.topology import (
    problems as topology_problems,
)
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._variables import (
    is_check_mode,
    platform_name,
    secrets_dir,
    templated,
)


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        folder = secrets_dir(self._templar, variables)
        create = not is_check_mode(variables) and not self.get_option("problems")  # a look leaves nothing behind
        port = int(templated(self._templar, variables, "odoo_cloud_https_port", 443))
        try:
            if create:
                begin_set(folder, platform_name(self._templar, variables))
            instances = build_instances(
                variables["groups"],
                variables["hostvars"],
                lambda name: read_or_create(folder, name, create=create),
                port,
            )
        except (InventoryError, SecretError) as error:
            if self.get_option("problems"):
                return str(error).splitlines()
            raise AnsibleLookupError(str(error)) from error
        if self.get_option("problems"):
            return topology_problems(variables["groups"], variables["hostvars"], instances)
        machine = self.get_option("machine")
        return [
            instance
            for instance in instances
            if (not terms or instance["name"] in terms)
            and (not machine or machine in [replica["machine"] for replica in instance["replicas"]])
        ]
