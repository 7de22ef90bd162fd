# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What filters of the role odoo need besides the instances."""

    DOCUMENTATION = r"""
options:
  surroundings:
    description:
      - Settings of the containers that don't belong to an instance, all of C(name) (the name of the
        platform), C(root) (its folder on the machine), C(machine) (C(cpus), C(memory_bytes)),
        C(db_host), C(db_port), C(db_socket), C(db_ca_certificate), C(etc_hosts), C(redis),
        C(storage), C(limits) (whether containers have limits), C(instances) (how many the machine
        has), and C(code) as the filter P(odoo_cloud.platform.odoo_code#filter) returns it.
      - They are the variables C(odoo_*) of the role P(odoo_cloud.platform.odoo#role) with the same
        names; C(instances) is C(odoo_neighbours).
    type: dict
    required: true
"""
