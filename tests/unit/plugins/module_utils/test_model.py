# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance is typed inside, a plain dictionary outside, and says of each field what it is."""

from __future__ import annotations

import copy
import dataclasses
import typing as t

import pytest
from ansible.module_utils.datatag import native_type_name
from ansible.template import trust_as_template

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import model
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.model import Code, Instance, ModelError

BUCKET = {"name": "acme-odoo-prod", "access_key": "acme:odoo", "secret_key": "S-bucket"}
PLAIN: dict[str, t.Any] = {
    "name": "acme",
    "environment": "prod",
    "project": "acme",
    "version": "19",
    "replicas": [{"name": "acme-1", "machine": "app1"}],
    "machine": "app1",
    "hostnames": ["acme.localhost"],
    "base_url": "https://acme.localhost",
    "image": {"name": "odoo-19", "kind": "odoo", "version": "19"},
    "database": {
        "name": "acme",
        "owner": "acme",
        "password": "S-owner",
        "keeper": "acme_keeper",
        "keeper_password": "S-keeper",
        "lock": "acme--lock",
        "connections": None,
    },
    "owner_login": {"database": "acme", "user": "acme", "password": "S-owner"},
    "redis": {
        "name": "acme",
        "prefix": "acme-odoo-prod",
        "password": "S-redis",
        "instance": "acme",
        "host": "acme.redis",
        "port": 26379,
        "memory": 67108864,
    },
    "bucket": BUCKET,
    "code": {
        "bucket": "acme-odoo-prod-code",
        "own_bucket": {"name": "acme-odoo-prod-code", "access_key": "acme-code:odoo", "secret_key": "S-code"},
        "account": {"account": "acme-code", "user": "odoo", "key": "S-code", "quota": None},
        "protected": True,
        "prefix": "",
        "channel": "acme",
        "endpoint": "",
        "region": "",
        "access_key": "acme-code:odoo",
        "secret_key": "S-code",
        "release": "",
        "keep_releases": 3,
        "sources": {"odoo_custom_modules_paths": ["/src"], "git_sources": [{"url": "https://x", "depth": 1}]},
        "lock_file": "",
    },
    "drain_timeout": 30,
    "storage_account": {"account": "acme", "user": "odoo", "key": "S-bucket", "quota": None},
    "admin_login": "admin",
    "admin_password": "S-admin",
    "master_password": "S-master",
    "modules": ["base"],
    "server_wide_modules": ["session_redis"],
    "stateless": {
        "enabled": True,
        "kind": "exoscale",
        "addons": ["cloud_platform_exoscale"],
        "server_wide": ["session_redis"],
        "json": False,
        "metrics_token": "S-metrics",
        "s3": {"endpoint": None, "region": None},
        "swift": {"auth_url": None, "account": "acme:odoo", "password": "S-bucket", "project": None, "region": None},
        "expiration": None,
        "expiration_anonymous": 60,
        "direct_bytes": 1048576,
        "statsd": {"host": None, "port": 8125},
        "env": {"LC_ALL": "C.UTF-8"},
    },
    "language": None,
    "mode": "RunOnly",
    "update_modules": "changed",
    "update_live": False,
    "hooks_dir": "",
    "hooks": "changed",
    "workers": None,
    "max_cron_threads": 1,
    "limit_memory_soft": None,
    "limit_memory_hard": 2684354560,
    "limits": {"memory": 4294967296, "run_memory": None, "pids": 300, "cpu_shares": None},
    "report_engine": "chromium",
    "limit_time_cpu": 600,
    "limit_time_real": 1200,
    "addons_path": [],
    "addons_dirs": [{"source": "/addons", "target": "/mnt/addons/1"}],
    "project_dir": "",
    "migration": {"file": "", "mode": "", "allow_serie": False, "force_version": "", "next": ""},
    "standing": {"update_modules": "changed", "migration_mode": "", "allow_serie": False},
    "on_failure": "rollback",
    "restore_point": "auto",
    "conf": {"log_level": "debug", "geoip": None, "limits": [1, 2.5]},
    "max_upload": "1g",
    "egress": "open",
    "egress_allowed": [],
    "mail": {
        "caught": True,
        "server": "smtp.example.com",
        "port": 587,
        "tls": "starttls",
        "verify": True,
        "user": "acme",
        "password": "S-smtp",
        "sender": "",
        "from_filter": "",
        "domain": "example.com",
        "catchall": "catchall",
        "bounce": "bounce",
        "default_from": "notifications",
        "hostname": "mail.acme.localhost",
        "page_password": "S-page",
        "incoming": {
            "server": "imap.example.com",
            "port": 993,
            "protocol": "imap",
            "tls": True,
            "user": "acme",
            "password": "S-imap",
        },
    },
    "db_wait_timeout": 120,
    "timeout": 30,
    "holder_timeout": 600,
    "reset_policy": "safe",
    "site": {
        "instance": "acme",
        "version": "19",
        "server_names": ["acme.localhost"],
        "upstream": "acme.odoo",
        "http_port": 8069,
        "gevent_port": 8072,
        "static_root": "/srv/static/acme/current",
        "max_body": "1g",
        "rpc": ["all"],
        "mail_name": "mail.acme.localhost",
    },
    "secret_files": {"redis_password": "S-redis"},
}


def parts(part: type = Instance) -> list[type]:
    """A class of the model and those of its parts, once each."""
    found = [part]
    for dummy, about in model.fields_of(part):
        if about.part:
            found += [one for one in parts(about.part) if one not in found]
    return found


FIELDS = [(part, name, about) for part in parts() for name, about in model.fields_of(part)]


