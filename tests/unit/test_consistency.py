# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to agree within the tree: roles, modules, tables, licences, and nothing of one machine."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NAMESPACE = "odoo_cloud.platform"
# Made by tools, or a text that isn't ours.
NOT_OURS = (".git", ".work", ".ansible", "collections", "LICENSE", "LICENSES", "__pycache__", ".ruff_cache")


def _public(folder: str) -> list[Path]:
    """The plugins of one kind that users see."""
    return sorted(path for path in (ROOT / "plugins" / folder).glob("*.py") if not path.name.startswith("_"))


ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
MODULES = _public("modules")
LOOKUPS = _public("lookup")
FILTERS = _public("filter")
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))


def _yaml(path: Path) -> object:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return path.stem


def _assigned(path: Path, name: str) -> dict:
    """The YAML document that a plugin's file assigns to ``name``."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == name for one in node.targets):
            return yaml.safe_load(ast.literal_eval(node.value))
    raise AssertionError(f"{path.relative_to(ROOT)} has no {name}")


def _files() -> list[Path]:
    """Every text file of the project: a new file counts before it is added to git, and without git (a tarball)."""
    return sorted(
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and not any(part in NOT_OURS for part in path.relative_to(ROOT).parts)
        and path.suffix not in (".pyc", ".png", ".gz")
        and "output" not in path.relative_to(ROOT).parts
    )


def _table_rows(heading: str) -> set[str]:
    """The first cells (in backquotes) of the table below a heading of the README."""
    match = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", README, re.MULTILINE | re.DOTALL)
    assert match, f"README.md has no section {heading!r}"
    rows = set()
    for line in match[1].splitlines():
        if line.startswith("| `"):
            rows.update(re.findall(r"`([^`]+)`", line.split("|")[1]))
    return rows


def test_there_is_something_to_check():
    # A wrong ROOT would make every test below pass with nothing.
    assert ROLES and MODULES and LOOKUPS and PLAYBOOKS
    assert len(_files()) > 50


@pytest.mark.parametrize("role", ROLES, ids=_name)
def test_role_is_whole(role):
    for path in ("README.md", "defaults/main.yml", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml"):
        assert (role / path).is_file(), f"{role.name} has no {path}"
    galaxy_info = _yaml(role / "meta/main.yml")["galaxy_info"]
    assert galaxy_info["license"] == "GPL-3.0-or-later"
    assert galaxy_info["min_ansible_version"] == "2.19"
    assert not _yaml(role / "meta/main.yml").get("dependencies"), "the order of roles belongs to playbooks"


@pytest.mark.parametrize("role", ROLES, ids=_name)
def test_role_defaults_are_its_argument_specs(role):
    defaults = _yaml(role / "defaults/main.yml") or {}
    options = _yaml(role / "meta/argument_specs.yml")["argument_specs"]["main"].get("options", {})
    assert set(defaults) == set(options)
    assert [key for key in defaults if not key.startswith(f"{role.name}_")] == []
    for key, option in options.items():
        assert option.get("description"), f"{key} has no description"
        assert option.get("type"), f"{key} has no type"
        if "default" in option and not isinstance(defaults[key], str):
            assert option["default"] == defaults[key], f"{key}: documented and real default differ"


@pytest.mark.parametrize("role", ROLES, ids=_name)
def test_role_readme_names_every_variable(role):
    text = (role / "README.md").read_text(encoding="utf-8")
    assert [key for key in _yaml(role / "defaults/main.yml") or {} if f"`{key}`" not in text] == []


@pytest.mark.parametrize("role", ROLES, ids=_name)
def test_role_has_no_handlers_and_hides_no_errors(role):
    assert not (role / "handlers").exists(), "a later failure loses a handler: compare the running state instead"
    for path in sorted(role.glob("tasks/**/*.yml")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(no_log|gather_facts):", text, re.MULTILINE), path.relative_to(ROOT)
        for line in re.findall(r"^\s*ignore_errors:.*", text, re.MULTILINE):
            assert "# noqa: ignore-errors -- " in line, f"{path.relative_to(ROOT)}: ignore_errors without a reason"


def test_action_group_names_every_module():
    listed = _yaml(ROOT / "meta/runtime.yml")["action_groups"]["all"]
    assert sorted(listed) == [path.stem for path in MODULES]


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_module_promises_check_and_diff_mode(module):
    documentation = _assigned(module, "DOCUMENTATION")
    attributes = documentation["attributes"]
    assert documentation["module"] == module.stem
    assert documentation["version_added"]
    for attribute in ("check_mode", "diff_mode", "idempotent"):
        assert attributes[attribute]["support"] in ("full", "partial", "none", "N/A")
        if attributes[attribute]["support"] == "partial":
            assert attributes[attribute]["details"]
    assert attributes["check_mode"]["support"] == "full"
    assert "supports_check_mode=True" in module.read_text(encoding="utf-8")
    _assigned(module, "EXAMPLES")
    _assigned(module, "RETURN")


@pytest.mark.parametrize("lookup", LOOKUPS, ids=_name)
def test_lookup_is_documented(lookup):
    documentation = _assigned(lookup, "DOCUMENTATION")
    assert documentation["name"] == lookup.stem
    assert documentation["version_added"]
    _assigned(lookup, "EXAMPLES")
    _assigned(lookup, "RETURN")


def test_every_filter_is_documented():
    names = set()
    for path in FILTERS:
        returned = [
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict)
        ]
        keys = {key.value for one in returned for key in one.keys if isinstance(key, ast.Constant)}
        assert keys, f"{path.name} names no filter"
        names |= keys
    sidecars = {path.stem: _yaml(path) for path in (ROOT / "plugins/filter").glob("*.yml")}
    assert set(sidecars) == names
    for name, documentation in sidecars.items():
        assert documentation["DOCUMENTATION"]["name"] == name
        assert documentation["DOCUMENTATION"]["version_added"]
        assert documentation["EXAMPLES"] and documentation["RETURN"]


@pytest.mark.parametrize("path", sorted((ROOT / "plugins").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_plugin_says_its_licence(path):
    text = path.read_text(encoding="utf-8")
    if not text.strip():
        return
    head = "\n".join(text.splitlines()[:8])
    parts = path.relative_to(ROOT / "plugins").parts
    licence = re.search(r"^# SPDX-License-Identifier: (\S+)$", head, re.MULTILINE)
    assert licence, "no SPDX-License-Identifier in the first lines"
    if "_runtime" in parts:
        assert licence[1] == "BSD-2-Clause"
    elif parts[0] == "module_utils":
        assert licence[1] in ("BSD-2-Clause", "GPL-3.0-or-later")
    else:
        assert licence[1] == "GPL-3.0-or-later"
        assert "GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)" in head
    if parts[0] == "module_utils" and path.name != "__init__.py":
        assert path.name.startswith("_") or parts[1].startswith("_"), "module_utils are private to the collection"


@pytest.mark.parametrize("path", sorted((ROOT / "plugins/module_utils/_runtime").rglob("*.py")), ids=_name)
def test_runtime_imports_nothing_above_it(path):
    # The container has no Ansible: only relative imports, and none of Ansible. Only these become Odoo.
    forbidden = {"ansible", "ansible_collections"} | (set() if path.name in ("boot.py", "serve.py") else {"odoo"})
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        else:
            continue
        assert [name for name in names if name.split(".")[0] in forbidden] == []


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=_name)
def test_playbook_begins_with_the_guard(playbook):
    # Before anything of it makes a secret or touches a machine. Those that are left out touch no machine of a platform.
    guard = {"guard": "limit.yml", "clean": "limit.yml"}.get(playbook.stem, "guard.yml")
    first = _yaml(playbook)[0]
    if playbook.stem not in ("limit", "summary", "aws_delivery", "aws_delivery_remove"):
        assert first.get("ansible.builtin.import_playbook") == guard
        assert set(first.get("vars", {})) <= {
            f"guard_{one}" for one in ("scope", "needs", "choice", "mark", "machines")
        }
    stops = "import_playbook: odoo.yml" in playbook.read_text(encoding="utf-8") or playbook.stem == "odoo"
    assert not stops or first["vars"]["guard_scope"] in ("instances", "platform"), "it stops and starts replicas"


def test_a_run_asks_once_what_is_wrong_with_the_inventory():
    # In the first task of limit.yml, with which every playbook begins (above); the role preflight also has it, for those who use it alone.
    [task] = _yaml(ROOT / "playbooks/limit.yml")[0]["tasks"]
    asks = "query('odoo_cloud.platform.instances', problems=true)"
    assert asks in task["vars"]["limit_wrong"]
    assert task["when"] == [f"{task['register']} is not defined", "limit_wrong | length > 0"]
    found = [
        path
        for folder in ("playbooks", "roles")
        for path in sorted((ROOT / folder).rglob("*.yml"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if "problems=true" in line
    ]
    role = ROOT / "roles/preflight/tasks/main.yml"
    assert found == [ROOT / "playbooks/limit.yml", role]
    [again] = [one for one in _yaml(role) if "problems=true" in str(one)]
    assert again["when"] == f"{task['register']} is not defined"


def test_readme_names_every_playbook_and_no_other():
    assert _table_rows("Playbooks") == {path.stem for path in PLAYBOOKS}


def test_readme_names_every_role_and_no_other():
    assert _table_rows("Roles") == {path.name for path in ROLES}


def test_readme_names_every_plugin_and_no_other():
    filters = {path.stem for path in (ROOT / "plugins/filter").glob("*.yml")}
    assert _table_rows("Modules, lookups and filters") == {path.stem for path in MODULES + LOOKUPS} | filters


def test_readme_commands_exist():
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z0-9-]+)", README)) | set(
        re.findall(r"^ +make ([a-z0-9-]+)", README, re.MULTILINE)
    )
    assert named and named <= targets


def test_facts_of_odoo_have_one_home():
    home = ROOT / "plugins/module_utils/_runtime/common/odoo_facts.py"
    fact = re.compile(r"(?<![\w.])(8069|8072)(?!\w)|\"/(websocket|longpolling|web/health)\"|\"14\", \"15\", \"16\"")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / "plugins/module_utils").rglob("*.py"))
        if path != home
        for line in path.read_text(encoding="utf-8").splitlines()
        if fact.search(line)
    ]
    assert found == []
    assert fact.search(home.read_text(encoding="utf-8"))


def test_links_of_documents_exist():
    missing = []
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "roles").glob("*/README.md")]:
        for link in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", document.read_text(encoding="utf-8")):
            if not (document.parent / link).exists():
                missing.append(f"{document.relative_to(ROOT)}: {link}")
    assert missing == []


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=_name)
def test_playbook_uses_full_names_and_gathers_nothing(playbook):
    for play in _yaml(playbook):
        assert play["name"][0].isupper()
        imported = play.get("import_playbook") or play.get("ansible.builtin.import_playbook")
        if imported:
            assert imported.startswith(f"{NAMESPACE}.") or (playbook.parent / imported).is_file()
            continue
        assert play.get("gather_facts") is False
        roles = [role if isinstance(role, str) else role["role"] for role in play.get("roles", [])]
        assert [role for role in roles if not role.startswith(f"{NAMESPACE}.")] == []


def _depends() -> set[str]:
    """The other collections that roles, playbooks and plugins use."""
    used = set()
    known = r"(?:community|ansible|amazon|awx|containers|cloud|kubernetes)\.(?!builtin|module_utils|plugins)[a-z0-9_]+"
    for folder in ("roles", "playbooks", "plugins"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix == ".yml" and "argument_specs" not in path.name:
                text = path.read_text(encoding="utf-8")
                used.update(re.findall(rf"^\s*-?\s*({known})\.[a-z0-9_]+:", text, re.MULTILINE))
                used.update(re.findall(rf"(?:lookup|query)\(\s*['\"]({known})\.", text))
                used.update(re.findall(rf"\|\s*({known})\.[a-z0-9_]+", text))
            elif path.suffix == ".py":
                text = path.read_text(encoding="utf-8")
                imported = re.findall(r"^\s*(?:from|import) ansible_collections\.(\w+\.\w+)", text, re.MULTILINE)
                used.update(name for name in imported if name != NAMESPACE)
    return used


def test_dependencies_are_what_is_used():
    declared = _yaml(ROOT / "galaxy.yml")["dependencies"]
    assert set(declared) == _depends()
    wanted = {one["name"] for one in _yaml(ROOT / "requirements.yml")["collections"] if one.get("type") != "dir"}
    assert wanted == set(declared)


def test_versions_agree():
    assert _yaml(ROOT / "meta/runtime.yml")["requires_ansible"] == ">=2.19.0"
    pinned = (ROOT / "requirements/runtime.txt").read_text(encoding="utf-8")
    assert re.search(r"^ansible-core==2\.19\.", pinned, re.MULTILINE)


def test_nothing_of_one_machine():
    patterns = {
        "a path of somebody's machine": r"(?<![\w.}$)])/(?:work|home/\w+|tmp/[a-z]{2,4}|workspace|opt/(?:pypi|wheels))/",
        "the host name of a package registry or mirror": "|".join(
            ["pypi" + r"\.org", "pythonhosted" + r"\.org", "deb" + r"\.debian\.org", "snapshot" + r"\.debian\.org"]
            + ["registry" + r"\.npmjs", "docker" + r"\.io/[a-z]", "ghcr" + r"\.io", "quay" + r"\.io"]
        ),
    }
    found = []
    for path in _files():
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for what, pattern in patterns.items():
                if re.search(pattern, line):
                    found.append(f"{path.relative_to(ROOT)}:{number}: {what}: {line.strip()[:100]}")
    assert found == []
