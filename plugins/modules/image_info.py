#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_info
short_description: What is known of a platform's images
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Returns when each image was built, whether it can get security updates, which updates were
    pending when somebody last looked (playbook C(image_updates)), and where its bill of materials
    is (playbook C(sbom)).
  - Reads the labels of images and the records in the platform's folder, in one run. No image is
    started and nothing is asked over the network.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.engine
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - It changes nothing.
  idempotent:
    support: full
options:
  platform:
    description: First part of the images' tags, C(image_name) of the role P(odoo_cloud.platform.image#role).
    type: str
    required: true
  root:
    description: Folder of the platform on the machine, see P(odoo_cloud.platform.root#lookup).
    type: path
    required: true
  names:
    description:
      Names of the images that are returned. Images with custom requirements are returned in any
      case.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show what is known of the images
  odoo_cloud.platform.image_info:
    platform: odoo-cloud
    root: "{{ lookup('odoo_cloud.platform.root') }}"
    names: [odoo-19, postgres, redis, swift, nginx]
  register: images
"""

RETURN = r"""
images:
  description:
    - The images, of each name those that containers of this machine use, else the newest.
    - C(security_updates) is V(yes), V(no) or V(unknown), C(reason) says why. C(release_expired) are
      the Debian releases whose Release files had expired when the image was built.
    - C(updates) is the last look for updates of this image, or null. In it, each entry of
      C(pending) has C(since), the time of the look that found it first.
    - C(sbom) is the path of the bill of materials, or empty.
  returned: success
  type: list
  elements: dict
  sample:
    - name: redis
      kind: redis
      tag: odoo-cloud/redis:5cb1f0a3d0f1
      id: sha256:4bb46517cac3
      built_at: "2026-11-20T08:00:00Z"
      security_updates: "yes"
      reason: ""
      release_expired: []
      updates: null
      sbom: ""
"""

import datetime
import json
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.api import Engine, EngineError
from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.comparison import PLATFORM_LABEL
from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import records


def read_looks(folder: str) -> dict[str, t.Any]:
    """The records of looks for updates; empty when there are none, or none that can be read."""
    try:
        with open(os.path.join(folder, records.LOOKS), encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def as_text(seconds: float) -> str:
    """A time of the engine in the form of ISO 8601."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "platform": {"type": "str", "required": True},
            "root": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
            "docker_host": {"type": "str"},
        },
        supports_check_mode=True,
    )
    platform, folder = module.params["platform"], os.path.join(module.params["root"], "images")
    try:
        engine = Engine(module.params["docker_host"])
        listed = engine.get("/images/json", filters={"label": [f"{PLATFORM_LABEL}={platform}"]}) or []
        used = {one["ImageID"] for one in engine.containers()}
    except EngineError as error:
        module.fail_json(msg=f"image_info: {error}")
    for image in listed:
        image["Created"] = as_text(image["Created"])
    boms = {}
    for image in listed:
        for tag in image.get("RepoTags") or []:
            path = records.sbom_path(folder, tag.rpartition(":")[0].rpartition("/")[2], image["Id"])
            if os.path.exists(path):
                boms[image["Id"]] = path
    images = records.known(listed, used, platform, module.params["names"], read_looks(folder), boms)
    module.exit_json(changed=False, images=images)


if __name__ == "__main__":
    main()
