# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.addons import tree as addon_tree
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import errors

LANGUAGES = ("en_US", "nl_BE")


@pytest.fixture
def addon(tmp_path):
    """An addon with one file of each kind."""
    files = {
        "__manifest__.py": "{'name': 'Shop', 'version': '1.2', 'data': ['data/shop.xml', 'static/src/page.xml']}",
        "__init__.py": "",
        "models/shop.py": "x = 1",
        "models/__pycache__/shop.cpython-313.pyc": "compiled",
        "data/shop.xml": "<odoo/>",
        "i18n/shop.pot": "template",
        "i18n/nl.po": "nl",
        "i18n/nl_BE.po": "nl_BE",
        "i18n/nl_NL.po": "nl_NL",
        "i18n/fr.po": "fr",
        "static/src/page.xml": "<odoo/>",
        "static/src/shop.js": "js",
        "tests/test_shop.py": "test",
        ".git/HEAD": "ref",
    }
    for name, content in files.items():
        path = tmp_path / "addons" / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "addons" / "shop"


def checksum(path, languages=LANGUAGES):
    return addon_tree.checksum(addon_tree.read(path.name, [str(path.parent)]), languages)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("__manifest__.py", True),
        ("models/shop.py", True),
        ("data/shop.xml", True),
        ("i18n/nl.po", True),
        ("i18n/nl_BE.po", True),
        ("static/src/page.xml", True),  # the manifest loads it as data
        ("models/__pycache__/shop.cpython-313.pyc", False),
        ("i18n/shop.pot", False),
        ("i18n/nl_NL.po", False),
        ("i18n/fr.po", False),
        ("static/src/shop.js", False),
        ("tests/test_shop.py", False),
        (".git/HEAD", False),
    ],
)
def test_what_counts(addon, name, counts):
    before = checksum(addon)
    path = addon / name
    path.write_text(path.read_text() + "\n# changed")
    assert (checksum(addon) != before) is counts


def test_times_modes_and_the_place_do_not_count(addon, tmp_path):
    before = checksum(addon)
    os.utime(addon / "models/shop.py", (1, 1))
    (addon / "models/shop.py").chmod(0o600)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    addon.rename(moved / "shop")
    (moved / "other").symlink_to(moved / "shop")
    assert checksum(moved / "shop") == before
    assert checksum(moved / "other") == before


def test_renaming_and_moving_bytes_between_files_counts(addon):
    before = checksum(addon)
    (addon / "models/a.py").write_text("")
    first = checksum(addon)
    (addon / "models/a.py").rename(addon / "models/b.py")
    assert len({before, first, checksum(addon)}) == 3


def test_a_loop_and_a_dead_link_are_no_obstacle(addon):
    before = checksum(addon)
    (addon / "loop").symlink_to(addon)
    (addon / "dead").symlink_to("/nonexistent")
    assert checksum(addon) == before


@pytest.mark.parametrize(
    ("version", "series", "stored"),
    [
        ("1.2", 14, "14.0.1.2"),
        ("14.0.1.2", 14, "14.0.1.2"),
        ("14.0", 14, "14.0.14.0"),
        ("1.0", 19, "19.0.1.0"),
        ("", 19, ""),
    ],
)
def test_versions_as_odoo_stores_them(version, series, stored):
    assert addon_tree.Addon("x", "/x", {"version": version}).version(series) == stored


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{'name': 'x',\n 'a' 'b': }", "line 2"),
        ("['x']", "one dictionary"),
        ("{'name': open('x')}", "is not a manifest"),
    ],
)
def test_a_broken_manifest_is_named(tmp_path, text, words):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "__manifest__.py").write_text(text)
    with pytest.raises(errors.ConfigError) as caught:
        addon_tree.read("bad", [str(tmp_path)])
    assert str(tmp_path / "bad" / "__manifest__.py") in str(caught.value)
    assert words in str(caught.value)
