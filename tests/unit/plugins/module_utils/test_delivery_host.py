# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases on a host, with processes that read, switch and are killed."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import time

import pytest
from delivery_tools import FolderObjects, make_addon

from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.bucket import Places, Sync, read_channel
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.host import Host, Reader, mounted
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.release import (
    DeliveryError,
    Manifest,
    digest_of,
    read_unpacked,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._delivery.sources import Sources
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_keys import S3Failure

PLACES = Places("code")


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    return FolderObjects(tmp_path / "store")


@pytest.fixture
def deliver(tmp_path, store):
    """Makes a release with the given addons (name to files) the one of the channel."""

    def delivered(addons, requirements="", **options):
        shutil.rmtree(tmp_path / "src", ignore_errors=True)
        sources = Sources("19")
        for name, files in addons.items():
            make_addon(tmp_path / "src", name, files=files)
        sources.add_addons(str(tmp_path / "src"))
        packages = sources.finish()
        manifest = Manifest("19.0", [one.entry() for one in packages], requirements)
        Sync(store, PLACES, **options).run(manifest, packages)
        return manifest

    return delivered


def use(store, path, keep=3, release=""):
    host = Host(str(path), keep)
    with host.lock():
        manifest = host.fetch_manifest(store, PLACES, release or host.wanted(store, PLACES))
        host.switch(host.pull(store, PLACES, manifest))
        host.prune()
        host.clean()
    return host


def content(path):
    with Reader(str(path)) as reader:
        return {name: digest_of(files) for name, files in reader.files().items()}, os.path.basename(
            reader.folder
        ).split(".")[0]


def expected(manifest):
    return {name: entry["digest"] for name, entry in manifest.by_id().items()}


def test_pull_switch_and_only_what_differs(tmp_path, store, deliver):
    path = tmp_path / "host"
    first = deliver({"a": {"x": "1"}, "b": {}}, "openpyxl\n")
    host = use(store, path)
    assert host.current() == first.release and content(path)[0] == expected(first)
    assert host.downloaded == ["addon/a", "addon/b"] and (path / "current/requirements.txt").read_text() == "openpyxl\n"
    assert host.actions == [f"pull release {first.release}", f"switch to {first.release}"]
    second = deliver({"a": {"x": "2"}, "b": {}})
    store.log.clear()
    host = use(store, path)
    assert host.downloaded == ["addon/a"] and host.linked == ["addon/b"] and host.previous() == first.release
    assert len(store.log) == 3  # channel, manifest, one archive
    assert content(path)[0] == expected(second)
    shared = "addons/b/__init__.py"
    assert (path / "releases" / first.release / shared).stat().st_ino == (path / "current" / shared).stat().st_ino
    store.log.clear()
    host = use(store, path)
    assert host.actions == [] and store.log == [f"get {PLACES.channel}"]
    assert sorted(os.listdir(path)) == [".lock", "current", "releases", "state.json"]
    assert sorted(os.listdir(path / "releases")) == sorted([first.release, second.release])


def test_check_mode_touches_nothing(tmp_path, store, deliver):
    deliver({"a": {}})
    host = Host(str(tmp_path / "host"), check_mode=True)
    with host.lock():
        manifest = host.fetch_manifest(store, PLACES, host.wanted(store, PLACES))
        host.switch(host.pull(store, PLACES, manifest))
        host.prune()
    assert len(host.actions) == 2 and host.downloaded == ["addon/a"]
    assert not (tmp_path / "host").exists()


def test_old_releases_go_but_not_one_that_is_read(tmp_path, store, deliver):
    path = tmp_path / "host"
    first = deliver({"a": {"x": "0"}})
    use(store, path, keep=2)
    with Reader(str(path)) as reader:
        for number in range(1, 5):
            deliver({"a": {"x": str(number)}})
            host = use(store, path, keep=2)
        assert first.release in host.releases() and len(host.releases()) == 3
        assert {name: digest_of(files) for name, files in reader.files().items()} == expected(first)
    deliver({"a": {"x": "5"}})
    host = use(store, path, keep=2)
    assert first.release not in host.releases() and len(host.releases()) == 2 and first.release in host.removed


def test_what_is_kept(tmp_path, store, deliver):
    path = tmp_path / "host"
    made = [deliver({"a": {"x": str(number)}}, keep_releases=0).release for number in range(6)]

    def run(release, keep, switch=True, check=False):
        host = Host(str(path), keep, check)
        with host.lock():
            folder = host.pull(store, PLACES, host.fetch_manifest(store, PLACES, release))
            if switch:
                host.switch(folder)
            host.prune()
        return host

    for number in range(3):
        run(made[number], 3)
    assert set(run(made[3], 3, switch=False).releases()) == {made[1], made[2], made[3]}
    assert set(run(made[2], 3).releases()) == {made[1], made[2], made[3]}  # what was pulled for later waits
    assert run(made[4], 2, switch=False).removed == [made[3]]
    predicted = run(made[5], 2, check=True)
    done = run(made[5], 2)
    assert predicted.actions == done.actions and sorted(done.removed) == sorted([made[1], made[4]])
    assert set(done.releases()) == {made[2], made[5]} and done.previous() == made[2]
    # A run that died between renaming and deleting.
    os.rename(path / "releases" / made[2], path / "releases" / f".old-{made[2]}")
    run(made[2], 2)
    os.mkdir(path / "releases" / f".old-{made[5]}")
    (path / "releases" / f".old-{made[5]}" / "left").touch()
    assert run(made[2], 1).releases() == [made[2]]
    assert [name for name in os.listdir(path / "releases") if name.startswith(".")] == []


def test_way_back(tmp_path, store, deliver):
    path = tmp_path / "host"
    releases = []
    for number in range(3):
        releases.append(deliver({"a": {"x": str(number)}}).release)
        host = use(store, path)
    assert host.previous() == releases[1]
    host.reject(releases[2])
    host.switch(host.folder(releases[1]))
    assert host.current() == releases[1] and host.previous() == releases[0]
    assert host.state()["rejected"] == [releases[2]]
    host.switch(host.folder(releases[2]))  # by name: it isn't rejected any more
    assert host.state()["rejected"] == [] and host.previous() == releases[1]


def test_a_damaged_release_is_made_again_beside(tmp_path, store, deliver):
    path = tmp_path / "host"
    deliver({"a": {"x": "1"}, "b": {}})
    host = use(store, path)
    assert host.verify(host.folder(host.current())) == []
    (path / "current/addons/a/x").write_text("changed by hand")
    (path / "current/addons/extra").mkdir()
    assert host.verify(host.folder(host.current())) == ["addon/a", "addon/extra"]
    manifest = host.manifest(host.current())
    host = Host(str(path))
    with host.lock():
        folder = host.pull(store, PLACES, manifest, again=True)
        assert folder == f"{manifest.release}.2"
        host.switch(folder)
    assert host.downloaded == ["addon/a"] and content(path)[0] == expected(manifest)
    assert host.verify(folder) == [] and host.current() == manifest.release


def test_a_damaged_archive_leaves_everything_as_it_was(tmp_path, store, deliver):
    path = tmp_path / "host"
    first = deliver({"a": {"x": "1"}})
    use(store, path)
    second = deliver({"a": {"x": "2"}})
    key = PLACES.pack(second.packages[0]["digest"])
    good = (store.folder / key).read_bytes()
    for bad in (good[:100], b""):
        (store.folder / key).write_bytes(bad)
        with pytest.raises(DeliveryError):
            use(store, path)
        assert content(path)[0] == expected(first) and Host(str(path)).releases() == [first.release]
    (store.folder / key).unlink()
    with pytest.raises(S3Failure, match="is missing"):
        use(store, path)
    (store.folder / key).write_bytes(good)
    assert use(store, path).current() == second.release


def test_a_broken_connection_is_gone_on_from(tmp_path, store, deliver):
    path = tmp_path / "host"
    deliver({name: {"x": name} for name in "abcdefgh"})
    store.threads = 1
    store.requests, store.break_after = 0, 6
    with pytest.raises(OSError, match="broke"):
        use(store, path)
    assert Host(str(path)).current() == "" and Host(str(path)).releases() == []
    store.break_after = -1
    host = use(store, path)
    assert len(host.linked) == 4 and len(host.downloaded) == 4
    assert [name for name in os.listdir(path / "releases") if name.startswith(".")] == []


def test_what_the_link_must_not_be(tmp_path, store, deliver):
    path = tmp_path / "host"
    deliver({"a": {}})
    (path / "current").mkdir(parents=True)
    with pytest.raises(DeliveryError, match="is no link"):
        use(store, path)
    (path / "current").rmdir()
    (path / "current").symlink_to("/etc")
    use(store, path)
    assert os.readlink(path / "current").startswith("releases/")


def test_a_layout_for_others_is_refused(tmp_path, store, deliver):
    deliver({"a": {}}, layout="tree")
    with pytest.raises(S3Failure, match="layout 'tree'"):
        use(store, tmp_path / "host")
    with pytest.raises(S3Failure, match="nothing was delivered"):
        Host(str(tmp_path / "host")).wanted(store, Places("code", "prod"))


def start(work) -> int:
    """Runs something in a process of its own."""
    number = os.fork()
    if number == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return number


def end(number: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def killed_at_moments(prepare, work, check, moments=20) -> None:
    """Kills ``work`` at so many random moments of its life; ``check`` looks what it left."""
    prepare()
    begun = time.monotonic()
    assert end(start(work)) == 0
    window, choice, killed = time.monotonic() - begun, random.Random(moments), 0
    for attempt in range(15 * moments):
        prepare()
        process = start(work)
        time.sleep(window * choice.random())
        os.kill(process, signal.SIGKILL)
        if end(process) == -signal.SIGKILL:
            killed, window = killed + 1, window * 1.05
        else:  # it was faster
            window *= 0.85
        check(attempt)
        if killed == moments:
            return
    raise AssertionError(f"only {killed} of {moments} were killed before they ended")


def two_releases(deliver):
    """Every addon differs between them, so a mix of both can't look like one."""
    files = {f"models/m{number}.py": "" for number in range(12)}
    one, two = (
        deliver({f"addon_{number}": dict.fromkeys(files, text) for number in range(12)})
        for text in ("first\n", "second\n")
    )
    return one, two


def read_with_lock(path):
    """Follows the link once, holds the release, reads all."""
    with Reader(path) as reader:
        return {name: digest_of(files) for name, files in reader.files().items()}


def read_in_a_folder(path):
    """As a program does that knows nothing of locks and has the release as its working folder."""
    descriptor = os.open(os.path.join(path, "current"), os.O_RDONLY | os.O_DIRECTORY)
    try:
        folder = f"/proc/self/fd/{descriptor}/addons"
        return {f"addon/{name}": digest_of(read_unpacked(folder, name) or []) for name in sorted(os.listdir(folder))}
    finally:
        os.close(descriptor)


def read_in_a_loop(read, path, wanted, stop, report):
    """Reads until it is stopped; notes what isn't exactly one of the wanted releases."""
    passes, bad = 0, 0
    while not os.path.exists(stop):
        passes, bad = passes + 1, bad + (read(path) not in wanted)
    with open(report, "w") as stream:
        stream.write(f"{passes} {bad}")


@pytest.mark.parametrize(
    ("keep", "ways"),
    [
        (3, [read_with_lock, read_in_a_folder]),  # both releases stay: each switch is a rename
        (1, [read_with_lock, read_with_lock]),  # each switch pulls a release again and removes the other
    ],
)
def test_readers_never_see_a_mixed_release_during_fifty_switches(tmp_path, store, deliver, keep, ways):
    path = tmp_path / "host"
    one, two = two_releases(deliver)
    use(store, path, release=one.release)
    stop, wanted = tmp_path / "stop", [expected(one), expected(two)]
    reports = [tmp_path / f"report{number}" for number in range(len(ways))]
    readers = [
        start(lambda read=read, report=report: read_in_a_loop(read, str(path), wanted, str(stop), str(report)))
        for read, report in zip(ways, reports)
    ]
    for number in range(50):
        host = use(store, path, keep, (two, one)[number % 2].release)
        assert any(action.startswith("switch") for action in host.actions)
        time.sleep(0.01)
    stop.touch()
    assert [end(reader) for reader in readers] == [0, 0]
    for report in reports:
        passes, bad = map(int, report.read_text().split())
        assert bad == 0 and passes >= 10


def test_a_pull_killed_at_twenty_moments_leaves_no_half_release(tmp_path, store, deliver):
    one, two = two_releases(deliver)
    path = tmp_path / "host"

    def prepare():
        shutil.rmtree(path, ignore_errors=True)
        use(store, path, keep=1, release=one.release)

    def check(dummy):
        # What is in use is whole, and so is every folder that has a release's name.
        found, release = content(path)
        assert found == expected(one if release == one.release else two)
        host = Host(str(path))
        for name in host.releases():
            assert host.verify(host.folder(name)) == []
        for name in os.listdir(path / "releases"):
            assert name.startswith(".") or name in (one.release, two.release)
        again = use(store, path, keep=1, release=two.release)
        assert again.current() == two.release and content(path)[0] == expected(two)
        assert os.listdir(path / "releases") == [two.release]

    killed_at_moments(prepare, lambda: use(store, path, keep=1, release=two.release), check)


def packages_of(folder):
    sources = Sources("19")
    sources.add_addons(str(folder))
    packages = sources.finish()
    return packages, Manifest("19.0", [one.entry() for one in packages])


@pytest.mark.parametrize("layout", ["pack", "tree", "in_place"])
def test_a_sync_killed_at_twenty_moments_shows_no_half_release(tmp_path, store, layout):
    for text in ("first", "second"):
        for number in range(8):
            make_addon(tmp_path / text, f"addon_{number}", files={f"m{index}.py": text for index in range(6)})
        make_addon(tmp_path / text, f"only_{text}")
    (before, one), (after, two) = packages_of(tmp_path / "first"), packages_of(tmp_path / "second")
    options = {"layout": layout if layout == "pack" else "tree", "in_place": layout == "in_place"}

    def sync(manifest, packages):
        return Sync(store, PLACES, **options).run(manifest, packages)

    def prepare():
        shutil.rmtree(store.folder)
        store.folder.mkdir()
        sync(one, before)

    def tree(release):
        root = store.folder / PLACES.tree(release, layout == "in_place") / "modules"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def source(name):
        root = tmp_path / name
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def check(attempt):
        release = read_channel(store, PLACES).release
        assert release in (one.release, two.release)
        if layout == "pack":
            shutil.rmtree(tmp_path / "host", ignore_errors=True)
            use(store, tmp_path / "host")
            assert content(tmp_path / "host") == (expected(one if release == one.release else two), release)
        elif layout == "tree":
            assert tree(release) == source("first" if release == one.release else "second")
        elif tree("") not in (source("first"), source("second")):
            assert (store.folder / PLACES.pending).exists()  # a mix says so
        # Going on with what was begun, or with the release before: right in both cases.
        back = attempt % 2
        sync(*((one, before) if back else (two, after)))
        if layout == "pack":
            use(store, tmp_path / "host")
            assert content(tmp_path / "host")[0] == expected(one if back else two)
        else:
            assert tree((one if back else two).release) == source("first" if back else "second")
            assert not (store.folder / PLACES.pending).exists()

    killed_at_moments(prepare, lambda: sync(two, after), check)


def test_one_run_at_a_time(tmp_path, store, deliver):
    path = tmp_path / "host"
    one, two = two_releases(deliver)
    runs = [
        start(lambda manifest=manifest: use(store, path, release=manifest.release)) for manifest in (one, two, one, two)
    ]
    assert [end(run) for run in runs] == [0, 0, 0, 0]
    found, release = content(path)
    assert found == expected(one if release == one.release else two)
    with open(path / ".lock", "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_release_that_a_container_has_mounted_stays(tmp_path):
    proc, releases = tmp_path / "proc", tmp_path / "demo" / "code" / "releases"
    names = ["a" * 16, "b" * 16]
    for pid, root in (
        ("11", f"/demo/code/releases/{names[0]}"),
        ("12", "/other/code/releases/" + names[1]),
        ("13", "/"),
    ):
        (proc / pid / "ns").mkdir(parents=True)
        (proc / pid / "ns" / "mnt").symlink_to(f"mnt:[{pid}]")
        (proc / pid / "mountinfo").write_text(f"36 35 98:0 {root} /mnt/release ro - ext4 /dev/sda rw\n")
    (proc / "self").mkdir()
    assert mounted(str(releases), names, str(proc)) == {names[0]}
    assert mounted(str(releases), [], str(proc)) == set()
