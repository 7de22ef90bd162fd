# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Passwords as Odoo keeps them, in res_users.password and in odoo.conf's admin_passwd."""

from __future__ import annotations

import base64
import hashlib
import os


def password_hash(password: str, rounds: int, salt: bytes | None = None) -> str:
    """passlib's pbkdf2_sha512, as Odoo stores it in res_users.password."""
    salt = os.urandom(16) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode("utf-8"), salt, rounds)

    def ab64(data: bytes) -> str:
        return base64.b64encode(data).decode("ascii").rstrip("=").replace("+", ".")

    return f"$pbkdf2-sha512${rounds}${ab64(salt)}${ab64(digest)}"
