# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The definitions of an instance's containers: replicas, and one-off containers that install and
update. No I/O.

Both have the same image, settings and folders. nginx asks the replicas. A one-off container may
write where a replica must not (static files, events, restore points). A stateless replica has no
volume; a container that changes modules has one, because Odoo writes files there before they are
moved to the store.

A definition is a dictionary in the terms of the role `container`, which documents its keys. When
the definition of a container changes, the container is recreated.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._inventory import mail, stateless
from .._inventory.container_paths import (
    CONFIG_DIR,
    DATA_DIR,
    EVENTS_DIR,
    HOOKS_DIR,
    INSTALL_SECRETS_DIR,
    PROJECT_DIR,
    REPORT_DIR,
    RESTORE_DIR,
    SECRETS_DIR,
    STATIC_DIR,
)
from .._inventory.model import Instance, plain
from .._inventory.naming import network_of
from .._runtime.common.odoo_facts import UID
from . import limits, odoo_one_off, report_servers
from .odoo_one_off import INSTALL, UPDATE, Definition

RUN = "RunOnly"
ADMIN_PASSWORD_FILE = "admin_password"  # in the folder of what a first installation needs
DB_CA_FILE = "db_ca.pem"  # in the folder of the instance's secrets
OWNER = str(UID)
_PRIVATE = f"uid={OWNER},gid={OWNER},mode=0750"
HEALTHCHECK = {
    "test": ["CMD", "/usr/local/bin/odoo-cloud", "health"],
    "interval": "30s",
    "timeout": "10s",
    "retries": 3,
    "start_period": "600s",
}


class SurroundingsError(ValueError):
    """The surroundings lack a key or have an unknown one; the message is one line for operators."""


@dataclasses.dataclass(frozen=True)
class Software:
    """What runs in the containers of one instance.

    - `image`: ID of the image.
    - `release`: image and release of custom code as one name.
    - `folder`: the release's folder on the machine, empty without custom code.
    - `mount`: where containers see that folder.
    - `pythonpath`: the folder with Python packages in it.
    """

    image: str
    release: str
    folder: str
    mount: str
    pythonpath: str


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What the containers and files of a machine need besides their instance.

    - `name`: the platform's name; names of containers, volumes and networks begin with it.
    - `root`: the platform's folder on the machine.
    - `machine`: size of the machine, `cpus` and `memory_bytes`.
    - `db_host`, `db_port`: PostgreSQL as containers reach it; for a socket the host is its folder.
    - `db_socket`: folder of that socket on the machine; empty when PostgreSQL is reached over TCP.
    - `db_ca_certificate`: PEM text of the CA of PostgreSQL's certificate; empty for none.
    - `etc_hosts`: addresses of host names that containers know besides those of the network.
    - `redis`, `storage`: where Redis and the object storage are, see `stateless.variables`.
    - `code`: what runs in each instance, by its name.
    - `limits`: whether containers have limits.
    - `instances`: how many instances the machine has, also those that are not worked on.
    """

    name: str
    root: str
    machine: dict[str, t.Any]
    db_host: str
    db_port: int
    db_socket: str
    db_ca_certificate: str
    etc_hosts: dict[str, str]
    redis: dict[str, t.Any]
    storage: dict[str, t.Any]
    code: dict[str, Software]
    limits: bool
    instances: int

    @classmethod
    def from_dict(cls, mapping: t.Any) -> Surroundings:
        """The surroundings from the dictionary that the role `odoo` provides.

        Raises `SurroundingsError` for a missing or unknown key.
        """
        if isinstance(mapping, cls):
            return mapping
        values = plain(mapping)
        if not isinstance(values, dict):
            raise SurroundingsError("surroundings: a dictionary is right")
        software = {name: _read(Software, one, f"code of {name}") for name, one in (values.get("code") or {}).items()}
        numbers = {name: int(values.get(name) or 0) for name in ("db_port", "instances") if name in values}
        return _read(cls, {**values, **numbers, "code": software}, "surroundings")

    def software(self, instance: Instance) -> Software:
        """What runs in the instance's containers. Raises `SurroundingsError` when `code` lacks the
        instance.
        """
        try:
            return self.code[instance.name]
        except KeyError:
            raise SurroundingsError(f"surroundings: code has nothing of instance {instance.name!r}") from None

    @property
    def sslmode(self) -> str:
        """How the connection to PostgreSQL is encrypted and the server checked; empty for a socket."""
        return "verify-full" if self.db_ca_certificate else "" if self.db_socket else "require"

    def folder(self, instance: Instance) -> str:
        """The instance's folder on the machine."""
        return f"{self.root}/{instance.name}"

    def secrets(self, instance: Instance) -> str:
        """The folder of its secrets on the machine."""
        return f"{self.root}/secrets/{instance.name}"

    def install_secrets(self, instance: Instance) -> str:
        """The folder with what only a first installation needs, on the machine."""
        return f"{self.root}/secrets/{instance.name}-install"

    def keeper_secrets(self, instance: Instance) -> str:
        """The folder with the password of the role that copies and renames its database, on the
        machine.
        """
        return f"{self.root}/secrets/{instance.name}-admin"

    def static(self, instance: Instance) -> str:
        """The folder of its static files on the machine."""
        return f"{self.root}/static/{instance.name}"


