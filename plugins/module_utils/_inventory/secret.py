# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Secrets that are generated once on the controller and kept in one file each, and the set that
they belong to.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import secrets
import string
import typing as t

DEFAULT_LENGTH = 40
DEFAULT_NAME = "odoo-cloud"
# The folder of every platform on its machines before folders were named after the platform.
FORMER_ROOT = "/srv/odoo-cloud"
SET_FILE = "platform.json"
CA_FILE = "tls/ca.crt"
_ALPHABET = string.ascii_letters + string.digits
_GENERATED = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{40}(?![A-Za-z0-9])")
_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$")


class SecretError(Exception):
    """A secret can't be read or kept; the message is one line for operators."""


def secret_path(folder: str, name: str) -> str:
    """The file of the secret `name`, which may have folders but never `..`. Raises `SecretError`."""
    if not _NAME.match(name):
        raise SecretError(f"secret name {name!r}: letters, digits, '_', '.', '-' and '/' between parts are allowed")
    return os.path.join(folder, *name.split("/"))


@dataclasses.dataclass(frozen=True)
class SecretSet:
    """The content of a folder's file `platform.json`; everything is empty when there is none."""

    name: str = ""  # of the platform for which the set was created
    identity: str = ""  # random, created with the set; machines know its SHA-256
    root: str = ""  # the platform's folder, if the set is older than this file

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the identity, which machines keep. It reveals nothing about the secrets."""
        return hashlib.sha256(self.identity.encode()).hexdigest() if self.identity else ""


def read_set(folder: str) -> SecretSet:
    """The set of a secrets folder. Raises `SecretError` when its file can't be read."""
    path = os.path.join(folder, SET_FILE)
    try:
        with open(path, encoding="utf-8") as handle:
            content = json.load(handle)
        found = SecretSet(*(str(content.get(key) or "") for key in ("name", "identity", "root")))
    except FileNotFoundError:
        return SecretSet()
    except (OSError, ValueError, AttributeError) as error:
        raise SecretError(f"the file {path!r} can't be read ({error}): put it back from the backup") from error
    if not found.identity:
        raise SecretError(f"the file {path!r} has no 'identity': put it back from the backup")
    return found


def begin_set(folder: str, name: str) -> SecretSet:
    """The set of a folder, created for the platform `name` when there is none.

    Two runs at the same moment agree on one set. Raises `SecretError`.
    """
    found = read_set(folder)
    if found.identity:
        return found
    made = SecretSet(name, _random(DEFAULT_LENGTH), FORMER_ROOT if has_secrets(folder) else "")
    content = {key: value for key, value in dataclasses.asdict(made).items() if value}
    try:
        created = _create(os.path.join(folder, SET_FILE), json.dumps(content, indent=2, sort_keys=True))
    except OSError as error:
        raise SecretError(
            f"odoo_cloud_secrets_dir={folder!r}: can't keep {SET_FILE}: {error.strerror or error}"
        ) from error
    return made if created else read_set(folder)


def secret_names(folder: str) -> list[str]:
    """Names of all secrets of a folder, including certificates and keys."""
    names = []
    with contextlib.suppress(OSError):
        for service in os.scandir(folder):
            if service.is_dir():
                names += [f"{service.name}/{one.name}" for one in os.scandir(service.path) if one.is_file()]
    return sorted(names)


def has_secrets(folder: str) -> bool:
    """Whether a folder has any secret."""
    return bool(secret_names(folder))


def default_root(folder: str, name: str) -> str:
    """The platform's folder on its machines when the inventory does not state it."""
    known = read_set(folder)
    if known.root:
        return known.root
    return FORMER_ROOT if not known.identity and has_secrets(folder) else f"/srv/{name}"


def generated_digests(text: str) -> set[str]:
    """The SHA-256 of everything in a text that looks like a generated secret.

    Generated secrets have 238 random bits, so their digests reveal nothing. A secret that a person
    chose is left out, unless it looks the same.
    """
    return {hashlib.sha256(one.encode()).hexdigest() for one in _GENERATED.findall(text)}


def text_digest(text: str) -> str:
    """The SHA-256 of a public text, such as the CA's certificate."""
    return hashlib.sha256(text.strip().encode()).hexdigest()


def set_digests(folder: str, names: t.Sequence[str] | None = None) -> set[str]:
    """Digests of a folder's generated secrets and of its CA's certificate, to compare with a
    machine.

    `names`: only of these secrets.
    """
    found: set[str] = set()
    for name in secret_names(folder) if names is None else names:
        if name.endswith(".key"):
            continue
        with (
            contextlib.suppress(OSError, UnicodeDecodeError),
            open(os.path.join(folder, name), encoding="utf-8") as file,
        ):
            text = file.read()
            found |= {text_digest(text)} if name == CA_FILE else generated_digests(text)
    return found


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for dummy in range(length))


def _create(path: str, text: str) -> bool:
    """Writes a text to a new file (mode 0600, folders 0700). Returns False when the file exists."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    temporary = f"{path}.{os.getpid()}.{secrets.token_hex(4)}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as handle:
            handle.write(text + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    return True


def read_or_create(folder: str, name: str, length: int = DEFAULT_LENGTH, create: bool = True) -> str:
    """The secret `name` of a folder, generated and kept (mode 0600, folders 0700) when it does not
    exist.

    - `length`: number of characters of a generated secret.
    - `create`: if false, a missing secret gives a placeholder of the right form and nothing is
      written, as check mode needs.

    Two runs at the same moment agree on one value: the file is linked into place, the first one
    wins. Raises `SecretError`.
    """
    path = secret_path(folder, name)
    existing = _read(path)
    if existing is not None:
        return existing
    value = _random(length)
    if not create:
        return value
    try:
        if not _create(path, value):
            value = _read(path) or value
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
        raise SecretError(
            f"the secret file {path!r} is empty: put the secret in, or remove the file to generate a new one"
        )
    return value
