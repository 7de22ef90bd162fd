# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that nobody reads are refused, and none that somebody reads."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import jinja2
import pytest
import yaml
from jinja2 import nodes

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import known_variables
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.known_variables import (
    FACTS,
    KNOWN,
    PLATFORM,
    ROLE,
    closest,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.settings import SETTINGS

# Of the regular expressions in playbooks.
pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")

ROOT = Path(__file__).resolve().parents[4]
PLAYS = [path for folder in ("roles/*/tasks", "roles/*/vars", "roles/*/defaults", "playbooks", "molecule/*")
         for path in sorted(ROOT.glob(f"{folder}/**/*.yml"))]  # fmt: skip
INVENTORIES = [*ROOT.glob("inventories/*/hosts"), *ROOT.glob("molecule/*/inventory/hosts")]
TEMPLATES = [*ROOT.glob("roles/*/templates/*.j2"), *ROOT.glob("playbooks/templates/*.j2")]
DOCUMENTS = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")]
# Values that are expressions without braces.
EXPRESSIONS = ("when", "that", "failed_when", "changed_when", "until")
JINJA = jinja2.Environment()


def names_in(text: str) -> set[str]:
    """The variables that a template reads, without those that it sets itself."""
    own = re.match(r"#jinja2: variable_start_string: '(\S+)', variable_end_string: '(\S+)'\n", text)
    environment = JINJA.overlay(variable_start_string=own[1], variable_end_string=own[2]) if own else JINJA
    found = list(environment.parse(text).find_all(nodes.Name))
    return {one.name for one in found} - {one.name for one in found if one.ctx != "load"}


class Uses:
    """What the project's YAML says about variables, by what is done with them."""

    def __init__(self, paths: list[Path]) -> None:
        self.read: set[str] = set()
        self.facts: set[str] = set()  # set for a host, which has them in later plays too
        self.local: set[str] = set()  # set for one task, role or play
        self.given: set[str] = set()  # defaults and inventories
        for path in paths:
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".j2":
                self.read |= names_in(text)
            elif path.name == "hosts":
                self.groups(yaml.safe_load(text))
            else:
                content = yaml.safe_load(text)
                if path.parent.name in ("vars", "defaults"):
                    (self.given if path.parent.name == "defaults" else self.local).update(content or {})
                self.see(content)

    def see(self, value: t.Any, expression: bool = False) -> None:
        if isinstance(value, str) and ("{{" in value or "{%" in value or expression):
            self.read |= names_in(value if "{{" in value or not expression else "{{ " + value + " }}")
        elif isinstance(value, list):
            for one in value:
                self.see(one, expression)
        elif isinstance(value, dict):
            for key, one in value.items():
                if key == "register":
                    self.facts.add(one)
                elif key == "vars" and isinstance(one, dict):
                    self.local.update(one)
                elif key == "ansible.builtin.set_fact":
                    self.facts.update(one)
                self.see(one, key in EXPRESSIONS)

    def groups(self, groups: dict) -> None:
        for group in groups.values():
            self.given.update((group or {}).get("vars") or {})
            for variables in ((group or {}).get("hosts") or {}).values():
                self.given.update(variables or {})
            self.groups((group or {}).get("children") or {})


def ours(names: t.Iterable[str]) -> set[str]:
    return {name for name in names if name.startswith("odoo_")}


@pytest.fixture(scope="module")
def uses():
    found = Uses([*PLAYS, *TEMPLATES, *INVENTORIES])
    assert "odoo_cloud_name" in found.read and "odoo_compared" in found.facts  # it sees something
    return found


def test_nothing_that_the_project_reads_is_refused(uses):
    assert ours(uses.read | uses.given | uses.facts) - uses.local - KNOWN == set()


def test_facts_are_those_that_roles_and_playbooks_set(uses):
    assert ours(uses.facts) == FACTS


def test_variables_of_the_role_are_those_of_its_argument_specs():
    documented = set()
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        documented.update(*(spec.get("options") or {} for spec in specs.values()))
    assert ours(documented) - set(SETTINGS) == ROLE


def test_every_variable_of_the_platform_is_read_somewhere(uses):
    read_by_lookups = set()
    for path in [*ROOT.glob("plugins/**/*.py")]:
        if path.name != "known_variables.py":
            read_by_lookups |= set(re.findall(r'"(odoo_cloud_\w+)"', path.read_text(encoding="utf-8")))
    assert set(PLATFORM) - uses.read - read_by_lookups - {known_variables.OTHER_VARIABLES} == set()


def test_only_the_model_reads_variables_of_instances():
    for path in [*PLAYS, *TEMPLATES]:
        # On AWS there is no instance; that playbook takes the same names as arguments of a module.
        if path.name == "aws_delivery.yml" or path.parts[-3:-1] == ("odoo", "defaults"):
            continue
        read = Uses([path]).read
        assert read & set(SETTINGS) == set(), f"{path.relative_to(ROOT)}: take them from the lookup instances"


def test_every_variable_of_the_platform_is_documented():
    text = (ROOT / "docs/inventory.md").read_text(encoding="utf-8")
    for name, description in PLATFORM.items():
        assert f"| `{name}` | {description} |" in text


def test_documents_name_no_variable_that_is_refused():
    no_variables = {
        path.stem for folder in ("modules", "lookup", "filter") for path in ROOT.glob(f"plugins/{folder}/*.*")
    }
    no_variables |= {path.name for path in ROOT.glob("roles/*/files/addons/*")}
    runtime = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("plugins/module_utils/_runtime/**/*.py"))
    no_variables |= set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(?:public\.)?(\w+)", runtime))
    no_variables |= {"odoo_cloud_runtime", "odoo_cloud_admin"}  # a Python package, PostgreSQL's administrator
    found = {}
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        others = re.findall(rf"{known_variables.OTHER_VARIABLES}: \[(\w+)\]", text)
        for name in set(re.findall(r"(?<![\w.@$/-])odoo_\w+\b(?!\.)", text)).difference(others):
            if name not in KNOWN | no_variables and not name.endswith("_"):
                found[name] = path.name
    assert found == {}


