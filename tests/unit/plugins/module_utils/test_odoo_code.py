# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image and which release an instance runs with."""

from __future__ import annotations

from instance_tools import make

from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery import choice
from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import plan as image_plan
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import need

IMAGES = {"odoo-19": "sha256:" + "a" * 64}
PLAIN = make("plain")
OWN = make("own", odoo_release_bucket="releases")


def pulled(**more):
    return {"item": "own", "wanted": "0123456789abcdef", "folder": "/x/releases/0123456789abcdef", "texts": {}, **more}


def test_without_own_code_the_image_is_the_release():
    assert choice.code([PLAIN], IMAGES, [])["plain"] == {
        "image": IMAGES["odoo-19"],
        "folder": "",
        "release": IMAGES["odoo-19"],
        "mount": "/mnt/release",
        "pythonpath": "/mnt/release/python",
    }


def test_the_release_has_the_code_in_its_name():
    found = choice.code([OWN], IMAGES, [pulled()])["own"]
    assert found["release"] == IMAGES["odoo-19"] + "+0123456789abcdef"
    assert found["folder"] == "/x/releases/0123456789abcdef"
    assert need.short(found["release"]) == "aaaaaaaaaaaa+0123456789abcdef"


def test_requirements_make_an_image_of_their_own():
    results = [pulled(texts={"requirements.txt": "iniconfig==2.0.0\n", "system_packages.txt": "jq\n"})]
    (one,) = choice.sets([OWN, PLAIN], IMAGES, results)
    assert one["name"] == image_plan.code_name("19", one["key"]) and one["from"] == IMAGES["odoo-19"]
    images = {**IMAGES, one["name"]: "sha256:code"}
    assert choice.code([OWN], images, results)["own"]["image"] == "sha256:code"
    (item,) = image_plan.requirement_sets([one, {**one, "instance": "other"}])
    assert item["packages"] == ["jq"] and item["requirements"] == "iniconfig==2.0.0\n"
    assert image_plan.check_item(item, "debian", {})["from"] == IMAGES["odoo-19"]


def test_what_is_wrong_stops_that_instance_alone():
    results = [pulled(texts={"requirements.txt": "x\n"})]
    name = choice.sets([OWN], IMAGES, results)[0]["name"]
    assert choice.failures([OWN, PLAIN], IMAGES, results, {}) == []
    (one,) = choice.failures([OWN, PLAIN], IMAGES, results, {name: "pip: no such package"})
    assert one == {"instance": "own", "replicas": ["own-1"], "message": "code of instance own: pip: no such package"}
    (one,) = choice.failures([OWN], IMAGES, [{"item": "own", "failed": True, "msg": "no bucket"}], {})
    assert one["message"].endswith("no bucket")
    (one,) = choice.failures([OWN], IMAGES, [{"item": "own", "wanted": "", "actions": []}], {})
    assert "no release" in one["message"]
    assert choice.failures([OWN], IMAGES, [{"item": "own", "wanted": "", "actions": ["pull"]}], {}) == []  # check mode
