#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_attachments
short_description:
  Moves an instance's attachments between filestore, database, S3 and Swift, or checks whether all
  of them exist
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Moves attachments to the store that is set in the database (C(ir_attachment.location)), or to
    O(to), while Odoo serves. It commits in batches, with parallel transfers. A move that was killed
    is resumed when the module is used again.
  - Each content is verified by its checksum in its new store before the database refers to it. The
    old content is deleted only after that, when no transaction can still see it, and never in a
    bucket that isn't the instance's own.
  - With O(action=audit) it compares the database with filestore and buckets. With O(repair) it
    restores missing contents that exist elsewhere, and deletes contents that no attachment uses.
  - Small images and assets stay in the database according to the addons' rule, see
    C(docs/addons.md).
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.one_off
  - odoo_cloud.platform.engine
attributes:
  check_mode:
    support: full
    details: A container counts the attachments that would be moved, or repaired.
  diff_mode:
    support: full
    details: Number of attachments in each store, before and after.
  idempotent:
    support: full
options:
  action:
    description: V(move) moves attachments, V(audit) checks whether all of them exist.
    type: str
    choices: [move, audit]
    default: move
  to:
    description:
      Store to which attachments are moved. Default is the one that is set in the database.
    type: str
    choices: [file, db, s3, swift]
  sources:
    description: Stores from which attachments are moved. Default is all.
    type: list
    elements: str
    choices: [file, db, s3, swift]
    default: []
  set_location:
    description:
      Whether O(to) also becomes the store of new attachments, before anything is moved. Odoo's
      processes are notified.
    type: bool
    default: false
  keep_sources:
    description:
      Whether contents stay in the old stores too. An audit with O(repair) deletes them later.
    type: bool
    default: false
  include_foreign:
    description:
      Whether attachments in another bucket of the same store are copied into the instance's own
      bucket. Nothing is deleted in the other one.
    type: bool
    default: false
  verify:
    description:
      - How a content is verified. V(store) compares the checksum that the store reports, V(read) reads each content again.
    type: str
    choices: [store, read]
    default: store
  batch:
    description: Number of attachments in one commit, 1 to 2000.
    type: int
    default: 200
  workers:
    description: Number of parallel transfers, 1 to 64.
    type: int
    default: 16
  drain:
    description:
      Seconds to wait at the end for transactions that may still see an old content. Contents that
      are left then are deleted when the module is used the next time.
    type: int
    default: 60
  deep:
    description: With O(action=audit), whether every content is read and its checksum computed.
    type: bool
    default: false
  repair:
    description:
      With O(action=audit), whether missing and corrupt contents are restored from elsewhere, and
      orphans (contents that no attachment uses) deleted.
    type: bool
    default: false
  grace:
    description: With O(repair), minimum age in seconds of an orphan that is deleted.
    type: int
    default: 3600
  orphan_limit:
    description:
      With O(repair), a percentage. If more of a store's contents are orphans, none is deleted
      there, since they may belong to another database.
    type: int
    default: 50
  timeout:
    description:
      Seconds to wait for the end. A container that takes longer goes on; used again with the same
      options, the module waits for it.
    type: int
    default: 86400
notes:
  - Runs on a machine that carries a replica of the instance, as a user that may use the engine
    (root).
  - While a run changes modules, the container waits and moves nothing.
  - Missing, corrupt and failed attachments don't fail the module, see RV(good).
"""

EXAMPLES = r"""
- name: From the filestore to S3, also for new attachments
  odoo_cloud.platform.odoo_attachments:
    instance: acme_prod
    to: s3
    set_location: true

- name: Is everything there?
  odoo_cloud.platform.odoo_attachments:
    instance: acme_prod
    action: audit
    deep: true
  register: audit
  failed_when: not audit.good
"""

RETURN = r"""
good:
  description: Whether nothing is missing, corrupt, failed, or (O(action=audit)) an orphan.
  returned: success
  type: bool
  sample: true
plan:
  description: Attachments and bytes that were to be moved, by old and new store.
  returned: O(action=move)
  type: dict
  sample: {"file -> db": {"attachments": 215, "bytes": 3119505}, "file -> s3": {"attachments": 397, "bytes": 5701204}}
moved:
  description: Number of attachments that were moved, by old and new store.
  returned: O(action=move), not in check mode
  type: dict
  sample: {"file -> db": 215, "file -> s3": 397}
places:
  description: Number of attachments and bytes in each store.
  returned: O(action=audit)
  type: dict
  sample: {"s3": {"attachments": 397, "bytes": 5701204}}
counts:
  description: Number of attachments with each kind of problem; orphans by store.
  returned: success, but not in check mode of O(action=move)
  type: dict
  sample: {"corrupt": 0, "missing": 0, "orphans": {"file": 0, "s3": 0}, "unknown": 0}
missing:
  description: The first 100 attachments whose content does not exist anywhere.
  returned: when it has looked
  type: list
  elements: dict
  sample: [{"fname": "s3://acme-odoo-prod/0a4d55a8d778e5022fab701977c5d840bbc486d0", "id": 812, "reason": "missing"}]
corrupt:
  description: The first 100 attachments whose content does not match its checksum.
  returned: when it has looked
  type: list
  elements: dict
  sample: []
orphans:
  description: The first 100 contents in each store that no attachment uses.
  returned: O(action=audit)
  type: dict
  sample: {"s3": ["s3://acme-odoo-prod/2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"]}
result:
  description: The whole output of the command.
  returned: success
  type: dict
  sample: {"action": "move", "database": "acme_prod", "location": "s3", "seconds": 6.3, "to": "s3"}
log:
  description: The last lines that the container wrote.
  returned: when a container ran
  type: list
  elements: str
  sample: ["2026-11-25 20:58:08,058 31 INFO odoo-cloud: 612 attachments moved to s3 in 6.3 s, 8.8 MB, 610 old contents deleted"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.api import EngineError, EngineUnreachable
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import attachments, one_off


def main() -> None:
    places = ["file", "db", "s3", "swift"]
    module = AnsibleModule(
        argument_spec={
            "instance": {"type": "str", "required": True},
            "platform": {"type": "str", "default": "odoo-cloud"},
            "definition": {"type": "dict"},
            "action": {"type": "str", "choices": ["move", "audit"], "default": "move"},
            "to": {"type": "str", "choices": places},
            "sources": {"type": "list", "elements": "str", "choices": places, "default": []},
            "set_location": {"type": "bool", "default": False},
            "keep_sources": {"type": "bool", "default": False},
            "include_foreign": {"type": "bool", "default": False},
            "verify": {"type": "str", "choices": ["store", "read"], "default": "store"},
            "batch": {"type": "int", "default": 200},
            "workers": {"type": "int", "default": 16},
            "drain": {"type": "int", "default": 60},
            "deep": {"type": "bool", "default": False},
            "repair": {"type": "bool", "default": False},
            "grace": {"type": "int", "default": 3600},
            "orphan_limit": {"type": "int", "default": 50},
            "timeout": {"type": "int", "default": 86400},
            "docker_host": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        found = attachments.work(module.params, module.check_mode)
    except (one_off.Missing, EngineUnreachable) as error:
        if not module.check_mode:
            module.fail_json(msg=str(error))
        # The instance does not exist yet; earlier tasks would create it.
        found = {"changed": True, "good": True, "result": {}, "reason": str(error)}
    except attachments.Failed as error:
        module.fail_json(msg=str(error), **error.found)
    except (one_off.OneOffError, EngineError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**found)


if __name__ == "__main__":
    main()
