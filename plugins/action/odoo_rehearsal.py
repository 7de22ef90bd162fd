# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._follow import FollowAction


class ActionModule(FollowAction):
    """Shows the steps of the module of this name while it works."""
