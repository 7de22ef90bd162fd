# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Which instances need an installation or an update before their replicas run. No I/O."""

from __future__ import annotations

import re
import typing as t

from .._inventory.model import Instance

INSTALL, UPDATE = "InstallOnly", "UpdateOnly"  # values of MODE


def runs(
    instances: t.Sequence[Instance],
    databases: t.Mapping[str, t.Mapping[str, t.Any]],
    images: t.Mapping[str, str],
    machine: str | None = None,
    always: bool = False,
    code: t.Mapping[str, t.Mapping[str, str]] | None = None,
) -> list[dict[str, t.Any]]:
    """The runs that are needed, in the order of the instances.

    Instances whose replicas install or update by themselves need none.

    - `instances`: what the lookup `instances` returns.
    - `databases`: what `odoo_cloud.platform.odoo_state_info` returned, by name of the database; all
      of the instances' databases can be read.
    - `images`: ID of each image by its name in the inventory.
    - `machine`: only the instances of this machine; None: all.
    - `always`: whether to ask for the plan of every instance that shows no reason by itself.
    - `code`: the release of custom code of each instance that has some, by name of the instance.
    """
    found = []
    for instance in instances:
        if instance.mode != "RunOnly" or (machine is not None and instance.machine != machine):
            continue
        database = databases[instance.database.name]
        release = str((code or {}).get(instance.name, {}).get("release") or images[instance.image.name])
        reasons = _reasons(instance, database, release)
        # The database does not show the files on the machine: the runtime's plan says whether they
        # change anything.
        ask = not reasons
        if ask:
            reasons = ["odoo_run_always is set"] if always else _questions(instance)
        if not reasons:
            continue
        # While another run works on the database, its history decides; one that was ever open is
        # not installed again. A first installation that was interrupted is continued as one,
        # because only an installation sets the administrator's password.
        initialised = database["ever_open"] if database["initialised"] is None else database["initialised"]
        initialised = initialised and not database["first_installation"]
        mode = UPDATE if initialised else INSTALL
        found.append(
            {
                "instance": instance.name,
                "mode": mode,
                # A new database is installed first, then the migration's setup finds it as
                # marabunta does.
                "modes": [mode, UPDATE] if mode == INSTALL and instance.migration.file else [mode],
                "ask": ask,
                "reason": "; ".join(reasons),
                "live": instance.update_live,
                "replicas": [replica.name for replica in instance.replicas],
            }
        )
    return found


def unreadable(
    instances: t.Sequence[Instance],
    databases: t.Mapping[str, t.Mapping[str, t.Any]],
    machine: str | None = None,
) -> list[dict[str, t.Any]]:
    """The instances whose database can't be read, each with the reason and its replicas.

    Their containers stay as they are, and the other instances are processed. `machine`: only
    replicas on this machine are named.
    """
    found = []
    for instance in instances:
        name = instance.database.name
        trouble = databases.get(name, {}).get("error")
        if trouble:
            found.append(
                {
                    "instance": instance.name,
                    "replicas": [one.name for one in instance.replicas if machine in (None, one.machine)],
                    "message": f"instance {instance.name}: database {name!r} can't be read: {trouble}",
                }
            )
    return found


def _questions(instance: Instance) -> list[str]:
    """What may require a run although the database does not show it."""
    found = []
    if instance.migration.file:
        found.append("its migration file may have a pending version")
    if instance.addons_dirs:
        found.append("its addon folders on the machine may have changed")
    return found


def _reasons(instance: Instance, database: t.Mapping[str, t.Any], release: str) -> list[str]:
    holder = database["holder"]
    if holder is not None:
        who = holder["mode"] or holder["application_name"] or "somebody"
        where = f" on {holder['host']}" if holder["host"] else ""
        return [f"{who}{where} is at work on its database"]
    if not database["exists"]:
        return ["its database has to be created first"]
    if not database["initialised"] and database["initialised"] is not None:
        state = f" (state {database['state']})" if database["state"] else ""
        return [f"its database is not initialised{state}"]
    if database["initialised"] is None:
        return ["its database is being changed by another process"]
    if database["first_installation"]:
        return [f"its first installation has not ended (state {database['state']} since {database['since']})"]
    reasons = []
    if database["state"] is None:
        reasons.append("its database has no history")
    elif database["interrupted"]:
        reasons.append(f"a run was interrupted (state {database['state']} since {database['since']})")
    elif not database["open"]:
        reasons.append(f"its state is {database['state']} since {database['since']}")
    wanted = dict.fromkeys(["base", *instance.modules, *instance.server_wide_modules])
    missing = [name for name in wanted if name not in database["installed"]]
    if missing:
        reasons.append(f"not installed: {', '.join(missing)}")
    if database["release"] != release and instance.update_modules != "none":
        if database["release"]:
            reasons.append(f"its last run was of release {short(database['release'])}, this is {short(release)}")
        elif database["open"]:
            reasons.append("no run of a release is recorded")
    return reasons


def short(release: str) -> str:
    """A short image ID, as docker shows it, followed by the release of custom code."""
    image, plus, code = release.partition("+")
    return (image[7:19] if re.fullmatch(r"sha256:[0-9a-f]{64}", image) else image) + plus + code
