# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Which image and which release of custom code an instance's containers get, and why it gets none.
No I/O.
"""

from __future__ import annotations

import typing as t

from .._images.plan import code_name, set_key
from .._inventory.model import Instance
from .._services.odoo_conf import CODE_DIR, CODE_PYTHON

Instances = t.Sequence[Instance]
Results = t.Sequence[t.Mapping[str, t.Any]]


def _by_instance(pulled: Results) -> dict[str, t.Mapping[str, t.Any]]:
    """The results of pulling releases, by instance; they come from a loop over instance names."""
    return {str(result["item"]): result for result in pulled if "item" in result}


def _trouble(result: t.Mapping[str, t.Any] | None) -> str:
    if result is None:
        return "its release was not pulled"
    if result.get("failed"):
        return str(result.get("msg") or "failed")
    if not result.get("wanted") and not result.get("actions"):
        return "no release of it can be used on this machine: deliver one that was not rolled back"
    return ""


def sets(instances: Instances, images: t.Mapping[str, str], pulled: Results) -> list[dict[str, t.Any]]:
    """The sets of requirements of the releases on a machine, for the role `image`.

    `images`: ID of each image by its name. `pulled`: results of the module `odoo_release` in a
    loop.
    """
    found, results = [], _by_instance(pulled)
    for instance in instances:
        result = results.get(instance.name)
        files = dict((result or {}).get("texts") or {})
        if not files:
            continue
        version, key = instance.version, set_key(instance.version, instance.image.name, files)
        found.append(
            {
                "instance": instance.name,
                "name": code_name(version, key),
                "key": key,
                "version": version,
                "from": str(images[instance.image.name]),
                "files": files,
                "image": instance.image.to_dict(),
            }
        )
    return found


def code(instances: Instances, images: t.Mapping[str, str], pulled: Results) -> dict[str, dict[str, str]]:
    """The image and release of each instance, by its name; parameters as for `sets`.

    `folder` is the release's folder on the machine, empty without custom code; `release` is image
    and release as one name.
    """
    results = _by_instance(pulled)
    names = {one["instance"]: one["name"] for one in sets(instances, images, pulled)}
    found = {}
    for instance in instances:
        result = results.get(instance.name) or {}
        image = str(images.get(names.get(instance.name, "")) or images[instance.image.name])
        own = instance.code is not None
        wanted = str(result.get("wanted") or "") if own else ""
        found[instance.name] = {
            "image": image,
            "folder": str(result.get("folder") or "") if own else "",
            "release": f"{image}+{wanted}" if wanted else image,
            "mount": CODE_DIR,
            "pythonpath": CODE_PYTHON,
        }
    return found


def failures(
    instances: Instances, images: t.Mapping[str, str], pulled: Results, image_failures: t.Mapping[str, str]
) -> list[dict[str, t.Any]]:
    """The instances that can't be started because of their code, each with its replicas and a
    message.

    Their running containers stay as they are. `image_failures`: why an image was not built, by its
    name; the rest as for `sets`.
    """
    results = _by_instance(pulled)
    names = {one["instance"]: one["name"] for one in sets(instances, images, pulled)}
    found = []
    for instance in instances:
        if not instance.code:
            continue
        message = _trouble(results.get(instance.name)) or image_failures.get(names.get(instance.name, ""), "")
        if message:
            found.append(
                {
                    "instance": instance.name,
                    "replicas": [replica.name for replica in instance.replicas],
                    "message": f"code of instance {instance.name}: {message}",
                }
            )
    return found
