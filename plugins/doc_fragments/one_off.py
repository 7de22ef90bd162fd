# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of modules that work on an instance in a one-off container."""

    DOCUMENTATION = r"""
options:
  instance:
    description: Name of the instance, as its inventory group is called.
    type: str
    required: true
  platform:
    description: Name of the platform (C(odoo_cloud_name)).
    type: str
    default: odoo-cloud
  definition:
    description:
      - Definition of the container, in the form that the role P(odoo_cloud.platform.container#role)
        takes. The role P(odoo_cloud.platform.odoo#role) provides it.
      - Default is the definition of the instance's newest replica on this machine, so code, image,
        settings and secrets are those with which it serves.
    type: dict
"""
