# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role odoo hands to its modules for many kinds of instances, as Ansible itself renders it.

The expressions are taken out of the role's task files and rendered by ansible-playbook with the role's defaults and variables, an
example inventory, and further instances beside it. Secrets and certificates are fixed. Started as a program, it records the results,
each in ``tests/unit/files/odoo/<inventory>.json``; the difference in git then shows which containers and files of users change.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
RECORDED = Path(__file__).parent / "files/odoo"
INVENTORIES = ("local", "cluster", "aws")
IMAGES = {"odoo-14": "sha256:" + "14" * 32, "odoo-19": "sha256:" + "19" * 32}
CODE_IMAGE = "sha256:" + "c0de" * 16
RELEASE = "0123456789abcdef"
REQUIREMENTS = {"requirements.txt": "phonenumbers==8.13.0\n"}
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nof the test\n-----END CERTIFICATE-----\n"
# Secrets that the lookups would make: those of an instance
SECRETS = (
    "admin_password",
    "code_secret_key",
    "db_keeper_password",
    "db_password",
    "mail_password",
    "master_password",
    "redis_password",
    "s3_secret_key",
)
ABSENT = "<absent>"
KEEP = """
import pathlib

class FilterModule:
    def filters(self):
        return {"keep": lambda text, path: pathlib.Path(path).write_text(text, encoding="utf-8")}
"""

