# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that gives a service's container its limits. Its documentation is in the `.yml` file."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import values
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import limits


def container_limits(
    name: str,
    machine_memory: t.Any,
    memory: t.Any = 0,
    reservation: t.Any = 0,
    pids: t.Any = 0,
    enabled: t.Any = True,
) -> dict[str, t.Any]:
    given = {"machine_memory": machine_memory, "memory": memory or 0, "reservation": reservation or 0}
    sizes: dict[str, int] = {}
    for option, value in given.items():
        found = values.as_size(value)
        if found is None:
            raise AnsibleFilterError(f"{option}={value!r} of {name}: give a size such as 256m or 1g")
        sizes[option] = found
    wanted = values.as_boolean(enabled)
    if wanted is None:
        raise AnsibleFilterError(f"odoo_cloud_limits={enabled!r}: give true or false")
    machine = {"memory_bytes": sizes["machine_memory"]}
    return limits.service(str(name), machine, sizes["memory"], sizes["reservation"], int(pids), wanted)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"container_limits": container_limits}
