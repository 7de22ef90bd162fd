# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
{  # noqa: B018
    "name": "Proof: what sells",
    "version": "1.0",
    "license": "GPL-3",
    "depends": ["shop_sale", "date_range"],
    "data": ["data/ir.config_parameter.csv"],
}
