# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The folders and files of instances on their machine: configuration, secrets, static files, and
the definition of one-off containers. No I/O.
"""

from __future__ import annotations

import json
import typing as t

from .._inventory.model import Instance
from . import odoo_conf
from .odoo_containers import ADMIN_PASSWORD_FILE, DB_CA_FILE, OWNER, Surroundings, one_off
from .odoo_one_off import DEFINITION_FILE, KEEPER_FILE

File = dict[str, t.Any]
_OWNED = {"owner": OWNER, "group": OWNER}


def files(instances: t.Iterable[Instance], here: Surroundings) -> list[File]:
    """The folders and files of all instances on a machine, as a list for the module `files`."""
    found = [
        _folder(here.root, "0711"),
        _folder(f"{here.root}/secrets", "0700"),
        _folder(f"{here.root}/static", "0755"),
    ]
    for instance in instances:
        found += of_instance(instance, here)
    return found


def of_instance(instance: Instance, here: Surroundings) -> list[File]:
    """The folders and files of one instance, as a list for the module `files`."""
    folder, secrets, keeper = here.folder(instance), here.secrets(instance), here.keeper_secrets(instance)
    installation = here.install_secrets(instance)
    conf = odoo_conf.render(instance, here.machine, here.db_host, here.db_port, here.sslmode)
    found = [
        _folder(folder, "0711"),
        _folder(f"{folder}/config", "0550", _OWNED),
        {"path": f"{folder}/config/odoo.conf", "content": conf, "mode": "0440", **_OWNED},
        _folder(here.static(instance), "0755", _OWNED),
        _folder(f"{folder}/runs", "0700", _OWNED),
        _folder(f"{folder}/restore", "0700", _OWNED),
        {"path": f"{folder}/{DEFINITION_FILE}", "content": kept_one_off(instance, here), "mode": "0644"},
        _folder(keeper, "0500", _OWNED),
        _secret(f"{keeper}/{KEEPER_FILE}", instance.database.keeper_password),
        _folder(installation, "0500", _OWNED),
        _secret(f"{installation}/{ADMIN_PASSWORD_FILE}", instance.admin_password),
        _folder(secrets, "0500", _OWNED),
    ]
    kept = {"db_password": instance.database.password, **instance.secret_files}
    found += [_secret(f"{secrets}/{name}", value) for name, value in kept.items()]
    if instance.stateless.enabled and here.redis.get("ca"):
        found.append({"path": f"{secrets}/redis_ca.pem", "content": here.redis["ca"], "mode": "0444"})
    if here.db_ca_certificate:
        found.append({"path": f"{secrets}/{DB_CA_FILE}", "content": here.db_ca_certificate, "mode": "0444"})
    return found


def former(instances: t.Iterable[Instance], here: Surroundings) -> list[File]:
    """What earlier versions wrote and no container uses any more, as a list for the module `files`.

    It may go when all containers have been replaced.
    """
    # Serving replicas had the password with which the database was created.
    return [{"path": f"{here.secrets(instance)}/{ADMIN_PASSWORD_FILE}", "state": "absent"} for instance in instances]


def kept_one_off(instance: Instance, here: Surroundings) -> str:
    """The text of the file from which modules create one-off containers; see `odoo_one_off`."""
    return json.dumps(one_off(instance, here), indent=4, sort_keys=True) + "\n"


def _folder(path: str, mode: str, owner: t.Mapping[str, str] | None = None) -> File:
    return {"path": path, "state": "directory", "mode": mode, **(owner or {})}


def _secret(path: str, content: str) -> File:
    return {"path": path, "secret_content": content, "mode": "0400", **_OWNED}