PROJECT = {
    "odoo_hooks_dir": "/srv/acme/hooks/",
    "odoo_hooks": "always",
    "odoo_project_dir": "/srv/acme/project",
    "odoo_addons_dirs": ["/srv/acme/addons", "/srv/oca/addons/"],
    "odoo_migration_file": "migration.yml",
    "odoo_migration_mode": "sample",
    "odoo_migration_allow_serie": True,
    "odoo_migration_force_version": "19.0.1.2.0",
    "odoo_migration_next": "19.0.2.0.0",
}
# Every setting that containers or files show
FULL = {
    "odoo_project": "shop",
    "odoo_db_name": "shop_db",
    "odoo_db_user": "shop_user",
    "odoo_db_password": 'a "quoted" \\ pass: word #1',
    "odoo_hostnames": ["shop.example.com", "www.shop.example.com"],
    "odoo_modules": ["sale", "stock"],
    "odoo_server_wide_modules": ["bus_alt_connection"],
    "odoo_language": "fr_CH",
    "odoo_admin_login": "chief",
    "odoo_update": ["sale", "stock"],
    "odoo_update_live": True,
    "odoo_workers": 3,
    "odoo_limit_memory_soft": 700000000,
    "odoo_limit_memory_hard": 900000000,
    "odoo_addons_path": ["/opt/more"],
    "odoo_conf": {"log_level": "warn", "test_enable": False, "unaccent": None},
    "odoo_bucket": "shop-files",
    "odoo_s3_access_key": "AKIA",
    "odoo_s3_endpoint": "https://s3.example.com",
    "odoo_s3_region": "ch-gva-2",
    "odoo_db_wait_timeout": 60,
    "odoo_timeout": 45,
    "odoo_holder_timeout": 0,
    "odoo_reset_policy": "seed",
    "odoo_session_expiration": 7200,
    "odoo_session_expiration_anonymous": 600,
    "odoo_logging_json": True,
    "odoo_log_requests": True,
    "odoo_metrics": True,
    "odoo_metrics_token": "token-of-the-test",
    "odoo_statsd_host": "statsd.example.com",
    "odoo_statsd_port": 9125,
    "odoo_direct_download_bytes": 0,
    "odoo_restore_point": "clone",
    "odoo_on_failure": "hold",
    "odoo_mail": "server",
    "odoo_smtp_server": "smtp.example.com",
    "odoo_smtp_tls": "tls",
    "odoo_smtp_verify": False,
    "odoo_smtp_user": "shop",
    "odoo_smtp_password": "password-of-the-test",
    "odoo_smtp_from": "shop@example.com",
    "odoo_smtp_from_filter": ["example.com", "shop@example.org"],
    "odoo_mail_domain": "example.com",
    "odoo_mail_catchall": "answers",
    "odoo_incoming_server": "imap.example.com",
    "odoo_incoming_user": "answers@example.com",
    "odoo_incoming_password": "mailbox-of-the-test",
    "odoo_env": {
        "TEXT": "with 'quotes', \"quotes\", a # and a: colon",
        "OCTAL": "0123",
        "NUMBER": 7,
        "SWITCH": True,
        "SWITCHED_OFF": False,
        "YES_TEXT": "yes",
        "NULL_TEXT": "null",
        "NOTHING": "",
        "ACCENTS": "Zürich – café",
        "LINES": "one\ntwo\n",
        "TIMEOUT": 99,
    },
}
OVH = {
    "odoo_platform_kind": "ovh",
    "odoo_swift_auth_url": "https://auth.example.com/v3",
    "odoo_swift_account": "user-1",
    "odoo_swift_password": "swift-password-of-the-test",
    "odoo_swift_project": "tenant",
    "odoo_swift_region": "GRA",
}
# Of these instances, all that is asked for a moment alone; of the others, installations and updates
CLOSELY = ("demo", "acme_prod", "project", "project14", "ovh", "apart")
CODE = {"odoo_custom_modules_paths": ["/srv/code/addons"]}
# Instance to environment, variables, and the machines of its replicas (the first machine alone when none is named)
More = dict[str, tuple[str, dict[str, t.Any], tuple[str, ...]]]
LOCAL: More = {
    "plain14": ("prod", {"odoo_version": "14.0"}, ()),
    "project": ("prod", PROJECT, ()),
    "project14": (
        "integration",
        {**PROJECT, "odoo_version": "14", "odoo_migration_file": "/opt/m/", "odoo_migration_allow_serie": False,
         "odoo_restore_point": "none"},
        (),
    ),
    "code": ("prod", CODE, ()),
    "code14": ("labs_next", {**CODE, **PROJECT, "odoo_version": "14", "odoo_restore_point": "auto"}, ()),
    "codeless": ("test", CODE, ()),
    "stateful": ("prod", {"odoo_stateless": False}, ()),
    "stateful14": ("dev", {"odoo_stateless": False, "odoo_version": "14", "odoo_mode": "UpdateAndRun"}, ()),
    "install": ("test", {"odoo_mode": "InstallAndRun", "odoo_restore_point": "dump"}, ()),
    "update": ("prod", {"odoo_mode": "UpdateAndRun", "odoo_update": "all", "odoo_on_failure": "rollback"}, ()),
    "ovh": ("prod", {"odoo_platform_kind": "ovh"}, ()),
    "full": ("integration", FULL, ()),
}  # fmt: skip
CLUSTER: More = {
    "plain14": ("prod", {"odoo_version": "14"}, ()),
    "project": ("test", PROJECT, ()),
    "stateful": ("prod", {"odoo_stateless": False}, ()),
    "apart": ("integration", {"odoo_hostnames": ["apart.example.com"]}, ("app1", "app2")),
    "away": ("prod", {}, ("app2",)),
}
AWS: More = {
    "plain14": ("prod", {"odoo_version": "14", "odoo_s3_region": "eu-central-1"}, ()),
    "project": ("prod", {**PROJECT, "odoo_restore_point": "none"}, ()),
    "ovh": ("integration", OVH, ()),
    "unchecked": ("test", {"odoo_restore_point": "auto"}, ("app2",)),
}
MORE = {"local": LOCAL, "cluster": CLUSTER, "aws": AWS}
# Instances of the inventory itself, and machines with variables that are added to it
OWN = {"local": ["demo"], "cluster": ["acme_prod"], "aws": []}
MACHINES: dict[str, dict[str, dict[str, t.Any]]] = {
    "local": {"localhost": {}},
    "cluster": {"app1": {}, "app2": {"ansible_host": "app2.example.com", "odoo_cloud_address": "192.0.2.12"}},
    # A server of PostgreSQL and a Redis that somebody else runs, and S3 of AWS; from the second machine nobody checks certificates.
    "aws": {
        "app1": {"object_storage_region": "eu-central-2", "odoo_cloud_machine": {"cpus": 8, "memory_bytes": 34359738368}},
        "app2": {"odoo_db_ca_certificate": ""},
    },
}  # fmt: skip


