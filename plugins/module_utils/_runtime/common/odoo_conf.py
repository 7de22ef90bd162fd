# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Reading odoo.conf. The container's health check imports this every few seconds."""

from __future__ import annotations

import configparser

from . import values
from .errors import ConfigError


def read_odoo_conf(path: str) -> dict[str, str]:
    """Return the options of the section `[options]` of odoo.conf, without empty ones (False, None,
    blank).

    Raises `ConfigError` if the file can't be read or parsed.
    """
    parser = configparser.RawConfigParser(strict=False)
    try:
        with open(path, encoding="utf-8") as handle:
            parser.read_file(handle)
    except OSError as exc:
        raise _wrong(path, f"cannot be read ({exc.strerror}); mount Odoo's configuration file there") from exc
    except (configparser.Error, UnicodeDecodeError) as exc:
        raise _wrong(path, f"is not a configuration file: {' '.join(str(exc).split())}") from exc
    if not parser.has_section("options"):
        return {}
    return {key: value.strip() for key, value in parser.items("options") if value.strip() not in ("", "False", "None")}


def _wrong(path: str, right: str) -> ConfigError:
    return ConfigError(str(values.wrong("ODOO_RC", path, right)))
