# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shutil

import pytest

from ansible_collections.odoo_cloud.platform.plugins.lookup import image_plan as lookup
from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import plan as image_plan
from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import python_archive

DIGEST = "sha256:" + "a" * 64
ITEM = {"name": "redis", "kind": "redis", "version": ""}


def plan(dockerfile="FROM base\n", context=None, item=None):
    return image_plan.image_plan("shop", item or ITEM, "shop/debian:trixie-1", "", dockerfile, context or [])


def test_equal_inputs_give_the_same_tag():
    assert plan()["tag"] == plan()["tag"]
    assert plan()["tag"].startswith("shop/redis:")


@pytest.mark.parametrize(
    "other",
    [
        plan(dockerfile="FROM other\n"),
        plan(context=[{"path": "a", "content": "x", "mode": "0644"}]),
        plan(context=[{"path": "a", "content": "x", "mode": "0755"}]),
        plan(item={"name": "redis", "kind": "redis", "version": "8"}),
    ],
)
def test_every_input_is_in_the_tag(other):
    assert other["tag"] != plan()["tag"]


def test_base_depends_on_its_definition():
    first = image_plan.base_plan("shop", "trixie", {"include": ["a"]})
    assert first["tag"].startswith("shop/debian:trixie-")
    assert first["tag"] != image_plan.base_plan("shop", "trixie", {"include": ["b"]})["tag"]
    assert first["tag"] != image_plan.base_plan("shop", "bullseye", {"include": ["a"]})["tag"]


def test_read_tree_leaves_caches_out(tmp_path):
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_bytes(b"\xff")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.py").write_text("b")
    (tmp_path / "start").write_text("s")
    (tmp_path / "start").chmod(0o755)
    assert image_plan.read_tree(str(tmp_path), "app") == [
        {"path": "app/start", "content": "s", "mode": "0755"},
        {"path": "app/sub/b.py", "content": "b", "mode": "0644"},
    ]


def test_read_tree_refuses_binary(tmp_path):
    (tmp_path / "logo").write_bytes(b"\xff\xfe")
    with pytest.raises(image_plan.ImageError, match="UTF-8"):
        image_plan.read_tree(str(tmp_path))


def test_read_tree_of_a_missing_folder(tmp_path):
    assert image_plan.read_tree(str(tmp_path / "none")) == []


@pytest.mark.parametrize(
    "item, source, words",
    [
        ("redis", "debian", "not a dictionary"),
        ({"name": "Re dis", "kind": "redis"}, "debian", "'Re dis' is not valid"),
        ({"name": "x", "kind": "mysql"}, "debian", "kind 'mysql' is unknown"),
        ({"name": "x", "kind": "odoo"}, "debian", "version '' is not a known Odoo version"),
        ({"name": "x", "kind": "odoo", "version": "9"}, "registry", "version '9' is not a known"),
        ({"name": "x", "kind": "odoo", "version": 17}, "debian", "no package of Odoo 17"),
    ],
)
def test_bad_items_are_refused(item, source, words):
    with pytest.raises(image_plan.ImageError, match=words):
        image_plan.check_item(item, source, {})


def test_good_items():
    assert image_plan.check_item({"name": "odoo-17", "kind": "odoo", "version": 17}, "registry", {})["version"] == "17"
    assert image_plan.check_item({"name": "redis", "kind": "redis"}, "debian", {}) == {**ITEM, "source": "debian"}


def test_python_of_odoo_images():
    def python(source, **extra):
        return image_plan.check_item({"name": "x", "kind": "odoo", "version": "19", **extra}, source, {})["python"]

    assert (python("debian"), python("registry"), python("registry", python=3.11)) == ("3.13", "3.12", "3.11")
    with pytest.raises(image_plan.ImageError, match="python '3' is not supported; right is one of 3.9, "):
        python("registry", python="3")
    with pytest.raises(image_plan.ImageError, match="Debian's package of Odoo 19 has Python 3.13"):
        python("debian", python="3.12")


def test_each_image_has_a_source_of_its_own():
    def source(platform="debian", refs=None, **item):
        return image_plan.check_item({"kind": "odoo", "version": "19", **item}, platform, refs or {})["source"]

    ref = f"odoo@{DIGEST}"
    assert source(name="odoo-19") == "debian"
    assert source(name="odoo-16", version="16", refs={"odoo-16": ref}) == "registry", "Odoo 16 beside Debian's 19"
    assert source(name="odoo-19", refs={"odoo-16": ref}) == "debian"
    assert source(name="odoo-19-0123abcd", ref=ref) == "registry"
    assert source(name="odoo-19", platform="registry", source="debian") == "debian"
    assert source(name="redis", kind="redis", refs={"odoo-16": ref}) == "debian", "services stay Debian's"
    with pytest.raises(image_plan.ImageError, match="source 'apt' is unknown"):
        source(name="odoo-19", source="apt")


