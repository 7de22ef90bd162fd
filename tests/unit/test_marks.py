# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make core221` leaves out touches no Ansible."""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
IMPORT = """
import importlib.util, pathlib, sys
sys.path[:0] = sys.argv[1].split(":")  # helpers of tests
for path in sys.argv[2:]:
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = sorted(name for name in sys.modules if name == "ansible" or name.startswith("ansible."))
    if found:
        sys.exit(f"{path} imports {found[0]}")
"""


def test_tests_that_are_not_marked_import_no_ansible():
    spec = importlib.util.spec_from_file_location("unit_conftest", HERE / "conftest.py")
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    files = [path for path in sorted(HERE.rglob("test_*.py")) if path != pathlib.Path(__file__).resolve()]
    marked = [path for path in files if conftest.touches_ansible(path)]
    assert 10 < len(marked) < len(files) - 10
    rest = [str(path) for path in files if path not in marked]
    folders = dict.fromkeys([str(HERE), *(str(path.parent) for path in files)])
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, ":".join(folders), *rest],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-600:]
