# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot says "as wanted" only where the module on the machine would change nothing, and never guesses."""

from __future__ import annotations

import copy
import json
import os

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.comparison import canonical
from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine import containers, files, snapshot
from ansible_collections.odoo_cloud.platform.plugins.modules import files as files_module

KEY = "the key of this run"
IMAGE = "sha256:4bb46517cac3"
LABELS = {"org.odoo-cloud.platform": "oc"}


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "srv"
    (folder / "demo" / "config").mkdir(parents=True)
    (folder / "demo" / "config" / "odoo.conf").write_text("workers = 2\n")
    (folder / "demo" / "runs" / "one").mkdir(parents=True)
    (folder / "static" / "demo" / "f00d").mkdir(parents=True)
    (folder / "static" / "demo" / "f00d" / "web.css").write_text("a {}")
    os.symlink("f00d", folder / "static" / "demo" / "current")
    os.symlink("nowhere", folder / "static" / "demo" / "broken")
    return folder


def taken(root, **more):
    data = {
        "platform": "oc",
        "files": snapshot.read_files(str(root), KEY),
        "containers": {"mine": {}, "others": ["somebody"], "networks": {"oc": "oc"}},
        "images": {"oc/redis:1": IMAGE},
        **more,
    }
    return snapshot.MachineSnapshot(json.loads(json.dumps(data)), KEY)


def conf(root, **more):
    path = root / "demo" / "config" / "odoo.conf"
    found = path.stat()
    return {
        "path": str(path),
        "content": "workers = 2\n",
        "mode": f"{found.st_mode & 0o7777:04o}",
        "owner": str(found.st_uid),
        "group": str(found.st_gid),
        **more,
    }


def by_the_module(entry):
    """Whether the module itself would change nothing."""
    full = {"state": "file", "mode": None, "owner": "0", "group": "0", "content": None, "secret_content": None, **entry}
    return files_module.apply_entry(full, True) is None


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"content": "workers = 3\n"},
        {"content": None, "secret_content": "workers = 2\n"},
        {"content": None, "secret_content": "workers = 1\n"},
        {"content": None},
        {"mode": "0600"},
        {"mode": None},
        {"owner": "12345"},
        {"group": "12345"},
    ],
)
def test_files_are_judged_as_the_module_does(root, more):
    entry = conf(root, **more)
    assert files.as_wanted(entry, taken(root)) is by_the_module(entry)


@pytest.mark.parametrize("state", ["directory", "file"])
def test_folders_and_what_is_not_there(root, state):
    mode = f"{(root / 'demo').stat().st_mode & 0o7777:04o}"
    own = {"mode": mode, "owner": str(os.getuid()), "group": str(os.getgid())}
    assert files.as_wanted({"path": str(root / "demo"), "state": state, **own}, taken(root)) is (state == "directory")
    assert files.as_wanted({"path": str(root / "new"), "state": state, "content": "x"}, taken(root)) is False


def test_a_change_after_the_snapshot_is_what_the_next_snapshot_shows(root):
    before = taken(root)
    (root / "demo" / "config" / "odoo.conf").write_text("workers = 9\n")
    assert files.as_wanted(conf(root), before) is True
    assert files.as_wanted(conf(root), taken(root)) is False


@pytest.mark.parametrize(
    "entry",
    [
        {"path": "/etc/passwd", "content": "x"},
        {"path": "relative", "content": "x"},
        {"path": "{root}/demo/runs/one/log", "content": "x"},
        {"path": "{root}/static/demo/current/web.css", "content": "a {{}}"},
        {"path": "{root}/demo/config/odoo.conf", "content": "x", "owner": "root"},
        {"path": "{root}/demo/config/odoo.conf", "content": "x", "mode": "rw"},
        {"path": "{root}/demo/config/odoo.conf", "content": 7},
        {"path": "{root}/demo/config/odoo.conf", "state": "touch"},
        {"path": "{root}/demo/config/odoo.conf", "backup": True},
        {"content": "x"},
    ],
)
def test_what_the_snapshot_does_not_hold_is_left_to_the_module(root, entry):
    given = {key: value.format(root=root) if isinstance(value, str) else value for key, value in entry.items()}
    with pytest.raises(snapshot.Unknown):
        files.as_wanted(given, taken(root))


def test_two_contents_and_large_files_are_left_to_the_module(root):
    with pytest.raises(snapshot.Unknown):
        files.as_wanted(conf(root, secret_content="workers = 2\n"), taken(root))
    path = root / "demo" / "config" / "odoo.conf"
    path.write_bytes(b"x" * (snapshot.MOST_BYTES + 1))
    with pytest.raises(snapshot.Unknown):
        files.as_wanted(conf(root, content="x" * (snapshot.MOST_BYTES + 1)), taken(root))


