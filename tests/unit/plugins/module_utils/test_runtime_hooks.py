# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
import threading
import types

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import child
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import (
    ConfigError,
    HookFailed,
    LockLost,
    Stopped,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.run import hooks


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(child, "HOLD_CHECK_SECONDS", 0.05)


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "hooks" / "pre-update.d").mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    return types.SimpleNamespace(
        hooks_dir=str(tmp_path / "hooks"),
        scripts_dir=str(tmp_path / "scripts"),
        db_host="/run/pg",
        db_port=5433,
        db_user="role",
        db_name="acme",
        db_sslmode="prefer",
        odoo_rc="/etc/odoo/odoo.conf",
        data_dir=str(tmp_path),
        mode="UpdateAndRun",
    )


def put(path, text="#!/bin/sh\n", mode=0o755):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def names(settings, kind):
    return [hook.name for hook in hooks.find(settings, kind)]


def test_order_and_what_is_left_out(settings, tmp_path):
    folder = tmp_path / "hooks" / "pre-update.d"
    for name in ("20-b", "10-a", "9-last.py", ".hidden", "10-a~", "old.bak", "30-c.disabled", "README.md", "README"):
        put(folder / name)
    (folder / "folder").mkdir()
    (folder / "15-link").symlink_to(put(tmp_path / "elsewhere"))
    put(tmp_path / "scripts" / "pre-update.sh", "true\n", 0o644)
    assert names(settings, "pre-update") == [
        "pre-update.d/10-a",
        "pre-update.d/15-link",
        "pre-update.d/20-b",
        "pre-update.d/9-last.py",
        "pre-update.sh",
    ]


def test_scripts_of_the_original(settings, tmp_path):
    for name in ("pre-init.sh", "pre-update.sh", "run.sh"):
        put(tmp_path / "scripts" / name, "true\n", 0o644)
    assert {kind: names(settings, kind) for kind in hooks.KINDS} == {
        "pre-init": ["pre-init.sh"],
        "pre-update": ["pre-update.sh"],
        "post-update": ["run.sh"],
        "pre-start": [],
    }


@pytest.mark.parametrize(
    ("text", "mode", "direct"),
    [("#!/bin/sh\n", 0o755, True), ("#!/bin/sh\n", 0o644, False), ("true\n", 0o755, False)],
)
def test_a_script_needs_no_executable_bit(settings, tmp_path, text, mode, direct):
    path = put(tmp_path / "scripts" / "run.sh", text, mode)
    command = hooks.find(settings, "post-update")[0].command
    assert command[-1] == str(path)
    assert (len(command) == 1) is direct
    hooks.run(hooks.find(settings, "post-update")[0], os.environ, lambda: True)


def test_missing_folders_are_no_hooks(settings, tmp_path):
    settings.hooks_dir = str(tmp_path / "nothing")
    settings.scripts_dir = ""
    assert all(names(settings, kind) == [] for kind in hooks.KINDS)
    settings.hooks_dir = ""
    assert names(settings, "pre-update") == []


def test_a_hook_that_would_be_left_out_silently_is_an_error(settings, tmp_path):
    path = put(tmp_path / "hooks" / "pre-update.d" / "10-a", mode=0o644)
    with pytest.raises(ConfigError, match=f"hook {path} is not executable: chmod"):
        hooks.find(settings, "pre-update")
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=f"hook {path} cannot be read"):
        hooks.find(settings, "pre-update")
    put(tmp_path / "hooks" / "pre-start.d")
    with pytest.raises(ConfigError, match=r"pre-start.d cannot be listed \(Not a directory\)"):
        hooks.find(settings, "pre-start")


