# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Instances and replicas out of an inventory: the one place that knows how groups and variables become an Odoo.

An instance is a group of replicas below an environment group; what it doesn't say gets the defaults below, which are also
the defaults that the role C(odoo) documents (a unit test compares the two).
"""

from __future__ import annotations

import re
import typing as t

from .._runtime.common import values
from .._services.odoo_conf import GEVENT_PORT, HTTP_PORT
from . import collisions, stateless
from .naming import NamingError, bucket_name, check_bucket_name, redis_prefix

VERSIONS = ("14", "15", "16", "17", "18", "19")
ENVIRONMENTS = ("prod", "integration", "test", "dev")
LABS = re.compile(r"^labs([_-][a-z0-9_-]+)?$")
MACHINE_GROUPS = ("docker_hosts", "postgres", "redis", "object_storage", "nginx")
ROOT_GROUP = "odoo"
STATIC_DIR = "/srv/static"
LOCAL_STORAGE_USER = "odoo"  # user of the instance's own account in the local object storage

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
_HOSTNAME = re.compile(r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
_CHANNEL = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
_RELEASE = re.compile(r"^[0-9a-f]{16}$")
_REPLICA = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$")
_RESERVED_DATABASES = ("postgres", "template0", "template1")

DEFAULTS: dict[str, t.Any] = {
    "odoo_version": "19",
    "odoo_project": None,
    "odoo_instance": None,
    "odoo_db_name": None,
    "odoo_db_user": None,
    "odoo_db_password": None,
    "odoo_hostnames": None,
    "odoo_modules": ["base"],
    "odoo_server_wide_modules": [],
    "odoo_language": None,
    "odoo_admin_login": "admin",
    "odoo_admin_password": None,
    "odoo_master_password": None,
    "odoo_redis_password": None,
    "odoo_mode": "RunOnly",
    "odoo_update": "changed",
    "odoo_update_live": False,
    "odoo_hooks_dir": None,
    "odoo_hooks": "changed",
    "odoo_workers": None,
    "odoo_max_cron_threads": 1,
    "odoo_limit_memory_soft": None,
    "odoo_limit_memory_hard": None,
    "odoo_limit_time_cpu": 600,
    "odoo_limit_time_real": 1200,
    "odoo_addons_path": [],
    "odoo_addons_dirs": [],
    "odoo_project_dir": None,
    "odoo_migration_file": None,
    "odoo_migration_mode": None,
    "odoo_migration_allow_serie": False,
    "odoo_migration_force_version": None,
    "odoo_migration_next": None,
    "odoo_restore_point": None,
    "odoo_on_failure": None,
    "odoo_conf": {},
    "odoo_custom_modules_paths": [],
    "odoo_python_dependencies_paths": [],
    "odoo_git_sources": [],
    "odoo_python_requirements_file": None,
    "odoo_system_packages_file": None,
    "odoo_code_lock_file": None,
    "odoo_release_bucket": None,
    "odoo_release_prefix": None,
    "odoo_release_channel": None,
    "odoo_release_endpoint": None,
    "odoo_release_region": None,
    "odoo_release_access_key": None,
    "odoo_release_secret_key": None,
    "odoo_release": None,
    "odoo_keep_releases": 3,
    "odoo_drain_timeout": 30,
    "odoo_bucket": None,
    "odoo_s3_access_key": None,
    "odoo_s3_secret_key": None,
    "odoo_max_upload": "1g",
    "odoo_db_wait_timeout": 120,
    "odoo_timeout": 30,
    "odoo_holder_timeout": 600,
    "odoo_reset_policy": "safe",
    **stateless.DEFAULTS,
}

# What a replica may be started to do; the modes that don't serve are for the role's one-off containers.
REPLICA_MODES = ("RunOnly", "InstallAndRun", "UpdateAndRun")
# Sources of own code: setting to option of the module odoo_addons_sync
CODE_SOURCES = {
    "odoo_custom_modules_paths": "odoo_custom_modules_paths",
    "odoo_python_dependencies_paths": "odoo_python_dependencies_paths",
    "odoo_git_sources": "git_sources",
    "odoo_python_requirements_file": "python_requirements_file",
    "odoo_system_packages_file": "system_packages_file",
}
UPDATES = ("changed", "all", "none")
RESTORE_POINTS = ("none", "auto", "clone", "dump")
ON_FAILURE = ("hold", "rollback")
# Where folders of the machine are seen in the containers
PROJECT_DIR = "/opt/odoo-cloud/project"
ADDONS_DIR = "/mnt/addons"


class InventoryError(Exception):
    """What is wrong with the inventory, one line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class SecretSource(t.Protocol):
    """Gives the secret of a name, making it when it isn't there."""

    def __call__(self, name: str) -> str: ...


