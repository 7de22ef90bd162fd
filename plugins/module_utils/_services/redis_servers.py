# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The Redis or Valkey servers of a platform: configuration files, containers, and which keys move
from one server to another. No I/O.

Each instance has a small server of its own, so it can fill only its own memory and block only its
own server. With `shared`, one server has all instances.
"""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from .._inventory.model import Instance, Replica, plain
from .._inventory.naming import network_of, redis_container
from .._inventory.stateless import variables
from . import limits
from .redis_acl import redis_acl

UID = "8379"
MIB = 1024 * 1024
SHARED = "redis"  # container, folder and name on the network of a shared server
FOLDERS = "redis/servers"  # below the platform's root: a folder for each instance with a server of its own
PORT = 6379  # on the network
TLS_PORT = 6380  # in the container, published
HEALTHCHECK = {
    "test": ["CMD", "redis-health"],
    "interval": "30s",
    "timeout": "10s",
    "retries": 3,
    "start_period": "300s",
}

Definition = dict[str, t.Any]
User = t.Mapping[str, t.Any]


class ServersError(ValueError):
    """The settings of the servers can't be used; the message is one line for operators."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the servers of a machine have in common.

    - `name`: the platform's name. `root`: its folder on the machine. `image`: ID of the image.
    - `shared`: whether one server has all instances. `memory`: bytes for the data of that one;
      `networks`: those of the instances, with its names there.
    - `limits`: whether containers have limits of processes and processors besides that of memory.
    - `policy`: value of `maxmemory-policy`. `persistence`: `aof`, `rdb` or `none`.
    - `tls`: whether a port with TLS is published, at `address`; `port`: that of a shared server.
    - `certificate`, `key`: PEM texts for TLS, empty without it.
    - `admin_password`: password of the user `admin`.
    """

    name: str
    root: str
    image: str
    shared: bool
    networks: list[dict[str, t.Any]]
    memory: int
    limits: bool
    policy: str
    persistence: str
    tls: bool
    address: str
    port: int
    certificate: str
    key: str = dataclasses.field(repr=False)
    admin_password: str = dataclasses.field(repr=False)

    @classmethod
    def from_dict(cls, mapping: t.Any) -> Settings:
        """The settings from the dictionary that the role `redis` provides. Raises `ServersError`."""
        values = plain(mapping)
        known = {one.name for one in dataclasses.fields(cls)}
        for problem, wrong in (("missing", known - set(values)), ("unknown", set(values) - known)):
            if wrong:
                raise ServersError(f"settings of Redis: {', '.join(sorted(wrong))}: {problem}")
        return cls(**{**values, "memory": int(values["memory"]), "port": int(values["port"])})


@dataclasses.dataclass(frozen=True)
class Server:
    """One server.

    - `name`: of its container and volume, after the platform's name.
    - `folder`: below the platform's root, with its configuration and socket.
    - `alias`: its name on the network. `port`: on which it is published with TLS.
    - `memory`: bytes for data. `users`: those that may log in.
    """

    name: str
    folder: str
    alias: str
    port: int
    memory: int
    users: tuple[User, ...]

    def socket(self, root: str) -> str:
        """The address of its socket on the machine. `root`: the platform's folder."""
        return socket_of(root, self.folder)


def socket_of(root: str, folder: str) -> str:
    """The address of a server's socket on its machine."""
    return f"unix://{root}/{folder}/socket/redis.sock"


def folder_of(instance: str) -> str:
    """The folder of an instance's own server, below the platform's root."""
    return f"{FOLDERS}/{instance}"


def servers(users: t.Iterable[User], settings: Settings) -> list[Server]:
    """All servers of a machine. Raises `ServersError` for a user that has no instance."""
    given = tuple(users)
    if settings.shared:
        return [Server(SHARED, SHARED, SHARED, settings.port, settings.memory, given)]
    for user in given:
        missing = [key for key in ("instance", "host", "port", "memory") if not user.get(key)]
        if missing:
            raise ServersError(
                f"redis_users: {', '.join(missing)} of {str(user.get('name'))!r}: missing; give what the lookup instances returns,"
                " or redis_shared: true for one server of all users"
            )
    return [
        Server(
            redis_container(str(user["instance"])), folder_of(str(user["instance"])), str(user["host"]), int(user["port"]),
            int(user["memory"]), (user,),
        )
        for user in given
    ]  # fmt: skip


