# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """For modules of the fragment `run` that change the database of running replicas."""

    DOCUMENTATION = r"""
options:
  stop_first:
    description:
      - Names of the instance's containers that must not serve while something is changed. They are
        stopped only when the run has the database's lock and has something to change; until then
        they serve. Containers on another machine, or of another platform, are left as they are.
      - A run that is not notified within 180 seconds that the containers are stopped releases the
        lock and ends with exit code 86. With O(wait=false), use the module again with O(run) and
        O(stop_first) within that time.
    type: list
    elements: str
    default: []
"""
