# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role certificate. Their documentation is in the `.yml` files."""

from __future__ import annotations

import typing as t

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.certificate import (
    certificate_due,
    subject_alt_names,
)


def due(
    info: t.Mapping[str, t.Any], names: list[str], ca_info: t.Mapping[str, t.Any] | None = None, days: int = 30
) -> bool:
    """Whether a server certificate has to be replaced; see `certificate_due`."""
    return certificate_due(info, names, ca_info, days)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"certificate_due": due, "certificate_names": subject_alt_names}
