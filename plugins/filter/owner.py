# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils._preflight import owner


class FilterModule:
    def filters(self):
        return {
            "owner_problems": owner.owner_problems,
            "owner_mark_wanted": owner.wants_mark,
            "owner_mark": owner.mark_text,
            "clean_problems": owner.clean_problems,
            "clean_kept_secrets": owner.kept_secrets,
        }
