# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The key of a package repository, accepted by its fingerprint only. GnuPG reads the key."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile

LARGEST = 1024 * 1024  # bytes of a key's file; real ones have a few thousand
_FINGERPRINT = re.compile(r"^([0-9A-F]{40}|[0-9A-F]{64})$")


class SigningKeyError(Exception):
    """The key is not accepted; the message is one line for operators."""


def normal(fingerprint: str) -> str:
    """A fingerprint as GnuPG writes it. Raises `SigningKeyError` when it is none."""
    found = re.sub(r"\s", "", fingerprint).upper()
    if not _FINGERPRINT.match(found):
        raise SigningKeyError(
            f"fingerprint: {fingerprint!r} is none; right are all 40 hexadecimal digits of the key's fingerprint"
        )
    return found


def primary_fingerprints(listing: str) -> list[str]:
    """The fingerprints of all primary keys in the output of `gpg --with-colons`; those of subkeys are left out."""
    found, primary = [], False
    for line in listing.splitlines():
        fields = line.split(":")
        if fields[0] in ("pub", "sub", "sec", "ssb"):
            primary = fields[0] in ("pub", "sec")
        elif fields[0] == "fpr" and primary:
            found.append(fields[9])
            primary = False
    return found


def checked(content: bytes, fingerprint: str, source: str) -> bytes:
    """The one key in `content`, as GnuPG exports it: nothing else that was in the file is in the result.

    `fingerprint`: as `normal` returns it. `source`: named in messages. Raises `SigningKeyError` unless the
    file has this key and no other one.
    """
    with tempfile.TemporaryDirectory(prefix="odoo-cloud-key-") as home:
        _gpg(home, "--import", content=content, check=False)
        found = primary_fingerprints(
            _gpg(home, "--list-keys", "--with-colons", "--fingerprint").decode("ascii", "replace")
        )
        if not found:
            raise SigningKeyError(f"{source} has no key; right is a file with the key {fingerprint}")
        if found != [fingerprint]:
            raise SigningKeyError(
                f"{source} has the key {' and '.join(found)}; right is {fingerprint} and no other one"
            )
        return _gpg(home, "--export", fingerprint)


def _gpg(home: str, *arguments: str, content: bytes = b"", check: bool = True) -> bytes:
    command = [
        "gpg",
        "--homedir",
        home,
        "--batch",
        "--quiet",
        "--no-autostart",
        "--no-auto-key-locate",
        "--no-auto-check-trustdb",
    ]
    try:
        done = subprocess.run(
            [*command, *arguments],
            input=content,
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except FileNotFoundError as error:
        raise SigningKeyError("this machine has no gpg, which reads the key: install the package gpg") from error
    if check and done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise SigningKeyError(f"gpg: {said[-1] if said else 'no reason given'}")
    return done.stdout
