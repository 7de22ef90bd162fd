# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repositories as sources, with real git on local repositories."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess

import pytest
from delivery_tools import make_addon

from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.git import Git, read_lock, without_user
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.release import DeliveryError

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


def git(folder, *arguments) -> str:
    identity = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        identity.update({f"GIT_{role}_NAME": "t", f"GIT_{role}_EMAIL": "t@localhost"})
    command = ["git", "-c", "protocol.file.allow=always", "-C", str(folder), *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, **identity}
    ).stdout.strip()


def commit(folder, message="x") -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    make_addon(folder, "acme", files={"data.txt": "one"})
    git(folder, "init", "-q", "-b", "19.0")
    commit(folder)
    return folder


@pytest.fixture
def checkouts(tmp_path):
    return lambda **options: Git(str(tmp_path / "checkouts"), **options)


def test_a_commit_stays_what_it_is_and_costs_no_network_again(repository, checkouts):
    first = git(repository, "rev-parse", "HEAD")
    (repository / "acme/data.txt").write_text("two")
    second = commit(repository)
    source = {"url": str(repository), "revision": first}
    one = checkouts()
    folder, about = one.checkout(source)
    assert (
        pathlib.Path(f"{folder}/acme/data.txt").read_text() == "one" and about["commit"] == first and one.fetches == 1
    )
    repository.rename(repository.with_name("gone"))
    again = checkouts()
    assert again.checkout(source) == (folder, about) and again.fetches == 0
    # Changed by hand or by a program that was killed: made right again, still without asking.
    with open(f"{folder}/acme/data.txt", "w") as stream:
        stream.write("by hand")
    with open(f"{folder}/acme/more.pyc", "w") as stream:
        stream.write("left")
    open(f"{folder}/.git/index.lock", "w").close()
    again.checkout(source)
    assert pathlib.Path(f"{folder}/acme/data.txt").read_text() == "one" and not os.path.exists(
        f"{folder}/acme/more.pyc"
    )
    with pytest.raises(DeliveryError, match=second[:12]):
        checkouts().checkout({**source, "revision": second})


def test_branches_and_tags_are_looked_up_unless_locked(repository, checkouts):
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "-a", "v1", "-m", "v1")
    (repository / "acme/data.txt").write_text("two")
    second = commit(repository)
    taken = checkouts()
    assert taken.checkout({"url": str(repository), "revision": "v1"})[1]["commit"] == first
    assert taken.checkout({"url": str(repository), "revision": "19.0"})[1]["commit"] == second
    assert sorted(taken.used.values()) == sorted([first, second])
    (repository / "acme/data.txt").write_text("three")
    third = commit(repository)
    locked = checkouts(locked=taken.used)
    folder, about = locked.checkout({"url": str(repository), "revision": "19.0"})
    assert about["commit"] == second and locked.fetches == 0
    folder, about = checkouts().checkout({"url": str(repository), "revision": "19.0"})
    assert about["commit"] == third and pathlib.Path(f"{folder}/acme/data.txt").read_text() == "three"


