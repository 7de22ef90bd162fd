# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Container variables for the Odoo addons and the object stores, each by its name in the table
(container_variables.py).

Values come from this process's environment unless another is given. A name missing in the table
raises `KeyError`, a value that can't be read `SettingsError`, whose message is one line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Optional

from .container_variables import VARIABLES
from .values import WrongValue as SettingsError

__all__ = ("Environment", "SettingsError", "is_true", "number", "secret", "text")

Environment = Optional[Mapping[str, str]]


def _read(name: str, env: Environment) -> Any:
    return VARIABLES[name].read(os.environ if env is None else env)


def text(name: str, env: Environment = None) -> str:
    """Return the variable's text without surrounding blanks, or its default; empty if it has none.
    Raises `SettingsError`."""
    return str(_read(name, env))


def is_true(name: str, env: Environment = None) -> bool:
    """Whether the variable, or its default if it isn't set, is true. Raises `SettingsError`."""
    return bool(_read(name, env))


def number(name: str, env: Environment = None) -> Any:
    """Return the variable, or its default, as a number: a duration in seconds, a size in bytes.
    Raises `SettingsError`."""
    return _read(name, env)


def secret(name: str, env: Environment = None) -> str:
    """Return the secret, from the file named by the variable with the suffix `_FILE`, else from the
    variable; empty if neither is set. Raises `SettingsError`."""
    return _read(name, env) or ""
