# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Settings come from the environment. Secrets are read as the container's runtime reads them: X_FILE wins over X."""

import os
import sys

RUNTIME_FOLDER = "/opt/odoo-cloud"  # where the image has the package odoo_cloud_runtime

TRUE = ("1", "true", "t", "yes", "y", "on")
FALSE = ("", "0", "false", "f", "no", "n", "off", "none")


def _find_runtime():
    """The runtime starts Odoo without its own folder on the path; here it is put at the end of it."""
    if RUNTIME_FOLDER not in sys.path and os.path.isdir(RUNTIME_FOLDER):
        sys.path.append(RUNTIME_FOLDER)


_find_runtime()
from odoo_cloud_runtime.config import read_secret  # noqa: E402
from odoo_cloud_runtime.errors import ConfigError  # noqa: E402


def text(name, default="", env=None):
    """The variable's value without blanks around it, or the default if it is not set or empty."""
    return ((os.environ if env is None else env).get(name) or "").strip() or default


def is_true(name, default=False, env=None):
    """Whether the variable says yes; anything that is neither yes nor no is an error."""
    value = (os.environ if env is None else env).get(name)
    if value is None or not value.strip():
        return default
    value = value.strip().lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ValueError(f"{name} is {value!r}: say 1 or 0")


def number(name, default, least=0, env=None, kind=int):
    """The variable as a number that isn't less than ``least``."""
    value = text(name, env=env)
    if not value:
        return default
    try:
        result = kind(value)
    except ValueError:
        result = None
    if result is None or result < least:
        raise ValueError(f"{name} is {value!r}: must be a number, {least} or more")
    return result


def secret(name, default="", env=None):
    """The secret: from the file that NAME_FILE names, else from NAME."""
    try:
        return read_secret(os.environ if env is None else env, name) or default
    except ConfigError as error:
        raise ValueError(str(error)) from error


def running_env():
    """The environment: ``running_env`` of odoo.conf, else RUNNING_ENV, in the order of OCA's server_environment."""
    from odoo.tools import config

    try:
        configured = config.get("running_env")
    except KeyError:
        configured = None
    return str(configured or text("RUNNING_ENV") or text("ODOO_STAGE")).strip()
