#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: files
short_description: Writes all folders and files of a service on the machine in one run
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Compares content, owner, group and mode of a list of files and folders and repairs what differs.
  - Replaces a loop over M(ansible.builtin.copy) and M(ansible.builtin.file), which costs two module
    runs for each file even when nothing changes.
  - When M(odoo_cloud.platform.machine_info) has read the machine earlier in the same playbook run,
    less than a minute ago, and nothing was changed since, a list that needs no change is recognised
    on the controller, and no module runs on the machine.
  - Files are replaced atomically. Missing parent folders are not created unless they are in the
    list; list them before their files.
  - Folders are never removed.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - The content of O(files[].secret_content) is never shown.
  idempotent:
    support: full
options:
  files:
    description: The files and folders, parents first.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path on the machine.
        type: path
        required: true
      state:
        description:
          - Whether the path is a file or a folder, or whether no file may be there (V(absent)).
          - A folder from which a file is removed keeps its time of modification, so no container is
            restarted because of a file that nothing reads any more.
        type: str
        choices: [absent, file, directory]
        default: file
      content:
        description:
          Text of the file. A file with neither O(files[].content) nor O(files[].secret_content)
          must exist; only its owner, group and mode are compared.
        type: str
      secret_content:
        description: Text of the file, never shown in output, diff or logs.
        type: str
      mode:
        description:
          Permissions as an octal string. Default is V(0644) for files and V(0755) for folders.
        type: str
      owner:
        description: Owner as name or number.
        type: str
        default: "0"
      group:
        description: Group as name or number.
        type: str
        default: "0"
"""

EXAMPLES = r"""
- name: Configuration of a service
  odoo_cloud.platform.files:
    files:
      - path: /srv/odoo-cloud/demo
        state: directory
      - path: /srv/odoo-cloud/demo/odoo.conf
        content: "{{ lookup('ansible.builtin.template', 'odoo.conf.j2') }}"
        owner: "8069"
        mode: "0440"
"""

RETURN = r"""
changed_paths:
  description: Paths that were, or in check mode would be, created or changed.
  returned: always
  type: list
  elements: str
  sample: [/srv/odoo-cloud/demo/odoo.conf]
"""

import grp
import os
import pwd
import stat
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine.files import (
    FilesError,
    content_of,
    numeric_id,
    wanted_mode,
)


def shown(data: bytes | None, secret: bool) -> str:
    """The content as the diff shows it."""
    if data is None:
        return ""
    return "(secret content)\n" if secret else data.decode("utf-8", "replace")


def write_atomically(path: str, data: bytes, mode: int, owner: int, group: int) -> None:
    """Replaces or creates a file, which is never visible half written or with wider permissions."""
    folder = os.path.dirname(path)
    descriptor, temporary = tempfile.mkstemp(prefix=".odoo-cloud.", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            os.fchown(handle.fileno(), owner, group)
            os.fchmod(handle.fileno(), mode)
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def remove(path: str, check_mode: bool) -> tuple[dict[str, t.Any], dict[str, t.Any]] | None:
    """Removes a file. Returns its state before and after, None if there is none."""
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            raise FilesError(f"path={path!r}: a folder is there, and state=absent removes files only; move it away")
    except (FileNotFoundError, NotADirectoryError):
        return None
    difference = {"path": path, "state": "file"}, {"path": path, "state": "absent"}
    if check_mode:
        return difference
    folder = os.path.dirname(path)
    times = os.stat(folder)
    os.unlink(path)
    os.utime(folder, ns=(times.st_atime_ns, times.st_mtime_ns))
    return difference


def apply_entry(entry: dict[str, t.Any], check_mode: bool) -> tuple[dict[str, t.Any], dict[str, t.Any]] | None:
    """Brings one entry to the wanted state. Returns its state before and after, None if they are
    equal.
    """
    path, is_directory = entry["path"], entry["state"] == "directory"
    if not os.path.isabs(path):
        raise FilesError(f"path={path!r}: must be absolute")
    if entry["state"] == "absent":
        return remove(path, check_mode)
    mode = wanted_mode(entry)
    owner = numeric_id(entry["owner"], lambda name: pwd.getpwnam(name).pw_uid, "owner", path)
    group = numeric_id(entry["group"], lambda name: grp.getgrnam(name).gr_gid, "group", path)
    data = None if is_directory else content_of(entry)
    try:
        status = os.stat(path)
    except FileNotFoundError:
        status = None
    except NotADirectoryError:
        raise FilesError(f"path={path!r}: a parent of it is a file, not a folder") from None
    if status is not None and stat.S_ISDIR(status.st_mode) != is_directory:
        found = "folder" if stat.S_ISDIR(status.st_mode) else "file"
        raise FilesError(f"path={path!r}: a {found} is there where a {entry['state']} should be; move it away")
    if status is None and data is None and not is_directory:
        if check_mode:
            return None
        raise FilesError(f"path={path!r}: does not exist and no content is given")

    before: dict[str, t.Any] = {"path": path, "state": "absent"}
    after: dict[str, t.Any] = {
        "path": path,
        "state": entry["state"],
        "mode": f"{mode:04o}",
        "owner": owner,
        "group": group,
    }
    rewrite = status is None
    if status is not None:
        before = {
            "path": path,
            "state": entry["state"],
            "mode": f"{stat.S_IMODE(status.st_mode):04o}",
            "owner": status.st_uid,
            "group": status.st_gid,
        }
        if data is not None:
            with open(path, "rb") as handle:
                current = handle.read()
            if current != data:
                rewrite = True
                secret = entry["secret_content"] is not None
                before["content"], after["content"] = shown(current, secret), shown(data, secret)
    elif data is not None:
        after["content"] = shown(data, entry["secret_content"] is not None)
    if before == after and not rewrite:
        return None
    if not check_mode:
        if rewrite and data is not None:
            write_atomically(path, data, mode, owner, group)
        else:
            if status is None:
                os.mkdir(path, 0o700)
            os.chown(path, owner, group)
            os.chmod(path, mode)
    return before, after


def diff_text(state: dict[str, t.Any]) -> str:
    """One side of the diff: attributes, then content."""
    content = state.get("content", "")
    head = "".join(f"{key}: {value}\n" for key, value in state.items() if key not in ("content", "path"))
    return head + content


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "state": {"type": "str", "choices": ["absent", "file", "directory"], "default": "file"},
                    "content": {"type": "str"},
                    "secret_content": {"type": "str", "no_log": True},
                    "mode": {"type": "str"},
                    "owner": {"type": "str", "default": "0"},
                    "group": {"type": "str", "default": "0"},
                },
                "mutually_exclusive": [("content", "secret_content")],
            }
        },
        supports_check_mode=True,
    )
    diffs = []
    changed_paths = []
    entry: dict[str, t.Any] = {}
    try:
        for entry in module.params["files"]:
            difference = apply_entry(entry, module.check_mode)
            if difference is not None:
                changed_paths.append(entry["path"])
                diffs.append(
                    {
                        "before_header": entry["path"],
                        "after_header": entry["path"],
                        "before": diff_text(difference[0]),
                        "after": diff_text(difference[1]),
                    }
                )
    except FilesError as error:
        module.fail_json(msg=str(error), changed_paths=changed_paths)
    except OSError as error:
        module.fail_json(msg=f"path={entry['path']!r}: {error.strerror or error}", changed_paths=changed_paths)
    module.exit_json(changed=bool(changed_paths), changed_paths=changed_paths, diff=diffs)


if __name__ == "__main__":
    main()