def container_memory(server: Server) -> int:
    """The memory limit of a server's container in bytes.

    While the server writes its file again, pages that change meanwhile exist twice; the rest is for
    the program and the buffers of its clients.
    """
    return server.memory * 2 + 64 * MIB


def _networks(settings: Settings, server: Server) -> Definition:
    """Where a server is reached: its instance's network alone, or with `shared` all of them."""
    if settings.shared:
        return {"network": settings.name, "connections": [dict(one) for one in settings.networks]}
    (user,) = server.users
    return {"network": network_of(settings.name, str(user["instance"]))}


def conf(server: Server, settings: Settings) -> str:
    """The text of a server's `redis.conf`."""
    lines = [
        "# Written by the role odoo_cloud.platform.redis.",
        "bind * -::*",
        f"port {PORT}",
        "unixsocket /run/redis/redis.sock",
        "# Everybody may try; the users' passwords protect.",
        "unixsocketperm 777",
    ]
    if settings.tls:
        lines += [
            f"tls-port {TLS_PORT}",
            "tls-cert-file /etc/redis-site/server.crt",
            "tls-key-file /run/secrets/server.key",
            "tls-auth-clients no",
            'tls-protocols "TLSv1.2 TLSv1.3"',
        ]
    lines += [
        "aclfile /tmp/redis/users.acl",
        "dir /srv/redis",
        "daemonize no",
        'logfile ""',
        "loglevel notice",
        "tcp-keepalive 60",
        "timeout 0",
        f"maxmemory {server.memory}",
        f"maxmemory-policy {settings.policy}",
        "# Buffers of clients count too: the largest client is closed first.",
        "maxmemory-clients 50%",
    ]
    lines += {
        "aof": ["appendonly yes", "appendfsync everysec", 'save ""'],
        "rdb": ["appendonly no", "save 900 1 300 10 60 1000"],
        "none": ["appendonly no", 'save ""'],
    }[settings.persistence]
    lines += ["lazyfree-lazy-expire yes", "lazyfree-lazy-eviction yes"]
    return "\n".join(lines) + "\n"


def files(users: t.Iterable[User], settings: Settings) -> list[Definition]:
    """The folders and files of all servers, as a list for the module `files`."""
    root = settings.root
    secrets = f"{root}/secrets/redis"
    owned = {"owner": UID, "group": UID}
    found: list[Definition] = [
        {"path": root, "state": "directory", "mode": "0711"},
        {"path": f"{root}/secrets", "state": "directory", "mode": "0700"},
        {"path": secrets, "state": "directory", "mode": "0500", **owned},
        {"path": f"{root}/redis", "state": "directory", "mode": "0755"},
    ]
    if not settings.shared:
        found.append({"path": f"{root}/{FOLDERS}", "state": "directory", "mode": "0755"})
    for server in servers(users, settings):
        base = f"{root}/{server.folder}"
        if not settings.shared:
            found.append({"path": base, "state": "directory", "mode": "0755"})
        found += [
            {"path": f"{base}/socket", "state": "directory", "mode": "0755", **owned},
            {"path": f"{base}/config", "state": "directory", "mode": "0755"},
            {"path": f"{base}/config/redis.conf", "content": conf(server, settings)},
            {
                "path": f"{base}/config/users.acl",
                "secret_content": redis_acl(server.users, settings.admin_password),
                "mode": "0400",
                **owned,
            },
        ]
        if settings.tls:
            found.append({"path": f"{base}/config/server.crt", "content": settings.certificate.strip() + "\n"})
    if settings.tls:
        found.append(
            {"path": f"{secrets}/server.key", "secret_content": settings.key.strip() + "\n", "mode": "0400", **owned}
        )
    return found


def containers(users: t.Iterable[User], settings: Settings) -> list[Definition]:
    """The definitions of all containers, for the role `container`."""
    return [definition(server, settings) for server in servers(users, settings)]


