#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: python_archive
short_description: Downloads pinned Python packages for another Python, as one tar archive
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Runs pip to download wheels for the Python of an image and unpacks them into one archive, whose
    only folder is C(python).
  - It runs on the controller with the configuration of pip there, so that an image needs neither
    pip nor a network nor credentials while it is built. No code of the packages is run or built.
  - Programs of packages (C(bin)) are left out, since they would start the controller's Python.
  - The role P(odoo_cloud.platform.image#role) uses it for the Odoo images.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
attributes:
  check_mode:
    support: full
    details: In check mode the requirements are checked and nothing is downloaded.
  diff_mode:
    support: none
  idempotent:
    support: full
    details: An existing archive is left as it is; name it by the content of the requirements.
requirements:
  - pip, in the Python that runs the module
options:
  path:
    description: Path of the archive. Its folder is created.
    type: path
    required: true
  requirements:
    description:
      Text of a requirements file. Each requirement is pinned to a version and has its SHA-256
      hashes, one for each processor and Python for which it is used. All packages on which they
      depend must be in it too.
    type: str
    required: true
  python_version:
    description: Version of the Python for which the packages are.
    type: str
    required: true
  machine:
    description: Processor for which the packages are, as C(uname -m) names it.
    type: str
    default: x86_64
  wheels_dir:
    description:
      Folder with the wheels, for controllers that reach no package index. Default is the index for
      which pip is configured.
    type: path
"""

EXAMPLES = r"""
- name: Packages for an image with Python 3.13
  odoo_cloud.platform.python_archive:
    path: ~/.cache/odoo-cloud/python/4f1c22.tar
    requirements: "{{ lookup('ansible.builtin.file', 'requirements-19.txt') }}"
    python_version: "3.13"
    machine: "{{ engine.host_info.Architecture }}"
  delegate_to: localhost
"""

RETURN = r"""
path:
  description: Path of the archive.
  returned: always
  type: str
  sample: /root/.cache/odoo-cloud/python/4f1c22.tar
packages:
  description: The packages in it with their versions.
  returned: always
  type: list
  elements: str
  sample: ["anthem==0.15.0", "PyYAML==6.0.3"]
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import python_archive


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "requirements": {"type": "str", "required": True},
            "python_version": {"type": "str", "required": True},
            "machine": {"type": "str", "default": "x86_64"},
            "wheels_dir": {"type": "path"},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    changed = not os.path.exists(path)
    try:
        lines = python_archive.requirements(module.params["requirements"])
        if changed and not module.check_mode:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            python_archive.make(
                path,
                lines,
                module.params["python_version"],
                module.params["machine"],
                module.params["wheels_dir"] or "",
            )
    except (python_archive.ArchiveError, OSError) as error:
        module.fail_json(msg=f"python_archive: {path}: {error}")
    module.exit_json(changed=changed, path=path, packages=[line.split(" ", 1)[0] for line in lines])


if __name__ == "__main__":
    main()