def test_fingerprint(settings, tmp_path):
    path = put(tmp_path / "hooks" / "pre-update.d" / "10-a")

    def now():
        return hooks.fingerprint({kind: hooks.find(settings, kind) for kind in hooks.KINDS})

    seen = [now()]
    assert now() == seen[0]
    put(path, "#!/bin/sh\ntrue\n")
    seen.append(now())
    path.rename(path.with_name("10-b"))
    seen.append(now())
    put(tmp_path / "hooks" / "post-update.d" / "10-b", "#!/bin/sh\ntrue\n")
    seen.append(now())
    path.with_name("10-b").unlink()
    seen.append(now())
    assert len(set(seen)) == 5
    (tmp_path / "hooks").rename(tmp_path / "moved")
    settings.hooks_dir = str(tmp_path / "moved")
    assert now() == seen[-1]


def test_environment(settings):
    env = hooks.environment({"PATH": "/bin", "PGPASSFILE": "/x"}, settings, "pre-update", "0123", "odoo-cloud run=0123")
    assert env == {
        "PATH": "/bin",
        "PGPASSFILE": "/x",
        "PGHOST": "/run/pg",
        "PGPORT": "5433",
        "PGUSER": "role",
        "PGDATABASE": "acme",
        "PGSSLMODE": "prefer",
        "PGAPPNAME": "odoo-cloud run=0123",
        "ODOO_PGAPPNAME": "odoo-cloud run=0123",
        "ODOO_RC": "/etc/odoo/odoo.conf",
        "DATA_DIR": settings.data_dir,
        "DB_NAME": "acme",
        "MODE": "UpdateAndRun",
        "ODOO_CLOUD_RUN_ID": "0123",
        "HOOK": "pre-update",
    }


@pytest.fixture
def hook(settings, tmp_path):
    def make(body):
        put(tmp_path / "hooks" / "pre-update.d" / "10-a", f"#!/bin/sh\n{body}\n")
        return hooks.find(settings, "pre-update")[0]

    return make


def test_run(hook, settings, tmp_path, capfd):
    said = []
    env = {"PATH": os.environ["PATH"], "DATA_DIR": settings.data_dir, "TOKEN": "s3cret"}
    lines = hooks.run(hook("pwd; echo error >&2; cat; test $TOKEN"), env, lambda: True, said.append)
    assert lines == [str(tmp_path), "error"]
    out, err = capfd.readouterr()
    assert (out, err) == ("", f"{tmp_path}\nerror\n")
    assert len(said) == 1
    assert "s3cret" not in said[0]
    env["DATA_DIR"] = "/nowhere"
    assert hooks.run(hook("pwd"), env, lambda: True, said.append) == ["/"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo first; echo no table x; echo; exit 3", "10-a ended with code 3: no table x; correct it"),
        ("exit 1", "ended with code 1: it said nothing"),
        ("kill -9 $$", r"was ended by signal 9 \(SIGKILL\)"),
    ],
)
def test_a_failing_hook_names_itself(hook, body, words):
    with pytest.raises(HookFailed, match=words) as caught:
        hooks.run(hook(body), os.environ, lambda: True)
    assert caught.value.exit_code == 67


def test_the_last_lines_are_kept(hook):
    with pytest.raises(HookFailed) as caught:
        hooks.run(hook("seq 100; exit 1"), os.environ, lambda: True)
    assert caught.value.output == [str(number) for number in range(81, 101)]


def test_a_hook_without_an_interpreter(settings, tmp_path):
    put(tmp_path / "hooks" / "pre-update.d" / "10-a", "echo hello\n")
    with pytest.raises(HookFailed, match="10-a' cannot be run: Exec format error; its first line"):
        hooks.run(hooks.find(settings, "pre-update")[0], os.environ, lambda: True)


def test_lock_lost(hook, tmp_path):
    with pytest.raises(LockLost, match="while hook .*10-a was running"):
        hooks.run(
            hook(f"trap '' TERM; echo x > {tmp_path}/started; sleep 60; echo x > {tmp_path}/late"),
            os.environ,
            lambda: not (tmp_path / "started").exists(),
        )
    assert not (tmp_path / "late").exists()


def test_stopped(hook):
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with pytest.raises(Stopped):
        hooks.run(hook("sleep 60"), os.environ, lambda: True)
