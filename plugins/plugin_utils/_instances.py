# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection odoo_cloud.platform.
"""Makes filters of functions that take instances: filters get dictionaries from Jinja."""

from __future__ import annotations

import functools
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.model import Instance, ModelError


def of_instance(name: str, function: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
    """A filter `name` from a function whose first parameter is an `Instance`."""
    return _filter(name, function, Instance.from_dict)


def of_instances(name: str, function: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
    """A filter `name` from a function whose first parameter is a list of `Instance`."""
    return _filter(name, function, lambda given: [Instance.from_dict(one) for one in given])


def _filter(name: str, function: t.Callable[..., t.Any], typed: t.Callable[[t.Any], t.Any]) -> t.Callable[..., t.Any]:
    @functools.wraps(function)
    def wrapped(given: t.Any, *arguments: t.Any, **named: t.Any) -> t.Any:
        try:
            made = typed(given)
        except ModelError as error:
            raise AnsibleFilterError(f"{name}: {error}") from error
        return function(made, *arguments, **named)

    return wrapped
