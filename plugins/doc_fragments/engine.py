# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The connection to the container engine."""

    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      Address of the engine's socket. Default is the environment variable E(DOCKER_HOST), then
      V(unix:///var/run/docker.sock).
    type: str
"""
