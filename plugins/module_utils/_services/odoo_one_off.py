# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The one-off containers of an instance: their names, and how each purpose changes the kept
definition. No I/O.

The role `odoo` keeps one definition for each instance in a file on the machine
(`odoo_containers.one_off`), which is that of an update. This module has the differences for a plan,
a rehearsal, a rollback, a check of attachments and a copy of static files. Definitions are
dictionaries in the terms of the role `container`, which documents their keys.
"""

from __future__ import annotations

import typing as t

from .._inventory.container_paths import DATA_DIR, INSTALL_SECRETS_DIR, KEEPER_SECRETS_DIR, RESTORE_DIR, SECRETS_DIR
from .._inventory.naming import ONE_OFF_SUFFIXES

Definition = dict[str, t.Any]

INSTALL, UPDATE = "InstallOnly", "UpdateOnly"  # the modes of runs, which don't serve requests
DEFINITION_FILE = "one-off.json"  # on the machine, in the instance's folder
KEEPER_FILE = "db_keeper_password"  # in the keeper's folder of secrets

# Keys of serving replicas, which one-off containers don't have.
_SERVING = ("aliases", "healthcheck", "config_paths", "published_ports", "reload", "hostname")
# Variables from which the runtime finds the static files of all addons.
_STATIC_ENV = (
    "STATIC_DIR",
    "INSTANCE",
    "REPLICA",
    "RELEASE",
    "ODOO_RC",
    "ODOO_BIN",
    "PYTHONPATH",
    "DB_NAME",
    "DB_USER",
    "DATA_DIR",
    "HOME",
)
_SECRETS = (SECRETS_DIR, KEEPER_SECRETS_DIR, INSTALL_SECRETS_DIR)
# Variables that a rehearsal must not have: it works on a copy and changes nothing outside of it.
_NOT_REHEARSED = ("STATIC_DIR", "ADMIN_PASSWORD_FILE", "RESTORE_DIR", "DB_SPACE_DIR")


class OneOffError(Exception):
    """A one-off container can't be created; the message is one line for operators."""


class Missing(OneOffError):
    """A container, folder or image from which to create it is missing. In check mode it may come
    later.
    """


def name_of(instance: str, suffix: str) -> str:
    """The name of an instance's one-off container, after the platform's name.

    `suffix`: one of `ONE_OFF_SUFFIXES`, which are reserved in names of replicas. Raises
    `ValueError` for another one.
    """
    if suffix not in ONE_OFF_SUFFIXES:
        raise ValueError(f"suffix {suffix!r} of a one-off container: it is not in ONE_OFF_SUFFIXES")
    return f"{instance}-{suffix}"


def names(instances: t.Iterable[str], platform: str) -> list[str]:
    """The names of all one-off containers that these instances of the platform may have."""
    return [f"{platform}-{name_of(instance, suffix)}" for instance in instances for suffix in ONE_OFF_SUFFIXES]


def derive(
    definition: t.Mapping[str, t.Any],
    platform: str,
    instance: str,
    suffix: str,
    env: t.Mapping[str, str | None],
    command: t.Sequence[str] = (),
) -> Definition:
    """The definition of the one-off container `<platform>-<instance>-<suffix>`.

    - `definition`: the kept one, or that of a replica.
    - `env`: variables to add or replace; None removes one.
    - `command`: arguments of the runtime; without any the variable `MODE` decides.

    Raises `ValueError` for an unknown suffix.
    """
    name = name_of(instance, suffix)
    variables = {**(definition.get("env") or {}), "REPLICA": name, **env}
    return {
        **{key: value for key, value in definition.items() if key not in _SERVING},
        "name": f"{platform}-{name}",
        "command": list(command),
        "restart_policy": "no",
        "env": {key: str(value) for key, value in variables.items() if value is not None},
    }


def keeper_variables(user: str) -> dict[str, str]:
    """The variables of a container that copies or renames the database. `user`: its role in
    PostgreSQL.
    """
    return {"DB_ADMIN_USER": user, "DB_ADMIN_PASSWORD_FILE": f"{KEEPER_SECRETS_DIR}/{KEEPER_FILE}"}


def keeper_mount(folder: str) -> dict[str, t.Any]:
    """The mount with the password of that role. `folder`: where it is on the machine."""
    return {"type": "bind", "source": folder, "target": KEEPER_SECRETS_DIR, "read_only": True}


