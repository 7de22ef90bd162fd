# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: topology
short_description: Which machine runs which service, and which services other machines need
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Returns the machines and addresses of PostgreSQL, Redis and the object storage, and whether an
    Odoo on another machine needs them.
  - The address of a machine is its variable C(odoo_cloud_address), then C(ansible_host), then its
    name.
options:
  _terms:
    description: The lookup takes no names.
    required: false
"""

EXAMPLES = r"""
- name: Show where PostgreSQL is
  ansible.builtin.debug:
    msg: "{{ lookup('odoo_cloud.platform.topology').postgres.address }}"
"""

RETURN = r"""
_list:
  description:
    - One dictionary with image_builder (the machine that builds images), instances (how many each
      machine has), and one dictionary for each of postgres, redis and object_storage.
    - These have machine, address (empty when it is no IP address that other machines reach), port,
      and remote (whether Odoo on another machine needs it).
    - redis has url (of an external server, else empty) and own (whether each instance has a server
      of its own there); object_storage has endpoint and
      machine_endpoint, its address for Odoo's containers and for the machines on which they run,
      empty for AWS.
    - They also have host (the name in its certificate that Odoo uses) and names (all names in its
      certificate).
  type: list
  elements: dict
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.topology import topology
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.values import WrongValue
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._variables import HostVariables


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        try:
            return [topology(variables["groups"], HostVariables(variables["hostvars"]))]
        except WrongValue as error:
            raise AnsibleLookupError(str(error)) from error
