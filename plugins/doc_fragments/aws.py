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
      Region of the resources. Default is that of E(AWS_REGION), E(AWS_DEFAULT_REGION) or the
      profile, in this order.
    type: str
  profile:
    description: Profile of the AWS configuration files. Without it, boto3's default.
    type: str
  access_key:
    description:
      Access key. Without it, boto3 reads one from its usual places (environment, profile, instance
      role).
    type: str
  secret_key:
    description: Secret of O(access_key).
    type: str
  session_token:
    description: Token of temporary keys. Without it, none is sent.
    type: str
  endpoint_url:
    description:
      Address to which requests are sent instead of AWS, for example in a test. Without it, AWS.
    type: str
  validate_certs:
    description: Whether the certificate of the endpoint is checked.
    type: bool
    default: true
  aws_ca_bundle:
    description: File with the certificates of the authorities that are trusted. Default is boto3's own.
    type: path
  tags:
    description:
      Tags of the resource. Other tags are removed, except those of AWS itself. Without it, tags are
      left as they are.
    type: dict
  owner_tags:
    description:
      Tags that mark the owner of a resource; they are added to O(tags). A resource of that name
      without these tags is neither changed nor removed, and the module fails.
    type: dict
    default: {}
  wait_timeout:
    description:
      Seconds to wait until a resource is ready, and until new IAM roles are known everywhere in
      AWS.
    type: int
    default: 300
requirements:
  - boto3 on the machine that runs the module
"""

    # Fragments can't extend RETURN in ansible-core 2.19: tools/returns.py copies this into the
    # modules.
    RETURN = r"""
requests:
  description: Number of requests that were sent to AWS.
  returned: success
  type: int
  sample: 9
error:
  description: Name of the error's class.
  returned: failure
  type: str
  sample: AwsConflict
"""
