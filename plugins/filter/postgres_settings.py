# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import (
    postgres_settings as _postgres_settings,
)


def postgres_settings(overrides, **options):
    try:
        return _postgres_settings.postgres_settings(overrides=overrides, **options)
    except _postgres_settings.SettingsError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {"postgres_settings": postgres_settings}
