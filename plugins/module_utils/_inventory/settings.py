# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The inventory variables of an instance, with their defaults and allowed values.

The role `odoo` documents the same variables with the same defaults, and `model` has the resulting
fields; a unit test compares the three. `instance` checks what depends on several variables.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from .._runtime.common.container_variables import Language
from .._runtime.common.odoo_facts import VERSIONS
from .._runtime.common.values import MODULE_NAME, as_boolean, as_port, as_size, as_whole
from .._runtime.rules.environment import KINDS
from . import egress, mail, stateless
from .model import Instance, described
from .naming import NamingError, check_bucket_name
from .odoo_image import PYTHONS, is_reference

LEAST_REDIS_MEMORY = 8 * 1024 * 1024
# The least with which an update works: the runtime's own sessions and Odoo's, see `_services/connections.py`.
LEAST_DB_CONNECTIONS = 20

# Modes of replicas. Modes that don't serve requests are for the role's one-off containers.
REPLICA_MODES = ("RunOnly", "InstallAndRun", "UpdateAndRun")
UPDATES = ("changed", "all", "none")
# What prints: the platform's report service, or the program of Odoo's image
CHROMIUM, WKHTMLTOPDF = "chromium", "wkhtmltopdf"
# Sources of custom code: setting to option of the module odoo_addons_sync
CODE_SOURCES = {
    "odoo_custom_modules_paths": "odoo_custom_modules_paths",
    "odoo_python_dependencies_paths": "odoo_python_dependencies_paths",
    "odoo_git_sources": "git_sources",
    "odoo_python_requirements_file": "python_requirements_file",
    "odoo_system_packages_file": "system_packages_file",
}

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
_RESERVED_DATABASES = ("postgres", "template0", "template1")
_HOSTNAME = re.compile(r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
_CHANNEL = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
_RELEASE = re.compile(r"^[0-9a-f]{16}$")
_ADDRESS = re.compile(r"https?://[^\s/@]+(/\S*)?\Z")
_MODULE = re.compile(rf"^{MODULE_NAME.pattern}$")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*\Z")

# Checks a value that is set. Returns what would be right, empty when the value is.
Rule = t.Callable[[t.Any], str]


@dataclasses.dataclass(frozen=True)
class Setting:
    """One inventory variable of an instance.

    `default`: counts when the variable is not set or empty. `rule`: checks every other value.
    """

    default: t.Any = None
    rule: Rule | None = None


def _rule(fits: t.Callable[[t.Any], bool], right: str) -> Rule:
    return lambda value: "" if fits(value) else right


def _one_of(*choices: str) -> Rule:
    return _rule(lambda value: value in choices, f"give {', '.join(choices[:-1])} or {choices[-1]}")


def _whole(least: int) -> Rule:
    def fits(value: t.Any) -> bool:
        found = as_whole(value)
        return found is not None and found >= least

    return _rule(fits, f"give a whole number, {least} or more")


def rpc_addresses(value: t.Any) -> list[str] | None:
    """From where programs may call an instance: `["all"]`, addresses and networks, or nothing.
    `None`: the value is none of these."""
    given = value if isinstance(value, (list, tuple)) else [value]
    if len(given) == 1 and (flag := as_boolean(given[0])) is not None:
        return ["all"] if flag else []
    if [str(one) for one in given] == ["all"]:
        return ["all"]
    try:
        return [str(ipaddress.ip_network(str(one), strict=False)) for one in given]
    except ValueError:
        return None


def _size(right: str) -> Rule:
    return _rule(lambda value: as_size(value) is not None, right)


def _is_list(value: t.Any, fits: t.Callable[[str], t.Any] = bool, least: int = 0) -> bool:
    return isinstance(value, (list, tuple)) and len(value) >= least and all(fits(str(one)) for one in value)


def _starts_at_root(path: str) -> bool:
    return path.startswith("/")


def names(value: t.Any) -> list[str]:
    """A list of names, which may also be given as one text with commas."""
    if isinstance(value, (list, tuple)):
        return [str(one) for one in value]
    return [one.strip() for one in str(value).split(",") if one.strip()]


def _update(value: t.Any) -> str:
    given = names(value)
    if not given or not all(_MODULE.match(one) for one in given):
        return "give changed, all or none, or a list of module names such as ['sale', 'stock']"
    if len(given) > 1 and set(UPDATES) & set(given):
        return "changed, all and none stand alone; give one of them, or names of modules"
    return ""


def _bucket(value: t.Any) -> str:
    try:
        check_bucket_name(str(value))
    except NamingError as error:
        return str(error)
    return ""


def version_of(value: t.Any) -> str:
    """Odoo's version as its first number: `19` for `19.0`."""
    return str(value).removesuffix(".0")


# Options of odoo.conf that the platform sets, because nginx, the runtime and PostgreSQL rely on them.
# Each with the variable to set in its place, if there is one.
PLATFORM_OPTIONS = {
    "addons_path": "odoo_addons_path",
    "admin_passwd": "odoo_master_password",
    "data_dir": "",
    "db_host": "odoo_db_host",
    "db_name": "odoo_db_name",
    "db_password": "odoo_db_password",
    "db_port": "odoo_db_port",
    "db_user": "odoo_db_user",
    "dbfilter": "",
    "email_from": "odoo_smtp_from",
    "from_filter": "odoo_smtp_from_filter",
    "gevent_port": "",
    "http_enable": "",
    "http_interface": "",
    "http_port": "",
    "list_db": "",
    "longpolling_port": "",
    "proxy_mode": "",
    "smtp_password": "odoo_smtp_password",
    "smtp_port": "odoo_smtp_port",
    "smtp_server": "odoo_smtp_server",
    "smtp_ssl": "odoo_smtp_tls",
    "smtp_user": "odoo_smtp_user",
    "xmlrpc_port": "",
}


def _conf(value: t.Any) -> str:
    if not isinstance(value, dict):
        return "give a dictionary of odoo.conf options"
    wrong = sorted(set(value) & set(PLATFORM_OPTIONS))
    if not wrong:
        return ""
    told = [f"{one} (set {PLATFORM_OPTIONS[one]})" if PLATFORM_OPTIONS[one] else one for one in wrong]
    return f"leave out {', '.join(told)}, which the platform sets itself"


def _targets(value: t.Any) -> str:
    if not _is_list(value):
        return egress.RIGHT
    for one in value:
        try:
            egress.parse(str(one))
        except ValueError as error:
            return f"{one!r}: {error}"
    return ""


PORT = "give a port from 1 to 65535"
RPC = "give true, false, or a list of addresses and networks such as [192.0.2.7, 10.0.0.0/8]"

_flag = _rule(lambda value: as_boolean(value) is not None, "give true or false")
_database = _rule(
    lambda value: bool(_NAME.match(str(value))) and value not in _RESERVED_DATABASES,
    "use a lowercase letter, then lowercase letters, digits and '_' (63 at most; not postgres, template0/1)",
)
_language = _rule(
    lambda value: bool(re.fullmatch(Language.pattern, str(value))), "give a language of Odoo such as nl_NL, or nothing"
)
_folder = _rule(
    lambda value: _starts_at_root(str(value)), "give the absolute path of a folder on the machine, or nothing"
)
_folders = _rule(
    lambda value: _is_list(value, _starts_at_root), "give a list of absolute paths of folders on the machine"
)
_local_folders = _rule(
    lambda value: _is_list(value, _starts_at_root), "give a list of absolute paths of folders on the controller"
)
_local_file = _rule(lambda value: _starts_at_root(str(value)), "give the absolute path of a file on the controller")
_memory = _size("give a number of bytes, or a size such as 2g")
_container_memory = _rule(
    lambda value: (as_size(value) or 0) >= 256 * 1024 * 1024, "give a size such as 2g, 256m or more"
)
_host = _rule(
    lambda value: bool(egress.of_host(str(value), 0) or _HOSTNAME.match(str(value))),
    "give a host name such as mail.example.com, or an IP address",
)
_port = _rule(lambda value: as_port(value) is not None, PORT)
_line = _rule(lambda value: str(value).isprintable(), "give one line of text")
_local_part = _rule(
    lambda value: bool(mail.LOCAL_PART.match(str(value))), "give the part before the @, letters, digits and . _ + -"
)
_mail_address = _rule(lambda value: bool(mail.ADDRESS.match(str(value))), "give an address such as odoo@example.com")
_address = _rule(lambda value: bool(_ADDRESS.match(str(value))), "give an address such as https://s3.example.com")


def _modules(least: int) -> Rule:
    return _rule(
        lambda value: _is_list(value, _MODULE.match, least), "give a list of module names such as ['base', 'sale']"
    )


SETTINGS: dict[str, Setting] = {
    "odoo_version": Setting(
        "19", _rule(lambda value: version_of(value) in VERSIONS, f"supported are {', '.join(VERSIONS)}")
    ),
    "odoo_image": Setting(
        rule=_rule(
            lambda value: is_reference(str(value)),
            "give <repository>@sha256:<digest>, or the ID of an image on the building machine (sha256:<64 hex digits>)",
        )
    ),
    "odoo_python": Setting(
        rule=_rule(lambda value: str(value) in PYTHONS, f"supported are {', '.join(PYTHONS)}, as text")
    ),
    "odoo_project": Setting(),
    "odoo_instance": Setting(),
    "odoo_db_name": Setting(rule=_database),
    "odoo_db_user": Setting(rule=_database),
    "odoo_db_password": Setting(),
    "odoo_hostnames": Setting(
        rule=_rule(
            lambda value: _is_list(value, _HOSTNAME.match, 1), "give a list of DNS names such as ['odoo.example.com']"
        )
    ),
    "odoo_modules": Setting(["base"], _modules(1)),
    "odoo_server_wide_modules": Setting([], _modules(0)),
    "odoo_language": Setting(rule=_language),
    "odoo_admin_login": Setting("admin"),
    "odoo_admin_password": Setting(
        rule=_rule(
            lambda value: value != "admin", "'admin' is Odoo's default, which everybody knows; give another, or none"
        )
    ),
    "odoo_master_password": Setting(),
    "odoo_redis_password": Setting(),
    "odoo_redis_memory": Setting(
        "64m",
        _rule(
            lambda value: (as_size(value) or 0) >= LEAST_REDIS_MEMORY,
            "give a size such as 64m, 8m or more",
        ),
    ),
    "odoo_redis_port": Setting(rule=_rule(lambda value: as_port(value) is not None, PORT)),
    "odoo_db_connections": Setting(rule=_whole(LEAST_DB_CONNECTIONS)),
    "odoo_attachments_quota": Setting(rule=_size("give a size such as 20g, or 0 for none")),
    "odoo_mode": Setting("RunOnly", _one_of(*REPLICA_MODES)),
    "odoo_update": Setting("changed", _update),
    "odoo_update_live": Setting(False, _flag),
    "odoo_hooks_dir": Setting(rule=_folder),
    "odoo_hooks": Setting("changed", _one_of("changed", "always")),
    "odoo_workers": Setting(rule=_whole(0)),
    "odoo_max_cron_threads": Setting(1, _whole(0)),
    "odoo_limit_memory_soft": Setting(rule=_memory),
    "odoo_limit_memory_hard": Setting(rule=_memory),
    "odoo_memory": Setting(rule=_container_memory),
    "odoo_run_memory": Setting(rule=_container_memory),
    "odoo_pids": Setting(rule=_whole(64)),
    "odoo_cpu_shares": Setting(
        rule=_rule(lambda value: (as_whole(value) or 0) in range(2, 262145), "give a weight from 2 to 262144")
    ),
    "odoo_report_engine": Setting(rule=_one_of(CHROMIUM, WKHTMLTOPDF)),
    "odoo_limit_time_cpu": Setting(600, _whole(0)),
    "odoo_limit_time_real": Setting(1200, _whole(0)),
    "odoo_addons_path": Setting([], _rule(_is_list, "give a list of folders inside the image")),
    "odoo_addons_dirs": Setting([], _folders),
    "odoo_project_dir": Setting(rule=_folder),
    "odoo_migration_file": Setting(
        rule=_rule(lambda value: ".." not in str(value).split("/"), "give a path without '..'")
    ),
    "odoo_migration_mode": Setting(),
    "odoo_migration_allow_serie": Setting(False, _flag),
    "odoo_migration_force_version": Setting(),
    "odoo_migration_next": Setting(),
    "odoo_restore_point": Setting(rule=_one_of("none", "auto", "clone", "dump")),
    "odoo_on_failure": Setting(rule=_one_of("hold", "rollback")),
    "odoo_conf": Setting({}, _conf),
    "odoo_custom_modules_paths": Setting([], _local_folders),
    "odoo_python_dependencies_paths": Setting([], _local_folders),
    "odoo_git_sources": Setting(
        [],
        _rule(
            lambda value: _is_list(value) and all(isinstance(one, dict) for one in value),
            "give a list of dictionaries with url and revision",
        ),
    ),
    "odoo_python_requirements_file": Setting(rule=_local_file),
    "odoo_system_packages_file": Setting(rule=_local_file),
    "odoo_code_lock_file": Setting(rule=_local_file),
    "odoo_release_bucket": Setting(rule=_bucket),
    "odoo_release_prefix": Setting(),
    "odoo_release_channel": Setting(
        rule=_rule(lambda value: bool(_CHANNEL.match(str(value))), "use letters, digits, '.', '_' and '-' (63 at most)")
    ),
    "odoo_release_endpoint": Setting(),
    "odoo_release_region": Setting(),
    "odoo_release_access_key": Setting(),
    "odoo_release_secret_key": Setting(),
    "odoo_release": Setting(
        rule=_rule(
            lambda value: bool(_RELEASE.match(str(value))),
            "give the name of a release, 16 hexadecimal digits, or nothing for the channel's",
        )
    ),
    "odoo_keep_releases": Setting(3, _whole(1)),
    "odoo_drain_timeout": Setting(30, _whole(0)),
    "odoo_bucket": Setting(rule=_bucket),
    "odoo_s3_access_key": Setting(),
    "odoo_s3_secret_key": Setting(),
    "odoo_max_upload": Setting("1g", _size("give a size such as 256m or 1g")),
    "odoo_rpc": Setting(True, _rule(lambda value: rpc_addresses(value) is not None, RPC)),
    "odoo_egress": Setting(egress.OPEN, _one_of(*egress.POLICIES)),
    "odoo_egress_allowed": Setting([], _targets),
    "odoo_mail": Setting(rule=_one_of(*mail.ROUTES)),
    "odoo_smtp_server": Setting(rule=_host),
    "odoo_smtp_port": Setting(rule=_port),
    "odoo_smtp_tls": Setting("starttls", _one_of(*mail.TLS)),
    "odoo_smtp_verify": Setting(True, _flag),
    "odoo_smtp_user": Setting(rule=_line),
    "odoo_smtp_password": Setting(rule=_line),
    "odoo_smtp_from": Setting(rule=_mail_address),
    "odoo_smtp_from_filter": Setting(
        rule=_rule(
            lambda value: (
                all(mail.ADDRESS.match(one) or mail.DOMAIN.match(one) for one in names(value)) and bool(names(value))
            ),
            "give domains and addresses such as example.com,info@example.org",
        )
    ),
    "odoo_mail_domain": Setting(
        rule=_rule(lambda value: bool(mail.DOMAIN.match(str(value))), "give a domain such as example.com")
    ),
    "odoo_mail_catchall": Setting("catchall", _local_part),
    "odoo_mail_bounce": Setting("bounce", _local_part),
    "odoo_mail_default_from": Setting(
        "notifications",
        _rule(
            lambda value: bool(mail.LOCAL_PART.match(str(value)) or mail.ADDRESS.match(str(value))),
            "give the part before the @, or an address",
        ),
    ),
    "odoo_mail_hostname": Setting(
        rule=_rule(lambda value: bool(_HOSTNAME.match(str(value))), "give a DNS name such as mail.test.example.com")
    ),
    "odoo_mail_page_password": Setting(
        rule=_rule(
            lambda value: len(str(value)) >= 16 and str(value).isprintable(),
            "give one of 16 characters or more, or none",
        )
    ),
    "odoo_incoming_server": Setting(rule=_host),
    "odoo_incoming_port": Setting(rule=_port),
    "odoo_incoming_protocol": Setting("imap", _one_of(*mail.PROTOCOLS)),
    "odoo_incoming_tls": Setting(True, _flag),
    "odoo_incoming_user": Setting(rule=_line),
    "odoo_incoming_password": Setting(rule=_line),
    "odoo_db_wait_timeout": Setting(120, _whole(1)),
    "odoo_timeout": Setting(30, _whole(1)),
    "odoo_holder_timeout": Setting(600, _whole(0)),
    "odoo_reset_policy": Setting("safe", _one_of("safe", "seed")),
    "odoo_stateless": Setting(True, _flag),
    "odoo_platform_kind": Setting(
        "exoscale",
        _rule(
            lambda value: value in KINDS,
            "give " + " or ".join(f"{kind} ({store.name})" for kind, store in sorted(KINDS.items())),
        ),
    ),
    "odoo_s3_endpoint": Setting(rule=_address),
    "odoo_s3_region": Setting(),
    "odoo_swift_auth_url": Setting(rule=_address),
    "odoo_swift_account": Setting(),
    "odoo_swift_password": Setting(),
    "odoo_swift_project": Setting(),
    "odoo_swift_region": Setting(),
    "odoo_session_expiration": Setting(rule=_whole(1)),
    "odoo_session_expiration_anonymous": Setting(rule=_whole(1)),
    "odoo_logging_json": Setting(False, _flag),
    "odoo_log_requests": Setting(False, _flag),
    "odoo_metrics": Setting(False, _flag),
    "odoo_metrics_token": Setting(),
    "odoo_statsd_host": Setting(),
    "odoo_statsd_port": Setting(8125, _rule(lambda value: as_port(value) is not None, PORT)),
    "odoo_direct_download_bytes": Setting(
        stateless.DIRECT_DOWNLOAD_BYTES, _size("give a number of bytes, or a size such as 1m, or 0 for never")
    ),
    "odoo_env": Setting(
        {},
        _rule(
            lambda value: isinstance(value, dict) and all(_VARIABLE.match(str(name)) for name in value),
            "give a dictionary of environment variables such as {LC_ALL: C.UTF-8}",
        ),
    ),
}


# Variables that may differ between replicas of an instance; replicas in several groups need them.
REPLICAS_OWN = ("odoo_instance",)
# Variables that a person gives with `-e` for one run, which the definitions kept on a machine must
# not remember.
ONE_RUN = ("odoo_update", "odoo_migration_mode", "odoo_migration_allow_serie")
# Variables whose value is never shown, and what is shown instead.
HIDDEN = "********"
SECRETS = frozenset(variable for about in described(Instance) if about.secret for variable in about.variables)


def read(variables: t.Mapping[str, t.Any], names: t.Iterable[str] = tuple(SETTINGS)) -> dict[str, t.Any]:
    """The settings `names` from the variables of a replica, with defaults for those not set or
    empty.
    """
    found = {}
    for name in names:
        value = variables.get(name)
        found[name] = SETTINGS[name].default if value is None or value == "" else value
    return found


def problems(values: t.Mapping[str, t.Any]) -> list[tuple[str, t.Any, str]]:
    """(variable, value, what would be right) for each setting that breaks its own rule.

    `values`: as `read` returns them.
    """
    found = []
    for name, setting in SETTINGS.items():
        value = values[name]
        right = setting.rule(value) if setting.rule and value is not None else ""
        if right:
            found.append((name, value, right))
    return found