def overlay(inventory: str, folder: Path) -> dict[str, t.Any]:
    """The inventory file with what is added to one of the examples."""
    more, machines = MORE[inventory], MACHINES[inventory]
    environments: dict[str, t.Any] = {}
    for name, (environment, variables, places) in more.items():
        hosts = {}
        for number, machine in enumerate(places or (next(iter(machines)),), 1):
            known = machines[machine].get("ansible_host")
            address = known or ("app1.example.com" if inventory == "cluster" else machine)
            hosts[f"{name}-{number}"] = {"ansible_host": address}
        children = environments.setdefault(environment, {"children": {}})["children"]
        children[name] = {"hosts": hosts, "vars": variables}
    pulled = [{"item": name, "wanted": RELEASE, "folder": f"/srv/odoo-cloud/{name}/code/releases/{RELEASE}",
               "texts": REQUIREMENTS if name == "code14" else {}} for name in ("code", "code14")]  # fmt: skip
    everywhere: dict[str, t.Any] = {"image_ids": images(), "odoo_pulled": {"results": pulled}}
    groups: dict[str, t.Any] = {"docker_hosts": {"hosts": machines}, "odoo": {"children": environments}}
    if inventory == "aws":
        everywhere.update(odoo_cloud_name="shop", odoo_cloud_root="/opt/shop")
        login = {"host": "db.example.com", "port": 5433, "user": "admin", "password": "x"}
        login["ssl_rootcert"] = str(folder / "rds.pem")
        groups["postgres"] = {"hosts": {"app1": {"postgres_external": login}}}
        groups["redis"] = {"hosts": {"app1": {"redis_external": {"url": "rediss://cache.example.com:6379/0"}}}}
    return {"all": {"vars": everywhere, "children": groups}}


def images() -> dict[str, str]:
    """Names and IDs of the images, with the one that has the requirements of own code."""
    from ansible_collections.odoo_cloud.platform.plugins.module_utils._images.plan import code_name, set_key

    return {**IMAGES, code_name("14", set_key("14", "odoo-14", REQUIREMENTS)): CODE_IMAGE}


def prepare_secrets(folder: Path, instances: t.Iterable[str]) -> None:
    """A folder of secrets in which nothing is missing, so that none is made."""
    (folder / "tls").mkdir(parents=True)
    (folder / "platform.json").write_text(json.dumps({"name": "odoo-cloud", "identity": "of the test"}))
    for name in ("ca.crt", "postgres.crt", "postgres.key", "redis.crt", "redis.key"):
        (folder / "tls" / name).write_text(CERTIFICATE)
    for instance in instances:
        (folder / instance).mkdir()
        for name in SECRETS:
            (folder / instance / name).write_text(f"{name}-of-{instance}")


def role_tasks(file: str) -> list[dict[str, t.Any]]:
    """The tasks of a file of the role, with those inside of blocks."""

    def flat(tasks: list[dict[str, t.Any]]) -> t.Iterator[dict[str, t.Any]]:
        for task in tasks:
            for part in ("block", "rescue", "always"):
                yield from flat(task.get(part, []))
            yield task

    return list(flat(yaml.safe_load((ROOT / "roles/odoo/tasks" / file).read_text(encoding="utf-8"))))


def option(file: str, module: str, name: str) -> dict[str, t.Any]:
    """A task that renders what the role's task hands to an option of a module."""
    (task,) = [one for one in role_tasks(file) if f"odoo_cloud.platform.{module}" in one]
    expression = task[f"odoo_cloud.platform.{module}"][name]
    return {"ansible.builtin.set_fact": {"rendered": expression}, "vars": dict(task.get("vars", {}))}


