# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers that print: walls, limits, and which instances have one."""

from __future__ import annotations

import dataclasses
import json

import pytest
from instance_tools import make as made

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import report_seccomp, report_servers

SETTINGS = {
    "name": "oc", "root": "/srv/oc", "image": "sha256:1", "memory": 2 << 30, "limits": True, "jobs": "2", "timeout": 300, "idle": 300,
    "sandbox": "auto",
}  # fmt: skip


def settings(**more):
    return report_servers.Settings.from_dict({**SETTINGS, **more})


def test_the_walls_of_a_container():
    (found,) = report_servers.containers([made("shop")], settings())
    assert found["name"] == "oc-report-shop" and found["user"] == "8087:8069"
    assert found["network_mode"] == "none" and "network" not in found and "published_ports" not in found
    assert found["read_only"] and found["cap_drop"] == ["ALL"] and "cap_add" not in found
    assert [(one["source"], one["target"]) for one in found["mounts"]] == [
        ("/srv/oc/report/servers/shop", "/run/report")
    ]
    no_new, seccomp = found["security_opts"]
    assert (
        no_new == "no-new-privileges"
        and json.loads(seccomp.removeprefix("seccomp="))["defaultAction"] == "SCMP_ACT_ERRNO"
    )
    limits = found["limits"]
    assert (limits["memory"], limits["pids_limit"], limits["cpu_shares"]) == (2 << 30, 512, 512)


def test_system_calls():
    allowed = set(report_seccomp.CALLS)
    assert {"clone", "clone3", "unshare", "chroot", "execve"} <= allowed
    dangerous = {"mount", "umount2", "bpf", "ptrace", "io_uring_setup", "keyctl", "setns", "userfaultfd", "perf_event_open", "init_module",
                 "open_by_handle_at", "socket", "fsopen", "move_mount", "pivot_root", "clock_settime64"}  # fmt: skip
    assert not dangerous & allowed
    calls = json.loads(report_seccomp.profile())["syscalls"]
    families = [one["args"][0]["value"] for one in calls if one["names"] == ["socket"]]
    assert families == [1, 2, 10]  # neither netlink nor packets


def test_folders_are_of_service_and_odoo_alone():
    found = report_servers.files([made("shop"), made("own", odoo_report_engine="wkhtmltopdf")], settings())
    assert [one["path"] for one in found] == [
        "/srv/oc",
        "/srv/oc/report",
        "/srv/oc/report/servers",
        "/srv/oc/report/servers/shop",
    ]
    assert (found[-1]["owner"], found[-1]["group"], found[-1]["mode"]) == ("8087", "8069", "0750")


def test_who_has_a_service():
    printing, own = made("shop"), made("own", odoo_report_engine="wkhtmltopdf")
    assert [one["labels"] for one in report_servers.containers([printing, own], settings())] == [
        {"org.odoo-cloud.report": "shop"}
    ]
    existing = ["oc-shop-1", "oc-report-shop", "oc-report-own", "oc-report-gone", "oc-nginx"]
    assert report_servers.candidates([printing, own], "oc", existing) == ["oc-report-gone", "oc-report-own"]


@pytest.mark.parametrize(("change", "message"), [({"odd": 1}, "odd: unknown"), ({"jobs": None}, "int")])
def test_settings(change, message):
    with pytest.raises((report_servers.ReportError, TypeError), match=message):
        settings(**change)
    with pytest.raises(report_servers.ReportError, match="image: missing"):
        report_servers.Settings.from_dict({key: value for key, value in SETTINGS.items() if key != "image"})


def test_without_limits_the_memory_stays_limited():
    (found,) = report_servers.containers([made("shop")], settings(limits=False))
    assert found["limits"] == {"memory": 2 << 30}
    assert dataclasses.asdict(settings())["jobs"] == 2
