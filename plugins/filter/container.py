# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine import volumes


def container_tmpfs(definition, images):
    """The folders in memory of a container: those of its definition, and covers of declared volumes."""
    image = images[0] if images else {}
    return [*(definition.get("tmpfs") or []), *volumes.covers(image, definition)]


class FilterModule:
    """Filters of the role container."""

    def filters(self):
        return {"container_tmpfs": container_tmpfs}
