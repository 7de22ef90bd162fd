# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both modules of delivery against a store (moto): from folders to a bucket to a host."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request

import pytest
from ansible.module_utils import basic
from delivery_tools import make_addon

from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery import bucket
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_client import Unreachable
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_objects import Objects
from ansible_collections.odoo_cloud.platform.plugins.modules import odoo_addons_sync, odoo_release

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")

BUCKET = "demo-odoo-code"
# Another store, whose buckets of these names may be emptied: S3_TEST_ENDPOINT, S3_TEST_ACCESS_KEY, S3_TEST_SECRET_KEY.
ELSEWHERE = os.environ.get("S3_TEST_ENDPOINT", "")
ACCESS = os.environ.get("S3_TEST_ACCESS_KEY", "akid")
SECRET = os.environ.get("S3_TEST_SECRET_KEY", "a-secret-of-the-test-that-is-long")


@pytest.fixture(scope="module")
def endpoint():
    if ELSEWHERE:
        yield ELSEWHERE
        return
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://localhost:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint):
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=ACCESS, aws_secret_access_key=SECRET
    )
    if ELSEWHERE:
        if BUCKET in [one["Name"] for one in client.list_buckets()["Buckets"]]:
            for key in keys(client):
                client.delete_object(Bucket=BUCKET, Key=key)
            client.delete_bucket(Bucket=BUCKET)
    else:
        reset = urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")
        urllib.request.urlopen(reset).read()
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def run(endpoint, monkeypatch, capsys):
    def run_module(module, check=False, **options):
        arguments = {
            "endpoint_url": endpoint, "region": "us-east-1", "access_key": ACCESS, "secret_key": SECRET, "bucket": BUCKET,
            "_ansible_check_mode": check, "_ansible_diff": True, **options,
        }  # fmt: skip
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        warnings = []
        monkeypatch.setattr(basic.AnsibleModule, "warn", lambda self, warning: warnings.append(warning))
        with pytest.raises(SystemExit):
            module.main()
        output = capsys.readouterr().out
        assert SECRET not in output
        return {**json.loads(output), "warned": warnings}

    return run_module


@pytest.fixture
def sync(run, tmp_path):
    def sync_release(check=False, **options):
        return run(
            odoo_addons_sync,
            check,
            **{"odoo_version": "19", "odoo_custom_modules_paths": [str(tmp_path / "src")], **options},
        )

    for name in ("a", "b", "c"):
        make_addon(tmp_path / "src", name, files={"data.txt": f"{name}\n", "ümlaut + 100%.txt": "x"})
    return sync_release


@pytest.fixture
def pull(run, tmp_path):
    def pull_release(check=False, **options):
        return run(odoo_release, check, **{"path": str(tmp_path / "host"), **options})

    return pull_release


def keys(s3):
    found = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        found += [one["Key"] for one in page.get("Contents", [])]
    return found


def test_pack_first_nothing_changed_one_changed(sync, s3, tmp_path):
    predicted = sync(check=True)
    assert predicted["changed"] and keys(s3) == []
    made = sync()
    for result in ("actions", "diff", "addons", "files", "release"):
        assert made[result] == predicted[result]
    assert made["addons"]["added"] == ["a", "b", "c"] and made["files"]["added"] == 15
    assert (
        made["stats"]["uploaded"] == 3 and made["stats"]["packages"] == 3 and made["unchecked_dependencies"] == ["base"]
    )
    assert len(keys(s3)) == 3 + 2 + 1
    for check in (True, False):
        again = sync(check=check)
        assert not again["changed"] and again["actions"] == [] and again["stats"]["requests"] == 1
        assert again["release"] == again["previous"] == made["release"]
    (tmp_path / "src/b/data.txt").write_text("other\n")
    (tmp_path / "src/b/new.txt").write_text("new\n")
    predicted = sync(check=True)
    assert [key for key in keys(s3) if predicted["release"] in key] == []
    changed = sync()
    assert changed["addons"] == {"added": [], "changed": ["b"], "removed": []}
    assert changed["files"] == {"added": 1, "changed": 1, "removed": 0} and changed["stats"]["uploaded"] == 1
    assert changed["actions"] == predicted["actions"] and changed["diff"] == predicted["diff"]
    lines = set(changed["diff"]["after"].splitlines()) - set(changed["diff"]["before"].splitlines())
    assert sorted(line.split()[0] for line in lines) == ["addon/b", "b/data.txt", "b/new.txt"]
    assert changed["previous"] == made["release"]
    # Back to the content before: its archive is still there.
    (tmp_path / "src/b/data.txt").write_text("b\n")
    (tmp_path / "src/b/new.txt").unlink()
    back = sync()
    assert back["release"] == made["release"] and back["stats"]["uploaded"] == 0 and back["changed"]