def is_environment(group: str) -> bool:
    """True for the name of an environment group."""
    return group in ENVIRONMENTS or bool(LABS.match(group))


def build_instances(
    groups: t.Mapping[str, t.Sequence[str]],
    hostvars: t.Mapping[str, t.Mapping[str, t.Any]],
    secret: SecretSource,
    https_port: int = 443,
) -> list[dict[str, t.Any]]:
    """All instances of the inventory with their replicas, settings and secrets, sorted by name.

    Raises InventoryError with every problem found.
    """
    problems: list[str] = []
    members: dict[str, list[str]] = {}
    environments: dict[str, str] = {}
    for replica in groups.get(ROOT_GROUP, []):
        found = _place(replica, groups, hostvars, problems)
        if found is not None:
            instance, environment = found
            members.setdefault(instance, []).append(replica)
            environments[instance] = environment
    instances = []
    for name in sorted(members):
        variables = hostvars[members[name][0]]
        settings = {key: _value(variables, key, default) for key, default in DEFAULTS.items()}
        before = len(problems)
        _validate(name, environments[name], settings, problems)
        if len(problems) > before:
            continue
        replicas = [
            {"name": replica, "machine": machine}
            for replica in members[name]
            for machine in [_machine(replica, groups, hostvars, problems)]
            if machine is not None
        ]
        instances.append(_build(name, environments[name], settings, replicas, secret, https_port))
    problems += collisions.problems(instances)
    if problems:
        raise InventoryError(problems)
    return instances


def _value(variables: t.Mapping[str, t.Any], key: str, default: t.Any) -> t.Any:
    value = variables.get(key)
    return default if value is None or value == "" else value


def _groups_of(host: str, groups: t.Mapping[str, t.Sequence[str]]) -> list[str]:
    return [group for group, hosts in groups.items() if host in hosts]


def _place(
    replica: str,
    groups: t.Mapping[str, t.Sequence[str]],
    hostvars: t.Mapping[str, t.Mapping[str, t.Any]],
    problems: list[str],
) -> tuple[str, str] | None:
    """The instance and the environment of one replica."""
    mine = _groups_of(replica, groups)
    environments = [group for group in mine if is_environment(group)]
    if not _REPLICA.match(replica):
        problems.append(
            f"inventory host {replica!r}: a replica's name becomes a container's name; use letters, digits, '-', '_'"
        )
        return None
    if len(environments) != 1:
        what = "none" if not environments else " and ".join(sorted(environments))
        problems.append(
            f"inventory host {replica!r}: its environment is {what}; put its instance's group below exactly one of the groups "
            f"{', '.join(ENVIRONMENTS)} or labs_*"
        )
        return None
    candidates = [
        group
        for group in mine
        if group not in (*MACHINE_GROUPS, ROOT_GROUP, "all", "ungrouped") and not is_environment(group)
    ]
    wanted = hostvars[replica].get("odoo_instance")
    if wanted:
        candidates = [group for group in candidates if group == wanted]
    if not candidates:
        problems.append(
            f"inventory host {replica!r}: it is a replica outside an instance group; make a group for its instance below "
            f"{environments[0]!r} and put it there"
        )
        return None
    if len(candidates) > 1:
        problems.append(
            f"inventory host {replica!r}: its instance could be {' or '.join(sorted(candidates))}; set odoo_instance in the "
            "instance's group"
        )
        return None
    return candidates[0], environments[0].replace("_", "-")


def instance_of(
    replica: str, groups: t.Mapping[str, t.Sequence[str]], hostvars: t.Mapping[str, t.Mapping[str, t.Any]]
) -> str | None:
    """The instance that a replica belongs to; None when its groups don't say it."""
    found = _place(replica, groups, hostvars, [])
    return found[0] if found else None


