# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The connection to AWS, and which resources a module may change."""

    DOCUMENTATION = r"""
options:
  region:
    description:
      - Region of the resources. Without it, E(AWS_REGION), E(AWS_DEFAULT_REGION), then the profile's.
    type: str
  profile:
    description: Profile of the AWS configuration files.
    type: str
  access_key:
    description: Access key. Without it, what boto3 finds (environment, profile, instance role).
    type: str
  secret_key:
    description: Secret of O(access_key).
    type: str
  session_token:
    description: Token that belongs to temporary keys.
    type: str
  endpoint_url:
    description: Address that answers in place of AWS, for example of a test.
    type: str
  validate_certs:
    description: Whether the certificate of the endpoint is checked.
    type: bool
    default: true
  aws_ca_bundle:
    description: File with the certificates of the authorities that are trusted. Default is boto3's own.
    type: path
  tags:
    description: The tags. Others are removed, but those that AWS sets. Without it, tags are left alone.
    type: dict
  owner_tags:
    description:
      - Tags that say whose a resource is; they are added to O(tags). A resource of that name which doesn't carry them is neither
        changed nor removed, the run fails instead.
    type: dict
    default: {}
  wait_timeout:
    description:
      - Seconds to wait until a resource is ready, and for roles that were made just before to be known everywhere.
    type: int
    default: 300
requirements:
  - boto3 on the machine that runs the module
"""
