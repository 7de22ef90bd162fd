# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
import threading

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime import addons, config, errors, static


def module(folder, name, files):
    (folder / name / "static").mkdir(parents=True)
    (folder / name / "__manifest__.py").write_text("{}")
    for path, text in files.items():
        target = folder / name / "static" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    core, custom = tmp_path / "core", tmp_path / "custom"
    module(core, "web", {"src/app.js": "core", "img/logo.png": "x"})
    module(core, "sale", {"a.css": "core"})
    module(custom, "sale", {"a.css": "custom"})
    module(custom, "extra", {"b.css": "b"})
    (tmp_path / "font").write_text("font")
    (tmp_path / "font").chmod(0o600)
    os.symlink(tmp_path / "font", core / "web" / "static" / "font.ttf")
    os.symlink(tmp_path / "nowhere", core / "web" / "static" / "broken")
    (custom / "docs").mkdir()
    monkeypatch.setattr(addons, "odoo_addons_folders", lambda executable="": ([], [str(core)]))
    conf = tmp_path / "odoo.conf"
    conf.write_text(f"[options]\ndb_user = acme\ndb_name = acme\naddons_path = {custom},/nonexistent\n")
    return config.load(
        {
            "ODOO_RC": str(conf),
            "ODOO_VERSION": "19",
            "STATIC_DIR": str(tmp_path / "out"),
            "RELEASE": "sha256:ab/c",
            "DATA_DIR": str(tmp_path),
        }
    )


def test_export(settings):
    release = static.export(settings)
    base = os.path.join(settings.static_dir, "acme")
    assert release.startswith("sha256-ab-c-")
    assert os.readlink(os.path.join(base, "current")) == release

    def read(path):
        with open(os.path.join(base, "current", path), encoding="utf-8") as handle:
            return handle.read()

    assert read("web/static/src/app.js") == "core"
    assert read("sale/static/a.css") == "custom", "the addons path comes before Odoo's own folder"
    assert read("extra/static/b.css") == "b"
    assert read("web/static/font.ttf") == "font"
    assert not os.path.islink(os.path.join(base, release, "web/static/font.ttf"))
    assert stat.S_IMODE(os.stat(os.path.join(base, release, "web/static/font.ttf")).st_mode) == 0o644
    assert stat.S_IMODE(os.stat(os.path.join(base, release, "web/static/src")).st_mode) == 0o755
    assert sorted(os.listdir(base)) == [".lock", "current", release]


def test_same_content_is_copied_once(settings):
    release = static.export(settings)
    marker = os.path.join(settings.static_dir, "acme", release, "marker")
    with open(marker, "w", encoding="utf-8"):
        pass
    assert static.export(settings) == release
    assert os.path.exists(marker)


def test_previous_release_stays_older_ones_go(settings, tmp_path):
    names = []
    for number in range(3):
        (tmp_path / "core" / "web" / "static" / "src" / "app.js").write_text("v" * (number + 1))
        names.append(static.export(settings))
    base = os.path.join(settings.static_dir, "acme")
    assert sorted(os.listdir(base)) == sorted([".lock", "current", "previous", *names[1:]])
    assert os.readlink(os.path.join(base, "current")) == names[2]


def test_leftovers_of_a_killed_export_are_no_release(settings):
    base = os.path.join(settings.static_dir, "acme")
    os.makedirs(os.path.join(base, ".tmp-999", "web"))
    release = static.export(settings)
    assert sorted(os.listdir(base)) == [".lock", "current", release]


def test_ten_at_once(settings):
    found = []
    threads = [threading.Thread(target=lambda: found.append(static.export(settings))) for _number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 10
    assert len(set(found)) == 1


def test_a_folder_that_cannot_be_written(settings, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(errors.FilesError, match="STATIC_DIR is"):
        static.export(settings)


def test_missing_modules(settings):
    folders = addons.addons_folders(settings)
    assert addons.missing_modules(("web", "extra", "typo"), folders) == ["typo"]
