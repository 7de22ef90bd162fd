#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: engine_info
short_description: Reports whether a Docker engine answers, and what the machine lacks for one
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Inspects a machine cheaply. It works before anything is installed, because it needs only Python's standard library.
  - It does not fail when there is no engine.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.engine
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  python_modules:
    description: Python modules whose presence is checked in the interpreter that runs this module.
    type: list
    elements: str
    default: []
  log_path:
    description:
      A log file whose last lines are returned when no engine answers. Without it, none are.
    type: path
"""

EXAMPLES = r"""
- name: Check for an engine
  odoo_cloud.platform.engine_info:
    python_modules: [requests]
  register: engine
"""

RETURN = r"""
answers:
  description: Whether an engine answers.
  returned: always
  type: bool
version:
  description: The engine's version, empty when none answers.
  returned: always
  type: str
error:
  description: Why no engine answers; empty when one does.
  returned: always
  type: str
log:
  description: The last lines of O(log_path), when no engine answers; else empty.
  returned: always
  type: str
installed:
  description: Whether the engine's program is installed.
  returned: always
  type: bool
systemd:
  description: Whether systemd runs the machine.
  returned: always
  type: bool
codename:
  description: Code name of the operating system's release.
  returned: always
  type: str
  sample: trixie
missing_python_modules:
  description: The modules of O(python_modules) that are missing.
  returned: always
  type: list
  elements: str
interpreter:
  description: The Python interpreter that ran this module.
  returned: always
  type: str
system_interpreter:
  description: Whether that is the system's own Python, which sees Debian's packages.
  returned: always
  type: bool
"""

import importlib.util
import os
import shutil
import sys

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.api import (
    Engine,
    EngineError,
    EngineUnreachable,
)

SYSTEM_PATH = os.pathsep.join(["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"])


def look_for_engine(docker_host: str | None) -> tuple[bool, str, str]:
    """Whether an engine answers, its version, and why it doesn't."""
    try:
        return True, Engine(docker_host).version(), ""
    except EngineUnreachable as error:
        return False, "", str(error)
    except EngineError as error:  # it answers, but not as expected
        return True, "", str(error)


def os_release(path: str = "/etc/os-release") -> dict[str, str]:
    """The operating system's description of itself."""
    try:
        with open(path, encoding="utf-8") as stream:
            pairs = (line.strip().split("=", 1) for line in stream if "=" in line)
            return {key: value.strip("\"'") for key, value in pairs}
    except OSError:
        return {}


def last_lines(path: str | None, lines: int = 8) -> str:
    """The last lines of a log file, empty when there is none."""
    try:
        with open(path or "", encoding="utf-8", errors="replace") as stream:
            return "".join(stream.readlines()[-lines:]).strip()
    except OSError:
        return ""


def is_system_interpreter() -> bool:
    """Whether this is the system's Python, as opposed to a virtual environment, `/usr/local` or
    `/opt`.
    """
    return sys.prefix == sys.base_prefix == "/usr"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "docker_host": {"type": "str"},
            "python_modules": {"type": "list", "elements": "str", "default": []},
            "log_path": {"type": "path"},
        },
        supports_check_mode=True,
    )
    answers, version, error = look_for_engine(module.params["docker_host"])
    module.exit_json(
        answers=answers,
        version=version,
        error=error,
        log="" if answers else last_lines(module.params["log_path"]),
        installed=shutil.which("dockerd", path=SYSTEM_PATH) is not None,
        systemd=os.path.isdir("/run/systemd/system"),
        codename=os_release().get("VERSION_CODENAME", ""),
        missing_python_modules=[
            name for name in module.params["python_modules"] if importlib.util.find_spec(name) is None
        ],
        interpreter=sys.executable,
        system_interpreter=is_system_interpreter(),
    )


if __name__ == "__main__":
    main()