def machine_of(
    replica: str, groups: t.Mapping[str, t.Sequence[str]], hostvars: t.Mapping[str, t.Mapping[str, t.Any]]
) -> str | None:
    """The inventory host of the machine that a replica runs on."""
    address = hostvars[replica].get("ansible_host") or replica
    for machine in groups.get("docker_hosts", []):
        if address in (machine, hostvars[machine].get("ansible_host")):
            return machine
    return None


def _machine(
    replica: str,
    groups: t.Mapping[str, t.Sequence[str]],
    hostvars: t.Mapping[str, t.Mapping[str, t.Any]],
    problems: list[str],
) -> str | None:
    machine = machine_of(replica, groups, hostvars)
    if machine is None:
        address = hostvars[replica].get("ansible_host") or replica
        problems.append(
            f"ansible_host={address!r} of replica {replica!r}: no machine of the group docker_hosts has this name or address "
            f"(there: {', '.join(groups.get('docker_hosts', [])) or 'none'})"
        )
    return machine


def _validate(name: str, environment: str, settings: dict[str, t.Any], problems: list[str]) -> None:
    def bad(variable: str, value: t.Any, right: str) -> None:
        problems.append(f"{variable}={value!r} of instance {name!r}: {right}")

    version = str(settings["odoo_version"]).removesuffix(".0")
    if version not in VERSIONS:
        bad("odoo_version", settings["odoo_version"], f"supported are {', '.join(VERSIONS)}")
    if not _NAME.match(name):
        problems.append(
            f"instance group {name!r}: use a lowercase letter, then lowercase letters, digits and '_' (63 at most)"
        )
    try:
        bucket_name(str(settings["odoo_project"] or project_of(name, environment)), environment)
    except NamingError as error:
        bad("odoo_project", settings["odoo_project"] or project_of(name, environment), str(error))
    if settings["odoo_bucket"] is not None:
        try:
            check_bucket_name(str(settings["odoo_bucket"]))
        except NamingError as error:
            bad("odoo_bucket", settings["odoo_bucket"], str(error))
    for variable in ("odoo_db_name", "odoo_db_user"):
        value = settings[variable]
        if value is not None and (not _NAME.match(str(value)) or value in _RESERVED_DATABASES):
            bad(
                variable,
                value,
                "use a lowercase letter, then lowercase letters, digits and '_' (63 at most; not postgres, template0/1)",
            )
    if settings["odoo_admin_password"] == "admin":
        bad(
            "odoo_admin_password", "********", "'admin' is Odoo's default, which everybody knows; give another, or none"
        )
    hostnames = settings["odoo_hostnames"]
    if hostnames is not None and (
        not isinstance(hostnames, (list, tuple))
        or not hostnames
        or not all(_HOSTNAME.match(str(one)) for one in hostnames)
    ):
        bad("odoo_hostnames", hostnames, "give a list of DNS names such as ['odoo.example.com']")
    for variable, choices in (
        ("odoo_mode", REPLICA_MODES),
        ("odoo_hooks", ("changed", "always")),
        ("odoo_reset_policy", ("safe", "seed")),
    ):
        if settings[variable] not in choices:
            bad(variable, settings[variable], f"give {', '.join(choices[:-1])} or {choices[-1]}")
    update = settings["odoo_update"]
    if not all(_is_module(one) for one in _names(update)) or not _names(update):
        bad("odoo_update", update, "give changed, all or none, or a list of module names such as ['sale', 'stock']")
    elif len(_names(update)) > 1 and set(UPDATES) & set(_names(update)):
        bad("odoo_update", update, "changed, all and none stand alone; give one of them, or names of modules")
    if values.as_boolean(settings["odoo_update_live"]) is None:
        bad("odoo_update_live", settings["odoo_update_live"], "give true or false")
    hooks = settings["odoo_hooks_dir"]
    if hooks is not None and not str(hooks).startswith("/"):
        bad("odoo_hooks_dir", hooks, "give the absolute path of a folder on the machine, or nothing")
    for variable, least in (
        ("odoo_workers", 0),
        ("odoo_max_cron_threads", 0),
        ("odoo_timeout", 1),
        ("odoo_db_wait_timeout", 1),
        ("odoo_holder_timeout", 0),
        ("odoo_keep_releases", 1),
        ("odoo_drain_timeout", 0),
    ):
        value = settings[variable]
        if value is not None and (not _is_int(value) or int(value) < least):
            bad(variable, value, f"give a whole number, {least} or more")
    for variable, least in (("odoo_modules", 1), ("odoo_server_wide_modules", 0)):
        modules = settings[variable]
        if (
            not isinstance(modules, (list, tuple))
            or len(modules) < least
            or not all(_is_module(one) for one in modules)
        ):
            bad(variable, modules, "give a list of module names such as ['base', 'sale']")
    _validate_migration(settings, bad)
    _validate_code(name, environment, settings, bad)
    if not isinstance(settings["odoo_conf"], dict):
        bad("odoo_conf", settings["odoo_conf"], "give a dictionary of odoo.conf options")
    for problem in stateless.problems(settings):
        bad(*problem)


