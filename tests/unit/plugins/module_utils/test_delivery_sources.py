# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from delivery_tools import make_addon

from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.release import DeliveryError
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.sources import (
    Filter,
    Sources,
    other_series,
    read_addon_manifest,
    series_of,
)


def problems_of(sources, **options) -> str:
    with pytest.raises(DeliveryError) as caught:
        sources.finish(**options)
    return "\n".join(caught.value.problems)


def test_addons_packages_and_what_is_beside_them(tmp_path):
    addons, python = tmp_path / "addons", tmp_path / "python"
    make_addon(
        addons,
        "acme_sale",
        files={"static/src/x.js": "x", "models/a.pyc": "no", ".git/config": "secret", ".github/a": "b"},
    )
    make_addon(addons, ".hidden")
    (addons / "setup").mkdir()
    (addons / "README.md").write_text("not taken")
    (python / "acme_lib" / "sub").mkdir(parents=True)
    (python / "acme_lib" / "__init__.py").write_text("")
    (python / "acme_lib" / "sub" / "data.json").write_text("{}")
    (python / "single.py").write_text("")
    (python / "docs").mkdir()
    script = addons / "acme_sale" / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    sources = Sources("19")
    sources.add_addons(str(addons))
    sources.add_python(str(python))
    packages = {package.id: package for package in sources.finish()}
    assert sorted(packages) == ["addon/acme_sale", "python/acme_lib", "python/single.py"]
    addon = packages["addon/acme_sale"]
    assert addon.version == "19.0.1.0.0" and sources.unchecked == ["base"]
    assert [one.path for one in addon.files] == [
        "acme_sale/.github/a",
        "acme_sale/__init__.py",
        "acme_sale/__manifest__.py",
        "acme_sale/models/__init__.py",
        "acme_sale/run.sh",
        "acme_sale/static/src/x.js",
    ]
    assert [one.path for one in addon.files if one.executable] == ["acme_sale/run.sh"]
    assert [one.path for one in packages["python/single.py"].files] == ["single.py"]


def test_digest_follows_content_mode_and_name_only(tmp_path):
    def digest(parent, name="acme"):
        sources = Sources("19")
        sources.add_addons(str(parent))
        return sources.finish()[0].digest

    first = make_addon(tmp_path / "a", "acme", files={"x": "1"})
    second = make_addon(tmp_path / "b", "acme", files={"x": "1"})
    os.utime(second / "x", (1, 1))
    (second / "x").chmod(0o600)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    (second / "x").chmod(0o700)
    executable = digest(tmp_path / "b")
    (second / "x").chmod(0o600)
    (second / "x").write_text("2")
    assert len({digest(tmp_path / "a"), digest(tmp_path / "b"), executable}) == 3
    assert first.exists()


def test_two_with_one_name_are_refused_with_both_paths(tmp_path):
    make_addon(tmp_path / "a", "acme")
    make_addon(tmp_path / "b", "acme")
    for parent, name in (("p", "lib"), ("q", "lib.py")):
        path = tmp_path / parent / name
        path.parent.mkdir()
        if name.endswith(".py"):
            path.write_text("")
        else:
            path.mkdir()
            (path / "__init__.py").write_text("")
    sources = Sources("19")
    sources.add_addons(str(tmp_path / "a"))
    sources.add_addons(str(tmp_path / "b"))
    sources.add_python(str(tmp_path / "p"))
    sources.add_python(str(tmp_path / "q"))
    said = problems_of(sources)
    for path in ("a/acme", "b/acme", "p/lib", "q/lib.py"):
        assert str(tmp_path / path) in said
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("{\n 'name': 'x',\n 'depends': ['base'\n}", 4, "does not parse"),
        ("{\n 'name': 'x',\n 'version': str(1),\n}", 3, "only plain values"),
        ("import os\n{'name': 'x'}", 1, "one dictionary"),
        ("# only a remark\n", 1, "one dictionary"),
        ("{\n 'name': 'x',\n 'depends': 'base',\n}", 3, "must be a list"),
        ("{\n 'version': 19,\n}", 2, "must be text"),
        ("{**{}}", 1, "only plain values"),
        ("{'a': '\0'}", 1, ""),
    ],
)
def test_a_bad_manifest_is_named_with_its_line(tmp_path, text, line, said):
    path = tmp_path / "__manifest__.py"
    path.write_text(text)
    with pytest.raises(DeliveryError) as caught:
        read_addon_manifest(str(path))
    assert str(caught.value).startswith(f"{path}:{line}: ") and said in str(caught.value)


