# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of the Redis image that puts the file of users together, with a server of another version."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.redis_acl import redis_acl

PROGRAM = Path(__file__).resolve().parents[2] / "roles/image/files/redis/redis-acl-load"
USER = {"name": "acme", "prefix": "acme-odoo-prod", "password": "a password that is long enough"}


@pytest.mark.parametrize(
    "version, knows",
    [
        ("Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", False),
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", False),  # Debian 12
        ("Redis server v=7.2.4 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", True),
        ("Redis server v=8.0.2 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", True),
        ("Redis server v=10.0.0 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", True),
        ("Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", True),
    ],
)
def test_a_server_gets_no_command_that_it_does_not_know(tmp_path, version, knows):
    site, own, bin_ = tmp_path / "site", tmp_path / "own", tmp_path / "bin"
    for folder in (site, own, bin_):
        folder.mkdir()
    acl = redis_acl([USER], "a password of the administrator")
    (site / "users.acl").write_text(acl)
    (own / "token").write_text("token")
    (bin_ / "redis-server").write_text(f"#!/bin/sh\necho '{version}'\n")
    (bin_ / "redis-server").chmod(0o755)
    text = PROGRAM.read_text().replace("/etc/redis-site", str(site)).replace("/tmp/redis", str(own))
    env = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"}
    subprocess.run(["/bin/sh", "-c", text, "redis-acl-load", "--compose"], check=True, env=env)
    made = (own / "users.acl").read_text().splitlines()
    assert made[:-1] == (acl if knows else acl.replace(" +client|setinfo", "")).splitlines()
    assert made[-1].startswith("user loader on #")