def test_there_and_back():
    instance = Instance.from_dict(PLAIN)
    assert instance.database.name == "acme"
    assert instance.replicas[0].machine == "app1"
    assert instance.code is not None and instance.code.sources.system_packages_file == ""
    assert instance.to_dict() == PLAIN
    assert list(instance.to_dict()) == list(PLAIN)
    assert Instance.from_dict(instance.to_dict()) == instance
    assert Instance.from_dict(instance) is instance


def test_no_custom_code_and_no_machine():
    instance = Instance.from_dict({**PLAIN, "code": None, "machine": None, "replicas": []})
    assert (instance.code, instance.machine, instance.replicas) == (None, None, ())
    assert instance.to_dict()["code"] is None


def test_nobody_changes_an_instance():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Instance.from_dict(PLAIN).name = "other"


def test_the_dictionary_is_the_readers_own():
    instance = Instance.from_dict(PLAIN)
    given = instance.to_dict()
    given["conf"]["log_level"] = "other"
    given["hostnames"].append("other")
    assert instance.to_dict() == PLAIN


def tagged(value: t.Any) -> t.Any:
    """As a value comes from an inventory: each text has a mark of Ansible."""
    if isinstance(value, dict):
        return {trust_as_template(key): tagged(one) for key, one in value.items()}
    if isinstance(value, list):
        return [tagged(one) for one in value]
    return trust_as_template(value) if isinstance(value, str) else value


def kinds(value: t.Any) -> set[type]:
    if isinstance(value, dict):
        return {dict} | {kind for pair in value.items() for one in pair for kind in kinds(one)}
    if isinstance(value, (list, tuple)):
        return {type(value)} | {kind for one in value for kind in kinds(one)}
    if isinstance(value, model.Part):
        return {kind for name, dummy in model.fields_of(type(value)) for kind in kinds(getattr(value, name))}
    return {type(value)}


def test_nothing_of_ansible_stays_in_it():
    given = tagged(copy.deepcopy(PLAIN))
    assert native_type_name(given["name"]) == "str" and type(given["name"]) is not str  # the test tests something
    instance = Instance.from_dict(given)
    assert kinds(instance) <= {str, int, float, bool, type(None), dict, list, tuple}
    assert kinds(instance.to_dict()) <= {str, int, float, bool, type(None), dict, list}
    assert instance.to_dict() == PLAIN


def test_no_secret_is_shown():
    text = repr(Instance.from_dict(PLAIN))
    assert "acme-odoo-prod" in text
    assert "S-" not in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"database": None}, "Instance: the key 'database' is None: it may not be empty"),
        (
            {"database": {"name": "acme"}},
            "Instance.database: Database: the key 'owner' is missing; give what the lookup",
        ),
        ({"update_live": "False"}, "Instance: the key 'update_live' is 'False': true or false is right"),
        ({"hostnames": "a,b"}, "Instance: the key 'hostnames' is 'a,b': a list is right"),
        ({"replicas": "acme-1"}, "Instance: the key 'replicas' is 'acme-1': a list is right"),
        ({"conf": []}, "Instance: the key 'conf' is []: a dictionary is right"),
        ({"secret_files": "S-text"}, "Instance: the key 'secret_files' is ********: a dictionary is right"),
        ({"timeout": "soon"}, "Instance: the key 'timeout' is 'soon': invalid literal"),
    ],
)
def test_what_is_no_instance_is_refused(change, message):
    with pytest.raises(ModelError) as caught:
        Instance.from_dict({**PLAIN, **change})
    assert str(caught.value).startswith(message)


def test_a_missing_key_is_refused():
    with pytest.raises(ModelError, match="Instance: the key 'stateless' is missing; give what the lookup"):
        Instance.from_dict({key: value for key, value in PLAIN.items() if key != "stateless"})
    with pytest.raises(ModelError, match="Code: str isn't what the lookup"):
        Code.from_dict("acme")


@pytest.mark.parametrize(("part", "name", "about"), FIELDS, ids=lambda one: getattr(one, "__name__", str(one))[:40])
def test_each_field_says_what_it_is(part, name, about):
    assert about.description[0].isupper() and about.description.endswith(".")
    assert about.variables or about.derived or about.part, "where does it come from?"
    assert not about.derived.endswith(".")
    annotation = part.__annotations__[name]
    assert annotation.endswith(" | None") == about.optional
    native = {"str": "str", "int": "int", "bool": "bool", "list": "tuple[", "dict": "dict["}[about.kind]
    if about.part:
        native = f"tuple[{about.part.__name__}, ...]" if about.kind == "list" else about.part.__name__
    assert annotation.startswith(native)
    if about.kind == "int" and not name.endswith("port"):
        assert about.unit, "what does it count?"


def test_what_is_called_a_secret_is_one():
    words = ("password", "secret", "token", "_key")
    for part, name, about in FIELDS:
        if any(word in name for word in words) or (part is model.StorageAccount and name == "key"):
            assert about.secret == (name != "access_key"), f"{part.__name__}.{name}"


def test_documentation_has_every_field():
    documented = model.contains(Instance)
    assert documented["timeout"] == {
        "description": [
            "How long a replica waits for a database that is not open and that no run works on.",
            "In minutes.",
            "From C(odoo_timeout).",
        ],
        "type": "int",
    }
    assert documented["database"]["contains"]["password"]["description"][-1] == "Secret."
    assert documented["replicas"]["elements"] == "dict"
    assert documented["hostnames"]["elements"] == "str"
    assert documented["code"]["contains"]["sources"]["contains"]["git_sources"]["elements"] == "dict"
