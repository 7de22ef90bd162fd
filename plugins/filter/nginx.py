# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.nginx import (
    SiteError,
    normal_sites,
    upstream_files,
)


def nginx_sites(sites: t.Any, **defaults: t.Any) -> list[dict[str, t.Any]]:
    """The checked sites with all keys; see `normal_sites`."""
    try:
        return normal_sites(sites, defaults)
    except SiteError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"nginx_sites": nginx_sites, "nginx_upstream_files": upstream_files}
