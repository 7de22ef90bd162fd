# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The Swift store: settings, connections, and the few requests that are needed, sent with
python-swiftclient."""

from __future__ import annotations

import concurrent.futures
import datetime
import hashlib
import hmac
import io
import logging
import os
import re
import threading
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

try:
    import keystoneauth1.exceptions
    import keystoneauth1.identity.v3
    import keystoneauth1.session
    import requests
    import swiftclient
    import swiftclient.exceptions
    import swiftclient.utils
except ImportError:  # reported when the store is needed
    swiftclient = None

from ..common import variables
from ..common.variables import Environment, SettingsError
from .objects import CHUNK, Found, confirmed, looks_like_md5, md5_of, named_bucket, uri

_logger = logging.getLogger(__name__)

SCHEME = "swift"
LIBRARY = "python-swiftclient and keystoneauth1"
ERRORS: tuple[type[Exception], ...] = (
    (
        swiftclient.exceptions.ClientException,
        keystoneauth1.exceptions.ClientException,
        requests.exceptions.RequestException,
        OSError,
    )
    if swiftclient is not None
    else ()
)

# The container's key for signed URLs: the second one; the first is left to the operator of the
# store.
LINK_KEY = "x-container-meta-temp-url-key-2"

_sessions: dict[Any, Any] = {}
_linked: dict[Any, str] = {}
_lock = threading.Lock()
_local = threading.local()


@dataclass(frozen=True)
class Where:
    """Address and credentials of the store. `timeout` is in seconds."""

    auth_url: str
    account: str
    password: str = field(repr=False)
    project: str = ""
    region: str = ""
    timeout: int = 15

    @property
    def version(self) -> str:
        """Version of the authentication: `1` (TempAuth) if the address ends with it, else `3`
        (Keystone)."""
        return "1" if re.search(r"/v1(\.0)?/?\Z", self.auth_url) else "3"


def available() -> bool:
    """Whether the libraries are installed."""
    return swiftclient is not None


def load(env: Environment = None) -> Where:
    """Return address and credentials from the environment. Raises `SettingsError` if a variable is
    missing."""
    values = {
        "SWIFT_AUTH_URL": variables.text("SWIFT_AUTH_URL", env=env),
        "SWIFT_ACCOUNT": variables.text("SWIFT_ACCOUNT", env=env),
        "SWIFT_PASSWORD": variables.secret("SWIFT_PASSWORD", env=env),
    }
    for name, value in values.items():
        if not value:
            raise SettingsError(f"{name} is not set: it is needed to reach the store")
    project = variables.text("SWIFT_PROJECT_NAME", env=env)
    if not project and variables.text("SWIFT_TENANT_NAME", env=env):
        _logger.warning("SWIFT_TENANT_NAME is an old name: use SWIFT_PROJECT_NAME")
        project = variables.text("SWIFT_TENANT_NAME", env=env)
    return Where(
        *values.values(),
        project=project,
        region=variables.text("SWIFT_REGION_NAME", env=env),
        timeout=variables.number("SWIFT_TIMEOUT", env),
    )


def bucket_name(database: str, env: Environment = None) -> str:
    """Return the container of a database; `{db}` stands for the database's name. Raises
    `SettingsError` if no variable names it."""
    return named_bucket("SWIFT_WRITE_CONTAINER", "container", env).replace("{db}", database)


def _session(where: Where) -> Any:
    """Keystone's session: one per process, since its tokens are limited in number."""
    key = (os.getpid(), where)
    with _lock:
        if key not in _sessions:
            _sessions.clear()
            auth = keystoneauth1.identity.v3.Password(
                auth_url=where.auth_url,
                username=where.account,
                password=where.password,
                project_name=where.project,
                user_domain_id="default",
                project_domain_id="default",
            )
            _sessions[key] = keystoneauth1.session.Session(auth=auth, timeout=where.timeout)
        return _sessions[key]


def connection(env: Environment = None) -> Any:
    """Return the connection of this thread. Connections can't be shared between threads and don't
    survive a fork."""
    where = load(env)
    key = (os.getpid(), where)
    if getattr(_local, "key", None) != key:
        options: dict[str, Any] = {"retries": 2, "timeout": where.timeout, "starting_backoff": 0.5, "max_backoff": 5}
        if where.region:
            options["os_options"] = {"region_name": where.region}
        if where.version == "3":
            _local.connection = swiftclient.Connection(session=_session(where), **options)
        else:
            _local.connection = swiftclient.Connection(
                authurl=where.auth_url, user=where.account, key=where.password, auth_version="1", **options
            )
        _local.key = key
    return _local.connection


def _missing(error: Exception) -> bool:
    return getattr(error, "http_status", None) == 404


