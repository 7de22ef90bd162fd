#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_release
short_description: Pulls a release of custom code onto a machine and switches to it
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Downloads a release that M(odoo_cloud.platform.odoo_addons_sync) published to a bucket, makes it
    the current one (O(state=current)), and goes back to an earlier one (O(state=rolled_back)).
  - Only archives that are not on the machine yet are downloaded. Everything is unpacked and checked
    beside the current release; then one rename gives the release its name and one rename changes
    the link C(current). A run that dies leaves the current release as it was, and the next run
    continues with the archives that were downloaded.
  - O(path) contains C(releases/<release>/addons), C(releases/<release>/python),
    C(requirements.txt), C(constraints.txt), C(system_packages.txt) and C(release.json) of each
    release, and the link C(current).
  - Resolve the link once (C(readlink)) when a process starts, and mount O(path), not the link's
    target. A process that resolves it for each file would see both releases during a switch.
  - When nothing changed, this costs one request; none with O(release).
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.s3
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      Shows packages with version and digest. M(odoo_cloud.platform.odoo_addons_sync) shows which of
      their files differ.
  idempotent:
    support: partial
    details:
      - O(state=rolled_back) without O(release) goes one release further back each time.
options:
  path:
    description:
      - Absolute path of the folder for the releases. It is created.
      - Folders get mode V(0755), files V(0644) or V(0755); they belong to the user that runs the
        module.
    type: path
    required: true
  state:
    description:
      - V(current) pulls the release and makes it the current one.
      - V(pulled) only pulls it, so that a later switch is immediate.
      - V(rolled_back) goes back to O(release), or without it to the release that was current
        before; it must still be on the machine. No request is sent. The release that was left is
        recorded as rejected. A run with O(state=current) and without O(release) does not switch to
        it again, until the channel names another one.
    type: str
    choices: [current, pulled, rolled_back]
    default: current
  release:
    description:
      Name of a release, 16 hexadecimal digits. Without it, the release that O(channel) names.
    type: str
  bucket:
    description: Bucket that holds the releases. Needed unless O(state=rolled_back).
    type: str
  prefix:
    description: Prefix of the keys in the bucket, such as V(acme/code). Empty means none.
    type: str
    default: ""
  channel:
    description: The channel of the bucket that names the release, for example one for each environment.
    type: str
    default: current
  keep_releases:
    description:
      - How many releases stay on the machine. The current one, the one to which a rollback would go
        and the one of this run come first, then those that were pulled or used last. At least V(1);
        with V(1) a rollback is not possible.
      - A release is kept as long as a process holds a shared lock (C(flock)) on its folder.
    type: int
    default: 3
  verify_content:
    description:
      Whether all files of the release are compared with its manifest. A release that was changed by
      hand or is damaged is unpacked again beside it, and switched to.
    type: bool
    default: false
  may_be_absent:
    description:
      In check mode, whether a store that can't be reached, does not know the key yet, or has no
      such bucket counts as one that an earlier step would have created, and so does a release or
      channel that is not in it.
    type: bool
    default: false
  delivered:
    description:
      In check mode, the release that an earlier task would have published to the channel, as
      RV(odoo_cloud.platform.odoo_addons_sync#module:manifest) returns it. Then the bucket is not
      read; the module returns what it would do with that release. Ignored with O(release), with
      O(state=rolled_back) and outside of check mode.
    type: dict
  threads:
    description: Number of parallel downloads.
    type: int
    default: 8
seealso:
  - module: odoo_cloud.platform.odoo_addons_sync
"""

EXAMPLES = r"""
- name: The release of the bucket's channel
  odoo_cloud.platform.odoo_release:
    path: /srv/odoo-cloud/demo/code
    endpoint_url: http://127.0.0.1:8095
    access_key: demo:odoo
    secret_key: "{{ lookup('odoo_cloud.platform.secret', 'demo/s3_key') }}"
    bucket: demo-odoo-code
  register: code

- name: Only fetch a release, to switch later
  odoo_cloud.platform.odoo_release:
    path: /srv/odoo-cloud/acme_prod/code
    region: eu-central-1
    bucket: acme-odoo-code
    channel: prod
    release: 4e1a3c0f9b2d5a77
    state: pulled

- name: Back to the release before
  odoo_cloud.platform.odoo_release:
    path: /srv/odoo-cloud/acme_prod/code
    state: rolled_back
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, as sentences.
  returned: always
  type: list
  elements: str
  sample: [pull release 4e1a3c0f9b2d5a77, switch from 09c1d2f3a4b5c6d7 to 4e1a3c0f9b2d5a77]
release:
  description:
    The current release after the run; in check mode what it would be. Empty when there is none.
  returned: success
  type: str
  sample: 4e1a3c0f9b2d5a77
wanted:
  description: The release that the run was to pull or to switch to.
  returned: success
  type: str
  sample: 4e1a3c0f9b2d5a77
folder:
  description: Folder of RV(wanted), with links resolved.
  returned: success
  type: str
  sample: /srv/odoo-cloud/demo/code/releases/4e1a3c0f9b2d5a77
previous:
  description: The current release before the run. Empty when there was none.
  returned: success
  type: str
  sample: 09c1d2f3a4b5c6d7
rollback_to:
  description:
    The release to which O(state=rolled_back) would go after the run. Empty when there is none.
  returned: success
  type: str
  sample: 09c1d2f3a4b5c6d7
releases:
  description: All releases on the machine after the run.
  returned: success
  type: list
  elements: str
  sample: [09c1d2f3a4b5c6d7, 4e1a3c0f9b2d5a77]
rejected:
  description: Whether the channel names a release that was rolled back here, so that nothing was done.
  returned: success
  type: bool
  sample: false
addons:
  description: Names of addons that differ between RV(previous) and RV(wanted).
  returned: success
  type: dict
  contains:
    added:
      description: New addons.
      type: list
      elements: str
      sample: []
    changed:
      description: Addons with other content.
      type: list
      elements: str
      sample: [acme_sale]
    removed:
      description: Addons that were removed.
      type: list
      elements: str
      sample: []
  sample: {added: [], changed: [acme_sale], removed: []}
python:
  description:
    Names of Python packages that differ between RV(previous) and RV(wanted), with the same keys as
    RV(addons).
  returned: success
  type: dict
  sample: {added: [], changed: [], removed: []}
texts:
  description:
    Requirements, constraints and system packages of RV(wanted), name of the file to text. Empty
    files are left out.
  returned: success
  type: dict
  sample: {requirements.txt: "phonenumbers==9.0.10\n"}
requirements_changed:
  description:
    Whether requirements, constraints or system packages differ between RV(previous) and RV(wanted),
    so that a new image is needed.
  returned: success
  type: bool
  sample: false
downloaded:
  description: Packages that were downloaded, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [addon/acme_sale]
linked:
  description: Number of packages that were hard-linked from another release on the machine.
  returned: success
  type: int
  sample: 99
removed:
  description: Old releases that were removed.
  returned: success
  type: list
  elements: str
  sample: []
damaged:
  description: With O(verify_content), the files that differed from the manifest.
  returned: success
  type: list
  elements: str
  sample: []
requests:
  description: Number of requests that were sent.
  returned: always
  type: int
  sample: 1
bytes_received:
  description: Number of bytes that were downloaded.
  returned: always
  type: int
  sample: 91
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.bucket import NotDelivered, Places
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.host import Host
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.release import (
    DeliveryError,
    Manifest,
    describe,
    is_release,
    package_difference,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.naming import (
    NamingError,
    check_bucket_name,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_client import S3Client, not_there_yet
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_keys import (
    S3Failure,
    find_keys,
    find_region,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_objects import Objects


def argument_spec() -> dict:
    return {
        "path": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["current", "pulled", "rolled_back"], "default": "current"},
        "release": {"type": "str"},
        "bucket": {"type": "str"},
        "prefix": {"type": "str", "default": ""},
        "channel": {"type": "str", "default": "current"},
        "keep_releases": {"type": "int", "default": 3},
        "verify_content": {"type": "bool", "default": False},
        "may_be_absent": {"type": "bool", "default": False},
        "delivered": {"type": "dict"},
        "threads": {"type": "int", "default": 8},
        "endpoint_url": {"type": "str"},
        "region": {"type": "str"},
        "access_key": {"type": "str", "no_log": False},
        "secret_key": {"type": "str", "no_log": True},
        "session_token": {"type": "str", "no_log": True},
        "profile": {"type": "str"},
        "path_style": {"type": "bool"},
        "verify": {"type": "bool", "default": True},
        "ca": {"type": "path"},
        "timeout": {"type": "int", "default": 30},
    }


class Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.given = module.params
        self.host = Host(self.given["path"], self.given["keep_releases"], module.check_mode)
        self.places = Places(self.given["prefix"], self.given["channel"])
        self.warnings: list[str] = []
        self.damaged: list[str] = []
        self.rejected = False
        self.may_be_absent = self.given["may_be_absent"] and module.check_mode
        self.expected: Manifest | None = None
        if self.given["delivered"] and module.check_mode and not self.given["release"]:
            self.expected = Manifest.load(json.dumps(self.given["delivered"]).encode("utf-8"), "delivered")
        self._objects: Objects | None = None

    @property
    def objects(self) -> Objects:
        """The objects of the bucket; created on first use, because most runs send no request or one."""
        given = self.given
        if self._objects is None:
            if not given["bucket"]:
                raise DeliveryError("bucket: not given, and the release is not on this machine")
            client = S3Client(
                keys=find_keys(given["access_key"], given["secret_key"], given["session_token"], given["profile"]),
                region=find_region(given["region"], given["profile"], given["endpoint_url"]),
                endpoint=given["endpoint_url"],
                path_style=given["path_style"],
                verify=given["verify"],
                ca=given["ca"],
                timeout=given["timeout"],
            )
            self._objects = Objects(client, check_bucket_name(given["bucket"]), given["threads"])
        return self._objects

    def counters(self) -> dict:
        made = self._objects
        return {"requests": made.requests if made else 0, "bytes_received": made.bytes_received if made else 0}

    def run(self) -> tuple[Manifest | None, Manifest | None]:
        """Does the work. Returns the manifests of the release before and of the wanted one."""
        host, given = self.host, self.given
        before = host.manifest(host.current()) if host.current() else None
        if given["state"] == "rolled_back":
            return before, self._roll_back()
        try:
            expected = self.expected
            wanted = expected.release if expected else given["release"] or host.wanted(self.objects, self.places)
            if not given["release"] and wanted in host.state()["rejected"]:
                self.rejected = True
                self.warnings.append(
                    f"Channel {given['channel']!r} names release {wanted}, which was rolled back on this machine: nothing was done. "
                    f"Deliver another one, or say release={wanted!r} to use it all the same"
                )
                return before, before
            here = wanted in host.releases()
            manifest = expected or (
                host.manifest(wanted) if here else host.fetch_manifest(self.objects, self.places, wanted)
            )
        except S3Failure as error:
            if not self.may_be_absent or not (isinstance(error, NotDelivered) or not_there_yet(error)):
                raise
            self.warnings.append(f"Check mode: {error}; reported as if an earlier step had just delivered it")
            name = given["release"] or "that is delivered then"
            host.actions += [f"pull release {name}", *([f"switch to {name}"] if given["state"] == "current" else [])]
            return before, before
        if manifest is None:  # the release is here, but its manifest is damaged
            self.damaged = ["release.json"]
            manifest = host.fetch_manifest(self.objects, self.places, wanted)
        elif given["verify_content"] and here:
            self.damaged = host.verify(host.folder(wanted))
        folder = host.pull(
            None if expected or (here and not self.damaged) else self.objects,
            self.places,
            manifest,
            again=bool(self.damaged),
        )
        if given["state"] == "current":
            host.switch(folder)
        return before, manifest

    def _roll_back(self) -> Manifest | None:
        host, current = self.host, self.host.current()
        target = self.given["release"] or host.previous()
        if not target:
            raise DeliveryError(
                f"path={host.path!r}: no release before {current or 'any'} is here; give release= and state=current"
            )
        if target not in host.releases():
            raise DeliveryError(
                f"release={target!r}: is not on this machine (here are {', '.join(host.releases()) or 'none'})"
            )
        if target != current:
            host.reject(current)
            host.switch(host.folder(target))
        return host.manifest(target)


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    given = module.params
    os.umask(0o022)
    run = None
    try:
        if given["release"] is not None and not is_release(given["release"]):
            raise DeliveryError(f"release={given['release']!r}: is no name of a release; it has 16 hexadecimal digits")
        run = Run(module)
        with run.host.lock():
            previous = run.host.current()
            before, manifest = run.run()
            run.host.prune()
            if not module.check_mode:
                run.host.clean()
            wanted = manifest.release if manifest else ""
            release = wanted if given["state"] != "pulled" and wanted else previous
            result = {
                "changed": bool(run.host.actions),
                "actions": run.host.actions,
                "release": release,
                "wanted": wanted,
                "folder": os.path.join(given["path"], "releases", run.host.folder(wanted)) if wanted else "",
                "previous": previous,
                "rollback_to": run.host.previous(),
                "releases": run.host.releases(),
                "rejected": run.rejected,
                "addons": package_difference(before, manifest, "addon").as_dict(),
                "python": package_difference(before, manifest, "python").as_dict(),
                "texts": manifest.files() if manifest else {},
                "requirements_changed": (before.files() if before else {}) != (manifest.files() if manifest else {}),
                "downloaded": run.host.downloaded,
                "linked": len(run.host.linked),
                "removed": run.host.removed,
                "damaged": run.damaged,
                **run.counters(),
            }
    except (S3Failure, DeliveryError, NamingError) as error:
        done = run.host.actions if run else []
        counters = run.counters() if run else {"requests": 0, "bytes_received": 0}
        module.fail_json(msg=str(error), actions=done, changed=bool(done) and not module.check_mode, **counters)
    except OSError as error:
        module.fail_json(
            msg=f"path={given['path']!r}: {error.filename or ''}: {error.strerror or error}; what is in use was left as it was",
            actions=run.host.actions if run else [],
            **(run.counters() if run else {"requests": 0, "bytes_received": 0}),
        )
    for warning in run.warnings:
        module.warn(warning)
    if module._diff:
        link = os.path.join(given["path"], "current")
        result["diff"] = {
            "before_header": f"{link} ({previous or 'nothing'})",
            "after_header": f"{link} ({release or 'nothing'})",
            "before": describe(before),
            "after": describe(manifest if given["state"] != "pulled" else before),
        }
    module.exit_json(**result)


if __name__ == "__main__":
    main()
