# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Variables of the container for the Odoo addons and the object stores, each by its name in the table (container_variables.py).

The environment is this process's own unless another is given. A variable that is missing in the table is a KeyError, one that can't
be read a SettingsError, whose text is one line.
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
    """The variable's text without blanks around it, or its default; empty if it has none."""
    return str(_read(name, env))


def is_true(name: str, env: Environment = None) -> bool:
    """Whether the variable says yes, or its default if it isn't set."""
    return bool(_read(name, env))


def number(name: str, env: Environment = None) -> Any:
    """The variable as a number, or its default: a duration in seconds, a size in bytes."""
    return _read(name, env)


def secret(name: str, env: Environment = None) -> str:
    """The secret, from the file that NAME_FILE names, else from NAME; empty if neither is set."""
    return _read(name, env) or ""