def test_the_reference_of_an_instance_comes_before_that_of_its_version():
    refs = {"odoo-16": f"official@{DIGEST}"}
    item = {"name": "odoo-16-0123abcd", "kind": "odoo", "version": "16"}
    assert image_plan.check_ref({**item, "ref": f"own@{DIGEST}"}, refs, False) == f"own@{DIGEST}"
    assert image_plan.check_ref({**item, "ref": ""}, refs, False) == refs["odoo-16"], "it states just its Python"
    assert image_plan.check_ref({**item, "ref": DIGEST}, refs, False) == DIGEST, "an image that is on the machine"
    with pytest.raises(image_plan.ImageError, match="odoo_image of odoo-16-0123abcd: 'own:16' is not pinned"):
        image_plan.check_ref({**item, "ref": "own:16"}, refs, False)


def test_requirements_are_installed_with_the_image_of_their_instance():
    files = {"requirements.txt": "a==1\n"}
    image = {"name": "odoo-16-0123abcd", "kind": "odoo", "version": "16", "ref": f"own@{DIGEST}", "python": ""}
    keys = [image_plan.set_key("16", name, files) for name in ("odoo-16", image["name"])]
    assert keys[0] == image_plan.content_hash({"version": "16", "files": files}), "the name that it had before"
    assert len(set(keys)) == 2
    one = {"key": keys[1], "version": "16", "from": "sha256:1", "files": files, "image": image}
    build = image_plan.build_item(image_plan.requirement_sets([one])[0])
    assert build["name"] == "odoo-16-0123abcd-build"
    checked = image_plan.check_item(build, "debian", {})
    assert (checked["source"], image_plan.check_ref(checked, {}, False)) == ("registry", f"own@{DIGEST}")


def test_the_packages_of_every_python_are_pinned_and_name_the_same(collection_root):
    names = {}
    for python in image_plan.PYTHONS:
        text = (collection_root / f"roles/image/files/odoo/requirements-{python}.txt").read_text(encoding="utf-8")
        names[python] = {line.partition("==")[0] for line in python_archive.requirements(text)}
    assert {one for python in names for one in names[python]} - {"async-timeout"} == names["3.13"]
    # redis imports it on Python before 3.11.3, and the packages of 3.11 are for 3.11.2 as well.
    assert {python for python in names if "async-timeout" in names[python]} == {"3.9", "3.10", "3.11"}


def test_requirements_of_another_python_do_not_rename_an_image(tmp_path):
    for python in ("3.9", "3.13"):
        (tmp_path / f"requirements-{python}.txt").write_text(f"# {python}\n")
    (tmp_path / "odoo-cloud").write_text("start")
    before = image_plan.odoo_files(str(tmp_path), "3.13")
    assert [(entry["path"], entry["content"]) for entry in before] == [
        ("odoo-cloud", "start"),
        ("requirements.txt", "# 3.13\n"),
    ]
    (tmp_path / "requirements-3.9.txt").write_text("# changed\n")
    assert image_plan.odoo_files(str(tmp_path), "3.13") == before
    (tmp_path / "requirements-3.13.txt").write_text("# changed\n")
    assert image_plan.odoo_files(str(tmp_path), "3.13") != before


