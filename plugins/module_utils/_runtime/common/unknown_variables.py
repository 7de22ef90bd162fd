# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Environment variables that resemble ours but aren't: probably misspelt, so nothing reads them.

Images, engines and clusters set many unrelated variables. A name that is merely similar is
therefore only logged. It is an error where nothing else can have set it: in an inventory, with a
prefix that only we use.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from . import values
from .container_variables import HANDED_ON, NAMES, VARIABLES

# Only our variables have names with these prefixes.
OURS = ("ODOO_SESSION_REDIS", "ODOO_CLOUD_")
# Similar to one of ours by coincidence
OTHERS = ("SFTP_PASSWORD",)
# Variables of the originals that have no counterpart, and why
RETIRED = {
    "ODOO_SESSION_REDIS_PURGE_EXISTING_FS_SESSIONS": "files of sessions are removed when Redis has them",
    "STATSD_PREFIX": "names of metrics always begin with odoo",
}
# Variables of programs whose work the runtime does, and what says the same here
FOREIGN = {
    "MARABUNTA_ALLOW_SERIE": "MIGRATION_ALLOW_SERIE",
    "MARABUNTA_DATABASE": "DB_NAME",
    "MARABUNTA_DB_HOST": "DB_HOST",
    "MARABUNTA_DB_PASSWORD": "DB_PASSWORD_FILE",
    "MARABUNTA_DB_PORT": "DB_PORT",
    "MARABUNTA_DB_USER": "DB_USER",
    "MARABUNTA_FORCE_VERSION": "MIGRATION_FORCE_VERSION",
    "MARABUNTA_MIGRATION_FILE": "MIGRATION_FILE",
    "MARABUNTA_MODE": "MIGRATION_MODE",
    "MARABUNTA_OVERRIDE_TRANSLATIONS": "override_translations of a version in the migration file",
}
# Prefixes of variables of migrations. A project's own programs may have others with them.
MIGRATION_PREFIXES = ("MARABUNTA_", "MIGRATION_")
SIMILAR = 0.85  # ratio of difflib: one wrong or missing letter in a short name, a few in a long one

# Options of odoo.conf that other images of Odoo take from the environment, and their names in
# odoo.conf
CONF_OPTIONS = {
    **{
        name.upper(): name
        for name in (
            "addons_path",
            "admin_passwd",
            "db_maxconn",
            "db_template",
            "limit_memory_hard",
            "limit_memory_soft",
            "limit_request",
            "limit_time_cpu",
            "limit_time_real",
            "limit_time_real_cron",
            "max_cron_threads",
            "proxy_mode",
            "unaccent",
            "without_demo",
            "workers",
        )
    },
    "DB_FILTER": "dbfilter",
}
# What a cluster or an engine sets for each of its services: DB_SERVICE_HOST,
# REDIS_PORT_6379_TCP_ADDR, ...
_SERVICE = re.compile(r".*(_SERVICE_HOST|_SERVICE_PORT(_\w+)?|_PORT_\d+_(TCP|UDP)(_\w+)?|_ENV_\w+)")


def nearest(name: str) -> str:
    """Return our variable, or the option of odoo.conf in upper case, whose name is most similar;
    empty if none is similar enough."""
    found = difflib.get_close_matches(name.upper(), sorted({*NAMES, *CONF_OPTIONS}), 1, SIMILAR)
    return found[0] if found else ""


def doubt(name: str) -> str:
    """Explain that nothing reads the environment variable `name`, and which was probably meant.
    Empty for our own variables and for names that don't resemble them. Never contains the value,
    which may be a secret."""
    if name in NAMES or name in HANDED_ON or name in OTHERS or _SERVICE.fullmatch(name):
        return ""
    if name in RETIRED:
        return RETIRED[name]
    if name in FOREIGN:
        return f"it is marabunta's; give {FOREIGN[name]}"
    if name.startswith("MARABUNTA_WEB_"):
        return "it is marabunta's; the waiting page needs no setting"
    near = nearest(name)
    if near in CONF_OPTIONS:
        return f"it belongs into odoo.conf, as {CONF_OPTIONS[near]}"
    if near:
        return f"did you mean {near}?"
    prefixes = (*OURS, *MIGRATION_PREFIXES)
    return "no variable is called so, docs/runtime.md and docs/addons.md have all" if name.startswith(prefixes) else ""


def warnings(names: Iterable[str]) -> list[str]:
    """Return one line for each of `names` that resembles one of our variables and isn't one."""
    doubts = ((name, doubt(name)) for name in sorted(names))
    return [f"{name} is set, and nothing here reads it: {text}" for name, text in doubts if text]


def wrong_setting(name: str, text: str) -> str:
    """Explain what is wrong with a variable `name` set to `text` in an inventory: the name has our
    prefix but is unknown, or the value can't be read. Empty if it is right."""
    if name in NAMES:
        variable = VARIABLES.get(name)
        if variable is None or variable.secret or not text.strip():
            return ""
        try:
            variable.read({name: text})
        except values.WrongValue as exc:
            return exc.right
        return ""
    told = doubt(name) if name.startswith(OURS) and name not in RETIRED else ""
    return f"nothing reads it: {told}" if told else ""