def test_from_bucket_to_host_and_back(sync, pull, s3, tmp_path):
    (tmp_path / "requirements.txt").write_text("openpyxl\n")
    (tmp_path / "packages.txt").write_text("git\n")
    (tmp_path / "python/lib").mkdir(parents=True)
    (tmp_path / "python/lib/__init__.py").write_text("X = 1\n")
    more = {
        "python_requirements_file": str(tmp_path / "requirements.txt"), "system_packages_file": str(tmp_path / "packages.txt"),
        "odoo_python_dependencies_paths": [str(tmp_path / "python")],
    }  # fmt: skip
    first = sync(**more)
    predicted = pull(check=True)
    assert predicted["changed"] and not (tmp_path / "host").exists()
    done = pull()
    assert done["actions"] == predicted["actions"] and done["diff"] == predicted["diff"]
    assert done["downloaded"] == predicted["downloaded"] == ["addon/a", "addon/b", "addon/c", "python/lib"]
    assert (
        done["release"] == first["release"]
        and done["requirements_changed"]
        and done["folder"].endswith(first["release"])
    )
    current = tmp_path / "host/current"
    assert (current / "addons/a/ümlaut + 100%.txt").read_text() == "x" and (current / "python/lib/__init__.py").exists()
    assert (current / "system_packages.txt").read_text() == "git\n"
    assert not any(os.stat(root).st_mode & 0o022 for root, dummy, dummy in os.walk(current))
    for check in (True, False):
        again = pull(check=check)
        assert not again["changed"] and again["requests"] == 1 and again["diff"]["before"] == again["diff"]["after"]
    assert pull(release=first["release"])["requests"] == 0
    (tmp_path / "src/a/data.txt").write_text("2\n")
    second = sync(**more)
    prepared = pull(state="pulled")
    assert prepared["changed"] and prepared["release"] == first["release"] and prepared["wanted"] == second["release"]
    assert not pull(state="pulled")["changed"]
    done = pull()
    assert done["downloaded"] == [] and done["requests"] == 1 and done["addons"]["changed"] == ["a"]
    assert done["previous"] == done["rollback_to"] == first["release"] and not done["requirements_changed"]
    # Back, and the channel doesn't bring the bad one again.
    for check in (True, False):
        back = pull(check=check, state="rolled_back", bucket=None)
        assert back["changed"] and back["release"] == first["release"] and back["requests"] == 0
    assert os.readlink(current) == f"releases/{first['release']}"
    stays = pull()
    assert stays["requests"] == 1
    assert not stays["changed"] and stays["rejected"] and "rolled back" in stays["warned"][0]
    assert pull(release=second["release"])["release"] == second["release"]
    assert not pull(state="rolled_back", release=second["release"])["changed"]
    failed = pull(state="rolled_back", release="0" * 16)
    assert failed["failed"] and "not on this machine" in failed["msg"]


