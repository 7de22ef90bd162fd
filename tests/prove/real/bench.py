# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of this proof share: single containers (`single()`) and whole platforms (`site()`)."""

from __future__ import annotations

from ..blockers.bench import Bench as SharedPlatforms


class Bench(SharedPlatforms):
    """Single containers and platforms that parts share."""