def test_a_manifest_is_never_run(tmp_path):
    make_addon(tmp_path / "a", "acme")
    (tmp_path / "a/acme/__manifest__.py").write_text(f"{{'name': open({str(tmp_path / 'ran')!r}, 'w')}}")
    sources = Sources("19")
    sources.add_addons(str(tmp_path / "a"))
    assert "__manifest__.py:1" in problems_of(sources)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("version", "other"),
    [
        ("19.0.1.0.0", ""), ("18.0.1.0.0", "18.0"), ("14.0.2.1", "14.0"), ("1.0", ""), ("1.2.3", ""), ("1.2.3.4", ""),
        ("", ""), ("saas~18.3.1.0.0", "saas~18.3"), ("19.0.1.0", ""), ("16.0", ""),
    ],
)  # fmt: skip
def test_the_series_of_a_version(version, other):
    assert other_series(version, "19.0") == other


def test_odoo_version():
    assert series_of("19") == "19.0" and series_of("14.0") == "14.0" and series_of("saas~18.3") == "saas~18.3"
    with pytest.raises(DeliveryError):
        series_of("nineteen")


def test_series_and_dependencies_with_lines_all_at_once(tmp_path):
    make_addon(tmp_path, "old", version="18.0.1.0.0")
    make_addon(tmp_path, "lacking", depends=("base", "nowhere"))
    make_addon(tmp_path, "fine", depends=("base", "lacking"))
    (make_addon(tmp_path, "not_ported", version="16.0.1.0.0") / "__manifest__.py").write_text(
        "{'version': '16.0.1.0.0', 'depends': ['gone'], 'installable': False}"
    )
    sources = Sources("19")
    sources.add_addons(str(tmp_path))
    said = problems_of(sources, known_addons=["base"])
    assert len(said.splitlines()) == 2
    assert f"{tmp_path}/old/__manifest__.py:3: 'old' has version '18.0.1.0.0', made for Odoo 18.0" in said
    assert f"{tmp_path}/lacking/__manifest__.py:4: 'lacking' depends on 'nowhere'" in said


def test_paths_without_a_module(tmp_path):
    make_addon(tmp_path / "a", "acme")
    (tmp_path / "empty").mkdir()
    sources = Sources("19")
    sources.add_addons(str(tmp_path / "empty"))
    sources.add_addons(str(tmp_path / "missing"))
    sources.add_addons(str(tmp_path / "a/acme"))
    sources.add_addons("relative")
    sources.add_python(str(tmp_path / "empty"))
    sources.add_python(str(tmp_path / "a/acme"))
    said = problems_of(sources).splitlines()
    assert len(said) == 6
    for line, text in zip(
        said, ("holds no addon", "No such file", "is an addon itself", "absolute", "holds no Python", "package itself")
    ):
        assert text in line


def test_include_and_exclude(tmp_path):
    for name in ("sale_a", "sale_b", "stock_a"):
        make_addon(tmp_path, name, files={"i18n/de.po": "", "i18n/fr.po": "", "tests/deep/x.py": "", "static/x.po": ""})

    def taken(include=(), exclude=()):
        sources = Sources("19", Filter(include, exclude))
        sources.add_addons(str(tmp_path))
        return {one.path for package in sources.finish() for one in package.files}

    everything = taken()
    assert {path.split("/")[0] for path in taken(["sale_*"])} == {"sale_a", "sale_b"}
    assert {path.split("/")[0] for path in taken(exclude=["sale_b"])} == {"sale_a", "stock_a"}
    assert everything - taken(exclude=["tests"]) == {
        f"{name}/tests/deep/x.py" for name in ("sale_a", "sale_b", "stock_a")
    }
    assert everything - taken(exclude=["sale_a/tests"]) == {"sale_a/tests/deep/x.py"}
    assert everything - taken(exclude=["*/i18n/*.po"]) == {
        f"{name}/i18n/{language}.po" for name in ("sale_a", "sale_b", "stock_a") for language in ("de", "fr")
    }
    assert everything - taken(exclude=["sale_a/**/x.p[yo]"]) == {"sale_a/tests/deep/x.py", "sale_a/static/x.po"}
    assert taken(exclude=["x"]) == everything
    with pytest.raises(DeliveryError, match="leave the manifest out"):
        taken(exclude=["sale_a/__manifest__.py"])
    with pytest.raises(DeliveryError, match="leave nothing of it"):
        taken(["sael_*"])
    with pytest.raises(DeliveryError, match="is no pattern"):
        taken(exclude=["/"])


def test_links(tmp_path):
    addon = make_addon(tmp_path / "a", "acme", files={"data/x": "1"})
    (addon / "inside").symlink_to("data")
    (addon / "file").symlink_to("data/x")
    sources = Sources("19")
    sources.add_addons(str(tmp_path / "a"))
    paths = {one.path for one in sources.finish()[0].files}
    assert {"acme/inside/x", "acme/file", "acme/data/x"} <= paths
    (tmp_path / "secret").write_text("s")
    (addon / "out").symlink_to(tmp_path / "secret")
    (addon / "circle").symlink_to(".")
    (addon / "nowhere").symlink_to("data/gone")
    os.mkfifo(addon / "pipe")
    sources = Sources("19")
    sources.add_addons(str(tmp_path / "a"))
    said = problems_of(sources)
    assert len(said.splitlines()) == 4
    for name in ("out", "circle", "nowhere", "pipe"):
        assert f"{addon}/{name}: " in said
    # The folder of an addon may itself be a link, as repositories are often put together.
    (tmp_path / "b").mkdir()
    (tmp_path / "b/linked").symlink_to(make_addon(tmp_path / "elsewhere", "linked"))
    sources = Sources("19")
    sources.add_addons(str(tmp_path / "b"))
    assert sources.finish()[0].name == "linked"


