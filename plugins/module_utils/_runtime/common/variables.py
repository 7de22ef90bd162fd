# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Variables of the environment as the Odoo addons understand them; what is wrong is a ValueError of one line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Optional

from .config import read_secret
from .errors import ConfigError

TRUE = ("1", "true", "t", "yes", "y", "on")
FALSE = ("", "0", "false", "f", "no", "n", "off", "none")

Environment = Optional[Mapping[str, str]]


class SettingsError(ValueError):
    """A variable is missing or wrong; the text is one line for people."""


def text(name: str, default: str = "", env: Environment = None) -> str:
    """The variable's value without blanks around it, or the default if it is not set or empty."""
    return ((os.environ if env is None else env).get(name) or "").strip() or default


def is_true(name: str, default: bool = False, env: Environment = None) -> bool:
    """Whether the variable says yes; anything that is neither yes nor no is an error."""
    value = (os.environ if env is None else env).get(name)
    if value is None or not value.strip():
        return default
    value = value.strip().lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise SettingsError(f"{name} is {value!r}: say 1 or 0")


def number(name: str, default: Any, least: float = 0, env: Environment = None, kind: Any = int) -> Any:
    """The variable as a number that isn't less than ``least``."""
    value = text(name, env=env)
    if not value:
        return default
    try:
        result = kind(value)
    except ValueError:
        result = None
    if result is None or result < least:
        raise SettingsError(f"{name} is {value!r}: must be a number, {least} or more")
    return result


def secret(name: str, default: str = "", env: Environment = None) -> str:
    """The secret: from the file that NAME_FILE names, else from NAME."""
    try:
        return read_secret(os.environ if env is None else env, name) or default
    except ConfigError as exc:
        raise SettingsError(str(exc)) from exc
