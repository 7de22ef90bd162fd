# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""How a value is written: one reader for each kind, shared by container and inventory variables.

The functions `as_...` return `None` for text that isn't of the kind; the others raise `WrongValue`,
which names the variable, its value and what would be right. The container's health check imports
this module every few seconds, so it imports very little itself.
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
# What Odoo takes as a module's name depends on its version (addons/tree.py); until 18 it is any folder's.
MODULE_NAME = re.compile(r"\w[\w-]*")


class WrongValue(ValueError):
    """A variable that can't be read; the message is one line. `right` is the part of the message
    that says what would be right."""

    def __init__(self, message: str, right: str = "") -> None:
        super().__init__(message)
        self.right = right


def wrong(name: str, value: object, right: str) -> WrongValue:
    """Return the error about a variable and its value. Never use it for a secret, because the
    message contains the value."""
    return WrongValue(f"{name} is {value!r}: {right}", right)


def as_boolean(value: object) -> bool | None:
    """Read yes or no; `None` for any other text. Case and surrounding blanks don't matter."""
    text = str(value).strip().lower()
    return True if text in TRUE else False if text in FALSE else None


def boolean(name: str, value: object, right: str = "must be True or False") -> bool:
    """Read yes or no. `right`: the text of the error in the caller's own words.

    Raises `WrongValue`.
    """
    found = as_boolean(value)
    if found is None:
        raise wrong(name, value, right)
    return found


def as_size(value: object) -> int | None:
    """Return a size in bytes: a plain number, or one with k, m, g or t for a power of 1024 (`512m`,
    `1.5g`, `2GiB`); `None` for other text."""
    match = _SIZE.fullmatch(str(value))
    return int(float(match[1]) * 1024 ** _POWERS[match[2].lower()]) if match else None


def size(name: str, value: object) -> int:
    """Return a size in bytes, as `as_size()` reads it.

    Raises `WrongValue`.
    """
    found = as_size(value)
    if found is None:
        raise wrong(name, value, "must be a number of bytes, or a size such as 512k or 1m")
    return found


def as_number(value: object) -> int | float | None:
    """Return a finite number, an integer if written as one; `None` for other text."""
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


def as_whole(value: object) -> int | None:
    """Return a whole number, also one written as `2.0` or `1e3`; `None` for other text."""
    found = as_number(value)
    return int(found) if found is not None and found == int(found) else None


def number(name: str, value: object, least: float, most: float | None = None, whole: bool = False) -> int | float:
    """Return a number from `least` to `most` (`None`: no upper limit). With `whole` it must be
    integral; `2.0` is.

    Raises `WrongValue`.
    """
    found = as_number(value)
    broken = whole and found is not None and as_whole(value) is None
    if found is None or broken or found < least or (most is not None and found > most):
        what = "a whole number" if broken else "a number"
        limits = f", {least:g} or more" if most is None else f" from {least:g} to {most:g}"
        raise wrong(name, value, f"must be {what}{limits}")
    return int(found) if whole else found


def seconds(
    name: str, value: object, least: float, most: float | None = None, whole: bool = False, unit: str = "seconds"
) -> int | float:
    """Return a duration in seconds. `value`, `least` and `most` are in `unit`: seconds or minutes.

    Raises `WrongValue`.
    """
    return number(name, value, least, most, whole) * SECONDS[unit]


def as_port(value: object) -> int | None:
    """Return the number of a TCP port, 1 to 65535; `None` for other text."""
    text = str(value)
    return int(text) if _PORT.fullmatch(text) and 0 < int(text) < 65536 else None


def port(name: str, value: object) -> int:
    """Return the number of a TCP port, 1 to 65535.

    Raises `WrongValue`.
    """
    found = as_port(value)
    if found is None:
        raise wrong(name, value, "must be a port number from 1 to 65535")
    return found


def names(name: str, value: str) -> tuple[str, ...]:
    """Return the names of modules in `value`, separated by commas or blanks, without duplicates.

    Raises `WrongValue`.
    """
    found: list[str] = []
    for one in re.split(r"[,\s]+", value.strip()):
        if not one:
            continue
        if not MODULE_NAME.fullmatch(one):
            raise wrong(name, value, f"{one!r} is not a module name; give names separated by commas")
        if one not in found:
            found.append(one)
    return tuple(found)


def secret(env: Mapping[str, str], name: str) -> str | None:
    """Return the secret `name`: from the file named by the variable with the suffix `_FILE`, else
    from the variable itself; `None` if neither is set.

    Raises `WrongValue` if the file can't be read or is empty, or the secret has more than one line.
    """
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