def test_a_folder_that_is_too_large_is_not_read_by_halves(root, monkeypatch):
    monkeypatch.setattr(snapshot, "MOST_ENTRIES", 5)
    read = taken(root)
    with pytest.raises(snapshot.Unknown):
        files.as_wanted(conf(root), read)


def test_no_content_is_in_the_snapshot(root):
    text = json.dumps(snapshot.read_files(str(root), KEY))
    assert "workers" not in text
    assert snapshot.digest(KEY, b"workers = 2\n") in text
    assert snapshot.digest("another", b"workers = 2\n") not in text


def test_existence_and_age(root):
    read = taken(root)
    static = root / "static" / "demo"
    found = {name: read.is_folder(str(static / name)) for name in ("current", "broken", "f00d", "gone")}
    assert found == {"current": False, "broken": False, "f00d": True, "gone": False}
    config = [str(root / "demo" / "config")]
    assert read.newest(config) == containers.newest(config) > 0
    assert read.newest([str(root / "none")]) == 0.0
    for unread in (root / "demo", static, static / "current", "/etc"):
        with pytest.raises(snapshot.Unknown):
            read.newest([str(unread)])


def definition(**more):
    return {"name": "oc-redis", "image": IMAGE, "network": "oc", **more}


def running(label, **state):
    return {
        "Config": {"Labels": {**LABELS, "org.odoo-cloud.definition": label}},
        "State": {"Status": "running", "Running": True, "StartedAt": "2099-01-01T00:00:00.1Z", "Pid": 0, **state},
        "NetworkSettings": {"Networks": {"oc": {}}},
        "Mounts": [],
    }


class FakeEngine:
    """An engine with these containers: name to what it says of them."""

    def __init__(self, found, healthy=True, network=True):
        self.found, self.is_healthy, self.network = found, healthy, network

    def container(self, name):
        return copy.deepcopy(self.found.get(name))

    def healthy(self, inspected):
        return self.is_healthy, ""

    def networks(self):
        owners = {"oc": "", "oc.demo": "oc", "oc.taken": "other"} if self.network else {"bridge": ""}
        return [
            {"Name": name, "Labels": {**LABELS, "org.odoo-cloud.platform": owner}} for name, owner in owners.items()
        ]

    def image_id(self, reference):
        return IMAGE

    def get(self, path, **query):
        assert path == "/images/json"
        return [{"Id": IMAGE, "RepoTags": ["oc/redis:1"], "Size": 7}, {"Id": "sha256:0", "RepoTags": None}]


LABEL = canonical(definition(), IMAGE)
CASES = {
    "as defined": (FakeEngine({"oc-redis": running(LABEL)}), True),
    "another definition": (FakeEngine({"oc-redis": running("{}")}), False),
    "stopped": (FakeEngine({"oc-redis": running(LABEL, Running=False, Status="exited", ExitCode=0)}), False),
    "paused": (FakeEngine({"oc-redis": running(LABEL, Paused=True)}), False),
    "restarts again and again": (FakeEngine({"oc-redis": running(LABEL, Restarting=True)}), False),
    "started before its configuration": (
        FakeEngine({"oc-redis": running(LABEL, StartedAt="2001-01-01T00:00:00Z")}),
        False,
    ),
    "unhealthy": (FakeEngine({"oc-redis": running(LABEL)}, healthy=False), False),
    "off the network": (
        FakeEngine({"oc-redis": {**running(LABEL), "NetworkSettings": {"Networks": {}}}}),
        False,
    ),
    "gone": (FakeEngine({}), False),
    "no network": (FakeEngine({"oc-redis": running(LABEL)}, network=False), False),
}


@pytest.mark.parametrize("case", CASES)
def test_containers_are_judged_as_on_the_machine(root, case):
    engine, as_it_should_be = CASES[case]
    wanted = [definition(config_paths=[str(root / "demo" / "config")])]
    more = {"platform": "oc", "applied_dir": str(root / "applied"), "containers": wanted}
    data = snapshot.read(
        engine, "oc", str(root), KEY, list(engine.found), engine.networks(), lambda inspected: ([], [])
    )
    seen = containers.compare(snapshot.MachineSnapshot(json.loads(json.dumps(data)), KEY), **more)
    live = containers.compare(containers.LiveMachine(engine), **more)
    assert seen.nothing_to_do is as_it_should_be
    assert seen.result() == live.result()


def connected(**networks):
    return {**running(LABEL), "Id": "0123456789abcdef", "NetworkSettings": {"Networks": {"oc": {}, **networks}}}


