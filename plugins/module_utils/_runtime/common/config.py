# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Settings: the environment and odoo.conf, typed and checked before anything is changed.

Each variable on its own is read by the table in container_variables.py; the rules here involve
several variables, or inspect the machine. The address of the database may be in odoo.conf only, so
what the environment doesn't set is taken from there; two different values are an error.
"""

from __future__ import annotations

import dataclasses
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import container_variables, image_facts, values
from .container_variables import VARIABLES
from .errors import ConfigError
from .odoo_conf import read_odoo_conf
from .odoo_facts import VERSIONS

MODES = container_variables.MODES
INSTALL_MODES = ("Init", "InstallOnly", "InstallAndRun")
UPDATE_MODES = ("UpdateOnly", "UpdateAndRun", "ForceUpdateOnly", "ForceUpdateAndRun")
FORCE_MODES = ("ForceRunOnly", "ForceUpdateOnly", "ForceUpdateAndRun", "ForceReadyState")
SERVING_MODES = ("InstallAndRun", "UpdateAndRun", "RunOnly", "ForceRunOnly", "ForceUpdateAndRun")
# These modes end with exit code 74 when a live run holds the lock, instead of waiting for it;
# `WAIT` overrides that.
IMPATIENT_MODES = ("UpdateOnly", *FORCE_MODES)

# Variables that only the runtime reads. They are not passed on to Odoo: Odoo 19 takes options from
# the environment, so the fewer the safer.
OWN_VARIABLES = tuple(name for one in VARIABLES.values() if one.own for name in one.names)

_DATABASE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")


def wrong(name: str, value: object, right: str) -> ConfigError:
    """Return the error about a variable and its value. Never use it for a secret, because the
    message contains the value."""
    return ConfigError(str(values.wrong(name, value, right)))


@dataclass(frozen=True)
class Settings:
    """What this container has to do, and where. Durations are in seconds."""

    mode: str
    db_host: str
    db_port: int
    db_name: str
    db_user: str
    db_password: str | None = field(repr=False)
    db_sslmode: str
    db_sslrootcert: str
    db_maintenance: str
    db_wait_timeout: float
    timeout: float  # seconds; the variable TIMEOUT is in minutes
    modules: tuple[str, ...]  # MODULES and SERVER_WIDE_MODULES, base first
    version: int
    odoo_rc: str
    odoo_bin: str
    admin_login: str
    admin_password: str | None = field(repr=False)
    base_url: str
    language: str
    release: str
    static_dir: str
    instance: str
    replica: str
    data_dir: str
    http_port: int
    host: str
    conf: Mapping[str, str] = field(repr=False)
    server_wide_modules: tuple[str, ...] = ()  # empty: Odoo's own default
    image_addons: tuple[str, ...] = ()  # folders that the image brings; `conf` has them in addons_path too
    update: tuple[str, ...] = ("changed",)  # changed, all, none, or the names of modules
    install_missing: bool = False
    list_db: bool = False
    demo: bool = False
    holder_timeout: float = 600  # seconds, 0: never
    reset_policy: str = "safe"
    wait: bool = True
    waiting_page: bool = False  # also in modes that end
    # seconds to wait, holding the lock and before the first change, for the signal of go_ahead.py
    go_ahead_timeout: float = 0
    hooks: str = "changed"
    hooks_dir: str = "/opt/odoo-cloud/hooks"
    scripts_dir: str = "/odoo/scripts"
    rebuild_unfinished: bool = False
    reason: str = ""
    actor: str = "odoo-cloud"
    # Migrations (migration/file.py), for the modes that update
    migration_file: str = ""  # a file, or a folder
    migration_mode: str = ""
    migration_allow_serie: bool = False
    migration_force_version: str = ""
    migration_next: str = ""
    steps: str = ""  # JSON: additional steps, executed in every run
    song_path: str = ""  # a folder that is searched for songs last
    odoo_data_path: str = ""  # base folder of relative paths of CSV files
    events_file: str = ""
    # The role that creates role and database; empty: none but `DB_USER` itself
    db_admin: str = ""
    db_admin_password: str | None = field(default=None, repr=False)
    # Restore points and rehearsals
    restore_point: str = "none"
    on_failure: str = "hold"
    restore_dir: str = ""
    restore_points_keep: int = 2
    keeper: str = ""  # DB_ADMIN_USER: copies and renames databases; empty: DB_USER itself
    keeper_password: str | None = field(default=None, repr=False)
    db_space_dir: str = ""  # a folder on the file system that holds the server's databases
    pg_bin: str = ""
    rehearsal_copy: str = "auto"
    rehearsal_dir: str = ""
    rehearsal_network: bool = False
    # Mail that comes in (database/mail.py)
    mail_catcher: str = ""  # set: nothing is fetched
    mail_domain: str = ""
    mail_catchall: str = "catchall"
    mail_bounce: str = "bounce"
    mail_default_from: str = "notifications"
    incoming_server: str = ""
    incoming_port: int = 993
    incoming_protocol: str = "imap"
    incoming_tls: bool = True
    incoming_user: str = ""
    incoming_password: str | None = field(default=None, repr=False)

    @property
    def serving(self) -> bool:
        """Whether the container becomes Odoo afterwards."""
        return self.mode in SERVING_MODES

    @property
    def installing(self) -> bool:
        """Whether the mode may install a new database."""
        return self.mode in INSTALL_MODES

    @property
    def updating(self) -> bool:
        """Whether the mode updates modules."""
        return self.mode in UPDATE_MODES

    @property
    def forcing(self) -> bool:
        """Whether the mode overrides a blocking state."""
        return self.mode in FORCE_MODES

    @property
    def user_variable(self) -> str:
        """Name of the variable that sets `db_user`, for messages."""
        return "DB_CLIENT_USER" if self.db_admin and self.db_user != self.db_admin else "DB_USER"

    def as_admin(self) -> Settings:
        """Return the settings with the user and password of the role that creates roles and
        databases; unchanged if there is none."""
        if not self.db_admin:
            return self
        return dataclasses.replace(self, db_user=self.db_admin, db_password=self.db_admin_password)

    def as_keeper(self) -> Settings:
        """Return the settings with the user and password of the keeper, the role that copies and
        renames databases; unchanged if there is none."""
        if not self.keeper:
            return self
        return dataclasses.replace(self, db_user=self.keeper, db_password=self.keeper_password)

    def odoo_args(self) -> list[str]:
        """Return the command-line options that Odoo needs because its configuration file lacks
        them. Never contains a secret."""
        args = ["-c", self.odoo_rc]
        wanted = {
            "db_host": ("--db_host", self.db_host),
            "db_port": ("--db_port", str(self.db_port)),
            "db_user": ("--db_user", self.db_user),
            "db_name": ("--database", self.db_name),
            "db_sslmode": ("--db_sslmode", self.db_sslmode),
            "data_dir": ("--data-dir", self.data_dir),
        }
        for key, (option, value) in wanted.items():
            if value and key not in self.conf:
                args.append(f"{option}={value}")
        if self.server_wide_modules and "server_wide_modules" not in self.conf:
            args.append("--load=" + ",".join(self.server_wide_modules))
        return args + self.addons_args()

    def addons_args(self) -> list[str]:
        """Return the command-line option by which Odoo finds the addons of the image; nothing if it
        brings none."""
        return image_facts.addons_path_option(self.conf["addons_path"]) if self.image_addons else []


# Settings whose name differs from their variable's; all others have the variable's name in lower
# case.
_CALLED = {"DB_ADMIN_USER": "keeper", "DB_ADMIN_PASSWORD": "keeper_password"}
# In a container that creates role and database, `DB_USER` is not the `db_user` of odoo.conf: see
# `_roles`.
_FIELDS = frozenset(one.name for one in dataclasses.fields(Settings)) - {"db_user"}


class _Sources:
    """The environment and odoo.conf, read one variable at a time."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.odoo_rc: str = VARIABLES["ODOO_RC"].read(env)
        self.conf = read_odoo_conf(self.odoo_rc)

    def read(self, name: str, otherwise: str = "") -> Any:
        """The variable's value: the environment's, else `otherwise`, else odoo.conf's, else the
        default.

        Raises `ConfigError` if environment and odoo.conf differ, `values.WrongValue` if the value
        can't be read.
        """
        variable = VARIABLES[name]
        stated = self.conf.get(variable.option, "")
        given = variable.given(self.env)
        if stated and given and given != stated:
            right = f"but {variable.option} in {self.odoo_rc} is {stated!r}; both must name the same"
            raise wrong(name, given, right)
        return variable.read(self.env, otherwise or stated)


