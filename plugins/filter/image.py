# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role image; the knowledge is in module_utils/_image.py, the documentation in the .yml files beside."""

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils import _image


class FilterModule:
    def filters(self):
        return {
            "image_build_item": _image.build_item,
            "image_build_error": _image.build_error,
            "image_context_files": _image.context_files,
            "image_failures": _image.failures,
            "image_ids": _image.resolve,
            "image_missing": _image.missing,
            "image_pip_failure": _image.pip_failure,
            "image_pip_home": _image.pip_home,
            "image_problems": _image.problems,
            "image_records": _image.records,
            "image_updates": _image.updates,
            "image_requirement_sets": _image.requirement_sets,
        }