def test_a_strict_umask_does_not_lock_odoo_out(sync, pull, tmp_path):
    sync()
    before = os.umask(0o077)
    try:
        pull()
    finally:
        os.umask(before)
    for root, dummy, names in os.walk(tmp_path / "host/releases"):
        assert os.stat(root).st_mode & 0o005 == 0o005
        assert all(os.stat(os.path.join(root, name)).st_mode & 0o004 for name in names)


def test_damage_on_a_host_is_found_and_mended(sync, pull, tmp_path):
    sync()
    pull()
    (tmp_path / "host/current/addons/a/data.txt").write_text("by hand")
    assert not pull()["changed"]
    mended = pull(verify_content=True)
    assert mended["damaged"] == ["addon/a"] and mended["downloaded"] == ["addon/a"] and mended["linked"] == 2
    assert (tmp_path / "host/current/addons/a/data.txt").read_text() == "a\n"
    assert not pull(verify_content=True)["changed"]


def test_what_is_missing_in_the_bucket_is_found_and_mended(sync, pull, s3):
    sync()
    gone = [key for key in keys(s3) if key.startswith("packs/")][1]
    s3.delete_object(Bucket=BUCKET, Key=gone)
    assert not sync()["changed"]
    failed = pull()
    assert failed["failed"] and gone in failed["msg"] and "verify_content" in failed["msg"]
    assert sync(verify_content=True)["stats"]["uploaded"] == 1
    assert not sync(verify_content=True)["changed"]
    assert pull()["changed"]


@pytest.mark.parametrize("absent", ["bucket", "store", "release"])
def test_check_mode_before_there_is_a_store(sync, pull, s3, tmp_path, absent):
    elsewhere = {
        "bucket": {"bucket": "demo-odoo-gone"},
        "store": {"endpoint_url": "http://127.0.0.1:1"},
        "release": {},
    }[absent]
    predicted = sync(check=True, may_be_absent=True, **elsewhere)
    assert (
        predicted["changed"]
        and predicted["stats"]["uploaded"] == 3
        and len(predicted["warned"]) == (absent != "release")
    )
    for release in (predicted["release"], None):
        result = pull(check=True, may_be_absent=True, release=release, **elsewhere)
        assert result["changed"] and len(result["actions"]) == 2 and result["warned"] and result["release"] == ""
        assert pull(check=True, release=release, **elsewhere)["failed"]
        assert pull(may_be_absent=True, release=release, **elsewhere)["failed"]
    if elsewhere:
        assert sync(check=True, **elsewhere)["failed"] and sync(may_be_absent=True, **elsewhere)["failed"]
    assert keys(s3) == [] and not (tmp_path / "host/current").exists()


def test_check_mode_of_a_pull_goes_on_with_the_release_that_would_be_delivered(sync, pull, tmp_path):
    first = sync()
    assert "manifest" not in first and pull()["release"] == first["release"]
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("phonenumbers==9.0.10\n")
    (tmp_path / "src" / "b" / "data.txt").write_text("other\n")
    expected = sync(check=True, python_requirements_file=str(requirements))
    told = pull(check=True, delivered=expected["manifest"], state="pulled")
    assert told["changed"] and told["wanted"] == expected["release"] != first["release"]
    assert told["downloaded"] == ["addon/b"] and told["linked"] == 2 and told["addons"]["changed"] == ["b"]
    assert told["texts"] == {"requirements.txt": "phonenumbers==9.0.10\n"} and told["requests"] == 0
    assert told["folder"] == str(tmp_path / "host" / "releases" / expected["release"]) and not os.path.exists(
        told["folder"]
    )
    # It is what happens then, and outside of check mode the bucket alone tells.
    assert pull(delivered=expected["manifest"])["release"] == first["release"]
    sync(python_requirements_file=str(requirements))
    done = pull()
    assert done["release"] == expected["release"] and done["downloaded"] == told["downloaded"]
    assert not sync(check=True, python_requirements_file=str(requirements)).get("manifest")
    # One that was left by a rollback is not predicted either.
    pull(state="rolled_back")
    told = pull(check=True, delivered=expected["manifest"])
    assert not told["changed"] and told["rejected"] and told["release"] == first["release"]