def _validate_migration(settings: dict[str, t.Any], bad: t.Callable[[str, t.Any, str], None]) -> None:
    project, file = settings["odoo_project_dir"], settings["odoo_migration_file"]
    if project is not None and not str(project).startswith("/"):
        bad("odoo_project_dir", project, "give the absolute path of a folder on the machine, or nothing")
    folders = settings["odoo_addons_dirs"]
    if not isinstance(folders, (list, tuple)) or not all(str(one).startswith("/") for one in folders):
        bad("odoo_addons_dirs", folders, "give a list of absolute paths of folders on the machine")
    if file is not None and ".." in str(file).split("/"):
        bad("odoo_migration_file", file, "give a path without '..'")
    elif file is not None and not str(file).startswith("/") and project is None:
        bad(
            "odoo_migration_file",
            file,
            "a relative path begins in odoo_project_dir, which is not set; or give one inside the image",
        )
    if values.as_boolean(settings["odoo_migration_allow_serie"]) is None:
        bad("odoo_migration_allow_serie", settings["odoo_migration_allow_serie"], "give true or false")
    for variable, choices in (("odoo_restore_point", RESTORE_POINTS), ("odoo_on_failure", ON_FAILURE)):
        if settings[variable] is not None and settings[variable] not in choices:
            bad(variable, settings[variable], f"give {', '.join(choices[:-1])} or {choices[-1]}")
    if settings["odoo_on_failure"] == "rollback" and settings["odoo_restore_point"] == "none":
        bad(
            "odoo_on_failure",
            "rollback",
            "there is nothing to go back to while odoo_restore_point is none; set that to auto",
        )


def _migration(environment: str, settings: dict[str, t.Any]) -> dict[str, t.Any]:
    """What an instance says about migrations and the way back."""

    def text(variable: str) -> str:
        return str(settings[variable] or "")

    file, point = text("odoo_migration_file"), text("odoo_restore_point")
    on_failure = text("odoo_on_failure") or ("rollback" if environment == "prod" and point != "none" else "hold")
    return {
        "addons_dirs": [
            {"source": str(one).rstrip("/"), "target": f"{ADDONS_DIR}/{number}"}
            for number, one in enumerate(settings["odoo_addons_dirs"], 1)
        ],
        "project_dir": text("odoo_project_dir").rstrip("/"),
        "migration": {
            "file": file if not file or file.startswith("/") else f"{PROJECT_DIR}/{file}",
            "mode": text("odoo_migration_mode"),
            "allow_serie": bool(values.as_boolean(settings["odoo_migration_allow_serie"])),
            "force_version": text("odoo_migration_force_version"),
            "next": text("odoo_migration_next"),
        },
        "on_failure": on_failure,
        # A person who has to decide after a failure in prod needs a way back too.
        "restore_point": point or ("auto" if on_failure == "rollback" or environment == "prod" else "none"),
    }