def test_submodules(tmp_path, repository, checkouts):
    inner = tmp_path / "inner"
    make_addon(inner, "inner_addon")
    git(inner, "init", "-q", "-b", "19.0")
    pinned = commit(inner)
    git(repository, "submodule", "add", "-q", str(inner), "external/inner")
    commit(repository)
    (inner / "later").write_text("x")
    commit(inner)
    source = {"url": str(repository), "revision": "19.0"}
    folder, about = checkouts().checkout(source)
    assert about["submodules"] == {"external/inner": pinned}
    assert os.path.exists(f"{folder}/external/inner/inner_addon/__manifest__.py")
    assert not os.path.exists(f"{folder}/external/inner/later")
    again = checkouts(locked={f"{repository} 19.0": about["commit"]})
    assert again.checkout(source)[1] == about and again.fetches == 0
    with open(f"{folder}/external/inner/inner_addon/__init__.py", "w") as stream:
        stream.write("by hand")
    checkouts().checkout(source)
    assert pathlib.Path(f"{folder}/external/inner/inner_addon/__init__.py").read_text() != "by hand"
    without, about = Git(str(tmp_path / "other")).checkout({**source, "submodules": False})
    assert "submodules" not in about and os.listdir(f"{without}/external/inner") == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"url": "--upload-pack=touch ran", "revision": "19.0"}, "is no address"),
        ({"url": "ext::sh -c touch% ran", "revision": "19.0"}, "not allowed"),
        ({"revision": "--output=ran"}, "is no branch"),
        ({"revision": "../x"}, "is no branch"),
        ({"revision": "nowhere"}, "no branch or tag"),
        ({"revision": "0" * 40}, "git_sources: "),
        ({"revision": "abcdef0"}, "no branch or tag"),
        ({"url": "/nowhere", "revision": "19.0"}, "/nowhere"),
        ({"url": "https://user:pass@127.0.0.1:1/x.git", "revision": "19.0"}, "https://127.0.0.1:1/x.git"),
    ],
)
def test_bad_sources(tmp_path, repository, checkouts, monkeypatch, source, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeliveryError) as caught:
        checkouts().checkout({"url": str(repository), **source})
    assert said in str(caught.value) and "user:pass" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_hooks_of_a_repository_do_not_run(tmp_path, repository, checkouts):
    folder, dummy = checkouts().checkout({"url": str(repository), "revision": "19.0"})
    hook = f"{folder}/.git/hooks/post-checkout"
    os.makedirs(os.path.dirname(hook), exist_ok=True)
    with open(hook, "w") as stream:
        stream.write(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    os.chmod(hook, 0o755)
    (repository / "acme/data.txt").write_text("two")
    commit(repository)
    checkouts().checkout({"url": str(repository), "revision": "19.0"})
    assert not (tmp_path / "ran").exists()


def test_no_git_is_said(repository, checkouts):
    with pytest.raises(DeliveryError, match="is not installed"):
        checkouts(git="/nowhere/git").checkout({"url": str(repository), "revision": "19.0"})


def test_without_user():
    assert without_user("https://me:secret@git.example.com/x.git") == "https://git.example.com/x.git"
    assert without_user("git@git.example.com:x.git") == "git@git.example.com:x.git"


def test_lock_files(tmp_path):
    path = tmp_path / "lock"
    assert read_lock(str(path)) == {}
    path.write_text(json.dumps({"revisions": {"u r": "a" * 40, "u s": "not a commit"}}))
    assert read_lock(str(path)) == {"u r": "a" * 40}
    for bad in ("", "[]", "{}"):
        path.write_text(bad)
        with pytest.raises(DeliveryError, match="lock_file"):
            read_lock(str(path))


def branches(repository):
    git(repository, "checkout", "-q", "-b", "fix", "HEAD")
    (repository / "acme/fix.txt").write_text("fix")
    fix = commit(repository)
    git(repository, "checkout", "-q", "19.0")
    (repository / "acme/data.txt").write_text("two")
    return fix, commit(repository)


def test_branches_are_merged(tmp_path, repository, checkouts):
    pytest.importorskip("git_aggregator")
    fix, head = branches(repository)
    source = {"url": str(repository), "revision": "19.0", "merges": [{"url": None, "revision": "fix"}]}
    taken = checkouts()
    folder, about = taken.checkout(source)
    assert (
        pathlib.Path(f"{folder}/acme/fix.txt").read_text() == "fix"
        and pathlib.Path(f"{folder}/acme/data.txt").read_text() == "two"
    )
    assert about["commit"] == head and [one["commit"] for one in about["merges"]] == [fix]
    again = checkouts(locked=taken.used)
    assert again.checkout(source) == (folder, about) and again.fetches == 0
    other = Git(str(tmp_path / "other")).checkout(source)[0]
    assert git(folder, "rev-parse", "HEAD^{tree}") == git(other, "rev-parse", "HEAD^{tree}")
    git(repository, "checkout", "-q", "fix")
    (repository / "acme/data.txt").write_text("against")
    commit(repository)
    with pytest.raises(DeliveryError, match="merging fix"):
        checkouts().checkout(source)


def test_merges_without_the_library_are_said(repository, checkouts):
    if importlib.util.find_spec("git_aggregator"):
        pytest.skip("git-aggregator is installed")
    branches(repository)
    with pytest.raises(DeliveryError, match="pip install git-aggregator"):
        checkouts().checkout({"url": str(repository), "revision": "19.0", "merges": [{"revision": "fix"}]})
