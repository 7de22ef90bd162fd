# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: limit_problems
short_description: Why a playbook can't do its work with the hosts of --limit
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Without the other hosts of an instance, a playbook would stop replicas and never start them
    again, or do nothing and report success.
  - A machine belongs together with the replicas on it, and a replica with its machine and the
    instance's other replicas.
options:
  _terms:
    description: The hosts that C(--limit) selects, C(ansible_play_hosts_all) of a play over C(all).
    required: true
    type: list
    elements: string
  scope:
    description:
      - V(machines) for a playbook that never touches replicas, V(platform) for one that may, V(instances) for one that does nothing without
        an instance.
    type: string
    choices: [machines, platform, instances]
    default: platform
  needs:
    description: Groups of machines. The playbook works on the machines of at least one of them.
    type: list
    elements: string
    default: [docker_hosts, postgres, redis, object_storage, nginx]
  choice:
    description: Whether the variable C(odoo_cloud_instance) selects one instance; the message then names it.
    type: boolean
    default: false
"""

EXAMPLES = r"""
- name: Refuse a limit that has only a part of an instance
  ansible.builtin.assert:
    that: query('odoo_cloud.platform.limit_problems', *ansible_play_hosts_all) | length == 0
"""

RETURN = r"""
_list:
  description: One line that names a limit that works, or an empty list if there is no problem.
  type: list
  elements: string
"""

from ansible.plugins.lookup import LookupBase

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.limit import limit_problems
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._variables import HostVariables


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        return limit_problems(
            str(variables.get("ansible_limit") or ""),
            [str(term) for term in terms],
            variables["groups"],
            HostVariables(variables["hostvars"]),
            self.get_option("scope"),
            self.get_option("needs"),
            self.get_option("choice"),
        )
