# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""The connection to Redis: the environment's variables, checked before connecting."""

import re
from dataclasses import dataclass, field

import redis
from odoo.addons.odoo_cloud_compat import settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

NAME = "ODOO_SESSION_REDIS"


class ConnectionSettingsError(ValueError):
    """A variable is missing or wrong; the message is one line for operators."""


@dataclass(frozen=True)
class Where:
    """All settings of the connection. Its text form is for the log and contains no secret."""

    url: str = field(repr=False)
    host: str
    port: int
    username: str
    password: str = field(repr=False)
    tls: dict
    sentinels: tuple
    sentinel_master: str
    sentinel_username: str
    sentinel_password: str = field(repr=False)
    prefix: str
    expiration: int  # seconds, like the next two
    expiration_anonymous: int
    timeout: float
    import_files: bool

    def __str__(self):
        if self.sentinels:
            nodes = ", ".join(f"{host}:{port}" for host, port in self.sentinels)
            place = f"master {self.sentinel_master!r} of the sentinels {nodes}"
        elif self.url:
            place = re.sub(r"//[^/@]*@", "//", self.url.partition("?")[0])
        else:
            place = f"{self.host}:{self.port}"
        return f"{place}{' over TLS' if self.tls else ''}, prefix {self.prefix!r}"


def _nodes(text, default_port):
    """Parses `host[:port]` separated by commas or blanks; a host in brackets is an IPv6 address."""
    result = []
    for item in re.split(r"[,\s]+", text):
        if not item:
            continue
        match = re.match(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::(\d+))?\Z", item)
        if not match:
            raise ConnectionSettingsError(
                f"{NAME}_SENTINEL_HOST is {text!r}: give hosts separated by commas, each with or without :port"
            )
        result.append((match.group(1) or match.group(2), int(match.group(3) or default_port)))
    return tuple(result)


def load(env=None):
    """Return the settings, with the originals' precedence: sentinel, URL, host and port. Raises
    `ConnectionSettingsError` or `SettingsError`."""
    host = settings.text(f"{NAME}_HOST", env)
    url = settings.secret(f"{NAME}_URL", env)
    master = settings.text(f"{NAME}_SENTINEL_MASTER_NAME", env)
    sentinels = _nodes(
        settings.text(f"{NAME}_SENTINEL_HOST", env),
        settings.number(f"{NAME}_SENTINEL_PORT", env),
    )
    if sentinels and not master:
        raise ConnectionSettingsError(
            f"{NAME}_SENTINEL_MASTER_NAME is not set: it must name the master that the sentinels in "
            f"{NAME}_SENTINEL_HOST watch"
        )
    if settings.is_true(f"{NAME}_CLUSTER", env):
        raise ConnectionSettingsError(
            f"{NAME}_CLUSTER is on: a Redis Cluster is not supported; use one server or Sentinel"
        )
    if url and not re.match(r"(redis|rediss|unix)://", url):
        raise ConnectionSettingsError(f"{NAME}_URL: must begin with redis://, rediss:// (TLS) or unix://")
    tls = {}
    secure = settings.is_true(f"{NAME}_SSL", env)
    if url and secure and not url.startswith("rediss:"):
        raise ConnectionSettingsError(f"{NAME}_SSL is on, but {NAME}_URL has no TLS: begin it with rediss://")
    if secure or url.startswith("rediss:"):
        checked = settings.is_true(f"{NAME}_SSL_CERT_REQS", env)
        tls = {"ssl_cert_reqs": "required" if checked else "none", "ssl_check_hostname": checked}
        ca = settings.text(f"{NAME}_SSL_CA_CERTS", env)
        if ca:
            tls["ssl_ca_certs"] = ca
    return Where(
        url=url,
        host=host,
        port=settings.number(f"{NAME}_PORT", env),
        username=settings.text(f"{NAME}_USERNAME", env),
        password=settings.secret(f"{NAME}_PASSWORD", env),
        tls=tls,
        sentinels=sentinels,
        sentinel_master=master,
        sentinel_username=settings.text(f"{NAME}_SENTINEL_USERNAME", env),
        sentinel_password=settings.secret(f"{NAME}_SENTINEL_PASSWORD", env),
        prefix=settings.text(f"{NAME}_PREFIX", env),
        expiration=settings.number(f"{NAME}_EXPIRATION", env),
        expiration_anonymous=settings.number(f"{NAME}_EXPIRATION_ANONYMOUS", env),
        timeout=settings.number(f"{NAME}_TIMEOUT", env),
        import_files=settings.is_true(f"{NAME}_COPY_EXISTING_FS_SESSIONS", env),
    )


def connect(where):
    """Return a client that never waits long: each step has a time limit, a broken connection is
    opened again once."""
    options = {
        "socket_timeout": where.timeout,
        "socket_connect_timeout": where.timeout,
        "socket_keepalive": True,
        "health_check_interval": 30,
        # Not after a time limit, which would double the wait.
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.exceptions.ConnectionError,)),
    }
    # An empty password would be sent.
    if where.username:
        options["username"] = where.username
    if where.password:
        options["password"] = where.password
    if where.sentinels:
        sentinel_options = {
            name: options[name] for name in ("socket_timeout", "socket_connect_timeout", "socket_keepalive")
        }
        if where.sentinel_username:
            sentinel_options["username"] = where.sentinel_username
        if where.sentinel_password:
            sentinel_options["password"] = where.sentinel_password
        if where.tls:
            options.update(where.tls, ssl=True)
            sentinel_options.update(where.tls, ssl=True)
        sentinel = Sentinel(list(where.sentinels), sentinel_kwargs=sentinel_options, **options)
        return sentinel.master_for(where.sentinel_master)
    if where.url:
        if where.url.startswith("unix:"):
            options.pop("socket_keepalive")
        return redis.Redis.from_url(where.url, **options, **where.tls)
    if where.tls:
        options.update(where.tls, ssl=True)
    return redis.Redis(host=where.host, port=where.port, **options)
