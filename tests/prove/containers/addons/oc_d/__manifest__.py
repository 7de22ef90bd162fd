# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
{  # noqa: B018
    "name": "Proof: stands alone",
    "version": "1.0",
    "license": "GPL-3",
    "depends": ["base"],
    "data": ["ir.model.access.csv", "data.xml"],
    "post_init_hook": "count_install",
}
