# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""What is recorded about built images on the building machine, and what is known of an image later."""

from __future__ import annotations

import json
import os
import typing as t

from . import security
from .plan import BUILD, CODE, LABEL_PREFIX, ids_by_tag

# In the folder `images` of the platform's root.
LOOKS = "updates.json"
SBOM_FOLDER = "sbom"


def parse_packages(text: str) -> dict[str, str]:
    """The version of each package in the output of `dpkg-query -W`."""
    pairs = (line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    return {name: version.strip() for name, version in sorted(pairs)}


def records(
    plan: list[dict[str, t.Any]], images: list[dict[str, t.Any]], asked: list[dict[str, t.Any]], folder: str
) -> list[dict[str, str]]:
    """What is recorded on the machine about built images, as a list for the module `files`.

    `asked`: the results of asking each image for its packages and for what apt saw, in a loop over
    the plan. `folder`: where the records are kept.
    """
    inspected = {str(tag): image for image in images for tag in image.get("RepoTags") or []}
    outputs = {result["image_item"]["name"]: security.output_of(result) for result in asked if result.get("image_item")}
    files = []
    for image in plan:
        output = outputs.get(image["name"], "")
        about = {
            "name": image["name"],
            "kind": image["kind"],
            "version": image["version"],
            "tag": image["tag"],
            "id": inspected.get(image["tag"], {}).get("Id"),
            "built_at": inspected.get(image["tag"], {}).get("Created"),
            "from": image["pull"] or image["base"],
            "packages": parse_packages(security.parts(output)["packages"]),
            **security.facts(output),
        }
        text = json.dumps(about, indent=2, sort_keys=True) + "\n"
        files.append({"path": f"{folder}/{image['name']}.json", "content": text, "mode": "0644"})
    return files


def of_plan(
    plan: list[dict[str, t.Any]], images: list[dict[str, t.Any]], seen: list[dict[str, t.Any]]
) -> dict[str, dict[str, t.Any]]:
    """Whether each image of a plan gets security updates, by name, from its labels.

    `images`: as the engine inspects them. `seen`: as the module `machine_info` returns them. Images
    that do not exist are left out.
    """
    labels = {image["Id"]: image.get("Labels") or {} for image in seen}
    labels.update({image["Id"]: (image.get("Config") or {}).get("Labels") or {} for image in images})
    ids = {**ids_by_tag(seen), **ids_by_tag(images)}
    return {image["name"]: security.of_labels(labels[ids[image["tag"]]]) for image in plan if image["tag"] in ids}


def sbom_path(folder: str, name: str, image_id: str) -> str:
    """Where the bill of materials of an image is. `folder`: `images` of the platform's root."""
    return os.path.join(folder, SBOM_FOLDER, f"{name}-{image_id.rpartition(':')[2][:12]}.cdx.json")


def known(
    listed: t.Sequence[t.Mapping[str, t.Any]],
    used: t.Collection[str],
    platform: str,
    names: t.Collection[str],
    looks: t.Mapping[str, t.Any],
    boms: t.Mapping[str, str],
) -> list[dict[str, t.Any]]:
    """What is known of a platform's images, of each name those that containers use, else the newest.

    - `listed`: images as the engine lists them. `used`: IDs of images that containers use.
    - `platform`: the first part of their tags. `names`: the images that count; those with custom
      requirements count in any case.
    - `looks`: the records of looks for updates, by name. `boms`: path of the bill of materials by
      image ID.
    """
    found: dict[str, list[dict[str, t.Any]]] = {}
    for image in listed:
        labels = image.get("Labels") or {}
        kind = labels.get(f"{LABEL_PREFIX}kind", "")
        for tag in image.get("RepoTags") or []:
            repository, dummy, version = tag.rpartition(":")
            owner, dummy, name = repository.rpartition("/")
            if owner != platform or kind == BUILD or not (name in names or kind == CODE):
                continue
            look = looks.get(name) or {}
            found.setdefault(name, []).append(
                {
                    "name": name,
                    "kind": kind,
                    "tag": tag,
                    "id": image["Id"],
                    "built_at": image["Created"],
                    **security.of_labels(labels),
                    "updates": look if look.get("id") == image["Id"] else None,
                    "sbom": boms.get(image["Id"], ""),
                }
            )
    result = []
    for name in sorted(found):
        newest = max(found[name], key=lambda one: one["built_at"])
        result += [one for one in found[name] if one["id"] in used] or [newest]
    return result