def load(env: Mapping[str, str]) -> Settings:
    """Return the settings of this container, read from the environment `env` and odoo.conf.

    Raises `ConfigError` with all variables that are wrong by themselves, else with the first rule
    that they break together.
    """
    try:
        sources = _Sources(env)
        own = image_facts.own_addons()
        if own:
            sources.conf = {
                **sources.conf,
                "addons_path": image_facts.joined(sources.conf.get("addons_path", ""), own),
            }
        found: dict[str, Any] = {"conf": sources.conf, "image_addons": own}
        faults: list[str] = []
        for name in VARIABLES:
            setting = _CALLED.get(name, name.lower())
            if setting in _FIELDS:
                try:
                    found[setting] = sources.read(name)
                except (values.WrongValue, ConfigError) as exc:
                    faults.append(str(exc))
        if faults:
            raise ConfigError("; ".join(faults))
        mode = found["mode"]
        found["version"] = _version(env)
        _check_conf(sources, found)
        found["db_name"] = _database(found)
        found.update(_roles(sources, found))
        found.update(
            modules=tuple(dict.fromkeys(("base", *found["modules"], *found["server_wide_modules"]))),
            demo=not sources.read("NO_DEMO"),
            instance=sources.read("INSTANCE", found["db_name"] or "odoo"),
            host=found["replica"] or socket.gethostname(),
            wait=mode not in IMPATIENT_MODES if found["wait"] is None else found["wait"],
            actor=found["actor"][:200],
        )
        settings = Settings(**found)
        _check_certificate(settings)
        _check_mode(settings, env)
    except values.WrongValue as exc:
        raise ConfigError(str(exc)) from exc
    return settings


