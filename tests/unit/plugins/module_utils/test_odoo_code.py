# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image and which release an instance runs with."""

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils import _image, _odoo_code, _odoo_run

IMAGES = {"odoo-19": "sha256:" + "a" * 64}
PLAIN = {
    "name": "plain",
    "version": "19",
    "image": {"name": "odoo-19"},
    "code": None,
    "replicas": [{"name": "plain-1"}],
}
OWN = {
    "name": "own",
    "version": "19",
    "image": {"name": "odoo-19"},
    "code": {"bucket": "b"},
    "replicas": [{"name": "own-1"}],
}


def pulled(**more):
    return {"item": "own", "wanted": "0123456789abcdef", "folder": "/x/releases/0123456789abcdef", "texts": {}, **more}


def test_without_own_code_the_image_is_the_release():
    assert _odoo_code.code([PLAIN], IMAGES, [])["plain"] == {
        "image": IMAGES["odoo-19"],
        "folder": "",
        "release": IMAGES["odoo-19"],
        "mount": "/mnt/release",
        "pythonpath": "/mnt/release/python",
    }


def test_the_release_has_the_code_in_its_name():
    found = _odoo_code.code([OWN], IMAGES, [pulled()])["own"]
    assert found["release"] == IMAGES["odoo-19"] + "+0123456789abcdef"
    assert found["folder"] == "/x/releases/0123456789abcdef"
    assert _odoo_run.short(found["release"]) == "aaaaaaaaaaaa+0123456789abcdef"


def test_requirements_make_an_image_of_their_own():
    results = [pulled(texts={"requirements.txt": "iniconfig==2.0.0\n", "system_packages.txt": "jq\n"})]
    (one,) = _odoo_code.sets([OWN, PLAIN], IMAGES, results)
    assert one["name"] == _image.code_name("19", one["key"]) and one["from"] == IMAGES["odoo-19"]
    images = {**IMAGES, one["name"]: "sha256:code"}
    assert _odoo_code.code([OWN], images, results)["own"]["image"] == "sha256:code"
    (item,) = _image.requirement_sets([one, {**one, "instance": "other"}])
    assert item["packages"] == ["jq"] and item["requirements"] == "iniconfig==2.0.0\n"
    assert _image.check_item(item, "debian")["from"] == IMAGES["odoo-19"]


def test_what_is_wrong_stops_that_instance_alone():
    results = [pulled(texts={"requirements.txt": "x\n"})]
    name = _odoo_code.sets([OWN], IMAGES, results)[0]["name"]
    assert _odoo_code.failures([OWN, PLAIN], IMAGES, results, {}) == []
    (one,) = _odoo_code.failures([OWN, PLAIN], IMAGES, results, {name: "pip: no such package"})
    assert one == {"instance": "own", "replicas": ["own-1"], "message": "code of instance own: pip: no such package"}
    (one,) = _odoo_code.failures([OWN], IMAGES, [{"item": "own", "failed": True, "msg": "no bucket"}], {})
    assert one["message"].endswith("no bucket")
    (one,) = _odoo_code.failures([OWN], IMAGES, [{"item": "own", "wanted": "", "actions": []}], {})
    assert "no release" in one["message"]
    assert (
        _odoo_code.failures([OWN], IMAGES, [{"item": "own", "wanted": "", "actions": ["pull"]}], {}) == []
    )  # check mode
