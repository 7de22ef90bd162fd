# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
import yaml
from ansible.errors import AnsibleFilterError, AnsibleLookupError

from ansible_collections.odoo_cloud.platform.plugins.filter import odoo_conf, odoo_run
from ansible_collections.odoo_cloud.platform.plugins.lookup import instances
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import model
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._variables import HostVariables

GROUPS = {
    "odoo": ["shop-1", "shop-2", "other-1"],
    "prod": ["shop-1", "shop-2", "other-1"],
    "shop": ["shop-1", "shop-2"],
    "other": ["other-1"],
    "docker_hosts": ["app1", "app2"],
}


class Lookup(instances.LookupModule):
    """The lookup without Ansible's configuration of plugins."""

    def set_options(self, task_keys=None, var_options=None, direct=None):
        self.given = direct

    def get_option(self, option, hostvars=None):
        return self.given.get(option)


class Templar:
    def template(self, value):
        return value


def look(folder, terms=(), check=False, hosts=None, **options):
    hostvars = {
        "shop-1": {"ansible_host": "app1"},
        "shop-2": {"ansible_host": "app1"},
        "other-1": {"ansible_host": "app2"},
    }
    hostvars.update({"app1": {}, "app2": {}})
    for host, variables in (hosts or {}).items():
        hostvars[host] = {**hostvars[host], **variables}
    variables = {
        "groups": GROUPS,
        "hostvars": hostvars,
        "odoo_cloud_secrets_dir": str(folder),
        "ansible_check_mode": check,
    }
    return Lookup(templar=Templar()).run(list(terms), variables, **options)


def test_documentation_of_the_result_is_the_models():
    (documented,) = yaml.safe_load(instances.RETURN).values()
    assert documented["contains"] == model.contains(model.Instance)


def test_instances_are_plain_dictionaries(tmp_path):
    found = look(tmp_path)
    assert [one["name"] for one in found] == ["other", "shop"]
    assert json.loads(json.dumps(found)) == found
    assert set(found[0]) == set(yaml.safe_load(instances.RETURN)["_list"]["contains"])
    assert look(tmp_path) == found  # secrets are made once


def test_some_of_them(tmp_path):
    assert [one["name"] for one in look(tmp_path, ["shop", "prod", "all"])] == ["shop"]
    assert [one["name"] for one in look(tmp_path, machine="app2")] == ["other"]
    assert look(tmp_path, ["shop"], machine="app2") == []


def test_check_mode_and_a_look_for_problems_leave_nothing_behind(tmp_path):
    assert len(look(tmp_path, check=True)) == 2
    assert look(tmp_path, problems=True) == []
    assert list(tmp_path.iterdir()) == []


def test_all_problems_at_once(tmp_path):
    hosts = {
        "shop-1": {"odoo_worker": 4, "odoo_version": "13"},
        "shop-2": {"odoo_version": "13", "odoo_language": "de_DE", "odoo_db_password": "only here"},
        "other-1": {"odoo_timeout": "soon"},
        "app1": {"odoo_cloud_adress": "192.0.2.1"},
    }
    found = look(tmp_path, problems=True, hosts=hosts)
    assert [one.split("=")[0] for one in found] == [
        "odoo_timeout", "odoo_db_password", "odoo_language", "odoo_version", "odoo_cloud_adress", "odoo_worker",
    ]  # fmt: skip
    with pytest.raises(AnsibleLookupError) as caught:
        look(tmp_path, hosts=hosts)
    assert str(caught.value).splitlines() == [found[0], *found[2:4]]


def test_variables_of_a_host_are_asked_for_once():
    class Hosts(dict):
        asked = 0

        def __getitem__(self, host):
            Hosts.asked += 1
            return super().__getitem__(host)

    hosts = HostVariables(Hosts(a={"x": 1}, b={}))
    assert (hosts["a"]["x"], hosts["a"]["x"], hosts["b"]) == (1, 1, {})
    assert Hosts.asked == 2
    assert (list(hosts), len(hosts), "a" in hosts, "c" in hosts) == (["a", "b"], 2, True, False)


def test_filters_say_what_is_no_instance(tmp_path):
    (instance,) = look(tmp_path, ["shop"])
    del instance["workers"]
    message = (
        "odoo_conf: Instance: the key 'workers' is missing; give what the lookup odoo_cloud.platform.instances returns"
    )
    with pytest.raises(AnsibleFilterError, match=message):
        odoo_conf.FilterModule().filters()["odoo_conf"](instance, {}, "h", 1)
    with pytest.raises(AnsibleFilterError, match="odoo_runs: Instance: the key 'workers' is missing"):
        odoo_run.FilterModule().filters()["odoo_runs"]([instance], {}, {})
