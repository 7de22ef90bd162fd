# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""The Swift store: settings, connections, and the few requests that are needed. No Odoo model here."""

import io
import logging
import os
import re
import threading
from dataclasses import dataclass, field

import keystoneauth1.exceptions
import keystoneauth1.identity.v3
import keystoneauth1.session
import requests
import swiftclient
import swiftclient.exceptions
from odoo.addons.odoo_cloud_compat import settings

_logger = logging.getLogger(__name__)

CHUNK = 256 * 1024
ERRORS = (
    swiftclient.exceptions.ClientException,
    keystoneauth1.exceptions.ClientException,
    requests.exceptions.RequestException,
    OSError,
)

_URI = re.compile(r"swift:///*([^/]*)/?(.*)", re.IGNORECASE | re.DOTALL)
_sessions = {}
_lock = threading.Lock()
_local = threading.local()


class SettingsError(ValueError):
    """A variable is missing or wrong; the text is one line for people."""


@dataclass(frozen=True)
class Where:
    """Which store, and as whom."""

    auth_url: str
    account: str
    password: str = field(repr=False)
    project: str = ""
    region: str = ""
    timeout: int = 15

    @property
    def version(self):
        """1 (TempAuth) if the address says so, else Keystone's 3."""
        return "1" if re.search(r"/v1(\.0)?/?\Z", self.auth_url) else "3"


def load(env=None):
    """The settings of the environment."""
    values = {
        "SWIFT_AUTH_URL": settings.text("SWIFT_AUTH_URL", env=env),
        "SWIFT_ACCOUNT": settings.text("SWIFT_ACCOUNT", env=env),
        "SWIFT_PASSWORD": settings.secret("SWIFT_PASSWORD", env=env),
    }
    for name, value in values.items():
        if not value:
            raise SettingsError(f"{name} is not set: it is needed to reach the store")
    project = settings.text("SWIFT_PROJECT_NAME", env=env)
    if not project and settings.text("SWIFT_TENANT_NAME", env=env):
        _logger.warning("SWIFT_TENANT_NAME is an old name: use SWIFT_PROJECT_NAME")
        project = settings.text("SWIFT_TENANT_NAME", env=env)
    return Where(
        *values.values(),
        project=project,
        region=settings.text("SWIFT_REGION_NAME", env=env),
        timeout=settings.number("SWIFT_TIMEOUT", 15, 1, env),
    )


def container_name(database, env=None):
    """The own container; ``{db}`` is the database's name."""
    name = settings.text("SWIFT_WRITE_CONTAINER", env=env)
    if not name:
        raise SettingsError("SWIFT_WRITE_CONTAINER is not set: it must name the container of the attachments")
    return name.replace("{db}", database)


def uri(container, key):
    return f"swift://{container}/{key}"


def parse(fname):
    """(container, key) of a store_fname."""
    match = _URI.match(fname)
    if not match or not match.group(1) or not match.group(2):
        raise ValueError(f"{fname}: not of the form swift://container/key")
    return match.groups()


def _session(where):
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


def connection(env=None):
    """A connection of this thread: they can't be shared, and not be taken over a fork."""
    where = load(env)
    key = (os.getpid(), where)
    if getattr(_local, "key", None) != key:
        options = {"retries": 2, "timeout": where.timeout, "starting_backoff": 0.5, "max_backoff": 5}
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


def _missing(error):
    return getattr(error, "http_status", None) == 404


def put(container, key, data):
    """Store the content. The container is made when there is none; nobody asks for it before each request."""
    try:
        connection().put_object(container, key, io.BytesIO(data), content_length=len(data))
    except swiftclient.exceptions.ClientException as error:
        if not _missing(error):
            raise
        connection().put_container(container)
        connection().put_object(container, key, io.BytesIO(data), content_length=len(data))


def get(container, key, size=None):
    """The content, at most ``size`` bytes of it; None when it isn't there."""
    headers = {"Range": f"bytes=0-{size - 1}"} if size else None
    try:
        return connection().get_object(container, key, headers=headers)[1]
    except swiftclient.exceptions.ClientException as error:
        if _missing(error):
            return None
        raise


def opened(container, key, start, stop):
    """The bytes from start to before stop, in pieces. The request is made now, so that its errors are seen now.

    A connection of its own: this thread may ask for something else before all is sent.
    """
    _local.key = None
    talk = connection()
    _local.key = None
    body = talk.get_object(container, key, headers={"Range": f"bytes={start}-{stop - 1}"}, resp_chunk_size=CHUNK)[1]

    def pieces():
        try:
            yield from body
        finally:
            talk.close()

    return pieces()


def delete(container, keys):
    """Delete the objects; the (key, reason) of those that could not be."""
    faults = []
    for key in keys:
        try:
            connection().delete_object(container, key)
        except ERRORS as error:
            if not _missing(error):
                faults.append((key, str(error)))
    return faults


def check(container):
    """Whether the container answers; an error if not."""
    connection().head_container(container)
