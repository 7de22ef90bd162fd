# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Speaks with a Docker engine over its Unix socket, with the standard library only.

Importing the Docker SDK or requests costs 0.2 to 0.5 seconds in each module run. Lasting objects
(containers that serve, networks, images) are created by community.docker from roles. But a module
that runs something in its own container and follows it can't call another module: for those
containers, and nothing else, this client can create, start, stop and remove.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import typing as t
import urllib.parse

DEFAULT_SOCKET = "/var/run/docker.sock"
# What is read of a container's output; it may write as much as it likes.
MOST_LINES, MOST_OUTPUT = 100_000, 16 * 1024 * 1024


class EngineError(Exception):
    """The engine answered with an error; the message is one line for operators."""


class EngineConflict(EngineError):
    """The engine refuses because of the container's state or a name that is taken (HTTP status
    409).
    """


class EngineUnreachable(EngineError):
    """No engine answers on the socket."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def socket_path(docker_host: str | None = None) -> str:
    """The path of the engine's socket.

    `docker_host`: an address such as `unix:///path`; by default that of the variable `DOCKER_HOST`,
    else `/var/run/docker.sock`. Raises `EngineError` for an address that is no local socket.
    """
    address = docker_host or os.environ.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}"
    if not address.startswith("unix://"):
        raise EngineError(f"docker_host={address!r}: only a local socket (unix:///path) is supported")
    return address[len("unix://") :]


def frames(body: bytes) -> t.Iterator[tuple[int, bytes]]:
    """The parts of a container's output, each with its stream: 1 for stdout, 2 for stderr.

    A container with a terminal has a single stream, which is reported as stdout.
    """
    begin = 0
    # kind, 3 zero bytes, 4 bytes of length
    while len(body) - begin >= 8 and body[begin] in (0, 1, 2) and body[begin + 1 : begin + 4] == b"\0\0\0":
        end = begin + 8 + int.from_bytes(body[begin + 4 : begin + 8], "big")
        yield body[begin], body[begin + 8 : end]
        begin = end
    if begin < len(body):
        yield 1, body[begin:]


def last(parts: t.Iterable[bytes], most: int) -> str:
    """The last `most` bytes of a text in parts."""
    return b"".join(parts)[-most:].decode("utf-8", "replace")


class Engine:
    """One engine; apart from `execute` and `healthy` every method is one request.

    `timeout`: seconds for each request. All methods raise `EngineUnreachable` when the engine does
    not answer, and `EngineError` when it refuses.

    Paths carry no API version, so an engine answers with its own newest one. What is read here is
    the same in all of them since 20.10, whereas the oldest version that an engine accepts keeps
    moving (1.44 in Docker 29).
    """

    def __init__(self, docker_host: str | None = None, timeout: float = 60.0) -> None:
        self._path = socket_path(docker_host)
        self._timeout = timeout

    def get(self, path: str, **query: t.Any) -> t.Any:
        """The decoded JSON answer of a GET request, None for status 404."""
        status, body = self._request("GET", path, query)
        if status == 404:
            return None
        self._check("GET", path, status, body)
        return json.loads(body)

    @staticmethod
    def _check(method: str, path: str, status: int, body: bytes) -> None:
        if status < 400:
            return
        text = body.decode("utf-8", "replace").strip()
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = str(json.loads(text)["message"])
        kind = EngineConflict if status == 409 else EngineError
        raise kind(f"Docker engine: {method} {path}: {status} {text}")

    def _request(
        self,
        method: str,
        path: str,
        query: dict[str, t.Any],
        content: dict[str, t.Any] | None = None,
        timeout: float | None = None,
    ) -> tuple[int, bytes]:
        values = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in query.items()}
        target = path + (f"?{urllib.parse.urlencode(values)}" if values else "")
        connection = _UnixConnection(self._path, timeout or self._timeout)
        try:
            headers = {} if content is None else {"Content-Type": "application/json"}
            connection.request(method, target, None if content is None else json.dumps(content), headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineUnreachable(f"no Docker engine answers on {self._path}: {error}") from error
        finally:
            connection.close()

    def version(self) -> str:
        """The engine's version, such as `29.1.3`."""
        return str(self.get("/version")["Version"])

    def containers(self, **filters: list[str]) -> list[dict[str, t.Any]]:
        """All containers, including stopped ones, as the engine lists them. `filters`: the engine's
        filters.
        """
        return t.cast("list[dict[str, t.Any]]", self.get("/containers/json", all="true", filters=filters))

    def volumes(self, **filters: list[str]) -> list[str]:
        """Names of the volumes that match the engine's `filters`."""
        return [str(one["Name"]) for one in self.get("/volumes", filters=filters).get("Volumes") or []]

    def container(self, name: str) -> dict[str, t.Any] | None:
        """The engine's full description of a container, None when it does not exist."""
        return t.cast("dict[str, t.Any] | None", self.get(f"/containers/{urllib.parse.quote(name)}/json"))

    def image(self, reference: str) -> dict[str, t.Any] | None:
        """The engine's description of an image, None when it does not exist."""
        return t.cast("dict[str, t.Any] | None", self.get(f"/images/{urllib.parse.quote(reference)}/json"))

    def image_id(self, reference: str) -> str | None:
        """The ID of an image, None when it does not exist."""
        image = self.image(reference)
        return None if image is None else str(image["Id"])

    def networks(self) -> list[dict[str, t.Any]]:
        """All networks, as the engine lists them."""
        return t.cast("list[dict[str, t.Any]]", self.get("/networks"))

    def output(self, name: str, lines: int = 0) -> tuple[str, str]:
        """The last `lines` lines that a container wrote, 0 for `MOST_LINES`: those of stdout, and those
        of both streams, each with its last `MOST_OUTPUT` bytes.
        """
        dummy, body = self._request(
            "GET",
            f"/containers/{urllib.parse.quote(name)}/logs",
            {"stdout": 1, "stderr": 1, "tail": lines or MOST_LINES},
        )
        parts = list(frames(body))
        stdout = last((part for kind, part in parts if kind != 2), MOST_OUTPUT)
        return stdout, last((part for dummy_kind, part in parts), MOST_OUTPUT)

    def log_tail(self, name: str, lines: int = 20) -> str:
        """The last `lines` lines that a container wrote to stdout and stderr."""
        return self.output(name, lines)[1]

    def create(self, name: str, content: dict[str, t.Any]) -> str:
        """Creates a container and returns its ID. `content`: its definition in the terms of the
        engine.

        Raises `EngineConflict` when the name is taken.
        """
        status, body = self._request("POST", "/containers/create", {"name": name}, content)
        self._check("POST", f"/containers/create?name={name}", status, body)
        return str(json.loads(body)["Id"])

    def start(self, name: str) -> None:
        """Starts a container; one that runs already is left alone."""
        path = f"/containers/{urllib.parse.quote(name)}/start"
        status, body = self._request("POST", path, {})
        self._check("POST", path, status, body)

    def stop(self, name: str, limit: float = 120.0) -> None:
        """Stops a container within the stop timeout of its definition.

        One that has ended or does not exist is no error. `limit`: seconds to wait for the engine's
        answer.
        """
        path = f"/containers/{urllib.parse.quote(name)}/stop"
        status, body = self._request("POST", path, {}, timeout=limit)
        if status != 404:
            self._check("POST", path, status, body)

    def signal(self, name: str, number: str) -> None:
        """Sends a signal such as `SIGUSR1` to a container's first process, if the container runs."""
        path = f"/containers/{urllib.parse.quote(name)}/kill"
        status, body = self._request("POST", path, {"signal": number})
        if status not in (404, 409):
            self._check("POST", path, status, body)

    def execute(self, name: str, command: t.Sequence[str], timeout: float = 30.0) -> tuple[int, str]:
        """Runs a command in a running container as the container's user. Returns exit code and
        output.

        `timeout`: seconds that the command may take.
        """
        path = f"/containers/{urllib.parse.quote(name)}/exec"
        content = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command)}
        status, body = self._request("POST", path, {}, content)
        self._check("POST", path, status, body)
        ident = str(json.loads(body)["Id"])
        path = f"/exec/{ident}/start"
        status, body = self._request("POST", path, {}, {"Detach": False, "Tty": False}, timeout)
        self._check("POST", path, status, body)
        output = b"".join(part for dummy_kind, part in frames(body)).decode("utf-8", "replace")
        code = (self.get(f"/exec/{ident}/json") or {}).get("ExitCode")
        return 1 if code is None else int(code), output.strip()

    def healthy(self, inspected: t.Mapping[str, t.Any], ask: bool = False) -> tuple[bool, str]:
        """Whether a container runs and is healthy, and the output of its health check.

        `inspected`: the engine's description of the container. The engine runs health checks
        rarely, because each one starts a program. So the check is run now for a container that the
        engine does not call healthy yet, and with `ask` for every container.
        """
        state, config = inspected.get("State") or {}, inspected.get("Config") or {}
        if not state.get("Running") or state.get("Restarting") or state.get("Paused"):
            return False, f"it is {state.get('Status', 'stopped')}"
        health, test = state.get("Health") or {}, (config.get("Healthcheck") or {}).get("Test") or []
        if not health or not test or test[0] == "NONE" or (health.get("Status") == "healthy" and not ask):
            return True, ""
        command = ["/bin/sh", "-c", test[1]] if test[0] == "CMD-SHELL" else test[1:]
        try:
            code, output = self.execute(str(inspected["Id"]), command)
        except EngineUnreachable:
            raise
        except EngineError as error:  # it stopped in the meantime
            return False, str(error)
        return code == 0, output or f"its health check ended with exit code {code}"

    def remove(self, name: str) -> None:
        """Removes a container that has ended, with its anonymous volumes.

        One that does not exist is no error; one that runs is.
        """
        path = f"/containers/{urllib.parse.quote(name)}"
        status, body = self._request("DELETE", path, {"v": "true"})
        if status != 404:
            self._check("DELETE", path, status, body)
