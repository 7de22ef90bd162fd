# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make core221` leaves out touches no Ansible."""

from __future__ import annotations

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
IMPORT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    found = sorted(one for one in sys.modules if one == "ansible" or one.startswith("ansible."))
    if found:
        sys.exit(f"{name} imports {found[0]}")
"""


def test_tests_that_are_not_marked_import_no_ansible(request):
    """The parts of the collection that such tests import are imported for real."""
    conftest = request.config.pluginmanager.getplugin(str(HERE / "conftest.py"))
    files = sorted(HERE.rglob("test_*.py"))
    marked = [path for path in files if conftest.touches_ansible(path)]
    assert 10 < len(marked) < len(files) - 10
    imported = {name for path in files if path not in marked for name in conftest.imported(path)}
    ours = sorted(
        name for name in imported if name.startswith(conftest.COLLECTION) and conftest.file_of(name).is_file()
    )
    assert len(ours) > 50
    done = subprocess.run([sys.executable, "-c", IMPORT, *ours], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-600:]
