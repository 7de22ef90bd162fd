# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""SCRAM-SHA-256 verifiers as PostgreSQL stores them, computed here so that no server ever sees the
password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import stringprep
import unicodedata

ITERATIONS = 4096

_VERIFIER = re.compile(
    r"SCRAM-SHA-256\$(?P<iterations>[0-9]+):(?P<salt>[A-Za-z0-9+/=]+)"
    r"\$(?P<stored>[A-Za-z0-9+/=]+):(?P<server>[A-Za-z0-9+/=]+)"
)


def saslprep(password: str) -> str:
    """Normalise a password (RFC 4013). A password that the RFC forbids is used unchanged, as
    PostgreSQL does."""
    if password.isascii():
        return password
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char for char in password if not stringprep.in_table_b1(char)
    )
    text = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    forbidden = (
        stringprep.in_table_a1,
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    if not text or any(check(char) for char in text for check in forbidden):
        return password
    if any(stringprep.in_table_d1(char) for char in text):
        right = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
        if not right or any(stringprep.in_table_d2(char) for char in text):
            return password
    return text


def keys(password: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """Return StoredKey and ServerKey of RFC 5802."""
    salted = hashlib.pbkdf2_hmac("sha256", saslprep(password).encode("utf-8"), salt, iterations)
    client = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    return hashlib.sha256(client).digest(), hmac.new(salted, b"Server Key", hashlib.sha256).digest()


def verifier(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """Return the verifier that `ALTER ROLE ... PASSWORD` accepts instead of the password; with a
    random salt unless one is given."""
    salt = os.urandom(16) if salt is None else salt
    stored, server = keys(password, salt, iterations)
    text = [base64.b64encode(item).decode("ascii") for item in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{text[0]}${text[1]}:{text[2]}"


def matches(password: str, stored: str) -> bool:
    """Whether `stored` is a verifier of `password`."""
    match = _VERIFIER.fullmatch(stored)
    if match is None:
        return False
    salt = base64.b64decode(match["salt"])
    return hmac.compare_digest(verifier(password, salt, int(match["iterations"])), stored)