def definition(server: Server, settings: Settings) -> Definition:
    """The definition of a server's container."""
    root, base = settings.root, f"{settings.root}/{server.folder}"
    name = f"{settings.name}-{server.name}"
    # Users are reloaded; every other change needs a restart.
    text = conf(server, settings) + (settings.certificate if settings.tls else "")
    return {
        "name": name,
        "image": settings.image,
        "user": f"{UID}:{UID}",
        **_networks(settings, server),
        "labels": {"org.odoo-cloud.redis-conf": hashlib.sha256(text.encode()).hexdigest()[:12]},
        "mounts": [
            {"type": "volume", "source": name, "target": "/srv/redis"},
            {"type": "bind", "source": f"{base}/config", "target": "/etc/redis-site", "read_only": True},
            {"type": "bind", "source": f"{base}/socket", "target": "/run/redis"},
            {"type": "bind", "source": f"{root}/secrets/redis", "target": "/run/secrets", "read_only": True},
        ],
        "aliases": [server.alias],
        "published_ports": [f"{settings.address}:{server.port}:{TLS_PORT}"] if settings.tls else [],
        "healthcheck": dict(HEALTHCHECK),
        "limits": limits.service("redis", {}, container_memory(server), enabled=settings.limits),
        "init": True,
        "read_only": True,
        "tmpfs": ["/tmp:size=64m"],
        "cap_drop": ["ALL"],
        "security_opts": ["no-new-privileges"],
        "stop_timeout": 30,
        "config_paths": [f"{base}/config/users.acl"],
        "reload": ["redis-acl-load"],
    }


def moves(users: t.Iterable[User], settings: Settings, existing: t.Collection[str]) -> list[Definition]:
    """The servers that aren't used any more and still exist, with the servers that have their keys
    now.

    That is the shared server of a platform whose instances have their own now, or the other way
    round. `existing`: names of the platform's containers. Each has `container` (also the name of
    its volume), `source` (address of its socket) and `targets` for the module `redis_copy`.
    """
    given = tuple(users)
    now = {str(user["name"]): server for server in servers(given, settings) for user in server.users}
    able = all(user.get("instance") for user in given)
    before = servers(given, dataclasses.replace(settings, shared=not settings.shared)) if able else []
    return [
        {
            "container": f"{settings.name}-{old.name}",
            "source": old.socket(settings.root),
            "targets": [
                {
                    "name": str(user["name"]),
                    "prefix": str(user["prefix"]),
                    "url": now[str(user["name"])].socket(settings.root),
                }
                for user in old.users
            ],
        }
        for old in before
        if f"{settings.name}-{old.name}" in existing
    ]


def address_on_machine(instance: Instance, place: t.Mapping[str, t.Any]) -> str:
    """The address at which a machine reaches the Redis of an instance.

    `place`: `url` of a shared server. With `servers`, each instance has its own, reached in the
    same way: by a socket below the platform's folder `root`, or by a port of its own.
    """
    url = str(place.get("url") or "")
    if not place.get("servers"):
        return url
    if url.startswith("unix:"):
        return socket_of(str(place.get("root") or ""), folder_of(instance.redis.instance))
    return f"{url.rpartition(':')[0]}:{instance.redis.port}"


def place_for(redis: t.Mapping[str, t.Any], machine: str) -> dict[str, t.Any]:
    """Where Redis is for containers of Odoo: `url`, or `host`, `port` and `tls`, and `own`.

    - `redis`: as the lookup `topology` has it. `machine`: on which the containers run.

    An instance's own server on the same machine is in the instance's network, whatever other machines
    use. A shared one serves TLS there, too, as soon as another machine needs it.
    """
    here = redis["machine"] == machine
    tls = bool(redis["remote"]) and not (here and redis["own"])
    return {
        "url": redis["url"],
        "host": redis["host"],
        "port": PORT if not tls else TLS_PORT if here else redis["port"],
        "tls": tls,
        "own": redis["own"],
    }


PLACE = ("ODOO_SESSION_REDIS_URL", "ODOO_SESSION_REDIS_HOST", "ODOO_SESSION_REDIS_PORT")


def elsewhere(
    instances: t.Iterable[Instance], inspected: t.Iterable[t.Mapping[str, t.Any]], redis: t.Mapping[str, t.Any]
) -> list[str]:
    """Names of replicas whose sessions are in another Redis than the inventory says.

    `inspected`: results of `community.docker.docker_container_info`, each with the replica as
    `item`. `redis`: as the lookup `topology` has it, or one place for all machines.
    """

    def place_of(replica: Replica) -> t.Mapping[str, t.Any]:
        return place_for(redis, replica.machine) if "remote" in redis else redis

    wanted = {
        replica.name: {key: value for key, value in variables(instance, place_of(replica), {}).items() if key in PLACE}
        for instance in instances
        for replica in instance.replicas
    }
    found = []
    for result in inspected:
        name = str((result.get("item") or {}).get("name"))
        environment = ((result.get("container") or {}).get("Config") or {}).get("Env") or []
        given = dict(str(one).partition("=")[::2] for one in environment)
        if result.get("container") and {key: given[key] for key in PLACE if key in given} != wanted.get(name, {}):
            found.append(name)
    return found
