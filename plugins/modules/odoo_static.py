#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_static
short_description:
  Copies the static files of an instance's addons to the folder from which nginx serves them
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Runs C(odoo-cloud static) in a separate container, which has no network, no secrets, and can
    write only to the instance's folder of static files. Replicas can't write there at all.
  - The role P(odoo_cloud.platform.odoo#role) uses it before it creates, starts or replaces
    replicas, so that the files of new code are there before it serves. Installations and updates
    copy the files at their end.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.one_off
  - odoo_cloud.platform.engine
attributes:
  check_mode:
    support: full
    details: The files are compared in a container that can't write at all.
  diff_mode:
    support: none
  idempotent:
    support: full
    details: Nothing is copied when the files did not change since the last time.
options:
  timeout:
    description: Seconds to wait for the end, after which the module fails.
    type: int
    default: 600
notes:
  - Runs on the machine that carries the instance, as a user that may use the engine.
"""

EXAMPLES = r"""
- name: Copy static files of addons that were put on the machine by hand
  odoo_cloud.platform.odoo_static:
    instance: acme_prod
"""

RETURN = r"""
release:
  description:
    Name of the copy that nginx serves now, or in check mode would serve, computed from image,
    release of custom code and content.
  returned: success, but in check mode only if the instance's image and folders are there
  type: str
  sample: sha256-4bb46517cac3-0f8fad5bd9cb
exit_code:
  description: Exit code of the container, see C(docs/runtime.md).
  returned: when it has ended
  type: int
  sample: 0
log:
  description: The last lines that the container wrote.
  returned: when it has ended
  type: list
  elements: str
  sample: ["2026-11-25 10:45:31,120 8 INFO odoo-cloud: static files of 642 modules (6213 files) exported as 19-0f8fad5bd9cb in 1.9 s"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.api import EngineError, EngineUnreachable
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import module as run_module
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import one_off
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import odoo_one_off


def read(stdout: str, result: dict) -> dict:
    """The return values from the output of the command."""
    found = run_module.last_json(stdout) or {}
    done = {"release": found["release"]} if found.get("release") else {}
    return {**done, "changed": bool(found.get("changed")), "report": []}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **{key: run_module.SPEC[key] for key in ("instance", "platform", "definition", "docker_host")},
            "timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    options: dict[str, str] = {}
    look = bool(module.check_mode)
    kind = run_module.Kind(
        suffix=one_off.STATIC,
        command=(one_off.STATIC, *(["--check"] if look else [])),
        shape=lambda definition: odoo_one_off.for_static(definition, look),
        read=read,
        options=options,
    )
    try:
        run = run_module.Run({**module.params, "events_file": None}, "The copy of static files", kind=kind)
        folder = odoo_one_off.static_folder(run.definition)
        source = odoo_one_off.mount_source(run.definition.get("mounts") or [], folder) if folder else ""
        # Operators need the folder on the machine.
        options["STATIC_DIR"] = f"folder {source} (STATIC_DIR in the container)".replace("{", "{{").replace("}", "}}")
        result = run.to_the_end({"EVENTS_FILE": ""})
    except run_module.RunFailed as error:
        module.fail_json(msg=str(error), **error.found)
    except (one_off.OneOffError, EngineError) as error:
        if look and isinstance(error, (one_off.Missing, EngineUnreachable)):
            module.exit_json(changed=True)  # earlier tasks would create it
        module.fail_json(msg=str(error))
    keys = ("changed", "release", "exit_code", "log")
    module.exit_json(**{key: result[key] for key in keys if key in result})


if __name__ == "__main__":
    main()
