# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection odoo_cloud.platform.
"""What the lookups read from the variables of the task that called them."""

from __future__ import annotations

import os
import typing as t

DEFAULT_NAME = "odoo-cloud"


def is_check_mode(variables: t.Mapping[str, t.Any] | None) -> bool:
    """True when the play runs with ``--check``."""
    return bool((variables or {}).get("ansible_check_mode", False))


def templated(templar: t.Any, variables: t.Mapping[str, t.Any] | None, name: str, default: t.Any = None) -> t.Any:
    """The value of one variable, rendered; ``default`` when it isn't set."""
    value = (variables or {}).get(name)
    return default if value is None else templar.template(value)


def secrets_dir(templar: t.Any, variables: t.Mapping[str, t.Any] | None) -> str:
    """The folder of generated secrets on the controller."""
    folder = templated(templar, variables, "odoo_cloud_secrets_dir")
    if not folder:
        name = templated(templar, variables, "odoo_cloud_name", DEFAULT_NAME)
        folder = os.path.join("~", ".odoo-cloud", str(name))
    return os.path.expanduser(str(folder))