def test_channels_and_old_releases(sync, pull, s3, tmp_path, monkeypatch):
    monkeypatch.setattr(bucket, "GRACE", -5)
    sync(prefix="acme/code", channel="prod")
    for number in range(5):
        (tmp_path / "src/a/data.txt").write_text(str(number))
        result = sync(prefix="acme/code", keep_releases=2)
        assert all(key.startswith("acme/code/") for key in keys(s3))
    assert len(result["pruned"]) == 1
    manifests = [key for key in keys(s3) if key.startswith("acme/code/releases/") and not key.endswith(".gz")]
    assert len(manifests) == 3  # two and that of prod
    assert len([key for key in keys(s3) if key.startswith("acme/code/packs/")]) == 2 + 3
    for channel in ("prod", "current"):
        assert pull(prefix="acme/code", channel=channel, path=str(tmp_path / channel))["changed"]
    refused = sync(prefix="acme/code", state="absent")
    assert refused["failed"] and "confirm_delete" in refused["msg"]
    gone = {"prefix": "acme/code", "state": "absent", "confirm_delete": "current"}
    assert sync(check=True, **gone)["actions"] == sync(**gone)["actions"]
    assert len(keys(s3)) == 1 + 2 + 3 and not sync(**gone)["changed"]
    assert pull(prefix="acme/code", channel="prod", path=str(tmp_path / "again"))["changed"]
    sync(**{**gone, "channel": "prod", "confirm_delete": "prod"})
    assert keys(s3) == []


def test_an_archive_of_a_run_that_goes_on_is_left_alone(sync, s3, tmp_path):
    s3.put_object(Bucket=BUCKET, Key="packs/" + "0" * 64 + ".tar.gz", Body=b"of another run")
    for number in range(3):
        (tmp_path / "src/a/data.txt").write_text(str(number))
        sync(keep_releases=1)
    assert "packs/" + "0" * 64 + ".tar.gz" in keys(s3)


def test_tree_for_each_release(sync, s3, tmp_path):
    predicted = sync(check=True, layout="tree")
    first = sync(layout="tree")
    assert predicted["actions"] == first["actions"] and first["stats"]["uploaded"] == 15
    root = f"releases/{first['release']}/modules"
    assert f"{root}/a/ümlaut + 100%.txt" in keys(s3)
    assert s3.get_object(Bucket=BUCKET, Key=f"{root}/b/data.txt")["Body"].read() == b"b\n"
    assert not sync(layout="tree")["changed"] and sync(layout="tree")["stats"]["requests"] == 1
    (tmp_path / "src/a/data.txt").write_text("2\n")
    shutil.rmtree(tmp_path / "src/c")
    second = sync(layout="tree")
    assert second["stats"]["uploaded"] == 1 and second["stats"]["copied"] == 9
    root = f"releases/{second['release']}/modules"
    bodies = {
        key[len(root) :]: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        for key in keys(s3)
        if key.startswith(root)
    }
    assert len(bodies) == 10 and bodies["/a/data.txt"] == b"2\n" and bodies["/b/data.txt"] == b"b\n"
    (tmp_path / "src/a/data.txt").write_text("3\n")
    sync(layout="tree", keep_releases=1)
    assert len(keys(s3)) == 10 + 2 + 1


