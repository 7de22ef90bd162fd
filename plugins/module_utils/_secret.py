# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Secrets that are made once on the controller and kept as one file each."""

from __future__ import annotations

import os
import re
import secrets
import string

DEFAULT_LENGTH = 40
_ALPHABET = string.ascii_letters + string.digits
_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$")


class SecretError(Exception):
    """A secret that can't be read or kept; the text is one line for people."""


def secret_path(folder: str, name: str) -> str:
    """The file that keeps the secret C(name); C(name) may have folders, never C(..)."""
    if not _NAME.match(name):
        raise SecretError(f"secret name {name!r}: letters, digits, '_', '.', '-' and '/' between parts are allowed")
    return os.path.join(folder, *name.split("/"))


def read_or_create(folder: str, name: str, length: int = DEFAULT_LENGTH, create: bool = True) -> str:
    """The secret C(name) of C(folder); made and kept (0600, folders 0700) when it isn't there.

    With C(create=False) a missing secret gives a placeholder of the right form and nothing is written: what check
    mode needs. Two runs at the same moment agree on one value: the file is linked into place, the first one wins.
    """
    path = secret_path(folder, name)
    existing = _read(path)
    if existing is not None:
        return existing
    value = "".join(secrets.choice(_ALPHABET) for dummy in range(length))
    if not create:
        return value
    parent = os.path.dirname(path)
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        temporary = f"{path}.{os.getpid()}.{secrets.token_hex(4)}.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as handle:
                handle.write(value + "\n")
                handle.flush()
                os.fsync(handle.fileno())
            os.link(temporary, path)
        except FileExistsError:
            value = _read(path) or value
        finally:
            os.unlink(temporary)
    except OSError as error:
        raise SecretError(
            f"odoo_cloud_secrets_dir={folder!r}: can't keep the secret {name!r}: {error.strerror or error}"
        ) from error
    return value


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as handle:
            value = handle.read().rstrip("\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretError(f"the secret file {path!r} can't be read: {error.strerror or error}") from error
    if not value:
        raise SecretError(f"the secret file {path!r} is empty: put the secret in, or remove the file to make a new one")
    return value
