# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What the build of the image found in it: the folders with addons that the image brings itself.

odoo.conf comes from the controller, which can't know them. The file is written by the role `image`
(find-odoo.py); an image of before has none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from .errors import ConfigError

FILE = "/opt/odoo-cloud/image.json"


def own_addons(file: str = "") -> tuple[str, ...]:
    """Return the image's own folders with addons, besides those in Odoo's package.

    `file`: the record, `FILE` by default. Raises `ConfigError` if it can't be read.
    """
    path = file or FILE
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
        return tuple(str(one) for one in found["addons"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise ConfigError(f"{path}: can't be read ({exc}); build the image again") from exc


def joined(stated: str, own: Sequence[str]) -> str:
    """Return the value of addons_path: the folders that odoo.conf states, then the image's own."""
    folders = [item.strip() for item in stated.split(",") if item.strip()]
    return ",".join(dict.fromkeys([*folders, *own]))


def addons_path_option(value: str) -> list[str]:
    """Return the command-line option for a value of addons_path, nothing if no folder is left.

    Odoo refuses a folder without addons on its command line, though not in odoo.conf.
    """
    good = [folder for folder in value.split(",") if _has_addons(os.path.expanduser(folder))]
    return [f"--addons-path={','.join(good)}"] if good else []


def _has_addons(folder: str) -> bool:
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    files = ("__init__.py", "__manifest__.py")
    return any(all(os.path.isfile(os.path.join(folder, name, file)) for file in files) for name in names)