def _version(env: Mapping[str, str]) -> int:
    text = VARIABLES["ODOO_VERSION"].read(env)
    found = text.split(".", 1)[0].strip()
    if found not in VERSIONS:
        raise wrong("ODOO_VERSION", text, f"must be one of {', '.join(VERSIONS)}; the image sets it")
    return int(found)


def _check_conf(sources: _Sources, found: Mapping[str, Any]) -> None:
    """Check what odoo.conf must not contain, and what it must agree on when Odoo lists databases."""
    env, conf, mode = sources.env, sources.conf, found["mode"]
    if "db_password" in conf:
        raise wrong("db_password in " + sources.odoo_rc, "********", "must not be there; give DB_PASSWORD_FILE")
    if not found["list_db"]:
        return
    if mode not in ("RunOnly", "Init"):
        raise wrong("LIST_DB", env["LIST_DB"], f"is possible with MODE=RunOnly only, and MODE is {mode}")
    if not values.as_boolean(conf.get("list_db", "True")):
        right = f"but {sources.odoo_rc} says list_db = {conf['list_db']}; both must agree"
        raise wrong("LIST_DB", env["LIST_DB"], right)


def _database(found: Mapping[str, Any]) -> str:
    """The name of the instance's database; empty when Odoo lists databases."""
    name: str = found["db_name"]
    if found["list_db"]:
        return "" if name in ("False", ".*") else name
    if not _DATABASE.fullmatch(name) or name in ("postgres", "template0", "template1"):
        raise wrong("DB_NAME", name, "must name the instance's own database (letters, digits, '_', '-', '.')")
    return name


def _roles(sources: _Sources, found: Mapping[str, Any]) -> dict[str, Any]:
    """The role that connects to the database, and the role that creates both if that is another one."""
    env, mode, password = sources.env, found["mode"], found["db_password"]
    if not env.get("DB_CLIENT_USER") and mode != "Init":
        user = sources.read("DB_USER")
        if not user:
            raise wrong("DB_USER", user, "must name the database role of the instance")
        return {"db_user": user, "db_password": password}
    # With `DB_CLIENT_USER`, `DB_USER` only creates the instance's own role and database.
    if mode not in INSTALL_MODES:
        raise wrong("DB_CLIENT_USER", env["DB_CLIENT_USER"], f"is for {', '.join(INSTALL_MODES)}; MODE is {mode}")
    admin = VARIABLES["DB_USER"].read(env)  # not `sources.read()`: odoo.conf names the other role
    if not admin:
        right = "must name a role that may create roles and databases (DB_CLIENT_USER is set)"
        raise wrong("DB_USER", admin, right)
    user = sources.read("DB_CLIENT_USER") or found["db_name"]
    own_password = sources.read("DB_CLIENT_PASSWORD")
    if user == admin:
        raise wrong("DB_CLIENT_USER", user, "must be another role than DB_USER, the instance's own")
    if own_password is None and not found["list_db"]:
        raise ConfigError(
            "DB_CLIENT_PASSWORD_FILE is not set: it must name the file with the password of DB_CLIENT_USER"
        )
    return {"db_user": user, "db_password": own_password, "db_admin": admin, "db_admin_password": password}


def _check_certificate(settings: Settings) -> None:
    path = settings.db_sslrootcert
    if path and not os.access(path, os.R_OK):
        raise wrong("DB_SSLROOTCERT", path, f"must be a file that uid {os.getuid()} can read")
    checked = settings.db_sslmode in ("verify-ca", "verify-full")
    if checked and not path and not settings.db_host.startswith("/"):
        right = f"must name the CA's certificate when DB_SSLMODE is {settings.db_sslmode}"
        raise wrong("DB_SSLROOTCERT", "", right)


def _check_mode(settings: Settings, env: Mapping[str, str]) -> None:
    """Check which variables the mode doesn't allow, and which need another one."""
    mode = settings.mode
    if settings.admin_password == "admin":
        raise ConfigError(
            "ADMIN_PASSWORD is 'admin': that is Odoo's default, which everybody knows; give another password"
        )
    if settings.updating and settings.serving:
        # A serving container would repeat it at every start.
        for name, value in (
            ("STEPS", settings.steps),
            ("MIGRATION_FORCE_VERSION", settings.migration_force_version),
        ):
            if value:
                raise wrong(name, env[name][:60], f"is for UpdateOnly and ForceUpdateOnly; MODE is {mode}")
    if settings.go_ahead_timeout and settings.serving:
        raise wrong("GO_AHEAD_TIMEOUT", env["GO_AHEAD_TIMEOUT"], f"is for modes that end; MODE is {mode}")
    if settings.forcing and any(character in (env.get("REASON") or "") for character in "\r\n\0"):
        raise wrong("REASON", env["REASON"], "must be one line")
    if settings.on_failure == "rollback" and settings.restore_point == "none":
        right = "needs a restore point; give RESTORE_POINT=auto, clone or dump"
        raise wrong("ON_FAILURE", settings.on_failure, right)