def test_names_that_nobody_can_hold(tmp_path):
    addon = make_addon(tmp_path, "acme")
    (addon / "a\nb").write_text("")
    with open(os.path.join(os.fsencode(addon), b"\xff"), "w"):
        pass
    make_addon(tmp_path, "acme-sale")
    sources = Sources("19")
    sources.add_addons(str(tmp_path))
    assert len(problems_of(sources).splitlines()) == 3


def test_requirements_are_one_list(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "requirements.txt").write_text(
        "# remark\nphonenumbers==8.13.0  # why\n-r more/base.txt\n-c limits.txt\nacme @ git+https://git.example.com/acme.git@v1\n"
        "x==1 \\\n    --hash=sha256:00\n"
    )
    (tmp_path / "more/base.txt").write_text("openpyxl\n")
    (tmp_path / "limits.txt").write_text("openpyxl<4\n")
    sources = Sources("19")
    sources.add_requirements(str(tmp_path / "requirements.txt"))
    assert sources.requirements.splitlines() == [
        "phonenumbers==8.13.0", "openpyxl", "acme @ git+https://git.example.com/acme.git@v1", "x==1 --hash=sha256:00",
    ]  # fmt: skip
    assert sources.constraints == "openpyxl<4\n" and sources.problems == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("acme @ git+https://user:pass@git.example.com/a.git", "credentials"),
        ("--extra-index-url https://token@pkg.example.com/simple", "credentials"),
        ("-e ./here", "folder or file of this machine"),
        ("./here", "folder or file of this machine"),
        ("acme @ file:///srv/acme", "folder or file of this machine"),
        ("-r gone.txt", "no such file"),
        ("-r requirements.txt", "includes itself"),
        ("-r https://example.com/x.txt", "beside this one"),
        ("!!", "is no requirement"),
    ],
)
def test_a_bad_requirement_is_named_with_its_line(tmp_path, line, said):
    path = tmp_path / "requirements.txt"
    path.write_text(f"openpyxl\n\n{line}\n")
    sources = Sources("19")
    sources.add_requirements(str(path))
    assert len(sources.problems) == 1
    assert sources.problems[0].startswith(f"{path}") and said in sources.problems[0]
    if said != "includes itself":
        assert sources.problems[0].startswith(f"{path}:3: ")


def test_an_ssh_user_and_a_placeholder_are_no_credentials(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("a @ git+ssh://git@git.example.com/a.git\nb @ git+https://${USER}:${TOKEN}@git.example.com/b.git\n")
    sources = Sources("19")
    sources.add_requirements(str(path))
    assert sources.problems == []


def test_system_packages(tmp_path):
    path = tmp_path / "packages.txt"
    path.write_text("# for reports\nlibmagic1\nfonts-noto=2020-1 # pinned\n\nlibmagic1\nrm -rf /\n")
    sources = Sources("19")
    sources.add_system_packages(str(path))
    sources.add_system_packages(str(tmp_path / "gone"))
    assert sources.system_packages == ["libmagic1", "fonts-noto=2020-1"]
    assert sources.problems[0].startswith(f"{path}:6: 'rm -rf /'") and "No such file" in sources.problems[1]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("requests==2.20", True),
        ("Requests >= 2.30, < 3", False),
        ("requests==2.32.3 --hash=sha256:0", False),
        ("requests @ git+https://git.example.com/requests.git@v2", True),
        ("requests==2.20; python_version < '3'", False),
        ("other==1", False),
        ("--index-url https://index.example.com/simple", False),
    ],
)
def test_what_conflicts_with_odoos_own_packages(tmp_path, line, named):
    path = tmp_path / "requirements.txt"
    path.write_text(f"# first\n{line}\n")
    sources = Sources("19")
    sources.add_requirements(str(path), {"requests": "2.32.3"})
    assert bool(sources.problems) == named
    if named:
        assert (
            sources.problems[0].startswith(f"{path}:2: ") and "requests 2.32.3 of Odoo's image" in sources.problems[0]
        )


def test_markers_mean_what_they_mean_for_odoos_python(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("babel==2.9.1; python_version < '3.5'\nbabel==2.17.0; sys_platform == 'plan9'\n")
    known = {"babel": "2.17.0"}
    for markers, number in (({}, 0), ({"python_version": "3.4"}, 1), ({"sys_platform": "plan9"}, 0)):
        sources = Sources("19")
        sources.add_requirements(str(path), known, markers)
        assert len(sources.problems) == number, markers
