# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection odoo_cloud.platform.
"""What lookups read from the variables of the task that calls them."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.secret import DEFAULT_NAME, default_root


class HostVariables(t.Mapping[str, t.Mapping[str, t.Any]]):
    """The variables of hosts, each host's read once, because Ansible merges them again at every
    access.
    """

    def __init__(self, hostvars: t.Mapping[str, t.Mapping[str, t.Any]]) -> None:
        self._hostvars = hostvars
        self._known: dict[str, t.Mapping[str, t.Any]] = {}

    def __getitem__(self, host: str) -> t.Mapping[str, t.Any]:
        if host not in self._known:
            self._known[host] = self._hostvars[host]
        return self._known[host]

    def __iter__(self) -> t.Iterator[str]:
        return iter(self._hostvars)

    def __len__(self) -> int:
        return len(self._hostvars)


def is_check_mode(variables: t.Mapping[str, t.Any] | None) -> bool:
    """Whether the play runs with `--check`."""
    return bool((variables or {}).get("ansible_check_mode", False))


def templated(templar: t.Any, variables: t.Mapping[str, t.Any] | None, name: str, default: t.Any = None) -> t.Any:
    """The rendered value of a variable; `default` when it is not set."""
    value = (variables or {}).get(name)
    return default if value is None else templar.template(value)


def platform_name(templar: t.Any, variables: t.Mapping[str, t.Any] | None) -> str:
    """The name of the platform."""
    return str(templated(templar, variables, "odoo_cloud_name", DEFAULT_NAME))


def secrets_dir(templar: t.Any, variables: t.Mapping[str, t.Any] | None) -> str:
    """The folder of generated secrets on the controller."""
    folder = templated(templar, variables, "odoo_cloud_secrets_dir")
    if not folder:
        folder = os.path.join("~", ".odoo-cloud", platform_name(templar, variables))
    return os.path.expanduser(str(folder))


def root(templar: t.Any, variables: t.Mapping[str, t.Any] | None) -> str:
    """The platform's folder on its machines."""
    stated = templated(templar, variables, "odoo_cloud_root")
    return str(stated) if stated else default_root(secrets_dir(templar, variables), platform_name(templar, variables))
