# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime import config, install, state
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.errors import LockLost, Stopped


def settings(tmp_path, **extra):
    conf = tmp_path / "odoo.conf"
    conf.write_text("[options]\ndb_user = acme\ndb_name = acme\n")
    return config.load({"ODOO_RC": str(conf), "ODOO_VERSION": "19", "DB_PASSWORD": "s3cret", **extra})


def test_passlib_vector():
    """pbkdf2_sha512 of passlib's own documentation."""
    assert install.password_hash(
        "password", 25000, b"\xd9\x9b\xb3\xd6\xf8\x9f\x3b\xe7\x9c\xb3\x36\xc6\x98\xd3\xda\x3b"
    ).startswith("$pbkdf2-sha512$25000$2Zuz1vifO.ecszbGmNPaOw$")


def test_hash_form():
    one, two = install.password_hash("a", 1000), install.password_hash("a", 1000)
    assert one != two
    kind, rounds, salt, digest = one.lstrip("$").split("$")
    assert (kind, rounds, len(salt), len(digest)) == ("pbkdf2-sha512", "1000", 22, 86)
    assert not set("+=") & set(salt + digest)


@pytest.mark.parametrize("version", ["14", "15", "16", "17", "18", "19"])
def test_arguments_by_version(tmp_path, version):
    arguments = install.install_arguments(settings(tmp_path, ODOO_VERSION=version, MODULES="sale", LANGUAGE="nl_NL"))
    assert arguments[arguments.index("-i") + 1] == "base,sale"
    assert {"--stop-after-init", "--no-http", "--workers=0", "--max-cron-threads=0", "--database=acme"} <= set(
        arguments
    )
    assert "--load-language=nl_NL" in arguments
    assert ("--without-demo=all" in arguments) is (version != "19")
    assert not any("s3cret" in item for item in arguments)


def test_result_is_not_believed():
    fine = state.Contents(9, True, "installed", (), frozenset({"base", "sale"}))
    assert install.problem(fine, ("base", "sale"), 0) == ""
    assert "code 255" in install.problem(fine, ("base",), 255)
    assert "not installed: stock" in install.problem(fine, ("base", "stock"), 0)
    half = state.Contents(9, True, "installed", ("sale",), frozenset({"base"}))
    assert "half done: sale" in install.problem(half, ("base",), 0)
    assert "ir_module_module" in install.problem(state.Contents(), ("base",), 0)


def test_parameters(tmp_path):
    assert install.parameters(settings(tmp_path)) == {"report.url": "http://127.0.0.1:8069"}
    found = install.parameters(settings(tmp_path, BASE_URL="https://shop.example.com/", HTTP_PORT="8070"))
    assert found == {
        "report.url": "http://127.0.0.1:8070",
        "web.base.url": "https://shop.example.com",
        "web.base.url.freeze": "True",
    }


def test_child_code():
    assert install.Child(["sh", "-c", "exit 7"], os.environ).run(lambda: True) == 7


def test_child_is_killed_when_the_lock_is_lost(monkeypatch):
    monkeypatch.setattr(install, "HOLD_CHECK_SECONDS", 0.05)
    child = install.Child(["sleep", "60"], os.environ)
    started = time.monotonic()
    with pytest.raises(LockLost):
        child.run(lambda: False)
    assert time.monotonic() - started < 10
    assert child.process.returncode == -signal.SIGKILL


def test_signals_reach_the_child(monkeypatch):
    monkeypatch.setattr(install, "HOLD_CHECK_SECONDS", 0.05)
    child = install.Child(["sleep", "60"], os.environ)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with pytest.raises(Stopped) as caught:
        child.run(lambda: True)
    assert caught.value.exit_code == 143
    assert child.process.returncode == -signal.SIGTERM


def test_a_deaf_child_is_killed(monkeypatch):
    monkeypatch.setattr(install, "HOLD_CHECK_SECONDS", 0.05)
    monkeypatch.setattr(install, "STOP_SECONDS", 0.3)
    child = install.Child(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], os.environ)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with pytest.raises(Stopped):
        child.run(lambda: True)
    assert child.process.returncode == -signal.SIGKILL
