#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: signing_key
short_description: Keeps the key of a package repository, if it has the right fingerprint
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Fetches the key with which an apt repository is signed, and writes it to O(path) only if the
    file has exactly one key and that has the fingerprint O(fingerprint).
  - What is written is that key as GnuPG exports it. Nothing else that was in the file is trusted.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
attributes:
  check_mode:
    support: full
    details: In check mode the key is fetched and checked, and not written.
  diff_mode:
    support: none
  idempotent:
    support: full
requirements:
  - gpg (Debian's package C(gpg)) on the machine
options:
  source:
    description: Address (V(https://...)) or absolute path on the machine of the key, armored or not.
    type: str
    required: true
  fingerprint:
    description:
      Fingerprint of the primary key, all 40 hexadecimal digits. Spaces and small letters are
      accepted.
    type: str
    required: true
  path:
    description: Where the key is written, as C(Signed-By) of an apt source needs it. Its folder must exist.
    type: path
    required: true
  timeout:
    description: Seconds that fetching the key may take.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Docker's key
  odoo_cloud.platform.signing_key:
    source: "{{ docker_engine_repository }}/gpg"
    fingerprint: 9DC8 5822 9FC7 DD38 854A E2D8 8D81 803C 0EBF CD88
    path: /etc/apt/keyrings/docker.gpg
"""

RETURN = r"""
path:
  description: Path of the key.
  returned: success
  type: str
  sample: /etc/apt/keyrings/docker.gpg
fingerprint:
  description: Fingerprint of the key.
  returned: success
  type: str
  sample: 9DC858229FC7DD38854AE2D88D81803C0EBFCD88
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine import signing_key


def fetched(source: str, timeout: int) -> bytes:
    """The content of the key's file."""
    if source.startswith("/"):
        with open(source, "rb") as stream:
            return stream.read(signing_key.LARGEST)
    if not source.startswith(("https://", "http://")):
        raise signing_key.SigningKeyError(
            f"source: {source!r} is neither an address (https://...) nor an absolute path"
        )
    with open_url(source, timeout=timeout) as answer:
        return answer.read(signing_key.LARGEST)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str", "required": True},
            "fingerprint": {"type": "str", "required": True, "no_log": False},
            "path": {"type": "path", "required": True},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    source, path = module.params["source"], module.params["path"]
    try:
        fingerprint = signing_key.normal(module.params["fingerprint"])
        key = signing_key.checked(fetched(source, module.params["timeout"]), fingerprint, source)
        changed = not _same(path, key)
        if changed and not module.check_mode:
            temporary = os.path.join(module.tmpdir, "signing_key")
            with open(temporary, "wb") as stream:
                stream.write(key)
            module.atomic_move(temporary, path)
            module.set_mode_if_different(path, 0o644, changed)
    except (signing_key.SigningKeyError, OSError) as error:
        module.fail_json(msg=f"signing_key: {error}")
    module.exit_json(changed=changed, path=path, fingerprint=fingerprint)


def _same(path: str, content: bytes) -> bool:
    """Whether the file has this content."""
    try:
        with open(path, "rb") as stream:
            return stream.read() == content
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    main()
