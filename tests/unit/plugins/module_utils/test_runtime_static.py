# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
import threading

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.addons import static
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.addons import tree as addon_tree
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import config, errors


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
    monkeypatch.setattr(addon_tree, "odoo_addons_folders", lambda executable="": ([], [str(core)]))
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


def base_of(settings):
    return os.path.join(settings.static_dir, "acme")


def read(settings, path):
    with open(os.path.join(base_of(settings), path), encoding="utf-8") as handle:
        return handle.read()


def change(tmp_path, text):
    (tmp_path / "core" / "web" / "static" / "src" / "app.js").write_text(text)


def test_export(settings):
    release, changed = static.export(settings)
    base = base_of(settings)
    assert changed
    assert release.startswith("sha256-ab-c-")
    assert static.release_of(os.path.join(base, "current")) == release
    assert read(settings, "current/web/static/src/app.js") == "core"
    assert read(settings, "current/sale/static/a.css") == "custom", "the addons path comes before Odoo's own folder"
    assert read(settings, "current/extra/static/b.css") == "b"
    assert read(settings, "current/web/static/font.ttf") == "font"
    assert stat.S_IMODE(os.stat(os.path.join(base, "current/web/static/font.ttf")).st_mode) == 0o644
    for folder in (".", "current", "current/web/static/src"):
        assert stat.S_IMODE(os.stat(os.path.join(base, folder)).st_mode) == 0o755
    assert sorted(os.listdir(base)) == [".lock", "current"]
    links = [name for folder, folders, files in os.walk(base) for name in folders + files
             if os.path.islink(os.path.join(folder, name))]  # fmt: skip
    assert links == [], "the proxy follows none"


def test_same_content_is_copied_once(settings):
    release, dummy = static.export(settings)
    marker = os.path.join(base_of(settings), "current", "marker")
    with open(marker, "w", encoding="utf-8"):
        pass
    assert static.export(settings) == (release, False)
    assert os.path.exists(marker)


def test_previous_release_stays_older_ones_go(settings, tmp_path):
    for number in range(3):
        change(tmp_path, "v" * (number + 1))
        assert static.export(settings)[1]
    assert sorted(os.listdir(base_of(settings))) == [".lock", "current", "previous"]
    assert read(settings, "current/web/static/src/app.js") == "vvv"
    assert read(settings, "previous/web/static/src/app.js") == "vv"


def test_back_to_the_previous_release_copies_nothing(settings, tmp_path, monkeypatch):
    source = tmp_path / "core" / "web" / "static" / "src" / "app.js"
    first, dummy = static.export(settings)
    before = os.stat(source)
    change(tmp_path, "another")
    static.export(settings)
    source.write_text("core")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    monkeypatch.setattr(static, "_copy", None)
    assert static.export(settings) == (first, True)
    assert read(settings, "current/web/static/src/app.js") == "core"
    assert read(settings, "previous/web/static/src/app.js") == "another"
    assert sorted(os.listdir(base_of(settings))) == [".lock", "current", "previous"]


def test_looking_writes_nothing(settings, tmp_path):
    release, changed = static.export(settings, check_only=True)
    assert changed and not os.path.exists(settings.static_dir)
    assert static.export(settings) == (release, True)
    assert static.export(settings, check_only=True) == (release, False)
    change(tmp_path, "another")
    assert static.export(settings, check_only=True)[1]
    assert read(settings, "current/web/static/src/app.js") == "core"


def test_leftovers_of_a_killed_export_are_no_release(settings):
    os.makedirs(os.path.join(base_of(settings), ".tmp-999", "web"))
    static.export(settings)
    assert sorted(os.listdir(base_of(settings))) == [".lock", "current"]


@pytest.mark.parametrize("step", range(1, 4))
def test_a_crash_between_any_two_renames_is_mended_by_the_next_export(settings, tmp_path, monkeypatch, step):
    for text in ("one", "two"):
        change(tmp_path, text)
        static.export(settings)
    change(tmp_path, "three")
    real, count = os.rename, []

    def rename(source, target):
        count.append(source)
        if len(count) == step:
            raise KeyboardInterrupt
        real(source, target)

    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", rename)
        broken.setattr(static, "_remove", lambda path: None)  # a process that is killed tidies nothing up
        with pytest.raises(KeyboardInterrupt):
            static.export(settings)
    assert len(count) == step
    served = [name for name in ("current", "previous") if os.path.isdir(os.path.join(base_of(settings), name))]
    assert served, "something is served meanwhile"
    static.export(settings)
    assert read(settings, "current/web/static/src/app.js") == "three"
    assert read(settings, "previous/web/static/src/app.js") in ("one", "two")
    assert sorted(os.listdir(base_of(settings))) == [".lock", "current", "previous"]


def test_a_link_or_a_foreign_folder_is_never_taken_for_a_copy(settings, tmp_path):
    release, dummy = static.export(settings)
    base, elsewhere = base_of(settings), tmp_path / "elsewhere"
    os.rename(os.path.join(base, "current"), elsewhere)
    for planted in ("link", "folder"):
        path = os.path.join(base, "current")
        if planted == "link":
            os.symlink(elsewhere, path)
        else:
            static._remove(path)
            os.mkdir(path)
        assert static.export(settings, check_only=True) == (release, True)
        assert static.export(settings) == (release, True)
        assert not os.path.islink(path) and read(settings, "current/web/static/src/app.js") == "core"
        assert (elsewhere / "web").is_dir(), "what a link points to is left alone"


def test_links_of_earlier_versions_become_folders(settings):
    release, dummy = static.export(settings)
    base = base_of(settings)
    for name, text in (("current", "19-bbb"), ("previous", "19-aaa"), (None, "19-old")):
        os.makedirs(os.path.join(base, text, "web", "static"))
        with open(os.path.join(base, text, "web", "static", "x"), "w", encoding="utf-8") as handle:
            handle.write(text)
        if name:
            static._remove(os.path.join(base, name)) if os.path.lexists(os.path.join(base, name)) else None
            os.symlink(text, os.path.join(base, name))
    assert static.export(settings) == (release, True)
    assert sorted(os.listdir(base)) == [".lock", "current", "previous"]
    assert read(settings, "current/web/static/src/app.js") == "core"
    assert read(settings, "previous/web/static/x") == "19-bbb"


def test_ten_at_once(settings):
    found = []
    threads = [threading.Thread(target=lambda: found.append(static.export(settings))) for _number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 10
    assert len({release for release, dummy in found}) == 1
    assert [changed for dummy, changed in found].count(True) == 1


@pytest.mark.parametrize("function", [static.export, static.check])
def test_a_folder_that_cannot_be_written(settings, tmp_path, function):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(errors.FilesError, match=f"STATIC_DIR is '{tmp_path}/out': .*{tmp_path}/out/acme"):
        function(settings)


def test_missing_modules(settings):
    folders = addon_tree.addons_folders(settings)
    assert addon_tree.missing_modules(("web", "extra", "typo"), folders) == ["typo"]
