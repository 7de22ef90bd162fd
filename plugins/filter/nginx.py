# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import nginx_limits as _limits
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


def nginx_limits(
    sites: t.Sequence[t.Mapping[str, t.Any]], memory: t.Any, cpus: t.Any, space: t.Any, **given: t.Any
) -> dict[str, t.Any]:
    """How much the proxy takes at the same time, and where people log in; see `limits`."""
    try:
        found = _limits.limits(memory, cpus, space, [site["max_body"] for site in sites], **given)
    except _limits.LimitError as error:
        raise AnsibleFilterError(str(error)) from error
    return dict(
        found, doors=_limits.doors(), rpc_path=f"{_limits.RPC}(/|$)",
        small_body=_limits.SMALL_BODY, answer=_limits.ANSWER,
    )  # fmt: skip


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"nginx_limits": nginx_limits, "nginx_sites": nginx_sites, "nginx_upstream_files": upstream_files}