def play(instances: list[str], result: Path) -> list[dict[str, t.Any]]:
    """The tasks: each renders one thing that the role hands over, the last one keeps all results."""
    # What every expression needs, once
    once = {"odoo_instances": "{{ query('odoo_cloud.platform.instances', machine=inventory_hostname) }}",
            "__odoo_surroundings": "{{ __odoo_surroundings }}"}  # fmt: skip
    tasks: list[dict[str, t.Any]] = [{"ansible.builtin.set_fact": once}]
    kept: dict[str, str] = {}

    def add(key: str, task: dict[str, t.Any], **more: t.Any) -> None:
        tasks.append({**task, **more, "register": f"of_{key}"})
        loops = "results | map(attribute='ansible_facts.rendered')" if "loop" in more else "ansible_facts.rendered"
        kept[key] = f"{{{{ of_{key}.{loops} }}}}"

    add("files", option("main.yml", "files", "files"))
    add("replicas", option("main.yml", "container_plan", "containers"))
    failed = option("main.yml", "container_plan", "containers")
    failed["vars"]["__odoo_failures"] = [{"instance": instances[0]}]
    add("replicas_after_a_failure", failed)
    add("once", option("main.yml", "container_plan", "once"))
    here = "{{ odoo_instances | map(attribute='name') }}"
    closely = f"{{{{ odoo_instances | map(attribute='name') | select('in', {list(CLOSELY)}) }}}}"
    add("static", option("main.yml", "odoo_static", "definition"), loop=here)
    for key, file, module in (("plan", "plan.yml", "odoo_migration"), ("rehearse", "rehearse.yml", "odoo_rehearsal")):
        add(key, option(file, module, "definition"), loop=closely)
    ask = option("run.yml", "odoo_migration", "definition")
    ask["vars"]["__odoo_run"] = {"instance": "{{ item }}"}
    add("ask", ask, loop=closely)
    for key, mode, live in (("install", "InstallOnly", False), ("update", "UpdateOnly", False),
                            ("install_live", "InstallOnly", True), ("update_live", "UpdateOnly", True)):  # fmt: skip
        change = option("change.yml", "odoo_migration", "definition")
        change["vars"].update(__odoo_run={"instance": "{{ one }}", "live": live}, item=mode)
        add(key, change, loop=closely if live else here, loop_control={"loop_var": "one"})
    # A filter of the test writes them: a module run costs more than all of this.
    path = f"{result}/{{{{ inventory_hostname }}}}.json"
    tasks.append(
        {
            "ansible.builtin.set_fact": {"written": "{{ kept | to_json | keep(path) }}"},
            "vars": {"kept": kept, "path": path},
        }
    )
    return tasks


def rendered(inventory: str, folder: Path) -> dict[str, t.Any]:
    """For each machine of an example inventory with more instances: what the role odoo hands to its modules."""
    instances = [*OWN[inventory], *MORE[inventory]]
    result, role = folder / "result", folder / "roles/odoo"
    for path in (result, role / "tasks", role / "filter_plugins", folder / "ansible_collections/odoo_cloud"):
        path.mkdir(parents=True)
    (folder / "ansible_collections/odoo_cloud/platform").symlink_to(ROOT)
    for part in ("defaults", "vars", "templates"):
        if (ROOT / "roles/odoo" / part).exists():
            (role / part).symlink_to(ROOT / "roles/odoo" / part)
    prepare_secrets(folder / "secrets", instances)
    (folder / "rds.pem").write_text(CERTIFICATE)
    (role / "filter_plugins/keep.py").write_text(KEEP)
    (role / "tasks/main.yml").write_text(json.dumps(play(instances, result)))
    (folder / "more.yml").write_text(json.dumps(overlay(inventory, folder)))
    site = [{"hosts": "docker_hosts", "gather_facts": False, "roles": ["odoo"]}]
    (folder / "site.yml").write_text(json.dumps(site))
    before = sorted(folder.glob("secrets/*/*"))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment.update(HOME=str(folder), LC_ALL="C.UTF-8", ANSIBLE_ROLES_PATH=str(folder / "roles"),
                       ANSIBLE_COLLECTIONS_PATH=str(folder), ANSIBLE_NOCOLOR="1")  # fmt: skip
    command = [sys.executable, "-m", "ansible.cli.playbook", "-i", str(ROOT / "inventories" / inventory / "hosts"), "-i", "more.yml",
               "-e", json.dumps({"odoo_cloud_secrets_dir": str(folder / "secrets")}), "site.yml"]  # fmt: skip
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise AssertionError(f"{run.stdout}\n{run.stderr}")
    assert sorted(folder.glob("secrets/*/*")) == before, "a secret was made that the test doesn't fix"
    return {path.stem: tidy(json.loads(path.read_text())) for path in sorted(result.glob("*.json"))}


