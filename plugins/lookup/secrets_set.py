# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: secrets_set
short_description: Identity of the platform whose secrets are on the controller, without the secrets
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
extends_documentation_fragment: [odoo_cloud.platform.secrets_folder]
description:
  - Returns what identifies the folder of generated secrets. It is compared with the machines, see
    P(odoo_cloud.platform.owner_problems#filter).
  - Nothing is written, unless O(begin) is true.
options:
  _terms:
    description: The lookup takes no names.
    required: false
  begin:
    description:
      Whether a folder of secrets that has no identity yet gets one, in the file C(platform.json).
      In check mode nothing is written.
    type: boolean
    default: false
"""

EXAMPLES = r"""
- name: Show whose secrets these are
  ansible.builtin.debug:
    msg: "{{ lookup('odoo_cloud.platform.secrets_set').name }}"
"""

RETURN = r"""
_list:
  description:
    - One dictionary with C(dir), C(empty) (whether there is no secret), C(name) (the platform that
      created the secrets), C(fingerprint) (SHA-256 of the random identity of the folder) and
      C(digests) (those of generated secrets, and of the CA's certificate).
    - C(swift) has the digests of the two secrets with which the object storage's volume was
      created.
    - C(name) and C(fingerprint) are empty for a folder that has no identity yet.
  type: list
  elements: dict
"""

import os

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.secret import (
    SecretError,
    begin_set,
    has_secrets,
    read_set,
    set_digests,
)
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._variables import (
    is_check_mode,
    platform_name,
    secrets_dir,
)


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        folder = os.path.expanduser(self.get_option("dir") or secrets_dir(self._templar, variables))
        try:
            if self.get_option("begin") and not is_check_mode(variables):
                known = begin_set(folder, platform_name(self._templar, variables))
            else:
                known = read_set(folder)
        except SecretError as error:
            raise AnsibleLookupError(str(error)) from error
        return [
            {
                "dir": folder,
                "empty": not has_secrets(folder),
                "name": known.name,
                "fingerprint": known.fingerprint,
                "digests": sorted(set_digests(folder)),
                "swift": sorted(set_digests(folder, ("swift/hash_prefix", "swift/hash_suffix"))),
            }
        ]
