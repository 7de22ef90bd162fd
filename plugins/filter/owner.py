# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils import _owner


class FilterModule:
    def filters(self):
        return {
            "owner_problems": _owner.owner_problems,
            "owner_mark_wanted": _owner.wants_mark,
            "owner_mark": _owner.mark_text,
            "clean_problems": _owner.clean_problems,
            "clean_kept_secrets": _owner.kept_secrets,
        }
