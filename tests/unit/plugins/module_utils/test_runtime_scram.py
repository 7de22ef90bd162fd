# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import scram


def test_rfc7677_vector():
    """The exchange of RFC 7677 section 3: StoredKey checks the client's proof, ServerKey makes the server's signature."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    stored, server = scram.keys("pencil", salt, 4096)
    message = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = hmac.new(stored, message, hashlib.sha256).digest()
    client_key = bytes(a ^ b for a, b in zip(proof, signature))
    assert hashlib.sha256(client_key).digest() == stored
    assert base64.b64encode(hmac.new(server, message, hashlib.sha256).digest()) == (
        b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    )


def test_form_and_check():
    stored = scram.verifier("secret", b"0123456789abcdef")
    assert stored.startswith("SCRAM-SHA-256$4096:MDEyMzQ1Njc4OWFiY2RlZg==$")
    assert stored == scram.verifier("secret", b"0123456789abcdef")
    assert scram.matches("secret", stored)
    assert not scram.matches("Secret", stored)
    assert not scram.matches("secret", "md5d41d8cd98f00b204e9800998ecf8427e")
    assert scram.verifier("secret") != scram.verifier("secret")
    assert "secret" not in stored


@pytest.mark.parametrize(
    ("given", "prepared"),
    [
        ("I\u00adX", "IX"),  # RFC 4013 section 3
        ("user", "user"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("\u0627\u0031", "\u0627\u0031"),  # forbidden: taken as it is
        ("caf\u00e9", "caf\u00e9"),
    ],
)
def test_saslprep(given, prepared):
    assert scram.saslprep(given) == prepared
