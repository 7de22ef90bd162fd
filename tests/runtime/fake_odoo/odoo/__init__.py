# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Odoo's framework, in a source checkout's layout and with the loading order of Odoo 14.

It boots in milliseconds, so that lock, window and modes can be tested with a real PostgreSQL, real processes and many
actors. What it is a stand-in for is tested with the real Odoo 14 and 19 by tests/prove/state/.
"""