def tidy(machine: dict[str, t.Any]) -> dict[str, t.Any]:
    """The same, without what is there several times: of one-off containers the difference to what the machine keeps in a file."""
    from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.comparison import canonical

    one_offs = {
        key: {one["env"]["INSTANCE"]: one for one in machine.pop(key)}
        for key in [*machine]
        if key not in ("files", "replicas", "replicas_after_a_failure", "once")
    }
    static = one_offs.pop("static")
    for file in machine["files"]:
        if file["path"].endswith("/one-off.json"):
            definition = static[file["path"].split("/")[-2]]
            assert file["content"] == json.dumps(definition, indent=4, sort_keys=True) + "\n"
            file["content"] = "the definition of `static`"
    everybody = machine.pop("replicas_after_a_failure")
    return {
        **machine,
        "left_after_a_failure": [one["name"] for one in machine["replicas"] if one not in everybody],
        "labels": {one["name"]: hashlib.sha256(canonical(one, "sha256:1").encode()).hexdigest()[:16] for one in machine["replicas"]},
        "one_offs": {
            name: {"static": kept, **{key: difference(kept, found[name]) for key, found in one_offs.items() if name in found}}
            for name, kept in static.items()
        },
    }  # fmt: skip


def difference(base: dict[str, t.Any], other: dict[str, t.Any]) -> dict[str, t.Any]:
    """What has to be put into one dictionary to get the other."""
    found: dict[str, t.Any] = {}
    for key in sorted({*base, *other}):
        if key not in other:
            found[key] = ABSENT
        elif isinstance(base.get(key), dict) and isinstance(other[key], dict):
            found.update({key: difference(base[key], other[key])} if text(base[key]) != text(other[key]) else {})
        elif key not in base or text(base[key]) != text(other[key]):
            found[key] = other[key]
    return found


def text(value: t.Any) -> str:
    """A value as JSON; unlike Python's ``==`` it tells 1 from True."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def pretty(value: t.Any, indent: str = "") -> str:
    """JSON for people: what fits into a line is on one."""
    short = text(value)
    if len(indent) + len(short) <= 140 or not isinstance(value, (dict, list)):
        return short
    inner = indent + " "
    if isinstance(value, list):
        lines = [pretty(one, inner) for one in value]
    else:
        lines = [f"{json.dumps(key)}: {pretty(value[key], inner)}" for key in sorted(value)]
    opening, closing = "[]" if isinstance(value, list) else "{}"
    return opening + "\n" + ",\n".join(inner + line for line in lines) + "\n" + indent + closing


def main() -> None:
    """Record all inventories."""
    RECORDED.mkdir(parents=True, exist_ok=True)
    for inventory in INVENTORIES:
        with tempfile.TemporaryDirectory() as folder:
            found = rendered(inventory, Path(folder).resolve())
        (RECORDED / f"{inventory}.json").write_text(pretty(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
