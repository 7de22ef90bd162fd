# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.filter.container import FilterModule
from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine import volumes

IMAGE = {"Config": {"Volumes": {"/var/lib/odoo": {}, "/mnt/extra-addons/": {}}}}


@pytest.mark.parametrize("image", [{}, {"Config": None}, {"Config": {"Volumes": None}}])
def test_an_image_without_volumes_needs_no_cover(image):
    assert volumes.covers(image, {"tmpfs": ["/tmp"]}) == []


def test_what_is_mounted_is_not_covered():
    definition = {"mounts": [{"type": "bind", "target": "/mnt/extra-addons"}], "tmpfs": ["/var/lib/odoo:size=1m"]}
    assert volumes.covers(IMAGE, definition) == []
    assert volumes.covers(IMAGE, {"read_only": True}) == [
        f"{one}:ro,size=4k,mode=0555" for one in ("/mnt/extra-addons/", "/var/lib/odoo")
    ]


def test_a_container_that_may_write_may_write_there_within_a_limit():
    assert all("size=64m" in one for one in volumes.covers(IMAGE, {}))


def test_the_filter_keeps_the_order_of_the_definition():
    tmpfs = FilterModule().filters()["container_tmpfs"]
    assert tmpfs({"tmpfs": ["/b", "/a"], "read_only": True}, [IMAGE])[:2] == ["/b", "/a"]
    assert tmpfs({}, []) == []
