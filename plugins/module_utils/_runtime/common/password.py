# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Passwords as Odoo stores them, in `res_users.password` and in `admin_passwd` of odoo.conf."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os


def password_hash(password: str, rounds: int, salt: bytes | None = None) -> str:
    """Return the hash that Odoo stores in `res_users.password` (pbkdf2_sha512 of passlib), with a
    random salt unless one is given."""
    salt = os.urandom(16) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode("utf-8"), salt, rounds)

    def ab64(data: bytes) -> str:
        return base64.b64encode(data).decode("ascii").rstrip("=").replace("+", ".")

    return f"$pbkdf2-sha512${rounds}${ab64(salt)}${ab64(digest)}"


def matches(password: str, stored: str) -> bool:
    """Whether `stored` is this password. Accepts the two forms that Odoo 14 to 19 accept: a hash of
    `password_hash()`, or plain text, which Odoo hashes at the first login."""
    if not stored.startswith("$pbkdf2-sha512$"):
        return hmac.compare_digest(stored.encode("utf-8"), password.encode("utf-8"))
    try:
        _empty, _kind, rounds, salt, digest = stored.split("$")
        salted = base64.b64decode(salt.replace(".", "+") + "=" * (-len(salt) % 4))
        wanted = base64.b64decode(digest.replace(".", "+") + "=" * (-len(digest) % 4))
        found = hashlib.pbkdf2_hmac("sha512", password.encode("utf-8"), salted, int(rounds))
    except (ValueError, OverflowError, binascii.Error):
        return False  # no password matches a malformed hash
    return hmac.compare_digest(found, wanted)
