# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: secrets_dir
short_description: The folder on the controller that keeps generated secrets
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Returns the variable C(odoo_cloud_secrets_dir), C(~/.odoo-cloud/<odoo_cloud_name>) when it is not set.
options:
  _terms:
    description: The lookup takes no names.
    required: false
"""

EXAMPLES = r"""
- name: Show where the passwords are
  ansible.builtin.debug:
    msg: "{{ lookup('odoo_cloud.platform.secrets_dir') }}"
"""

RETURN = r"""
_list:
  description: One path.
  type: list
  elements: path
"""

from ansible.plugins.lookup import LookupBase

from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._variables import secrets_dir


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        return [secrets_dir(self._templar, variables)]