@pytest.mark.parametrize("own", [True, False], ids=["of the role itself", "of another role"])
@pytest.mark.parametrize(
    ("networks", "lacks"),
    [
        ({"oc.demo": {"Aliases": ["redis", "0123456789ab"]}}, []),
        ({"oc.demo": {"Aliases": ["redis", "more"]}}, []),
        ({"oc.demo": {"Aliases": ["0123456789ab"]}}, ["oc.demo"]),
        ({}, ["oc.demo"]),
    ],
)
def test_a_running_container_is_connected_to_networks_and_stays(root, own, networks, lacks):
    engine = FakeEngine({"oc-redis": connected(**networks)})
    connections = [{"name": "oc.demo", "aliases": ["redis"]}]
    more = (
        {"containers": [definition(connections=connections)]}
        if own
        else {"containers": [], "connect": [{"name": "oc-redis", "connections": connections}]}
    )
    data = snapshot.read(
        engine, "oc", str(root), KEY, list(engine.found), engine.networks(), lambda inspected: ([], [])
    )
    for machine in (snapshot.MachineSnapshot(json.loads(json.dumps(data)), KEY), containers.LiveMachine(engine)):
        outcome = containers.compare(machine, "oc", str(root / "applied"), **more)
        assert [one["action"] for one in outcome.plan] == ["connect"] * len(lacks)
        assert [network["name"] for one in outcome.plan for network in one["connect"]] == lacks
        assert outcome.networks_missing == []


def test_missing_networks_are_named_once_with_their_bridge_and_others_are_refused(root):
    engine = FakeEngine({})
    machine = containers.LiveMachine(engine)
    given = [definition(name="oc-a", network="oc.new"), definition(name="oc-b", network="oc.new")]
    outcome = containers.compare(machine, "oc", str(root), given, networks=["oc.demo", "oc.new", "oc.third"])
    assert [one["name"] for one in outcome.networks_missing] == ["oc.new", "oc.third"]
    assert all(0 < len(one["bridge"]) <= 15 for one in outcome.networks_missing)
    empty = containers.compare(containers.LiveMachine(FakeEngine({}, network=False)), "oc", str(root), [])
    assert empty.networks_missing == [{"name": "oc", "bridge": ""}]
    with pytest.raises(
        containers.PlanError, match=r"a network named 'oc\.taken' exists that this platform did not create"
    ):
        containers.compare(machine, "oc", str(root), [], networks=["oc.taken"])


def test_what_another_role_has_not_created_yet_is_not_connected(root):
    wanted = [{"name": "oc-nginx", "connections": [{"name": "oc.demo", "aliases": ["nginx"]}]}]
    assert containers.compare(containers.LiveMachine(FakeEngine({})), "oc", str(root), [], connect=wanted).plan == []


def test_replaced_mounts_and_what_one_offs_left_are_something_to_do(root):
    engine = FakeEngine({"oc-redis": running(LABEL), "oc-demo-run": running("{}", Status="exited", ExitCode=0)})
    arguments = ("oc", str(root / "applied"), [definition()])
    for mounts in (["/srv/a"], []), ([], ["/srv/a"]):
        data = snapshot.read(
            engine, "oc", str(root), KEY, list(engine.found), engine.networks(), lambda inspected, mounts=mounts: mounts
        )
        assert not containers.compare(snapshot.MachineSnapshot(data, KEY), *arguments).nothing_to_do
    data = snapshot.read(
        engine, "oc", str(root), KEY, list(engine.found), engine.networks(), lambda inspected: ([], [])
    )
    read = snapshot.MachineSnapshot(data, KEY)
    assert containers.compare(read, *arguments).nothing_to_do
    assert containers.compare(read, *arguments, once=["oc-demo-run"]).done == ["oc-demo-run"]
    assert not containers.compare(read, *arguments, look_for=[str(root / "static" / "demo" / "broken")]).nothing_to_do


def test_others_containers_and_images_are_left_to_the_module(root):
    engine = FakeEngine({"oc-redis": {**running(LABEL), "Config": {"Labels": {}}}})
    data = snapshot.read(
        engine, "oc", str(root), KEY, list(engine.found), engine.networks(), lambda inspected: ([], [])
    )
    read = snapshot.MachineSnapshot(data, KEY)
    for ask in (
        lambda: read.container("oc-redis"),
        lambda: read.image_id("debian:12"),
    ):
        with pytest.raises(snapshot.Unknown):
            ask()
    assert read.image_id("oc/redis:1") == read.image_id(IMAGE) == IMAGE


def test_without_an_engine_there_is_no_snapshot(root):
    assert snapshot.read(None, "oc", str(root), KEY, [], [], lambda inspected: ([], [])) is None