def test_tree_in_place(sync, s3, tmp_path, monkeypatch):
    (tmp_path / "requirements.txt").write_text("openpyxl\n")
    options = {"layout": "tree", "in_place": True, "python_requirements_file": str(tmp_path / "requirements.txt")}
    predicted = sync(check=True, **options)
    assert sync(**options)["actions"] == predicted["actions"]
    assert "modules/a/data.txt" in keys(s3) and "requirements.txt" in keys(s3) and "pending.json" not in keys(s3)
    same = sync(**options)
    assert not same["changed"] and same["stats"]["requests"] == 2
    (tmp_path / "src/a/data.txt").write_text("2\n")
    shutil.rmtree(tmp_path / "src/c")
    options["python_requirements_file"] = None
    kept = sync(keep_deleted=True, **options)
    assert kept["stats"]["uploaded"] == 1 and kept["stats"]["deleted"] == 0 and "modules/c/data.txt" in keys(s3)
    (tmp_path / "src/a/data.txt").write_text("3\n")
    make_addon(tmp_path / "src", "d")
    # A run that dies between two files: the next one, with other content, leaves no mix.
    put = Objects.put

    def breaks(self, key, body, content_type=""):
        if key.endswith("d/__init__.py"):
            raise Unreachable("the connection broke")
        put(self, key, body, content_type)

    monkeypatch.setattr(Objects, "put", breaks)
    broken = sync(threads=1, **options)
    assert broken["failed"] and "broke" in broken["msg"] and "pending.json" in keys(s3)
    assert s3.get_object(Bucket=BUCKET, Key="modules/a/data.txt")["Body"].read() == b"3\n"
    monkeypatch.setattr(Objects, "put", put)
    (tmp_path / "src/a/data.txt").write_text("2\n")
    shutil.rmtree(tmp_path / "src/d")
    mended = sync(**options)
    assert mended["changed"] and "pending.json" not in keys(s3)
    assert s3.get_object(Bucket=BUCKET, Key="modules/a/data.txt")["Body"].read() == b"2\n"
    assert [key for key in keys(s3) if key.startswith(("modules/c", "modules/d"))] == []
    assert not sync(**options)["changed"]


def test_a_broken_connection_shows_no_release_and_is_gone_on_from(sync, pull, s3, monkeypatch):
    put = Objects.put
    count = []

    def breaks(self, key, body, content_type=""):
        count.append(key)
        if len(count) > 2:
            raise Unreachable("the connection broke")
        put(self, key, body, content_type)

    monkeypatch.setattr(Objects, "put", breaks)
    assert "broke" in sync(threads=1)["msg"]
    assert len(keys(s3)) == 2 and "nothing was delivered" in pull()["msg"]
    monkeypatch.setattr(Objects, "put", put)
    assert sync()["stats"]["uploaded"] == 1 and pull()["changed"]


def test_lock_file(sync, s3, tmp_path):
    lock = tmp_path / "code.lock"
    assert f"write {lock}" in sync(check=True, lock_file=str(lock))["actions"] and not lock.exists()
    made = sync(lock_file=str(lock))
    text = lock.read_text()
    assert json.loads(text)["release"] == made["release"] and sorted(json.loads(text)["packages"]) == [
        "addon/a",
        "addon/b",
        "addon/c",
    ]
    assert str(tmp_path) not in text
    assert not sync(lock_file=str(lock))["changed"] and lock.read_text() == text