def _validate_code(
    name: str, environment: str, settings: dict[str, t.Any], bad: t.Callable[[str, t.Any, str], None]
) -> None:
    """What is said of own code; the sources themselves are looked at by who reads them."""
    for variable in ("odoo_custom_modules_paths", "odoo_python_dependencies_paths"):
        paths = settings[variable]
        if not isinstance(paths, (list, tuple)) or not all(str(one).startswith("/") for one in paths):
            bad(variable, paths, "give a list of absolute paths of folders on the controller")
    for variable in ("odoo_python_requirements_file", "odoo_system_packages_file", "odoo_code_lock_file"):
        if settings[variable] is not None and not str(settings[variable]).startswith("/"):
            bad(variable, settings[variable], "give the absolute path of a file on the controller")
    if not isinstance(settings["odoo_git_sources"], (list, tuple)):
        bad("odoo_git_sources", settings["odoo_git_sources"], "give a list of dictionaries with url and revision")
    channel, release = settings["odoo_release_channel"], settings["odoo_release"]
    if channel is not None and not _CHANNEL.match(str(channel)):
        bad("odoo_release_channel", channel, "use letters, digits, '.', '_' and '-' (63 at most)")
    if release is not None and not _RELEASE.match(str(release)):
        bad("odoo_release", release, "give the name of a release, 16 hexadecimal digits, or nothing for the channel's")
    if release is not None and not _has_code(settings):
        bad("odoo_release", release, "give odoo_release_bucket too, or sources such as odoo_custom_modules_paths")
    if _has_code(settings):
        try:
            _code_bucket(name, environment, settings)
        except NamingError as error:
            bad("odoo_release_bucket", settings["odoo_release_bucket"], str(error))


def _has_code(settings: t.Mapping[str, t.Any]) -> bool:
    return bool(settings["odoo_release_bucket"]) or any(settings[source] for source in CODE_SOURCES)


def _code_bucket(name: str, environment: str, settings: t.Mapping[str, t.Any]) -> str:
    """The bucket of the releases: the stated one, else one beside the instance's own."""
    given = settings["odoo_release_bucket"]
    own = str(
        settings["odoo_bucket"]
        or bucket_name(str(settings["odoo_project"] or project_of(name, environment)), environment)
    )
    return check_bucket_name(str(given or f"{own}-code"))


def _code(name: str, environment: str, settings: dict[str, t.Any], bucket: dict[str, str]) -> dict[str, t.Any] | None:
    """Where an instance's own code comes from; None when it has none."""
    if not _has_code(settings):
        return None
    own = not settings["odoo_release_bucket"]
    code_bucket = _code_bucket(name, environment, settings)
    return {
        "bucket": code_bucket,
        # A bucket that nobody named is made beside the instance's own, with the same keys.
        "own_bucket": {**bucket, "name": code_bucket} if own else None,
        "prefix": str(settings["odoo_release_prefix"] or ""),
        # One channel for each instance, unless several are to get the same code.
        "channel": str(settings["odoo_release_channel"] or name),
        "endpoint": str(settings["odoo_release_endpoint"] or ""),
        "region": str(settings["odoo_release_region"] or ""),
        "access_key": str(settings["odoo_release_access_key"] or (bucket["access_key"] if own else "")),
        "secret_key": str(settings["odoo_release_secret_key"] or (bucket["secret_key"] if own else "")),
        "release": str(settings["odoo_release"] or ""),
        "keep_releases": int(settings["odoo_keep_releases"]),
        "sources": {option: settings[setting] for setting, option in CODE_SOURCES.items() if settings[setting]},
        "lock_file": str(settings["odoo_code_lock_file"] or ""),
    }


def _is_int(value: t.Any) -> bool:
    return not isinstance(value, bool) and bool(re.match(r"^-?\d+$", str(value)))


def _is_module(value: t.Any) -> bool:
    return bool(re.match(r"^[A-Za-z]\w*$", str(value)))


def _names(value: t.Any) -> list[str]:
    """A list of names, also when it is written as one text with commas."""
    if isinstance(value, (list, tuple)):
        return [str(one) for one in value]
    return [one.strip() for one in str(value).split(",") if one.strip()]


def project_of(name: str, environment: str) -> str:
    """The project of an instance that doesn't name it: C(acme_prod) in C(prod) is C(acme)."""
    plain = name.replace("_", "-")
    return plain.removesuffix(f"-{environment}") or plain