def with_keeper(definition: t.Mapping[str, t.Any]) -> Definition:
    """The same container with the login of the role that copies and renames the instance's database."""
    shaped = dict(definition)
    keeper = definition.get("keeper")
    if "DB_ADMIN_USER" in definition["env"] or not keeper:
        return shaped
    shaped["env"] = {**definition["env"], **keeper_variables(keeper["user"])}
    shaped["mounts"] = [*definition["mounts"], keeper_mount(keeper["secrets"])]
    return shaped


def static_folder(definition: t.Mapping[str, t.Any]) -> str:
    """The path of the instance's static files in the container; empty when it writes none."""
    env = definition.get("env") or {}
    return f"{env['STATIC_DIR']}/{env['INSTANCE']}" if env.get("STATIC_DIR") and env.get("INSTANCE") else ""


def for_static(definition: t.Mapping[str, t.Any], only_look: bool = False) -> Definition:
    """The container that copies static files: no network, no secrets, write access to their folder
    alone.

    `only_look`: not even that. Raises `Missing` when the definition has no such folder.
    """
    folder = static_folder(definition)
    if not folder or not mount_source(definition.get("mounts") or [], folder):
        raise Missing(f"{definition['name']}: it has no folder for static files; the playbook odoo creates one")
    mounts = []
    for mount in definition["mounts"]:
        secret = f"{mount['target']}/".startswith(tuple(f"{folder}/" for folder in _SECRETS))
        if mount["target"] == folder:
            mounts.append({**mount, "read_only": only_look})
        elif mount.get("read_only") and not secret:
            mounts.append(dict(mount))
        elif mount["type"] == "volume":  # the data folder, in which Odoo also searches addons
            mounts.append({**mount, "read_only": True})
    shaped = dict(definition)
    env = {key: value for key, value in definition["env"].items() if key in _STATIC_ENV}
    # odoo.conf may ask for a certificate of the server, which is not contacted here.
    shaped.update(env={**env, "DB_SSLMODE": "prefer"}, mounts=mounts, network_mode="none")
    for key in ("network", "etc_hosts", "page_aliases", "keeper"):
        shaped.pop(key, None)
    return shaped


def for_rehearsal(definition: t.Mapping[str, t.Any], network: str = "") -> Definition:
    """The container of a rehearsal: its own data folder, no secrets but PostgreSQL's, no other
    network.

    `network`: an internal network with the PostgreSQL server alone. Raises `OneOffError` when it is
    needed and not given.
    """
    shaped = with_keeper(definition)
    env = {key: value for key, value in shaped["env"].items() if key not in _NOT_REHEARSED}
    on_socket = str(env.get("DB_HOST") or "/").startswith("/")
    if not on_socket and not network:
        raise OneOffError(
            f"network: PostgreSQL is reached over TCP ({env['DB_HOST']}); give an internal network in which nothing is but the server"
        )
    mounts = []
    for mount in shaped["mounts"]:
        if mount["target"] == static_folder(definition):
            continue
        if mount["target"] in (SECRETS_DIR, KEEPER_SECRETS_DIR):
            for file in ("db_password", KEEPER_FILE, "db_ca.pem"):
                if f"{mount['target']}/{file}" in env.values():
                    one = {"source": f"{mount['source']}/{file}", "target": f"{mount['target']}/{file}"}
                    mounts.append({**mount, **one})
        elif mount["type"] == "bind" and mount["target"] not in (RESTORE_DIR, INSTALL_SECRETS_DIR):
            mounts.append(mount)
    mounts.append({"type": "volume", "target": DATA_DIR})  # anonymous: deleted with the container
    env["REHEARSAL_DIR"] = DATA_DIR
    tmpfs = [one for one in shaped.get("tmpfs") or [] if tmpfs_parts(one)[0] != DATA_DIR]
    shaped.update(env=env, mounts=mounts, tmpfs=tmpfs)
    shaped.pop("network", None)
    if on_socket:
        shaped.pop("etc_hosts", None)
    shaped["network_mode"] = "none" if on_socket else network
    return shaped


def mount_source(mounts: t.Iterable[t.Mapping[str, t.Any]], target: str) -> str:
    """The folder on the machine that is mounted at a path; empty when there is none.

    `mounts`: those of a definition, or of a container as the engine describes it.
    """
    for mount in mounts:
        if (mount.get("target") or mount.get("Destination")) == target:
            return str(mount.get("source") or mount.get("Source") or "")
    return ""


def tmpfs_parts(text: str) -> tuple[str, str]:
    """Path and options of an in-memory file system in the notation of a definition."""
    path, dummy, options = str(text).partition(":")
    return path, options