def test_a_repository_and_its_lock(sync, s3, tmp_path):
    if not shutil.which("git"):
        pytest.skip("git is not installed")

    def git(*arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
        done = subprocess.run(
            ["git", *identity, "-C", str(tmp_path / "repository"), *arguments], check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    make_addon(tmp_path / "repository/addons", "from_git")
    make_addon(tmp_path / "repository/addons", "not_wanted")
    (tmp_path / "repository/lib/acme").mkdir(parents=True)
    (tmp_path / "repository/lib/acme/__init__.py").write_text("")
    git("init", "-q", "-b", "19.0")
    git("add", "-A")
    git("commit", "-qm", "x")
    first = git("rev-parse", "HEAD")
    source = {
        "url": str(tmp_path / "repository"), "revision": "19.0", "modules_paths": ["addons"], "python_paths": ["lib"],
        "exclude": ["not_wanted"],
    }  # fmt: skip
    options = {"git_sources": [source], "git_folder": str(tmp_path / "git"), "lock_file": str(tmp_path / "lock")}
    made = sync(**options)
    assert made["addons"]["added"] == ["a", "b", "c", "from_git"] and made["python"]["added"] == ["acme"]
    lock = json.loads((tmp_path / "lock").read_text())
    assert lock["revisions"] == {f"{tmp_path}/repository 19.0": first} and lock["repositories"][0]["commit"] == first
    (tmp_path / "repository/addons/from_git/new.txt").write_text("x")
    git("add", "-A")
    git("commit", "-qm", "y")
    same = sync(**options)
    assert not same["changed"] and same["stats"]["git_fetches"] == 0
    newer = sync(update_revisions=True, **options)
    assert newer["addons"]["changed"] == ["from_git"] and newer["files"] == {"added": 1, "changed": 0, "removed": 0}
    assert json.loads((tmp_path / "lock").read_text())["repositories"][0]["commit"] != first
    source["modules_paths"] = ["../.."]
    failed = sync(**options)
    assert failed["failed"] and "outside of the repository" in failed["msg"]


def test_bad_sources_are_refused_before_any_request(sync, s3, tmp_path):
    make_addon(tmp_path / "src", "old", version="18.0.1.0.0")
    make_addon(tmp_path / "other", "a")
    failed = sync(odoo_custom_modules_paths=[str(tmp_path / "src"), str(tmp_path / "other")], known_addons=["web"])
    assert failed["failed"] and failed["stats"]["requests"] == 0 and keys(s3) == []
    assert len(failed["problems"]) == 6 and failed["msg"] == "\n".join(failed["problems"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bucket": "Bad_Name"}, "bucket name"),
        ({"bucket": "demo-odoo-gone"}, "does not exist"),
        ({"prefix": "/x"}, "prefix='/x'"),
        ({"channel": "a/b"}, "channel='a/b'"),
        ({"in_place": True}, "needs layout='tree'"),
        ({"keep_deleted": True}, "in_place=true"),
        ({"compression_level": 0}, "compression_level=0"),
        ({"threads": 0}, "threads=0"),
        ({"odoo_version": "x"}, "odoo_version='x'"),
        ({"odoo_version": None}, "odoo_version"),
        ({"odoo_custom_modules_paths": []}, "nothing to deliver"),
        ({"git_sources": [{"url": "x", "revision": "y"}]}, "git_folder"),
        ({"endpoint_url": "http://127.0.0.1:1"}, "can't be reached"),
        ({"lock_file": "/nowhere/at/all"}, "lock_file='/nowhere/at/all'"),
    ],
)
def test_bad_options(sync, s3, options, said):
    failed = sync(**options)
    assert failed["failed"] and said in failed["msg"] and "Traceback" not in failed["msg"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bucket": None}, "bucket: not given"),
        ({"release": "x"}, "release='x'"),
        ({"release": "0" * 16}, "has no release"),
        ({"keep_releases": 0}, "keep_releases=0"),
        ({"path": "relative"}, "absolute"),
        ({"state": "rolled_back"}, "no release before"),
        ({"channel": "other"}, "nothing was delivered"),
    ],
)
def test_bad_options_of_a_pull(sync, pull, s3, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    sync()
    failed = pull(**options)
    assert failed["failed"] and said in failed["msg"]


def test_more_than_a_thousand_files(sync, pull, s3, tmp_path):
    make_addon(tmp_path / "src", "many", files={f"static/{number}.txt": "x" for number in range(1100)})
    assert sync(layout="tree", in_place=True, prefix="t")["stats"]["uploaded"] == 1118
    shutil.rmtree(tmp_path / "src/many")
    assert sync(layout="tree", in_place=True, prefix="t")["stats"]["deleted"] == 1103
    assert len(keys(s3)) == 15 + 2 * 2 + 1
