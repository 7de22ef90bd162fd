# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Settings: what the environment and odoo.conf say, typed and checked before anything is touched.

Each secret X is also read from the file named by X_FILE, and the file wins. Where the database is stands in odoo.conf
already, so an address missing in the environment comes from there, and two different answers are an error.
"""

from __future__ import annotations

import configparser
import dataclasses
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import ConfigError

# onesteinbv/odoo-docker's modes (Restore comes with backups); docs/runtime.md says what each does.
MODES = (
    "Init",
    "InstallOnly",
    "InstallAndRun",
    "UpdateOnly",
    "UpdateAndRun",
    "RunOnly",
    "ForceRunOnly",
    "ForceUpdateOnly",
    "ForceUpdateAndRun",
    "ForceReadyState",
)
INSTALL_MODES = ("Init", "InstallOnly", "InstallAndRun")
UPDATE_MODES = ("UpdateOnly", "UpdateAndRun", "ForceUpdateOnly", "ForceUpdateAndRun")
FORCE_MODES = ("ForceRunOnly", "ForceUpdateOnly", "ForceUpdateAndRun", "ForceReadyState")
SERVING_MODES = ("InstallAndRun", "UpdateAndRun", "RunOnly", "ForceRunOnly", "ForceUpdateAndRun")
# They end with exit code 74 when a live run holds the lock, instead of waiting for it; WAIT changes that.
IMPATIENT_MODES = ("UpdateOnly", *FORCE_MODES)
VERSIONS = (14, 15, 16, 17, 18, 19)
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

# What only the runtime reads: not passed on to Odoo (Odoo 19 takes options from the environment, and fewer is safer).
OWN_VARIABLES = (
    "MODE",
    "DB_HOST",
    "DB_PORT",
    "DB_NAME",
    "DB_USER",
    "DB_PASSWORD",
    "DB_PASSWORD_FILE",
    "DB_SSLMODE",
    "DB_SSLROOTCERT",
    "DB_MAINTENANCE",
    "DB_WAIT_TIMEOUT",
    "DB_CLIENT_USER",
    "DB_CLIENT_PASSWORD",
    "DB_CLIENT_PASSWORD_FILE",
    "DB_ADMIN_USER",
    "DB_ADMIN_PASSWORD",
    "DB_ADMIN_PASSWORD_FILE",
    "DB_SPACE_DIR",
    "RESTORE_POINT",
    "RESTORE_DIR",
    "RESTORE_POINTS_KEEP",
    "ON_FAILURE",
    "PG_BIN",
    "REHEARSAL_COPY",
    "REHEARSAL_DIR",
    "REHEARSAL_NETWORK",
    "TIMEOUT",
    "HOLDER_TIMEOUT",
    "RESET_POLICY",
    "WAIT",
    "WAITING_PAGE",
    "GO_AHEAD_TIMEOUT",
    "MODULES",
    "SERVER_WIDE_MODULES",
    "UPDATE",
    "INSTALL_MISSING",
    "LIST_DB",
    "NO_DEMO",
    "MIGRATION_FILE",
    "MIGRATION_MODE",
    "MIGRATION_ALLOW_SERIE",
    "MIGRATION_FORCE_VERSION",
    "MIGRATION_NEXT",
    "STEPS",
    "SONG_PATH",
    "EVENTS_FILE",
    "HOOKS",
    "HOOKS_DIR",
    "SCRIPTS_DIR",
    "REBUILD_UNFINISHED",
    "REASON",
    "ACTOR",
    "ADMIN_LOGIN",
    "ADMIN_PASSWORD",
    "ADMIN_PASSWORD_FILE",
    "BASE_URL",
    "LANGUAGE",
    "ODOO_BIN",
    "STATIC_DIR",
    "HEALTH_PATH",
    "PYTHONPATH",
)

_DATABASE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_MODULE = re.compile(r"[a-z][a-z0-9_]*", re.IGNORECASE)
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,3})?(@[a-z]+)?")


def wrong(name: str, value: object, right: str) -> ConfigError:
    return ConfigError(f"{name} is {value!r}: {right}")


def read_secret(env: Mapping[str, str], name: str) -> str | None:
    """The secret called `name`: from the file named by NAME_FILE, else from NAME, else None."""
    path = env.get(f"{name}_FILE") or ""
    if path:
        try:
            with open(path, encoding="utf-8") as handle:
                value = handle.read()
        except OSError as exc:
            raise wrong(
                f"{name}_FILE", path, f"cannot be read ({exc.strerror}); give a file that uid {os.getuid()} reads"
            ) from exc
        except UnicodeDecodeError as exc:
            raise wrong(f"{name}_FILE", path, "is not UTF-8 text") from exc
        if value.endswith("\n"):
            value = value[:-1]
        if value.endswith("\r"):
            value = value[:-1]
        if not value:
            raise wrong(f"{name}_FILE", path, "is empty; it must hold the secret")
    else:
        value = env.get(name) or ""
        if not value:
            return None
    if any(c in value for c in "\n\r\0"):
        raise ConfigError(f"{name} holds a line break or a NUL; a secret must be one line")
    return value


def read_odoo_conf(path: str) -> dict[str, str]:
    """The [options] of odoo.conf, without those that say nothing (False, None, empty)."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        with open(path, encoding="utf-8") as handle:
            parser.read_file(handle)
    except OSError as exc:
        raise wrong("ODOO_RC", path, f"cannot be read ({exc.strerror}); mount Odoo's configuration file there") from exc
    except (configparser.Error, UnicodeDecodeError) as exc:
        raise wrong("ODOO_RC", path, f"is not a configuration file: {' '.join(str(exc).split())}") from exc
    if not parser.has_section("options"):
        return {}
    return {key: value.strip() for key, value in parser.items("options") if value.strip() not in ("", "False", "None")}


