# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The connection to an S3 store."""

    DOCUMENTATION = r"""
options:
  endpoint_url:
    description:
      Address of the store, for example V(http://127.0.0.1:8095). Without it, AWS in O(region) is
      used.
    type: str
  region:
    description:
      Region of the bucket and of the signature. Default is that of E(AWS_REGION),
      E(AWS_DEFAULT_REGION) or the profile, in this order, then V(us-east-1).
    type: str
  access_key:
    description:
      Access key. Without O(access_key) and O(secret_key), E(AWS_ACCESS_KEY_ID) and
      E(AWS_SECRET_ACCESS_KEY) of the machine that runs the module are used; if they are not set
      either, the library botocore searches for a profile or an instance role.
    type: str
  secret_key:
    description: Secret of O(access_key).
    type: str
  session_token:
    description: Token of temporary keys. Without it, none is sent.
    type: str
  profile:
    description: Profile of the AWS configuration files. It requires the library botocore.
    type: str
  path_style:
    description:
      - Whether the bucket's name is in the path instead of the host name. Default is V(true) with O(endpoint_url), else V(false).
    type: bool
  verify:
    description: Whether the certificate of the store is checked.
    type: bool
    default: true
  ca:
    description: File with the certificates of the authorities that are trusted for the store. Default is the system's.
    type: path
  timeout:
    description: Seconds to wait for each answer of the store.
    type: int
    default: 30
"""
