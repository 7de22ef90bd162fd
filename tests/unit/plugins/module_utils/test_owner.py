# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import shutil

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.secret import (
    begin_set,
    has_secrets,
    read_or_create,
    read_set,
    set_digests,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._preflight import owner

SWIFT = ("swift/hash_prefix", "swift/hash_suffix")


def secrets_set(folder):
    known = read_set(str(folder))
    return {
        "dir": str(folder),
        "empty": not has_secrets(str(folder)),
        "name": known.name,
        "fingerprint": known.fingerprint,
        "digests": sorted(set_digests(str(folder))),
        "swift": sorted(set_digests(str(folder), SWIFT)),
    }


def container(platform, root, name="nginx", folder="secrets/nginx"):
    return {
        "Names": [f"/{platform}-{name}"],
        "Labels": {"org.odoo-cloud.platform": platform},
        "Mounts": [
            {"Type": "bind", "Source": f"{root}/{folder}"},
            {"Type": "volume", "Source": "/var/lib/docker/volumes/x/_data"},
        ],
    }


class Bench:
    """A controller and a machine in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.containers = []

    def secrets(self, name, platform="", old=False):
        """A set of secrets of the controller; an old one has no identity."""
        folder = str(self.folder / "controller" / name)
        if not old:
            begin_set(folder, platform or name)
        read_or_create(folder, "demo/db_password")
        read_or_create(folder, "demo/admin_password")
        return secrets_set(folder)

    def platform(self, name, root=None, mark=True, running=True):
        """A platform of this machine with its secrets: its root."""
        root = self.folder / (root or name)
        secret_set = self.secrets(name, old=not mark)
        (root / "secrets" / "demo").mkdir(parents=True)
        password = self.folder / "controller" / name / "demo" / "db_password"
        (root / "secrets" / "demo" / "db_password").write_text(password.read_text().strip())
        if mark:
            (root / ".odoo-cloud.json").write_text(owner.mark_text(name, secret_set["fingerprint"]))
        if running:
            self.containers.append(container(name, root))
        return root

    def machine(self, platform, root):
        mine = [one for one in self.containers if one["Labels"]["org.odoo-cloud.platform"] == platform]
        return {
            "name": "m",
            "platform_containers": [one["Names"][0] for one in mine],
            "platform_volumes": [],
            "root": owner.inspect_root(str(root), platform, self.containers),
        }

    def problems(self, platform, root, secret_set, **keywords):
        return owner.owner_problems([self.machine(platform, root)], platform, secret_set, **keywords)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_an_empty_machine_is_anybodys(bench):
    empty = secrets_set(bench.folder / "none")
    assert bench.problems("a", bench.folder / "a", empty) == []
    assert bench.problems("a", bench.folder / "a", bench.secrets("a")) == []
    assert owner.wants_mark(bench.machine("a", bench.folder / "a"), "a", empty)


@pytest.mark.parametrize("mark", [True, False])
def test_a_platform_goes_on_in_its_own_root(bench, mark):
    root = bench.platform("a", mark=mark)
    mine = secrets_set(bench.folder / "controller" / "a")
    assert bench.problems("a", root, mine) == []
    assert owner.wants_mark(bench.machine("a", root), "a", mine) is not mark


@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize("where", ["a", "a/b", "."])
def test_a_root_in_above_or_below_another_platforms_is_refused(bench, mark, where):
    bench.platform("a", mark=mark)
    root = bench.folder / where
    empty = secrets_set(bench.folder / "none")
    for stated in ([], ["m"]):
        (line,) = bench.problems("b", root, empty, stated=stated)
        assert line.startswith(f"odoo_cloud_root={str(root)!r} of platform 'b' on machine 'm': ")
        assert "platform 'a'" in line and line.endswith("such as odoo_cloud_root: /srv/b")
    assert owner.clean_problems([bench.machine("b", root)], "b", empty, ["m"])


@pytest.mark.parametrize("where", ["a", "a/b", "."])
def test_a_mark_protects_also_without_containers(bench, where):
    bench.platform("a", running=False)
    empty = secrets_set(bench.folder / "none")
    assert "the mark" in bench.problems("b", bench.folder / where, empty)[0]
    assert owner.clean_problems([bench.machine("b", bench.folder / where)], "b", empty, ["m"])


@pytest.mark.parametrize("mark", [True, False])
def test_a_link_to_another_platforms_root_is_that_root(bench, mark):
    (bench.folder / "link").symlink_to(bench.platform("a", mark=mark))
    assert "platform 'a'" in bench.problems("b", bench.folder / "link", secrets_set(bench.folder / "none"))[0]


def test_a_neighbour_is_no_trouble(bench):
    bench.platform("a")
    assert bench.problems("b", bench.folder / "ab", bench.secrets("b")) == []
    assert bench.problems("b", bench.folder / "a-b", bench.secrets("b")) == []


def test_a_mark_that_somebody_else_left_counts_for_nothing(bench, monkeypatch):
    root = bench.platform("a", running=False)
    assert owner.read_mark(str(root))["platform"] == "a"
    real = os.fstat
    monkeypatch.setattr(
        os, "fstat", lambda descriptor: os.stat_result([*real(descriptor)[:4], 4242, *real(descriptor)[5:10]])
    )
    assert owner.read_mark(str(root)) is None


def test_a_mark_that_cannot_be_read_is_refused(bench):
    root = bench.platform("a")
    (root / ".odoo-cloud.json").write_text("{")
    assert "can't be read" in bench.problems("a", root, secrets_set(bench.folder / "controller" / "a"))[0]


def test_a_root_that_moved_because_nobody_states_it_is_refused(bench):
    root = bench.platform("a", root="odoo-cloud", mark=False)
    mine = secrets_set(bench.folder / "controller" / "a")
    (line,) = bench.problems("a", bench.folder / "a", mine)
    assert line.endswith(f"set odoo_cloud_root: {root}")
    bench.platform("b", root="a/b")
    assert bench.problems("a", bench.folder / "a", mine) == [line]  # also when the folder by name is another platform's
    shutil.rmtree(bench.folder / "a")
    bench.containers.pop()
    assert bench.problems("a", bench.folder / "a", mine, stated=["m"]) == []


@pytest.mark.parametrize("mark", [True, False])
def test_lost_and_foreign_secrets_are_refused_in_one_line(bench, mark):
    root = bench.platform("a", mark=mark)
    for secret_set, what in (
        (secrets_set(bench.folder / "none"), "there are no secrets"),
        (bench.secrets("b"), "these are the secrets of platform 'b'"),
        (bench.secrets("c", old=True), "these are other secrets"),
    ):
        (line,) = bench.problems("a", root, secret_set)
        assert line.startswith(
            f"odoo_cloud_secrets_dir={secret_set['dir']!r}: {what}, but platform 'a' is on machine 'm'"
        )
        assert "\n" not in line and "-e odoo_cloud_secrets_take_over=a " in line
        assert bench.problems("a", root, secret_set, take_over="a") == []
        assert "give the platform's name, a" in bench.problems("a", root, secret_set, take_over="b")[0]


def test_secrets_that_were_begun_anew_under_the_same_name_are_refused(bench):
    root = bench.platform("a")
    assert "these are the secrets of platform 'a'" in bench.problems("a", root, bench.secrets("again", "a"))[0]


@pytest.mark.parametrize("what", ["containers", "volumes", "secrets"])
def test_lost_secrets_are_noticed_by_whatever_is_left_of_a_platform_without_a_mark(bench, what):
    root = bench.folder / "a"
    machine = bench.machine("a", root)
    if what == "secrets":
        machine["root"]["secrets"] = True
    else:
        machine[f"platform_{what}"] = ["a-postgres"]
    assert owner.owner_problems([machine], "a", secrets_set(bench.folder / "none"))
    assert owner.owner_problems([machine], "a", bench.secrets("a", old=True)) == []


def test_a_set_of_which_only_the_identity_is_left_is_lost(bench):
    root = bench.platform("a")
    for one in ("db_password", "admin_password"):
        (bench.folder / "controller" / "a" / "demo" / one).unlink()
    assert "there are no secrets" in bench.problems("a", root, secrets_set(bench.folder / "controller" / "a"))[0]


def test_a_backup_from_before_there_were_identities_is_the_right_one(bench):
    root = bench.platform("a")
    (bench.folder / "controller" / "a" / "platform.json").unlink()
    mine = secrets_set(bench.folder / "controller" / "a")
    assert bench.problems("a", root, mine) == []
    assert not owner.wants_mark(bench.machine("a", root), "a", mine)


def test_passwords_of_the_inventory_are_no_trouble(bench):
    root = bench.platform("a", mark=False)
    folder = bench.folder / "controller" / "a"
    (root / "secrets" / "demo" / "db_password").write_text("chosen by a person")
    assert bench.problems("a", root, secrets_set(folder)) == []
    # One that looks generated, beside one that is.
    (root / "secrets" / "demo" / "db_password").write_text("x" * 40)
    (root / "secrets" / "demo" / "admin_password").write_text((folder / "demo" / "admin_password").read_text())
    assert bench.problems("a", root, secrets_set(folder)) == []


def test_the_ca_alone_tells_whose_machine_it_is(bench):
    for name, text in (("a", "CERT A\n"), ("b", "CERT B\n")):
        (bench.folder / "controller" / name / "tls").mkdir(parents=True)
        (bench.folder / "controller" / name / "tls" / "ca.crt").write_text(text)
    (bench.folder / "a" / "postgres" / "config").mkdir(parents=True)
    (bench.folder / "a" / "postgres" / "config" / "ca.crt").write_text("CERT A")
    assert bench.problems("a", bench.folder / "a", secrets_set(bench.folder / "controller" / "a")) == []
    assert bench.problems("a", bench.folder / "a", secrets_set(bench.folder / "controller" / "b"))


def test_the_secrets_of_swift_tell_whose_machine_it_is(bench):
    mine, other = bench.secrets("a", old=True), bench.secrets("b", old=True)
    value = (bench.folder / "controller" / "a" / "demo" / "db_password").read_text().strip()
    (bench.folder / "a" / "secrets" / "swift").mkdir(parents=True)
    (bench.folder / "a" / "secrets" / "swift" / "swift.conf").write_text(
        f"[swift-hash]\nswift_hash_path_prefix = {value}\n"
    )
    assert bench.problems("a", bench.folder / "a", mine) == []
    assert bench.problems("a", bench.folder / "a", other)


def test_a_new_platform_does_not_begin_with_anothers_secrets(bench):
    (line,) = bench.problems("b", bench.folder / "b", bench.secrets("a"))
    assert "the secrets of platform 'a'" in line and "\n" not in line
    assert bench.problems("b", bench.folder / "b", bench.secrets("a"), take_over="b") == []


def test_two_platforms_that_shared_a_set_before_go_on(bench):
    root = bench.platform("b", mark=False)
    begin_set(str(bench.folder / "controller" / "b"), "a")
    assert bench.problems("b", root, secrets_set(bench.folder / "controller" / "b")) == []


def test_taking_over_is_written_into_the_mark_once(bench):
    root = bench.platform("a")
    mine, other = secrets_set(bench.folder / "controller" / "a"), bench.secrets("b")
    assert not owner.wants_mark(bench.machine("a", root), "a", other)
    assert not owner.wants_mark(bench.machine("a", root), "a", mine, "a")
    assert owner.wants_mark(bench.machine("a", root), "a", other, "a")


def test_what_a_machine_tells_has_no_secret(bench):
    root = bench.platform("a", mark=False)
    (root / "secrets" / "demo" / "weak").write_text("summer2026")
    password = (root / "secrets" / "demo" / "db_password").read_text()
    told = json.dumps(bench.machine("a", root))
    assert password not in told and len(bench.machine("a", root)["root"]["digests"]) == 1


def test_clean_removes_a_platform_whose_root_or_secrets_are_lost(bench):
    empty = secrets_set(bench.folder / "none")
    bench.containers = [container("a", bench.folder / "a")]
    assert owner.clean_problems([bench.machine("a", bench.folder / "a")], "a", empty, []) == []
    root = bench.platform("c")
    assert owner.clean_problems([bench.machine("c", root)], "c", empty, []) == []


def test_clean_finds_the_root_that_nobody_states(bench):
    root = bench.platform("a", root="odoo-cloud", mark=False)
    empty = secrets_set(bench.folder / "none")
    assert owner.clean_problems([bench.machine("a", bench.folder / "a")], "a", empty, [])[0].endswith(f": {root}")


def test_clean_leaves_a_folder_of_which_nothing_shows_whose_it_is(bench):
    (bench.folder / "home").mkdir()
    (bench.folder / "home" / "letter").write_text("dear")
    machine = bench.machine("a", bench.folder / "home")
    assert "nothing shows" in owner.clean_problems([machine], "a", bench.secrets("a"), ["m"])[0]
    # Its containers are gone already, and its mark is from before there were marks.
    root = bench.platform("b", mark=False, running=False)
    mine = secrets_set(bench.folder / "controller" / "b")
    assert owner.clean_problems([bench.machine("b", root)], "b", mine, []) == []
    assert owner.clean_problems([bench.machine("c", root)], "c", bench.secrets("c"), ["m"])


def test_clean_keeps_secrets_that_others_need(bench):
    root = bench.platform("a")
    machine, mine = bench.machine("a", root), secrets_set(bench.folder / "controller" / "a")
    assert owner.kept_secrets([machine], "a", mine, ["m"]) == ""
    assert owner.kept_secrets([machine], "a", mine, ["m", "data"]) == "the platform stays on data"
    assert "platform 'b'" in owner.kept_secrets([machine], "a", bench.secrets("b"), ["m"])
    assert "other ones" in owner.kept_secrets([machine], "a", bench.secrets("again", "a"), ["m"])
    assert owner.kept_secrets([machine], "a", secrets_set(bench.folder / "none"), ["m"]) == ""


def test_where_a_platform_runs_wrong_secrets_are_told_before_the_root_that_follows_from_them(bench):
    # Without its secrets the root of a platform from before is not known: not the folder, but the secrets have to be mended.
    bench.platform("a", root="odoo-cloud", mark=False)
    bench.platform("b", root="other", mark=False)
    (line,) = bench.problems("a", bench.folder / "a", secrets_set(bench.folder / "none"))
    assert line.startswith("odoo_cloud_secrets_dir=") and "there are no secrets" in line
    (line,) = bench.problems("a", bench.folder / "other", bench.secrets("c", old=True))
    assert line.startswith("odoo_cloud_secrets_dir=")
    # With all that is right but the root, that is told.
    mine = secrets_set(bench.folder / "controller" / "a")
    assert bench.problems("a", bench.folder / "other", mine)[0].startswith("odoo_cloud_root=")


def test_nothing_is_said_of_no_machine(bench):
    assert owner.owner_problems([], "a", bench.secrets("b"), take_over="x") == []


def test_after_a_take_over_the_secrets_of_before_are_other_ones(bench):
    # The object storage works with the same two as before, so they are in both sets.
    root = bench.platform("a")
    before, after = bench.folder / "controller" / "a", bench.folder / "controller" / "after"
    for folder in (before, after):
        for one in SWIFT:
            (folder / one).parent.mkdir(parents=True, exist_ok=True)
            (folder / one).write_text("S" * 40)
    bench.secrets("after", "a")
    (root / "secrets" / "swift").mkdir()
    (root / "secrets" / "swift" / "swift.conf").write_text("prefix = " + "S" * 40)
    (root / "secrets" / "demo" / "db_password").write_text((after / "demo" / "db_password").read_text())
    (root / ".odoo-cloud.json").write_text(owner.mark_text("a", secrets_set(after)["fingerprint"]))
    assert bench.problems("a", root, secrets_set(after)) == []
    assert "these are the secrets of platform 'a'" in bench.problems("a", root, secrets_set(before))[0]
    (before / "platform.json").unlink()
    assert "these are other secrets" in bench.problems("a", root, secrets_set(before))[0]


def test_a_second_controller_with_the_same_secrets_is_right(bench):
    root = bench.platform("a")
    folder = bench.folder / "controller" / "a"
    (folder / "platform.json").unlink()
    begin_set(str(folder), "a")
    assert bench.problems("a", root, secrets_set(folder)) == []


def test_what_takes_over_must_suit_the_object_storage(bench):
    root = bench.platform("a")
    (root / "secrets" / "swift").mkdir()
    (root / "secrets" / "swift" / "swift.conf").write_text("prefix = " + "S" * 40)
    folder = bench.folder / "controller" / "b"
    assert bench.problems("a", root, bench.secrets("b"), take_over="a") == []
    (folder / "swift").mkdir()
    (folder / SWIFT[0]).write_text("S" * 40)
    assert bench.problems("a", root, secrets_set(folder), take_over="a") == []
    (folder / SWIFT[1]).write_text("T" * 40)
    (line,) = bench.problems("a", root, secrets_set(folder), take_over="a")
    assert "can't work with swift/hash_prefix" in line