def _number(env: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    text = env.get(name) or ""
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise wrong(name, text, f"must be a number from {low:g} to {high:g}")
    return value


def _choice(env: Mapping[str, str], name: str, default: str, choices: tuple[str, ...]) -> str:
    value = env.get(name) or default
    if value not in choices:
        raise wrong(name, value, f"must be one of {', '.join(choices)}")
    return value


def _switch(env: Mapping[str, str], name: str, default: bool) -> bool:
    """True and False as the original writes them; 1/0, yes/no are understood too."""
    text = (env.get(name) or "").strip().lower()
    if not text:
        return default
    if text not in ("true", "false", "1", "0", "yes", "no"):
        raise wrong(name, env[name], "must be True or False")
    return text in ("true", "1", "yes")


def names_list(variable: str, text: str) -> tuple[str, ...]:
    """Module names, comma or space separated, each once."""
    names: list[str] = []
    for name in re.split(r"[,\s]+", text.strip()):
        if not name:
            continue
        if not _MODULE.fullmatch(name):
            raise wrong(variable, text, f"{name!r} is not a module name; give names separated by commas")
        if name not in names:
            names.append(name)
    return tuple(names)


def module_list(text: str) -> tuple[str, ...]:
    """The modules to install: comma or space separated, `base` always first, each once."""
    return tuple(dict.fromkeys(("base", *names_list("MODULES", text))))


@dataclass(frozen=True)
class Settings:
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
    update: tuple[str, ...] = ("changed",)  # changed, all, none, or the names of modules
    install_missing: bool = False
    list_db: bool = False
    demo: bool = False
    holder_timeout: float = 600  # seconds, 0: never
    reset_policy: str = "safe"
    wait: bool = True
    waiting_page: bool = False  # also in modes that end
    go_ahead_timeout: float = 0  # seconds to wait, with the lock and before the first change, for go_ahead.py's signal
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
    steps: str = ""  # JSON: steps to be done besides, each time anew
    song_path: str = ""  # a folder in which songs are looked for last
    odoo_data_path: str = ""  # where the relative paths of CSV files begin
    events_file: str = ""
    # Who makes role and database; empty: nobody but DB_USER itself
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

    @property
    def serving(self) -> bool:
        return self.mode in SERVING_MODES

    @property
    def installing(self) -> bool:
        return self.mode in INSTALL_MODES

    @property
    def updating(self) -> bool:
        return self.mode in UPDATE_MODES

    @property
    def forcing(self) -> bool:
        return self.mode in FORCE_MODES

    @property
    def user_variable(self) -> str:
        """Which variable names db_user."""
        return "DB_CLIENT_USER" if self.db_admin and self.db_user != self.db_admin else "DB_USER"

    def as_admin(self) -> Settings:
        """The same, for connections of the role that makes roles and databases."""
        if not self.db_admin:
            return self
        return dataclasses.replace(self, db_user=self.db_admin, db_password=self.db_admin_password)

    def as_keeper(self) -> Settings:
        """The same, for connections of the keeper, the role that copies and renames databases."""
        if not self.keeper:
            return self
        return dataclasses.replace(self, db_user=self.keeper, db_password=self.keeper_password)

    def odoo_args(self) -> list[str]:
        """What Odoo has to be told because its configuration file does not: never a secret."""
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
        return args


def load(env: Mapping[str, str]) -> Settings:
    mode = _choice(env, "MODE", "InstallAndRun", MODES)
    odoo_rc = env.get("ODOO_RC") or "/etc/odoo/odoo.conf"
    conf = read_odoo_conf(odoo_rc)

    def either(variable: str, option: str, default: str) -> str:
        """The environment's value, else odoo.conf's; it is an error when they differ."""
        value, stated = env.get(variable) or "", conf.get(option, "")
        if value and stated and value != stated:
            raise wrong(variable, value, f"but {option} in {odoo_rc} is {stated!r}; both must name the same")
        return value or stated or default

    text = env.get("ODOO_VERSION") or ""
    try:
        version = int(text.split(".", 1)[0])
    except ValueError:
        version = 0
    if version not in VERSIONS:
        raise wrong("ODOO_VERSION", text, f"must be one of {', '.join(map(str, VERSIONS))}; the image sets it")

    if "db_password" in conf:
        raise wrong("db_password in " + odoo_rc, "********", "must not be there; give DB_PASSWORD_FILE")
    list_db = _switch(env, "LIST_DB", False)
    if list_db and mode not in ("RunOnly", "Init"):
        raise wrong("LIST_DB", env["LIST_DB"], f"is possible with MODE=RunOnly only, and MODE is {mode}")
    if list_db and conf.get("list_db", "True").lower() not in ("true", "1"):
        raise wrong("LIST_DB", env["LIST_DB"], f"but {odoo_rc} says list_db = {conf['list_db']}; both must agree")
    db_name = either("DB_NAME", "db_name", "")
    if list_db:
        db_name = "" if db_name in ("False", ".*") else db_name
    elif not _DATABASE.fullmatch(db_name) or db_name in ("postgres", "template0", "template1"):
        raise wrong("DB_NAME", db_name, "must name the instance's own database (letters, digits, '_', '-', '.')")
    db_password, db_admin, db_admin_password = read_secret(env, "DB_PASSWORD"), "", None
    if env.get("DB_CLIENT_USER") or mode == "Init":
        # DB_USER makes the instance's own role and database and does nothing else.
        if mode not in INSTALL_MODES:
            raise wrong("DB_CLIENT_USER", env["DB_CLIENT_USER"], f"is for {', '.join(INSTALL_MODES)}; MODE is {mode}")
        db_admin, db_admin_password = env.get("DB_USER") or "", db_password
        if not db_admin:
            raise wrong(
                "DB_USER", db_admin, "must name a role that may create roles and databases (DB_CLIENT_USER is set)"
            )
        db_user = either("DB_CLIENT_USER", "db_user", db_name)
        db_password = read_secret(env, "DB_CLIENT_PASSWORD")
        if db_user == db_admin:
            raise wrong("DB_CLIENT_USER", db_user, "must be another role than DB_USER, the instance's own")
        if db_password is None and not list_db:
            raise ConfigError(
                "DB_CLIENT_PASSWORD_FILE is not set: it must name the file with the password of DB_CLIENT_USER"
            )
    else:
        db_user = either("DB_USER", "db_user", "")
        if not db_user:
            raise wrong("DB_USER", db_user, "must name the database role of the instance")
    port = either("DB_PORT", "db_port", "5432")
    if not (port.isdigit() and 0 < int(port) < 65536):
        raise wrong("DB_PORT", port, "must be a port number from 1 to 65535")
    sslmode = either("DB_SSLMODE", "db_sslmode", "prefer")
    if sslmode not in SSL_MODES:
        raise wrong("DB_SSLMODE", sslmode, f"must be one of {', '.join(SSL_MODES)}")
    sslrootcert = env.get("DB_SSLROOTCERT") or ""
    if sslrootcert and not os.access(sslrootcert, os.R_OK):
        raise wrong("DB_SSLROOTCERT", sslrootcert, f"must be a file that uid {os.getuid()} can read")
    db_host = either("DB_HOST", "db_host", "/var/run/postgresql")
    if sslmode in ("verify-ca", "verify-full") and not sslrootcert and not db_host.startswith("/"):
        raise wrong("DB_SSLROOTCERT", "", f"must name the CA's certificate when DB_SSLMODE is {sslmode}")

    http_port = env.get("HTTP_PORT") or conf.get("http_port") or "8069"
    if not (http_port.isdigit() and 0 < int(http_port) < 65536):
        raise wrong("HTTP_PORT", http_port, "must be a port number from 1 to 65535")
    base_url = (env.get("BASE_URL") or "").rstrip("/")
    if base_url and not re.fullmatch(r"https?://[^\s/?#]+", base_url):
        raise wrong("BASE_URL", base_url, "must look like https://shop.example.com, without a path")
    language = env.get("LANGUAGE") or ""
    if language and not _LANGUAGE.fullmatch(language):
        raise wrong("LANGUAGE", language, "must be a language of Odoo, like nl_NL")
    instance = env.get("INSTANCE") or db_name or "odoo"
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", instance):
        raise wrong("INSTANCE", instance, "must consist of letters, digits, '_', '-', '.'")
    static_dir = env.get("STATIC_DIR") or ""
    if static_dir and not static_dir.startswith("/"):
        raise wrong("STATIC_DIR", static_dir, "must be an absolute path")
    admin_login = env.get("ADMIN_LOGIN") or "admin"
    admin_password = read_secret(env, "ADMIN_PASSWORD")
    if admin_password == "admin":
        raise ConfigError(
            "ADMIN_PASSWORD is 'admin': that is Odoo's default, which everybody knows; give another password"
        )

    server_wide = names_list("SERVER_WIDE_MODULES", either("SERVER_WIDE_MODULES", "server_wide_modules", ""))
    update_text = (env.get("UPDATE") or "changed").strip()
    update = names_list("UPDATE", update_text)
    if len(update) > 1 and {"changed", "all", "none"} & set(update):
        raise wrong("UPDATE", update_text, "must be changed, all or none, or names of modules")
    for name in (
        "HOOKS_DIR",
        "SCRIPTS_DIR",
        "MIGRATION_FILE",
        "EVENTS_FILE",
        "RESTORE_DIR",
        "DB_SPACE_DIR",
        "PG_BIN",
        "REHEARSAL_DIR",
    ):
        if env.get(name) and not env[name].startswith("/"):
            raise wrong(name, env[name], "must be an absolute path")
    for name in ("STEPS", "MIGRATION_FORCE_VERSION"):
        # A container that serves would do it again at every start.
        if (env.get(name) or "").strip() and mode in UPDATE_MODES and mode in SERVING_MODES:
            raise wrong(name, env[name][:60], f"is for UpdateOnly and ForceUpdateOnly; MODE is {mode}")
    if (env.get("GO_AHEAD_TIMEOUT") or "0") != "0" and mode in SERVING_MODES:
        raise wrong("GO_AHEAD_TIMEOUT", env["GO_AHEAD_TIMEOUT"], f"is for modes that end; MODE is {mode}")
    if mode in FORCE_MODES and any(c in (env.get("REASON") or "") for c in "\r\n\0"):
        raise wrong("REASON", env["REASON"], "must be one line")

    return Settings(
        mode=mode,
        db_host=db_host,
        db_port=int(port),
        db_name=db_name,
        db_user=db_user,
        db_password=db_password,
        db_sslmode=sslmode,
        db_sslrootcert=sslrootcert,
        db_maintenance=env.get("DB_MAINTENANCE") or "postgres",
        db_wait_timeout=_number(env, "DB_WAIT_TIMEOUT", 120, 0, 86400),
        timeout=_number(env, "TIMEOUT", 30, 0.01, 10080) * 60,
        modules=tuple(dict.fromkeys((*module_list(env.get("MODULES") or "base"), *server_wide))),
        version=version,
        odoo_rc=odoo_rc,
        odoo_bin=env.get("ODOO_BIN") or "",
        admin_login=admin_login,
        admin_password=admin_password,
        base_url=base_url,
        language=language,
        release=env.get("RELEASE") or "",
        static_dir=static_dir.rstrip("/"),
        instance=instance,
        replica=env.get("REPLICA") or "",
        data_dir=either("DATA_DIR", "data_dir", "/var/lib/odoo"),
        http_port=int(http_port),
        host=env.get("REPLICA") or socket.gethostname(),
        conf=conf,
        server_wide_modules=server_wide,
        update=update,
        install_missing=_switch(env, "INSTALL_MISSING", False),
        list_db=list_db,
        demo=not _switch(env, "NO_DEMO", True),
        holder_timeout=_number(env, "HOLDER_TIMEOUT", 600, 0, 604800),
        reset_policy=_choice(env, "RESET_POLICY", "safe", ("safe", "seed")),
        wait=_switch(env, "WAIT", mode not in IMPATIENT_MODES),
        waiting_page=_switch(env, "WAITING_PAGE", False),
        go_ahead_timeout=_number(env, "GO_AHEAD_TIMEOUT", 0, 0, 86400),
        hooks=_choice(env, "HOOKS", "changed", ("changed", "always")),
        hooks_dir=(env.get("HOOKS_DIR") or "/opt/odoo-cloud/hooks").rstrip("/"),
        scripts_dir=(env.get("SCRIPTS_DIR") or "/odoo/scripts").rstrip("/"),
        rebuild_unfinished=_switch(env, "REBUILD_UNFINISHED", False),
        reason=(env.get("REASON") or "").strip(),
        actor=(env.get("ACTOR") or "odoo-cloud").strip()[:200],
        migration_file=(env.get("MIGRATION_FILE") or "").rstrip("/"),
        migration_mode=(env.get("MIGRATION_MODE") or "").strip(),
        migration_allow_serie=_switch(env, "MIGRATION_ALLOW_SERIE", False),
        migration_force_version=(env.get("MIGRATION_FORCE_VERSION") or "").strip(),
        migration_next=(env.get("MIGRATION_NEXT") or "").strip(),
        steps=(env.get("STEPS") or "").strip(),
        song_path=(env.get("SONG_PATH") or "").rstrip("/"),
        odoo_data_path=(env.get("ODOO_DATA_PATH") or "").rstrip("/"),
        events_file=env.get("EVENTS_FILE") or "",
        db_admin=db_admin,
        db_admin_password=db_admin_password,
        restore_point=_choice(env, "RESTORE_POINT", "none", ("none", "auto", "clone", "dump")),
        on_failure=_on_failure(env),
        restore_dir=(env.get("RESTORE_DIR") or "").rstrip("/"),
        restore_points_keep=int(_number(env, "RESTORE_POINTS_KEEP", 2, 0, 1000)),
        keeper=env.get("DB_ADMIN_USER") or "",
        keeper_password=read_secret(env, "DB_ADMIN_PASSWORD"),
        db_space_dir=env.get("DB_SPACE_DIR") or "",
        pg_bin=env.get("PG_BIN") or "",
        rehearsal_copy=_choice(env, "REHEARSAL_COPY", "auto", ("auto", "template", "dump")),
        rehearsal_dir=(env.get("REHEARSAL_DIR") or "").rstrip("/"),
        rehearsal_network=_switch(env, "REHEARSAL_NETWORK", False),
    )


def _on_failure(env: Mapping[str, str]) -> str:
    value = _choice(env, "ON_FAILURE", "hold", ("hold", "rollback"))
    if value == "rollback" and (env.get("RESTORE_POINT") or "none") == "none":
        raise wrong("ON_FAILURE", value, "needs a restore point; give RESTORE_POINT=auto, clone or dump")
    return value
