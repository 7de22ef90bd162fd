# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import hmac

from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import scram


def scram_verifier(password, role):
    """The verifier of a password. Its salt follows from role and password, so that the file is
    reproducible.
    """
    if not isinstance(password, str) or not password:
        raise AnsibleFilterError(
            f"scram_verifier: the password of the role {role!r} is empty; give one or leave the variable out"
        )
    salt = hmac.new(password.encode("utf-8"), f"odoo_cloud salt {role}".encode(), hashlib.sha256).digest()[:16]
    return scram.verifier(password, salt)


class FilterModule:
    def filters(self):
        return {"scram_verifier": scram_verifier}
