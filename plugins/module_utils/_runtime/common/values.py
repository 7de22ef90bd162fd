# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""How a value is written: one reader for each kind of it, for variables of containers and of the inventory alike.

`as_...` return None for what isn't of the kind; the others raise WrongValue, which names the variable, its value and what is right.
The container's health check imports this every few seconds, so it imports next to nothing itself.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping

TRUE = ("true", "yes", "on", "1", "t", "y")
FALSE = ("false", "no", "off", "0", "f", "n", "none")
SECONDS = {"seconds": 1, "minutes": 60}

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_PORT = re.compile(r"\s*[0-9]+\s*")
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.IGNORECASE)


class WrongValue(ValueError):
    """A variable that can't be read; the text is one line. `right` is the part of it that says what would be right."""

    def __init__(self, message: str, right: str = "") -> None:
        super().__init__(message)
        self.right = right


def wrong(name: str, value: object, right: str) -> WrongValue:
    """The error about a variable and its value. Never for a secret: the value is in the text."""
    return WrongValue(f"{name} is {value!r}: {right}", right)


def as_boolean(value: object) -> bool | None:
    """Whether it means yes; None for what means neither yes nor no. Capitals and blanks around it don't matter."""
    text = str(value).strip().lower()
    return True if text in TRUE else False if text in FALSE else None


def boolean(name: str, value: object, right: str = "must be True or False") -> bool:
    """Whether it means yes. `right` is for callers who say it in their own words."""
    found = as_boolean(value)
    if found is None:
        raise wrong(name, value, right)
    return found


def as_size(value: object) -> int | None:
    """Bytes: a number of them, or with k, m, g or t for a power of 1024 (`512m`, `1.5g`, `2GiB`); None for what is no size."""
    match = _SIZE.fullmatch(str(value))
    return int(float(match[1]) * 1024 ** _POWERS[match[2].lower()]) if match else None


def size(name: str, value: object) -> int:
    """Bytes, as as_size() reads them."""
    found = as_size(value)
    if found is None:
        raise wrong(name, value, "must be a number of bytes, or a size such as 512k or 1m")
    return found


def as_number(value: object) -> int | float | None:
    """A finite number, an integer where it is written as one; None for what is no number."""
    text = str(value)
    try:
        return int(text)
    except ValueError:
        pass
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def number(name: str, value: object, least: float, most: float | None = None, whole: bool = False) -> int | float:
    """A number from `least` to `most` (None: without an end), a whole one if it says so; `2.0` is whole."""
    found = as_number(value)
    broken = whole and found is not None and found != int(found)
    if found is None or broken or found < least or (most is not None and found > most):
        what = "a whole number" if broken else "a number"
        limits = f", {least:g} or more" if most is None else f" from {least:g} to {most:g}"
        raise wrong(name, value, f"must be {what}{limits}")
    return int(found) if whole else found


def seconds(
    name: str, value: object, least: float, most: float | None = None, whole: bool = False, unit: str = "seconds"
) -> int | float:
    """A duration in seconds. Value, `least` and `most` are in the unit: seconds or minutes."""
    return number(name, value, least, most, whole) * SECONDS[unit]


def as_port(value: object) -> int | None:
    """The number of a TCP port; None for what is none."""
    text = str(value)
    return int(text) if _PORT.fullmatch(text) and 0 < int(text) < 65536 else None


def port(name: str, value: object) -> int:
    """The number of a TCP port."""
    found = as_port(value)
    if found is None:
        raise wrong(name, value, "must be a port number from 1 to 65535")
    return found


def names(name: str, value: str) -> tuple[str, ...]:
    """Names of modules, separated by commas or blanks, each once."""
    found: list[str] = []
    for one in re.split(r"[,\s]+", value.strip()):
        if not one:
            continue
        if not _NAME.fullmatch(one):
            raise wrong(name, value, f"{one!r} is not a module name; give names separated by commas")
        if one not in found:
            found.append(one)
    return tuple(found)


def secret(env: Mapping[str, str], name: str) -> str | None:
    """The secret called `name`: from the file that NAME_FILE names, else from NAME; None if neither is set."""
    path = env.get(f"{name}_FILE") or ""
    if path:
        try:
            with open(path, encoding="utf-8") as handle:
                value = handle.read()
        except OSError as exc:
            right = f"cannot be read ({exc.strerror}); give a file that uid {os.getuid()} reads"
            raise wrong(f"{name}_FILE", path, right) from exc
        except UnicodeDecodeError as exc:
            raise wrong(f"{name}_FILE", path, "is not UTF-8 text") from exc
        if value.endswith("\n"):
            value = value[:-1]
        if value.endswith("\r"):
            value = value[:-1]
        if not value:
            raise wrong(f"{name}_FILE", path, "is empty; it must hold the secret")
    else:
        value = env.get(name) or ""
        if not value:
            return None
    if any(character in value for character in "\n\r\0"):
        raise WrongValue(f"{name} holds a line break or a NUL; a secret must be one line")
    return value
