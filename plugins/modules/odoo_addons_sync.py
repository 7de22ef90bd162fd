#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: odoo_addons_sync
short_description: Publishes addons, Python packages and requirements to a bucket, as a release
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Reads folders and git repositories on the machine where it runs, checks everything, and
    publishes one release in a bucket.
  - A release is named by the hash of its content; the same content has the same name everywhere,
    and is uploaded only once.
  - With O(layout) V(pack), each addon and each Python package is one compressed archive, named by
    its content, so only archives that differ are uploaded. M(odoo_cloud.platform.odoo_release)
    pulls the release. With V(tree), the files are in the bucket under their own paths, for tools
    that copy files, such as AWS DataSync.
  - The channel (O(channel)) is written last, with one request. So no release is visible before it
    is complete, and a program that watches the bucket is notified once for each release. An
    interrupted run is finished by the next one.
  - All problems are reported together with file and line, before anything is uploaded. These are a
    path without a module, a manifest that does not parse, an addon for another Odoo version, a
    missing dependency, two addons or packages of one name, credentials in a requirement, links that
    lead out of their package.
  - When nothing changed, this costs one request, with O(in_place) two.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.s3
attributes:
  check_mode:
    support: full
    details:
      Git repositories are fetched in check mode too, since there is nothing to compare otherwise.
      O(lock_file) is not written.
  diff_mode:
    support: full
    details: Shows packages and the files that differ, at most 1000.
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) makes the release the current one of the channel.
      - V(absent) removes the channel, and the releases and archives that no other channel uses.
    type: str
    choices: [present, absent]
    default: present
  confirm_delete:
    description: Must be equal to O(channel) for O(state=absent).
    type: str
  bucket:
    description: The bucket. It must exist (M(odoo_cloud.platform.s3_bucket) creates it).
    type: str
    required: true
  prefix:
    description: Prefix of all keys in the bucket, such as V(acme/code). Empty means none.
    type: str
    default: ""
  channel:
    description:
      Name of the channel, the object in the bucket from which machines read which release to use,
      for example one for each environment. All channels share archives.
    type: str
    default: current
  odoo_version:
    description: The Odoo version that the release is for, such as V(19). Needed with O(state=present).
    type: str
  odoo_custom_modules_paths:
    description:
      - Folders that contain addons, as absolute paths. The name of an addon is that of its folder;
        two addons of one name are refused.
      - Folders without a manifest and files beside the addons are ignored.
    type: list
    elements: path
    default: []
  odoo_python_dependencies_paths:
    description:
      Folders that contain Python packages and modules, as they would be in E(PYTHONPATH), as
      absolute paths.
    type: list
    elements: path
    default: []
  python_requirements_file:
    description:
      - File with requirements for pip. Files that it includes (C(-r), C(-c)) are read too and
        become part of the release. Without it, the release has none.
      - Credentials in addresses, and folders or files of this machine, are refused.
    type: path
  system_packages_file:
    description:
      File with names of Debian packages, one a line. C(#) begins a comment. Without it, the release
      has none.
    type: path
  git_sources:
    description: Git repositories that contain addons or Python packages.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description:
          Address of the repository. Keys and passwords come from git's own configuration or an SSH
          agent.
        type: str
        required: true
      revision:
        description:
          Full commit hash, tag or branch. For a tag or branch, the commit that is recorded in
          O(lock_file) is used, else the repository's current one.
        type: str
        required: true
      modules_paths:
        description: Folders in the repository that contain addons. V(.) is the repository itself.
        type: list
        elements: str
        default: ["."]
      python_paths:
        description: Folders in the repository that contain Python packages.
        type: list
        elements: str
        default: []
      submodules:
        description: Whether submodules are fetched, at the commits that the repository records.
        type: bool
        default: true
      merges:
        description:
          Additional branches, tags or commits that are merged into O(git_sources[].revision), in
          this order. This requires the Python library git-aggregator.
        type: list
        elements: dict
        default: []
        suboptions:
          url:
            description:
              Address of the repository that contains it. Default is O(git_sources[].url).
            type: str
          revision:
            description: Full commit hash, tag or branch.
            type: str
            required: true
      include:
        description: Replaces O(include) for this repository.
        type: list
        elements: str
      exclude:
        description: Replaces O(exclude) for this repository.
        type: list
        elements: str
  git_folder:
    description: Folder on this machine where repositories are kept between runs. Needed with O(git_sources).
    type: path
  include:
    description:
      Patterns of the files that become part of the release. An empty list means all. A pattern
      without a slash is compared with each name in a path, one with a slash with the path below the
      folder in O(odoo_custom_modules_paths). C(*) stays within a folder, C(**) does not. A pattern
      that matches a folder includes everything below it.
    type: list
    elements: str
    default: []
  exclude:
    description:
      Patterns of files that are left out, written like O(include). C(.git) is always left out.
    type: list
    elements: str
    default: ["__pycache__", "*.py[co]", "*~", "*.sw[op]", ".DS_Store"]
  known_addons:
    description:
      Names of the addons that are part of Odoo. With this list, each dependency must be in it or in
      the release. Without it, dependencies that are not in the release are returned in
      RV(unchecked_dependencies).
    type: list
    elements: str
    default: []
  known_packages:
    description:
      Python packages that are part of Odoo's image, name in small letters with C(-) to version. A
      requirement for another version of one of them is refused, since Python imports the image's
      own first. This requires the Python library packaging.
    type: dict
    default: {}
  known_markers:
    description:
      Values of environment markers of requirements, such as C(python_version), for Odoo's Python. A
      requirement whose marker is false there conflicts with nothing. Markers that aren't given have
      the values of this module's Python.
    type: dict
    default: {}
  lock_file:
    description:
      - File on this machine that records what was used, as absolute path. It contains commits of
        git repositories and hashes of packages. Keep it in git. Without it, nothing is recorded.
      - It is written after the release has become the current one of the channel.
    type: path
  update_revisions:
    description:
      Whether branches and tags are looked up again although O(lock_file) has a commit for them.
    type: bool
    default: false
  layout:
    description:
      How the release is stored in the bucket, as archives (V(pack)) or as single files (V(tree)).
    type: str
    choices: [pack, tree]
    default: pack
  in_place:
    description:
      With O(layout=tree), whether there is one tree for all releases (C(<prefix>modules/...),
      C(<prefix>python/...), C(<prefix>requirements.txt)) instead of one for each
      (C(<prefix>releases/<release>/modules/...)). Only files that differ are uploaded, but a copy
      that is taken during a run is a mix of both releases. During a run there is an object
      C(<prefix>pending.json).
    type: bool
    default: false
  keep_deleted:
    description:
      With O(in_place), whether files that were removed from the sources stay in the bucket.
    type: bool
    default: false
  keep_releases:
    description:
      - How many releases stay in the bucket. Releases that a channel names stay too. V(0) means
        that none is removed. Only a run that changed something removes releases.
      - Two runs with the same O(prefix) must not run at the same time when releases are removed.
    type: int
    default: 5
  verify_content:
    description:
      Whether the bucket is searched for missing objects although the channel already names the
      release.
    type: bool
    default: false
  compression_level:
    description: Compression of the archives, from V(1) (fast) to V(9) (small).
    type: int
    default: 4
  may_be_absent:
    description:
      In check mode, whether a store that can't be reached, does not know the key yet, or has no
      such bucket counts as one that an earlier step would have created.
    type: bool
    default: false
  threads:
    description: Number of parallel transfers.
    type: int
    default: 8
seealso:
  - module: odoo_cloud.platform.odoo_release
  - module: odoo_cloud.platform.s3_bucket
"""

EXAMPLES = r"""
- name: Own addons and a vendored package, for hosts that pull
  odoo_cloud.platform.odoo_addons_sync:
    endpoint_url: http://127.0.0.1:8095
    access_key: demo:odoo
    secret_key: "{{ lookup('odoo_cloud.platform.secret', 'demo/s3_key') }}"
    bucket: demo-odoo-code
    odoo_version: "19"
    odoo_custom_modules_paths: ["{{ playbook_dir }}/addons"]
    odoo_python_dependencies_paths: ["{{ playbook_dir }}/python"]
    python_requirements_file: "{{ playbook_dir }}/requirements.txt"
    lock_file: "{{ playbook_dir }}/code.lock"

- name: Pinned and merged repositories
  odoo_cloud.platform.odoo_addons_sync:
    region: eu-central-1
    bucket: acme-odoo-code
    channel: prod
    odoo_version: "19"
    git_folder: "{{ lookup('env', 'HOME') }}/.cache/acme-code"
    git_sources:
      - url: https://git.example.com/acme/addons.git
        revision: 3f0c4c2a9d6b8e17f5a2d4c6b8e0f1a3c5d7e9f1
      - url: https://git.example.com/oca/server-tools.git
        revision: "19.0"
        include: [auditlog, base_view_inheritance_extension]
        merges:
          - url: https://git.example.com/acme/server-tools.git
            revision: 19.0-auditlog-fix
    lock_file: "{{ playbook_dir }}/code.lock"

- name: Files at their paths, for a file sync
  odoo_cloud.platform.odoo_addons_sync:
    region: eu-central-1
    bucket: acme-odoo-custom
    odoo_version: "19"
    odoo_custom_modules_paths: ["{{ playbook_dir }}/addons"]
    layout: tree
    in_place: true
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, as sentences.
  returned: always
  type: list
  elements: str
  sample: [upload addon/acme_sale 5d41402abc4b, make 4e1a3c0f9b2d5a77 the release of channel current in place of 09c1d2f3a4b5c6d7]
release:
  description: Name of the release, 16 hexadecimal digits. Empty with O(state=absent).
  returned: success
  type: str
  sample: 4e1a3c0f9b2d5a77
previous:
  description: The release that the channel named before, empty when there was none.
  returned: success
  type: str
  sample: 09c1d2f3a4b5c6d7
addons:
  description: Names of addons that differ between RV(previous) and RV(release).
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
    Names of Python packages that differ between RV(previous) and RV(release), with the same keys as
    RV(addons).
  returned: success
  type: dict
  sample: {added: [], changed: [], removed: []}
files:
  description: Numbers of files that differ between RV(previous) and RV(release).
  returned: success
  type: dict
  sample: {added: 0, changed: 1, removed: 0}
requirements_changed:
  description: Whether requirements, constraints or system packages differ between RV(previous) and RV(release).
  returned: success
  type: bool
  sample: false
unchecked_dependencies:
  description:
    Addons on which others depend and that are not in the release, when O(known_addons) is empty.
  returned: success
  type: list
  elements: str
  sample: [base, sale]
manifest:
  description:
    Content of the release. Pass it to O(odoo_cloud.platform.odoo_release#module:delivered) of later
    tasks.
  returned: in check mode, when a release would be delivered
  type: dict
  sample: {"format": 1, "release": "4e1a3c0f9b2d5a77", "odoo_version": "19.0", "packages": []}
pruned:
  description: Old releases that were removed from the bucket.
  returned: success
  type: list
  elements: str
  sample: []
problems:
  description: Problems of the sources, one line each, as in the message.
  returned: failure
  type: list
  elements: str
  sample: ["addons/acme_sale/__manifest__.py:3: 'acme_sale' depends on 'sales', which is neither delivered nor in known_addons"]
stats:
  description: Amount of work.
  returned: always
  type: dict
  contains:
    requests:
      description: Number of requests that were sent.
      type: int
      sample: 1
    bytes_sent:
      description: Bytes that were sent, without headers.
      type: int
      sample: 0
    bytes_received:
      description: Bytes that were received, without headers.
      type: int
      sample: 91
    uploaded:
      description: Archives, or with O(layout=tree) files, that were or would be uploaded.
      type: int
      sample: 0
    copied:
      description: Files that were or would be copied within the bucket.
      type: int
      sample: 0
    deleted:
      description: Objects that were or would be deleted.
      type: int
      sample: 0
    packages:
      description: Packages of the release.
      type: int
      sample: 100
    files:
      description: Files of the release.
      type: int
      sample: 10000
    bytes:
      description: Bytes of all files of the release.
      type: int
      sample: 61400000
    git_fetches:
      description: Number of times that a git repository was contacted over the network.
      type: int
      sample: 0
  sample: {requests: 1, bytes_sent: 0, bytes_received: 91, uploaded: 0, packages: 100, files: 10000, bytes: 61400000}
"""

import contextlib
import hashlib
import json
import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.bucket import Places, Sync, changed_files
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.release import (
    DeliveryError,
    Manifest,
    Package,
    describe,
    package_difference,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.sources import (
    DEFAULT_EXCLUDE,
    Filter,
    Sources,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.naming import (
    NamingError,
    check_bucket_name,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_client import S3Client
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_keys import (
    S3Failure,
    find_keys,
    find_region,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_objects import Objects

SHOWN_FILES = 1000


def argument_spec() -> dict:
    git_source = {
        "url": {"type": "str", "required": True},
        "revision": {"type": "str", "required": True},
        "modules_paths": {"type": "list", "elements": "str", "default": ["."]},
        "python_paths": {"type": "list", "elements": "str", "default": []},
        "submodules": {"type": "bool", "default": True},
        "merges": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"url": {"type": "str"}, "revision": {"type": "str", "required": True}},
        },
        "include": {"type": "list", "elements": "str"},
        "exclude": {"type": "list", "elements": "str"},
    }
    return {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "confirm_delete": {"type": "str"},
        "bucket": {"type": "str", "required": True},
        "prefix": {"type": "str", "default": ""},
        "channel": {"type": "str", "default": "current"},
        "odoo_version": {"type": "str"},
        "odoo_custom_modules_paths": {"type": "list", "elements": "path", "default": []},
        "odoo_python_dependencies_paths": {"type": "list", "elements": "path", "default": []},
        "python_requirements_file": {"type": "path"},
        "system_packages_file": {"type": "path"},
        "git_sources": {"type": "list", "elements": "dict", "default": [], "options": git_source},
        "git_folder": {"type": "path"},
        "include": {"type": "list", "elements": "str", "default": []},
        "exclude": {"type": "list", "elements": "str", "default": list(DEFAULT_EXCLUDE)},
        "known_addons": {"type": "list", "elements": "str", "default": []},
        "known_packages": {"type": "dict", "default": {}},
        "known_markers": {"type": "dict", "default": {}},
        "lock_file": {"type": "path"},
        "update_revisions": {"type": "bool", "default": False},
        "layout": {"type": "str", "choices": ["pack", "tree"], "default": "pack"},
        "in_place": {"type": "bool", "default": False},
        "keep_deleted": {"type": "bool", "default": False},
        "keep_releases": {"type": "int", "default": 5},
        "verify_content": {"type": "bool", "default": False},
        "compression_level": {"type": "int", "default": 4},
        "may_be_absent": {"type": "bool", "default": False},
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


def check_options(given: dict) -> None:
    """Raises `DeliveryError` for options that are wrong by themselves."""
    if given["state"] == "absent" and given["confirm_delete"] != given["channel"]:
        raise DeliveryError(
            f"channel={given['channel']!r}: state=absent needs confirm_delete={given['channel']!r}, not {given['confirm_delete']!r}"
        )
    if given["state"] == "present" and not given["odoo_version"]:
        raise DeliveryError("odoo_version: needed with state=present, such as '19'")
    if given["in_place"] and given["layout"] != "tree":
        raise DeliveryError("in_place=true needs layout='tree'")
    if given["keep_deleted"] and not given["in_place"]:
        raise DeliveryError("keep_deleted=true needs layout='tree' and in_place=true; other layouts never mix releases")
    if not 1 <= given["compression_level"] <= 9:
        raise DeliveryError(f"compression_level={given['compression_level']}: right is 1 to 9")
    if not 1 <= given["threads"] <= 64:
        raise DeliveryError(f"threads={given['threads']}: right is 1 to 64")
    if given["git_sources"] and not given["git_folder"]:
        raise DeliveryError("git_sources needs git_folder, where repositories are kept between runs")


def below(folder: str, path: str, url: str) -> str:
    """A folder of a repository. Raises `DeliveryError` for a path outside of it."""
    found = os.path.realpath(os.path.join(folder, path))
    if found != folder and not found.startswith(folder + os.sep):
        raise DeliveryError(f"git_sources: {url}: {path!r} is outside of the repository")
    return found


def read_sources(given: dict, held: contextlib.ExitStack) -> tuple[Manifest, list[Package], Sources, dict]:
    """Reads all sources. Returns the release, its packages, the sources and the content of the lock
    file.

    `held` releases the repositories after their files were read for the last time.
    """
    sources = Sources(given["odoo_version"], Filter(given["include"], given["exclude"]))
    for path in given["odoo_custom_modules_paths"]:
        sources.add_addons(path)
    for path in given["odoo_python_dependencies_paths"]:
        sources.add_python(path)
    if given["python_requirements_file"]:
        sources.add_requirements(given["python_requirements_file"], given["known_packages"], given["known_markers"])
    if given["system_packages_file"]:
        sources.add_system_packages(given["system_packages_file"])
    repositories, revisions, fetches = [], {}, 0
    if given["git_sources"]:
        # Imported here because it takes time and most runs have no repositories.
        from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.git import (
            Git,
            read_lock,
            without_user,
        )

        locked = read_lock(given["lock_file"]) if given["lock_file"] and not given["update_revisions"] else {}
        git = Git(given["git_folder"], locked=locked)
        held.enter_context(git.lock())
        for source in given["git_sources"]:
            try:
                folder, about = git.checkout(source)
                folder = os.path.realpath(folder)
                globs = Filter(
                    given["include"] if source["include"] is None else source["include"],
                    given["exclude"] if source["exclude"] is None else source["exclude"],
                )
                option = f"git_sources: {without_user(source['url'])}"
                for path in source["modules_paths"]:
                    sources.add_addons(below(folder, path, option), option, globs)
                for path in source["python_paths"]:
                    sources.add_python(below(folder, path, option), option, globs)
                repositories.append(about)
            except DeliveryError as error:
                sources.problems += error.problems
        revisions, fetches = git.used, git.fetches
    packages = sources.finish(given["known_addons"])
    if not packages and not sources.requirements and not sources.system_packages:
        raise DeliveryError(
            "nothing to deliver: give odoo_custom_modules_paths, odoo_python_dependencies_paths, git_sources, "
            "python_requirements_file or system_packages_file"
        )
    manifest = Manifest(
        sources.series,
        [package.entry() for package in packages],
        sources.requirements,
        sources.constraints,
        sources.system_packages,
        {"repositories": repositories} if repositories else {},
    )
    lock = {
        "format": 1,
        "release": manifest.release,
        "odoo_version": manifest.odoo_version,
        "repositories": repositories,
        "revisions": revisions,
        "packages": {package.id: package.digest for package in packages},
        "files": {name: hashlib.sha256(text.encode("utf-8")).hexdigest() for name, text in manifest.files().items()},
    }
    return manifest, packages, sources, {"lock": lock, "fetches": fetches}


def write_lock(path: str, lock: dict, check_mode: bool) -> bool:
    """Writes the lock file if it differs. Returns whether it does."""
    text = json.dumps(lock, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    try:
        try:
            with open(path, encoding="utf-8") as stream:
                if stream.read() == text:
                    return False
        except FileNotFoundError:
            pass
        if not check_mode:
            descriptor, temporary = tempfile.mkstemp(prefix=".odoo-cloud.", dir=os.path.dirname(path))
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
                os.fchmod(stream.fileno(), 0o644)
            os.replace(temporary, path)
    except OSError as error:
        raise DeliveryError(f"lock_file={path!r}: {error.strerror}") from error
    return True


def diff_of(sync: Sync, manifest: Manifest | None, packages: list[Package]) -> dict:
    """Before and after as text: packages, and the files that differ in changed packages."""
    after = {package.id: package.files for package in packages}
    files = changed_files(sync.before_files, after)
    left = SHOWN_FILES
    texts = {}
    changed = {*files.added, *files.changed, *files.removed}
    shown = set(sorted(changed)[:left])
    for side, one, release in (("before", sync.before_files, sync.before), ("after", after, manifest)):
        folders = {"addon": "modules", "python": "python"}
        only = {
            name: [file for file in found if f"{folders[name.split('/', 1)[0]]}/{file.path}" in shown]
            for name, found in one.items()
        }
        text = describe(release, only, only)
        texts[side] = text
    if len(changed) > left:
        texts["after"] += f"and {len(changed) - left} more files\n"
    where = f"{sync.objects.bucket}/{sync.places.channel}"
    return {"before_header": where, "after_header": where, **texts}


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[("state", "present", ["odoo_version"])],
    )
    # Repositories stay locked until their files were read for the last time, however the run ends.
    with contextlib.ExitStack() as held:
        deliver(module, held)


def deliver(module: AnsibleModule, held: contextlib.ExitStack) -> None:
    """Does the work and exits the module."""
    given = module.params
    sync, objects, packages, fetches = None, None, [], 0

    def stats() -> dict:
        return {
            "requests": objects.requests if objects else 0,
            "bytes_sent": objects.bytes_sent if objects else 0,
            "bytes_received": objects.bytes_received if objects else 0,
            "uploaded": sync.uploaded if sync else 0,
            "copied": sync.copied if sync else 0,
            "deleted": sync.deleted if sync else 0,
            "packages": len(packages),
            "files": sum(len(package.files) for package in packages),
            "bytes": sum(package.size for package in packages),
            "git_fetches": fetches,
        }

    try:
        check_options(given)
        places = Places(given["prefix"], given["channel"])
        bucket = check_bucket_name(given["bucket"])
        manifest = None
        if given["state"] == "present":
            manifest, packages, sources, more = read_sources(given, held)
            fetches = more["fetches"]
        client = S3Client(
            keys=find_keys(given["access_key"], given["secret_key"], given["session_token"], given["profile"]),
            region=find_region(given["region"], given["profile"], given["endpoint_url"]),
            endpoint=given["endpoint_url"],
            path_style=given["path_style"],
            verify=given["verify"],
            ca=given["ca"],
            timeout=given["timeout"],
        )
        objects = Objects(client, bucket, given["threads"])
        sync = Sync(
            objects,
            places,
            given["layout"],
            given["in_place"],
            given["keep_deleted"],
            given["keep_releases"],
            given["compression_level"],
            module.check_mode,
            given["may_be_absent"],
        )
        if manifest is None:
            changed = sync.remove()
        else:
            changed = sync.run(manifest, packages, given["verify_content"])
            if given["lock_file"] and write_lock(given["lock_file"], more["lock"], module.check_mode):
                changed = True
                sync.actions.append(f"write {given['lock_file']}")
    except (S3Failure, DeliveryError, NamingError) as error:
        done = sync.actions if sync else []
        problems = error.problems if isinstance(error, DeliveryError) else []
        module.fail_json(
            msg=str(error), problems=problems, actions=done, changed=bool(done) and not module.check_mode, stats=stats()
        )
    if sync.absent_store:
        module.warn(
            f"Check mode: {sync.absent_store}; the release is reported as if an earlier step had just created the bucket"
        )
    before = sync.before
    files = changed_files(
        sync.before_files if changed else {}, {one.id: one.files for one in packages} if changed else {}
    )
    result = {
        "changed": changed,
        "actions": sync.actions,
        "release": manifest.release if manifest else "",
        "previous": before.release if before else "",
        "addons": package_difference(before, manifest, "addon").as_dict(),
        "python": package_difference(before, manifest, "python").as_dict(),
        "files": {key: len(names) for key, names in files.as_dict().items()},
        "requirements_changed": (before.files() if before else {}) != (manifest.files() if manifest else {}),
        "unchecked_dependencies": sources.unchecked if manifest else [],
        "pruned": sync.pruned,
        "stats": stats(),
    }
    if module.check_mode and changed and manifest:
        result["manifest"] = json.loads(manifest.dump())
    if module._diff:
        result["diff"] = diff_of(sync, manifest, packages) if changed else {"before": "", "after": ""}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
