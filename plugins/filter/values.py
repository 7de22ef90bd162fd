# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that read a variable as the rest of the collection does. Their documentation is in the
`.yml` files."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import values


def boolean(value: t.Any, name: str) -> bool:
    """Yes or no. `name`: the variable's, for the error."""
    found = values.as_boolean(value)
    if found is None:
        raise AnsibleFilterError(f"{name}={value!r}: give true or false")
    return found


def size(value: t.Any, name: str, least: str = "0") -> int:
    """A size in bytes. `name`: the variable's, for the error. `least`: a size, the smallest allowed."""
    found = values.as_size(value)
    if found is None or found < (values.as_size(least) or 0):
        more = f", {least} or more" if least != "0" else ""
        raise AnsibleFilterError(f"{name}={value!r}: give a size such as 256m or 1g{more}")
    return found


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"boolean": boolean, "size": size}
