# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The option of lookups that read the folder of generated secrets."""

    DOCUMENTATION = r"""
options:
  dir:
    description: Folder of the secrets. Default is the variable C(odoo_cloud_secrets_dir), then C(~/.odoo-cloud/<odoo_cloud_name>).
    type: string
"""
