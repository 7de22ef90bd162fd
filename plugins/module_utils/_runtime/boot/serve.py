# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Starts Odoo behind the doors of `doors`, and so that a plain start doesn't upgrade modules that
were left in the state `to upgrade`.

Odoo 14 to 18 finish a left-over upgrade in whatever process builds a registry next: a worker, a
shell, a cron process, on every replica at once. Odoo 19 loads such modules as they are; this makes
the older ones do the same. A requested upgrade (a button, `-u`, the runtime's own window) works as
always.

Run as a script, so that Odoo's gevent process, which is started again from sys.argv[0], runs
through it too.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading


def close_doors(folder: str) -> None:
    """Close the database manager and limit guessing. `folder`: that of this script, which is not
    on the path."""
    import odoo.exceptions
    import odoo.http
    import odoo.service.common
    import odoo.service.db
    import odoo.service.model
    from odoo.tools import config

    spec = importlib.util.spec_from_file_location("odoo_cloud_doors", os.path.join(folder, "doors.py"))
    doors = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(doors)
    doors.close(odoo.http, odoo.service, config, odoo.exceptions.AccessDenied)


def guard_plain_loads() -> None:
    """Treat a module `to upgrade` as installed in every load without update_module (up to 18)."""
    if importlib.util.find_spec("odoo.modules.graph") is None:
        return
    import odoo.modules
    import odoo.modules.graph
    import odoo.modules.loading

    local = threading.local()
    load_modules = odoo.modules.loading.load_modules
    update_from_db = odoo.modules.graph.Graph.update_from_db

    def guarded_load(*args, **values):  # type: ignore[no-untyped-def]
        # load_modules(registry or database, force_demo, status, update_module)
        before = getattr(local, "updating", None)
        local.updating = bool(values.get("update_module", args[3] if len(args) > 3 else False))
        try:
            return load_modules(*args, **values)
        finally:
            local.updating = before

    def guarded_graph(self, cr):  # type: ignore[no-untyped-def]
        update_from_db(self, cr)
        if getattr(local, "updating", None) is False:
            for package in self.values():
                if package.state == "to upgrade":
                    package.state = "installed"

    odoo.modules.loading.load_modules = guarded_load
    odoo.modules.load_modules = guarded_load
    odoo.modules.graph.Graph.update_from_db = guarded_graph


def main() -> None:
    """Start Odoo with the arguments of this process."""
    # This script's folder is first on the path, and its modules must not shadow others of the same
    # name.
    here = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [item for item in sys.path if os.path.realpath(item or os.getcwd()) != here]
    executable = os.environ.get("ODOO_CLOUD_EXECUTABLE") or "odoo"
    beside = os.path.dirname(os.path.realpath(executable))
    if os.path.isfile(os.path.join(beside, "odoo", "addons", "base", "__manifest__.py")):
        sys.path.insert(0, beside)  # a source checkout: odoo-bin is beside the package
    os.environ["TZ"] = "UTC"  # like Odoo's own start script, before the import
    import odoo.cli

    close_doors(here)
    guard_plain_loads()
    odoo.cli.main()


if __name__ == "__main__":
    main()