def _build(
    name: str,
    environment: str,
    settings: dict[str, t.Any],
    replicas: list[dict[str, str]],
    secret: SecretSource,
    https_port: int,
) -> dict[str, t.Any]:
    project = str(settings["odoo_project"] or project_of(name, environment))
    database = str(settings["odoo_db_name"] or name)
    user = str(settings["odoo_db_user"] or database)
    database_password = str(settings["odoo_db_password"] or secret(f"{name}/db_password"))
    hostnames = [str(one) for one in settings["odoo_hostnames"] or [f"{name.replace('_', '-')}.localhost"]]
    port = "" if https_port == 443 else f":{https_port}"
    prefix = redis_prefix(project, environment)
    version = str(settings["odoo_version"]).removesuffix(".0")
    secret_key = str(settings["odoo_s3_secret_key"] or secret(f"{name}/s3_secret_key"))
    account = f"{name}:{LOCAL_STORAGE_USER}"
    platform = stateless.build(name, environment, settings, secret_key, account)
    bucket = {
        "name": str(settings["odoo_bucket"] or bucket_name(project, environment)),
        "access_key": str(settings["odoo_s3_access_key"] or account),
        "secret_key": secret_key,
    }
    instance: dict[str, t.Any] = {
        "name": name,
        "environment": environment,
        "project": project,
        "version": version,
        "replicas": replicas,
        "machine": replicas[0]["machine"] if replicas else None,
        "hostnames": hostnames,
        "base_url": f"https://{hostnames[0]}{port}",
        "image": {"name": f"odoo-{version}", "kind": "odoo", "version": version},
        "database": {
            "name": database,
            "owner": user,
            "password": database_password,
            # makes restore points and copies for rehearsals; 63 characters are what PostgreSQL keeps
            "keeper": f"{database[:56]}_keeper",
            "keeper_password": secret(f"{name}/db_keeper_password"),
            # where its lock is taken; only its own roles can connect to it
            "lock": f"{database[:57]}--lock",
        },
        "owner_login": {"database": database, "user": user, "password": database_password},
        "redis": {
            "name": database,
            "prefix": prefix,
            "password": str(settings["odoo_redis_password"] or secret(f"{name}/redis_password")),
        },
        "bucket": bucket,
        "code": _code(name, environment, settings, bucket),
        "drain_timeout": int(settings["odoo_drain_timeout"]),
        "storage_account": {
            "account": name,
            "user": LOCAL_STORAGE_USER,
            "key": secret_key,
        },
        "admin_login": str(settings["odoo_admin_login"]),
        "admin_password": str(settings["odoo_admin_password"] or secret(f"{name}/admin_password")),
        "master_password": str(settings["odoo_master_password"] or secret(f"{name}/master_password")),
        "modules": list(dict.fromkeys([*map(str, settings["odoo_modules"]), *platform["addons"]])),
        "server_wide_modules": list(
            dict.fromkeys([*map(str, settings["odoo_server_wide_modules"]), *platform["server_wide"]])
        ),
        "platform": platform,
        "language": settings["odoo_language"],
        "mode": str(settings["odoo_mode"]),
        "update_modules": ",".join(_names(settings["odoo_update"])),
        "update_live": bool(values.as_boolean(settings["odoo_update_live"])),
        "hooks_dir": str(settings["odoo_hooks_dir"] or "").rstrip("/"),
        "hooks": str(settings["odoo_hooks"]),
        "workers": None if settings["odoo_workers"] is None else int(settings["odoo_workers"]),
        "max_cron_threads": int(settings["odoo_max_cron_threads"]),
        "limit_memory_soft": settings["odoo_limit_memory_soft"],
        "limit_memory_hard": settings["odoo_limit_memory_hard"],
        "limit_time_cpu": int(settings["odoo_limit_time_cpu"]),
        "limit_time_real": int(settings["odoo_limit_time_real"]),
        "addons_path": [str(one) for one in settings["odoo_addons_path"]],
        **_migration(environment, settings),
        "conf": dict(settings["odoo_conf"]),
        "max_upload": str(settings["odoo_max_upload"]),
        "db_wait_timeout": int(settings["odoo_db_wait_timeout"]),
        "timeout": int(settings["odoo_timeout"]),
        "holder_timeout": int(settings["odoo_holder_timeout"]),
        "reset_policy": str(settings["odoo_reset_policy"]),
        "site": {
            "instance": name,
            "version": version,
            "server_names": hostnames,
            "upstream": upstream_alias(name),
            "http_port": HTTP_PORT,
            "gevent_port": GEVENT_PORT,
            "static_root": f"{STATIC_DIR}/{name}/current",
            "max_body": str(settings["odoo_max_upload"]),
        },
    }
    instance["secret_files"] = stateless.secret_files(instance)
    return instance


def upstream_alias(name: str) -> str:
    """The name on the platform's network that all replicas of an instance answer to."""
    return f"{name}.odoo"
