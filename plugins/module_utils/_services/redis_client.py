# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""A few commands to a Redis or Valkey server with the standard library, because machines have no
client of it.
"""

from __future__ import annotations

import os
import socket
import ssl
import typing as t
from urllib.parse import urlsplit

LONGEST_SOCKET = 107  # bytes that an address of a Unix socket may have


class RedisFailure(Exception):
    """A command failed; the message is one line for operators."""


class Unreachable(RedisFailure):
    """The server does not answer."""


class Refused(RedisFailure):
    """The server answered with an error, whose first word is its kind (`WRONGPASS`, `NOPERM`, ...)."""

    @property
    def kind(self) -> str:
        """The kind of the error."""
        return str(self).partition(" ")[0]


class RedisClient:
    """One connection as one user.

    `timeout`: seconds for the connection and each answer. Connecting raises `Unreachable`,
    `Refused`, or `RedisFailure` for an address or a CA that can't be used.
    """

    def __init__(
        self, url: str, username: str, password: str, timeout: float = 5, ca: str = "", verify: bool = True
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss", "unix"):
            raise RedisFailure(
                f"redis_url={parts.scheme}://...: give an address that begins with redis://, rediss:// or unix://"
            )
        self.shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        try:
            self.socket = self._connect(parts, timeout, ca, verify)
        except ssl.SSLCertVerificationError as error:
            raise RedisFailure(
                f"Redis at {self.shown}: its certificate is not trusted: {error.verify_message}"
            ) from error
        except (OSError, ValueError) as error:
            raise Unreachable(f"Redis at {self.shown} can't be reached: {_reason(error)}") from error
        self.file = self.socket.makefile("rb")
        if password:
            self.command("AUTH", *([username] if username else []), password)
        database = parts.path.strip("/")
        if parts.scheme != "unix" and database not in ("", "0"):
            self.command("SELECT", database)

    @staticmethod
    def _connect(parts: t.Any, timeout: float, ca: str, verify: bool) -> socket.socket:
        if parts.scheme == "unix":
            plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            plain.settimeout(timeout)
            folder = -1
            try:
                path = parts.path
                if len(path.encode()) > LONGEST_SOCKET:  # the folder is opened, so that what is left is short
                    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
                    path = f"/proc/self/fd/{folder}/{os.path.basename(path)}"
                plain.connect(path)
            except OSError:
                plain.close()
                raise
            finally:
                if folder >= 0:
                    os.close(folder)
            return plain
        plain = socket.create_connection((parts.hostname, parts.port or 6379), timeout=timeout)
        if parts.scheme == "redis":
            return plain
        context = ssl.create_default_context(cadata=ca or None)
        if not verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(plain, server_hostname=parts.hostname)

    def command(self, *words: str) -> t.Any:
        """The answer to one command. Raises `Refused` for an error, `Unreachable` without an answer."""
        return _texts(self.raw(*(word.encode("utf-8") for word in words)))

    def raw(self, *parts: bytes) -> t.Any:
        """The answer to one command, as bytes. Raises like `command`."""
        message = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        try:
            self.socket.sendall(message)
            return self._answer()
        except OSError as error:
            raise Unreachable(f"Redis at {self.shown} does not answer {parts[0].decode()}: {_reason(error)}") from error

    def _answer(self) -> t.Any:
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("it closed the connection")
        kind, text = line[:1], line[1:-2]
        if kind == b"-":
            raise Refused(text.decode("utf-8", "replace"))
        if kind == b":":
            return int(text)
        if kind == b"$":
            size = int(text)
            return None if size < 0 else self.file.read(size + 2)[:-2]
        if kind == b"*":
            return [self._answer() for _number in range(int(text))]
        return text

    def close(self) -> None:
        """Closes the connection."""
        self.file.close()
        self.socket.close()


def _texts(answer: t.Any) -> t.Any:
    """An answer with texts in place of bytes."""
    if isinstance(answer, list):
        return [_texts(one) for one in answer]
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