def put(container: str, key: str, data: Any, size: int | None = None) -> bool:
    """Store the content (bytes, or a file of `size` bytes). A missing container is created only
    after the request failed, which saves a check before each one.

    The MD5 is sent along, and the store refuses any other content. Returns whether the store
    confirmed this content; raises `NotVerified` if it has another one.
    """
    size = len(data) if size is None else size
    file = data if hasattr(data, "read") else io.BytesIO(data)
    digest, begin = md5_of(file).hexdigest(), file.tell()
    try:
        etag = connection().put_object(container, key, file, content_length=size, etag=digest)
    except swiftclient.exceptions.ClientException as error:
        if not _missing(error):
            raise
        connection().put_container(container)
        file.seek(begin)
        etag = connection().put_object(container, key, file, content_length=size, etag=digest)
    return confirmed(uri(SCHEME, container, key), etag, digest)


def get(container: str, key: str, size: int | None = None) -> bytes | None:
    """Return the content, at most `size` bytes of it; `None` if it doesn't exist."""
    headers = {"Range": f"bytes=0-{size - 1}"} if size else None
    try:
        return bytes(connection().get_object(container, key, headers=headers)[1])
    except swiftclient.exceptions.ClientException as error:
        if _missing(error):
            return None
        raise


def download(container: str, key: str, file: Any) -> bool:
    """Write the content to `file` in pieces; `False` if it doesn't exist."""
    try:
        body = connection().get_object(container, key, resp_chunk_size=CHUNK)[1]
    except swiftclient.exceptions.ClientException as error:
        if _missing(error):
            return False
        raise
    for piece in body:
        file.write(piece)
    return True


def opened(container: str, key: str, start: int, stop: int) -> Iterator[bytes]:
    """Return the bytes from `start` to before `stop` in pieces. The request is sent at once, so
    that its errors are raised here.

    Uses its own connection, because this thread may send other requests before all bytes are read.
    """
    _local.key = None
    talk = connection()
    _local.key = None
    body = talk.get_object(container, key, headers={"Range": f"bytes={start}-{stop - 1}"}, resp_chunk_size=CHUNK)[1]

    def pieces() -> Iterator[bytes]:
        try:
            yield from body
        finally:
            talk.close()

    return pieces()


def link(container: str, key: str, seconds: int) -> str:
    """Return a URL (Temp URL) with which anyone can read the object for so many seconds. The
    container's key is derived from our password."""
    where = load()
    secret = hmac.new(where.password.encode(), f"temp-url {container}".encode(), hashlib.sha256).hexdigest()
    known = (os.getpid(), where, container)
    if known not in _linked:
        talk = connection()
        if talk.head_container(container).get(LINK_KEY) != secret:
            talk.post_container(container, {LINK_KEY: secret})
        _linked.clear()
        _linked[known] = talk.url or talk.get_auth()[0]
    storage = urllib.parse.urlsplit(_linked[known])
    path = f"{storage.path.rstrip('/')}/{container}/{key}"
    signed = swiftclient.utils.generate_temp_url(path, seconds, secret, "GET", digest="sha256")
    dummy, mark, query = signed.rpartition("?")
    return f"{storage.scheme}://{storage.netloc}{urllib.parse.quote(path)}{mark}{query}"


def head(container: str, key: str) -> Found | None:
    """Return the store's description of an object, `None` if it doesn't exist."""
    try:
        answer = connection().head_object(container, key)
    except swiftclient.exceptions.ClientException as error:
        if _missing(error):
            return None
        raise
    return Found(key, int(answer["content-length"]), looks_like_md5(answer.get("etag", "")))


def listing(container: str) -> Iterator[Found]:
    """Yield all objects; none if there is no such container."""
    marker = ""
    while True:
        try:
            items = connection().get_container(container, marker=marker)[1]
        except swiftclient.exceptions.ClientException as error:
            if _missing(error):
                return
            raise
        if not items:
            return
        for item in items:
            moment = datetime.datetime.strptime(item["last_modified"][:19], "%Y-%m-%dT%H:%M:%S")
            modified = moment.replace(tzinfo=datetime.timezone.utc).timestamp()
            yield Found(item["name"], item["bytes"], looks_like_md5(item.get("hash", "")), modified)
        marker = items[-1]["name"]


def delete(container: str, keys: Sequence[str]) -> list[tuple[str, str]]:
    """Delete the objects, several at once. Returns (key, reason) of those that could not be deleted."""

    def one(key: str) -> tuple[str, str] | None:
        try:
            connection().delete_object(container, key)
        except ERRORS as error:
            if not _missing(error):
                return key, str(error)
        return None

    if len(keys) < 5:
        return [fault for fault in map(one, keys) if fault]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return [fault for fault in pool.map(one, keys) if fault]


def check(container: str) -> None:
    """Raise one of `ERRORS` if the container doesn't answer."""
    connection().head_container(container)
