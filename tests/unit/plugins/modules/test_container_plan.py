# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine import containers as container_plan


@pytest.mark.parametrize(
    ("state", "platform", "done"),
    [
        ({"Status": "exited", "ExitCode": 0}, "oc", True),
        ({"Status": "exited", "ExitCode": 72}, "oc", False),
        ({"Status": "running", "ExitCode": 0}, "oc", False),
        ({"Status": "created", "ExitCode": 0}, "oc", False),
        ({"Status": "exited", "ExitCode": 0}, "another", False),
    ],
)
def test_only_what_this_platform_has_finished_is_done(state, platform, done):
    inspected = {"Config": {"Labels": {"org.odoo-cloud.platform": platform}}, "State": state}
    assert container_plan.ended_well(inspected, "oc") is done


def test_what_is_not_there_is_not_done():
    assert container_plan.ended_well(None, "oc") is False


class Machine:
    """A machine with a container: its process's view is a folder that has the same files by hard links, or folders by symbolic links."""

    def __init__(self, folder):
        self.folder = folder
        self.proc = folder / "proc"
        self.root = self.proc / "7" / "root"
        (self.root / "etc").mkdir(parents=True)
        (self.root / "run").mkdir()
        (folder / "hostname").write_text("c1")
        os.link(folder / "hostname", self.root / "etc" / "hostname")
        self.mounts = []

    def mount(self, name, target):
        source = self.folder / name
        source.write_text("x")
        os.link(source, str(self.root) + target)
        self.mounts.append({"Type": "bind", "Source": str(source), "Destination": target})
        return source

    def seen(self, **values):
        inspected = {
            "State": {"Pid": 7},
            "HostnamePath": str(self.folder / "hostname"),
            "Mounts": self.mounts,
            **values,
        }
        return container_plan.other_mounts(inspected, str(self.proc))


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_a_mount_that_was_made_again_is_another_one(machine):
    kept, again = machine.mount("kept", "/run/kept"), machine.mount("again", "/run/again")
    machine.mounts.append({"Type": "volume", "Source": "/var/lib/docker/volumes/x", "Destination": "/var/lib/x"})
    assert machine.seen() == ([], [])
    again.rename(machine.folder / "old")
    again.write_text("x")
    assert machine.seen() == ([str(again)], [])
    kept.unlink()
    assert machine.seen() == ([str(again)], [str(kept)])


def test_of_processes_that_are_not_the_containers_nothing_is_told(machine):
    again = machine.mount("again", "/run/again")
    again.rename(machine.folder / "old")
    again.write_text("x")
    assert machine.seen(State={"Pid": 0}) == ([], [])
    assert machine.seen(State={"Pid": 8}) == ([], [])
    assert machine.seen(HostnamePath="") == ([], [])
    assert machine.seen(HostnamePath="/nowhere/hostname") == ([], [])
    (machine.folder / "hostname").rename(machine.folder / "other")
    (machine.folder / "hostname").write_text("c1")
    assert machine.seen() == ([], [])
    assert container_plan.other_mounts(None) == ([], [])


def test_a_link_inside_the_container_is_not_followed_outside(machine):
    machine.mount("x", "/run/x")
    elsewhere = machine.folder / "elsewhere"
    (elsewhere / "run").mkdir(parents=True)
    (elsewhere / "run" / "x").write_text("another file, outside")
    (machine.root / "var").symlink_to(elsewhere)
    machine.mounts[0]["Destination"] = "/var/run/x"
    assert machine.seen() == ([], [])
