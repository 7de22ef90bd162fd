# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role odoo for containers and files. The code is in
`module_utils/_services/odoo_*.py`, the documentation in the `.yml` files.
"""

from __future__ import annotations

import functools

from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import naming
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.model import Instance, plain
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import (
    firewall as _firewall,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import (
    odoo_containers,
    odoo_files,
    odoo_one_off,
)


def _filter(function):
    """Turns the errors of a function into those of a filter of the same name."""

    @functools.wraps(function)
    def wrapped(*given, **options):
        try:
            return function(*given, **options)
        except ValueError as error:
            raise AnsibleFilterError(f"odoo_{function.__name__}: {error}") from error

    return wrapped


@_filter
def containers(instances, surroundings, machine, without=()):
    here = odoo_containers.Surroundings.from_dict(surroundings)
    return odoo_containers.replicas(map(Instance.from_dict, instances), here, str(machine), plain(without))


@_filter
def one_off(instances, surroundings, instance, mode=odoo_one_off.UPDATE, page=False, now=False):
    here = odoo_containers.Surroundings.from_dict(surroundings)
    for one in instances:
        if one["name"] == instance:
            return odoo_containers.one_off(Instance.from_dict(one), here, str(mode), bool(page), bool(now))
    raise ValueError(f"instance {str(instance)!r} is not one of those given")


@_filter
def one_off_names(instances, platform):
    return odoo_one_off.names([str(one["name"]) for one in instances], str(platform))


@_filter
def files(instances, surroundings, former=False):
    build = odoo_files.former if former else odoo_files.files
    return build(map(Instance.from_dict, instances), odoo_containers.Surroundings.from_dict(surroundings))


@_filter
def firewall(instances, surroundings):
    here = odoo_containers.Surroundings.from_dict(surroundings)
    return _firewall.rules(map(Instance.from_dict, instances), here)


@_filter
def networks(instances, platform, service):
    given = [(str(one["name"]), plain(one["hostnames"])) for one in instances]
    return naming.connections(given, str(platform), str(service))


class FilterModule:
    def filters(self):
        return {
            "odoo_containers": containers,
            "odoo_files": files,
            "odoo_firewall": firewall,
            "odoo_networks": networks,
            "odoo_one_off": one_off,
            "odoo_one_off_names": one_off_names,
        }
