# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""What Odoo 14 to 19 do differently. Every difference that the cloud addons must know stands here and nowhere else."""

from odoo import http, release
from odoo.modules.registry import Registry  # noqa: F401 - at this place in all versions

SERIES = release.version_info[0]
SERIES = int(SERIES.split("~")[-1]) if isinstance(SERIES, str) else SERIES  # "saas~18"

# 18 tells a device by the first characters of its session id, and may ask the store for them.
DEVICE_SESSIONS = SERIES >= 18
# Seconds that a session lives on after its rotation (19 and later rotate).
SESSION_DELETION_TIMER = getattr(http, "SESSION_DELETION_TIMER", 120)


# -- sessions ----------------------------------------------------------------------------------------------------------


def session_store():
    """The store that Odoo uses now: of its own making, as long as nobody put another one in its place."""
    return http.root.session_store


def set_session_store(store):
    """Make ``store`` the session store of this process.

    ``session_store`` is a property that is computed once (lazy_property, from 19 on functools.cached_property): both
    let an attribute of the instance win.
    """
    http.root.session_store = store


def answer_with(exception_class):
    """An exception of this class, which is a WSGI application, becomes the answer wherever it is raised.

    16 and later ask the exception for its ``error_response``. Up to 15 a wrapper around start_response loads the
    session once more while the answer to the first failure is sent; so it is caught outside of everything.
    """
    root_class = type(http.root)
    if SERIES >= 16 or getattr(root_class, "_odoo_cloud_answers", False):
        return
    original = root_class.__call__

    def __call__(self, environ, start_response):
        try:
            return original(self, environ, start_response)
        except exception_class as error:
            return error(environ, start_response)

    root_class.__call__ = __call__
    root_class._odoo_cloud_answers = True


def repair_session(data):
    """What JSON did to a session's data, undone.

    Up to 15 the numbers of the saved actions are keys of a dictionary; JSON makes strings of them.
    """
    actions = data.get("saved_actions")
    if isinstance(actions, dict) and isinstance(actions.get("actions"), dict):
        actions["actions"] = {
            int(key) if isinstance(key, str) and key.isdigit() else key: value
            for key, value in actions["actions"].items()
        }
    return data
