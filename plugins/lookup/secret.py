# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: secret
short_description: A secret that is generated once and kept on the controller
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
extends_documentation_fragment: [odoo_cloud.platform.secrets_folder]
description:
  - Returns the secret with the given name from the folder of secrets on the controller.
  - A secret that does not exist yet is generated (40 letters and digits from the system's random source) and kept in a file of
    mode 0600 in folders of mode 0700.
  - In check mode a missing secret gives a random placeholder and nothing is written.
  - Pass the result only to options that are declared C(no_log).
options:
  _terms:
    description: Names of the secrets, for example C(postgres/admin_password).
    required: true
    type: list
    elements: string
  length:
    description: Number of characters of a new secret.
    type: integer
    default: 40
"""

EXAMPLES = r"""
- name: Use a generated password
  odoo_cloud.platform.files:
    files:
      - path: /srv/odoo-cloud/secrets/demo/password
        secret_content: "{{ lookup('odoo_cloud.platform.secret', 'demo/password') }}"
        mode: "0400"
"""

RETURN = r"""
_list:
  description: The secrets.
  type: list
  elements: string
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.secret import (
    SecretError,
    begin_set,
    read_or_create,
)
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._variables import (
    is_check_mode,
    platform_name,
    secrets_dir,
)


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        folder, create = self.get_option("dir"), not is_check_mode(variables)
        try:
            if not folder:
                folder = secrets_dir(self._templar, variables)
                if create:
                    begin_set(folder, platform_name(self._templar, variables))
            return [read_or_create(folder, str(term), self.get_option("length"), create=create) for term in terms]
        except SecretError as error:
            raise AnsibleLookupError(str(error)) from error
