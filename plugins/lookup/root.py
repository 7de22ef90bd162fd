# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: root
short_description: The platform's folder on its machines
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Returns the variable C(odoo_cloud_root), C(/srv/<odoo_cloud_name>) when it is not set.
  - A platform whose secrets are older than this default keeps C(/srv/odoo-cloud), the former
    default; the file C(platform.json) beside the secrets records it.
  - Nothing is written.
options:
  _terms:
    description: The lookup takes no names.
    required: false
  machine:
    description: Inventory host of the machine. Default is the host of the task.
    type: string
"""

EXAMPLES = r"""
- name: Show where the platform's files are
  ansible.builtin.debug:
    msg: "{{ lookup('odoo_cloud.platform.root') }}"
"""

RETURN = r"""
_list:
  description: One path.
  type: list
  elements: path
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.secret import SecretError
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._variables import root


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        machine = self.get_option("machine")
        try:
            return [root(self._templar, variables["hostvars"][machine] if machine else variables)]
        except SecretError as error:
            raise AnsibleLookupError(str(error)) from error
