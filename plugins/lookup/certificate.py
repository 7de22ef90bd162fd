# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: certificate
short_description: A certificate of the platform's own CA, with its key
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
extends_documentation_fragment: [odoo_cloud.platform.secrets_folder]
description:
  - Reads the certificates that the role P(odoo_cloud.platform.certificate#role) created on the
    controller.
  - In check mode a certificate that does not exist yet gives a placeholder.
  - The result contains a private key. Pass it only to options that are declared C(no_log).
options:
  _terms:
    description: Names of the certificates.
    required: true
    type: list
    elements: string
"""

EXAMPLES = r"""
- name: Put PostgreSQL's certificate on the machine
  odoo_cloud.platform.files:
    files:
      - path: /srv/odoo-cloud/postgres/config/server.crt
        content: "{{ lookup('odoo_cloud.platform.certificate', 'postgres').certificate }}"
"""

RETURN = r"""
_list:
  description: A dictionary of PEM texts for each name, with certificate, key and ca.
  type: list
  elements: dict
"""

import os

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._variables import is_check_mode, secrets_dir

PLACEHOLDER = "-----BEGIN {0}-----\nwould be created by the run\n-----END {0}-----\n"


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        folder = os.path.join(
            os.path.expanduser(self.get_option("dir") or secrets_dir(self._templar, variables)), "tls"
        )
        return [
            {
                key: self._read(os.path.join(folder, file), kind, is_check_mode(variables))
                for key, file, kind in (
                    ("certificate", f"{term}.crt", "CERTIFICATE"),
                    ("key", f"{term}.key", "PRIVATE KEY"),
                    ("ca", "ca.crt", "CERTIFICATE"),
                )
            }
            for term in terms
        ]

    @staticmethod
    def _read(path, kind, check_mode):
        try:
            with open(path, encoding="ascii") as handle:
                return handle.read()
        except FileNotFoundError as error:
            if check_mode:
                return PLACEHOLDER.format(kind)
            raise AnsibleLookupError(
                f"{path} is not there; the role odoo_cloud.platform.certificate creates it"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise AnsibleLookupError(f"{path} can't be read: {error}") from error