READ = t.TypeVar("READ")


def _read(kind: type[READ], values: dict[str, t.Any], what: str) -> READ:
    known = {one.name for one in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for problem, wrong in (("missing", known - set(values)), ("unknown", set(values) - known)):
        if wrong:
            raise SurroundingsError(f"{what}: {', '.join(sorted(wrong))}: {problem}")
    return kind(**values)


def replicas(
    instances: t.Iterable[Instance], here: Surroundings, machine: str, without: t.Collection[str] = ()
) -> list[Definition]:
    """The definitions of all replicas on a machine, in the order of the instances.

    `machine`: its inventory host. `without`: names of instances to leave out, such as those whose
    update failed. Raises `SurroundingsError`.
    """
    return [
        definition(instance, here, replica.name, instance.mode)
        for instance in instances
        if instance.name not in without
        for replica in instance.replicas
        if replica.machine == machine
    ]


def one_off(
    instance: Instance, here: Surroundings, mode: str = UPDATE, page: bool = False, now: bool = False
) -> Definition:
    """The definition of the container that installs or updates an instance.

    - `mode`: `UpdateOnly` or `InstallOnly`.
    - `page`: whether it shows the waiting page, because no replica serves meanwhile.
    - `now`: whether it is for a run of this moment. Such a run also gets what is asked for only
      once (a forced migration version, what `-e` says about updates), which the kept definition must
      not have.

    Raises `ValueError` for another mode, otherwise `SurroundingsError`.
    """
    if mode not in (INSTALL, UPDATE):
        raise ValueError(f"mode {mode!r} of a one-off container: {INSTALL} or {UPDATE} is right")
    instance = instance if now else _as_kept(instance)
    return definition(instance, here, odoo_one_off.name_of(instance.name, "run"), mode, page, now)


def _as_kept(instance: Instance) -> Instance:
    """The instance without what is said for one run."""
    stands = instance.standing
    migration = dataclasses.replace(instance.migration, mode=stands.migration_mode, allow_serie=stands.allow_serie)
    return dataclasses.replace(instance, update_modules=stands.update_modules, migration=migration)


def definition(
    instance: Instance, here: Surroundings, name: str, mode: str, page: bool = False, now: bool = False
) -> Definition:
    """The definition of one container.

    `name`: after the platform's name. `mode`: value of the variable `MODE`. The rest as for
    `one_off`. Raises `SurroundingsError`.
    """
    serves = _serves(mode)
    may_take = limits.odoo(instance, here.machine, here.instances, not serves)
    found: Definition = {
        "name": f"{here.name}-{name}",
        "image": here.software(instance).image,
        "user": f"{OWNER}:{OWNER}",
        "network": network_of(here.name, instance.name),
        "env": variables(instance, here, name, mode, page, now),
        "mounts": mounts(instance, here, mode),
        # Files in memory count as memory of the container. Uploads and reports are in /tmp.
        "tmpfs": [
            limits.tmpfs("/tmp", may_take["memory"] // 2),
            *([limits.tmpfs(DATA_DIR, may_take["memory"] // 4, _PRIVATE)] if _diskless(instance, mode) else []),
        ],
        "limits": may_take if here.limits else {},
        "read_only": True,
        "init": True,
        "cap_drop": ["ALL"],
        "security_opts": ["no-new-privileges"],
        "stop_timeout": 60,
    }
    if here.etc_hosts:
        found["etc_hosts"] = dict(here.etc_hosts)
    if serves:
        found["aliases"] = [name, instance.site.upstream]
        found["healthcheck"] = dict(HEALTHCHECK)
        found["config_paths"] = [
            f"{here.folder(instance)}/config",
            here.secrets(instance),
            *([here.install_secrets(instance)] if _installs(mode) else []),
            *(folder.source for folder in instance.addons_dirs),
        ]
    else:
        # Added by odoo_one_off for purposes that copy or rename the database.
        found["keeper"] = {"user": instance.database.keeper, "secrets": here.keeper_secrets(instance)}
    if page:
        # No replica serves meanwhile, so nginx asks this container, which shows its progress.
        found["page_aliases"] = [instance.site.upstream]
    return found


def variables(
    instance: Instance, here: Surroundings, name: str, mode: str, page: bool = False, now: bool = False
) -> dict[str, str]:
    """The environment variables of one container, in the order of their groups.

    Parameters as for `definition`. No value is a secret: secrets are files, and variables that end
    in `_FILE` have their paths. Values of `odoo_env` win.
    """
    software, migration = here.software(instance), instance.migration
    serves, changes = _serves(mode), mode != RUN
    restores = not serves and instance.restore_point != "none"
    python = [software.pythonpath if software.folder else "", PROJECT_DIR if instance.project_dir else ""]
    found: dict[str, str | None] = {
        # What it does
        "MODE": mode,
        "MODULES": ",".join(instance.modules),
        "UPDATE": instance.update_modules if changes else None,
        "HOOKS": instance.hooks if changes else None,
        "INSTALL_MISSING": "True" if mode == UPDATE else None,
        "WAIT": "True" if mode == UPDATE else None,
        "WAITING_PAGE": "True" if page else None,
        # Its database
        "ODOO_RC": f"{CONFIG_DIR}/odoo.conf",
        "DB_HOST": here.db_host,
        "DB_PORT": str(here.db_port),
        "DB_NAME": instance.database.name,
        "DB_USER": instance.database.owner,
        "DB_MAINTENANCE": instance.database.lock,
        "DB_PASSWORD_FILE": f"{SECRETS_DIR}/db_password",
        "DB_SSLMODE": here.sslmode or None,
        "DB_SSLROOTCERT": f"{SECRETS_DIR}/{DB_CA_FILE}" if here.db_ca_certificate else None,
        # Waiting and locking
        "DB_WAIT_TIMEOUT": str(instance.db_wait_timeout),
        "TIMEOUT": str(instance.timeout),
        "HOLDER_TIMEOUT": str(instance.holder_timeout),
        "RESET_POLICY": instance.reset_policy,
        # A new database
        "ADMIN_LOGIN": instance.admin_login,
        "ADMIN_PASSWORD_FILE": f"{INSTALL_SECRETS_DIR}/{ADMIN_PASSWORD_FILE}" if _installs(mode) else None,
        "BASE_URL": instance.base_url,
        "LANGUAGE": instance.language or None,
        # Its environment and project, and the software in it
        "INSTANCE": instance.name,
        "REPLICA": name,
        "RELEASE": software.release,
        "PYTHONPATH": ":".join(filter(None, python)) or None,
        # Written by what installs and updates, and by `odoo-cloud static` before replicas are
        # replaced; never by a replica
        "STATIC_DIR": None if serves else STATIC_DIR,
        # Migrations
        "ODOO_DATA_PATH": PROJECT_DIR if instance.project_dir else None,
        "MIGRATION_FILE": migration.file or None,
        "MIGRATION_MODE": migration.mode or None if migration.file else None,
        "MIGRATION_NEXT": migration.next or None if migration.file else None,
        "MIGRATION_FORCE_VERSION": migration.force_version or None if migration.file and now else None,
        "MIGRATION_ALLOW_SERIE": str(migration.allow_serie) if migration.file else None,
        # Restore points and rollback
        "ON_FAILURE": None if serves else instance.on_failure,
        "RESTORE_POINT": None if serves else instance.restore_point,
        "RESTORE_DIR": RESTORE_DIR if restores else None,
        **(odoo_one_off.keeper_variables(instance.database.keeper) if restores else {}),
        "DB_SPACE_DIR": DATA_DIR if restores and here.db_socket else None,
        "HOME": DATA_DIR,
        "ODOO_REPORT_SOCKET": f"{REPORT_DIR}/{report_servers.SOCKET}" if report_servers.prints(instance) else None,
        **mail.variables(instance),
        # Sessions, attachments, logs and metrics, and what the user adds
        **stateless.variables(instance, here.redis, here.storage),
    }
    return {key: value for key, value in found.items() if value is not None}


def mounts(instance: Instance, here: Surroundings, mode: str) -> list[dict[str, t.Any]]:
    """The folders and volumes of one container. `mode`: as for `definition`."""
    software, folder = here.software(instance), here.folder(instance)
    found = [_bind(f"{folder}/config", CONFIG_DIR), _bind(here.secrets(instance), SECRETS_DIR)]
    if _installs(mode):
        found.append(_bind(here.install_secrets(instance), INSTALL_SECRETS_DIR))
    if here.db_socket:
        found.append(_bind(here.db_socket, here.db_host))  # connecting writes nothing into the folder
    if software.folder:
        found.append(_bind(software.folder, software.mount))
    if instance.hooks_dir:
        found.append(_bind(instance.hooks_dir, HOOKS_DIR))
    if instance.project_dir:
        found.append(_bind(instance.project_dir, PROJECT_DIR))
    if report_servers.prints(instance):
        found.append(_bind(report_servers.socket_folder(here.root, instance.name), REPORT_DIR))
    found += [_bind(one.source, one.target) for one in instance.addons_dirs]
    if not _serves(mode):
        found.append(_bind(f"{folder}/runs", EVENTS_DIR, read_only=False))
        found.append(_bind(here.static(instance), f"{STATIC_DIR}/{instance.name}", read_only=False))
        if instance.restore_point != "none":
            found.append(_bind(f"{folder}/restore", RESTORE_DIR, read_only=False))
            found.append(odoo_one_off.keeper_mount(here.keeper_secrets(instance)))
    if not _diskless(instance, mode):
        found.append({"type": "volume", "source": f"{here.name}-{instance.name}-data", "target": DATA_DIR})
    return found


def _serves(mode: str) -> bool:
    """Whether a container of this mode serves requests in the end."""
    return mode not in (INSTALL, UPDATE)


def _installs(mode: str) -> bool:
    """Whether a container of this mode may do a first installation, and so needs its secrets."""
    return mode not in (RUN, UPDATE)


def _diskless(instance: Instance, mode: str) -> bool:
    """Whether a container needs no volume: it changes no modules, and keeps no files itself."""
    return instance.stateless.enabled and mode == RUN


def _bind(source: str, target: str, read_only: bool = True) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {"type": "bind", "source": source, "target": target}
    return {**found, "read_only": True} if read_only else found
