# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Settings from the environment. Secrets are read like in the container's runtime: X_FILE has
precedence over X."""

import os
import sys

RUNTIME_FOLDER = "/opt/odoo-cloud"  # where the image has the package odoo_cloud_runtime


def _find_runtime():
    """Appends the runtime's folder to the path, because the runtime starts Odoo without it."""
    if RUNTIME_FOLDER not in sys.path and os.path.isdir(RUNTIME_FOLDER):
        sys.path.append(RUNTIME_FOLDER)


_find_runtime()
# The addons import them from here.
from odoo_cloud_runtime.common.variables import SettingsError, is_true, number, secret, text  # noqa: E402, F401 # pylint: disable=unused-import


def running_env():
    """Return the environment: `running_env` of odoo.conf, else RUNNING_ENV, in the order of OCA's
    server_environment."""
    from odoo.tools import config

    try:
        configured = config.get("running_env")
    except KeyError:
        configured = None
    return str(configured or text("RUNNING_ENV") or text("ODOO_STAGE")).strip()