def test_the_odoo_image_takes_its_addons_from_the_role_image(collection_root, tmp_path):
    def context(root):
        item = image_plan.check_item({"name": "odoo-19", "kind": "odoo", "version": "19"}, "debian", {})
        return lookup.LookupModule()._context(item, {"role_path": str(root / "roles" / "image")})

    found = context(collection_root)
    assert {"addons/session_redis/__manifest__.py", "odoo_cloud_runtime/cli.py", "odoo-cloud"} <= {
        one["path"] for one in found
    }
    # Paths are those of the build context, so the tag doesn't depend on where in the collection the files are.
    for part in ("roles/image", "plugins/module_utils/_runtime"):
        shutil.copytree(collection_root / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    assert image_plan.content_hash(context(tmp_path)) == image_plan.content_hash(found)


def test_every_image_asks_apt_in_the_same_way(collection_root):
    """Else an image can't be built from a frozen mirror, and does not say whether it gets security updates."""
    templates = sorted((collection_root / "roles/image/templates").glob("*.Dockerfile.j2"))
    assert len(templates) > 5
    assert [one.name for one in templates if "apt-get update" in one.read_text(encoding="utf-8")] == []


def test_refs_must_be_pinned():
    assert image_plan.check_ref(ITEM, {"redis": f"redis@{DIGEST}"}, False) == f"redis@{DIGEST}"
    assert image_plan.check_ref(ITEM, {"redis": "redis:8"}, True) == "redis:8"
    with pytest.raises(image_plan.ImageError, match="'redis:8' is not pinned"):
        image_plan.check_ref(ITEM, {"redis": "redis:8"}, False)
    with pytest.raises(image_plan.ImageError, match="no entry for redis"):
        image_plan.check_ref(ITEM, {}, False)


def test_problems_are_a_line_each():
    items = [ITEM, ITEM, {"name": "x", "kind": "odoo", "version": "17"}]
    found = image_plan.problems(items, "debian", {})
    assert len(found) == 2
    assert "twice" in found[0]
    assert "no package of Odoo 17" in found[1]
    assert image_plan.problems([ITEM], "registry", {"redis": f"redis@{DIGEST}"}) == []


def test_context_files_lists_parents_first():
    image = plan(context=[{"path": "app/sub/b.py", "content": "b", "mode": "0644"}])
    root = f"/srv/images/redis-{image['hash']}"
    paths = [
        entry["path"]
        for entry in image_plan.context_files([image, plan("FROM other\n")], [image["tag"]], "/srv/images")
    ]
    assert paths == [root, f"{root}/Dockerfile", f"{root}/app", f"{root}/app/sub", f"{root}/app/sub/b.py"]


def test_missing_puts_odoo_first_and_resolve_names_ids():
    odoo = plan(item={"name": "odoo-19", "kind": "odoo", "version": "19"})
    redis, nginx = plan(), plan(item={"name": "nginx", "kind": "nginx", "version": ""})
    there = [{"Id": "sha256:1", "RepoTags": [redis["tag"]]}, {"Id": "sha256:2", "RepoTags": None}]
    everything = [redis, nginx, odoo]
    missing = image_plan.missing(everything, there)
    assert [image["name"] for image in missing] == ["odoo-19", "nginx"]
    assert "files" not in missing[0]
    assert image_plan.resolve(everything, there, "shop") == {
        "redis": "sha256:1",
        "nginx": nginx["tag"],
        "odoo-19": odoo["tag"],
    }


def test_of_the_images_on_a_machine_only_the_very_tag_counts():
    wanted = plan()
    seen = [
        {"Id": "sha256:new", "RepoTags": [wanted["tag"]]},
        {"Id": "sha256:old", "RepoTags": ["shop/redis:0123456789ab"]},
    ]
    for order in (seen, seen[::-1]):
        assert image_plan.resolve([wanted], [], "shop", order) == {"redis": "sha256:new"}
    assert image_plan.resolve([wanted], [], "shop", seen[1:]) == {"redis": wanted["tag"]}


def test_resolve_survives_a_file_edited_during_a_build():
    there = [{"Id": "sha256:1", "RepoTags": ["shop/redis:of-a-minute-ago"]}]
    assert image_plan.resolve([plan()], there, "shop") == {"redis": "sha256:1"}


def test_build_error_shows_the_end():
    log = [f"line {number}\n" for number in range(100)]
    log += ["\x1b[91mE: Unable to locate package nope\n\x1b[0m", "Removing intermediate container 4c"]
    message = f"Error building a/b - code: 100, message: The command 'x' returned a non-zero code: 100, logs: {log}"
    lines = image_plan.build_error(message, 2).splitlines()
    assert lines[0] == "a command of its Dockerfile ended with 100"
    assert [line.strip() for line in lines[1:]] == ["line 99", "E: Unable to locate package nope"]
    assert image_plan.build_error("cannot connect") == "cannot connect"


def test_failures_of_builds_side_by_side():
    results = [
        {"image_item": {"name": "redis"}, "image": {"Id": "sha256:1"}},
        {"image_item": {"name": "nginx"}, "image": {}, "msg": "cannot connect"},
        {"image_job": {"image_item": {"name": "odoo-19"}}, "finished": False},
    ]
    found = image_plan.failures(results, 60)
    assert found[0] == {"name": "nginx", "reason": "cannot connect"}
    assert found[1]["name"] == "odoo-19"
    assert "image_build_timeout: 60" in found[1]["reason"]


def test_an_image_to_build_with_is_shared_by_sets_with_the_same_debian_packages():
    code = {"version": "19", "packages": [], "requirements": "a\n", "image": {"name": "odoo-19"}}
    assert image_plan.build_item(code) == image_plan.build_item({**code, "requirements": "b\n"})
    assert image_plan.build_item(code)["name"] != image_plan.build_item({**code, "packages": ["jq"]})["name"]


def test_what_pip_said_comes_first():
    text = image_plan.pip_failure("Collecting x\n\x1b[31mERROR: No matching distribution found for x==9\x1b[0m\nlast\n")
    assert text.splitlines()[0] == "No matching distribution found for x==9"
    assert text.splitlines()[-1].strip() == "last"


def test_files_of_pips_home_are_secret_and_stay_in_it():
    files = image_plan.pip_home({".netrc": "s", ".config/pip/pip.conf": "c"}, "/x")
    assert [one["path"] for one in files] == [
        "/x",
        "/x/.config",
        "/x/.config/pip",
        "/x/.config/pip/pip.conf",
        "/x/.netrc",
    ]
    assert all("content" not in one for one in files)
    with pytest.raises(image_plan.ImageError, match="below pip's home"):
        image_plan.pip_home({"../x": ""}, "/x")
