# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules files and container_plan are spared by a snapshot of this run, and only while nothing was changed since it was made."""

from __future__ import annotations

import os
import types

import pytest
from ansible.plugins.action import ActionBase

from ansible_collections.odoo_cloud.platform.plugins.action import container_plan, files, machine_info
from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine import snapshot
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils import _run_snapshot as run_snapshot

HOST = "web-1"
VARIABLES = {"inventory_hostname": HOST}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs an action with arguments; the module's answer is given, and `run.modules` counts its runs."""
    monkeypatch.setattr(run_snapshot.constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "ansible-local"))
    (tmp_path / "ansible-local").mkdir()
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})

    def go(plugin, arguments, answer=None, delegate_to=None):
        task = types.SimpleNamespace(args=arguments, delegate_to=delegate_to, async_val=0, check_mode=False)
        action = plugin.ActionModule(task, None, None, None, None, None)

        def execute(module_name=None, module_args=None, task_vars=None):
            go.modules.append(module_args or arguments)
            return dict(answer or {"changed": False})

        action._execute_module = execute
        action._display = types.SimpleNamespace(vv=lambda text: None)
        return action.run(task_vars=VARIABLES)

    go.modules = []
    return go


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "srv"
    folder.mkdir()
    (folder / "conf").write_text("a")
    os.chmod(folder / "conf", 0o644)
    return folder


def take(run, root):
    def answer(key):
        return {
            "platform": "oc",
            "files": snapshot.read_files(str(root), key),
            "containers": {"mine": {}, "others": [], "networks": {"oc": "oc"}},
            "images": {},
        }

    given = {"name": HOST, "platform": "oc", "root": str(root)}
    # The key is drawn by the action, so the snapshot that it made is read back to answer with the same one.
    run(machine_info, given, {"changed": False, "snapshot": answer("0")})
    key = run.modules[-1]["snapshot_key"]
    result = run(machine_info, {**given, "snapshot_key": key}, {"changed": False, "cpus": 2, "snapshot": answer(key)})
    run.modules.clear()
    return result


def wanted(root, content="a"):
    entry = {"path": str(root / "conf"), "content": content, "owner": str(os.getuid()), "group": str(os.getgid())}
    return {"files": [entry]}


def plan(root):
    return {"platform": "oc", "applied_dir": str(root / "applied"), "containers": []}


def test_without_a_snapshot_the_modules_run(run, root):
    run(files, wanted(root))
    run(container_plan, plan(root))
    assert len(run.modules) == 2


def test_with_one_they_run_only_for_what_differs(run, root):
    result = take(run, root)
    assert result == {"changed": False, "cpus": 2}
    assert run(files, wanted(root)) == {"changed": False, "changed_paths": [], "diff": []}
    assert run(container_plan, plan(root))["plan"] == []
    assert not run.modules
    run(files, wanted(root, "b"), {"changed": False})
    run(container_plan, {**plan(root), "logs_of": "oc-redis"})
    assert len(run.modules) == 2


@pytest.mark.parametrize(
    ("plugin", "answer"),
    [
        (files, {"changed": True}),
        (files, {"failed": True}),
        (container_plan, {"plan": [{"name": "oc-redis", "action": "start"}]}),
        (container_plan, {"plan": [], "networks_missing": [{"name": "oc"}]}),
        (container_plan, {"plan": [], "done": ["oc-demo-run"]}),
        (container_plan, {"failed": True}),
    ],
)
def test_what_changes_something_ends_the_snapshot(run, root, plugin, answer):
    take(run, root)
    differs = wanted(root, "b") if plugin is files else {**plan(root), "containers": [{"name": "oc-x", "image": "x"}]}
    run(plugin, differs, answer)
    assert run_snapshot.load(HOST) is None
    run(files, wanted(root))
    assert len(run.modules) == 2


def test_it_is_used_for_a_minute_and_by_its_own_machine(run, root, monkeypatch):
    take(run, root)
    run(files, wanted(root), delegate_to="web-2")
    assert len(run.modules) == 1
    now = run_snapshot.time.time()
    monkeypatch.setattr(run_snapshot.time, "time", lambda: now + run_snapshot.MAX_AGE + 1)
    run(files, wanted(root))
    assert len(run.modules) == 2


def test_only_its_user_can_read_it(run, root, tmp_path):
    take(run, root)
    kept = list((tmp_path / "ansible-local").iterdir())
    assert [oct(path.stat().st_mode & 0o777) for path in kept] == ["0o600"]


def test_a_machine_without_an_engine_leaves_none(run, root):
    take(run, root)
    run(machine_info, {"name": HOST, "platform": "oc", "root": str(root)}, {"changed": False, "snapshot": None})
    assert run_snapshot.load(HOST) is None