GROUPS = {"odoo": ["shop-1", "shop-2"], "docker_hosts": ["app1"], "postgres": ["app1"], "all": ["app1", "other"]}


class Raw(dict):
    """Variables of a host; says which of them were rendered."""

    def __init__(self, **values):
        super().__init__(values)
        self.rendered = []

    def __getitem__(self, name):
        self.rendered.append(name)
        return super().__getitem__(name)


def problems(everywhere=None, **hosts):
    variables = {
        host: {**(everywhere or {}), **hosts.get(host.replace("-", "_"), {})}
        for host in ("shop-1", "shop-2", "app1", "other")
    }
    return known_variables.problems(GROUPS, variables)


def test_a_misspelt_variable_is_refused_with_the_one_that_was_meant():
    assert problems(shop_1={"odoo_worker": 4}, shop_2={"odoo_worker": 4}) == [
        "odoo_worker=4 of hosts 'shop-1', 'shop-2': there is no such variable; did you mean odoo_workers? (if it belongs to another"
        " role, name it in odoo_cloud_other_variables: [odoo_worker])"
    ]
    (found,) = problems(app1={"odoo_cloud_adress": "192.0.2.1"})
    assert "odoo_cloud_adress='192.0.2.1' of host 'app1': " in found and "did you mean odoo_cloud_address?" in found


def test_on_the_command_line_it_is_every_hosts():
    (found,) = problems({"odoo_cloud_instnace": "shop"})
    assert found.startswith("odoo_cloud_instnace='shop' of all hosts: ") and "odoo_cloud_instance?" in found


def test_one_that_is_like_no_other():
    (found,) = problems(shop_1={"odoo_zzzz": 1})
    assert "there is no such variable; leave it out (if" in found


@pytest.mark.parametrize("name", ["odoo_admin_pasword", "odoo_s3_secret", "odoo_qqqqqqqqqqqqqqqqqq_key"])
def test_what_may_be_a_secret_is_not_shown(name):
    (found,) = problems(shop_1={name: "topsecret"})
    assert found.startswith(f"{name}='********' of host 'shop-1'")
    assert "topsecret" not in found


def test_every_problem_at_once():
    found = problems(shop_1={"odoo_b": 1, "odoo_a": 2}, app1={"odoo_cloud_x": 3})
    assert [one.split("=")[0] for one in found] == ["odoo_a", "odoo_b", "odoo_cloud_x"]


def test_variables_of_other_roles_are_let_through_by_name():
    assert problems({"odoo_cloud_other_variables": ["odoo_theirs"]}, shop_1={"odoo_theirs": 1}) == []
    (found,) = problems({"odoo_cloud_other_variables": ["odoo_theirs"]}, shop_1={"odoo_other": 1})
    assert found.startswith("odoo_other=1")
    found = problems({"odoo_cloud_other_variables": "odoo_theirs"}, shop_1={"odoo_theirs": 1})
    assert found[0] == "odoo_cloud_other_variables='odoo_theirs' of all hosts: give a list of names of variables"


def test_hosts_of_no_group_of_ours_are_left_alone():
    assert problems(other={"odoo_worker": 4}) == []


def test_facts_and_settings_are_no_problem():
    assert problems({name: 1 for name in KNOWN if name != known_variables.OTHER_VARIABLES}) == []


def test_no_value_is_rendered_unless_it_is_refused():
    hosts = {host: Raw(odoo_workers=1, odoo_language="x", ansible_host="y") for host in ("shop-1", "shop-2", "app1")}
    assert known_variables.problems(GROUPS, hosts) == []
    assert [host.rendered for host in hosts.values()] == [[], [], []]
    hosts["app1"] = Raw(odoo_wrong=1, odoo_workers=2)
    assert len(known_variables.problems(GROUPS, hosts)) == 1
    assert hosts["app1"].rendered == ["odoo_wrong"]


def test_a_value_that_can_not_be_rendered_is_refused_all_the_same():
    class Broken(Raw):
        def __getitem__(self, name):
            raise RuntimeError("undefined")

    (found,) = known_variables.problems({"odoo": ["shop-1"]}, {"shop-1": Broken(odoo_worker=1)})
    assert found.startswith("odoo_worker of host 'shop-1': there is no such variable; did you mean odoo_workers?")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("odoo_host_names", "odoo_hostnames"),
        ("odoo_db_pass", "odoo_db_password"),
        ("odoo_cloud_workers", "odoo_workers"),
        ("odoo_module", "odoo_modules"),
        ("odoo_cloud_port_https", ""),
        ("odoo_compare", ""),  # nobody means a fact
    ],
)
def test_which_one_was_meant(name, meant):
    assert closest(name) == meant or (not meant and closest(name) not in FACTS)
